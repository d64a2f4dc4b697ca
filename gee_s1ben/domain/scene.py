"""Sentinel-1 scenes, and the passes that their slices make up."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from gee_s1ben.domain.naming import S1ProductName, check_image_index, scene_label
from gee_s1ben.errors import InputError, NamingError

OrbitDirection = Literal["ascending", "descending"]

_PLATFORMS = ("A", "B", "C", "D")
RELATIVE_ORBITS = 175
"""Of a repeat cycle."""
LAST_ORBIT = 999_999
"""The largest absolute orbit that a product's name has room for."""


def _shown(number: int) -> str:
    """Write a number that may be anything; Python refuses to write thousands of digits."""
    return str(number) if abs(number) < 10**12 else "of more than twelve digits"


@lru_cache(maxsize=8192)
def _product_name(index: str) -> S1ProductName | None:
    """Read a product name; of the scenes of a target it is asked many times."""
    try:
        return S1ProductName.parse(index)
    except NamingError:
        return None


@dataclass(frozen=True, slots=True)
class Scene:
    """One Sentinel-1 image: a product, or something exported in its likeness."""

    id: str
    """Asset id, ``COPERNICUS/S1_GRD/<index>``."""
    index: str
    """``system:index``: the product's name without ``.SAFE``."""
    acquired: datetime
    """``system:time_start``, UTC."""
    platform: str
    """``A`` to ``D``."""
    absolute_orbit: int
    """Orbits since launch at the start."""
    relative_orbit: int
    """Track within the repeat cycle, 1 to 175."""
    orbit_direction: OrbitDirection
    """Which way the satellite flew."""
    bands: tuple[str, ...]
    """Band names, such as ``VV``, ``VH`` and ``angle``."""
    footprint: tuple[tuple[float, float], ...]
    """Closed ring of (longitude, latitude) in degrees."""
    mission_datatake: int | None = None
    """``missionDataTakeID``, where it is said; a product's name says it as well."""
    processed_ms: tuple[float, ...] = ()
    """Times of processing in milliseconds since 1970, the most telling first; 0 where one is not said."""

    def __post_init__(self) -> None:
        check_image_index(self.index)
        if self.acquired.utcoffset() != timedelta(0):
            raise InputError(f"scene {self.index}: the time {self.acquired!r} is not in UTC")
        if self.platform not in _PLATFORMS:
            raise InputError(f"scene {self.index}: platform {self.platform!r} is not one of {', '.join(_PLATFORMS)}")
        if self.orbit_direction not in ("ascending", "descending"):
            raise InputError(
                f"scene {self.index}: orbit direction {self.orbit_direction!r} is not ascending or descending"
            )
        if not 1 <= self.absolute_orbit <= LAST_ORBIT:
            raise InputError(
                f"scene {self.index}: the absolute orbit {_shown(self.absolute_orbit)} is not one of 1 to {LAST_ORBIT}"
            )
        if not 1 <= self.relative_orbit <= RELATIVE_ORBITS:
            raise InputError(
                f"scene {self.index}: the relative orbit {_shown(self.relative_orbit)} is not one of "
                f"1 to {RELATIVE_ORBITS}"
            )
        ring = self.footprint
        if len(ring) < 4 or ring[0] != ring[-1]:
            raise InputError(f"scene {self.index}: the footprint is not a closed ring of at least four points")
        if len(set(ring)) < 3:
            raise InputError(f"scene {self.index}: the footprint has fewer than three different points")
        if not all(math.isfinite(lon) and abs(lon) <= 360 and abs(lat) <= 90 for lon, lat in ring):
            raise InputError(f"scene {self.index}: the footprint leaves the range of longitude and latitude")

    @property
    def name(self) -> S1ProductName | None:
        """The index read as a product name; None where it is not one."""
        return _product_name(self.index)

    @property
    def label(self) -> str:
        """Scene part of a patch name, ``S1A_IW_GRDH_1SDV_20170613T165043``; the index where it is no product name."""
        return scene_label(self.index)

    @property
    def datatake(self) -> str | None:
        """Six hexadecimal digits of the mission datatake: from the product's name, else from the property."""
        if (name := self.name) is not None:
            return name.datatake
        return None if self.mission_datatake is None else f"{self.mission_datatake:06X}"


