"""Read a dataset with GDAL (as rasterio has it) and with tifffile, and try rico-hdl's rules on its folders.

::

    pip install rasterio tifffile
    python benchmarks/loaders/with_gdal.py out/BigEarthNet

QGIS reads rasters through GDAL's provider, so what GDAL reads, QGIS shows. rico-hdl is no Python package on an index;
its rules are taken from its documentation: folders named ``S1[AB]_IW_GRDH_.*_<number>_<number>``, at any depth, with
``_VV.tif`` and ``_VH.tif`` in them, and no name twice.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import rasterio
import tifffile

FOLDER = re.compile(r"S1[AB]_IW_GRDH_.*_\d+_\d+$")


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
    folders = [folder for folder in dataset.rglob("*") if folder.is_dir() and FOLDER.search(folder.name)]
    assert len({folder.name for folder in folders}) == len(folders)
    assert all((folder / f"{folder.name}_{band}.tif").is_file() for folder in folders for band in ("VV", "VH"))
    assert 2 * len(folders) == len(rasters), "S1C and S1D, and images of one's own, are passed over by rico-hdl"
    print(f"rico-hdl's rules: {len(folders)} patches found")


if __name__ == "__main__":
    main()
