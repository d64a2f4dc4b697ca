"""Asking the service which scenes are near which targets: few requests, none over the limits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gee_s1ben.config import Config
from gee_s1ben.domain.tile import Target
from gee_s1ben.errors import AccessError, ServiceError
from gee_s1ben.graph.matching import SceneFilter, Span, candidate_scenes, is_empty, target_feature
from gee_s1ben.pipeline.footprints import outline
from gee_s1ben.session.computing import compute_value, serialized

MOST_TARGETS = 500
"""Targets of one request."""
MOST_BYTES = 8_000_000
"""Of one request; Earth Engine takes 10,485,760."""
PAGE = 5000
"""Scenes of one answer, as many as Earth Engine lets a collection have in one."""

_FARTHER_DAYS = 30.0
"""How much farther than twice the window a scene is looked for, to be able to say how far the nearest is."""
_FARTHEST_DAYS = 366.0
_NOT_FOUND = 404
_DAY_MS = 86_400_000
_TOO_MUCH = re.compile(
    r"too large|payload size|memory (limit|capacity) exceeded|out of memory|computation timed out|too many elements"
    r"|accumulating over|too complex",
    re.IGNORECASE,
)

Candidates = dict[str, list[Mapping[str, Any]]]
"""Target key → what the service says of each scene near it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service says of the scenes near a target."""

    candidates: Sequence[Mapping[str, Any]]
    """Properties of those that keep the rules."""
    excluded: Sequence[Mapping[str, Any]] = ()
    """Of those that a rule excludes."""
    farther: Sequence[Mapping[str, Any]] = ()
    """Of those beyond the window, where nothing is within it."""
    empty: str = ""
    """Id of the collection, if it has no image at all."""


def find_candidates(
    config: Config, targets: Sequence[Target], *, excluded: bool = False, window_days: float | None = None
) -> Candidates:
    """Find the scenes that touch each target within the time window.

    Targets go up in groups that lie close in time, each group with one join; a group that is too large for a request or
    for an answer is halved.

    Parameters
    ----------
    config : Config
        Where to look, and for what.
    targets : sequence of Target
        At least one; their keys differ.
    excluded : bool
        Find the scenes that a rule of the configuration excludes instead.
    window_days : float, optional
        How far from a target's time they are looked for; by default as the configuration says.

    Returns
    -------
    dict
        Target key → properties of its scenes. A target without any is not in it.

    Raises
    ------
    ServiceError
        The collection does not exist; the service refuses, fails, or answers something else than scenes.
    """
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    days = config.match.window_days if window_days is None else window_days
    window_ms = round(days * _DAY_MS)
    ordered = sorted(targets, key=lambda target: (target.acquired, target.key))
    for start in range(0, len(ordered), MOST_TARGETS):
        for scene in _asked(config, ordered[start : start + MOST_TARGETS], window_ms, excluded=excluded):
            try:
                entry = {name: value for name, value in scene.items() if name != "targets"}
                for key in scene["targets"]:
                    found[str(key)].append(entry)
            except (TypeError, KeyError, AttributeError) as error:
                raise ServiceError(
                    "looking for scenes: the answer is not a list of scenes with their targets"
                ) from error
    return dict(found)


def explain_absences(config: Config, wanting: Sequence[Target], found: Candidates) -> dict[str, Answer]:
    """Ask what else is near the targets that have absent patches; where nothing is at all, look farther in time.

    Parameters
    ----------
    config : Config
        Where to look, and for what.
    wanting : sequence of Target
        Those that have absent patches.
    found : dict
        What :func:`find_candidates` found for them and for others.

    Returns
    -------
    dict
        Target key → what is known now. Those of which nothing more is known are not in it.

    Raises
    ------
    ServiceError
        The service refuses or fails.
    """
    if not wanting:
        return {}
    excluded = find_candidates(config, wanting, excluded=True)
    bare = [target for target in wanting if target.key not in found and target.key not in excluded]
    days = min(2 * config.match.window_days + _FARTHER_DAYS, _FARTHEST_DAYS)
    farther = find_candidates(config, bare, window_days=days) if bare else {}
    empty = config.match.collection if not (found or excluded or farther) and _has_no_image(config) else ""
    return {
        target.key: Answer(found.get(target.key, ()), excluded.get(target.key, ()), farther.get(target.key, ()), empty)
        for target in wanting
        if empty or target.key in excluded or target.key in farther
    }


def _has_no_image(config: Config) -> bool:
    """Ask whether the collection is empty."""
    collection = config.match.collection
    return bool(compute_value(is_empty(collection), f"looking whether {collection} is empty"))


def _asked(config: Config, targets: Sequence[Target], window_ms: int, *, excluded: bool) -> Iterator[Mapping[str, Any]]:
    """Yield the scenes near some targets; where that is too much at once, of one half and then of the other."""
    try:
        found = _pages(config, targets, window_ms, excluded=excluded)
    except AccessError:
        raise
    except ServiceError as error:
        if error.status == _NOT_FOUND and config.backend == "embedded":
            raise ServiceError(
                f"the catalog {config.embedded.catalog} has no collection {config.match.collection}: set "
                "match.collection, or add scenes ('gee-s1ben simulate', 'gee-s1ben catalog add')",
                error.status,
            ) from error
        if len(targets) == 1 or not _TOO_MUCH.search(str(error)):
            raise
        middle = len(targets) // 2
        yield from _asked(config, targets[:middle], window_ms, excluded=excluded)
        yield from _asked(config, targets[middle:], window_ms, excluded=excluded)
    else:
        yield from found


def _pages(config: Config, targets: Sequence[Target], window_ms: int, *, excluded: bool) -> list[Mapping[str, Any]]:
    features = [target_feature(target.key, outline(target), _ms(target)) for target in targets]
    scenes = SceneFilter(
        config.match.collection, config.match.directions, config.match.platforms, config.radar.polarisations
    )
    span = _span(targets, window_ms)
    found: list[Mapping[str, Any]] = []
    while True:
        graph = candidate_scenes(
            features, scenes, window_ms=window_ms, span=span, excluded=excluded, count=PAGE, offset=len(found)
        )
        if len(targets) > 1 and len(serialized(graph)) > MOST_BYTES:
            raise ServiceError("looking for scenes: the request is too large")
        page = compute_value(graph, f"looking for scenes in {config.match.collection}")
        if not isinstance(page, list):
            raise ServiceError("looking for scenes: the answer is not a list", 200)
        found += page
        if len(page) < PAGE:
            return found


def _span(targets: Sequence[Target], window_ms: int) -> Span:
    times = [_ms(target) for target in targets]
    points = [point for target in targets for point in outline(target)]
    west, east = min(lon for lon, _ in points), max(lon for lon, _ in points)
    south, north = min(lat for _, lat in points), max(lat for _, lat in points)
    # A rectangle is planar, so outlines between whose vertices geodesics bulge must not poke out of it.
    margin = 0.01
    bounds = (west - margin, max(south - margin, -90.0), east + margin, min(north + margin, 90.0))
    fits = bounds[0] >= -180 and bounds[2] <= 180
    return Span(min(times) - window_ms, max(times) + window_ms, bounds if fits else None)


def _ms(target: Target) -> int:
    return round(target.acquired.timestamp() * 1000)
