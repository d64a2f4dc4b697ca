"""A patch that its pass does not have whole gets its next one: the rule, against plain loops over synthetic windows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
from export_desk import Planned
from fault_arena import write_config
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from gee_s1ben.cli.app import run as command
from gee_s1ben.config import Config, load_config
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.scene import Pass, Scene, group_passes
from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.assignment import PatchGroup, assign
from gee_s1ben.pipeline.footprints import pass_polygon
from gee_s1ben.pipeline.match import TargetMatch
from gee_s1ben.pipeline.next_passes import NEAR_M, reassign
from gee_s1ben.pipeline.plan import PassPlan, TargetPlan, WindowFinding, job_image, load_plan, load_target_plan
from gee_s1ben.pipeline.rasters import target_rasters
from gee_s1ben.pipeline.selection import Rules
from gee_s1ben.pipeline.windows import Window, trimmed_windows
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.computing import compute_pixels

Cell = tuple[int, int]

WHEN = datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC)
GRID = Grid("EPSG:32633", (10.0, 0.0, 498_800.0, 0.0, -10.0, 5_801_200.0), 720, 720)
TARGET = Target("own", GRID, WHEN)
TO_DEGREES = pyproj.Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
CELLS = list(TARGET.patches())
LACK = "1 of 14400 pixels has no data"
EVERYWHERE = (-50, -50, 770, 770)


def scene(orbit: int, hours: float, rectangle: tuple[float, float, float, float] = EVERYWHERE, track: int = 0) -> Scene:
    west, top, east, bottom = rectangle
    ring = [(west, top), (east, top), (east, bottom), (west, bottom), (west, top)]
    return Scene(
        f"COPERNICUS/S1_GRD/scene{orbit}", f"scene{orbit}", WHEN + timedelta(hours=hours), "A", orbit, track or orbit,
        "ascending", ("VV", "VH"), tuple(TO_DEGREES.transform(*GRID.xy(*corner)) for corner in ring),
    )  # fmt: skip


def make(one: Pass, groups: tuple[PatchGroup, ...]) -> PassPlan:
    cells = [cell for group in groups for cell in group.cells]
    return PassPlan(" ".join(part.id for part in one.slices), one, groups, trimmed_windows(TARGET, cells, 360))


def plan_of(scenes: list[Scene], **rules: Any) -> TargetPlan:
    assignment = assign(TARGET, scenes, Rules(("VV", "VH"), 6, **rules))
    jobs = []
    for one in assignment.passes:
        jobs.append(make(one, tuple(group for group in assignment.groups if group.pass_key == one.key)))
    return TargetPlan(TARGET, tuple(jobs), assignment.absent, (), assignment.allowed)


class Pixels:
    """Synthetic windows: which patches lack a pixel in which pass; counts what was looked at."""

    def __init__(self, lacking: set[tuple[str, Cell]]) -> None:
        self.lacking = lacking
        self.asked: list[tuple[str, Window]] = []

    def find(self, job: PassPlan, window: Window) -> WindowFinding:
        self.asked.append((job.one_pass.key, window))
        cells = tuple(cell for cell in CELLS if (job.one_pass.key, cell) in self.lacking)
        return WindowFinding(None, ((LACK, cells),) if cells else ())


def outcome(plan: TargetPlan) -> dict[Cell, str]:
    """The pass that serves each patch, or the reason why none does; each patch once."""
    found: dict[Cell, str] = {}
    for job in plan.jobs:
        in_groups = sorted(cell for group in job.groups for cell in group.cells)
        assert sorted(cell for window in job.windows for cell in window.cells) == in_groups
        for cell in in_groups:
            assert cell not in found
            found[cell] = job.one_pass.key
    for group in plan.absent:
        for cell in group.cells:
            assert cell not in found
            found[cell] = group.reason
    return found


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Scene], set[tuple[str, Cell]]]:
    """Passes whose edges lie near the patches' own, and patches that lack a pixel."""
    edge = st.sampled_from([120 * line + off for line in range(7) for off in (-15, -5, 0, 5, 15)])
    scenes = []
    for orbit in range(1, draw(st.integers(1, 4)) + 1):
        west, east = sorted(draw(st.tuples(edge, edge)))
        top, bottom = sorted(draw(st.tuples(edge, edge)))
        scenes.append(scene(orbit, draw(st.integers(-100, 100)), (west, top, east + 60, bottom + 60)))
    keys = [f"S1A_{number:06d}" for number in range(1, len(scenes) + 1)]
    lacking = draw(st.sets(st.tuples(st.sampled_from(keys), st.sampled_from(CELLS)), max_size=60))
    return scenes, lacking


