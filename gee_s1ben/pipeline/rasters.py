"""Which rasters are owed: windows for ``direct``, whole passes over a target for the exports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from gee_s1ben.config import Config
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.job import JOB_ID_LENGTH, Job
from gee_s1ben.domain.scene import Pass
from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline import plan as plans
from gee_s1ben.pipeline.windows import Window
from gee_s1ben.pipeline.workspace import Workspace, digest
from gee_s1ben.session.computing import Image


@dataclass(frozen=True, slots=True)
class Raster:
    """A job with all that is needed to ask for it and to land it."""

    job: Job
    target: Target
    col: int
    """First column of the job's grid in the target's raster."""
    row: int
    windows: tuple[Window, ...]
    """What it lands as, in pixels of the target's raster."""
    image: Callable[[], Image]
    """Builds the graph; needs a connection."""


def rasters(config: Config, workspace: Workspace, keys: Sequence[str] | None = None) -> Iterator[Raster]:
    """Every raster of the plan or of some targets, pass by pass; one target's plan in memory at a time.

    Raises
    ------
    WorkspaceError
        There is no plan, or it was made from another configuration.
    """
    for key in plans.load_plan(config, workspace).targets if keys is None else keys:
        yield from target_rasters(config, plans.load_target_plan(workspace, key))


def target_rasters(config: Config, plan: plans.TargetPlan) -> Iterator[Raster]:
    """Rasters of one target's plan."""
    target, bands = plan.target, tuple(config.radar.polarisations)
    for owed in plan.jobs:
        image = partial(plans.job_image, config, owed.one_pass)
        for windows in grouped(config, owed.windows):
            col, row = min(one.col for one in windows), min(one.row for one in windows)
            width = max(one.col + one.width for one in windows) - col
            height = max(one.row + one.height for one in windows) - row
            whole = sum(one.width * one.height for one in windows) == width * height
            parts = () if whole else tuple(one.name for one in windows)
            job = job_of(target, owed.one_pass, owed.fingerprint, Window(col, row, width, height, ()), bands, parts)
            yield Raster(job, target, col, row, windows, image)


def grouped(config: Config, windows: Sequence[Window]) -> list[tuple[Window, ...]]:
    """Windows that are asked for as one raster: each its own for ``direct``, else as many as ``raster_px`` holds."""
    if config.export.transport == "direct":
        return [(window,) for window in windows]
    step, longest = config.window_px, config.export.raster_px
    across = _spans([(one.col // step, one.col, one.col + one.width) for one in windows], longest)
    down = _spans([(one.row // step, one.row, one.row + one.height) for one in windows], longest)
    groups: defaultdict[tuple[int, int], list[Window]] = defaultdict(list)
    for one in windows:
        groups[down[one.row // step], across[one.col // step]].append(one)
    return [tuple(groups[key]) for key in sorted(groups)]


def job_of(
    target: Target, one_pass: Pass, fingerprint: str, window: Window, bands: tuple[str, ...], parts: Sequence[str] = ()
) -> Job:
    """Make the job of a window of a target's raster; ``parts`` are what is wanted of it, where that is not all."""
    grid = window.grid(target)
    return Job(
        id=job_id(fingerprint, grid, bands, parts),
        target=target.key,
        pass_key=one_pass.key,
        fingerprint=fingerprint,
        name=window.name,
        grid=grid,
        bands=bands,
    )


def job_id(fingerprint: str, grid: Grid, bands: Sequence[str], parts: Sequence[str] = ()) -> str:
    """Return the id of a job: the digest of what decides its pixels, and of its windows where these leave gaps.

    Two rasters of a pass may have one outline and other windows: of two targets of a tile, or for next passes.
    """
    wanted = [list(parts)] if parts else []
    return digest(fingerprint, grid.to_pixel_grid(), list(bands), *wanted)[:JOB_ID_LENGTH]


def _spans(lines: Sequence[tuple[int, int, int]], longest: int) -> dict[int, int]:
    """Number of the span that each line of the lattice falls in, so that no span passes ``longest`` where it can help.

    Parameters
    ----------
    lines : sequence of (line, first, end)
        Pixels that a window on a line of the lattice takes; lines may repeat.
    longest : int
        Pixels.
    """
    reach: dict[int, tuple[int, int]] = {}
    for line, first, end in lines:
        known = reach.get(line, (first, end))
        reach[line] = min(known[0], first), max(known[1], end)
    found: dict[int, int] = {}
    span, start = -1, 0
    for line in sorted(reach):
        first, end = reach[line]
        if span < 0 or end - start > longest:
            span, start = span + 1, first
        found[line] = span
    return found
