"""Images whose pixels are in memory, and a short way to call algorithms on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.lattice import Lattice
from gee_s1ben.engine.pixels import compute_pixels
from gee_s1ben.engine.registry import load_all
from gee_s1ben.engine.sources import StoredSource
from gee_s1ben.engine.values import DOUBLE, Band, Image, PixelType, Projection


class MemoryBand:
    """A stored band that is an array; NaN is masked."""

    def __init__(self, grid: Grid, values: np.ndarray) -> None:
        assert values.shape == grid.shape
        self.grid, self.values = grid, values
        self.lattice = Lattice.of_grid(grid)
        self.size = (grid.width, grid.height)

    def read(self, col: int, row: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray | None]:
        assert col >= 0
        assert row >= 0
        window = self.values[row : row + height, col : col + width]
        assert window.shape == (height, width)
        invalid = np.isnan(window)
        return window, (~invalid if invalid.any() else None)


def image(grid: Grid, pixel_type: PixelType = DOUBLE, **bands: np.ndarray) -> Image:
    """An image of bands given by name."""
    projection = Projection(grid.crs, grid.transform)
    return Image(
        tuple(
            Band(name, pixel_type, projection, StoredSource(MemoryBand(grid, values)), (grid.width, grid.height))
            for name, values in bands.items()
        )
    )


def call(name: str, *arguments: Any, **named: Any) -> Any:
    """Call an algorithm by its Earth Engine name."""
    return load_all()[name].function(*arguments, **named)


def pixels(result: Image, grid: Grid) -> dict[str, np.ndarray]:
    """Compute an image; masked pixels are NaN."""
    return {
        band.name: np.where(band.mask > 0, band.values.astype(np.float64), np.nan)
        for band in compute_pixels(result, grid)
    }