@settings(max_examples=15)
@given(worlds())
def test_every_patch_gets_the_first_pass_in_order_that_has_it_whole(
    world: tuple[list[Scene], set[tuple[str, Cell]]],
) -> None:
    scenes, lacking = world
    first = plan_of(scenes)
    pixels = Pixels(lacking)
    plan = reassign(first, pixels.find, make)
    nearest = sorted(scenes, key=lambda one: (abs(one.acquired - WHEN), one.acquired))
    found, over, before = outcome(plan), plan.passes_over(), outcome(first)
    for col, row in CELLS:
        patch = box(*TARGET.patch_grid(col, row).bounds)
        outlines = {f"S1A_{one.absolute_orbit:06d}": pass_polygon(Pass((one,)), GRID) for one in nearest}
        inside = [key for key, outline in outlines.items() if outline.covers(patch)]
        almost = [
            key
            for key, outline in outlines.items()
            if key not in inside and outline.buffer(NEAR_M, join_style="mitre").covers(patch)
        ]
        order = [*inside, *almost]
        whole = next((key for key in order if (key, (col, row)) not in lacking), None)
        tried = order if whole is None else order[: order.index(whole)]
        told = "; ".join(f"{key}: {LACK}" for key in tried)
        assert over.get((col, row), "") == told
        if whole is not None:
            assert found[col, row] == whole
        elif inside:
            assert found[col, row] == told
        else:
            assert found[col, row] == "; ".join(filter(None, [before[col, row], told]))
    # The first passes keep their windows; no window is looked at for nothing.
    assert [[window.name for window in job.windows] for job in plan.jobs[: len(first.jobs)]] == [
        [window.name for window in job.windows] for job in first.jobs
    ]
    assert all(window.cells for _, window in pixels.asked)


def test_a_plan_that_stands_is_the_same_one() -> None:
    first = plan_of([scene(1, 5), scene(2, 10)])
    assert reassign(first, Pixels(set()).find, make) is first
    assert reassign(first, Pixels({("S1A_000002", (0, 0))}).find, make) is first


def test_a_round_waits_until_all_windows_of_the_one_before_are_known() -> None:
    """So that the windows of a round follow from the pixels, and not from the order in which they came."""
    first = plan_of([scene(1, 5), scene(2, 10), scene(3, 20)])
    pixels = Pixels({("S1A_000001", (0, 0)), ("S1A_000001", (5, 5)), ("S1A_000002", (0, 0))})
    window = first.jobs[0].windows[-1]
    plan = reassign(first, lambda job, one: None if one == window else pixels.find(job, one), make)
    assert outcome(plan) == outcome(first)
    # The second round is planned, and not known yet: nothing of the third.
    plan = reassign(first, lambda job, one: pixels.find(job, one) if job in first.jobs else None, make)
    assert [job.one_pass.key for job in plan.jobs] == ["S1A_000001", "S1A_000002"]
    assert {cell for cell, key in outcome(plan).items() if key == "S1A_000002"} == {(0, 0), (5, 5)}
    plan = reassign(first, pixels.find, make)
    assert [job.one_pass.key for job in plan.jobs] == ["S1A_000001", "S1A_000002", "S1A_000003"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({}, "S1A_000002"),
        ({"max_dt_days": 0.25}, f"S1A_000001: {LACK}"),
        ({"per_orbit": "nearest"}, "S1A_000003"),
        ({"choice": "fewest"}, "S1A_000002"),
        ({"min_coverage": 1.0}, "S1A_000002"),
    ],
)
def test_the_next_pass_is_one_that_the_rules_allow(rules: dict[str, Any], expected: str) -> None:
    scenes = [scene(1, 5, track=9), scene(2, 10, track=9), scene(3, 20, track=8)]
    plan = reassign(plan_of(scenes, **rules), Pixels({("S1A_000001", (2, 3))}).find, make)
    found = outcome(plan)
    assert found.pop((2, 3)) == expected
    assert set(found.values()) == {"S1A_000001"}


def test_fewest_goes_on_with_the_nearest_of_all_passes_that_are_allowed() -> None:
    """Pass 3 alone serves everything; for what it lacks, pass 1, which it was chosen in place of, is the nearest."""
    half = (-50, -50, 380, 770)
    first = plan_of([scene(1, 5, half), scene(3, 20)], choice="fewest")
    assert set(outcome(first).values()) == {"S1A_000003"}
    found = outcome(reassign(first, Pixels({("S1A_000003", (1, 1)), ("S1A_000003", (5, 1))}).find, make))
    assert found[1, 1] == "S1A_000001"
    assert found[5, 1] == f"S1A_000003: {LACK}"


