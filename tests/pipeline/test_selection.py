"""Which passes are used, against brute force; and what is said of patches that get none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations

import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.scene import Scene, group_passes
from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.assignment import Assignment, assign
from gee_s1ben.pipeline.exclusion import POLARISATIONS, Excluded, Nearby
from gee_s1ben.pipeline.selection import Rules, by_nearness, fewest, nearest_per_orbit, passes_of

WHEN = datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC)
GRID = Grid("EPSG:32633", (10.0, 0.0, 498_800.0, 0.0, -10.0, 5_801_200.0), 720, 720)
TARGET = Target("own", GRID, WHEN)
TO_DEGREES = pyproj.Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
EVERYWHERE = (-10.0, -10.0, 730.0, 730.0)
ALL = set(TARGET.patches())


def scene(name: str, rectangle: tuple[float, float, float, float], hours: float, orbit: int, track: int = 1) -> Scene:
    west, top, east, bottom = rectangle
    corners = [(west, top), (east, top), (east, bottom), (west, bottom), (west, top)]
    return Scene(
        f"C/S/{name}", name, WHEN + timedelta(hours=hours), "A", orbit, track, "ascending", ("VV", "VH"),
        tuple(TO_DEGREES.transform(*GRID.xy(col, row)) for col, row in corners),
    )  # fmt: skip


def served(assignment: Assignment) -> dict[tuple[int, int], str]:
    return {cell: group.pass_key for group in assignment.groups for cell in group.cells}


def reasons(assignment: Assignment) -> dict[tuple[int, int], str]:
    return {cell: group.reason for group in assignment.absent for cell in group.cells}


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 7).flatmap(
        lambda passes: st.tuples(
            st.lists(st.lists(st.booleans(), min_size=passes, max_size=passes), min_size=1, max_size=12),
            st.lists(st.integers(0, 5), min_size=passes, max_size=passes),
        )
    )
)
def test_fewest_is_the_smallest_set_that_serves_all(drawn: tuple[list[list[bool]], list[int]]) -> None:
    contained, costs = np.array(drawn[0]).T, drawn[1]
    possible = contained.any(axis=0)
    every = range(len(contained))
    best = min(
        (len(some), sum(costs[one] for one in some))
        for some in chain.from_iterable(combinations(every, size) for size in range(len(contained) + 1))
        if np.array_equal(contained[list(some)].any(axis=0) if some else np.zeros_like(possible), possible)
    )
    got = fewest(contained, costs)
    assert (len(got), sum(costs[one] for one in got)) == best
    assert np.array_equal(contained[got].any(axis=0) if got else np.zeros_like(possible), possible)


def test_fewest_of_many_passes_is_found_soon() -> None:
    """A year of passes: most of a track do what a nearer one of it does."""
    generator = np.random.default_rng(4)
    edges = generator.integers(0, 91, (150, 2))
    column = np.arange(8281) % 91
    contained = np.array([(column >= min(pair)) & (column <= max(pair)) for pair in edges])
    got = fewest(contained, generator.uniform(0, 1e6, 150).tolist())
    assert np.array_equal(contained[got].any(axis=0), contained.any(axis=0))
    assert len(got) <= 3


def test_fewest_serves_the_same_patches_with_fewer_passes() -> None:
    whole = scene("whole", EVERYWHERE, 50, 3)
    halves = [scene("left", (-9, -9, 370, 729), 1, 1, 7), scene("right", (350, -9, 729, 729), 2, 2, 8)]
    nearest = assign(TARGET, [whole, *halves], Rules(("VV", "VH"), 6))
    few = assign(TARGET, [whole, *halves], Rules(("VV", "VH"), 6, choice="fewest"))
    assert set(served(nearest)) == set(served(few)) == ALL
    assert {one.key for one in nearest.passes} == {"S1A_000001", "S1A_000002"}
    assert [one.key for one in few.passes] == ["S1A_000003"]


def test_fewest_still_gives_each_patch_the_nearest_of_the_chosen() -> None:
    left, right = scene("left", (-9, -9, 490, 729), 30, 1, 7), scene("right", (230, -9, 729, 729), 2, 2, 8)
    got = served(assign(TARGET, [left, right], Rules(("VV",), 6, choice="fewest")))
    assert {got[col, 0] for col in (0, 1)} == {"S1A_000001"}
    assert {got[col, 0] for col in (2, 3, 4, 5)} == {"S1A_000002"}


def test_of_a_relative_orbit_only_the_nearest_counts() -> None:
    near, again = scene("near", (-9, -9, 370, 729), 10, 10, 5), scene("again", EVERYWHERE, 20, 185, 5)
    other = scene("other", EVERYWHERE, 40, 30, 6)
    passes = by_nearness(group_passes([near, again, other]), WHEN)
    assert [one.key for one in nearest_per_orbit(passes)] == ["S1A_000010", "S1A_000030"]
    every = assign(TARGET, [near, again, other], Rules(("VV",), 6))
    assert set(served(every).values()) == {"S1A_000010", "S1A_000185"}
    nearest = assign(TARGET, [near, again, other], Rules(("VV",), 6, per_orbit="nearest"))
    assert set(served(nearest).values()) == {"S1A_000010", "S1A_000030"}
    alone = assign(TARGET, [near, again], Rules(("VV",), 6, per_orbit="nearest"))
    assert set(reasons(alone).values()) == {
        "S1A_000185 contains it, but is not the nearest of its relative orbit (match.per_orbit)"
    }
    assert set(reasons(alone)) == {cell for cell in ALL if cell[0] >= 3}


def test_a_pass_too_far_in_time_is_named() -> None:
    got = assign(TARGET, [scene("far", EVERYWHERE, 60, 9)], Rules(("VV",), 6, max_dt_days=2))
    assert set(reasons(got).values()) == {"S1A_000009 contains it, but is 2.5 days away; match.max_dt_days is 2"}
    assert set(reasons(got)) == ALL
    edge = assign(TARGET, [scene("edge", EVERYWHERE, 48, 9)], Rules(("VV",), 6, max_dt_days=2))
    assert not edge.absent


def test_coverage_counts_joined_slices_and_can_be_demanded() -> None:
    upper, lower = scene("upper", (-9, -9, 729, 180), 1, 1), scene("lower", (-9, 180, 729, 540), 1.01, 1)
    got = assign(TARGET, [upper, lower], Rules(("VV",), 6))
    assert got.coverage == pytest.approx(0.75, abs=1e-3)
    assert set(served(got)) == {cell for cell in ALL if cell[1] <= 3}
    demanded = assign(TARGET, [upper, lower], Rules(("VV",), 6, min_coverage=0.8))
    assert not demanded.groups
    assert set(reasons(demanded).values()) == {
        "the passes cover 75.0 % of what is wanted; match.min_coverage asks for 80.0 %"
    }
    assert assign(TARGET, [scene("all", EVERYWHERE, 1, 1)], Rules(("VV",), 6, min_coverage=1.0)).groups


def test_slices_kept_apart() -> None:
    upper, lower = scene("upper", (-9, -9, 729, 180), 1, 1), scene("lower", (-9, 180, 729, 729), 1.01, 1)
    assert [len(one.slices) for one in passes_of([upper, lower, upper], joined=False)] == [1, 1]
    apart = assign(TARGET, [upper, lower], Rules(("VV",), 6, join_slices=False))
    assert set(reasons(apart)) == {(col, 1) for col in range(6)}
    assert set(reasons(apart).values()) == {"it lies across slices of S1A_000001, which match.join_slices keeps apart"}
    # Two passes of one key: each serves what lies in its own slice.
    assert [one.slices[0].index for one in apart.passes] == ["upper", "lower"]
    assert {group.scene: {row for _, row in group.cells} for group in apart.groups} == {
        "C/S/upper": {0}, "C/S/lower": {2, 3, 4, 5},
    }  # fmt: skip


def test_slices_across_the_ascending_node_are_one_pass() -> None:
    """The absolute orbit rises within the datatake; the patches across are served, and no slice is another's rival."""
    start, stop, later = "20170613T165043", "20170613T165108", "20170613T165133"
    south = scene(f"S1A_IW_GRDH_1SDV_{start}_{stop}_000001_01C579_0001", (-9, 180, 729, 729), 1, 1, 174)
    north = scene(f"S1A_IW_GRDH_1SDV_{stop}_{later}_000002_01C579_0001", (-9, -9, 729, 180), 1.01, 2, 175)
    for per_orbit in ("all", "nearest"):
        got = assign(TARGET, [north, south], Rules(("VV",), 6, per_orbit=per_orbit))
        assert set(served(got)) == ALL
        (one,) = got.passes
        assert (one.key, one.relative_orbit, one.slices) == ("S1A_000001", 174, (south, north))
        apart = assign(TARGET, [north, south], Rules(("VV",), 6, per_orbit=per_orbit, join_slices=False))
        assert set(served(apart).values()) == {"S1A_000001"}
        assert set(reasons(apart)) == {(col, 1) for col in range(6)}
        assert set(reasons(apart).values()) == {
            "it lies across slices of S1A_000001, which match.join_slices keeps apart"
        }


