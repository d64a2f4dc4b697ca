"""Real scenes through the whole graph onto Sentinel-2's grid, against the paper's filter and a bilinear of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from reference_refined_lee import refined_lee

from gee_s1ben.domain.grid import Grid
from gee_s1ben.graph.backscatter import NODATA_DB, pass_backscatter
from gee_s1ben.session.computing import compute_pixels

pytestmark = pytest.mark.shared_data


def read(shared_data: Path, name: str, polarisation: str) -> tuple[np.ndarray, Grid]:
    """Decibels and the grid of a real export."""
    if name == "sen1floods11":
        path, band = shared_data / name / "Spain_7370579_S1Hand.tif", ("VV", "VH").index(polarisation) + 1
    else:
        path, band = next((shared_data / name).glob(f"*/{polarisation}.tif")), 1
    with rasterio.open(path) as file:
        grid = Grid(f"EPSG:{file.crs.to_epsg()}", tuple(file.transform)[:6], file.width, file.height)
        return file.read(band).astype(np.float64), grid


def tile_grid_over(native: Grid, crs: str) -> Grid:
    """The pixels of a Sentinel-2 tile (whole multiples of 10 m) in the middle of a scene."""
    x, y = pyproj.Transformer.from_crs(native.crs, crs, always_xy=True).transform(
        *native.xy(native.width / 2, native.height / 2)
    )
    return Grid(crs, (10.0, 0.0, round(x, -1) - 1000.0, 0.0, -10.0, round(y, -1) + 1200.0), 200, 240)


def bilinear(power: np.ndarray, native: Grid, target: Grid) -> np.ndarray:
    """Four-tap bilinear at the exact place of every pixel's centre."""
    rows, cols = np.mgrid[: target.height, : target.width] + 0.5
    a, b, c, d, e, f = target.transform
    x, y = pyproj.Transformer.from_crs(target.crs, native.crs, always_xy=True).transform(
        a * cols + b * rows + c, d * cols + e * rows + f
    )
    a, b, c, d, e, f = native.transform
    assert b == d == 0
    col, row = (x - c) / a - 0.5, (y - f) / e - 0.5
    left, top = np.floor(col).astype(int), np.floor(row).astype(int)
    right, down = col - left, row - top
    upper = power[top, left] * (1 - right) + power[top, left + 1] * right
    lower = power[top + 1, left] * (1 - right) + power[top + 1, left + 1] * right
    result: np.ndarray = upper * (1 - down) + lower * down
    return result


@pytest.mark.parametrize("polarisation", ["VV", "VH"])
@pytest.mark.parametrize(
    ("name", "crs"),
    [("sen1floods11", "EPSG:32630"), ("s1_grd", "EPSG:32643"), ("s1_grd", "EPSG:32642")],  # the last: the next zone
)
def test_full_graph_on_the_tile_grid(scenes, shared_data: Path, name: str, crs: str, polarisation: str) -> None:
    decibel, native = read(shared_data, name, polarisation)
    scene = scenes.add("real", native, **{polarisation: decibel})
    target = tile_grid_over(native, crs)
    got = compute_pixels(pass_backscatter([scene], [polarisation]), target, [polarisation])[polarisation]

    filtered, _ = refined_lee(10 ** (decibel / 10))
    want = 10 * np.log10(bilinear(filtered, native, target))
    assert np.isfinite(got).all()
    assert (got != NODATA_DB).all()
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-3)
