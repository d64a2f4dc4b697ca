"""Open every raster of a dataset in QGIS, as a layer through its own provider, and compare it with the file.

In the Python that QGIS comes with, without a screen::

    apt-get install python3-qgis
    /usr/bin/python3 benchmarks/loaders/with_qgis.py out/BigEarthNet

Pixels are compared with what stands at the end of the file, read by numpy, and places with the GDAL beside QGIS.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from osgeo import gdal
from qgis.core import Qgis, QgsApplication, QgsRasterLayer


def check(path: Path) -> None:
    layer = QgsRasterLayer(str(path), path.stem)
    assert layer.isValid(), f"QGIS does not open {path}"
    provider, extent, width, height = layer.dataProvider(), layer.extent(), layer.width(), layer.height()
    assert (provider.name(), layer.bandCount(), provider.dataType(1)) == ("gdal", 1, Qgis.Float32), path
    assert not provider.sourceHasNoDataValue(1), path
    assert layer.crs().isValid(), path
    west, spacing, _, north, _, _ = gdal.Open(str(path)).GetGeoTransform()
    assert (extent.xMinimum(), extent.yMaximum(), extent.width()) == (west, north, width * spacing), path
    block = provider.block(1, extent, width, height)  # held as long as its bytes, which are its own
    shown = np.frombuffer(bytes(block.data()), np.float32)
    assert np.array_equal(shown, np.frombuffer(path.read_bytes()[-shown.nbytes :], np.float32)), path


def main() -> None:
    """Read everything and say how much it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a dataset of layout v1 or v2")
    rasters = sorted(parser.parse_args().dataset.glob("BigEarthNet-S1*/**/*.tif"))
    application = QgsApplication([], False)
    application.initQgis()
    for path in rasters:
        check(path)
    print(f"QGIS {Qgis.QGIS_VERSION}: {len(rasters)} rasters right")
    application.exitQgis()


if __name__ == "__main__":
    main()
