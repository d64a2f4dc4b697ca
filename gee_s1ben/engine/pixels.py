"""From an image and a grid to arrays: lower, run, hand over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.executor import run
from gee_s1ben.engine.lattice import Lattice, Region
from gee_s1ben.engine.program import Program, ProgramBuilder
from gee_s1ben.engine.values import Image
from gee_s1ben.errors import EngineError

_GDAL_NAMES: Final = {"float32": "Float32", "float64": "Float64", "uint8": "Byte"}


@dataclass(frozen=True, slots=True)
class BandPixels:
    """The pixels of one band on a grid."""

    name: str
    values: npt.NDArray[np.generic]
    """Shape (height, width), in the band's own type; meaningless where masked."""
    mask: npt.NDArray[np.float32]
    """Shape (height, width); 0 is masked."""


def lower(image: Image, lattice: Lattice) -> Program:
    """Lower all bands of an image to one program on a lattice."""
    builder = ProgramBuilder(lattice)
    return builder.finish([builder.pixels(band.source, 0) for band in image.bands])


def compute_pixels(image: Image, grid: Grid) -> list[BandPixels]:
    """Compute an image on a grid.

    Raises
    ------
    EngineError
        A file cannot be read, the CRS is unknown, or the graph needs too much memory at once.
    """
    lattice, col, row = Lattice.of_grid(grid)
    program = lower(image, lattice)
    rasters = run(program, Region(col, row, grid.width, grid.height), [b.pixel_type.dtype for b in image.bands])
    return [BandPixels(band.name, values, mask) for band, (values, mask) in zip(image.bands, rasters, strict=True)]


def common_type(kinds: Collection[np.dtype[Any]]) -> np.dtype[Any]:
    """Return the type that all bands of a GeoTIFF have.

    Raises
    ------
    EngineError
        They differ; with Earth Engine's sentence.
    """
    found = set(kinds)
    if len(found) > 1:
        first, other, *_ = sorted(_GDAL_NAMES.get(kind.name, kind.name.capitalize()) for kind in found)
        raise EngineError(
            f"Exported bands must have compatible data types; found inconsistent types: {first} and {other}."
        )
    return found.pop()
