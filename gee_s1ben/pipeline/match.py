"""Which scenes serve which patches of which target."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import shapely
from shapely.errors import GEOSException

from gee_s1ben.config import Config
from gee_s1ben.domain.plural import plural
from gee_s1ben.domain.reprocessing import superseded
from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.tile import Target
from gee_s1ben.errors import InputError
from gee_s1ben.graph.matching import IDENTITY
from gee_s1ben.pipeline.assignment import Assignment, absent_groups, assign
from gee_s1ben.pipeline.candidates import Answer, explain_absences, find_candidates
from gee_s1ben.pipeline.exclusion import COLLECTION, WINDOW, LeftOut, SceneReader, nearby_of
from gee_s1ben.pipeline.footprints import block_polygon, scene_polygon, units_per_metre
from gee_s1ben.pipeline.published import assign_published
from gee_s1ben.pipeline.selection import Rules
from gee_s1ben.pipeline.workspace import Workspace, digest

_log = logging.getLogger(__name__)

_MOST_WARNINGS = 5
_SAME_OUTLINE_M = 1000.0
"""The outlines of two processings of one scene differ by less."""


@dataclass(frozen=True, slots=True)
class TargetMatch:
    """What was found for one target."""

    target: Target
    scenes: tuple[Scene, ...]
    """All candidates, in order of time."""
    digests: Mapping[str, str]
    """Scene id → digest of all its properties: a scene that was made anew is another one."""
    simulated: tuple[str, ...]
    """Ids of the candidates that were simulated."""
    assignment: Assignment
    left_out: tuple[LeftOut, ...] = ()
    """Scenes that serve nothing because they cannot be used, or because a newer processing of them does."""
    excluded: Mapping[str, int] = field(default_factory=dict)
    """Rule → how many scenes it excluded; asked for where a patch is absent."""


@dataclass(frozen=True, slots=True)
class MatchIndex:
    """The matches in numbers; those of each target are kept one by one."""

    digest: str
    """Of the configuration they were made from."""
    targets: tuple[str, ...]
    scenes: int
    """Candidates, each counted once, however many targets it is near to."""
    passes: int
    """Passes that serve a patch of any target, each counted once."""
    patches: int
    absent: int


@dataclass(frozen=True, slots=True)
class _Numbers:
    """What stays in memory of a target's match."""

    scenes: frozenset[str]
    passes: frozenset[str]
    patches: int
    absent: int


def match(config: Config, workspace: Workspace) -> MatchIndex:
    """Find the scenes of every target and give each patch its pass; keep it all in the workspace.

    Raises
    ------
    ServiceError
        The service refuses or fails.
    """
    targets = config.targets()
    for note in config.notes():
        _log.info("%s", note)
    found = find_candidates(config, targets)
    refused: dict[str, str] = {}
    numbers = {
        target.key: _kept(config, workspace, target, Answer(found.get(target.key, ())), refused) for target in targets
    }
    wanting = [target for target in targets if numbers[target.key].absent]
    # What the rules exclude was left on the server; it is of interest only where a patch is absent.
    explained = explain_absences(config, wanting, found)
    for target in wanting:
        if target.key in explained:
            numbers[target.key] = _kept(config, workspace, target, explained[target.key], refused)
    _warn_of(refused)
    index = MatchIndex(
        digest=match_digest(config),
        targets=tuple(target.key for target in targets),
        scenes=len(set().union(*(one.scenes for one in numbers.values()))),
        passes=len(set().union(*(one.passes for one in numbers.values()))),
        patches=sum(one.patches for one in numbers.values()),
        absent=sum(one.absent for one in numbers.values()),
    )
    if index.patches:
        workspace.save("match", index)
    bare = [target.key for target in targets if not numbers[target.key].patches] if index.patches else []
    for key in bare[:_MOST_WARNINGS]:
        first = workspace.load(f"match/{key}", TargetMatch, "match").assignment.absent[0]
        _log.warning("%s: no patch can be made: %s", key, first.reason)
    if len(bare) > _MOST_WARNINGS:
        _log.warning("and no patch of %s", plural(len(bare) - _MOST_WARNINGS, "more target"))
    return index


def check_matched(config: Config, workspace: Workspace, index: MatchIndex) -> None:
    """Refuse to go on with nothing.

    Raises
    ------
    InputError
        Not one patch of any target can be made.
    """
    if not index.patches:
        first = workspace.load(f"match/{index.targets[0]}", TargetMatch, "match")
        raise InputError(_nothing(config, first, len(index.targets)))


def _kept(config: Config, workspace: Workspace, target: Target, answer: Answer, refused: dict[str, str]) -> _Numbers:
    """Match a target and keep it on disk: only its numbers stay in memory, and the scenes that cannot be used."""
    try:
        matched = match_target(config, target, answer)
        refused.update({one.scene: one.reason for one in matched.left_out if not one.replaced_by})
    except (InputError, GEOSException) as error:
        # One target stops no other.
        cells = np.array(list(target.patches()), dtype=np.int64)
        absent = absent_groups(cells, [f"its scenes cannot be matched: {error}"] * len(cells))
        matched = TargetMatch(target, (), {}, (), Assignment((), (), absent))
    workspace.save(f"match/{target.key}", matched)
    return _numbers(matched)


def _warn_of(refused: Mapping[str, str]) -> None:
    """Say in one line which scenes cannot be used."""
    if len(refused) == 1:
        _log.warning("1 scene is left out: %s", *refused.values())
    elif refused:
        _log.warning(
            "%d scenes are left out, all named in coverage.txt: %s", len(refused), next(iter(refused.values()))
        )


