"""Read a dataset with GDAL (as rasterio has it) and with tifffile.

::

    pip install rasterio tifffile
    python benchmarks/loaders/with_gdal.py out/BigEarthNet
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import rasterio
import tifffile


def main() -> None:
    """Read everything and say how much it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a dataset of layout v1 or v2")
    dataset = parser.parse_args().dataset
    rasters = sorted(dataset.glob("BigEarthNet-S1*/**/*.tif"))
    for path in rasters:
        with rasterio.open(path) as file:
            array = file.read(1)
            assert (file.count, file.dtypes[0], file.nodata) == (1, "float32", None), path
            assert file.tags()["AREA_OR_POINT"] == "Area", path
            assert file.crs.is_projected, path
            corner, spacing = (file.transform.c, file.transform.f), (file.transform.a, -file.transform.e)
        with tifffile.TiffFile(path) as file:
            (page,) = file.pages
            tags = page.geotiff_tags
            assert np.array_equal(page.asarray(), array), path
            assert tuple(tags["ModelTiepoint"][3:5]) == corner, path
            assert tuple(tags["ModelPixelScale"][:2]) == spacing, path
        assert np.isfinite(array).all(), path
    print(f"GDAL {rasterio.__gdal_version__} and tifffile {tifffile.__version__}: {len(rasters)} rasters right")


if __name__ == "__main__":
    main()
