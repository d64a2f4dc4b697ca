"""The two kinds of samples that reducers see: a stack of bands, and the neighbourhood of a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gee_s1ben.engine.kernels import Kernel
from gee_s1ben.engine.program import Pixels, ProgramBuilder
from gee_s1ben.engine.reducers import FILL


@dataclass(frozen=True, slots=True)
class StackSamples:
    """The values of several bands at one pixel, weighted by their masks."""

    builder: ProgramBuilder
    pixels: Sequence[Pixels]

    def total(self, power: int) -> int:
        """Σ mask · valueᵖ."""
        terms = [_weighted_power(self.builder, p, power) for p in self.pixels]
        return _chain(self.builder, "add", terms)

    def total_scale(self) -> float:
        """Weights are the masks themselves."""
        return 1.0

    def count(self) -> int:
        """Count the samples that are not masked."""
        return _chain(self.builder, "add", [self.builder.truth(p.mask) for p in self.pixels])

    def extreme(self, operation: str) -> int:
        """Find the least or greatest sample that is not masked."""
        builder = self.builder
        fill = builder.constant(FILL[operation])
        return _chain(builder, operation, [builder.select(p.mask, p.value, fill) for p in self.pixels])


@dataclass(frozen=True, slots=True)
class KernelSamples:
    """The neighbours of a pixel, weighted by the kernel and the mask.

    Equal weights are summed as shared runs: a row of n pixels from two rows of n/2, rows likewise. Every sum adds the
    same numbers in the same order wherever it stands, so that it does not depend on how a raster is cut into blocks;
    and, unlike a sliding sum, it is never disturbed by a bright pixel outside of the neighbourhood.
    """

    builder: ProgramBuilder
    pixels: Pixels
    kernel: Kernel
    input_weight: str = "kernel"
    """``kernel`` (kernel weight times mask), ``mask`` (the mask alone) or ``min`` (the smaller of the two)."""

    def total(self, power: int) -> int:
        """Σ weight · valueᵖ, up to :meth:`total_scale`."""
        if self.input_weight == "min":
            return self._least_weights(power)
        node = _weighted_power(self.builder, self.pixels, power)
        if self.input_weight == "mask" or self.kernel.common_weight is not None:
            return self._combined(node, "add")
        builder = self.builder
        return _chain(
            builder,
            "add",
            [
                builder.apply("multiply", builder.shift(node, c, r), builder.constant(w))
                for c, r, w in self.kernel.neighbours()
            ],
        )

    def total_scale(self) -> float:
        """The kernel's common weight, which sums of shared runs leave out."""
        return (self.kernel.common_weight or 1.0) if self.input_weight == "kernel" else 1.0

    def count(self) -> int:
        """Count the neighbours that are not masked."""
        return self._combined(self.builder.truth(self.pixels.mask), "add")

    def extreme(self, operation: str) -> int:
        """Find the least or greatest neighbour that is not masked."""
        fill = self.builder.constant(FILL[operation])
        return self._combined(self.builder.select(self.pixels.mask, self.pixels.value, fill), operation)

    def _least_weights(self, power: int) -> int:
        builder, terms = self.builder, []
        known = builder.select(self.pixels.mask, self.pixels.value, builder.constant(0.0))
        for cols, rows, weight in self.kernel.neighbours():
            least = builder.apply("min", builder.shift(self.pixels.mask, cols, rows), builder.constant(weight))
            value = builder.shift(known, cols, rows)
            terms.append(builder.apply("multiply", _power(builder, value, power), least))
        return _chain(builder, "add", terms)

    def _combined(self, node: int, operation: str) -> int:
        """Combine a node over the neighbours, through runs that equal rows and other kernels share."""
        builder = self.builder
        rows = self.kernel.runs()
        blocks: list[int] = []
        waiting = sorted(rows)
        while waiting:
            first = waiting[0]
            height = 1
            while first + height in rows and rows[first + height] == rows[first]:
                height += 1
            for start, length in rows[first]:
                line = _run(builder, node, length, operation, across=True)
                area = _run(builder, line, height, operation, across=False)
                blocks.append(builder.shift(area, start, first))
            waiting = waiting[height:]
        return _chain(builder, operation, blocks)


def _run(builder: ProgramBuilder, node: int, length: int, operation: str, *, across: bool) -> int:
    """Combine ``length`` pixels from this one on to the right (or downwards), by halves."""

    def moved(what: int, steps: int) -> int:
        return builder.shift(what, steps if across else 0, 0 if across else steps)

    if length == 1:
        return node
    half = _run(builder, node, length // 2, operation, across=across)
    pair = builder.apply(operation, half, moved(half, length // 2))
    return pair if length % 2 == 0 else builder.apply(operation, pair, moved(node, length - 1))


def _weighted_power(builder: ProgramBuilder, pixels: Pixels, power: int) -> int:
    if power == 0:
        return pixels.mask
    # What lies under a mask is unknown, perhaps NaN: it is replaced, not multiplied by zero.
    known = builder.select(pixels.mask, pixels.value, builder.constant(0.0))
    return builder.apply("multiply", _power(builder, known, power), _fraction(builder, pixels.mask))


def _fraction(builder: ProgramBuilder, mask: int) -> int:
    """The mask as a weight, left away where it is only ever 0 or 1: what is masked is 0 already."""
    return builder.constant(1.0) if builder.is_unit(mask) else mask


def _power(builder: ProgramBuilder, node: int, power: int) -> int:
    result = builder.constant(1.0)
    for _ in range(power):
        result = builder.apply("multiply", result, node)
    return result


def _chain(builder: ProgramBuilder, operation: str, nodes: Sequence[int]) -> int:
    result = nodes[0]
    for node in nodes[1:]:
        result = builder.apply(operation, result, node)
    return result