@dataclass(frozen=True, slots=True)
class Pass:
    """What one platform saw on one way over a place: slices in order of time.

    A datatake that crosses the ascending node goes on in the next absolute orbit; it is one pass.
    """

    slices: tuple[Scene, ...]
    """At least one, the earliest first."""
    key: str = ""
    """Short name, ``S1A_017022``: platform and absolute orbit, unless given."""

    def __post_init__(self) -> None:
        if not self.slices:
            raise InputError("a pass without a slice")
        orbits = {scene.absolute_orbit for scene in self.slices}
        if len({(s.platform, s.orbit_direction) for s in self.slices}) > 1 or max(orbits) - min(orbits) > 1:
            names = ", ".join(s.index for s in self.slices)
            raise InputError(f"slices of one pass disagree on platform, orbit or direction: {names}")
        if not self.key:
            object.__setattr__(self, "key", f"S1{self.platform}_{self.absolute_orbit:06d}")
        if list(self.slices) != sorted(self.slices, key=_order):
            raise InputError(f"slices of pass {self.key} are not in order of time")

    @property
    def platform(self) -> str:
        """``A`` to ``D``."""
        return self.slices[0].platform

    @property
    def absolute_orbit(self) -> int:
        """Orbits since launch; of a pass that crosses the ascending node, those before it."""
        return min(scene.absolute_orbit for scene in self.slices)

    @property
    def relative_orbit(self) -> int:
        """Track within the repeat cycle, 1 to 175, of the earliest slice."""
        return self.slices[0].relative_orbit

    @property
    def orbit_direction(self) -> OrbitDirection:
        """Which way the satellite flew."""
        return self.slices[0].orbit_direction

    @property
    def acquired(self) -> datetime:
        """Start of the earliest slice, UTC."""
        return self.slices[0].acquired


def group_passes(scenes: Iterable[Scene]) -> tuple[Pass, ...]:
    """Group scenes into passes by platform, orbit direction and absolute orbit.

    The absolute orbit rises at the ascending node. Slices of one datatake that crosses it count to the orbit in which
    the datatake begins, so that they are one pass, however far they are apart in time. Scenes that do not tell their
    datatake are grouped by the orbit alone.

    Parameters
    ----------
    scenes : iterable of Scene
        In any order; one given twice counts once.

    Returns
    -------
    tuple of Pass
        In order of time, then of key. Keys differ: of two directions in one orbit each key ends in its letter,
        ``S1A_017022A`` and ``S1A_017022D``.
    """
    distinct = {scene.id: scene for scene in scenes}.values()
    orbit_of = _first_orbits(distinct)
    groups: defaultdict[tuple[str, int], defaultdict[OrbitDirection, list[Scene]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for scene in distinct:
        groups[scene.platform, orbit_of[scene.id]][scene.orbit_direction].append(scene)
    passes = []
    for (platform, orbit), by_direction in groups.items():
        for direction, group in by_direction.items():
            letter = direction[0].upper() if len(by_direction) > 1 else ""
            passes.append(Pass(tuple(sorted(group, key=_order)), f"S1{platform}_{orbit:06d}{letter}"))
    return tuple(sorted(passes, key=lambda item: (item.acquired, item.key)))


def _first_orbits(scenes: Collection[Scene]) -> dict[str, int]:
    """Return by id the absolute orbit in which a scene's datatake begins, as far as the scenes tell."""
    takes = {scene.id: (scene.platform, scene.orbit_direction, scene.datatake) for scene in scenes}
    orbits: defaultdict[tuple[str, str, str | None], set[int]] = defaultdict(set)
    for scene in scenes:
        orbits[takes[scene.id]].add(scene.absolute_orbit)
    return {
        scene.id: scene.absolute_orbit
        if takes[scene.id][2] is None
        else _beginning(scene.absolute_orbit, orbits[takes[scene.id]])
        for scene in scenes
    }


def _beginning(orbit: int, orbits: Collection[int]) -> int:
    """Return the orbit before, if the datatake is there as well.

    No datatake is as long as an orbit: where one is said to have many orbits in a row, two of them make a pass.
    """
    before = 0
    while orbit - before - 1 in orbits:
        before += 1
    return orbit - before % 2


def _order(scene: Scene) -> tuple[datetime, str]:
    return scene.acquired, scene.id
