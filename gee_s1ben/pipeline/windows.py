"""Which windows of a target's raster are asked for, so that each patch lies in exactly one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.tile import Target

Cell = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of the target's raster, in its pixels, and the patches to be cut from it."""

    col: int
    row: int
    width: int
    height: int
    cells: tuple[Cell, ...]
    """(column, row) of patches, row by row."""

    @property
    def name(self) -> str:
        """File name without suffix: place and size."""
        return f"c{self.col:06d}_r{self.row:06d}_{self.width}x{self.height}"

    def grid(self, target: Target) -> Grid:
        """Return the exact grid of the window."""
        return target.grid.window(self.col, self.row, self.width, self.height)


def trimmed_windows(target: Target, cells: Iterable[Cell], window_px: int) -> tuple[Window, ...]:
    """Windows of a lattice anchored at the patch lattice, each trimmed to the block of its patches.

    Parameters
    ----------
    target : Target
        Whose patches they are.
    cells : iterable of (column, row)
        The patches wanted; a window without any is left out.
    window_px : int
        Side of the lattice, a whole number of patches.
    """
    px, per_side = target.patch_px, window_px // target.patch_px
    held: defaultdict[Cell, list[Cell]] = defaultdict(list)
    for col, row in cells:
        held[row // per_side, col // per_side].append((col, row))
    windows = []
    for key in sorted(held):
        inside = sorted(held[key], key=_row_major)
        cols, rows = [col for col, _ in inside], [row for _, row in inside]
        col, row = min(cols), min(rows)
        size = (max(cols) - col + 1) * px, (max(rows) - row + 1) * px
        windows.append(Window(col * px, row * px, *size, tuple(inside)))
    return tuple(windows)


def covering_windows(target: Target, cells: Iterable[Cell], window_px: int) -> tuple[Window, ...]:
    """Windows of the same lattice over the whole raster, the remainder that holds no whole patch included."""
    px, per_side = target.patch_px, window_px // target.patch_px
    held: defaultdict[Cell, list[Cell]] = defaultdict(list)
    for col, row in cells:
        held[row // per_side * per_side * px, col // per_side * per_side * px].append((col, row))
    return tuple(
        Window(col, row, width, height, tuple(sorted(held.get((row, col), ()), key=_row_major)))
        for row, height in _spans(target.grid.height, window_px)
        for col, width in _spans(target.grid.width, window_px)
    )


def _spans(length: int, step: int) -> Iterator[tuple[int, int]]:
    return ((start, min(step, length - start)) for start in range(0, length, step))


def _row_major(cell: Cell) -> Cell:
    return cell[1], cell[0]
