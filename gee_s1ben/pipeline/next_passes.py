"""Give a patch its next pass where its first does not have it whole: a pure function over what windows lack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.scene import Pass
from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.assignment import AbsentGroup, Cell, PatchGroup, absent_groups, patch_groups
from gee_s1ben.pipeline.containment import containing
from gee_s1ben.pipeline.footprints import pass_polygon, patch_polygons, units_per_metre
from gee_s1ben.pipeline.plan import PassedOver, PassPlan, TargetPlan, WindowFinding
from gee_s1ben.pipeline.windows import Window

NEAR_M = 100.0
"""A pass whose outline leaves out no more than such a strip of a patch is tried, last of all: outlines are drawn with
few vertices, and stray from the pixels by tens of metres."""

Find = Callable[[PassPlan, Window], WindowFinding | None]
"""Says what the patches of a window lack; None as long as it is not known."""
Make = Callable[[Pass, tuple[PatchGroup, ...]], PassPlan]
"""Plans what is owed of a pass for some patches."""

_Tried = Mapping[Cell, Sequence[tuple[Pass, str]]]
"""The passes that do not have a patch whole, and what it lacks there."""


def reassign(first: TargetPlan, find: Find, make: Make, closing: str = "") -> TargetPlan:
    """Give each patch that its pass does not have whole the next one in order, as far as the pixels are known.

    The order is that of the rule: nearest in time among the passes that the rules allow and that contain the patch;
    after them, also for patches that no pass contains, those that leave out a strip of :data:`NEAR_M` at most. It goes
    in rounds: passes of one round are chosen when all windows of the round before are known, so that the windows of
    each follow from the pixels alone.

    Parameters
    ----------
    first : TargetPlan
        As it was planned from the matches.
    find : callable
        What the patches of a window lack.
    make : callable
        Plans a further pass.
    closing : str
        What is said of a patch for which no pass is left, after those that were tried.

    Returns
    -------
    TargetPlan
        With the patches of each pass that it serves, further passes after the first ones, and as absent what no pass
        has whole. ``first`` itself where every patch stays with its pass.
    """
    order = _Order(first.target, first.allowed)
    tried: defaultdict[Cell, list[tuple[Pass, str]]] = defaultdict(list)
    unserved = {cell: group.reason for group in first.absent for cell in group.cells}
    exhausted: dict[Cell, str] = {}
    settled: list[PassPlan] = []
    current, waiting = list(first.jobs), list(unserved)
    while (lacking := _lacking(current, find)) is not None:
        for cell, attempt in lacking.items():
            tried[cell].append(attempt)
        settled += [_without(job, lacking) for job in current]
        chosen = order.next_passes([*lacking, *waiting], tried)
        for cell in lacking.keys() - chosen.keys():
            exhausted[cell] = _reason(unserved.get(cell, ""), tried[cell], closing)
        for cell in chosen.keys() & set(waiting):
            exhausted[cell] = ""
        current, waiting = [make(one, groups) for one, groups in order.grouped(chosen)], []
        if not current:
            break
    jobs = (*settled, *current)
    if not tried and len(jobs) == len(first.jobs):
        return first
    return replace(first, jobs=jobs, absent=_absent(first.absent, exhausted), passed_over=_passed_over(tried))


class _Order:
    """In which order the passes that are allowed may serve a patch."""

    def __init__(self, target: Target, allowed: Sequence[Pass]) -> None:
        self._target, self._allowed = target, allowed
        self._outlines: list[tuple[BaseGeometry, BaseGeometry]] | None = None

    def next_passes(self, cells: Sequence[Cell], tried: _Tried) -> dict[Cell, int]:
        """Return the number of the next pass of each patch; one for which none is left is not in it."""
        if not (cells and self._allowed):
            return {}
        places = np.array(cells, dtype=np.int64).reshape(-1, 2)
        polygons = patch_polygons(self._target, places)
        chosen: dict[Cell, int] = {}
        for outlines in zip(*self._all_outlines(), strict=True):
            for number, (one, outline) in enumerate(zip(self._allowed, outlines, strict=True)):
                inside = containing(self._target, outline, polygons)
                for place in np.flatnonzero(inside).tolist():
                    cell = cells[place]
                    if cell not in chosen and not any(_same(one, before) for before, _ in tried.get(cell, ())):
                        chosen[cell] = number
        return chosen

    def grouped(self, chosen: Mapping[Cell, int]) -> Iterator[tuple[Pass, tuple[PatchGroup, ...]]]:
        """Yield each chosen pass, the nearest first, with its patches."""
        for number, one in enumerate(self._allowed):
            mine = sorted((cell for cell, at in chosen.items() if at == number), key=lambda cell: cell[::-1])
            if mine:
                cells = np.array(mine, dtype=np.int64).reshape(-1, 2)
                yield one, tuple(patch_groups(self._target, one, cells, patch_polygons(self._target, cells)))

    def _all_outlines(self) -> list[tuple[BaseGeometry, BaseGeometry]]:
        """Outline every pass, as it is and widened."""
        if self._outlines is None:
            reach = NEAR_M * units_per_metre(self._target.grid)
            exact = [pass_polygon(one, self._target.grid) for one in self._allowed]
            self._outlines = [(one, shapely.buffer(one, reach, join_style="mitre")) for one in exact]
        return self._outlines


def _lacking(jobs: Sequence[PassPlan], find: Find) -> dict[Cell, tuple[Pass, str]] | None:
    """Return which patches lack what; None where a window is not known."""
    found: dict[Cell, tuple[Pass, str]] = {}
    for job in jobs:
        for window in job.windows:
            if not window.cells:
                continue
            finding = find(job, window)
            if finding is None:
                return None
            wanted = set(window.cells)
            for reason, cells in finding.lacking:
                found.update((cell, (job.one_pass, reason)) for cell in cells if cell in wanted)
    return found


def _without(job: PassPlan, lacking: Mapping[Cell, object]) -> PassPlan:
    """Take patches from a pass; its windows stay where and as large as they are, so that none is asked for again."""
    gone = tuple(cell for group in job.groups for cell in group.cells if cell in lacking)
    if not gone:
        return job
    groups = (replace(group, cells=_rest(group.cells, lacking)) for group in job.groups)
    windows = tuple(replace(window, cells=_rest(window.cells, lacking)) for window in job.windows)
    return replace(job, groups=tuple(group for group in groups if group.cells), windows=windows, given_up=gone)


def _rest(cells: Sequence[Cell], gone: Mapping[Cell, object]) -> tuple[Cell, ...]:
    return tuple(cell for cell in cells if cell not in gone)


def _same(one: Pass, other: Pass) -> bool:
    """Whether two passes are the same slices: slices that are not joined are passes of one key."""
    return [scene.id for scene in one.slices] == [scene.id for scene in other.slices]


def _reason(before: str, tried: Iterable[tuple[Pass, str]], closing: str) -> str:
    """Say why a patch is absent: why no pass contains it, and what it lacks in each that was tried."""
    return "; ".join(filter(None, [before, *(f"{one.key}: {reason}" for one, reason in tried), closing]))


def _absent(groups: Sequence[AbsentGroup], exhausted: Mapping[Cell, str]) -> tuple[AbsentGroup, ...]:
    """Put together what no pass contains and what no pass has whole."""
    left = [replace(group, cells=_rest(group.cells, exhausted)) for group in groups]
    ended = {cell: reason for cell, reason in exhausted.items() if reason}
    cells = np.array(list(ended), dtype=np.int64).reshape(-1, 2)
    return (*(group for group in left if group.cells), *absent_groups(cells, ended.values()))


def _passed_over(tried: _Tried) -> tuple[PassedOver, ...]:
    """Group patches by what they lack in which pass, the first passes tried first."""
    found: defaultdict[tuple[int, str, str], list[Cell]] = defaultdict(list)
    for cell, attempts in tried.items():
        for place, (one, reason) in enumerate(attempts):
            found[place, one.key, reason].append(cell)
    ordered = sorted(found.items(), key=lambda item: item[0])
    return tuple(PassedOver(key, reason, tuple(cells)) for (_, key, reason), cells in ordered)
