"""The real client on an embedded service over a few small scenes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

COLLECTION = "COPERNICUS/S1_GRD"
DAY_MS = 86_400_000
FIRST_DAY_MS = 1_497_312_000_000
"""2017-06-13T00:00:00Z."""


@dataclass(frozen=True)
class SmallScene:
    """What a test knows of a scene it put into the catalog."""

    index: str
    day: int
    west: float
    direction: str

    @property
    def id(self) -> str:
        return f"{COLLECTION}/{self.index}"

    @property
    def time_start(self) -> int:
        return FIRST_DAY_MS + self.day * DAY_MS


SCENES = (
    SmallScene("A_first", 0, 400_000, "ASCENDING"),
    SmallScene("B_second", 1, 401_000, "DESCENDING"),
    SmallScene("C_third", 5, 480_000, "ASCENDING"),
)
SIDE_PX = 64


def pixels(scene: SmallScene, band: str) -> np.ndarray:
    rows, cols = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    return np.float32(-10 - scene.day - (band == "VH") * 7 + rows / 100 + cols / 1000)


@pytest.fixture(scope="session")
def small_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of :data:`SCENES`: 64 × 64 pixels of 100 m in EPSG:32633, bands VV and VH."""
    from gee_s1ben.engine.catalog import Catalog

    folder = tmp_path_factory.mktemp("small")
    catalog = Catalog.create(folder / "catalog")
    for scene in SCENES:
        raster = folder / f"{scene.index}.tif"
        profile: dict[str, Any] = {
            "driver": "GTiff",
            "width": SIDE_PX,
            "height": SIDE_PX,
            "count": 2,
            "dtype": "float32",
            "crs": "EPSG:32633",
            "transform": from_origin(scene.west, 5_500_000, 100, 100),
        }
        with rasterio.open(raster, "w", **profile) as file:
            for number, band in enumerate(("VV", "VH"), start=1):
                file.write(pixels(scene, band), number)
                file.set_band_description(number, band)
        properties = {
            "system:index": scene.index,
            "system:time_start": scene.time_start,
            "orbitProperties_pass": scene.direction,
            "relativeOrbitNumber_start": 100 + scene.day,
            "transmitterReceiverPolarisation": ["VV", "VH"],
            "instrumentMode": "IW",
            "platform_number": "A",
            "orbitNumber_start": 17000 + scene.day,
        }
        catalog.add(scene.id, properties, [raster], band_names=["VV", "VH"])
    return folder / "catalog"


@pytest.fixture(scope="module")
def service_url(small_catalog: Path) -> Iterator[str]:
    from gee_s1ben.engine.service import serving

    with serving(small_catalog) as url:
        yield url


@pytest.fixture(scope="module")
def client(service_url: str) -> Iterator[Any]:
    """The unmodified client, connected."""
    import ee

    from gee_s1ben.session.connection import connected

    with connected(service_url, "embedded"):
        yield ee
