"""Asking the service which scenes are near which targets: few requests, none over the limits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gee_s1ben.config import Config
from gee_s1ben.domain.tile import Target
from gee_s1ben.errors import AccessError, ServiceError
from gee_s1ben.graph.matching import SceneFilter, Span, candidate_scenes, target_feature
from gee_s1ben.pipeline.footprints import outline
from gee_s1ben.session.computing import compute_value, serialized

MOST_TARGETS = 500
"""Targets of one request."""
MOST_BYTES = 8_000_000
"""Of one request; Earth Engine takes 10,485,760."""
PAGE = 5000
"""Scenes of one answer, as many as Earth Engine lets a collection have in one."""

_DAY_MS = 86_400_000
_TOO_MUCH = re.compile(
    r"too large|payload size|memory (limit|capacity) exceeded|out of memory|computation timed out|too many elements"
    r"|accumulating over|too complex",
    re.IGNORECASE,
)

Candidates = dict[str, list[Mapping[str, Any]]]
"""Target key → what the service says of each scene near it."""


def find_candidates(config: Config, targets: Sequence[Target], *, lacking: bool = False) -> Candidates:
    """Find the scenes that touch each target within the time window.

    Targets go up in groups that lie close in time, each group with one join; a group that is too large for a request or
    for an answer is halved.

    Parameters
    ----------
    config : Config
        Where to look, and for what.
    targets : sequence of Target
        At least one; their keys differ.
    lacking : bool
        Find the scenes that lack a polarisation instead.

    Returns
    -------
    dict
        Target key → properties of its scenes. A target without any is not in it.

    Raises
    ------
    ServiceError
        The service refuses, fails, or answers something else than scenes.
    """
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    ordered = sorted(targets, key=lambda target: (target.acquired, target.key))
    for start in range(0, len(ordered), MOST_TARGETS):
        for scene in _asked(config, ordered[start : start + MOST_TARGETS], lacking=lacking):
            try:
                entry = {name: value for name, value in scene.items() if name != "targets"}
                for key in scene["targets"]:
                    found[str(key)].append(entry)
            except (TypeError, KeyError, AttributeError) as error:
                raise ServiceError(
                    "looking for scenes: the answer is not a list of scenes with their targets"
                ) from error
    return dict(found)


def _asked(config: Config, targets: Sequence[Target], *, lacking: bool) -> Iterator[Mapping[str, Any]]:
    """Yield the scenes near some targets; where that is too much at once, of one half and then of the other."""
    try:
        found = _pages(config, targets, lacking=lacking)
    except AccessError:
        raise
    except ServiceError as error:
        if len(targets) == 1 or not _TOO_MUCH.search(str(error)):
            raise
        middle = len(targets) // 2
        yield from _asked(config, targets[:middle], lacking=lacking)
        yield from _asked(config, targets[middle:], lacking=lacking)
    else:
        yield from found


def _pages(config: Config, targets: Sequence[Target], *, lacking: bool) -> list[Mapping[str, Any]]:
    window_ms = round(config.match.window_days * _DAY_MS)
    features = [target_feature(target.key, outline(target), _ms(target)) for target in targets]
    scenes = SceneFilter(
        config.match.collection, config.match.directions, config.match.platforms, config.radar.polarisations
    )
    span = _span(targets, window_ms)
    found: list[Mapping[str, Any]] = []
    while True:
        graph = candidate_scenes(
            features, scenes, window_ms=window_ms, span=span, lacking=lacking, count=PAGE, offset=len(found)
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
