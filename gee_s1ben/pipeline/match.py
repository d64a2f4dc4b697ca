"""Which scenes serve which patches of which target."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from gee_s1ben.config import Config
from gee_s1ben.domain.plural import plural
from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.tile import Target
from gee_s1ben.errors import InputError
from gee_s1ben.pipeline.assignment import Assignment, assign
from gee_s1ben.pipeline.candidates import find_candidates
from gee_s1ben.pipeline.published import assign_published
from gee_s1ben.pipeline.scenes import scene_of
from gee_s1ben.pipeline.selection import Rules
from gee_s1ben.pipeline.workspace import Workspace, digest

_log = logging.getLogger(__name__)

_MOST_WARNINGS = 5


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
    ServiceError
        The service refuses, fails, or answers with scenes that cannot be used.
    """
    targets = config.targets()
    if len(targets) < len(config.tiles):
        _log.info("%s given more than once: made once", plural(len(config.tiles) - len(targets), "target"))
    found = find_candidates(config, targets)
    numbers = {target.key: _kept(config, workspace, target, found) for target in targets}
    wanting = [target for target in targets if numbers[target.key].absent]
    if wanting:
        # Scenes that lack a polarisation were left on the server; they are of interest only where a patch is absent.
        lacking = find_candidates(config, wanting, lacking=True)
        for target in wanting:
            if target.key in lacking:
                numbers[target.key] = _kept(config, workspace, target, found, lacking[target.key])
    index = MatchIndex(
        digest=match_digest(config),
        targets=tuple(target.key for target in targets),
        scenes=sum(one.scenes for one in numbers.values()),
        passes=sum(one.passes for one in numbers.values()),
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


def _kept(
    config: Config,
    workspace: Workspace,
    target: Target,
    found: Mapping[str, Sequence[Mapping[str, Any]]],
    lacking: Sequence[Mapping[str, Any]] = (),
) -> MatchIndex:
    """Match a target and keep it on disk: only its numbers stay in memory."""
    matched = match_target(config, target, found.get(target.key, ()), lacking)
    workspace.save(f"match/{target.key}", matched)
    return _numbers(matched)


def match_target(
    config: Config,
    target: Target,
    candidates: Sequence[Mapping[str, Any]],
    lacking: Sequence[Mapping[str, Any]] = (),
) -> TargetMatch:
    """Give each patch of a target its pass.

    Parameters
    ----------
    config : Config
        What scenes may serve.
    target : Target
        The patches wanted.
    candidates : sequence of mapping
        Properties of the scenes that the service found.
    lacking : sequence of mapping
        Properties of scenes that lack a polarisation.
    """
    rules = rules_of(config)
    found = [(scene_of(config.match.collection, entry), entry) for entry in candidates]
    near = sorted(
        ((scene, entry) for scene, entry in found if _may_serve(rules, target, scene)),
        key=lambda pair: (pair[0].acquired, pair[0].id),
    )
    scenes = [scene for scene, _ in near]
    bare = [scene_of(config.match.collection, entry) for entry in lacking]
    if config.match.choice == "published":
        assignment = assign_published(target, scenes, rules)
    else:
        assignment = assign(target, scenes, rules, [scene for scene in bare if _may_serve(rules, target, scene)])
    return TargetMatch(
        target=target,
        scenes=tuple(scenes),
        digests={scene.id: digest(entry)[:16] for scene, entry in near},
        simulated=tuple(scene.id for scene, entry in near if entry.get("simulated") is True),
        assignment=assignment,
    )


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
