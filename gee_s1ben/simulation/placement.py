"""Where a grid's pixels are in the world's coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer

from gee_s1ben.domain.grid import Grid

_STEP_PX = 64
"""Pixels between exactly transformed places: between UTM zones a line then strays by less than a millimetre."""


@dataclass(frozen=True, slots=True)
class Placement:
    """World coordinates of a grid's pixels, exact every 64 pixels and linear between."""

    grid: Grid
    """The grid."""
    origin: tuple[float, float]
    """World coordinates that the others are given relative to, which makes float32 exact to millimetres."""
    nodes_x: npt.NDArray[np.float32]
    """Relative eastings, by node row and pixel column."""
    nodes_y: npt.NDArray[np.float32]
    """Relative northings, by node row and pixel column."""

    @classmethod
    def of(cls, grid: Grid, world_crs: str) -> Placement:
        """Place a grid in a world.

        Parameters
        ----------
        grid : Grid
            In any CRS.
        world_crs : str
            Projected, in metres.
        """
        rows = np.arange(0, grid.height + _STEP_PX, _STEP_PX) + 0.5
        cols = np.arange(0, grid.width + _STEP_PX, _STEP_PX) + 0.5
        a, b, c, d, e, f = grid.transform
        col, row = np.meshgrid(cols, rows)
        x, y = a * col + b * row + c, d * col + e * row + f
        if CRS(grid.crs) != CRS(world_crs):
            x, y = Transformer.from_crs(CRS(grid.crs), CRS(world_crs), always_xy=True).transform(x, y)
        origin = float(x.mean()), float(y.mean())
        place = np.arange(grid.width)
        left, part = place // _STEP_PX, (place % _STEP_PX) / _STEP_PX

        def along(nodes: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
            return ((1 - part) * nodes[:, left] + part * nodes[:, left + 1]).astype(np.float32)

        return cls(grid, origin, along(x - origin[0]), along(y - origin[1]))

    def world(self, first_row: int, stop_row: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """World coordinates of the pixels' centres in some rows, in metres relative to :attr:`origin`."""
        place = np.arange(first_row, stop_row)
        above, part = place // _STEP_PX, ((place % _STEP_PX) / _STEP_PX).astype(np.float32)[:, None]
        return (
            (1 - part) * self.nodes_x[above] + part * self.nodes_x[above + 1],
            (1 - part) * self.nodes_y[above] + part * self.nodes_y[above + 1],
        )
