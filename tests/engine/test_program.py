"""Programs: folding, hoisting and specialising must not change a bit of what is computed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_image import MemoryBand, call, image

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.executor import run
from gee_s1ben.engine.lattice import Lattice, Region
from gee_s1ben.engine.operations import OPERATIONS
from gee_s1ben.engine.pixels import lower
from gee_s1ben.engine.program import Apply, Load, Pixels, ProgramBuilder

GRID = Grid("EPSG:32633", (10.0, 0.0, 300003.25, 0.0, -10.0, 5400007.5), 24, 20)
REACH = 40
ARITHMETIC = ("add", "subtract", "multiply", "divide", "min", "max", "gt", "eq")

Steps = list[tuple[str, int, int, tuple[int, int], float]]


def steps() -> st.SearchStrategy[Steps]:
    one = st.tuples(
        st.sampled_from([*ARITHMETIC, "shift", "shift", "constant", "truth", "select", "abs"]),
        st.integers(0, 30),
        st.integers(0, 30),
        st.tuples(st.integers(-3, 3), st.integers(-3, 3)),
        st.sampled_from([0.0, 1.0, -2.5]),
    )
    return st.lists(one, min_size=1, max_size=25)


def build(builder: ProgramBuilder, loaded: Pixels, chosen: Steps) -> int:
    nodes = [loaded.value, loaded.mask]
    for name, i, j, offset, number in chosen:
        first, second = nodes[i % len(nodes)], nodes[j % len(nodes)]
        if name == "shift":
            nodes.append(builder.shift(first, *offset))
        elif name == "constant":
            nodes.append(builder.constant(number))
        elif name == "select":
            nodes.append(builder.select(first, second, nodes[-1]))
        elif name in ("truth", "abs"):
            nodes.append(builder.apply(name, first))
        else:
            nodes.append(builder.apply(name, first, second))
    return nodes[-1]


def by_hand(values: np.ndarray, chosen: Steps) -> np.ndarray:
    """The same steps on whole arrays with a wide rim of nothing; whole-array shifts by rolling."""
    padded = np.pad(values, REACH, constant_values=np.nan)
    mask = (~np.isnan(padded)).astype(np.float64)
    nodes = [np.where(mask > 0, padded, 0.0), mask]
    for name, i, j, (cols, rows), number in chosen:
        first, second = nodes[i % len(nodes)], nodes[j % len(nodes)]
        out = np.empty_like(first)
        if name == "shift":
            out = np.roll(first, (-rows, -cols), (0, 1))
        elif name == "constant":
            out.fill(number)
        elif name == "select":
            out = np.where(first != 0.0, second, nodes[-1])
        elif name in ("truth", "abs"):
            OPERATIONS[name](first, out=out)
        else:
            OPERATIONS[name](first, second, out=out)
        nodes.append(out)
    return nodes[-1][REACH:-REACH, REACH:-REACH]


@settings(max_examples=150, deadline=None)
@given(steps(), st.sampled_from([0.0, 0.02, 0.5]), st.integers(3, 30), st.integers(3, 30))
def test_a_program_computes_its_steps(chosen: Steps, masked: float, rows: int, cols: int) -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(size=GRID.shape).round(2)
    values[rng.random(GRID.shape) < masked] = np.nan
    lattice, col, row = Lattice.of_grid(GRID)
    builder = ProgramBuilder(lattice)
    end = build(builder, builder.load(MemoryBand(GRID, values), 0), chosen)
    program = builder.finish([Pixels(end, builder.constant(1.0))])
    with np.errstate(all="ignore"):
        want = by_hand(values, chosen)
        region = Region(col, row, GRID.width, GRID.height)
        ((got, _),) = run(program, region, [np.float64], block=(rows, cols))
    reach = max(map(max, (stage.margin for stage in program.stages)))
    assert reach <= REACH
    np.testing.assert_array_equal(got, want)


def test_without_masks_nothing_is_left_of_them() -> None:
    """Inside of an image a neighbourhood is sums and no more: no mask is loaded, chosen by, or counted."""
    values = np.ones(GRID.shape)
    mean = call("Image.reduceNeighborhood", image(GRID, VV=values), call("Reducer.mean"), call("Kernel.square", 1))
    program = lower(mean, Lattice.of_grid(GRID)[0])
    masks = [i for i, node in enumerate(program.nodes) if isinstance(node, Load) and node.part == "mask"]
    inside = program.specialised(dict.fromkeys(masks, 1.0))
    assert not any(isinstance(node, Load) and node.part == "mask" for node in inside.nodes)
    operations = [node.operation for node in inside.nodes if isinstance(node, Apply)]
    assert sorted(operations) == ["add", "add", "add", "add", "divide"]


def test_what_is_looked_at_from_two_places_is_computed_once() -> None:
    lattice = Lattice.of_grid(GRID)[0]
    builder = ProgramBuilder(lattice)
    loaded = builder.load(MemoryBand(GRID, np.ones(GRID.shape)), 0).value
    root = builder.apply("sqrt", loaded)
    from_afar = builder.apply("sqrt", builder.shift(loaded, 2, 1))
    assert from_afar == builder.shift(root, 2, 1)


def test_what_is_chosen_everywhere_is_seen_from_afar_at_its_place() -> None:
    """Where a test is 1 all over a block, its select shows the one branch; a shift of that shows it shifted."""
    values = np.random.default_rng(7).normal(size=GRID.shape).round(2)
    lattice, col, row = Lattice.of_grid(GRID)
    builder = ProgramBuilder(lattice)
    loaded = builder.load(MemoryBand(GRID, values), 0)
    one_more = builder.apply("add", loaded.value, loaded.mask)
    everywhere = builder.apply("gt", loaded.value, builder.constant(-100.0))
    chosen = builder.select(everywhere, one_more, loaded.value)
    program = builder.finish([Pixels(builder.apply("subtract", builder.shift(chosen, 2, 1), chosen), loaded.mask)])
    region = Region(col, row, GRID.width - 2, GRID.height - 1)
    ((got, _),) = run(program, region, [np.float64])
    want = values + 1.0
    np.testing.assert_array_equal(got, want[1:, 2:] - want[:-1, :-2])
