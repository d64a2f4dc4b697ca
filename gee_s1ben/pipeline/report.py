"""What a run came to, in numbers and in a picture."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from gee_s1ben.config import Config
from gee_s1ben.dataset.geotiff import read_patch_tif
from gee_s1ben.dataset.layout import Layout, layout, raster_name
from gee_s1ben.dataset.manifest import PatchRow, read_absent, read_patches
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.domain.scene import Pass, Scene
from gee_s1ben.pipeline.footprints import scene_polygon
from gee_s1ben.pipeline.plan import TargetPlan, load_plan, load_target_plan
from gee_s1ben.pipeline.selection import by_nearness
from gee_s1ben.pipeline.showing import shown_colours
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.quality.quicklook import write_quicklook
from gee_s1ben.quality.view import Cell, ExampleView, PassView, QuicklookView, Ring, choose_examples

MOST_PICTURES = 12
"""More targets than this are not drawn."""


@dataclass(frozen=True, slots=True)
class PassSummary:
    """What one pass gave one target."""

    target: str
    pass_key: str
    relative_orbit: int
    orbit_direction: str
    dt_hours: float
    patches: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What stands in the dataset."""

    dataset: Path
    patches: int
    absent: int
    absent_reasons: Mapping[str, int]
    """Reason to number of patches, the commonest first."""
    passes: tuple[PassSummary, ...]
    """Most patches first, target by target."""
    passed_over: int
    """Patches from a later pass than their first, which lacks pixels of them."""
    dt_mean_hours: float | None
    """Mean |Δt| over patches."""
    dt_max_hours: float | None
    simulated: bool
    quicklooks: tuple[Path, ...]


def summarise(config: Config, workspace: Workspace) -> Summary:
    """Count what the dataset's tables say and draw its quick-looks.

    Raises
    ------
    InputError
        A table of the dataset is broken.
    StorageError
        A picture cannot be written.
    """
    plan = load_plan(config, workspace)
    root = config.dataset.path
    colours = shown_colours(workspace)
    pictures = {key: workspace.path / f"quicklook_{key}.png" for key in plan.targets[:MOST_PICTURES]}
    reasons: Counter[str] = Counter()
    absent: dict[str, list[Cell]] = {key: [] for key in pictures}
    for gap in read_absent(root):
        reasons[_kind(gap.reason)] += 1
        if gap.target in absent:
            absent[gap.target].append((gap.col, gap.row))
    counts: Counter[tuple[str, str, int, str, float]] = Counter()
    passed_over = 0
    bare = dict.fromkeys(pictures)
    for key, group in groupby(read_patches(root), key=lambda row: row.target):
        rows = list(group)  # the table has them together: memory holds one target
        counts.update((key, row.pass_key, row.relative_orbit, row.orbit_direction, row.dt_hours) for row in rows)
        passed_over += sum(bool(row.passed_over) for row in rows)
        if key in bare:
            del bare[key]
            draw(config, load_target_plan(workspace, key), rows, absent[key], pictures[key], colours)
    for key in bare:
        draw(config, load_target_plan(workspace, key), (), absent[key], pictures[key], colours)
    passes = tuple(
        PassSummary(*key, count) for key, count in sorted(counts.items(), key=lambda item: (item[0][0], -item[1]))
    )
    patches = sum(counts.values())
    return Summary(
        dataset=root,
        patches=patches,
        absent=sum(reasons.values()),
        absent_reasons=dict(reasons.most_common()),
        passes=passes,
        passed_over=passed_over,
        dt_mean_hours=sum(one.dt_hours * one.patches for one in passes) / patches if patches else None,
        dt_max_hours=max((one.dt_hours for one in passes), default=None),
        simulated=plan.simulated,
        quicklooks=tuple(pictures.values()),
    )


def draw(
    config: Config,
    plan: TargetPlan,
    written: Iterable[PatchRow],
    absent: Sequence[Cell],
    path: Path,
    colours: Mapping[int, str],
) -> None:
    """Draw one target: its passes, each in the colour of its relative orbit, and some of its patches."""
    root, form, target = config.dataset.path, layout(config.dataset.layout), plan.target
    rows = {(row.col, row.row): row for row in written}
    cells: defaultdict[str, list[Cell]] = defaultdict(list)
    for cell, row in rows.items():
        cells[row.pass_key].append(cell)
    passes = tuple(
        PassView(
            key=one.key,
            relative_orbit=one.relative_orbit,
            orbit_direction=one.orbit_direction,
            hours=abs((one.acquired - target.acquired).total_seconds()) / 3600,
            footprints=tuple(ring for scene in one.slices for ring in _rings(scene, target.grid)),
            cells=tuple(cells[one.key]),
            simulated=any(scene.id in plan.simulated for scene in one.slices),
        )
        for one in _passes(plan)
    )
    examples = tuple(
        _example(root, form, rows[cell], cell, key, config.radar.polarisations) for key, cell in choose_examples(cells)
    )
    subtitle = str(target.product) if target.product else f"{target.acquired:%Y-%m-%d %H:%M:%S} UTC"
    view = QuicklookView(target.name, subtitle, target.grid, target.patch_px, passes, tuple(absent), examples, colours)
    write_quicklook(path, view)


def _passes(plan: TargetPlan) -> list[Pass]:
    """Each pass once, the nearest first, though it may come again, as the next of some patches or slice by slice."""
    slices: defaultdict[str, set[Scene]] = defaultdict(set)
    for job in plan.jobs:
        slices[job.one_pass.key].update(job.one_pass.slices)
    passes = [
        Pass(tuple(sorted(group, key=lambda scene: (scene.acquired, scene.id))), key) for key, group in slices.items()
    ]
    return by_nearness(passes, plan.target.acquired)


def _example(
    root: Path, form: Layout, row: PatchRow, cell: Cell, key: str, polarisations: Sequence[str]
) -> ExampleView:
    name = S1PatchName.parse(row.name)
    folder = root / form.folder(name)
    bands = {band: read_patch_tif(folder / raster_name(name, band))[0] for band in polarisations}
    return ExampleView(row.name, cell, key, bands)


def _rings(scene: Scene, grid: Grid) -> list[Ring]:
    polygon = scene_polygon(scene, grid)
    parts = getattr(polygon, "geoms", [polygon])
    return [
        tuple((x, y) for x, y in part.exterior.coords) for part in parts if part.geom_type == "Polygon" and part.area
    ]


def _kind(reason: str) -> str:
    """Return a reason without the numbers that differ from patch to patch."""
    return re.sub(r"\d+ of \d+ pixels ha(?:ve|s)", "some pixels have", reason)
