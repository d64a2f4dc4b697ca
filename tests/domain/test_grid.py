from __future__ import annotations

import pytest
from affine import Affine
from hypothesis import assume, given
from hypothesis import strategies as st

from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import InputError

numbers = st.floats(-1e6, 1e6)
steps = st.floats(-100, 100)
sizes = st.integers(1, 30_000)


@st.composite
def grids(draw):
    transform = tuple(draw(s) for s in (steps, steps, numbers, steps, steps, numbers))
    a, b, _, d, e, _ = transform
    assume(abs(a * e - b * d) > 1)
    return Grid("EPSG:32633", transform, draw(sizes), draw(sizes))


@given(grids(), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_places_as_affine_has_them(grid, col, row):
    x, y = grid.xy(col, row)
    assert (x, y) == pytest.approx(Affine(*grid.transform) @ (col, row), rel=1e-9, abs=1e-6)
    assert grid.colrow(x, y) == pytest.approx((col, row), rel=1e-6, abs=1e-3)


@given(grids(), st.integers(-500, 500), st.integers(-500, 500))
def test_a_window_is_a_translation(grid, col, row):
    window = grid.window(col, row, 7, 5)
    shifted = Affine(*grid.transform) @ Affine.translation(col, row)
    assert window.transform == pytest.approx(tuple(shifted)[:6], rel=1e-9, abs=1e-6)
    assert window.shape == (5, 7)


@given(grids())
def test_pixel_grid_and_back(grid):
    assert Grid.from_pixel_grid(grid.to_pixel_grid()) == grid


def test_bounds_of_a_rotated_grid():
    # A quarter turn: columns run north, rows run east.
    grid = Grid("EPSG:32633", (0, 10, 1000, 10, 0, 2000), 3, 2)
    assert grid.bounds == (1000, 2000, 1020, 2030)


def test_wkt_travels_as_wkt():
    grid = Grid('LOCAL_CS["x"]', (1, 0, 0, 0, -1, 0), 1, 1)
    assert grid.to_pixel_grid()["crsWkt"] == 'LOCAL_CS["x"]'
    assert Grid.from_pixel_grid(grid.to_pixel_grid()) == grid


@pytest.mark.parametrize(
    ("transform", "width", "height"),
    [
        ((0, 0, 0, 0, -1, 0), 1, 1),
        ((1, 2, 0, 2, 4, 0), 1, 1),
        ((1, 0, 0, 0, -1, 0), 0, 1),
        ((1, 0, 0, 0, -1, 0), 1, -1),
    ],
)
def test_grids_check_themselves(transform, width, height):
    with pytest.raises(InputError):
        Grid("EPSG:32633", transform, width, height)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"crsCode": "EPSG:4326", "affineTransform": {}, "dimensions": {"width": 1, "height": 1}},
        {"crsCode": "EPSG:4326", "affineTransform": {"scaleX": "a"}, "dimensions": {"width": 1, "height": 1}},
        {"affineTransform": {"scaleX": 1, "scaleY": 1}, "dimensions": {"width": 1, "height": 1}},
    ],
)
def test_broken_pixel_grids_are_refused(value):
    with pytest.raises(InputError):
        Grid.from_pixel_grid(value)
