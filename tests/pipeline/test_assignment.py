"""Which pass serves which patch, against the plainest loops over the same rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.tile import PatchBlock, Target, tile_grid
from gee_s1ben.pipeline.assignment import Assignment, assign
from gee_s1ben.pipeline.footprints import pass_polygon, scene_polygon
from gee_s1ben.pipeline.selection import Rules

WHEN = datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC)
# On the central meridian, so that projected edges of a few kilometres are straight to a millimetre.
GRID = Grid("EPSG:32633", (10.0, 0.0, 498_800.0, 0.0, -10.0, 5_801_200.0), 720, 720)
TARGET = Target("own", GRID, WHEN)
TO_DEGREES = pyproj.Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)

BOTH = Rules(("VV", "VH"), 6)

Rectangle = tuple[float, float, float, float]
"""West, south, east, north in pixels of the target from its upper left, y downwards."""


def scene(
    name: str,
    rectangle: Rectangle,
    hours: float,
    orbit: int,
    bands: tuple[str, ...] = ("VV", "VH"),
    platform: str = "A",
) -> Scene:
    west, top, east, bottom = rectangle
    corners = [(west, top), (east, top), (east, bottom), (west, bottom), (west, top)]
    ring = tuple(TO_DEGREES.transform(*GRID.xy(col, row)) for col, row in corners)
    return Scene(
        id=f"COPERNICUS/S1_GRD/{name}",
        index=name,
        acquired=WHEN + timedelta(hours=hours),
        platform=platform,
        absolute_orbit=orbit,
        relative_orbit=orbit % 175 + 1,
        orbit_direction="ascending",
        bands=bands,
        footprint=ring,
    )


def served(assignment: Assignment) -> dict[tuple[int, int], tuple[str, str, tuple[str, ...]]]:
    found = {}
    for group in assignment.groups:
        for cell in group.cells:
            assert cell not in found
            found[cell] = (group.pass_key, group.scene.split("/")[-1], tuple(s.split("/")[-1] for s in group.sources))
    return found


def absent(assignment: Assignment) -> dict[tuple[int, int], str]:
    return {cell: group.reason for group in assignment.absent for cell in group.cells}


@st.composite
def swaths(draw: st.DrawFn) -> list[tuple[int, float, list[Rectangle]]]:
    """Passes of one to three slices, stacked southwards: abutting, overlapping, or with a clear gap."""
    passes = []
    for orbit in range(1, draw(st.integers(1, 4)) + 1):
        west, east = sorted(draw(st.tuples(st.integers(-100, 800), st.integers(-100, 800))))
        edges = sorted(draw(st.lists(st.integers(-100, 800), min_size=2, max_size=4, unique=True)))
        seam = draw(st.sampled_from([0, 30, -30]))
        rectangles = [
            (float(west), float(top), float(east + 10), float(bottom + (seam if index < len(edges) - 2 else 0)))
            for index, (top, bottom) in enumerate(pairwise(edges))
            if bottom + min(seam, 0) - top > 5
        ]
        if rectangles:
            passes.append((orbit, float(draw(st.integers(-144, 144))), rectangles))
    return passes


@settings(max_examples=60, deadline=None)
@given(swaths())
def test_like_plain_loops(passes: list[tuple[int, float, list[Rectangle]]]) -> None:
    scenes = [
        scene(f"p{orbit}s{number}", rectangle, hours + number / 3600, orbit)
        for orbit, hours, rectangles in passes
        for number, rectangle in enumerate(rectangles)
    ]
    result = assign(TARGET, list(reversed(scenes)), BOTH)
    got, missing = served(result), absent(result)
    assert set(got) | set(missing) == set(TARGET.patches())
    assert not set(got) & set(missing)
    for col, row in TARGET.patches():
        # In pixels: a pixel of the target is ten metres, and the rule's tolerance is a tenth of one.
        patch = box(col * 120, row * 120, col * 120 + 120, row * 120 + 120)
        best = None
        for orbit, _, rectangles in sorted(passes, key=lambda one: (abs(one[1]), one[1], one[0])):
            joined = None
            for west, top, east, bottom in rectangles:
                grown = box(west - 1.5, top - 1.5, east + 1.5, bottom + 1.5)
                joined = grown if joined is None else joined.union(grown)
            inner = joined.buffer(-1.4, join_style="mitre")
            gap = abs(patch.difference(inner).area)
            if gap == 0 or inner.buffer(1e-6).contains(patch):
                best = (orbit, rectangles)
                break
        if best is None:
            wanted = "no pass within 6 days contains it fully" if passes else "no Sentinel-1 scene within 6 days"
            assert missing[col, row] == wanted
            continue
        orbit, rectangles = best
        assert got[col, row][0] == f"S1A_{orbit:06d}"
        shares = [round(patch.intersection(box(*rectangle)).area, 1) for rectangle in rectangles]
        assert got[col, row][1] == f"p{orbit}s{shares.index(max(shares))}"
        assert got[col, row][2] == tuple(f"p{orbit}s{number}" for number, share in enumerate(shares) if share > 0)


def test_tie_goes_to_the_earlier() -> None:
    everywhere = (-10.0, -10.0, 730.0, 730.0)
    later, earlier = scene("later", everywhere, 5, 2), scene("earlier", everywhere, -5, 1)
    assert {entry[1] for entry in served(assign(TARGET, [later, earlier], Rules(("VV",), 6))).values()} == {"earlier"}
    same = [scene("b", everywhere, 5, 2), scene("a", everywhere, 5, 1, platform="B")]
    assert {entry[0] for entry in served(assign(TARGET, same, Rules(("VV",), 6))).values()} == {"S1A_000002"}


def test_slices_that_abut_serve_the_patches_across_their_seam() -> None:
    """The published selection took these patches from a farther pass (about 4,665 of them)."""
    upper, lower = scene("upper", (-9, -9, 729, 180), 1, 1), scene("lower", (-9, 180, 729, 729), 1.01, 1)
    farther = scene("farther", (-9, -9, 729, 729), 40, 2)
    got = served(assign(TARGET, [farther, lower, upper], Rules(("VV",), 6)))
    assert {entry[0] for entry in got.values()} == {"S1A_000001"}
    assert got[0, 0] == ("S1A_000001", "upper", ("upper",))
    # Half of the row lies in either slice: the earlier gives the name.
    assert got[3, 1] == ("S1A_000001", "upper", ("upper", "lower"))
    assert got[3, 2] == ("S1A_000001", "lower", ("lower",))


@pytest.mark.parametrize(("reach", "contained"), [(0.0, True), (-0.05, True), (-0.2, False)])
def test_scene_cut_to_exactly_a_patch_contains_it(reach: float, contained: bool) -> None:
    cut = scene("cut", (120 - reach, 120 - reach, 240 + reach, 240 + reach), 1, 1)
    got = served(assign(TARGET, [cut], BOTH))
    assert ((1, 1) in got) == contained
    assert len(got) <= 1


def test_scene_without_vh() -> None:
    bare = scene("bare", (-10, -10, 730, 365), 1, 1, bands=("VV", "angle"))
    full = scene("full", (-10, -10, 730, 130), 30, 2)
    result = assign(TARGET, [bare, full], BOTH)
    assert {cell[1] for cell in served(result)} == {0}
    reasons = absent(result)
    assert {reasons[col, row] for col in range(6) for row in (1, 2)} == {"scene bare has no VH"}
    assert {reasons[col, row] for col in range(6) for row in (3, 4, 5)} == {"no pass within 6 days contains it fully"}


def test_no_scene_at_all() -> None:
    result = assign(TARGET, [], Rules(("VV", "VH"), 2.5))
    assert set(absent(result).values()) == {"no Sentinel-1 scene within 2.5 days"}
    assert len(absent(result)) == 36
    assert assign(TARGET, [], Rules(("VV", "VH"), 2.5, min_coverage=0.5)).absent == result.absent


def test_edges_are_geodesics() -> None:
    """A wide edge along a parallel bulges towards the pole, by 40 m over 50 km at 45° N."""
    grid = Grid("EPSG:4326", (1e-4, 0.0, 10.0, 0.0, -1e-4, 45.0), 6000, 6000)
    ring = ((10.0, 44.8), (10.6, 44.8), (10.6, 45.0), (10.0, 45.0), (10.0, 44.8))
    wide = Scene("C/S/x", "x", WHEN, "A", 1, 1, "ascending", ("VV",), ring)
    north = scene_polygon(wide, grid).bounds[3]
    lengths = pyproj.Geod(ellps="WGS84").npts(10.0, 45.0, 10.6, 45.0, 1)
    assert north == pytest.approx(lengths[0][1], abs=2e-5)
    assert north > 45.0003


def test_across_the_antimeridian() -> None:
    grid = tile_grid("01UBV")
    target = Target("01UBV", grid, WHEN, block=PatchBlock(0, 0, 0, 0))
    back = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    west, south, east, north = grid.bounds
    ring = tuple(
        back.transform(x, y)
        for x, y in [
            (west - 5e4, south),
            (east, south),
            (east, north + 5e3),
            (west - 5e4, north + 5e3),
            (west - 5e4, south),
        ]
    )
    assert {lon > 0 for lon, _ in ring} == {True, False}
    crossing = Scene("C/S/x", "x", WHEN, "A", 1, 1, "ascending", ("VV", "VH"), ring)
    assert served(assign(target, [crossing], BOTH)) == {(0, 0): ("S1A_000001", "x", ("x",))}


def test_pass_is_one_polygon() -> None:
    upper, lower = scene("upper", (-9, -9, 729, 180), 1, 1), scene("lower", (-9, 180.5, 729, 729), 1.01, 1)
    from gee_s1ben.domain.scene import Pass

    joined = pass_polygon(Pass((upper, lower)), GRID)
    assert joined.geom_type == "Polygon"
    assert not joined.interiors


def test_every_patch_of_a_whole_tile_is_accounted_for() -> None:
    grid = tile_grid("33UUP")
    target = Target("33UUP", grid, WHEN)
    back = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    west, south, _, north = grid.bounds
    scenes = []
    for orbit in range(1, 7):
        for part in range(2):
            top, bottom = (north + 9e4, (north + south) / 2) if part == 0 else ((north + south) / 2, south - 9e4)
            left = west - 2e5 + 4e4 * orbit
            corners = [(left, bottom), (left + 2.5e5, bottom), (left + 2.5e5, top), (left, top), (left, bottom)]
            ring = tuple(back.transform(x, y) for x, y in corners)
            when = WHEN + timedelta(hours=20 * orbit, seconds=25 * part)
            scenes.append(
                Scene(f"C/S/p{orbit}{part}", f"p{orbit}{part}", when, "A", orbit, 1, "ascending", ("VV", "VH"), ring)
            )
    result = assign(target, scenes, BOTH)
    assert sum(len(group.cells) for group in result.groups) + sum(len(group.cells) for group in result.absent) == 8281
