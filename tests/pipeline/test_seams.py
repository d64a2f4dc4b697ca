"""Slices that meet inside a tile: no patch falls back to a farther pass because of the seam."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyproj
import pytest
import shapely

from gee_s1ben.domain.naming import S1ProductName, S2ProductName
from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.tile import Target, tile_grid
from gee_s1ben.pipeline.assignment import Assignment, assign
from gee_s1ben.pipeline.selection import Rules
from gee_s1ben.simulation.acquisition import World, plan_slices

PRODUCT = S2ProductName.parse("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP")
WHEN = datetime(2017, 6, 13, 5, 42, 35, tzinfo=UTC)
GRID = tile_grid("33UUP")


def passes(assignment: Assignment) -> dict[tuple[int, int], str]:
    return {cell: group.pass_key for group in assignment.groups for cell in group.cells}


def simulated(target: Target) -> list[Scene]:
    return [
        Scene(
            one.id, str(one.name), one.name.start, one.name.mission[-1], one.name.absolute_orbit,
            one.name.relative_orbit or 1, one.direction, ("VV", "VH", "angle"), one.footprint,
        )
        for one in plan_slices(target, World.of(target), 5, 2_000.0, "seams")
    ]  # fmt: skip


def test_no_patch_of_a_simulated_tile_falls_back_because_of_the_seam() -> None:
    target = Target.of_product(PRODUCT)
    scenes = simulated(target)
    nearest = min(scenes, key=lambda one: abs(one.acquired - target.acquired))
    key = f"S1{nearest.platform}_{nearest.absolute_orbit:06d}"
    assert sum(one.absolute_orbit == nearest.absolute_orbit for one in scenes) == 2
    joined = passes(assign(target, scenes, Rules(("VV", "VH"), 6)))
    apart = passes(assign(target, scenes, Rules(("VV", "VH"), 6, join_slices=False)))
    fallen = {cell for cell, served in joined.items() if served == key and apart.get(cell) != key}
    # By the outlines alone: what lies in both slices together, and in neither.
    to_plane = pyproj.Transformer.from_crs("EPSG:4326", GRID.crs, always_xy=True)
    upper, lower = (
        shapely.Polygon(np.column_stack(to_plane.transform(*np.array(one.footprint).T))).buffer(1.0)
        for one in scenes
        if one.absolute_orbit == nearest.absolute_orbit
    )
    both = upper.union(lower)
    across = {
        (col, row)
        for col, row in target.patches()
        if both.covers(square := shapely.box(*target.patch_grid(col, row).bounds))
        and not upper.covers(square)
        and not lower.covers(square)
    }
    assert fallen == across
    assert len(fallen) == 67
    assert {apart[cell] for cell in fallen} == {"S1A_017018"}
    # And none the other way: with the slices joined, only what lies outside of the swath goes to another pass.
    assert {cell for cell, served in joined.items() if served == key} == fallen | {
        cell for cell, served in apart.items() if served == key
    }


def strip(number: int, gap_m: float, *, named: bool = True, pause_s: float = 0) -> Scene:
    """One of two slices over the tile, which meet at its middle with a gap."""
    west, south, east, north = GRID.bounds
    middle = (north + south) / 2
    top, bottom = ((north + 5e3, middle + gap_m / 2), (middle - gap_m / 2, south - 5e3))[number]
    corners = [(west - 5e3, bottom), (east + 5e3, bottom), (east + 5e3, top), (west - 5e3, top), (west - 5e3, bottom)]
    # With points enough between, sides are straight in the tile's plane.
    ring = np.vstack([np.linspace(one, other, 200, endpoint=False) for one, other in pairwise(corners)])
    lon, lat = pyproj.Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True).transform(*ring.T)
    start = WHEN + timedelta(seconds=(25 + pause_s) * number)
    name = S1ProductName(
        "S1A", "IW", "GRD", "H", "1", "S", "DV", start, start + timedelta(seconds=25), 17011, "01C5A5", f"000{number}"
    )
    index = str(name) if named else f"export_{number}"
    points = [*zip(lon.tolist(), lat.tolist(), strict=True)]
    return Scene(
        f"COPERNICUS/S1_GRD/{index}", index, start, "A", 17011, 139, "descending", ("VV",), (*points, points[0])
    )


@pytest.mark.parametrize(
    ("gap_m", "options", "closed"),
    [
        (0, {}, True),
        (60, {}, True),
        (400, {}, True),
        (600, {}, False),
        (400, {"pause_s": 25}, False),
        (400, {"named": False}, False),
        (25, {"named": False}, True),
    ],
)
def test_gaps_between_the_outlines_of_slices(gap_m: float, options: dict[str, float], closed: bool) -> None:
    """One begins as the other ends: what lies between was seen. Otherwise only a pixel's width is bridged."""
    target = Target("33UUP", GRID, WHEN)
    got = assign(target, [strip(number, gap_m, **options) for number in (0, 1)], Rules(("VV",), 6))  # type: ignore[arg-type]
    absent = {cell for group in got.absent for cell in group.cells}
    assert absent == (set() if closed else {(col, 45) for col in range(91)})


def test_slices_of_different_datatakes_are_not_one_seam() -> None:
    first, second = strip(0, 400), strip(1, 400)
    other = replace(second, index=second.index.replace("01C5A5", "01C5A6"), id=second.id.replace("01C5A5", "01C5A6"))
    got = assign(Target("33UUP", GRID, WHEN), [first, other], Rules(("VV",), 6))
    assert sum(len(group.cells) for group in got.absent) == 91
