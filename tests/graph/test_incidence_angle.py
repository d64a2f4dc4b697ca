"""The incidence angle at patches, against the plane that it was made of and a bilinear of one's own."""

from __future__ import annotations

import numpy as np
import pytest

from gee_s1ben.domain.grid import Grid
from gee_s1ben.graph.incidence_angle import UNKNOWN_DEG, pass_incidence_angle
from gee_s1ben.session.computing import compute_pixels

NATIVE = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 40, 40)
TURNED = Grid("EPSG:32633", (-12226.8, -3927.2, 420000.0, 2598.9, -18476.1, 5400000.0), 9, 7)
"""As real scenes have it: turned with the swath, mirrored, coarse."""
PATCHES = Grid("EPSG:32633", (1200.0, 0.0, 330000.0, 0.0, -1200.0, 5380000.0), 30, 20)


def inside(grid: Grid, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b, c, d, e, f = grid.transform
    return tuple(np.linalg.solve([[a, b], [d, e]], np.stack([x.ravel() - c, y.ravel() - f])).reshape(2, *x.shape))


def centres(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    cols, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    return grid.xy(cols, rows)


def test_a_plane_comes_back_at_the_centre_of_every_patch(scenes) -> None:
    """Bilinear interpolation gives a plane exactly, however the coarse grid is turned."""
    x, y = centres(TURNED)
    plane = 30 + (x - 300000) / 12000 + (y - 5300000) / 50000
    scene = scenes.add("scene", NATIVE, angle=(TURNED, plane), VV=np.zeros(NATIVE.shape))
    got = compute_pixels(pass_incidence_angle([scene]), PATCHES, ["angle"])["angle"]
    x, y = centres(PATCHES)
    col, row = inside(TURNED, x, y)
    within = (col > 0.5) & (col < TURNED.width - 0.5) & (row > 0.5) & (row < TURNED.height - 0.5)
    assert within.sum() > 100
    np.testing.assert_allclose(
        got[within], (30 + (x - 300000) / 12000 + (y - 5300000) / 50000)[within], rtol=0, atol=2e-5
    )


def test_the_rim_keeps_its_value_and_far_beyond_there_is_none(scenes) -> None:
    """As a bilinear that takes the outermost centre for all beyond it."""
    values = np.random.default_rng(3).uniform(30, 46, TURNED.shape)
    scene = scenes.add("scene", NATIVE, angle=(TURNED, values), VV=np.zeros(NATIVE.shape))
    wide = Grid(PATCHES.crs, (1200.0, 0.0, 270000.0, 0.0, -1200.0, 5460000.0), 160, 180)
    got = compute_pixels(pass_incidence_angle([scene]), wide, ["angle"])["angle"]
    col, row = (place - 0.5 for place in inside(TURNED, *centres(wide)))  # from centre to centre
    beyond = (col < -1) | (col > 9) | (row < -1) | (row > 7)
    assert (got[beyond] == UNKNOWN_DEG).all()
    within = (col > -0.5) & (col < 8.5) & (row > -0.5) & (row < 6.5)
    assert (within & ((col < 0) | (row > 6))).sum() > 100
    col, row = col.clip(0, 8), row.clip(0, 6)
    left, top = np.minimum(col.astype(int), 7), np.minimum(row.astype(int), 5)
    across, down = col - left, row - top
    upper, lower = (values[line, left] * (1 - across) + values[line, left + 1] * across for line in (top, top + 1))
    np.testing.assert_allclose(got[within], (upper * (1 - down) + lower * down)[within], rtol=2e-6)


@pytest.mark.parametrize("later_knows", [True, False])
def test_slices_of_a_pass(scenes, later_knows: bool) -> None:
    """The later is seen, as in the backscatter; a slice that does not say its angle hides none."""
    first = scenes.add("first", NATIVE, angle=(TURNED, np.full(TURNED.shape, 33.0)), VV=np.zeros(NATIVE.shape))
    angle = (TURNED, np.full(TURNED.shape, 40.0)) if later_knows else None
    second = scenes.add("second", NATIVE, angle=angle, VV=np.zeros(NATIVE.shape))
    got = compute_pixels(pass_incidence_angle([first, second]), PATCHES, ["angle"])["angle"]
    assert set(np.unique(got)) - {np.float32(UNKNOWN_DEG)} == {np.float32(40.0 if later_knows else 33.0)}
