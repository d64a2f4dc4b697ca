"""The backscatter of a pass: what comes back unchanged, what is masked, what closes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.domain.grid import Grid
from gee_s1ben.graph.backscatter import NODATA_DB, pass_backscatter
from gee_s1ben.session.computing import compute_pixels

GRID = Grid("EPSG:32633", (10.0, 0.0, 300003.25, 0.0, -10.0, 5400007.5), 90, 80)


def scene_db(seed: int = 0, shape: tuple[int, int] = GRID.shape) -> np.ndarray:
    values = 10 * np.log10(np.random.default_rng(seed).gamma(4.4, 1 / 44, shape))
    return values.astype(np.float32).astype(np.float64)


def test_without_filter_and_nearest_pixels_come_back_as_they_are(scenes) -> None:
    vv, vh = scene_db(1), scene_db(2) - 7
    vv[5:9, 30:50] = np.nan
    scene = scenes.add("scene", GRID, VV=vv, VH=vh)
    graph = pass_backscatter([scene], ["VV", "VH"], speckle="none", resampling="nearest")
    got = compute_pixels(graph, GRID, ["VV", "VH"])
    np.testing.assert_array_equal(got["VV"], np.where(np.isnan(vv), NODATA_DB, vv).astype(np.float32))
    np.testing.assert_array_equal(got["VH"], vh.astype(np.float32))


@given(st.lists(st.floats(-60, 30, width=32), min_size=1, max_size=50))
def test_decibels_survive_the_way_through_power(values: list[float]) -> None:
    """Why the above holds: the double round trip errs far less than half a unit of a 32-bit float."""
    there = np.array(values, dtype=np.float32)
    back = (10 * np.log10(10 ** (there.astype(np.float64) / 10))).astype(np.float32)
    np.testing.assert_allclose(back, there, rtol=0, atol=1e-14)


def test_resampling_averages_power_not_decibels(scenes) -> None:
    """Half a pixel between 0 dB and 20 dB lies (1 + 100) / 2 in power, and not 10 dB."""
    values = np.zeros((8, 8))
    values[:, 4:] = 20.0
    native = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 8, 8)
    scene = scenes.add("scene", native, VV=values)
    moved = Grid("EPSG:32633", (10.0, 0.0, 300005.0, 0.0, -10.0, 5399990.0), 6, 5)
    got = compute_pixels(pass_backscatter([scene], ["VV"], speckle="none"), moved, ["VV"])["VV"]
    np.testing.assert_allclose(got[:, 3], 10 * np.log10(50.5), atol=1e-5)
    np.testing.assert_allclose(got[:, :3], 0.0, atol=1e-5)


def test_outside_of_the_scene_there_is_no_data(scenes) -> None:
    scene = scenes.add("scene", GRID, VV=scene_db())
    got = compute_pixels(pass_backscatter([scene], ["VV"]), GRID.window(-20, -20, 40, 40), ["VV"])["VV"]
    assert (got[:20] == NODATA_DB).all()
    assert (got[:, :20] == NODATA_DB).all()
    assert (got[20:, 20:] > -60).all()


@pytest.mark.parametrize("offset", [(0.0, 0.0), (3.3, -4.1), (-4.9, 4.9)])
def test_slices_that_abut_leave_no_seam(scenes, offset: tuple[float, float]) -> None:
    """Two slices cut along a slanted line, each on a grid of its own, give every pixel a value near its neighbours'."""
    rows, cols = np.mgrid[0:160, 0:160]
    field = 10 * np.log10(0.05 + 0.01 * np.sin(cols / 40) + 0.01 * np.cos(rows / 30))

    def slice_of(name: str, dx: float, dy: float, side: int):
        # A pixel belongs to the slice in whose polygon its centre lies: y = 0.2 x + 60 in pixels of the first grid.
        grid = Grid("EPSG:32633", (10.0, 0.0, 300000.0 + dx, 0.0, -10.0, 5400000.0 + dy), 160, 160)
        below = (rows - dy / 10) - 0.2 * (cols + dx / 10) - 60
        return scenes.add(name, grid, VV=np.where(side * below > 0, field, np.nan))

    north, south = slice_of("north", 0.0, 0.0, -1), slice_of("south", *offset, 1)
    target = Grid("EPSG:32633", (10.0, 0.0, 300100.0, 0.0, -10.0, 5399900.0), 130, 130)
    for resampling in ("bilinear", "nearest"):
        graph = pass_backscatter([north, south], ["VV"], speckle="none", resampling=resampling)
        got = compute_pixels(graph, target, ["VV"])["VV"]
        assert (got != NODATA_DB).all()
        # The field moves by less than 0.2 dB a pixel; what closes the seam is within two.
        np.testing.assert_allclose(got, field[10:140, 10:140], atol=0.4)


