"""Why a patch has no pass: what would contain it if the rules were others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.scene import Pass, Scene
from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.containment import NONE, first_containing
from gee_s1ben.pipeline.exclusion import POLARISATIONS, Nearby, exclusion, nothing_near
from gee_s1ben.pipeline.footprints import joined, pass_polygon, ring_polygon
from gee_s1ben.pipeline.selection import Rules, by_nearness, passes_of

Alternative = tuple[BaseGeometry, str]
"""What would contain a patch, and the reason why it does not serve."""

_NEIGHBOURS = timedelta(minutes=1)
"""Slices of one pass that follow one another begin within it."""


def lacking_bands(scenes: Sequence[Scene], polarisations: Sequence[str]) -> dict[str, str]:
    """Return the reason of every scene that lacks a polarisation, by its id."""
    return {
        scene.id: f"scene {scene.index} has no {' and no '.join(bands)}"
        for scene in scenes
        if (bands := [band for band in polarisations if band not in scene.bands])
    }


def reasons(
    target: Target,
    rules: Rules,
    polygons: NDArray[np.object_],
    passes: Sequence[Pass],
    scenes: Sequence[Scene],
    missing: Mapping[str, str],
    nearby: Nearby,
) -> list[str]:
    """Say of each patch that no usable pass contains why that is.

    Parameters
    ----------
    target : Target
        Where the patches are.
    rules : Rules
        What the passes were chosen by.
    polygons : ndarray of polygon
        The patches.
    passes : sequence of Pass
        All passes within the window whose scenes have what they must, nearest first.
    scenes : sequence of Scene
        All scenes within the window, those that lack something included.
    missing : mapping
        Scene id → what it lacks.
    nearby : Nearby
        Further scenes near the target, which cannot be used or which a rule excludes.
    """
    if not len(polygons):
        return []
    if not passes:
        return [nothing_near(rules, nearby, [scene for scene in scenes if scene.id in missing])] * len(polygons)
    near = [one for one in passes if abs(one.acquired - target.acquired) <= rules.reach]
    alternatives = [
        *_across_slices(target, rules, near),
        *_other_of_an_orbit(target, rules, near),
        *_with_bare_scenes(target, scenes, missing),
        *_too_far(target, rules, passes),
        *_refused(target, near, nearby),
        *_excluded(target, nearby),
    ]
    which = first_containing(target, [outline for outline, _ in alternatives], polygons)
    otherwise = f"no pass {rules.within} contains it fully"
    return [alternatives[index][1] if index != NONE else otherwise for index in which.tolist()]


def _across_slices(target: Target, rules: Rules, near: Sequence[Pass]) -> list[Alternative]:
    if rules.join_slices:
        return []
    joined = by_nearness(passes_of([scene for one in near for scene in one.slices], joined=True), target.acquired)
    return [
        (pass_polygon(one, target.grid), f"it lies across slices of {one.key}, which match.join_slices keeps apart")
        for one in joined
        if len(one.slices) > 1
    ]


def _other_of_an_orbit(target: Target, rules: Rules, near: Sequence[Pass]) -> list[Alternative]:
    if rules.per_orbit == "all":
        return []
    reason = "contains it, but is not the nearest of its relative orbit (match.per_orbit)"
    return [(pass_polygon(one, target.grid), f"{one.key} {reason}") for one in near]


def _with_bare_scenes(target: Target, scenes: Sequence[Scene], missing: Mapping[str, str]) -> list[Alternative]:
    if not missing:
        return []
    return [
        (pass_polygon(one, target.grid), next(missing[scene.id] for scene in one.slices if scene.id in missing))
        for one in by_nearness(passes_of(scenes, joined=True), target.acquired)
        if any(scene.id in missing for scene in one.slices)
    ]


def _too_far(target: Target, rules: Rules, passes: Sequence[Pass]) -> list[Alternative]:
    limit = rules.reach.total_seconds() / 86_400
    found = []
    for one in passes:
        days = abs(one.acquired - target.acquired).total_seconds() / 86_400
        if days > limit:
            reason = f"{one.key} contains it, but is {days:.1f} days away; match.max_dt_days is {limit:g}"
            found.append((pass_polygon(one, target.grid), reason))
    return found


def _refused(target: Target, near: Sequence[Pass], nearby: Nearby) -> list[Alternative]:
    """Scenes that cannot be used, joined with the pass that they are a slice of as far as their time tells."""
    found = []
    for one in nearby.refused:
        if one.footprint:
            neighbours = [
                pass_polygon(each, target.grid)
                for each in near
                if one.acquired and any(abs(scene.acquired - one.acquired) <= _NEIGHBOURS for scene in each.slices)
            ]
            area = joined([ring_polygon(one.footprint, target.grid), *neighbours], target.grid)
            found.append((area, one.sentence))
    return found


def _excluded(target: Target, nearby: Nearby) -> list[Alternative]:
    by_rule: defaultdict[str, list[Scene]] = defaultdict(list)
    for one in nearby.excluded:
        if one.rules != (POLARISATIONS,):  # of these, each says what it lacks
            by_rule[one.rules[0]].append(one.scene)
    return [
        (pass_polygon(one, target.grid), f"{one.key} contains it, but {exclusion(one.slices[0], rule)}")
        for rule, scenes in by_rule.items()
        for one in by_nearness(passes_of(scenes, joined=True), target.acquired)
    ]
