"""The geometry of a swath on the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from shapely.geometry import Polygon

from gee_s1ben.domain.scene import OrbitDirection

SWATH_M = 250_000.0
"""Width of an IW swath."""
NEAR_ANGLE_DEG, FAR_ANGLE_DEG = 30.2, 46.2
"""Incidence angles at the edges of the swath."""
ANGLE_COLUMNS, ANGLE_ROWS = 21, 10
"""Size of the grid on which the annotation gives the angle."""

_HEADING_DEG: dict[OrbitDirection, float] = {"ascending": -12.0, "descending": 192.0}
_REFERENCE_DEG = 38.0

_Array = npt.NDArray[np.float32]


def incidence_factor(angle_deg: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return what a scene's expected power is of the ground's, by incidence angle.

    A squared cosine, 1 at 38°: the ground looks brighter the more steeply it is looked at (Ulaby, Moore and Fung,
    "Microwave Remote Sensing II", 1982, chapter 12).

    Parameters
    ----------
    angle_deg : array_like
        Degrees from the vertical.
    """
    ratio = np.cos(np.radians(np.asarray(angle_deg, np.float64))) / math.cos(math.radians(_REFERENCE_DEG))
    return np.asarray(ratio**2)


def angle_at(range_m: _Array) -> _Array:
    """Incidence angle in degrees at a distance in metres from the swath's near edge, on the ground."""
    return np.float32(NEAR_ANGLE_DEG) + np.float32((FAR_ANGLE_DEG - NEAR_ANGLE_DEG) / SWATH_M) * range_m


@dataclass(frozen=True, slots=True)
class Swath:
    """Coordinates along and across a straight ground track, in the world's metres."""

    direction: OrbitDirection
    """Which way the satellite flies."""
    centre: tuple[float, float]
    """World coordinates of a place."""
    centre_range_m: float
    """Distance of that place from the near edge; along the track it lies at 0."""

    @property
    def heading(self) -> tuple[float, float]:
        """Unit vector (east, north) along the track."""
        heading = math.radians(_HEADING_DEG[self.direction])
        return math.sin(heading), math.cos(heading)

    @property
    def look(self) -> tuple[float, float]:
        """Unit vector (east, north) across the track: to the right, from near to far."""
        east, north = self.heading
        return north, -east

    def place(self, along_m: float, range_m: float) -> tuple[float, float]:
        """World coordinates of a place in the swath."""
        (tx, ty), (rx, ry), (x, y) = self.heading, self.look, self.centre
        across = range_m - self.centre_range_m
        return x + along_m * tx + across * rx, y + along_m * ty + across * ry

    def coordinates(self, x: _Array, y: _Array, origin: tuple[float, float]) -> tuple[_Array, _Array]:
        """(Along, range) in metres of world coordinates that are relative to an origin."""
        (tx, ty), (rx, ry) = self.heading, self.look
        dx, dy = origin[0] - self.centre[0], origin[1] - self.centre[1]
        along = x * np.float32(tx) + y * np.float32(ty) + np.float32(dx * tx + dy * ty)
        across = x * np.float32(rx) + y * np.float32(ry) + np.float32(dx * rx + dy * ry + self.centre_range_m)
        return along, across

    def rectangle(self, first_m: float, last_m: float) -> Polygon:
        """Part of the swath between two places along the track, in world coordinates."""
        corners = ((first_m, 0.0), (first_m, SWATH_M), (last_m, SWATH_M), (last_m, 0.0))
        return Polygon([self.place(*corner) for corner in corners])
