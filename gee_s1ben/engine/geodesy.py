"""Edges on the sphere: where the straight lines of a geometry run in longitude and latitude.

Earth Engine takes geodesic edges as great circles through the points' longitudes and latitudes (the S2 library's
sphere). Planar predicates need them broken into pieces that are straight enough; so do edges that are straight in one
projection and asked for in another.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyproj

from gee_s1ben.errors import EngineError

EARTH_RADIUS_M: Final = 6_378_137.0
LONLAT: Final = "EPSG:4326"
_MOST_PIECES: Final = 2000
MAX_EDGES: Final = 1_000_000
"""Of a line or ring, with the points that a geodesic or another projection needs between its own."""
_ANTIPODAL: Final = 1e-7
"""Radians, about half a metre: nearer to the opposite point, rounding decides which way an edge goes."""
_STEEPEST_LATITUDE: Final = np.radians(89.0)

Points = npt.NDArray[np.float64]
"""Coordinates, shape (n, 2): longitude and latitude in degrees, or x and y of a projection."""


@lru_cache(maxsize=256)
def transformer(source: str, target: str) -> pyproj.Transformer:
    """Return the transformation between two CRSs, x (longitude) first."""
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


@lru_cache(maxsize=256)
def is_geographic(crs: str) -> bool:
    """Whether a CRS has longitude and latitude for coordinates."""
    return bool(pyproj.CRS.from_user_input(crs).is_geographic)


def transform(points: Points, source: str, target: str) -> Points:
    """Transform points, shape (n, 2), from one CRS to another."""
    if source == target:
        return points
    x, y = transformer(source, target).transform(points[:, 0], points[:, 1])
    return np.column_stack([x, y])


def pieces(lonlat: Points, tolerance_m: float) -> npt.NDArray[np.int64]:
    """Return into how many pieces each edge of a line must be cut to be straight in longitude and latitude.

    An arc of central angle L at latitude φ leaves the straight line between its ends by about R·L²·tan φ / 8; cut
    into n pieces, n² times less.

    Parameters
    ----------
    lonlat : ndarray, shape (n, 2)
        The line's vertices, degrees.
    tolerance_m : float
        How far a piece may leave the arc, metres.
    """
    start, end = np.radians(lonlat[:-1]), np.radians(lonlat[1:])
    angle = _central_angle(start, end)
    latitude = np.minimum(np.maximum(np.abs(start[:, 1]), np.abs(end[:, 1])) + angle / 4, _STEEPEST_LATITUDE)
    sagitta_m = EARTH_RADIUS_M * angle**2 * np.tan(latitude) / 8
    return np.clip(np.ceil(np.sqrt(sagitta_m / tolerance_m)), 1, _MOST_PIECES).astype(np.int64)


def great_circle(lonlat: Points, tolerance_m: float) -> Points:
    """Break the great-circle edges of a line into pieces that are straight in longitude and latitude.

    Longitudes of the result are continuous, so a line across the antimeridian goes beyond ±180°.

    Parameters
    ----------
    lonlat : ndarray, shape (n, 2)
        The line's vertices, degrees.
    tolerance_m : float
        How far a piece may leave the arc, metres.

    Returns
    -------
    ndarray, shape (m, 2)
        The vertices, unchanged, with points between them by spherical linear interpolation.

    Raises
    ------
    EngineError
        An edge joins antipodal points.
    """
    angles = _central_angle(np.radians(lonlat[:-1]), np.radians(lonlat[1:]))
    if np.any(angles > np.pi - _ANTIPODAL):
        number = int(np.argmax(angles))
        raise EngineError(f"Invalid geometry: Edge {number} has antipodal vertices; no great circle is the shortest.")
    counts = pieces(lonlat, tolerance_m)
    _check_edges(counts)
    unit = _unit_vectors(lonlat)
    edge, fraction = _between(counts)
    angle = angles[edge]
    sine = np.sin(angle)
    safe = np.where(sine == 0, 1.0, sine)
    near, far = np.sin((1 - fraction) * angle) / safe, np.sin(fraction * angle) / safe
    xyz = near[:, None] * unit[:-1][edge] + far[:, None] * unit[1:][edge]
    x, y, z = xyz.T
    dense = np.degrees(np.column_stack([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))]))
    is_vertex = fraction == 0
    dense[is_vertex] = lonlat[:-1][edge[is_vertex]]
    return unwrapped(np.vstack([dense, lonlat[-1:]]))


def straight(points: Points, counts: npt.NDArray[np.int64]) -> Points:
    """Cut each edge of a line into so many equal pieces."""
    _check_edges(counts)
    edge, fraction = _between(counts)
    dense = points[:-1][edge] + fraction[:, None] * (points[1:] - points[:-1])[edge]
    return np.vstack([dense, points[-1:]])


def unwrapped(lonlat: Points) -> Points:
    """Return the line with longitudes that jump by less than half a turn from point to point."""
    steps = np.diff(lonlat[:, 0])
    if not np.any(np.abs(steps) > 180):
        return lonlat
    turns = np.concatenate([[0.0], np.cumsum(-360.0 * np.round(steps / 360.0))])
    return np.column_stack([lonlat[:, 0] + turns, lonlat[:, 1]])


def _check_edges(counts: npt.NDArray[np.int64]) -> None:
    if counts.sum() > MAX_EDGES:
        raise EngineError(f"Geometry has too many edges ({counts.sum()} > {MAX_EDGES}).")


def _between(counts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return for each piece its edge and how far along it (0 ≤ fraction < 1) the piece begins."""
    edge = np.repeat(np.arange(len(counts)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    return edge, (np.arange(len(edge)) - first) / counts[edge]


def _unit_vectors(lonlat: Points) -> npt.NDArray[np.float64]:
    longitude, latitude = np.radians(lonlat[:, 0]), np.radians(lonlat[:, 1])
    return np.column_stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)]
    )


def _central_angle(start: Points, end: Points) -> npt.NDArray[np.float64]:
    """Return the angle between points given in radians, by the haversine formula."""
    delta = end - start
    square = np.sin(delta[:, 1] / 2) ** 2 + np.cos(start[:, 1]) * np.cos(end[:, 1]) * np.sin(delta[:, 0] / 2) ** 2
    return np.asarray(2 * np.arcsin(np.sqrt(np.clip(square, 0, 1))))