@pytest.mark.parametrize("speckle", ["none", "refined_lee"])
def test_linear_power_gives_what_decibels_give(scenes, speckle: str) -> None:
    """A scene in power (``S1_GRD_FLOAT``) and the same in dB; border noise has its threshold in dB."""
    power = np.random.default_rng(3).gamma(4.4, 1 / 44, (40, 50))
    power[12:20] = 10**-3.4
    native = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 50, 40)
    angle = Grid("EPSG:32633", (1000.0, 0.0, 299500.0, 0.0, -1000.0, 5400500.0), 2, 2), np.full((2, 2), 45.5)
    linear = scenes.add("linear", native, angle, "COPERNICUS/S1_GRD_FLOAT", VV=power)
    decibel = scenes.add("decibel", native, angle, VV=10 * np.log10(power))
    got, want = (
        compute_pixels(pass_backscatter([scene], ["VV"], unit=unit, speckle=speckle), native, ["VV"])["VV"]
        for scene, unit in ((linear, "linear"), (decibel, "decibel"))
    )
    np.testing.assert_allclose(got, want, atol=1e-5)
    assert (got[13:19] == NODATA_DB).all()  # border noise
    if speckle == "none":
        np.testing.assert_allclose(got[25:], 10 * np.log10(power[25:]), atol=1e-5)


def test_power_that_is_not_above_zero_is_masked_before_it_is_filtered(scenes) -> None:
    power = np.random.default_rng(3).gamma(4.4, 1 / 44, (20, 30))
    masked = power.copy()
    power[4, 5:9], power[10, 10] = 0.0, -1e-4
    masked[4, 5:9] = masked[10, 10] = np.nan
    native = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 30, 20)
    got, want = (
        compute_pixels(
            pass_backscatter(
                [scenes.add(name, native, None, "COPERNICUS/S1_GRD_FLOAT", VV=values)], ["VV"], unit="linear"
            ),
            native,
            ["VV"],
        )["VV"]
        for name, values in (("zeros", power), ("masked", masked))
    )
    np.testing.assert_array_equal(got, want)
    assert (got == NODATA_DB).sum() == 5


def test_a_single_slice_is_not_grown(scenes) -> None:
    values = scene_db()
    values[:, :40] = np.nan
    scene = scenes.add("scene", GRID, VV=values)
    got = compute_pixels(pass_backscatter([scene], ["VV"]), GRID, ["VV"])["VV"]
    np.testing.assert_array_equal(got == NODATA_DB, np.isnan(values))


def test_border_noise_goes_and_calm_water_and_speckle_stay(scenes) -> None:
    """Dark pixels among dark ones are masked beyond 45.24°; inside, and alone, they stay."""
    rng = np.random.default_rng(1)
    vv = 10 * np.log10(10**-1.8 * rng.gamma(4.4, 1 / 4.4, (200, 300)))
    vh = vv - 7.0
    vv[50:60, :], vh[50:60, :] = -33.0, -40.0  # a dark strip across the whole swath
    vv[120, 280] = vh[120, 280] = -45.0  # one dark pixel at the edge
    native = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 300, 200)
    # 43° on the left edge, 46° on the right: 0.01° a pixel; centres of coarse pixels 1 km apart.
    coarse = Grid("EPSG:32633", (1000.0, 0.0, 299500.0, 0.0, -1000.0, 5400500.0), 5, 4)
    angles = 43.0 + np.arange(5) * np.ones((4, 1))
    scene = scenes.add("scene", native, VV=vv, VH=vh, angle=(coarse, angles))
    got = compute_pixels(pass_backscatter([scene], ["VV", "VH"], speckle="none"), native, ["VV", "VH"])
    angle = 43.0 + (np.arange(300) + 0.5) / 100
    masked = np.zeros((200, 300), dtype=bool)
    masked[50:60, angle >= 45.24] = True
    for band in ("VV", "VH"):
        np.testing.assert_array_equal(got[band] == NODATA_DB, masked)
    kept = compute_pixels(
        pass_backscatter([scene], ["VV", "VH"], border_noise=False, speckle="none"), native, ["VV", "VH"]
    )
    assert (kept["VV"] != NODATA_DB).all()
