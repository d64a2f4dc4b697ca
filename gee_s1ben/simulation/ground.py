"""The known ground under simulated scenes: sigma nought as a function of place, seed and polarisation.

The ground is a mosaic of cells of 10 m, aligned to multiples of 10 m in one UTM zone (the *world*). What a cell
reflects depends on its place and the seed alone, so every scene over it, and :func:`truth`, agree on it.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
from pyproj import CRS

from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import InputError
from gee_s1ben.simulation.placement import Placement

CELL_M = 10.0
POLARISATIONS = ("VV", "VH")

_FloatArray = npt.NDArray[np.float32]
_Words = npt.NDArray[np.uint32]
_Scalar = TypeVar("_Scalar", bound=np.generic)

_BLOCK = 2
"""Cells along a side of what shares a land cover: boundaries are drawn to 20 m, point targets to 10 m."""
_REGION_M = 2_600.0
_PARCEL_M = 330.0
_WATER, _FOREST, _TOWN, _FIELDS = range(4)
_SHARE_BELOW = (0.10, 0.28, 0.42)
"""Upper limits of the uniform number that makes a region water, forest or town; the rest is fields."""
_POINT_TARGETS = 0.008
"""Share of a town's cells that hold a point target."""
_STRIP_ROWS = 512


def truth(grid: Grid, *, seed: int, polarisation: str, world_crs: str | None = None) -> _FloatArray:
    """Return the known sigma nought at the centres of a grid's pixels.

    A scene's expected value is this times :func:`gee_s1ben.simulation.incidence_factor` of the pixel's angle.

    Parameters
    ----------
    grid : Grid
        Any grid with pixels of about 10 m.
    seed : int
        As given to :func:`gee_s1ben.simulation.simulate`.
    polarisation : {'VV', 'VH'}
        The band.
    world_crs : str, optional
        CRS in which the ground is defined: the target's, where that is a UTM zone (property
        ``simulation:world_crs`` of a scene). The grid's own by default.

    Returns
    -------
    ndarray of float32, shape (height, width)
        Linear power.

    Raises
    ------
    InputError
        Another polarisation, or a CRS in degrees for the world.
    """
    if polarisation not in POLARISATIONS:
        raise InputError(f"the simulated ground has {' and '.join(POLARISATIONS)}, not {polarisation!r:.20}")
    world = world_crs or grid.crs
    if not CRS(world).is_projected:
        raise InputError(
            f"the simulated ground is defined in metres: give the world_crs of the scenes, not {world:.40}"
        )
    placement = Placement.of(grid, world)
    result = np.empty(grid.shape, np.float32)
    for row in range(0, grid.height, _STRIP_ROWS):
        rows = slice(row, min(row + _STRIP_ROWS, grid.height))
        x, y = placement.world(rows.start, rows.stop)
        cols = np.floor((x.astype(np.float64) + placement.origin[0]) / CELL_M).astype(np.int64)
        lines = np.floor((y.astype(np.float64) + placement.origin[1]) / CELL_M).astype(np.int64)
        west, south = int(cols.min()), int(lines.min())
        ground = cells(west, south, int(cols.max()) - west + 1, int(lines.max()) - south + 1, seed)
        result[rows] = ground[POLARISATIONS.index(polarisation)][lines - south, cols - west]
    return result


