"""Which pass serves which patch: pure functions over footprints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import shapely
from numpy.typing import NDArray

from gee_s1ben.domain.scene import Pass, Scene, group_passes
from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.footprints import pass_polygon, patch_polygons, scene_polygon

Cell = tuple[int, int]
"""(column, row) of a patch in its target."""

_SAME_AREA = 1e-6
"""Shares of a patch that differ by less are equal."""


@dataclass(frozen=True, slots=True)
class PatchGroup:
    """Patches served alike: by the same slices of the same pass."""

    pass_key: str
    """``S1A_017022``."""
    scene: str
    """Id of the slice that covers most of each patch; the patches are named after it."""
    sources: tuple[str, ...]
    """Ids of all slices that touch each patch, in order of time."""
    cells: tuple[Cell, ...]
    """The patches, row by row from the north-west."""


@dataclass(frozen=True, slots=True)
class AbsentGroup:
    """Patches that no pass serves, for one reason."""

    reason: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Every wanted patch of a target, served or absent."""

    passes: tuple[Pass, ...]
    """The passes that serve a patch, nearest in time first."""
    groups: tuple[PatchGroup, ...]
    absent: tuple[AbsentGroup, ...]


def by_nearness(passes: Sequence[Pass], moment: datetime) -> list[Pass]:
    """Sort passes by |Δt|; of two equally near the earlier comes first, then the one whose key sorts first."""
    return sorted(passes, key=lambda one: (abs(one.acquired - moment), one.acquired, one.key))


def assign(target: Target, scenes: Sequence[Scene], polarisations: Sequence[str], window_days: float) -> Assignment:
    """Give every patch the pass nearest in time that fully contains it.

    Slices of a pass are joined first. A scene that lacks a polarisation serves no patch; where its pass would have,
    the patch is absent for that reason.

    Parameters
    ----------
    target : Target
        The patches wanted.
    scenes : sequence of Scene
        Candidates, already limited in time and direction.
    polarisations : sequence of str
        Bands a scene must have.
    window_days : float
        Only for the wording of reasons.
    """
    lacking = {
        scene.id: f"scene {scene.index} has no {' and no '.join(missing)}"
        for scene in scenes
        if (missing := [band for band in polarisations if band not in scene.bands])
    }
    usable = by_nearness(group_passes(scene for scene in scenes if scene.id not in lacking), target.acquired)
    cells = np.array(list(target.patches()), dtype=np.int64).reshape(-1, 2)
    polygons = patch_polygons(target, map(tuple, cells))
    chosen = _first_containing(target, usable, polygons)
    groups: list[PatchGroup] = []
    for index, one in enumerate(usable):
        mine = np.flatnonzero(chosen == index)
        if mine.size:
            groups += _groups(target, one, cells[mine], polygons[mine])
    used = {group.pass_key for group in groups}
    left = np.flatnonzero(chosen < 0)
    absent = _absent(target, cells[left], polygons[left], scenes, lacking, window_days)
    return Assignment(tuple(one for one in usable if one.key in used), tuple(groups), absent)


def _first_containing(target: Target, passes: Sequence[Pass], polygons: NDArray[np.object_]) -> NDArray[np.int64]:
    """For each polygon the index of the first pass that covers it, −1 for none."""
    chosen = np.full(len(polygons), -1, dtype=np.int64)
    for index, one in enumerate(passes):
        open_ = np.flatnonzero(chosen < 0)
        if not open_.size:
            break
        footprint = pass_polygon(one, target.grid)
        shapely.prepare(footprint)
        chosen[open_[shapely.covers(footprint, polygons[open_])]] = index
    return chosen


def _groups(target: Target, one: Pass, cells: NDArray[np.int64], polygons: NDArray[np.object_]) -> list[PatchGroup]:
    slices = [scene_polygon(scene, target.grid) for scene in one.slices]
    whole = shapely.area(polygons)
    shares = np.stack([shapely.area(shapely.intersection(slice_, polygons)) / whole for slice_ in slices])
    touching = shares > _SAME_AREA
    # The first within rounding of the largest share: a tie goes to the earlier slice.
    main = np.argmax(shares >= shares.max(axis=0) - _SAME_AREA, axis=0)
    touching[main, np.arange(len(main))] = True
    found: defaultdict[tuple[int, tuple[bool, ...]], list[Cell]] = defaultdict(list)
    for position, (col, row) in enumerate(cells.tolist()):
        found[int(main[position]), tuple(touching[:, position].tolist())].append((col, row))
    ids = [scene.id for scene in one.slices]
    return [
        PatchGroup(
            one.key, ids[index], tuple(id_ for id_, touches in zip(ids, mask, strict=True) if touches), tuple(group)
        )
        for (index, mask), group in sorted(found.items())
    ]


def _absent(
    target: Target,
    cells: NDArray[np.int64],
    polygons: NDArray[np.object_],
    scenes: Sequence[Scene],
    lacking: dict[str, str],
    window_days: float,
) -> tuple[AbsentGroup, ...]:
    if not len(cells):
        return ()
    if not scenes:
        reason = f"no Sentinel-1 scene within {window_days:g} days"
        return (AbsentGroup(reason, tuple((col, row) for col, row in cells.tolist())),)
    found: defaultdict[str, list[Cell]] = defaultdict(list)
    refused = by_nearness(group_passes(scenes), target.acquired) if lacking else []
    would = _first_containing(target, refused, polygons)
    for (col, row), index in zip(cells.tolist(), would.tolist(), strict=True):
        reason = f"no pass within {window_days:g} days contains it fully"
        if index >= 0:
            reason = next(lacking[scene.id] for scene in refused[index].slices if scene.id in lacking)
        found[reason].append((col, row))
    return tuple(AbsentGroup(reason, tuple(group)) for reason, group in found.items())
