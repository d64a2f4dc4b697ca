"""From an image and a grid to arrays: lower, run, hand over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.executor import run
from gee_s1ben.engine.lattice import Lattice, Region
from gee_s1ben.engine.program import Program, ProgramBuilder
from gee_s1ben.engine.values import Image


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
