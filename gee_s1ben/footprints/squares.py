"""Which tiles of Sentinel-2 see an area, and which of their patches touch it.

A tile sees what lies in its raster of 109.8 km. Neighbours overlap, those of two UTM zones by more than those of one:
a place is often seen by several tiles, and an area gets all of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.antimeridian import cut_at_antimeridian, moved
from gee_s1ben.domain.mgrs import SQUARE_M, TILE_M, tile_corners
from gee_s1ben.domain.tile import PATCH_PX, PIXEL_M, TILE_PX
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.outline import to_plane
from gee_s1ben.footprints.row import Cell

MOST_TILES = 5_000
"""An area that touches more is a mistake, or wants splitting: land has about 20,000 tiles."""
_TOO_LARGE = f"the area touches more than {MOST_TILES} tiles: split it, or draw it closer"
_EARTH_RADIUS_M = 6_371_000.0
_FARTHEST_M = 415_000.0
"""From a zone's central meridian to the far side of its outermost tiles."""
_ZONES = range(1, 61)
_STEP_DEG = 0.1
_BLOCK = 8
"""Patches along a side of a block that is tested as a whole."""
_EDGE_M = 0.01
"""An area that was drawn along the edge of a patch touches its neighbour by less."""
_SOUTH, _NORTH = -83.84, 84.65
"""The tiles' outermost corners."""


class InvalidAreaError(InputError):
    """The rings of an area cross or touch themselves or each other."""


class TiledArea:
    """An area in the planes of the UTM zones from whose tiles it is seen.

    Parameters
    ----------
    area : geometry
        In longitude and latitude; lines between vertices are straight in these. Longitudes may run past 180°.

    Raises
    ------
    InputError
        See :func:`check_area`.
    """

    def __init__(self, area: BaseGeometry) -> None:
        check_area(area)
        self.geometry = shapely.force_2d(area)
        """The area as it was given, in two dimensions."""
        parts = shapely.get_parts(cut_at_antimeridian(self.geometry)).tolist()
        self._parts = [(part, part.bounds[::2], _reach(part)) for part in parts]
        self._flat: dict[int, list[BaseGeometry]] = {}
        self._tiles: tuple[str, ...] | None = None

    def tiles(self) -> tuple[str, ...]:
        """Names of the tiles that see a part of the area, in alphabetical order.

        Raises
        ------
        InputError
            No tile sees it, or too many do.
        """
        if self._tiles is None:
            self._tiles = self._seeing()
        return self._tiles

    def _seeing(self) -> tuple[str, ...]:
        # Sines of latitude make areas true, so that what is far too large is told at once.
        true = moved(self.geometry, lambda lon, lat: (np.radians(lon), np.sin(np.radians(lat))))
        if true.area * _EARTH_RADIUS_M**2 > MOST_TILES * SQUARE_M**2:
            raise InputError(_TOO_LARGE)
        found: set[str] = set()
        for zone in _ZONES:
            for flat in self._in_plane(zone):
                names, boxes, tree = _rasters(zone)
                hits = tree.query(flat, predicate="intersects")
                if flat.area > 0:
                    hits = hits[~shapely.touches(flat, boxes[hits])]
                found.update(names[hit] for hit in hits)
            if len(found) > MOST_TILES:
                raise InputError(_TOO_LARGE)
        if not found:
            raise InputError("no tile of Sentinel-2 sees the area")
        return tuple(sorted(found))

    def patches(self, tile: str, patch_px: int = PATCH_PX) -> NDArray[np.bool_]:
        """Whether each patch of a tile touches the area, by row and column.

        None may: with patches of 120 pixels, a tile's last 600 m in the east and south are in no patch.
        """
        zone, count = int(tile[:2]), TILE_PX // patch_px
        ulx, uly = tile_corners(zone)[tile]
        touched = np.zeros((count, count), dtype=bool)
        raster = shapely.box(ulx, uly - TILE_M, ulx + TILE_M, uly)
        for flat in self._in_plane(zone):
            if shapely.contains_properly(flat, raster):
                return np.ones_like(touched)
            if shapely.intersects(flat, raster):
                touched |= _touched(flat, ulx, uly, patch_px)
        return touched

    def _in_plane(self, zone: int) -> list[BaseGeometry]:
        """Parts of the area that tiles of a zone may see, in its plane; northings are negative in the south."""
        if zone not in self._flat:
            plane = to_plane(f"EPSG:{32600 + zone}")
            self._flat[zone] = [
                moved(_with_steps(near), plane.transform)
                for part, (west, east), reach in self._parts
                for meridian in (6 * zone - 543, 6 * zone - 183, 6 * zone + 177)
                if west - reach <= meridian <= east + reach
                for near in _near(part, meridian, reach)
            ]
            shapely.prepare(self._flat[zone])
        return self._flat[zone]


def patches_touching(areas: Iterable[TiledArea], patch_px: int = PATCH_PX) -> dict[str, tuple[Cell, ...] | None]:
    """Map the tiles that see any of some areas to their patches that touch any; None where all do."""
    seeing: dict[str, list[TiledArea]] = {}
    for area in areas:
        for tile in area.tiles():
            seeing.setdefault(tile, []).append(area)
    return {tile: patches_of_tile(tile, found, patch_px) for tile, found in sorted(seeing.items())}


