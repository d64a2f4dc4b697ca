"""Which pass serves which patch: pure functions over footprints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.plural import percent
from gee_s1ben.domain.scene import Pass, Scene
from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.absence import lacking_bands, reasons
from gee_s1ben.pipeline.containment import NONE, containing, first_containing
from gee_s1ben.pipeline.exclusion import NOTHING_ELSE, POLARISATIONS, Nearby
from gee_s1ben.pipeline.footprints import block_polygon, pass_polygon, patch_polygons, scene_polygon
from gee_s1ben.pipeline.selection import Rules, by_nearness, fewest, nearest_per_orbit, passes_of

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
    coverage: float = 0.0
    """Share of the wanted area that all passes together cover, those included that serve no patch."""
    allowed: tuple[Pass, ...] = ()
    """The passes that the rules let serve, nearest in time first: what a patch may get if its pass does not have it
    whole. None where the rules name one scene for each patch."""


def assign(target: Target, scenes: Sequence[Scene], rules: Rules, nearby: Nearby = NOTHING_ELSE) -> Assignment:
    """Give every patch the pass nearest in time that fully contains it.

    Slices of a pass are joined first, unless the rules say otherwise. Of two passes equally near the earlier serves,
    then the one whose key sorts first. What is absent gets the first reason that holds.

    Parameters
    ----------
    target : Target
        The patches wanted.
    scenes : sequence of Scene
        Candidates within the window; of these, such as lack a polarisation serve nothing, and explain absences.
    rules : Rules
        How passes are chosen.
    nearby : Nearby
        Further scenes, which only explain absences.
    """
    lacking = [one.scene for one in nearby.excluded if one.rules == (POLARISATIONS,)]
    cells = np.array(list(target.patches()), dtype=np.int64).reshape(-1, 2)
    polygons = patch_polygons(target, cells)
    missing = lacking_bands([*scenes, *lacking], rules.polarisations)
    useful = [scene for scene in scenes if scene.id not in missing]
    passes = by_nearness(passes_of(useful, joined=rules.join_slices), target.acquired)
    near = [one for one in passes if abs(one.acquired - target.acquired) <= rules.reach]
    usable = nearest_per_orbit(near) if rules.per_orbit == "nearest" else near
    outlines = {id(one): pass_polygon(one, target.grid) for one in passes}
    wanted = block_polygon(target) if target.cells is None else shapely.union_all(polygons)
    coverage = _coverage(wanted, [outlines[id(one)] for one in usable])
    enough = coverage >= rules.min_coverage - _SAME_AREA
    allowed = tuple(usable) if enough else ()
    if rules.choice == "fewest" and enough:
        usable = _fewest(target, usable, outlines, polygons)
    chosen = np.full(len(cells), NONE)
    if enough:
        chosen = first_containing(target, [outlines[id(one)] for one in usable], polygons)
    groups: list[PatchGroup] = []
    used = []
    for index, one in enumerate(usable):
        mine = np.flatnonzero(chosen == index)
        if mine.size:
            used.append(one)
            groups += patch_groups(target, one, cells[mine], polygons[mine])
    left = np.flatnonzero(chosen == NONE)
    if enough or not passes:
        why = reasons(target, rules, polygons[left], passes, [*scenes, *lacking], missing, nearby)
    else:
        asked = f"match.min_coverage asks for {percent(rules.min_coverage, 1)}"
        why = [f"the passes cover {percent(coverage, 1)} of what is wanted; {asked}"] * len(left)
    return Assignment(tuple(used), tuple(groups), absent_groups(cells[left], why), coverage, allowed)


def absent_groups(cells: NDArray[np.int64], reasons: Iterable[str]) -> tuple[AbsentGroup, ...]:
    """Group absent patches by their reason."""
    found: defaultdict[str, list[Cell]] = defaultdict(list)
    for (col, row), reason in zip(cells.tolist(), reasons, strict=True):
        found[reason].append((col, row))
    return tuple(AbsentGroup(reason, tuple(group)) for reason, group in found.items())


def _fewest(
    target: Target, passes: Sequence[Pass], outlines: Mapping[int, BaseGeometry], polygons: NDArray[np.object_]
) -> list[Pass]:
    if not passes:
        return []
    contained = np.stack([containing(target, outlines[id(one)], polygons) for one in passes])
    seconds = [abs((one.acquired - target.acquired).total_seconds()) for one in passes]
    return [passes[index] for index in fewest(contained, seconds)]


def _coverage(wanted: BaseGeometry, outlines: Sequence[BaseGeometry]) -> float:
    return float(shapely.area(shapely.intersection(shapely.union_all(outlines), wanted)) / shapely.area(wanted))


def patch_groups(
    target: Target, one: Pass, cells: NDArray[np.int64], polygons: NDArray[np.object_]
) -> list[PatchGroup]:
    """Group patches of one pass by the slices that they show, and by the one they are named after.

    Parameters
    ----------
    target : Target
        Where the patches are.
    one : Pass
        What serves them.
    cells : ndarray of int, shape (patches, 2)
        (column, row) of each.
    polygons : ndarray of polygon, shape (patches,)
        Their outlines.
    """
    ids = [scene.id for scene in one.slices]
    if len(ids) == 1:
        return [PatchGroup(one.key, ids[0], tuple(ids), _tuples(cells))]
    shares = np.stack([_shares(scene_polygon(scene, target.grid), polygons) for scene in one.slices])
    touching = shares > _SAME_AREA
    # The first within rounding of the largest share: a tie goes to the earlier slice.
    main = np.argmax(shares >= shares.max(axis=0) - _SAME_AREA, axis=0)
    touching[main, np.arange(len(main))] = True
    kinds, which = np.unique(np.vstack([main, touching]), axis=1, return_inverse=True)
    return [
        PatchGroup(
            one.key,
            ids[kind[0]],
            tuple(id_ for id_, touches in zip(ids, kind[1:], strict=True) if touches),
            _tuples(cells[which.ravel() == number]),
        )
        for number, kind in enumerate(kinds.T.tolist())
    ]


def _tuples(cells: NDArray[np.int64]) -> tuple[Cell, ...]:
    return tuple(zip(*cells.T.tolist(), strict=True)) if len(cells) else ()


def _shares(outline: BaseGeometry, polygons: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the share of each polygon that lies in an outline; areas are asked for only across its edge."""
    shapely.prepare(outline)
    shares = np.asarray(shapely.covers(outline, polygons), dtype=float)
    across = np.flatnonzero((shares == 0) & shapely.intersects(outline, polygons))
    shares[across] = shapely.area(shapely.intersection(outline, polygons[across])) / shapely.area(polygons[across])
    return shares
