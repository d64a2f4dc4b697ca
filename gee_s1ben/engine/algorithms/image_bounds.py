"""Parts of images: masked outside of a geometry, or cut to its bounds and scaled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Any

import numpy as np
import shapely

from gee_s1ben.domain.grid import Transform
from gee_s1ben.engine.features import FOOTPRINT, as_geometry
from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.engine.lattice import Lattice
from gee_s1ben.engine.program import Pixels, ProgramBuilder, Source
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.engine.values import Image, Projection
from gee_s1ben.errors import EngineError

_ROUNDING_PX = 1e-6
"""Bounds that stand out this far beyond a pixel's edge are rounding, and do not ask for one more pixel."""
Bounds = tuple[float, float, float, float]
"""Least column, least row, greatest column, greatest row; in pixels of a projection."""


@algorithm("Image.clip")
def clip(input_: Image, geometry: Any) -> Image:
    """Mask the pixels whose centres lie outside of a geometry; where the pixels lie stays."""
    area = as_geometry(geometry)
    if area is None:
        raise EngineError("Image.clip: Parameter 'geometry' is required and may not be null.")
    area = area.as_area()
    clipped = input_.with_bands(
        replace(band.computed(_ClippedSource(band.source, area)), dimensions=None) for band in input_.bands
    )
    return clipped.with_properties({**input_.properties, FOOTPRINT: area})


@algorithm("Image.clipToBoundsAndScale")
def clip_to_bounds_and_scale(
    input_: Image,
    geometry: Geometry | None = None,
    width: int | None = None,
    height: int | None = None,
    maxDimension: int | None = None,
    scale: float | None = None,
) -> Image:
    """Choose the pixels that an image is asked for on: the bounds of a geometry, at a scale or of a size."""
    name = "Image.clipToBoundsAndScale"
    if (width is None) != (height is None):
        raise EngineError(f"{name}: Must specify both width and height.")
    if sum(one is not None for one in (width, maxDimension, scale)) > 1:
        raise EngineError(f"{name}: Must specify at most one of width and height, maxDimension, and scale.")
    if not input_.bands:
        raise EngineError(f"{name}: The image has no bands.")
    first = input_.bands[0]
    projection = first.projection if scale is None else first.projection.at_scale(scale)
    if geometry is not None:
        bounds = pixel_bounds(geometry, projection)
    elif first.dimensions is not None:
        cols, rows = first.dimensions
        bounds = _moved((0.0, 0.0, float(cols), float(rows)), first.projection.transform, projection.transform)
    else:
        raise EngineError(f"{name}: The image is unbounded; give a geometry.")
    target, size = _sized(projection, bounds, width, height, maxDimension)
    return input_.with_bands(replace(band, projection=target, dimensions=size) for band in input_.bands)


def pixel_bounds(geometry: Geometry, projection: Projection) -> Bounds:
    """Return the bounds of a geometry in pixels of a projection.

    Raises
    ------
    EngineError
        The geometry is empty, or not to be had in the projection.
    """
    shape = geometry.as_area().shape(projection.crs)
    if shape.is_empty or not np.isfinite(shape.bounds).all():
        raise EngineError("Geometry: The geometry has no bounds in the projection of the image.")
    points = np.array(shapely.get_coordinates(shape))
    cols, rows = _pixels(projection.transform, points[:, 0], points[:, 1])
    return float(cols.min()), float(rows.min()), float(cols.max()), float(rows.max())


def whole_pixels(projection: Projection, bounds: Bounds) -> tuple[Projection, tuple[int, int]]:
    """Return the projection that starts at the first pixel of bounds, and how many columns and rows they touch."""
    west, north = floor(bounds[0] + _ROUNDING_PX), floor(bounds[1] + _ROUNDING_PX)
    east, south = ceil(bounds[2] - _ROUNDING_PX), ceil(bounds[3] - _ROUNDING_PX)
    return _from_pixel(projection, west, north), (max(east - west, 1), max(south - north, 1))


