"""When Sentinel-1 passes, and how its orbits are counted."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from gee_s1ben.domain.scene import OrbitDirection

ORBIT_S = 12 * 86_400 / 175
"""Seconds of an orbit: 175 orbits repeat after twelve days."""
GROUND_SPEED_M_S = 6_800.0
"""Metres along the ground track in a second."""
PLATFORM_SHIFT_ORBITS = 87.5
"""S1B follows S1A after six days on the same track."""
NEIGHBOUR_ORBITS = 73
"""So many orbits later the track has moved :data:`NEIGHBOUR_DEGREES` to the west."""
NEIGHBOUR_DEGREES = NEIGHBOUR_ORBITS * 360 * 12 / 175 - 5 * 360

_NODE = datetime(2020, 6, 7, 0, 27, 16, 263_000, tzinfo=UTC)
"""Ascending node that began orbit 32904 of S1A, from the annotation of a product of that orbit."""
_NODE_ORBIT = {"A": 32_904, "B": 21_921}
_NODE_SHIFT = {"A": 0.0, "B": 0.5}
_B_FLEW = (datetime(2016, 9, 26, tzinfo=UTC), datetime(2021, 12, 23, tzinfo=UTC))
_INCLINATION_DEG = 98.18
_SOLAR_HOUR: dict[OrbitDirection, float] = {"ascending": 18.0, "descending": 6.0}


def absolute_orbit(platform: str, when: datetime) -> int:
    """Orbit that a platform is in.

    Counted from a known node with the nominal period, which station keeping holds to seconds over the years.

    Parameters
    ----------
    platform : str
        ``A`` or ``B``.
    when : datetime
        UTC.
    """
    return _NODE_ORBIT[platform] + math.floor((when - _NODE).total_seconds() / ORBIT_S - _NODE_SHIFT[platform])


def ascending_node(platform: str, orbit: int) -> datetime:
    """Time at which a platform began an orbit, UTC."""
    return _NODE + timedelta(seconds=(orbit - _NODE_ORBIT[platform] + _NODE_SHIFT[platform]) * ORBIT_S)


def b_flew(when: datetime) -> bool:
    """Whether S1B was taking images at a time."""
    return _B_FLEW[0] <= when <= _B_FLEW[1]


def nearest_overpass(direction: OrbitDirection, lon: float, lat: float, near: datetime) -> datetime:
    """Time of a pass of S1A over a place that comes nearest to a given time.

    Sentinel-1 crosses the equator at 18:00 (ascending) and 06:00 (descending) mean local solar time, every day
    somewhere; the minute is chosen such that the satellite is at the place's latitude then.

    Parameters
    ----------
    direction : {'ascending', 'descending'}
        Which way it flies.
    lon, lat : float
        Degrees.
    near : datetime
        UTC.
    """
    midnight = near.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(hours=lon / 15)
    days = (midnight + timedelta(days=day, hours=_SOLAR_HOUR[direction]) for day in range(-1, 3))
    return min((_in_phase(day, direction, lat) for day in days), key=lambda when: abs(when - near))


def _in_phase(when: datetime, direction: OrbitDirection, lat: float) -> datetime:
    sine = math.sin(math.radians(lat)) / math.sin(math.radians(_INCLINATION_DEG))
    along = math.degrees(math.asin(max(-1.0, min(1.0, sine)))) / 360
    wanted = along if direction == "ascending" else 0.5 - along
    phase = (when - _NODE).total_seconds() / ORBIT_S
    return when + timedelta(seconds=((wanted - phase + 0.5) % 1 - 0.5) * ORBIT_S)
