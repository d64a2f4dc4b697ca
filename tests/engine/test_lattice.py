from __future__ import annotations

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.lattice import Lattice, Region, canonical_crs, source_coordinates
from gee_s1ben.engine.warp import Warp
from gee_s1ben.errors import EngineError

UNALIGNED = (10.0, 0.0, 158264.4428845317, 0.0, -10.0, 3560206.2252167463)  # a real S1_GRD image
ROTATED = (-12649.568506065058, -4004.0974110317184, 445997.78946215136,
           2497.228151544463, -20014.136037246324, 3509351.2937052143)  # its angle band  # fmt: skip
DEGREES = (8.983152841195215e-05, 0.0, -0.7818936232976315, 0.0, -8.983152841195215e-05, 38.12881257139627)


@given(
    st.sampled_from([UNALIGNED, ROTATED, DEGREES, (60.0, 0.0, 499980.0, 0.0, -60.0, 4200000.0)]),
    st.integers(-5000, 5000),
    st.integers(-5000, 5000),
)
def test_windows_of_a_grid_share_its_lattice(transform: tuple[float, ...], col: int, row: int) -> None:
    grid = Grid("EPSG:32643", transform, 10, 10)  # type: ignore[arg-type]
    lattice, col0, row0 = Lattice.of_grid(grid)
    assert Lattice.of_grid(grid.window(col, row, 3, 4)) == (lattice, col0 + col, row0 + row)


def test_half_a_pixel_is_another_lattice() -> None:
    grid = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 8, 8)
    moved = Grid("EPSG:32633", (10.0, 0.0, 300005.0, 0.0, -10.0, 5400000.0), 8, 8)
    assert Lattice.of_grid(grid)[0] != Lattice.of_grid(moved)[0]


def test_wkt_and_code_name_one_crs() -> None:
    assert canonical_crs(pyproj.CRS.from_epsg(32633).to_wkt()) == "EPSG:32633"
    with pytest.raises(EngineError, match="could not be parsed"):
        canonical_crs("EPSG:nonsense")


@pytest.mark.parametrize(
    ("target", "source", "tolerance_px"),
    [
        (Grid("EPSG:32632", (10.0, 0.0, 699960.0, 0.0, -10.0, 5300040.0), 400, 300), ("EPSG:32633", UNALIGNED), 1e-5),
        (Grid("EPSG:32630", (10.0, 0.0, 694000.0, 0.0, -10.0, 4222000.0), 400, 300), ("EPSG:4326", DEGREES), 1e-5),
        (Grid("EPSG:32643", UNALIGNED, 400, 300), ("EPSG:32643", ROTATED), 1e-7),
    ],
)
def test_places_equal_the_exact_transform(target: Grid, source: tuple, tolerance_px: float) -> None:
    source_grid = Grid(*source, 1, 1)
    lattice, col, row = Lattice.of_grid(target)
    other, col0, row0 = Lattice.of_grid(source_grid)
    cols, rows = source_coordinates(lattice, Region(col, row, target.width, target.height), other)
    to_source = pyproj.Transformer.from_crs(target.crs, source_grid.crs, always_xy=True)
    for r, c in ((0, 0), (0, 399), (299, 0), (299, 399), (117, 203)):
        x, y = to_source.transform(*target.xy(c + 0.5, r + 0.5))
        want_col, want_row = source_grid.colrow(x, y)
        assert cols[r, c] == pytest.approx(want_col + col0, abs=tolerance_px)
        assert rows[r, c] == pytest.approx(want_row + row0, abs=tolerance_px)


@given(
    st.sampled_from([("EPSG:32633", UNALIGNED), ("EPSG:32632", UNALIGNED), ("EPSG:32632", ROTATED)]),
    st.integers(0, 90),
    st.integers(0, 90),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_places_do_not_depend_on_the_cut(source_grid: tuple, col: int, row: int, width: int, height: int) -> None:
    target, col0, row0 = Lattice.of_grid(Grid("EPSG:32632", (10.0, 0.0, 699960.0, 0.0, -10.0, 5300040.0), 1, 1))
    source = Lattice.of(*source_grid)[0]
    whole = source_coordinates(target, Region(col0, row0, 130, 130), source)
    part = source_coordinates(target, Region(col0 + col, row0 + row, width, height), source)
    for of_whole, of_part in zip(whole, part, strict=True):
        np.testing.assert_array_equal(of_part, of_whole[row : row + height, col : col + width])


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@given(st.integers(0, 90), st.integers(0, 90), st.integers(1, 40), st.integers(1, 40))
def test_resampled_pixels_do_not_depend_on_the_cut(method: str, col: int, row: int, width: int, height: int) -> None:
    """Around the CRS's own zero, where places are small and rounding is fine."""
    source, _, _ = Lattice.of("EPSG:32633", (10.0, 0.0, 3.37, 0.0, -10.0, 4.71))
    target, col0, row0 = Lattice.of("EPSG:32633", (7.3, 0.0, -401.9, 0.0, -7.3, 399.1))

    def resampled(region: Region) -> np.ndarray:
        warp = Warp(target, region, source, (0, 0, 0, 0))
        area = warp.reads
        rows, cols = np.mgrid[area.row : area.row + area.height, area.col : area.col + area.width].astype(float)
        values = np.sin(cols * 12.9898 + rows * 78.233)
        out = np.empty(region.size)
        warp.value(values.ravel(), np.float64(1.0), method, out)
        return out.reshape(region.height, region.width)

    part = resampled(Region(col0 + col, row0 + row, width, height))
    whole = resampled(Region(col0, row0, 130, 130))
    np.testing.assert_array_equal(part, whole[row : row + height, col : col + width])
