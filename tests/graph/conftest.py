"""Scenes for graphs: rasters put into a catalog, and asked for through the real client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.unit import known_unit
from gee_s1ben.engine.catalog import Catalog

ACQUIRED = datetime(2017, 6, 13, 16, 50, 43, tzinfo=UTC)


@dataclass(frozen=True)
class Scenes:
    """A catalog that is being served."""

    folder: Path
    catalog: Catalog

    def add(
        self,
        index: str,
        grid: Grid,
        angle: tuple[Grid, np.ndarray] | None = None,
        collection: str = "COPERNICUS/S1_GRD",
        **bands: np.ndarray,
    ) -> Scene:
        """Add a scene of bands in the unit of its collection (NaN is masked)."""
        rasters = [self._raster(index, name, grid, values) for name, values in bands.items()]
        if angle is not None:
            rasters.append(self._raster(index, "angle", *angle))
        names = (*bands, *(["angle"] if angle is not None else []))
        record = self.catalog.add(
            f"{collection}/{index}",
            {
                "system:time_start": int(ACQUIRED.timestamp() * 1000),
                "instrumentMode": "IW",
                "orbitProperties_pass": "DESCENDING",
                "platform_number": "A",
                "orbitNumber_start": 17022,
                "relativeOrbitNumber_start": 146,
                "transmitterReceiverPolarisation": list(bands),
            },
            rasters,
            band_names=names,
            nodata="none",  # some tests make scenes of numbers that no real one has
            units=known_unit(collection),
        )
        ring = tuple((float(x), float(y)) for x, y in record.properties["system:footprint"]["coordinates"])
        return Scene(record.id, index, ACQUIRED, "A", 17022, 146, "descending", names, ring)

    def _raster(self, index: str, name: str, grid: Grid, values: np.ndarray) -> Path:
        path = self.folder / f"{index}_{name}.tif"
        with rasterio.open(
            path, "w", driver="GTiff", width=grid.width, height=grid.height, count=1, dtype="float64", crs=grid.crs,
            transform=rasterio.Affine(*grid.transform), nodata=np.nan,
        ) as file:  # fmt: skip
            file.write(values.astype(np.float64), 1)
        return path


@pytest.fixture
def scenes(tmp_path: Path, ee_on: Callable) -> Iterator[Scenes]:
    catalog = Catalog.create(tmp_path / "catalog")
    with ee_on(tmp_path / "catalog"):
        yield Scenes(tmp_path, catalog)