def cells(west: int, south: int, width: int, height: int, seed: int) -> tuple[_FloatArray, _FloatArray]:
    """Return sigma nought of a rectangle of cells.

    Parameters
    ----------
    west, south : int
        Index of the first cell: its easting and northing divided by :data:`CELL_M`.
    width, height : int
        Cells to the east and to the **north**.
    seed : int
        Of the simulation.

    Returns
    -------
    vv, vh : ndarray of float32, shape (height, width)
        Linear power; the first row is the southernmost.
    """
    first_col, first_row = west // _BLOCK, south // _BLOCK
    columns = np.arange(first_col, (west + width - 1) // _BLOCK + 1, dtype=np.int64)
    rows = np.arange(first_row, (south + height - 1) // _BLOCK + 1, dtype=np.int64)
    vv_db, vh_db, town = _land_cover(columns, rows, seed)
    inner = np.s_[south - first_row * _BLOCK :, west - first_col * _BLOCK :]
    vv, vh = (_spread(np.power(10.0, level / 10, dtype=np.float32))[inner][:height, :width] for level in (vv_db, vh_db))
    vv, vh = np.ascontiguousarray(vv), np.ascontiguousarray(vh)
    lines, places = np.nonzero(_spread(town)[inner][:height, :width])
    target = _uniform(places + west, lines + south, seed, 11)
    hit = target < _POINT_TARGETS
    lines, places = lines[hit], places[hit]
    bright = 4.0 + 12.0 * target[hit] / _POINT_TARGETS
    vv[lines, places] = np.power(10.0, bright / 10)
    vh[lines, places] = np.power(10.0, (bright - 7.0) / 10)
    return vv, vh


def _land_cover(
    columns: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], seed: int
) -> tuple[_FloatArray, _FloatArray, npt.NDArray[np.bool_]]:
    """Levels in dB of VV and VH and where towns are, for blocks of cells."""
    side = CELL_M * _BLOCK
    x, y = np.meshgrid((columns + 0.5) * side, (rows + 0.5) * side)
    phases = 2 * np.pi * _uniform(np.arange(6), np.zeros(6, np.int64), seed, 1).astype(np.float64)
    # Bent coordinates give the regions natural outlines.
    bent_x = x + 180 * np.sin(y / 430 + phases[0]) + 60 * np.sin(y / 97 + x / 210 + phases[1])
    bent_y = y + 180 * np.sin(x / 390 + phases[2])
    region = _nearest_site(bent_x, bent_y, _REGION_M, seed, 2)
    cover = np.searchsorted(_SHARE_BELOW, _unit(_mix(region, 3)), side="right")
    parcel = _nearest_site(x, y, _PARCEL_M, seed, 4)
    grain = _uniform(columns[None, :], rows[:, None], seed, 5)
    relief = 1.2 * np.sin(x / 520 + 1.7 * np.sin(y / 1_700 + phases[3]) + phases[4]) * np.sin(y / 680 + phases[5])

    crop = _unit(_mix(parcel, 6))
    vv = np.choose(cover, [-17.5, -9.0 + 0.8 * (grain - 0.5), -6.0 + 3.0 * (grain - 0.5), -12.0 + 5.0 * crop])
    gap = np.choose(cover, [7.5, 5.0, 6.5, 5.5 + 3.0 * _unit(_mix(parcel, 7))])
    vv += np.where(cover == _WATER, 0.0, relief)
    return vv.astype(np.float32), (vv - gap).astype(np.float32), cover == _TOWN


def _nearest_site(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], size: float, seed: int, salt: int) -> _Words:
    """Random word of the site nearest to each place; one site lies somewhere in each square of a given size."""
    col, row = np.floor(x / size).astype(np.int64), np.floor(y / size).astype(np.int64)
    west, south = int(col.min()) - 1, int(row.min()) - 1
    across, up = int(col.max()) + 2 - west, int(row.max()) + 2 - south
    site_col, site_row = np.meshgrid(np.arange(west, west + across), np.arange(south, south + up))
    word = _word(site_col, site_row, seed, salt)
    # Measured from the south-western square, in squares, float32 is exact to centimetres.
    site_x = (site_col - west + 0.1 + 0.8 * _unit(_mix(word, 1))).astype(np.float32).ravel()
    site_y = (site_row - south + 0.1 + 0.8 * _unit(_mix(word, 2))).astype(np.float32).ravel()
    here_x, here_y = (x / size - west).astype(np.float32), (y / size - south).astype(np.float32)
    own = (row - south) * across + (col - west)
    best, nearest = np.full(x.shape, np.inf, np.float32), own
    for step in (-across - 1, -across, -across + 1, -1, 0, 1, across - 1, across, across + 1):
        site = own + step
        distance = (site_x.take(site) - here_x) ** 2 + (site_y.take(site) - here_y) ** 2
        nearer = distance < best
        best, nearest = np.where(nearer, distance, best), np.where(nearer, site, nearest)
    return word.ravel().take(nearest)


def _spread(values: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    return values.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)


def _uniform(col: npt.NDArray[np.int64], row: npt.NDArray[np.int64], seed: int, salt: int) -> npt.NDArray[np.float32]:
    return _unit(_word(col, row, seed, salt))


def _unit(word: _Words) -> npt.NDArray[np.float32]:
    """Uniform number in [0, 1) of a random word."""
    return (word >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


def _word(col: npt.NDArray[np.int64], row: npt.NDArray[np.int64], seed: int, salt: int) -> _Words:
    """Random word of a place."""
    start = np.uint32((seed * 0x9E3779B1 + salt * 0x85EBCA6B) % 2**32)
    return _mix(_mix(col.astype(np.uint32) ^ start, 0) + row.astype(np.uint32) * np.uint32(0x9E3779B1), salt)


def _mix(word: _Words, salt: int) -> _Words:
    """Scramble a word; the constants are those of the "lowbias32" finaliser found by C. Wellons (public domain)."""
    word = word + np.uint32(salt * 0x632BE5AB % 2**32)
    word = (word ^ (word >> np.uint32(16))) * np.uint32(0x7FEB352D)
    word = (word ^ (word >> np.uint32(15))) * np.uint32(0x846CA68B)
    return word ^ (word >> np.uint32(16))