def test_where_the_rules_name_one_scene_there_is_no_next() -> None:
    first = replace(plan_of([scene(1, 5), scene(2, 10)]), allowed=())
    found = outcome(reassign(first, Pixels({("S1A_000001", (1, 1))}).find, make, "it has one scene alone"))
    assert found[1, 1] == f"S1A_000001: {LACK}; it has one scene alone"


def test_slices_that_are_not_joined_are_passes_of_their_own() -> None:
    """Both have the key of their orbit; each is tried once."""
    one, other = scene(1, 5), replace(scene(1, 5.01), id="COPERNICUS/S1_GRD/other", index="other")
    first = plan_of([one, other], join_slices=False)
    plan = reassign(first, Pixels({("S1A_000001", (1, 1))}).find, make)
    assert outcome(plan)[1, 1] == f"S1A_000001: {LACK}; S1A_000001: {LACK}"
    assert np.unique([job.fingerprint for job in plan.jobs]).size == 2


def test_no_candidate_pass_has_whole_what_is_absent(planned: Planned, ee_on: Any, tmp_path: Path) -> None:
    """Every pass within the window computed over all that is wanted, whatever the footprints say."""
    path = write_config(tmp_path, planned.catalog)
    radar = ["radar.border_noise=true", "radar.resampling=bilinear"]  # which mask pixels
    for stage in ("match", "plan", "fetch"):
        assert command([stage, "--config", str(path), "-q", *(word for key in radar for word in ("--set", key))]) == 0
    config = load_config(path, radar)
    workspace = Workspace(config.workspace_path)
    (key,) = load_plan(config, workspace).targets
    matched, plan = workspace.load(f"match/{key}", TargetMatch, "match"), load_target_plan(workspace, key)
    target, bands = matched.target, config.radar.polarisations
    (window,) = trimmed_windows(target, list(target.patches()), 360)
    whole: dict[Cell, list[tuple[float, str]]] = {cell: [] for cell in target.patches()}
    with ee_on(planned.catalog):
        for one in group_passes(matched.scenes):
            pixels = compute_pixels(job_image(config, one), window.grid(target), bands)
            good = np.logical_and.reduce([band > -1000 for band in pixels.values()])
            for col, row in whole:
                left, top = col * target.patch_px - window.col, row * target.patch_px - window.row
                if good[top : top + target.patch_px, left : left + target.patch_px].all():
                    whole[col, row].append((abs((one.acquired - target.acquired).total_seconds()), one.key))
    assert plan.passed_over
    assert len({len(passes) for passes in whole.values()}) > 1
    served = {cell: job.one_pass.key for job in plan.jobs for group in job.groups for cell in group.cells}
    assert served == {cell: min(passes)[1] for cell, passes in whole.items() if passes}


CELL_SETS = st.sets(st.sampled_from(CELLS), min_size=1).map(sorted)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("exports")
    path = write_config(folder, folder / "catalog", transport="drive", window_px=240, raster_px=480)
    return load_config(path)


@settings(max_examples=15)
@given(CELL_SETS, CELL_SETS)
def test_exports_with_other_windows_are_other_jobs(exports: Config, a: list[Cell], b: list[Cell]) -> None:
    """Of one pass, for other patches: as its next passes are, or those of a target at another time."""
    one = group_passes([scene(1, 2)])[0]
    windows_of: dict[str, tuple[str, ...]] = {}
    for cells in (a, b):
        job = PassPlan("pass", one, (), trimmed_windows(TARGET, cells, 240))
        for raster in target_rasters(exports, TargetPlan(TARGET, (job,), (), ())):
            names = tuple(window.name for window in raster.windows)
            assert windows_of.setdefault(raster.job.id, names) == names


def test_patches_in_one_outline_get_their_own_windows(exports: Config) -> None:
    """Two corners span what all patches fill."""
    one = group_passes([scene(1, 2)])[0]
    all_cells = [(col, row) for row in range(4) for col in range(4)]
    rasters = []
    for cells in (all_cells, [(0, 0), (3, 3)], [(3, 0), (0, 3)]):
        job = PassPlan("pass", one, (), trimmed_windows(TARGET, cells, 240))
        rasters += target_rasters(exports, TargetPlan(TARGET, (job,), (), ()))
    assert {raster.job.name for raster in rasters} == {"c000000_r000000_480x480"}
    assert len({raster.job.id for raster in rasters}) == 3
