"""Scenes that were processed more than once: the newest counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from gee_s1ben.domain.naming import S1ProductName
from gee_s1ben.domain.scene import Scene

_ROUNDING = timedelta(seconds=1)
"""Names have whole seconds, so that the ends of one acquisition may differ by this much."""

_Span = tuple[datetime, datetime]


def newness(scene: Scene) -> tuple[tuple[float, ...], str]:
    """Return what sorts scenes by the time of their processing; a time that is not said is the oldest.

    Scenes that tell nothing, or the same, sort by id.
    """
    return scene.processed_ms, scene.id


def superseded(scenes: Iterable[Scene], *, same_times: bool = False) -> dict[str, Scene]:
    """Find the scenes that newer ones replace: the same acquisition, processed again.

    A scene is replaced if newer scenes of its platform, mode, product type, polarisation and datatake cover its time
    from start to stop, give or take a second at either end. So is a slice that was cut at other times, where the newer
    slices cover all of it; where they cover a part, it stays. Scenes that are not named as products are never replaced.

    Parameters
    ----------
    scenes : iterable of Scene
        In any order; all can serve.
    same_times : bool
        Whether only scenes of the same start and stop replace one another: names that are equal but for their end.

    Returns
    -------
    dict
        Id of each replaced scene → the newer scene that covers most of it. None of the values is a key.
    """
    kinds: defaultdict[tuple[object, ...], list[tuple[Scene, S1ProductName]]] = defaultdict(list)
    for scene in scenes:
        name = scene.name
        if name is not None:
            kind = name.mission, name.mode, name.product_type, name.resolution, name.polarisation, name.datatake
            times = (name.start, name.stop) if same_times else ()
            kinds[*kind, scene.orbit_direction, times].append((scene, name))
    replaced: dict[str, Scene] = {}
    for group in kinds.values():
        kept: list[tuple[Scene, _Span]] = []
        for scene, name in sorted(group, key=lambda pair: newness(pair[0]), reverse=True):
            span = name.start, name.stop
            if _is_covered(span, [other for _, other in kept]):
                replaced[scene.id] = max(kept, key=lambda other: _overlap(span, other[1]))[0]
            else:
                kept.append((scene, span))
    return replaced


def _is_covered(span: _Span, others: Sequence[_Span]) -> bool:
    """Whether spans together cover another but for a second at its ends, and more than half of it for certain."""
    near = sorted(other for other in others if _overlap(span, other) > timedelta(0) or other == span)
    if not near:
        return False
    reached = span[0]
    for start, stop in near:
        if start <= reached + _ROUNDING:
            reached = max(reached, stop)
    certain = min(reached, span[1]) - max(near[0][0], span[0])
    return reached >= span[1] - _ROUNDING and certain * 2 >= span[1] - span[0]


def _overlap(span: _Span, other: _Span) -> timedelta:
    return min(span[1], other[1]) - max(span[0], other[0])
