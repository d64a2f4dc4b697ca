"""Scenes near a target that serve nothing: those that cannot be used, and those that a rule excludes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.scene_properties import Ring, footprint_ring, said, scene_of
from gee_s1ben.domain.tile import Target
from gee_s1ben.errors import InputError
from gee_s1ben.graph.matching import MODE, RESOLUTION_M
from gee_s1ben.pipeline.selection import Rules

Entry = Mapping[str, Any]
"""What the service says of a scene."""

PLATFORMS, DIRECTIONS, POLARISATIONS = "match.platforms", "match.directions", "radar.polarisations"
WINDOW, COLLECTION = "match.window_days", "match.collection"
_MODE, _RESOLUTION = "mode", "resolution"
_REFUSED = "cannot be used"
_ORDER = (_REFUSED, PLATFORMS, DIRECTIONS, POLARISATIONS, _MODE, _RESOLUTION)
"""Of rules that exclude as many scenes as each other, the first is named."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A scene that was looked at and serves nothing."""

    scene: str
    """Its index."""
    reason: str
    """Why, as a sentence that names it."""
    replaced_by: str = ""
    """Index of the newer scene of the same acquisition, where there is one; otherwise it cannot be used."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A scene that cannot be used."""

    scene: str
    """Its index."""
    reason: str
    """Why, without the scene's name."""
    footprint: Ring
    """Where it is; empty where that cannot be read."""
    acquired: datetime | None
    """When it was seen, UTC; None where that cannot be read."""

    @property
    def sentence(self) -> str:
        """The reason, with the scene's name."""
        return f"scene {self.scene} cannot be used: {self.reason}"


@dataclass(frozen=True, slots=True)
class Excluded:
    """A scene that could be used if the rules were others."""

    scene: Scene
    rules: tuple[str, ...]
    """The rules that it breaks, such as ``match.platforms``."""


