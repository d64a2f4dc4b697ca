"""Which scenes serve which patches of which target."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gee_s1ben.config import Config
from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.tile import Target
from gee_s1ben.errors import InputError, ServiceError
from gee_s1ben.graph.matching import candidate_scenes, target_feature
from gee_s1ben.pipeline.assignment import Assignment, assign
from gee_s1ben.pipeline.footprints import outline
from gee_s1ben.pipeline.scenes import scene_of
from gee_s1ben.pipeline.workspace import Workspace, digest
from gee_s1ben.session.computing import compute_value

_log = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True)
class MatchIndex:
    """The matches in numbers; those of each target are kept one by one."""

    digest: str
    """Of the configuration they were made from."""
    targets: tuple[str, ...]
    scenes: int
    passes: int
    """Passes that serve a patch, counted a target."""
    patches: int
    absent: int


def match(config: Config, workspace: Workspace) -> MatchIndex:
    """Find the scenes of every target and give each patch its pass; keep it all in the workspace.

    Raises
    ------
    InputError
        Not one patch of any target can be made.
    ServiceError
        The service refuses, fails, or answers with scenes that cannot be used.
    """
    targets = config.targets()
    if len(targets) < len(config.tiles):
        _log.info("%d targets are given more than once and made once", len(config.tiles) - len(targets))
    found = _candidates(config, targets)
    matches = []
    for target in targets:
        matched = match_target(config, target, found.get(target.key, ()))
        workspace.save(f"match/{target.key}", matched)
        matches.append(_numbers(matched))
        if not matches[-1].patches:
            _log.warning("%s: no patch can be made: %s", target.key, matched.assignment.absent[0].reason)
    index = MatchIndex(
        digest=match_digest(config),
        targets=tuple(target.key for target in targets),
        scenes=sum(numbers.scenes for numbers in matches),
        passes=sum(numbers.passes for numbers in matches),
        patches=sum(numbers.patches for numbers in matches),
        absent=sum(numbers.absent for numbers in matches),
    )
    if not index.patches:
        first = workspace.load(f"match/{targets[0].key}", TargetMatch, "match")
        raise InputError(_nothing(config, first, len(targets)))
    workspace.save("match", index)
    return index


def match_target(config: Config, target: Target, candidates: Sequence[Mapping[str, Any]]) -> TargetMatch:
    """Give each patch of a target its pass.

    Parameters
    ----------
    config : Config
        What scenes may serve.
    target : Target
        The patches wanted.
    candidates : sequence of mapping
        Properties of the scenes that the service found.
    """
    found = [(scene_of(config.match.collection, entry), entry) for entry in candidates]
    near = sorted(
        ((scene, entry) for scene, entry in found if _may_serve(config, target, scene)),
        key=lambda pair: (pair[0].acquired, pair[0].id),
    )
    scenes = [scene for scene, _ in near]
    return TargetMatch(
        target=target,
        scenes=tuple(scenes),
        digests={scene.id: digest(entry)[:16] for scene, entry in near},
        simulated=tuple(scene.id for scene, entry in near if entry.get("simulated") is True),
        assignment=assign(target, scenes, config.radar.polarisations, config.match.window_days),
    )


def _candidates(config: Config, targets: Sequence[Target]) -> dict[str, list[Mapping[str, Any]]]:
    """Ask for the scenes of all targets at once: target key → what the service says of each scene."""
    features = [
        target_feature(target.key, outline(target), round(target.acquired.timestamp() * 1000)) for target in targets
    ]
    asked = candidate_scenes(
        features,
        config.match.collection,
        directions=config.match.directions,
        window_ms=round(config.match.window_days * 86_400_000),
    )
    answer = compute_value(asked, f"looking for scenes in {config.match.collection}")
    try:
        return {str(entry["key"]): list(entry["scenes"]) for entry in answer}
    except (TypeError, KeyError) as error:
        raise ServiceError("looking for scenes: the answer is not a list of targets with their scenes") from error


def _may_serve(config: Config, target: Target, scene: Scene) -> bool:
    near = abs(scene.acquired - target.acquired) <= timedelta(days=config.match.window_days)
    return near and scene.orbit_direction in config.match.directions


def _nothing(config: Config, first: TargetMatch, targets: int) -> str:
    """Say why nothing can be made, and what to do."""
    where = first.target.key if targets == 1 else f"any of {targets} targets ({first.target.key}, …)"
    remedy = "widen match.window_days"
    if config.backend == "embedded":
        remedy += f", or add scenes to {config.embedded.catalog} ('gee-s1ben simulate', 'gee-s1ben catalog add')"
    reason = max(first.assignment.absent, key=lambda group: len(group.cells)).reason
    return f"no patch of {where} can be made: {reason}; {remedy}"


def _numbers(matched: TargetMatch) -> MatchIndex:
    assignment = matched.assignment
    return MatchIndex(
        digest="",
        targets=(matched.target.key,),
        scenes=len(matched.scenes),
        passes=len(assignment.passes),
        patches=sum(len(group.cells) for group in assignment.groups),
        absent=sum(len(group.cells) for group in assignment.absent),
    )


def match_digest(config: Config) -> str:
    """Digest of what in a configuration decides the matches."""
    return digest(
        config.backend,
        str(config.embedded.catalog) if config.backend == "embedded" else None,
        [entry.model_dump(mode="json") for entry in config.tiles],
        config.match.model_dump(mode="json"),
        config.radar.polarisations,
        config.dataset.patch_px,
    )
