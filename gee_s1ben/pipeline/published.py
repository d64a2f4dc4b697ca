"""The scenes that BigEarthNet was published with: patches of the ``published`` choice, found by platform and time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from gee_s1ben.domain.reprocessing import newness
from gee_s1ben.domain.scene import Pass, Scene, group_passes
from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.absence import lacking_bands
from gee_s1ben.pipeline.assignment import Assignment, Cell, PatchGroup, absent_groups
from gee_s1ben.pipeline.exclusion import NOTHING_ELSE, Nearby, exclusion
from gee_s1ben.pipeline.selection import Rules, by_nearness
from gee_s1ben.published import PublishedScene, choice

_WHOLE_SECONDS = timedelta(seconds=1)
"""Names and ``system:time_start`` leave out the fraction."""


def assign_published(
    target: Target, scenes: Sequence[Scene], rules: Rules, nearby: Nearby = NOTHING_ELSE
) -> Assignment:
    """Give every patch the scene that it was published with.

    Each scene is a pass of its own: slices are not joined, and where two overlap the published one counts.

    Parameters
    ----------
    target : Target
        A product of BigEarthNet, and the patches wanted of it.
    scenes : sequence of Scene
        Candidates within the window.
    rules : Rules
        For what a scene must have, and the wording of reasons.
    nearby : Nearby
        Further scenes, which only explain absences.
    """
    found = choice(target.name, target.acquired)
    wanted: defaultdict[PublishedScene, list[Cell]] = defaultdict(list)
    left: list[tuple[Cell, str]] = []
    for col, row in target.patches():
        named = found.scene(col, row) if found is not None else None
        if named is None:
            left.append(((col, row), "it was not published"))
        else:
            wanted[named].append((col, row))
    passes: list[Pass] = []
    groups: list[PatchGroup] = []
    for published, cells in wanted.items():
        scene, reason = _found(published, scenes, target, rules, nearby)
        if scene is None:
            left += [(cell, reason) for cell in cells]
            continue
        one = group_passes([scene])[0]
        passes.append(one)
        groups.append(PatchGroup(one.key, scene.id, (scene.id,), tuple(cells)))
    places = np.array([cell for cell, _ in left], dtype=np.int64).reshape(-1, 2)
    served = sum(len(group.cells) for group in groups)
    return Assignment(
        tuple(by_nearness(passes, target.acquired)),
        tuple(groups),
        absent_groups(places, [reason for _, reason in left]),
        served / (served + len(left)),
    )


def _found(
    published: PublishedScene, scenes: Sequence[Scene], target: Target, rules: Rules, nearby: Nearby
) -> tuple[Scene | None, str]:
    """Find a published scene among the candidates: the newest where a product was processed again."""
    same = [scene for scene in scenes if _is(scene, published)]
    if not same:
        for one in nearby.refused:
            if one.scene.startswith(published.label):
                return None, one.sentence
        for other in nearby.excluded:
            if _is(other.scene, published):
                return None, f"{published.label} is there, but {exclusion(other.scene, other.rules[0])}"
        days = abs(published.acquired - target.acquired).total_seconds() / 86_400
        if days > rules.window_days:
            return None, f"{published.label} is {days:.1f} days away; match.window_days is {rules.window_days:g}"
        return None, f"{published.label} is not in the collection"
    useful = [scene for scene in same if set(rules.polarisations) <= set(scene.bands)]
    if useful:
        return max(useful, key=newness), ""
    scene = max(same, key=newness)
    return None, lacking_bands([scene], rules.polarisations)[scene.id]


def _is(scene: Scene, published: PublishedScene) -> bool:
    return scene.platform == published.platform and abs(scene.acquired - published.acquired) < _WHOLE_SECONDS