@dataclass(frozen=True, slots=True)
class Nearby:
    """What is near a target beside the scenes that may serve it."""

    refused: tuple[Refused, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    beyond: tuple[float, ...] = ()
    """How many days off the scenes are that keep the rules, where none is within the window."""
    empty: str = ""
    """Id of the collection, if it has no image at all."""

    @property
    def counts(self) -> dict[str, int]:
        """How many scenes each rule excludes; a scene counts for every rule that it breaks.

        Of an empty collection, 0 for ``match.collection``.
        """
        broken = [rule for one in self.excluded for rule in one.rules]
        found = {rule: broken.count(rule) for rule in _ORDER if rule in broken}
        if self.beyond:
            found[WINDOW] = len(self.beyond)
        return {COLLECTION: 0} if self.empty else found


NOTHING_ELSE = Nearby()


@dataclass
class SceneReader:
    """Scenes read from what the service says; those that cannot be used are put aside with the reason."""

    collection: str
    scenes: list[tuple[Scene, Entry]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def read(self, entries: Sequence[Entry], needed: Sequence[str] = ()) -> SceneReader:
        """Read some, and return this; ``needed`` are properties that they must have beside the usual."""
        for entry in entries:
            try:
                for key in needed:
                    said(entry, key)
                self.scenes.append((scene_of(self.collection, entry), entry))
            except InputError as error:
                self.refused.append(Refused(str(entry.get("system:index")), str(error), _ring(entry), _time(entry)))
        return self


def _ring(entry: Entry) -> Ring:
    try:
        return footprint_ring(entry)
    except InputError:
        return ()


def _time(entry: Entry) -> datetime | None:
    try:
        return datetime.fromtimestamp(entry["system:time_start"] / 1000, UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def broken_rules(scene: Scene, entry: Entry, rules: Rules) -> tuple[str, ...]:
    """Return the rules that exclude a scene."""
    sent = entry.get("transmitterReceiverPolarisation") or scene.bands
    broken = {
        PLATFORMS: scene.platform not in rules.platforms,
        DIRECTIONS: scene.orbit_direction not in rules.directions,
        POLARISATIONS: not set(rules.polarisations) <= set(sent) & set(scene.bands),
        _MODE: entry.get("instrumentMode", MODE) != MODE,
        _RESOLUTION: entry.get("resolution_meters", RESOLUTION_M) != RESOLUTION_M,
    }
    return tuple(rule for rule, is_broken in broken.items() if is_broken)


def nearby_of(
    target: Target, rules: Rules, reader: SceneReader, excluded: Sequence[Entry], farther: Sequence[Entry], empty: str
) -> Nearby:
    """Read what is near a target beside the scenes that may serve it.

    Parameters
    ----------
    target : Target
        The patches wanted.
    rules : Rules
        What a scene must be.
    reader : SceneReader
        Which has read the scenes that keep the rules.
    excluded, farther : sequence of mapping
        What the service says of scenes that a rule excludes, and of those beyond the window.
    empty : str
        Id of the collection, if it has no image at all.
    """
    others = SceneReader(reader.collection).read(excluded, ["instrumentMode"])  # the others were asked for by it
    beyond = SceneReader(reader.collection).read(farther)
    days = [abs(scene.acquired - target.acquired) / timedelta(days=1) for scene, _ in beyond.scenes]
    return Nearby(
        refused=(*reader.refused, *others.refused),
        excluded=tuple(
            Excluded(scene, broken) for scene, entry in others.scenes if (broken := broken_rules(scene, entry, rules))
        ),
        beyond=tuple(days),
        empty=empty,
    )


def nothing_near(rules: Rules, nearby: Nearby, bare: Collection[Scene]) -> str:
    """Say why a target has no scene that may serve, by the rule that excludes the most scenes.

    Parameters
    ----------
    rules : Rules
        What a scene must be.
    nearby : Nearby
        What else is near the target.
    bare : collection of Scene
        Those that lack a polarisation.
    """
    lacking = {one.id: one for one in bare}
    lacking |= {one.scene.id: one.scene for one in nearby.excluded if POLARISATIONS in one.rules}
    counts = {**nearby.counts, _REFUSED: len(nearby.refused), POLARISATIONS: len(lacking)}
    rule = max(_ORDER, key=lambda each: counts.get(each, 0))
    count = counts.get(rule, 0)
    if not count:
        return _nothing_at_all(rules, nearby)
    scenes, within = f"{count} scene{'s' * (count > 1)}", rules.within
    if rule == _REFUSED:
        first = nearby.refused[0].sentence
        others = f"; and {count - 1} more cannot" if count > 1 else ""
        return f"no usable Sentinel-1 scene {within}; {first}{others}"
    if rule == PLATFORMS:
        wanted = " or ".join(f"Sentinel-1{platform}" for platform in rules.platforms)
        return f"no {wanted} scene; {scenes} of other platforms {within}: {rule}"
    if rule == DIRECTIONS:
        other = "descending" if "ascending" in rules.directions else "ascending"
        return f"no {rules.directions[0]} scene; {count} {other} {scenes.split()[1]} {within}: {rule}"
    if rule == POLARISATIONS:
        lacked = [band for band in rules.polarisations if any(band not in one.bands for one in lacking.values())]
        wanted, without = " and ".join(rules.polarisations), " or ".join(lacked or rules.polarisations)
        return f"no scene with {wanted}; {scenes} without {without} {within}: {rule}"
    only = f"mode {MODE}" if rule == _MODE else f"resolution {RESOLUTION_M} m"
    return f"no scene of {only}, which alone serves; {scenes} of another {rule} {within}"


def _nothing_at_all(rules: Rules, nearby: Nearby) -> str:
    if nearby.empty:
        return f"the collection {nearby.empty} has no image: {COLLECTION}"
    nothing = f"no Sentinel-1 scene {rules.within}"
    if not nearby.beyond:
        return nothing
    # Rounded up: what is beyond the window must not read as if it were within.
    days = math.ceil(min(nearby.beyond) * 10) / 10
    return f"{nothing}; the nearest is {days:.1f} days away: {WINDOW}"


def exclusion(scene: Scene, rule: str) -> str:
    """Say why a scene that contains a patch does not serve it."""
    return {
        PLATFORMS: f"{PLATFORMS} excludes Sentinel-1{scene.platform}",
        DIRECTIONS: f"{DIRECTIONS} excludes {scene.orbit_direction} passes",
        POLARISATIONS: f"{POLARISATIONS} excludes it",
        _MODE: f"is not of mode {MODE}",
        _RESOLUTION: f"is not of resolution {RESOLUTION_M} m",
    }[rule]