def match_target(config: Config, target: Target, answer: Answer) -> TargetMatch:
    """Give each patch of a target its pass.

    Parameters
    ----------
    config : Config
        What scenes may serve.
    target : Target
        The patches wanted.
    answer : Answer
        What the service says of the scenes near the target.
    """
    rules = rules_of(config)
    reader = SceneReader(config.match.collection).read(answer.candidates)
    near = sorted(
        ((scene, entry) for scene, entry in reader.scenes if _may_serve(rules, target, scene)),
        key=lambda pair: (pair[0].acquired, pair[0].id),
    )
    useful = [scene for scene, _ in near if set(rules.polarisations) <= set(scene.bands)]
    published = config.match.choice == "published"
    # Published patches are found by the start of their scene: only what begins and ends alike is the same there.
    older = _replaced(target, useful, superseded(useful, same_times=published))
    near = [(scene, entry) for scene, entry in near if scene.id not in older]
    nearby = nearby_of(target, rules, reader, answer.excluded, answer.farther, answer.empty)
    assignment = (assign_published if published else assign)(target, [scene for scene, _ in near], rules, nearby)
    left_out = [LeftOut(one.scene, one.sentence) for one in nearby.refused]
    for scene in useful:
        if scene.id in older:
            newer = older[scene.id].index
            left_out.append(LeftOut(scene.index, f"scene {scene.index} was processed again: {newer} is newer", newer))
    return TargetMatch(
        target=target,
        scenes=tuple(scene for scene, _ in near),
        digests={scene.id: _digest(entry) for scene, entry in near},
        simulated=tuple(scene.id for scene, entry in near if entry.get("simulated") is True),
        assignment=assignment,
        left_out=tuple(left_out),
        excluded=nearby.counts,
    )


def _replaced(target: Target, useful: Sequence[Scene], older: Mapping[str, Scene]) -> dict[str, Scene]:
    """Keep only the older scenes whose part of the target the newer ones cover: a catalog may hold cut-outs."""
    found = {}
    for scene in useful:
        if scene.id in older:
            newer = [one for one in useful if one.id not in older and one.datatake == scene.datatake]
            outlines = [scene_polygon(one, target.grid) for one in newer if one.platform == scene.platform]
            area = shapely.buffer(shapely.union_all(outlines), _SAME_OUTLINE_M * units_per_metre(target.grid))
            if shapely.covers(area, shapely.intersection(scene_polygon(scene, target.grid), block_polygon(target))):
                found[scene.id] = older[scene.id]
    return found


def _digest(entry: Mapping[str, Any]) -> str:
    """Digest what decides a scene's pixels; when it was processed is told by its name as well."""
    return digest({name: value for name, value in entry.items() if name not in IDENTITY})[:16]


def rules_of(config: Config) -> Rules:
    """Take from a configuration how passes are chosen."""
    settings = config.match
    return Rules(
        polarisations=config.radar.polarisations,
        window_days=settings.window_days,
        max_dt_days=settings.max_dt_days,
        directions=settings.directions,
        platforms=settings.platforms,
        choice="fewest" if settings.choice == "fewest" else "nearest",
        per_orbit=settings.per_orbit,
        join_slices=settings.join_slices,
        min_coverage=settings.min_coverage,
    )


def _may_serve(rules: Rules, target: Target, scene: Scene) -> bool:
    """Whether a scene is one that was asked for; a service may answer more."""
    near = abs(scene.acquired - target.acquired) <= timedelta(days=rules.window_days)
    return near and scene.orbit_direction in rules.directions and scene.platform in rules.platforms


def _nothing(config: Config, first: TargetMatch, targets: int) -> str:
    """Say why nothing can be made, and what to do."""
    where = first.target.key if targets == 1 else f"any of {targets} targets ({first.target.key}, …)"
    reason = max(first.assignment.absent, key=lambda group: len(group.cells)).reason
    rules = set(first.excluded)
    remedies = []
    if first.scenes or not (rules or first.left_out):
        remedies.append("widen match.window_days")
    if config.backend == "embedded" and (first.scenes or not (rules - {WINDOW, COLLECTION} or first.left_out)):
        remedies.append(f"add scenes to {config.embedded.catalog} ('gee-s1ben simulate', 'gee-s1ben catalog add')")
    remedy = f"; {', or '.join(remedies)}" if remedies else ""
    return f"no patch of {where} can be made: {reason}{remedy}"


def _numbers(matched: TargetMatch) -> _Numbers:
    assignment = matched.assignment
    return _Numbers(
        scenes=frozenset(scene.id for scene in matched.scenes),
        passes=frozenset(one.key for one in assignment.passes),
        patches=sum(len(group.cells) for group in assignment.groups),
        absent=sum(len(group.cells) for group in assignment.absent),
    )


def _target_digest(target: Target) -> list[Any]:
    return [
        target.key,
        str(target.product),
        target.grid.to_pixel_grid(),
        target.patch_px,
        asdict(target.block),
        target.cells,
    ]


def match_digest(config: Config) -> str:
    """Digest of what in a configuration decides the matches."""
    return digest(
        config.backend,
        config.catalog_as_written if config.backend == "embedded" else None,
        [_target_digest(target) for target in config.targets()],
        config.match.model_dump(mode="json"),
        config.radar.polarisations,
    )
