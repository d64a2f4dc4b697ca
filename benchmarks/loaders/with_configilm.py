"""Read an LMDB pack with ConfigILM's ``BENv2DataSet``, unmodified.

ConfigILM asks for numpy below 2; in an environment of its own::

    pip install configilm
    gee-s1ben pack out/BigEarthNet --format lmdb --out Encoded-BigEarthNet
    python benchmarks/loaders/with_configilm.py out/BigEarthNet Encoded-BigEarthNet

The table of patches with snow or clouds, which ConfigILM asks for beside the others, is an empty one made here. Every
item of every split is read and compared with the files.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from configilm.extra.DataSets.BENv2_DataSet import BENv2DataSet


def main() -> None:
    """Read everything and say how much it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a dataset of layout v2, with its metadata.parquet")
    parser.add_argument("pack", type=Path, help="its LMDB")
    arguments = parser.parse_args()
    table = pd.read_parquet(arguments.dataset / "metadata.parquet").set_index("patch_id")
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "metadata_for_patches_with_snow_cloud_or_shadow.parquet"
        table.reset_index().head(0).to_parquet(empty)
        places = {
            "images_lmdb": arguments.pack,
            "metadata_parquet": arguments.dataset / "metadata.parquet",
            "metadata_snow_cloud_parquet": empty,
        }
        for split in ("train", "validation", "test"):
            loader = BENv2DataSet(places, img_size=(2, 120, 120), split=split, return_extras=True)
            assert len(loader) == int((table.split == split).sum())
            for image, labels, name in loader:
                row = table.loc[name]
                patch = arguments.dataset / "BigEarthNet-S1" / "_".join(row.s1_name.split("_")[:-3]) / row.s1_name
                for band, polarisation in zip(image.numpy(), loader.channel_order, strict=True):
                    with rasterio.open(patch / f"{row.s1_name}_{polarisation}.tif") as file:
                        assert np.array_equal(band, file.read(1)), name
                assert int(labels.sum()) == len(row.labels)
                count += 1
    print(f"ConfigILM: {count} items right, bands {loader.channel_order}")


if __name__ == "__main__":
    main()
