"""Sentinel-1 scenes, and the passes that their slices make up."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gee_s1ben.domain.naming import S1ProductName, check_image_index, scene_label
from gee_s1ben.errors import InputError, NamingError

OrbitDirection = Literal["ascending", "descending"]

_PLATFORMS = ("A", "B", "C", "D")
_LAST_ORBIT = 999_999
"""Names of products have six digits for it."""


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
        if not 0 <= self.absolute_orbit <= _LAST_ORBIT or not 0 <= self.relative_orbit <= _LAST_ORBIT:
            raise InputError(f"scene {self.index}: an orbit number that is negative or has more than six digits")
        ring = self.footprint
        if len(ring) < 4 or ring[0] != ring[-1]:
            raise InputError(f"scene {self.index}: the footprint is not a closed ring of at least four points")
        if not all(math.isfinite(lon) and abs(lon) <= 360 and abs(lat) <= 90 for lon, lat in ring):
            raise InputError(f"scene {self.index}: the footprint leaves the range of longitude and latitude")

    @property
    def name(self) -> S1ProductName | None:
        """The index read as a product name; None where it is not one."""
        try:
            return S1ProductName.parse(self.index)
        except NamingError:
            return None

    @property
    def label(self) -> str:
        """Scene part of a patch name, ``S1A_IW_GRDH_1SDV_20170613T165043``; the index where it is no product name."""
        return scene_label(self.index)


@dataclass(frozen=True, slots=True)
class Pass:
    """What one platform saw in one orbit: slices in order of time."""

    slices: tuple[Scene, ...]
    """At least one, the earliest first."""

    def __post_init__(self) -> None:
        if not self.slices:
            raise InputError("a pass without a slice")
        if len({(s.platform, s.absolute_orbit, s.orbit_direction, s.relative_orbit) for s in self.slices}) > 1:
            names = ", ".join(s.index for s in self.slices)
            raise InputError(f"slices of one pass disagree on platform, orbit or direction: {names}")
        if list(self.slices) != sorted(self.slices, key=_order):
            raise InputError(f"slices of pass {self.key} are not in order of time")

    @property
    def platform(self) -> str:
        """``A`` to ``D``."""
        return self.slices[0].platform

    @property
    def absolute_orbit(self) -> int:
        """Orbits since launch."""
        return self.slices[0].absolute_orbit

    @property
    def relative_orbit(self) -> int:
        """Track within the repeat cycle, 1 to 175."""
        return self.slices[0].relative_orbit

    @property
    def orbit_direction(self) -> OrbitDirection:
        """Which way the satellite flew."""
        return self.slices[0].orbit_direction

    @property
    def acquired(self) -> datetime:
        """Start of the earliest slice, UTC."""
        return self.slices[0].acquired

    @property
    def key(self) -> str:
        """Short name: ``S1A_017022``."""
        return f"S1{self.platform}_{self.absolute_orbit:06d}"


def group_passes(scenes: Iterable[Scene]) -> tuple[Pass, ...]:
    """Group scenes into passes by platform and absolute orbit.

    A datatake that crosses the ascending node changes its orbit number there and becomes two passes.

    Parameters
    ----------
    scenes : iterable of Scene
        In any order; one given twice counts once.

    Returns
    -------
    tuple of Pass
        In order of time, then of key.

    Raises
    ------
    InputError
        Slices of one orbit disagree on its direction or relative orbit.
    """
    groups: defaultdict[tuple[str, int], dict[str, Scene]] = defaultdict(dict)
    for scene in scenes:
        groups[scene.platform, scene.absolute_orbit][scene.id] = scene
    passes = (Pass(tuple(sorted(group.values(), key=_order))) for group in groups.values())
    return tuple(sorted(passes, key=lambda item: (item.acquired, item.key)))


def _order(scene: Scene) -> tuple[datetime, str]:
    return scene.acquired, scene.id
