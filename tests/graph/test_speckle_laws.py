"""What must hold of the refined Lee filter whatever is filtered; no other implementation is asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gee_s1ben.domain.grid import Grid
from gee_s1ben.graph.backscatter import pass_backscatter
from gee_s1ben.session.computing import compute_pixels

TURNS = {
    "mirrored": np.fliplr,
    "upside down": np.flipud,
    "transposed": np.transpose,
    "quarter turn": np.rot90,
    "half turn": lambda values: np.rot90(values, 2),
}
BRIGHT_SIDES = {
    "north": (-1, 0),
    "south": (1, 0),
    "west": (0, -1),
    "east": (0, 1),
    "north-west": (-1, -1),
    "north-east": (-1, 1),
    "south-west": (1, -1),
    "south-east": (1, 1),
}


def filtered_db(scenes, name: str, power: np.ndarray) -> np.ndarray:
    """Decibel after the whole graph, on the scene's own pixels."""
    grid = Grid("EPSG:32633", (10.0, 0.0, 300003.25, 0.0, -10.0, 5400007.5), power.shape[1], power.shape[0])
    scene = scenes.add(name, grid, VV=10 * np.log10(power))
    return compute_pixels(pass_backscatter([scene], ["VV"], resampling="nearest"), grid, ["VV"])["VV"]


def rugged(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Speckle over fields, with point targets up to 40 dB above: without ties, and with all that makes edges."""
    rng = np.random.default_rng(seed)
    fields = np.kron(rng.uniform(0.01, 0.5, (12, 12)), np.ones((8, 8)))[: shape[0], : shape[1]]
    power = fields * rng.gamma(4.4, 1 / 4.4, shape)
    return np.where(rng.random(shape) < 0.01, power * 10 ** rng.uniform(2, 4, shape), power)


@pytest.mark.parametrize("turn", TURNS)
def test_turning_the_scene_turns_the_result(scenes, turn: str) -> None:
    """No side of the window is better than another: true of the paper's filter, not of one with signed differences."""
    power = rugged((80, 96), seed=3)
    moved: Callable[[np.ndarray], np.ndarray] = TURNS[turn]
    got = filtered_db(scenes, "turned", np.ascontiguousarray(moved(power)))
    np.testing.assert_allclose(got, moved(filtered_db(scenes, "scene", power)), rtol=0, atol=1e-5)


def test_a_brighter_scene_is_a_brighter_result(scenes) -> None:
    """Speckle is multiplicative: 1000 times the power is 30 dB more, pixel by pixel."""
    power = rugged((80, 96), seed=4)
    got = filtered_db(scenes, "bright", power * 1000)
    np.testing.assert_allclose(got, filtered_db(scenes, "scene", power) + 30, rtol=0, atol=2e-5)


@pytest.mark.parametrize("seed", [5, 6])
def test_results_stay_between_the_extremes_of_the_window(scenes, seed: int) -> None:
    """A weight within [0, 1] keeps a pixel between itself and a mean; below 0 it would be thrown beyond the mean."""
    power = rugged((90, 90), seed)
    got = filtered_db(scenes, "scene", power)
    windows = np.lib.stride_tricks.sliding_window_view(10 * np.log10(np.pad(power, 3, mode="edge")), (7, 7))
    assert (got >= windows.min(axis=(2, 3)) - 1e-5).all()
    assert (got <= windows.max(axis=(2, 3)) + 1e-5).all()
    mean = 10 * np.log10(np.lib.stride_tricks.sliding_window_view(power, (7, 7)).mean(axis=(2, 3)))
    assert (np.abs(got[3:-3, 3:-3] - mean) > 1).mean() > 0.1  # it is no plain mean either


@pytest.mark.parametrize("side", BRIGHT_SIDES)
def test_nothing_bleeds_over_an_edge(scenes, side: str) -> None:
    """From two pixels off a 10 dB step on, both sides keep their level and lose speckle, all around."""
    down, right = BRIGHT_SIDES[side]
    rows, cols = np.mgrid[-100:100, -100:100]
    distance = rows * down + cols * right
    power = np.where(distance > 0, 10.0, 1.0) * np.random.default_rng(8).gamma(4.4, 1 / 4.4, distance.shape)
    got = 10 ** (filtered_db(scenes, "step", power).astype(np.float64) / 10)
    inside = np.zeros(distance.shape, dtype=bool)
    inside[8:-8, 8:-8] = True
    step = 1 + (down != 0 and right != 0)  # two diagonals of pixels are one pixel of distance, nearly
    for near, level in ((inside & (distance >= -4 * step) & (distance < -step), 1.0),
                        (inside & (distance > 2 * step) & (distance <= 5 * step), 10.0)):  # fmt: skip
        assert got[near].mean() == pytest.approx(level, rel=0.12)
        assert got[near].std() / got[near].mean() < 0.6 * power[near].std() / power[near].mean()
