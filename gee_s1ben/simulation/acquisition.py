"""Which passes and slices are simulated over a target, and their exact geometry.

The first pass is the one nearest in time. Its far edge crosses the block of patches, and so does the seam of two of
its slices. The second flies the other way and its near edge crosses the block further out. The third and fourth see
the whole block from the neighbouring tracks, the third in the neighbouring UTM zone. Further ones repeat these.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import shapely
from pyproj import CRS, Transformer
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

from gee_s1ben.domain.grid import Grid, Transform
from gee_s1ben.domain.naming import S1ProductName
from gee_s1ben.domain.scene import OrbitDirection
from gee_s1ben.domain.tile import Target
from gee_s1ben.simulation import orbits
from gee_s1ben.simulation.swath import ANGLE_COLUMNS, ANGLE_ROWS, SWATH_M, Swath

MAX_PASSES = 8
OVERLAP_M = 15.0
"""A slice goes on for a line or two after the next has begun, as real ones do."""

_PIXEL_M = 10.0
_PAIR_SLICE_S, _SINGLE_SLICE_S = 25.0, 27.0
_FAR_EDGE, _NEAR_EDGE = 0.2, 0.6
"""Where the edges of the first and the second pass cross the block, in halves of the block from its middle."""
_SEAMS = (0.1, -0.3)
"""Where the seam of the first pass and of its repetition crosses the block, likewise."""
_EDGE_STEP_M = 4_000.0
"""Between points of a footprint: a chord in degrees then strays from the edge by less than half a metre."""


@dataclass(frozen=True, slots=True)
class World:
    """The plane in which the ground and the swaths over a target are defined."""

    crs: str
    """UTM zone of the target."""
    area: tuple[float, float, float, float]
    """(west, south, east, north) of the block of patches, without a margin."""
    centre: tuple[float, float]
    """Middle of the block: longitude and latitude in degrees."""

    @classmethod
    def of(cls, target: Target) -> World:
        """Return the world of a target: its own CRS where that is a UTM zone, else the zone it lies in."""
        block, patch = target.block, target.patch_px
        grid = target.grid.window(
            block.first_col * patch, block.first_row * patch,
            (block.last_col - block.first_col + 1) * patch, (block.last_row - block.first_row + 1) * patch,
        )  # fmt: skip
        west, south, east, north = _between(grid.crs, "EPSG:4326").transform_bounds(*grid.bounds, densify_pts=21)
        lon, lat = (west + east) / 2, (south + north) / 2
        if grid.crs.startswith(("EPSG:326", "EPSG:327")):
            crs, area = grid.crs, grid.bounds
        else:
            crs = f"EPSG:{32600 if lat >= 0 else 32700:d}"[:-2] + f"{min(60, math.floor((lon + 180) / 6) + 1):02d}"
            area = _between(grid.crs, crs).transform_bounds(*grid.bounds, densify_pts=21)
        return cls(crs, area, (lon, lat))

    @property
    def neighbour_crs(self) -> str:
        """The UTM zone on the nearer side."""
        zone = int(self.crs[-2:])
        zone += -1 if self.centre[0] < 6 * zone - 183 else 1
        return f"{self.crs[:-2]}{(zone - 1) % 60 + 1:02d}"


@dataclass(frozen=True, slots=True)
class PlannedSlice:
    """One scene to simulate."""

    name: S1ProductName
    """Its product name."""
    direction: OrbitDirection
    """Which way the satellite flies."""
    first_m: float
    """First line, along the track."""
    last_m: float
    """Last line, along the track."""
    swath: Swath
    """Of the pass."""
    grid: Grid
    """Window of the scene's own 10 m grid that holds pixels."""
    angle_grid: Grid
    """Grid of the incidence angles, one row a line of the annotation, over the whole slice."""
    footprint: tuple[tuple[float, float], ...]
    """Closed ring of (longitude, latitude) around the pixels."""
    number: int
    """Place of the slice in its datatake."""

    @property
    def id(self) -> str:
        """Asset id."""
        return f"COPERNICUS/S1_GRD/{self.name}"


@dataclass(frozen=True, slots=True)
class _PlannedPass:
    platform: str
    when: datetime
    swath: Swath
    crs: str
    lines: tuple[tuple[float, float], ...]


