"""Kernels: which neighbours, and with what weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from gee_s1ben.errors import EngineError


@dataclass(frozen=True)
class Kernel:
    """Weights around a focus; the first row is the northernmost."""

    weights: tuple[tuple[float, ...], ...]
    """Rows of columns."""
    focus: tuple[int, int]
    """(column, row) of the pixel that the neighbourhood belongs to."""

    def __post_init__(self) -> None:
        if not self.weights or not self.weights[0] or len({len(row) for row in self.weights}) != 1:
            raise EngineError("Kernel.fixed: The weights must be a rectangular, non-empty list of lists.")

    def neighbours(self) -> Iterator[tuple[int, int, float]]:
        """Yield (columns to the right, rows below, weight) of every neighbour that has weight, row by row."""
        col0, row0 = self.focus
        for r, row in enumerate(self.weights):
            for c, weight in enumerate(row):
                if weight != 0.0:
                    yield c - col0, r - row0, weight

    @cached_property
    def common_weight(self) -> float | None:
        """The weight of all neighbours that have any, None where they differ."""
        weights = {weight for _, _, weight in self.neighbours()}
        return weights.pop() if len(weights) == 1 else None

    @cached_property
    def holds_focus(self) -> bool:
        """Whether a pixel is its own neighbour."""
        return any((cols, rows) == (0, 0) for cols, rows, _ in self.neighbours())

    def runs(self) -> dict[int, tuple[tuple[int, int], ...]]:
        """Per row below the focus, the unbroken runs of neighbours as (first column to the right, length)."""
        found: dict[int, list[tuple[int, int]]] = {}
        for cols, rows, _ in self.neighbours():
            line = found.setdefault(rows, [])
            if line and sum(line[-1]) == cols:
                line[-1] = (line[-1][0], line[-1][1] + 1)
            else:
                line.append((cols, 1))
        return {row: tuple(line) for row, line in found.items()}

    def rotated(self, quarter_turns: int) -> Kernel:
        """Return the kernel turned clockwise by quarter turns about its centre."""
        kernel = self
        for _ in range(quarter_turns % 4):
            height = len(kernel.weights)
            col, row = kernel.focus
            turned = tuple(tuple(column) for column in zip(*reversed(kernel.weights), strict=True))
            kernel = Kernel(turned, (height - 1 - row, col))
        return kernel

    @classmethod
    def shaped(
        cls, reach_x: int, reach_y: int, holds: Callable[[int, int], bool], *, normalize: bool, magnitude: float
    ) -> Kernel:
        """Make a kernel of equal weights from a test on (columns, rows) from the focus."""
        columns, rows = range(-reach_x, reach_x + 1), range(-reach_y, reach_y + 1)
        inside = [[holds(c, r) for c in columns] for r in rows]
        weight = magnitude / sum(map(sum, inside)) if normalize else magnitude
        weights = tuple(tuple(weight if held else 0.0 for held in row) for row in inside)
        return cls(weights, (reach_x, reach_y))
