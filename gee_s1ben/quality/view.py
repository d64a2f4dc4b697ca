"""What a quick-look shows, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gee_s1ben.domain.grid import Grid

Ring = tuple[tuple[float, float], ...]
"""Corners (x, y) in the CRS of the target's grid."""
Cell = tuple[int, int]
"""(column, row) of a patch in its target."""


@dataclass(frozen=True, slots=True)
class PassView:
    """One pass over the target, and the patches it serves."""

    key: str
    """``S1A_017022``."""
    relative_orbit: int
    """1 to 175; decides the colour."""
    orbit_direction: Literal["ascending", "descending"]
    hours: float
    """|Δt| between the pass and the target's acquisition, in hours."""
    footprints: tuple[Ring, ...]
    """One ring a slice, in the CRS of the target's grid."""
    cells: tuple[Cell, ...]
    """The patches taken from this pass."""
    simulated: bool = False
    """Whether the scenes were simulated rather than measured."""


@dataclass(frozen=True, slots=True)
class ExampleView:
    """One patch for the sheet."""

    name: str
    """``S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48``."""
    cell: Cell
    pass_key: str
    bands: Mapping[str, NDArray[np.float32]]
    """Polarisation to decibels, each (rows, columns)."""


@dataclass(frozen=True, slots=True)
class QuicklookView:
    """All that one quick-look shows: a target, its passes, its patches."""

    title: str
    """The target, such as ``33UUP``."""
    subtitle: str
    """Its acquisition or product name."""
    grid: Grid
    """The target's grid."""
    patch_px: int
    """Side of a patch, in pixels of the grid."""
    passes: tuple[PassView, ...]
    absent: tuple[Cell, ...] = ()
    """Patches that were wanted and could not be made."""
    examples: tuple[ExampleView, ...] = ()
    """Patches for the sheet; the first :data:`EXAMPLES` are drawn."""
    colours: Mapping[int, str] = field(default_factory=dict)
    """Of relative orbits, as on the map of what was matched."""

    @property
    def simulated(self) -> bool:
        """Whether any pass is simulated."""
        return any(one.simulated for one in self.passes)

    @property
    def written(self) -> int:
        """How many patches were made."""
        return sum(len(one.cells) for one in self.passes)


EXAMPLES = 8
"""How many patches a sheet has room for."""


def choose_examples(cells: Mapping[str, Sequence[Cell]], count: int = EXAMPLES) -> tuple[tuple[str, Cell], ...]:
    """Choose patches for the sheet, evenly over the passes and over each pass's patches.

    Passes take turns, the one with most patches first, until the sheet is full or nothing is left; what a pass is given
    is spread evenly through its patches in row-major order.

    Parameters
    ----------
    cells : mapping of str to sequence of (column, row)
        Pass key to the patches taken from it.
    count : int
        At most so many.

    Returns
    -------
    tuple of (pass key, cell)
        In order of pass, then of row and column; no patch twice.
    """
    order = sorted((key for key in cells if cells[key]), key=lambda key: (-len(cells[key]), key))
    share = dict.fromkeys(order, 0)
    left = min(count, sum(len(cells[key]) for key in order))
    while left:
        for key in order:
            if left and share[key] < len(cells[key]):
                share[key] += 1
                left -= 1
    chosen = []
    for key in order:
        rows_first = sorted(cells[key], key=lambda cell: (cell[1], cell[0]))
        chosen += [(key, rows_first[(2 * i + 1) * len(rows_first) // (2 * share[key])]) for i in range(share[key])]
    return tuple(chosen)
