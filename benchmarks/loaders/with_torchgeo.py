"""Read a dataset with torchgeo's ``BigEarthNet`` (layout v1) or ``BigEarthNetV2`` (layout v2), unmodified.

Run it where torchgeo is installed; this package is not needed there::

    python benchmarks/loaders/with_torchgeo.py out/BigEarthNet

torchgeo asks for folders beside the Sentinel-1 patches. A user has them from BigEarthNet; here stand-ins are made in a
temporary folder: ``BigEarthNet-S2`` or ``BigEarthNet-v1.0`` with constant bands, ``Reference_Maps`` with one class. The
patches and the tables are the dataset's own, reached through links. Every item is read and compared with the files.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import torchgeo
from torchgeo.datasets import BigEarthNet, BigEarthNetV2

S2_BANDS = {
    "B01": 20, "B02": 120, "B03": 120, "B04": 120, "B05": 60, "B06": 60, "B07": 60, "B08": 120, "B8A": 60, "B09": 20,
    "B11": 60, "B12": 60,
}  # fmt: skip
CONIFEROUS = 312


def write(path: Path, value: int, px: int) -> None:
    """Write a stand-in: one value everywhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.full((px, px), value, np.uint16)
    transform = rasterio.Affine(1200 / px, 0, 300000, 0, -1200 / px, 5300040)
    profile = {"driver": "GTiff", "width": px, "height": px, "count": 1, "dtype": "uint16", "crs": "EPSG:32633"}
    with rasterio.open(path, "w", transform=transform, **profile) as file:
        file.write(array, 1)


def link(root: Path, dataset: Path, names: list[str]) -> None:
    """Reach the dataset's own folders and tables from the place that torchgeo reads."""
    for name in names:
        (root / name).symlink_to((dataset / name).resolve())


def check(image: np.ndarray, folder: Path) -> None:
    """Compare what the loader gave with the files, VH before VV; it reads decibels as whole numbers."""
    for band, name in zip(image, ("VH", "VV"), strict=True):
        with rasterio.open(folder / f"{folder.name}_{name}.tif") as file:
            expected = file.read(1)
        assert band.shape == expected.shape, (folder.name, band.shape)
        assert np.abs(band - expected).max() <= 1, folder.name  # truncated or rounded, by torchgeo's choice


def v1(root: Path, dataset: Path) -> int:
    """Read every split of layout v1, Sentinel-1 alone and with Sentinel-2."""
    lists = [f"bigearthnet-{split}.csv" for split in ("train", "val", "test")]
    link(root, dataset, ["BigEarthNet-S1-v1.0", *lists])
    (root / "BigEarthNet-v1.0").mkdir()
    count = 0
    for split, name in zip(("train", "val", "test"), lists, strict=True):
        pairs = list(csv.reader((root / name).open()))
        for s2_name, _ in pairs:
            for band, px in S2_BANDS.items():
                write(root / "BigEarthNet-v1.0" / s2_name / f"{s2_name}_{band}.tif", 1000, px)
        for bands in ("s1", "all"):
            loader = BigEarthNet(str(root), split=split, bands=bands)
            assert len(loader) == len(pairs)
            for index, (_, s1_name) in enumerate(pairs):
                item = loader[index]
                check(item["image"][:2].numpy(), root / "BigEarthNet-S1-v1.0" / s1_name)
                assert item["image"].shape[0] == (2 if bands == "s1" else 14)
                assert item["label"].shape == (19,)
                count += 1
    return count


def v2(root: Path, dataset: Path) -> int:
    """Read every split of layout v2, Sentinel-1 alone and with Sentinel-2."""
    link(root, dataset, ["BigEarthNet-S1", "metadata.parquet"])
    table = pd.read_parquet(root / "metadata.parquet")
    for patch_id in table.patch_id:
        product = "_".join(patch_id.split("_")[:-2])
        write(root / "Reference_Maps" / product / patch_id / f"{patch_id}_reference_map.tif", CONIFEROUS, 120)
        for band, px in S2_BANDS.items():
            write(root / "BigEarthNet-S2" / product / patch_id / f"{patch_id}_{band}.tif", 1000, px)
    count = 0
    for split, name in (("train", "train"), ("val", "validation"), ("test", "test")):
        rows = table[table.split == name]
        for bands in ("s1", "all"):
            loader = BigEarthNetV2(str(root), split=split, bands=bands)
            assert len(loader) == len(rows)
            for index, row in enumerate(rows.itertuples()):
                item = loader[index]
                image = item["image" if bands == "s1" else "image_s1"].numpy()
                scene = "_".join(row.s1_name.split("_")[:-3])
                check(image, root / "BigEarthNet-S1" / scene / row.s1_name)
                assert int(item["label"].sum()) == len(row.labels)
                count += 1
    return count


def main() -> None:
    """Read everything and say how much it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a dataset of layout v1 or v2, with its tables")
    dataset = parser.parse_args().dataset
    with tempfile.TemporaryDirectory() as folder:
        is_v1 = (dataset / "BigEarthNet-S1-v1.0").is_dir()
        count = (v1 if is_v1 else v2)(Path(folder), dataset)
    print(f"torchgeo {torchgeo.__version__}, {'BigEarthNet' if is_v1 else 'BigEarthNetV2'}: {count} items right")


if __name__ == "__main__":
    main()