def test_two_directions_of_one_orbit_serve_side_by_side() -> None:
    up = scene("up", (-9, -9, 370, 729), 1, 1)
    down = replace(scene("down", (350, -9, 729, 729), 1.7, 1), orbit_direction="descending")
    got = assign(TARGET, [down, up], Rules(("VV",), 6))
    assert [(one.key, one.slices) for one in got.passes] == [("S1A_000001A", (up,)), ("S1A_000001D", (down,))]
    assert {cell[0] for cell, key in served(got).items() if key == "S1A_000001A"} == {0, 1, 2}
    assert {cell[0] for cell, key in served(got).items() if key == "S1A_000001D"} == {3, 4, 5}


def test_scenes_that_lack_a_band_only_explain() -> None:
    bare = Scene(*[getattr(scene("bare", EVERYWHERE, 1, 1), name) for name in (
        "id", "index", "acquired", "platform", "absolute_orbit", "relative_orbit", "orbit_direction",
    )], ("VV",), scene("bare", EVERYWHERE, 1, 1).footprint)  # fmt: skip
    half = scene("half", (-9, -9, 370, 729), 20, 2)
    got = assign(TARGET, [half], Rules(("VV", "VH"), 6), Nearby(excluded=(Excluded(bare, (POLARISATIONS,)),)))
    assert set(served(got)) == {cell for cell in ALL if cell[0] <= 2}
    assert set(reasons(got).values()) == {"scene bare has no VH"}