def patches_of_tile(tile: str, areas: Iterable[TiledArea], patch_px: int = PATCH_PX) -> tuple[Cell, ...] | None:
    """(column, row) of the patches of a tile that touch any of some areas, row by row; None where all do.

    There may be none, see :meth:`TiledArea.patches`.
    """
    count = TILE_PX // patch_px
    touched = np.zeros((count, count), dtype=bool)
    for area in areas:
        touched |= area.patches(tile, patch_px)
        if touched.all():
            return None
    rows, cols = np.nonzero(touched)
    return tuple(zip(cols.tolist(), rows.tolist(), strict=True))


def tiles_touching(area: BaseGeometry) -> tuple[str, ...]:
    """Names of the tiles that see a part of an area; see :class:`TiledArea`."""
    return TiledArea(area).tiles()


def check_area(area: BaseGeometry) -> None:
    """Check that an area lies where tiles are, and says unambiguously where.

    Raises
    ------
    InputError
        It is empty, invalid, ambiguous at the antimeridian, or reaches beyond all tiles in the north or south.
    """
    if area.is_empty:
        raise InputError("the area is empty")
    if not np.isfinite(shapely.get_coordinates(area)).all():
        raise InputError("the area has a coordinate that is not a number")
    if not area.is_valid:
        raise InvalidAreaError(f"the area is no valid polygon: {shapely.is_valid_reason(area)}; repair it first")
    west, south, east, north = area.bounds
    if west < -540 or east > 540 or south < -90 or north > 90:
        raise InputError("the area leaves the range of longitude and latitude; are its coordinates in degrees?")
    if north > _NORTH or south < _SOUTH:
        beyond = f"{north:.2f}° N" if north > _NORTH else f"{-south:.2f}° S"
        raise InputError(f"the area reaches {beyond}: Sentinel-2's tiles end at {_NORTH}° N and {-_SOUTH}° S")
    if any(np.any(np.abs(np.diff(shapely.get_coordinates(line)[:, 0])) > 180) for line in _lines(area)):
        raise InputError(
            "a side of the area spans more than 180° of longitude: if it crosses the antimeridian, let longitudes run "
            "on past 180, or cut the area there in two (RFC 7946, 3.1.9)"
        )


def _lines(area: BaseGeometry) -> Iterator[BaseGeometry]:
    for part in shapely.get_parts(area):
        if part.geom_type == "Polygon":
            yield part.exterior
            yield from part.interiors
        elif part.geom_type.startswith(("Multi", "GeometryCollection")):
            yield from _lines(part)
        else:
            yield part


@lru_cache(maxsize=60)
def _rasters(zone: int) -> tuple[tuple[str, ...], NDArray[np.object_], Any]:
    """Names of a zone's tiles, their rasters as polygons, and a tree of these."""
    names, corners = zip(*tile_corners(zone).items(), strict=True)
    ulx, uly = np.array(corners, dtype=float).T
    boxes = np.asarray(shapely.box(ulx, uly - TILE_M, ulx + TILE_M, uly), dtype=object)
    return names, boxes, shapely.STRtree(boxes)


def _reach(part: BaseGeometry) -> float:
    """Degrees of longitude from a central meridian to the farthest place that tiles of its zone see, at a latitude."""
    _, south, _, north = part.bounds
    radius_m = _EARTH_RADIUS_M * np.cos(np.radians(max(abs(south), abs(north))))
    return 1 + float(np.degrees(np.arcsin(min(_FARTHEST_M / radius_m, 0.98))))


def _near(part: BaseGeometry, meridian: float, reach: float) -> Iterator[BaseGeometry]:
    """Yield what of a part lies within reach of tiles around a meridian."""
    box = shapely.box(meridian - reach, -90, meridian + reach, 90)
    near = part if box.covers(part) else shapely.intersection(part, box)
    if not near.is_empty:
        yield near


def _with_steps(part: BaseGeometry) -> BaseGeometry:
    """Return a part with vertices no farther apart than a step.

    Ring by ring: of a whole polygon, GEOS would examine each time whether it is valid still.
    """
    if not isinstance(part, shapely.Polygon):
        return shapely.segmentize(part, _STEP_DEG)
    shell, *holes = (shapely.segmentize(ring, _STEP_DEG) for ring in (part.exterior, *part.interiors))
    return shapely.Polygon(shell, holes)


def _touched(flat: BaseGeometry, ulx: float, uly: float, patch_px: int) -> NDArray[np.bool_]:
    """Whether a part touches each patch of a tile, by row and column; of a tile by its upper left corner."""
    side, count = patch_px * PIXEL_M, TILE_PX // patch_px
    touched = np.zeros((count, count), dtype=bool)
    edge = _EDGE_M if flat.area > 0 else 0.0
    # Most patches of a large area are told by blocks, which lie in it or outside as a whole.
    blocks = np.arange(0, count, _BLOCK)
    col, row = (axis.ravel() for axis in np.meshgrid(blocks, blocks))
    right, down = np.minimum(col + _BLOCK, count), np.minimum(row + _BLOCK, count)
    squares = shapely.box(ulx + col * side, uly - down * side, ulx + right * side, uly - row * side)
    crossed = shapely.intersects(flat, squares)
    inside = crossed & shapely.contains_properly(flat, squares)
    for place in np.flatnonzero(crossed).tolist():
        rows, cols = slice(row[place], down[place]), slice(col[place], right[place])
        if inside[place]:
            touched[rows, cols] = True
            continue
        x = ulx + side * np.arange(cols.start, cols.stop)
        y = uly - side * np.arange(rows.start, rows.stop)[:, None]
        patches = shapely.box(x + edge, y - side + edge, x + side - edge, y - edge)
        touched[rows, cols] = shapely.intersects(flat, patches)
    return touched