def plan_slices(target: Target, world: World, passes: int, margin_m: float, stamp: str) -> tuple[PlannedSlice, ...]:
    """Plan the scenes of a target.

    Parameters
    ----------
    target : Target
        What patches are wanted for.
    world : World
        Its world.
    passes : int
        How many passes, 1 to :data:`MAX_PASSES`.
    margin_m : float
        How far around the block there are pixels.
    stamp : str
        What tells simulations apart; it goes into the products' unique ids.

    Returns
    -------
    tuple of PlannedSlice
        In the order of the passes, then of time; slices that do not touch the area are left out.
    """
    planned = []
    for number, each in enumerate(_passes(target, world)[:passes]):
        orbit = orbits.absolute_orbit(each.platform, each.when)
        datatake = _digest(stamp, each.platform, str(orbit))[:6].upper()
        for place, (first_m, last_m) in enumerate(each.lines):
            unique = _digest(stamp, datatake, str(place))
            geometry = _pixels(each, world, margin_m, first_m, last_m, unique)
            if geometry is None:
                continue
            grid, ring = geometry
            start, stop = (_whole(each.when, along) for along in (first_m, last_m))
            name = S1ProductName(
                f"S1{each.platform}", "IW", "GRD", "H", "1", "S", "DV", start, stop, orbit, datatake, unique[:4].upper()
            )
            angles = _angle_grid(each, world, first_m, last_m)
            planned.append(
                PlannedSlice(
                    name, each.swath.direction, first_m, last_m, each.swath, grid, angles, ring, 4 + number + place
                )
            )
    return tuple(planned)


def _passes(target: Target, world: World) -> list[_PlannedPass]:
    lon, lat = world.centre
    west, south, east, north = world.area
    middle = (west + east) / 2, (south + north) / 2
    directions: tuple[OrbitDirection, ...] = ("ascending", "descending")
    times = {way: orbits.nearest_overpass(way, lon, lat, target.acquired) for way in directions}
    first, second = sorted(directions, key=lambda way: abs(times[way] - target.acquired))
    rx, ry = Swath(first, middle, 0.0).look
    tx, ty = Swath(first, middle, 0.0).heading
    half_range = (abs(rx) * (east - west) + abs(ry) * (north - south)) / 2
    half_along = (abs(tx) * (east - west) + abs(ty) * (north - south)) / 2

    track_m = 111_320.0 * orbits.NEIGHBOUR_DEGREES * math.cos(math.radians(lat)) * abs(rx)
    inner = min(1.1 * half_range, SWATH_M / 2)

    def inside(range_m: float) -> float:
        return min(max(range_m, inner), SWATH_M - inner)

    far_edge, near_edge = SWATH_M - _FAR_EDGE * half_range, _NEAR_EDGE * half_range
    # West is the way to later orbits, and descending passes look there.
    step = orbits.NEIGHBOUR_ORBITS if first == "descending" else -orbits.NEIGHBOUR_ORBITS
    pair, single = orbits.GROUND_SPEED_M_S * _PAIR_SLICE_S, orbits.GROUND_SPEED_M_S * _SINGLE_SLICE_S
    seams = [(seam * half_along - pair, seam * half_along, seam * half_along + pair) for seam in _SEAMS]
    whole = ((-0.55 * single, 0.45 * single),)
    base = [
        (
            "A",
            times[first],
            Swath(first, middle, far_edge),
            world.crs,
            tuple(zip(seams[0], seams[0][1:], strict=False)),
        ),
        ("A", times[second], Swath(second, middle, near_edge), world.crs, whole),
        (
            *_neighbour(times[second], step),
            Swath(second, middle, inside(near_edge + track_m)),
            world.neighbour_crs,
            whole,
        ),
        (*_neighbour(times[first], step), Swath(first, middle, inside(far_edge - track_m)), world.crs, whole),
    ]
    again = [
        (*_repeated(platform, when, target.acquired), swath, crs, lines) for platform, when, swath, crs, lines in base
    ]
    again[0] = (*again[0][:4], tuple(zip(seams[1], seams[1][1:], strict=False)))
    return [_PlannedPass(*each) for each in (*base, *again)]


