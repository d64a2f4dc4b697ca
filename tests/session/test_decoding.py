"""A GeoTIFF is taken only if it is exactly what was asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile

from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import RasterError
from gee_s1ben.session.computing import decode_geotiff

GRID = Grid("EPSG:32633", (10.0, 0.0, 300_000.0, 0.0, -10.0, 5_900_040.0), 50, 40)
VALUES = np.random.default_rng(1).normal(-12, 5, (2, 40, 50)).astype(np.float32)


def tiff(
    values: np.ndarray = VALUES, grid: Grid = GRID, names: Sequence[str] | None = ("VV", "VH"), **options: object
) -> bytes:
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", height=values.shape[1], width=values.shape[2], count=len(values), dtype=values.dtype,
            crs=grid.crs, transform=rasterio.Affine(*grid.transform), **options,
        ) as file:  # fmt: skip
            file.write(values)
            if names:
                file.descriptions = tuple(names)
        return bytes(memory.getbuffer())


@pytest.mark.parametrize("options", [{}, {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16}])
@pytest.mark.parametrize("names", [("VV", "VH"), None])
def test_right(options: dict[str, object], names: tuple[str, ...] | None) -> None:
    bands = decode_geotiff(tiff(names=names, **options), GRID, ("VV", "VH"))
    np.testing.assert_array_equal(bands["VV"], VALUES[0])
    np.testing.assert_array_equal(bands["VH"], VALUES[1])


def test_geographic_grid_of_many_digits() -> None:
    transform = (8.983152841195215e-05, 0.0, -0.4308604047479, 0.0, -8.983152841195215e-05, 38.98001236)
    grid = Grid("EPSG:4326", transform, 50, 40)
    assert set(decode_geotiff(tiff(grid=grid), grid, ("VV", "VH"))) == {"VV", "VH"}


def shifted(**change: object) -> Grid:
    values = {"crs": GRID.crs, "transform": GRID.transform, "width": GRID.width, "height": GRID.height} | change
    return Grid(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tiff(np.zeros((2, 41, 50), np.float32)), "50×41 pixels instead of 50×40"),
        (tiff(grid=shifted(transform=(10.0, 0.0, 300_005.0, 0.0, -10.0, 5_900_040.0))), "transform"),
        (tiff(grid=shifted(transform=(10.0, 0.0, 300_000.0, 0.0, 10.0, 5_900_040.0))), "transform"),
        (tiff(grid=shifted(transform=(10.0001, 0.0, 300_000.0, 0.0, -10.0, 5_900_040.0))), "transform"),
        (tiff(grid=shifted(crs="EPSG:32634")), "coordinate reference system"),
        (tiff(VALUES.astype(np.float64)), "type float64 instead of float32"),
        (tiff(names=("VH", "VV")), "bands"),
        (tiff(VALUES[:1], names=("VV",)), "1 band instead of 2"),
        (tiff(names=None)[:-100], "not a whole GeoTIFF"),
        (tiff(names=None, compress="deflate")[:-100], "not a whole GeoTIFF"),
        (tiff()[:60], "not a whole GeoTIFF"),
        (b"", "not a whole GeoTIFF"),
        (b"<html>busy</html>", "not a whole GeoTIFF"),
    ],
)
def test_wrong(content: bytes, words: str) -> None:
    with pytest.raises(RasterError) as caught:
        decode_geotiff(content, GRID, ("VV", "VH"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
