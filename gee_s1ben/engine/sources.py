"""How pixels come about, before it is known on which lattice they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gee_s1ben.engine.lattice import Lattice
from gee_s1ben.engine.program import Pixels, ProgramBuilder, Source, StoredBand


@dataclass(frozen=True, eq=False, slots=True)
class ConstantSource:
    """The same number everywhere, nowhere masked."""

    value: float

    def lower(self, builder: ProgramBuilder, stage: int) -> Pixels:  # noqa: ARG002 -- the same on every stage
        """Add the number."""
        return Pixels(builder.constant(self.value), builder.constant(1.0))


@dataclass(frozen=True, eq=False, slots=True)
class StoredSource:
    """A band in a file: its own pixels on its own lattice, the nearest of them on any other."""

    band: StoredBand

    def lower(self, builder: ProgramBuilder, stage: int) -> Pixels:
        """Load, and resample where the lattices differ."""
        return on_lattice(builder, stage, self.band.lattice[0], lambda own: builder.load(self.band, own), "nearest")


@dataclass(frozen=True, eq=False, slots=True)
class PinnedSource:
    """Pixels computed on a lattice of their own, whatever lattice they are asked for on.

    ``reproject`` makes one with ``nearest``, ``resample`` one with ``bilinear`` on the image's default projection.
    """

    inner: Source
    lattice: Lattice
    method: str

    def lower(self, builder: ProgramBuilder, stage: int) -> Pixels:
        """Compute the inner source on the pinned lattice, then resample."""
        return on_lattice(builder, stage, self.lattice, lambda own: builder.pixels(self.inner, own), self.method)


@dataclass(frozen=True, eq=False, slots=True)
class ComputedSource:
    """Pixels that are computed from those of other sources on the same lattice."""

    inputs: tuple[Source, ...]
    rule: Callable[[ProgramBuilder, tuple[Pixels, ...]], Pixels]

    def lower(self, builder: ProgramBuilder, stage: int) -> Pixels:
        """Lower the inputs, then apply the rule."""
        return self.rule(builder, tuple(builder.pixels(source, stage) for source in self.inputs))


def on_lattice(builder: ProgramBuilder, stage: int, own: Lattice, make: Callable[[int], Pixels], method: str) -> Pixels:
    """Make pixels on a lattice of their own and bring them onto a stage; nothing moves where the lattices agree."""
    if builder.lattice(stage) == own:
        return make(stage)
    child = builder.child(stage, own)
    return builder.resample(make(child), child, stage, method)
