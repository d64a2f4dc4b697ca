"""Pixel lattices: where pixels lie, without saying how many there are.

Two grids whose pixels coincide share one lattice and differ only in the integer place of their first pixel. That makes
"the same pixels" a comparison of values, and makes results independent of how a raster is cut into windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import floor, hypot

import numpy as np
import numpy.typing as npt
import pyproj
from pyproj.exceptions import CRSError

from gee_s1ben.domain.grid import Grid, Transform
from gee_s1ben.errors import EngineError

FloatArray = npt.NDArray[np.float64]

_FRACTION_DIGITS = 7
"""Origins are told apart to 1e-7 of a pixel (a micrometre at 10 m); what differs less is rounding of the transform."""
_CONTROL_STEP_PX = 8
_CONTROL_SPACING_M = 90.0
"""Coordinates are transformed exactly at control points and linearly between them; over 90 m a map projection bends by
about a millionth of a pixel."""
_METRES_PER_DEGREE = 111_320.0


@lru_cache(maxsize=256)
def canonical_crs(text: str) -> str:
    """Return the authority code of a CRS where it has one, else its WKT.

    Raises
    ------
    EngineError
        The text names no CRS.
    """
    try:
        crs = pyproj.CRS.from_user_input(text)
    except CRSError as error:
        raise EngineError(f"Projection: The CRS '{text[:80]}' of a projection could not be parsed.") from error
    authority = crs.to_authority(min_confidence=100)
    return ":".join(authority) if authority else crs.to_wkt()


@lru_cache(maxsize=256)
def _transformer(source: str, target: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


@lru_cache(maxsize=256)
def _metres_per_unit(crs: str) -> float:
    parsed = pyproj.CRS.from_user_input(crs)
    if parsed.is_geographic:
        return _METRES_PER_DEGREE
    return float(parsed.axis_info[0].unit_conversion_factor or 1.0)


@dataclass(frozen=True, slots=True)
class Lattice:
    """An endless lattice of pixels: pixel (col, row) has its corner at ``matrix · (col + u, row + v)``."""

    crs: str
    a: float
    b: float
    d: float
    e: float
    u: float
    v: float

    @classmethod
    def of(cls, crs: str, transform: Transform) -> tuple[Lattice, int, int]:
        """Return the lattice of a transform, and the (column, row) on it of the transform's first pixel."""
        a, b, c, d, e, f = transform
        det = a * e - b * d
        across, down = (e * c - b * f) / det, (a * f - d * c) / det
        col, row = floor(across), floor(down)
        u, v = round(across - col, _FRACTION_DIGITS), round(down - row, _FRACTION_DIGITS)
        if u == 1.0:
            col, u = col + 1, 0.0
        if v == 1.0:
            row, v = row + 1, 0.0
        return cls(canonical_crs(crs), a, b, d, e, u, v), col, row

    @classmethod
    def of_grid(cls, grid: Grid) -> tuple[Lattice, int, int]:
        """Return the lattice of a grid, and the (column, row) on it of the grid's first pixel."""
        return cls.of(grid.crs, grid.transform)

    @property
    def pixel_size_m(self) -> float:
        """The longer side of a pixel, in metres (roughly, for degrees)."""
        return max(hypot(self.a, self.d), hypot(self.b, self.e)) * _metres_per_unit(self.crs)

    def control_step(self) -> int:
        """Pixels between control points: a power of two, 8 at 10 m."""
        step = _CONTROL_STEP_PX
        while step > 1 and step * self.pixel_size_m > _CONTROL_SPACING_M:
            step //= 2
        return step


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a lattice: first column, first row, columns, rows."""

    col: int
    row: int
    width: int
    height: int

    @property
    def size(self) -> int:
        """Pixels."""
        return self.width * self.height

    def grown(self, left: int, top: int, right: int, bottom: int) -> Region:
        """The region with a margin around it."""
        return Region(self.col - left, self.row - top, self.width + left + right, self.height + top + bottom)


def source_coordinates(target: Lattice, region: Region, source: Lattice) -> tuple[FloatArray, FloatArray]:
    """Where the pixel centres of a region lie on another lattice.

    Returns
    -------
    cols, rows : ndarray, shape (region.height, region.width)
        Fractional lattice coordinates; pixel k covers [k, k + 1). Not finite where the projection is not defined.

    Notes
    -----
    Within one CRS exact; else exact at control points that are multiples of :meth:`Lattice.control_step` counted on the
    target lattice, and linear between them. A pixel's place follows from its own column and row alone, so the result is
    the same to the last bit however the target is cut into regions.
    """
    if target.crs == source.crs:
        across = np.arange(region.col, region.col + region.width) + 0.5 + target.u
        down = np.arange(region.row, region.row + region.height)[:, None] + 0.5 + target.v
        x, y = target.a * across + target.b * down, target.d * across + target.e * down
        return _places(source, x, y)
    step = target.control_step()
    knots_c = _knots(region.col, region.width, step)
    knots_r = _knots(region.row, region.height, step)
    across, down = np.meshgrid(knots_c + 0.5 + target.u, knots_r + 0.5 + target.v)
    x, y = target.a * across + target.b * down, target.d * across + target.e * down
    cols, rows = _places(source, *_transformer(target.crs, source.crs).transform(x, y))
    place_c = (np.arange(region.col, region.col + region.width) - knots_c[0]) / step
    place_r = (np.arange(region.row, region.row + region.height) - knots_r[0]) / step
    return _between(cols, place_r, place_c), _between(rows, place_r, place_c)


def _places(lattice: Lattice, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the fractional columns and rows of coordinates in the CRS of a lattice."""
    det = lattice.a * lattice.e - lattice.b * lattice.d
    cols = (lattice.e * x - lattice.b * y) / det - lattice.u
    rows = (lattice.a * y - lattice.d * x) / det - lattice.v
    return cols, rows


def _knots(first: int, count: int, step: int) -> FloatArray:
    start = floor(first / step)
    stop = floor((first + count - 1) / step) + 1
    return np.arange(start, stop + 1, dtype=np.float64) * step


def _between(knots: FloatArray, place_r: FloatArray, place_c: FloatArray) -> FloatArray:
    """Bilinear interpolation of a control grid at the outer product of places counted in knots."""
    c = np.minimum(place_c.astype(np.intp), knots.shape[1] - 2)
    r = np.minimum(place_r.astype(np.intp), knots.shape[0] - 2)
    along = knots[:, c] + (knots[:, c + 1] - knots[:, c]) * (place_c - c)
    result: FloatArray = along[r] + (along[r + 1] - along[r]) * (place_r - r)[:, None]
    return result
