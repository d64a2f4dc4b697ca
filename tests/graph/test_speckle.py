"""The filter that the service evaluates, against one written from the paper."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import rasterio
from reference_refined_lee import refined_lee

from gee_s1ben.domain.grid import Grid
from gee_s1ben.graph.backscatter import NODATA_DB, pass_backscatter
from gee_s1ben.graph.speckle import _FIVE_SMALLEST_OF_NINE
from gee_s1ben.session.computing import compute_pixels

NATIVE = (10.0, 0.0, 158264.4428845317, 0.0, -10.0, 3560206.2252167463)
INNER = np.s_[4:-4, 4:-4]


def decibel(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(power)


def power_of(values_db: np.ndarray) -> np.ndarray:
    return 10 ** (values_db.astype(np.float64) / 10)


def filtered(scenes, power: np.ndarray, resampling: str = "nearest") -> np.ndarray:
    """Power after the whole graph, on the scene's own pixels; NaN where masked."""
    grid = Grid("EPSG:32643", NATIVE, power.shape[1], power.shape[0])
    scene = scenes.add("scene", grid, VV=decibel(power))
    graph = pass_backscatter([scene], ["VV"], resampling=resampling)
    values = compute_pixels(graph, grid, ["VV"])["VV"]
    return np.where(values == NODATA_DB, np.nan, power_of(values))


def speckle(shape: tuple[int, int], looks: float = 4.4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(looks, 1 / looks, shape)


def test_the_network_finds_the_five_smallest_of_nine() -> None:
    """0-1 principle: a network of comparators that is right for all zeros and ones is right for all numbers."""
    for bits in product((0, 1), repeat=9):
        values = list(bits)
        for low, high in _FIVE_SMALLEST_OF_NINE:
            values[low], values[high] = min(values[low], values[high]), max(values[low], values[high])
        assert values[:5].count(0) == min(bits.count(0), 5)


def test_equals_the_paper_on_simulated_speckle_with_no_data(scenes) -> None:
    rng = np.random.default_rng(5)
    power = speckle((300, 280)) * 10 ** rng.uniform(-3, 2, (300, 280)) ** 3  # 65 dB and more of dynamic range
    power[:, :90] = speckle((300, 90))
    power[100:130, 40:200] = np.nan
    power[rng.random(power.shape) < 0.02] = np.nan
    want, _ = refined_lee(power)
    got = filtered(scenes, power)
    # Nothing is lost at masked pixels, and nothing appears there.
    np.testing.assert_array_equal(np.isnan(got), np.isnan(power))
    assert np.nanmax(np.abs(decibel(got) - decibel(want))) < 1e-4


@pytest.mark.shared_data
@pytest.mark.parametrize("polarisation", ["VV", "VH"])
@pytest.mark.parametrize("name", ["sen1floods11", "s1_grd"])
def test_equals_the_paper_on_real_scenes(scenes, shared_data: Path, name: str, polarisation: str) -> None:
    if name == "sen1floods11":
        path, band = shared_data / name / "Spain_7370579_S1Hand.tif", ("VV", "VH").index(polarisation) + 1
    else:
        path, band = next((shared_data / name).glob(f"*/{polarisation}.tif")), 1
    with rasterio.open(path) as file:
        power = power_of(file.read(band))
        grid = Grid("EPSG:4326", tuple(file.transform)[:6], file.width, file.height)
    scene = scenes.add("real", grid, VV=decibel(power))
    got = compute_pixels(pass_backscatter([scene], ["VV"]), grid, ["VV"])["VV"]
    want, weight = refined_lee(power)
    assert np.abs(got - decibel(want)).max() < 1e-4
    assert (weight < 0).mean() > 0.005  # the clamp is at work
    assert (got > -100).all()


def test_looks_rise_and_the_mean_stays(scenes) -> None:
    power = speckle((500, 500), looks=4.4)
    got = filtered(scenes, power)
    looks = [values[INNER].mean() ** 2 / values[INNER].var() for values in (power, got)]
    assert looks[0] == pytest.approx(4.4, rel=0.03)
    assert looks[1] > 5 * looks[0]
    assert abs(decibel(got[INNER].mean() / power[INNER].mean())) < 0.05


@pytest.mark.parametrize("name", ["vertical", "horizontal", "diagonal", "other diagonal"])
def test_step_edges_stay_within_a_pixel(scenes, name: str) -> None:
    """Where a noisy step of 10 dB crosses its middle, row by row, moves by less than a pixel."""
    rows, cols = np.mgrid[0:120, 0:120]
    bright = {
        "vertical": cols >= 60,
        "horizontal": rows >= 60,
        "diagonal": cols + rows >= 120,
        "other diagonal": cols - rows >= 0,
    }[name]
    power = np.where(bright, 10.0, 1.0) * speckle((120, 120), looks=30)
    got = filtered(scenes, power)
    middle = np.sqrt(10.0)
    inside = np.s_[8:-8, 8:-8]
    wrong = (got > middle) != bright
    # Pixels that changed sides lie next to the edge: a neighbour is on the other side.
    edge = np.zeros_like(bright)
    for axis, step in product((0, 1), (-1, 1)):
        edge |= np.roll(bright, step, axis) != bright
    assert not (wrong & ~edge)[inside].any()
    assert wrong[inside].mean() < 0.002
    # Two pixels off the edge each side keeps its level: nothing bleeds over.
    for side, level in ((bright, 10.0), (~bright, 1.0)):
        deep = side.copy()
        for axis, step in product((0, 1), (-2, -1, 1, 2)):
            deep &= np.roll(side, step, axis)
        assert got[inside][deep[inside]].mean() == pytest.approx(level, rel=0.02)


def test_the_filter_sees_native_pixels_whatever_is_asked_for(scenes) -> None:
    """Asked for on another grid, the result is the native result resampled, not a filter over resampled pixels."""
    power = speckle((200, 200))
    native = Grid("EPSG:32643", NATIVE, 200, 200)
    scene = scenes.add("scene", native, VV=decibel(power))
    target = Grid("EPSG:32643", (20.0, 0.0, 158400.0, 0.0, -20.0, 3560100.0), 60, 60)
    got = compute_pixels(pass_backscatter([scene], ["VV"], resampling="nearest"), target, ["VV"])["VV"]
    want, _ = refined_lee(power)
    cols = np.floor((158400.0 + 20 * (np.arange(60) + 0.5) - NATIVE[2]) / 10).astype(int)
    rows = np.floor((NATIVE[5] - (3560100.0 - 20 * (np.arange(60) + 0.5))) / 10).astype(int)
    np.testing.assert_allclose(got, decibel(want)[np.ix_(rows, cols)], atol=1e-4)


def test_a_constant_field_is_left_alone(scenes) -> None:
    got = filtered(scenes, np.full((40, 40), 0.05))
    np.testing.assert_allclose(got, 0.05, rtol=1e-6)