def _neighbour(when: datetime, step: int) -> tuple[str, datetime]:
    """Platform and time of the pass on a neighbouring track: S1B a day away where it flew, else S1A five days away."""
    shift = -math.copysign(orbits.PLATFORM_SHIFT_ORBITS, step)
    soon = when + timedelta(seconds=(step + shift) * orbits.ORBIT_S)
    return ("B", soon) if orbits.b_flew(soon) else ("A", when + timedelta(seconds=step * orbits.ORBIT_S))


def _repeated(platform: str, when: datetime, near: datetime) -> tuple[str, datetime]:
    """Platform and time of the next pass on the same track, before or after, whichever comes nearer."""
    shift = timedelta(seconds=orbits.PLATFORM_SHIFT_ORBITS * orbits.ORBIT_S)
    other = "B" if platform == "A" else "A"
    both = orbits.b_flew(when - shift) and orbits.b_flew(when + shift)
    steps = (-shift, shift) if both else (-2 * shift, 2 * shift)
    return other if both else platform, min((when + step for step in steps), key=lambda time: abs(time - near))


def _pixels(
    each: _PlannedPass, world: World, margin_m: float, first_m: float, last_m: float, unique: str
) -> tuple[Grid, tuple[tuple[float, float], ...]] | None:
    """Grid and footprint of what a slice shows of the area; None where it shows nothing."""
    west, south, east, north = world.area
    area = box(west - margin_m, south - margin_m, east + margin_m, north + margin_m)
    slice_area = each.swath.rectangle(first_m, last_m + OVERLAP_M)
    seen = area.intersection(slice_area)
    if seen.area < _PIXEL_M**2:
        return None
    to_scene = _between(world.crs, each.crs)
    left, bottom, right, top = _moved(seen, to_scene).bounds
    # Scenes are gridded from wherever they begin, each with its own fraction of a pixel.
    x0, y0 = (round(int(unique[at : at + 8], 16) / 2**32 * _PIXEL_M, 10) for at in (8, 16))
    left, bottom = (math.floor((low - zero) / _PIXEL_M) * _PIXEL_M + zero for low, zero in ((left, x0), (bottom, y0)))
    width, height = math.ceil((right - left) / _PIXEL_M), math.ceil((top - bottom) / _PIXEL_M)
    grid = Grid(each.crs, (_PIXEL_M, 0.0, left, 0.0, -_PIXEL_M, bottom + height * _PIXEL_M), width, height)
    covered = _moved(box(*grid.bounds), _between(each.crs, world.crs)).intersection(slice_area)
    ring = orient(_moved(covered, _between(world.crs, "EPSG:4326"))).exterior.coords
    return grid, tuple((float(lon), float(lat)) for lon, lat in ring)


def _angle_grid(each: _PlannedPass, world: World, first_m: float, last_m: float) -> Grid:
    """Grid of the annotation's angles: like Earth Engine's, its first pixel's outer corner is the first tie point."""
    corners = [each.swath.place(along, across) for along, across in ((first_m, 0.0), (first_m, SWATH_M), (last_m, 0.0))]
    move = _between(world.crs, each.crs)
    (x, y), (far_x, far_y), (end_x, end_y) = (move.transform(*corner) for corner in corners)
    columns, rows = ANGLE_COLUMNS - 1, ANGLE_ROWS - 1
    transform: Transform = (
        (far_x - x) / columns, (end_x - x) / rows, x,
        (far_y - y) / columns, (end_y - y) / rows, y,
    )  # fmt: skip
    return Grid(each.crs, transform, ANGLE_COLUMNS, ANGLE_ROWS)


def _moved(area: BaseGeometry, move: Transformer) -> Polygon:
    # Rectangles in one another's planes: what they have in common is one polygon.
    dense = shapely.get_coordinates(shapely.segmentize(area, _EDGE_STEP_M))
    return Polygon(np.column_stack(move.transform(dense[:, 0], dense[:, 1])))


def _between(source: str, target: str) -> Transformer:
    return Transformer.from_crs(CRS(source), CRS(target), always_xy=True)


def _whole(when: datetime, along_m: float) -> datetime:
    return (when + timedelta(seconds=along_m / orbits.GROUND_SPEED_M_S)).replace(microsecond=0)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
