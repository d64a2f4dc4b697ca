"""Neighbourhoods against loops over pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_image import call, image, pixels

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.executor import run
from gee_s1ben.engine.kernels import Kernel
from gee_s1ben.engine.lattice import Lattice, Region
from gee_s1ben.engine.pixels import lower
from gee_s1ben.errors import EngineError

GRID = Grid("EPSG:32633", (10.0, 0.0, 300003.25, 0.0, -10.0, 5400007.5), 23, 17)
STATISTICS = {
    "mean": lambda x, w: np.average(x, weights=w),
    "variance": lambda x, w: np.average((x - np.average(x, weights=w)) ** 2, weights=w),
    "stdDev": lambda x, w: np.sqrt(np.average((x - np.average(x, weights=w)) ** 2, weights=w)),
    "sum": lambda x, w: np.sum(x * w),
    "count": lambda x, _: x.size,
    "min": lambda x, _: x.min(),
    "max": lambda x, _: x.max(),
}


def scene(seed: int, masked: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.gamma(4.4, 1 / 4.4, GRID.shape) * 10.0 ** rng.uniform(-3, 2, GRID.shape)
    values[rng.random(GRID.shape) < masked] = np.nan
    return values


def by_loops(values: np.ndarray, kernel: Kernel, statistic: str, *, skip_masked: bool) -> np.ndarray:
    """The definition, pixel by pixel; the world outside of the array is masked."""
    result = np.full(values.shape, np.nan)
    for row, col in np.ndindex(values.shape):
        if skip_masked and np.isnan(values[row, col]):
            continue
        found, weights = [], []
        for across, down, weight in kernel.neighbours():
            r, c = row + down, col + across
            if 0 <= r < values.shape[0] and 0 <= c < values.shape[1] and not np.isnan(values[r, c]):
                found.append(values[r, c])
                weights.append(weight)
        if found:
            result[row, col] = STATISTICS[statistic](np.array(found), np.array(weights))
    return result


def kernels() -> st.SearchStrategy[Kernel]:
    weights = st.integers(1, 5).flatmap(
        lambda width: st.lists(
            st.lists(st.sampled_from([0.0, 1.0, 1.0, 0.5]), min_size=width, max_size=width), min_size=1, max_size=5
        )
    )
    shaped = weights.filter(lambda rows: any(any(row) for row in rows))
    return shaped.flatmap(
        lambda rows: st.builds(
            lambda x, y: Kernel(tuple(map(tuple, rows)), (x, y)),
            st.integers(0, len(rows[0]) - 1),
            st.integers(0, len(rows) - 1),
        )
    )


@settings(max_examples=40, deadline=None)
@given(kernels(), st.sampled_from(sorted(STATISTICS)), st.booleans(), st.integers(0, 5))
def test_reduce_neighbourhood_is_its_definition(kernel: Kernel, statistic: str, skip_masked: bool, seed: int) -> None:
    values = scene(seed)
    reduced = call(
        "Image.reduceNeighborhood", image(GRID, VV=values), call(f"Reducer.{statistic}"), kernel, skipMasked=skip_masked
    )
    name = f"VV_{statistic}"
    want = by_loops(values, kernel, statistic, skip_masked=skip_masked)
    np.testing.assert_allclose(pixels(reduced, GRID)[name], want, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["square", "circle"])
def test_kernels_in_pixels(name: str) -> None:
    kernel = call(f"Kernel.{name}", 3)
    neighbours = {(c, r) for c, r, _ in kernel.neighbours()}
    assert kernel.focus == (3, 3)
    # Earth Engine's own ee.Kernel.circle(3) has 29 neighbours of weight 1/29, its square(3) 49.
    assert len(neighbours) == {"square": 49, "circle": 29}[name]
    assert kernel.common_weight == pytest.approx(1 / len(neighbours))


def test_a_kernel_turns_clockwise_about_its_centre() -> None:
    kernel = call("Kernel.fixed", weights=[[1, 0, 0], [1, 1, 0], [1, 1, 1]])
    turned = call("Kernel.rotate", kernel, 1)
    assert turned.weights == ((1, 1, 1), (1, 1, 0), (1, 0, 0))
    assert call("Kernel.rotate", kernel, 4) == kernel


def test_neighbours_become_bands_named_by_their_place() -> None:
    values = scene(3, masked=0.1)
    kernel = call("Kernel.fixed", 3, 3, weights=[[1, 0, 0], [0, 0, 1], [0, 0, 0]], x=1, y=1)
    bands = pixels(call("Image.neighborhoodToBands", image(GRID, VV=values), kernel), GRID)
    assert list(bands) == ["VV_-1_-1", "VV_1_0"]
    padded = np.pad(values, 1, constant_values=np.nan)
    np.testing.assert_array_equal(bands["VV_-1_-1"], padded[:-2, :-2])
    np.testing.assert_array_equal(bands["VV_1_0"], padded[1:-1, 2:])


def test_combined_reducers_share_their_input() -> None:
    values = scene(1)
    both = call("Reducer.combine", call("Reducer.mean"), call("Reducer.max"), "", True)
    bands = pixels(call("Image.reduceNeighborhood", image(GRID, VV=values), both, call("Kernel.square", 1)), GRID)
    assert list(bands) == ["VV_mean", "VV_max"]
    want = by_loops(values, call("Kernel.square", 1), "max", skip_masked=True)
    np.testing.assert_array_equal(bands["VV_max"], want)
    with pytest.raises(EngineError, match="sharedInputs"):
        call("Reducer.combine", call("Reducer.mean"), call("Reducer.max"))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30))
def test_results_do_not_depend_on_the_blocks(rows: int, cols: int) -> None:
    first = call(
        "Image.reduceNeighborhood", image(GRID, VV=scene(2)), call("Reducer.variance"), call("Kernel.square", 2)
    )
    second = call("Image.reduceNeighborhood", first, call("Reducer.mean"), call("Kernel.circle", 3))
    lattice, col, row = Lattice.of_grid(GRID)
    program, region = lower(second, lattice), Region(col, row, GRID.width, GRID.height)
    whole = run(program, region, [np.float64], block=(100, 100))[0]
    cut = run(program, region, [np.float64], block=(rows, cols))[0]
    np.testing.assert_array_equal(cut[1], whole[1])
    np.testing.assert_array_equal(cut[0][whole[1] > 0], whole[0][whole[1] > 0])


def test_equal_work_is_done_once() -> None:
    source = image(GRID, VV=scene(2))
    square = call("Kernel.square", 3)
    mean = call("Image.reduceNeighborhood", source, call("Reducer.mean"), square)
    again = call("Image.reduceNeighborhood", source, call("Reducer.mean"), square)
    lattice = Lattice.of_grid(GRID)[0]
    once = lower(mean, lattice)
    twice = lower(call("Image.addBands", mean, again), lattice)
    assert len(twice.nodes) == len(once.nodes)
    assert twice.outputs[0] == twice.outputs[1]