def _sized(
    projection: Projection, bounds: Bounds, width: int | None, height: int | None, longest: int | None
) -> tuple[Projection, tuple[int, int]]:
    across, down = bounds[2] - bounds[0], bounds[3] - bounds[1]
    if longest is not None:
        shrink = longest / max(across, down)
        width, height = max(round(across * shrink), 1), max(round(down * shrink), 1)
    if width is None or height is None:
        return whole_pixels(projection, bounds)
    if width < 1 or height < 1 or not (across > 0 and down > 0):
        raise EngineError("Image.clipToBoundsAndScale: The image would be empty.")
    a, b, c, d, e, f = _from_pixel(projection, bounds[0], bounds[1]).transform
    x, y = across / width, down / height
    return replace(projection, transform=(a * x, b * y, c, d * x, e * y, f)), (width, height)


def _from_pixel(projection: Projection, col: float, row: float) -> Projection:
    a, b, c, d, e, f = projection.transform
    return replace(projection, transform=(a, b, a * col + b * row + c, d, e, d * col + e * row + f))


def _pixels(transform: Transform, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b, c, d, e, f = transform
    det = a * e - b * d
    return (e * (x - c) - b * (y - f)) / det, (a * (y - f) - d * (x - c)) / det


def _moved(bounds: Bounds, source: Transform, target: Transform) -> Bounds:
    """Return bounds in pixels of one transform in pixels of another, of the same CRS."""
    a, b, c, d, e, f = source
    cols, rows = np.array(bounds)[[0, 2, 2, 0]], np.array(bounds)[[1, 1, 3, 3]]
    cols, rows = _pixels(target, a * cols + b * rows + c, d * cols + e * rows + f)
    return float(cols.min()), float(rows.min()), float(cols.max()), float(rows.max())


@dataclass(frozen=True, eq=False, slots=True)
class _ClippedSource:
    """Pixels of another source, masked outside of an area."""

    inner: Source
    area: Geometry

    def lower(self, builder: ProgramBuilder, stage: int) -> Pixels:
        """Lower the inner source, and take the lesser of its mask and of the area's."""
        pixels = builder.pixels(self.inner, stage)
        inside = builder.load(_Inside(self.area, builder.lattice(stage)), stage)
        return Pixels(pixels.value, builder.both(pixels.mask, inside.mask))


@dataclass(frozen=True, slots=True)
class _Inside:
    """An area on a lattice, in the place of a file: 1 and valid where a pixel's centre lies inside of it."""

    area: Geometry
    on: Lattice

    @property
    def _place(self) -> tuple[int, int, int, int]:
        bounds = pixel_bounds(self.area, Projection(self.on.crs, self._transform))
        west, north = floor(bounds[0]), floor(bounds[1])
        return west, north, max(ceil(bounds[2]) - west, 1), max(ceil(bounds[3]) - north, 1)

    @property
    def _transform(self) -> Transform:
        lattice = self.on
        x, y = lattice.a * lattice.u + lattice.b * lattice.v, lattice.d * lattice.u + lattice.e * lattice.v
        return lattice.a, lattice.b, x, lattice.d, lattice.e, y

    @property
    def lattice(self) -> tuple[Lattice, int, int]:
        """The lattice, and the first pixel of the area's bounds there."""
        west, north, _, _ = self._place
        return self.on, west, north

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the bounds."""
        _, _, width, height = self._place
        return width, height

    def read(self, col: int, row: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Tell of a part of the bounds which pixels lie inside."""
        west, north, _, _ = self._place
        a, b, c, d, e, f = self._transform
        cols, rows = np.meshgrid(
            np.arange(west + col, west + col + width) + 0.5, np.arange(north + row, north + row + height) + 0.5
        )
        shape = self.area.shape(self.on.crs)
        inside = shapely.contains_xy(shape, a * cols + b * rows + c, d * cols + e * rows + f)
        return inside.astype(np.float64), None if inside.all() else inside
