"""Boxes and geometries in longitude and latitude across 180°: cut there, with bounds that say so.

Source: RFC 7946, "The GeoJSON Format", sections 3.1.9 (a geometry is cut in two there) and 5.2 (the west of its bounds
is then greater than their east). STAC and GeoParquet follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees, each longitude within −180 to 180; west is greater than east across 180°."""

_MOST_PENDING = 4096
_Array = NDArray[np.float64]


class Extent:
    """The smallest box that holds boxes, which come one after the other."""

    def __init__(self, boxes: Iterable[Box] = ()) -> None:
        self._spans: list[tuple[float, float]] = []
        self._pending = 0
        self._latitudes: tuple[float, float] | None = None
        for box in boxes:
            self.add(box)

    def add(self, box: Box) -> None:
        """Grow to hold a box."""
        west, south, east, north = box
        self._spans += [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        least, most = self._latitudes or (south, north)
        self._latitudes = min(least, south), max(most, north)
        self._pending += 1
        if self._pending > _MOST_PENDING:
            self._spans, self._pending = _joined(self._spans), 0

    @property
    def box(self) -> Box:
        """What holds them all: of the two ways around the Earth, and of all the gaps between them, the narrowest.

        Raises
        ------
        ValueError
            There are none.
        """
        if self._latitudes is None:
            raise ValueError("an extent of no boxes")
        south, north = self._latitudes
        spans = _joined(self._spans)
        gaps = [(right[0] - left[1], right[0], left[1]) for left, right in pairwise(spans)]
        around = spans[0][0] + 360 - spans[-1][1]
        widest, west, east = max(gaps, default=(-1.0, 0.0, 0.0))
        if widest > around:
            return west, south, east, north
        return spans[0][0], south, spans[-1][1], north


def bounds_of(geometry: BaseGeometry) -> Box:
    """Bounds of a geometry that is cut at 180°."""
    return Extent(part.bounds for part in shapely.get_parts(geometry).tolist()).box


def outline_of(box: Box) -> BaseGeometry:
    """Outline of a box: a polygon, or two across 180°."""
    west, south, east, north = box
    return cut_at_antimeridian(shapely.box(west, south, east + 360 if west > east else east, north))


def ring_polygon(ring: _Array) -> BaseGeometry:
    """Make the polygon inside a ring, two across 180°; each runs counter-clockwise.

    Parameters
    ----------
    ring : ndarray
        (vertices, 2), longitude and latitude of vertices less than 180° of longitude apart. Longitudes may jump by 360°
        or run on across 180°.
    """
    if np.ptp(ring[:, 0]) > 180:
        ring = np.column_stack([np.unwrap(ring[:, 0], period=360.0), ring[:, 1]])
    parts = [orient(part) for part in shapely.get_parts(cut_at_antimeridian(shapely.Polygon(ring))).tolist()]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def cut_at_antimeridian(geometry: BaseGeometry) -> BaseGeometry:
    """Cut a geometry whose longitudes run past 180° there, and bring the rest back into −180 to 180."""
    west, _, east, _ = geometry.bounds
    if geometry.is_empty or (west >= -180 and east <= 180):
        return geometry
    parts: list[BaseGeometry] = []
    for turn in range(int(np.floor((west + 180) / 360)), int(np.floor((east + 180) / 360)) + 1):
        part = shapely.intersection(geometry, shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90))
        parts += [
            piece
            for piece in shapely.get_parts(moved(part, partial(_turned, turn=turn)))
            if piece.area > 0 or geometry.area == 0
        ]
    return shapely.union_all(parts)


def moved(geometry: BaseGeometry, change: Callable[[_Array, _Array], tuple[_Array, _Array]]) -> BaseGeometry:
    """Apply a function of all x and all y to the vertices of a geometry in two dimensions."""
    return shapely.transform(geometry, lambda points: np.column_stack(change(points[:, 0], points[:, 1])))


def _turned(lon: _Array, lat: _Array, turn: int) -> tuple[_Array, _Array]:
    return lon - 360 * turn, lat


def _joined(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Join spans of longitude that overlap, in order."""
    found: list[tuple[float, float]] = []
    for west, east in sorted(spans):
        if found and west <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], east)
        else:
            found.append((west, east))
    return found
