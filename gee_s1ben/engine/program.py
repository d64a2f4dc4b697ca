"""The program that an image is lowered to: a hash-consed list of primitive array operations.

A *stage* is a lattice on which nodes are computed together. The root stage lies on the asked lattice; where a node is
resampled from other pixels, these belong to a child stage. Nodes of one stage see one another pixel by pixel or shifted
by whole pixels. Equal nodes are one node, constants fold, and inputs always stand before their users, so an executor
runs the list once from front to back for each block.

Algorithms build programs through :class:`ProgramBuilder`; they hold no array code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

import numpy as np

from gee_s1ben.engine.lattice import Lattice
from gee_s1ben.engine.operations import fold


class StoredBand(Protocol):
    """What a leaf must offer: where its pixels lie in a file."""

    @property
    def lattice(self) -> tuple[Lattice, int, int]:
        """Its lattice and the (column, row) of its first pixel there."""

    def read(self, col: int, row: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Read a window of the file, which lies inside of it: values and a validity mask (None: all valid)."""

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the file."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number everywhere."""

    value: float


@dataclass(frozen=True, slots=True)
class Load:
    """Stored pixels on their own lattice: ``value`` (0 where masked) or ``mask``."""

    band: StoredBand
    part: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An elementwise operation, named in :data:`gee_s1ben.engine.operations.OPERATIONS`."""

    operation: str
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shift:
    """The pixel ``cols`` to the right and ``rows`` below."""

    source: int
    cols: int
    rows: int


@dataclass(frozen=True, slots=True)
class Resample:
    """Pixels of a child stage on this stage's lattice: ``value`` or ``mask``, ``nearest`` or ``bilinear``."""

    child: int
    method: str
    part: str
    value: int
    mask: int


Node = Constant | Load | Apply | Shift | Resample

_TRUTHS = frozenset({"eq", "neq", "gt", "gte", "lt", "lte", "not", "truth"})
_KEEP_UNITS = frozenset({"min", "max", "multiply", "select"})


Margin = tuple[int, int, int, int]
"""Pixels left, top, right and below."""


@dataclass(slots=True)
class Stage:
    """A lattice on which nodes are computed together, and the stage that resamples from it."""

    lattice: Lattice
    parent: int | None
    margin: Margin = (0, 0, 0, 0)
    """Pixels left, top, right and below that shifts reach beyond what is asked of the stage."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """The two nodes of a band: its values, and its mask from 0 (masked) to 1."""

    value: int
    mask: int


@dataclass(frozen=True, slots=True)
class Program:
    """What an executor runs."""

    nodes: tuple[Node, ...]
    stage_of: tuple[int, ...]
    """The stage of each node; constants belong to the root."""
    stages: tuple[Stage, ...]
    outputs: tuple[Pixels, ...]
    """Per band; nodes of the root stage or constants."""
    inputs: tuple[tuple[int, ...], ...]
    """Of each node, the nodes that it reads."""
    users: tuple[int, ...]
    """Of each node, how often it is read, by nodes and as an output."""
    reach: tuple[Margin, ...]
    """Of each node, how far beyond the pixels asked of its stage it is looked at: left, top, right and below."""
    units: frozenset[int]
    """Nodes that hold nothing but 0 and 1."""

    def specialised(self, known: Mapping[int, float]) -> Program:
        """Return the program for blocks on which some loads are one number, such as a mask that is 1 all over.

        All that follows from these numbers folds away: inside of an image nothing is left of its masks. The stages stay
        as they are.

        Parameters
        ----------
        known : mapping
            Numbers of loads; resampled, they stay what they are.
        """
        builder = ProgramBuilder(self.stages[0].lattice)
        builder.adopt(self.stages)
        numbers: list[int] = []
        for old, (node, stage) in enumerate(zip(self.nodes, self.stage_of, strict=True)):
            if old in known:
                numbers.append(builder.constant(known[old]))
                continue
            match node:
                case Constant(value):
                    new = builder.constant(value)
                case Load(band, part):
                    new = getattr(builder.load(band, stage), part)
                case Apply(operation, inputs):
                    new = builder.apply(operation, *(numbers[i] for i in inputs))
                case Shift(source, cols, rows):
                    new = builder.shift(numbers[source], cols, rows)
                case Resample(child, method, part, value, mask):
                    pixels = Pixels(numbers[value], numbers[mask])
                    new = getattr(builder.resample(pixels, child, stage, method), part)
            numbers.append(new)
        return builder.finish([Pixels(numbers[p.value], numbers[p.mask]) for p in self.outputs], self.stages)


class Source(Protocol):
    """Pixels before it is known on which lattice they are asked for."""

    def lower(self, builder: ProgramBuilder, stage: int) -> Pixels:
        """Add the nodes that compute this source on a stage."""


@dataclass(slots=True)
class ProgramBuilder:
    """Collects nodes; equal nodes are one node."""

    root: Lattice
    _nodes: list[Node] = field(default_factory=list)
    _stage_of: list[int] = field(default_factory=list)
    _stages: list[Stage] = field(default_factory=list)
    _numbers: dict[tuple[int, Node], int] = field(default_factory=dict)
    _children: dict[tuple[int, Lattice], int] = field(default_factory=dict)
    _lowered: dict[tuple[int, int], tuple[Source, Pixels]] = field(default_factory=dict)
    _units: set[int] = field(default_factory=set)
    """Nodes that are known to hold nothing but 0 and 1."""

    def __post_init__(self) -> None:
        self._stages.append(Stage(self.root, None))

    def adopt(self, stages: Sequence[Stage]) -> None:
        """Take over the stages of another program."""
        self._stages = list(stages)

    def pixels(self, source: Source, stage: int) -> Pixels:
        """Lower a source on a stage, once."""
        key = (id(source), stage)
        if key not in self._lowered:
            # The source is kept beside its pixels so that its id cannot be given to another object.
            self._lowered[key] = (source, source.lower(self, stage))
        return self._lowered[key][1]

    def lattice(self, stage: int) -> Lattice:
        """Return the lattice of a stage."""
        return self._stages[stage].lattice

    def child(self, stage: int, lattice: Lattice) -> int:
        """Return the stage on ``lattice`` from which ``stage`` resamples."""
        key = (stage, lattice)
        if key not in self._children:
            self._children[key] = len(self._stages)
            self._stages.append(Stage(lattice, stage))
        return self._children[key]

    def constant(self, value: float) -> int:
        """Add a number."""
        return self._add(Constant(float(value)), 0)

    def constant_value(self, node: int) -> float | None:
        """Return the number of a constant node, None for any other."""
        found = self._nodes[node]
        return found.value if isinstance(found, Constant) else None

    def apply(self, operation: str, *inputs: int) -> int:
        """Add an elementwise operation, or what it comes to: constants fold, and what changes nothing is left away."""
        constants = [self.constant_value(i) for i in inputs]
        numbers = [c for c in constants if c is not None]
        if len(numbers) == len(inputs):
            return self.constant(fold(operation, *numbers))
        simpler = self._simpler(operation, inputs, constants)
        if simpler is not None:
            return simpler
        moved = self._common_shift(inputs)
        if moved is not None:
            cols, rows, sources = moved
            return self.shift(self.apply(operation, *sources), cols, rows)
        (stage,) = {self._stage_of[i] for i, c in zip(inputs, constants, strict=True) if c is None}
        return self._add(Apply(operation, inputs), stage)

    def _common_shift(self, inputs: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]] | None:
        """Where all inputs are shifted alike, the shift and what is shifted.

        Done before the shift, the same work on the same neighbours is one node wherever it is looked at from.
        """
        nodes = [self._nodes[i] for i in inputs]
        shifts = {(n.cols, n.rows) if isinstance(n, Shift) else None for n in nodes if not isinstance(n, Constant)}
        if len(shifts) != 1 or (offset := shifts.pop()) is None:
            return None
        sources = tuple(n.source if isinstance(n, Shift) else i for n, i in zip(nodes, inputs, strict=True))
        return *offset, sources

    def _simpler(self, operation: str, inputs: tuple[int, ...], constants: list[float | None]) -> int | None:
        """The node that an operation comes to without being done, if there is one."""
        match operation:
            case "select":
                _, yes, no = inputs
                if constants[0] is not None:
                    return yes if constants[0] != 0.0 else no
                return yes if yes == no else None
            case "truth":
                return inputs[0] if self.is_unit(inputs[0]) else None
            case "multiply" | "divide" if constants[1] == 1.0:
                return inputs[0]
            case "multiply" if constants[0] == 1.0:
                return inputs[1]
            case "min" | "max" if all(map(self.is_unit, inputs)):
                first, second = inputs
                wins = 0.0 if operation == "min" else 1.0
                for this, other in ((first, second), (second, first)):
                    if self.constant_value(this) is not None:
                        return this if self.constant_value(this) == wins else other
                return first if first == second else None
            case _:
                return None

    def shift(self, node: int, cols: int, rows: int) -> int:
        """Add a shift by whole pixels; shifts of shifts collapse."""
        if (cols, rows) == (0, 0) or self.constant_value(node) is not None:
            return node
        found = self._nodes[node]
        if isinstance(found, Shift):
            return self.shift(found.source, found.cols + cols, found.rows + rows)
        return self._add(Shift(node, cols, rows), self._stage_of[node])

    def load(self, band: StoredBand, stage: int) -> Pixels:
        """Add a leaf to a stage on the leaf's own lattice."""
        return Pixels(self._add(Load(band, "value"), stage), self._add(Load(band, "mask"), stage))

    def resample(self, pixels: Pixels, child: int, stage: int, method: str) -> Pixels:
        """Bring pixels of a child stage onto ``stage``.

        A constant stays as it is: it is the same on every lattice.
        """
        value, mask = pixels.value, pixels.mask
        if self.constant_value(mask) is None:
            mask = self._add(Resample(child, method, "mask", pixels.value, pixels.mask), stage)
        if self.constant_value(value) is None:
            value = self._add(Resample(child, method, "value", pixels.value, pixels.mask), stage)
        return Pixels(value, mask)

    def both(self, first: int, second: int) -> int:
        """Add the minimum of two masks: what a binary operation does to the masks of its inputs."""
        if first == second or self.constant_value(second) == 1.0:
            return first
        if self.constant_value(first) == 1.0:
            return second
        return self.apply("min", *sorted((first, second)))

    def either(self, first: int, second: int) -> int:
        """Add the maximum of two masks."""
        if first == second or self.constant_value(second) == 0.0:
            return first
        if self.constant_value(first) == 0.0:
            return second
        return self.apply("max", *sorted((first, second)))

    def truth(self, node: int) -> int:
        """Add 1 where a node is not zero, 0 elsewhere."""
        return self.apply("truth", node)

    def select(self, test: int, yes: int, no: int) -> int:
        """Add ``yes`` where ``test`` is not zero, ``no`` elsewhere."""
        return self.apply("select", self.truth(test), yes, no)

    def is_unit(self, node: int) -> bool:
        """Whether a node is known to hold nothing but 0 and 1."""
        return node in self._units or self.constant_value(node) in (0.0, 1.0)

    def finish(self, outputs: list[Pixels], stages: tuple[Stage, ...] | None = None) -> Program:
        """Drop what nothing needs, and tell each stage how far its shifts reach (unless the stages are given)."""
        needed = self._reachable(outputs)
        renumbered = {old: new for new, old in enumerate(needed)}
        nodes = tuple(_renumber(self._nodes[old], renumbered) for old in needed)
        stage_of = tuple(self._stage_of[old] for old in needed)
        reach = _reach(nodes)
        if stages is None:
            stages = tuple(self._stages)
            for node, stage, far in zip(nodes, stage_of, reach, strict=True):
                if not isinstance(node, Constant):  # a number is everywhere
                    stages[stage].margin = _widest(stages[stage].margin, far)
        ends = tuple(Pixels(renumbered[p.value], renumbered[p.mask]) for p in outputs)
        inputs = tuple(inputs_of(node) for node in nodes)
        users = [0] * len(nodes)
        for number in (*chain.from_iterable(inputs), *chain.from_iterable((p.value, p.mask) for p in ends)):
            users[number] += 1
        units = frozenset(renumbered[old] for old in needed if self.is_unit(old))
        return Program(nodes, stage_of, stages, ends, inputs, tuple(users), reach, units)

    def _add(self, node: Node, stage: int) -> int:
        key = (stage, node)
        if key not in self._numbers:
            number = self._numbers[key] = len(self._nodes)
            self._nodes.append(node)
            self._stage_of.append(stage)
            if self._holds_units(node):
                self._units.add(number)
        return self._numbers[key]

    def _holds_units(self, node: Node) -> bool:
        match node:
            case Load(_, part):
                return part == "mask"
            case Apply(operation, inputs):
                kept = inputs[1:] if operation == "select" else inputs
                return operation in _TRUTHS or (operation in _KEEP_UNITS and all(map(self.is_unit, kept)))
            case Shift(source, _, _):
                return self.is_unit(source)
            case Resample(_, _, part, _, mask):
                return part == "mask" and self.is_unit(mask)
            case _:
                return False

    def _reachable(self, outputs: list[Pixels]) -> list[int]:
        seen: set[int] = set()
        waiting = [node for p in outputs for node in (p.value, p.mask)]
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting.extend(inputs_of(self._nodes[node]))
        return sorted(seen)


def inputs_of(node: Node) -> tuple[int, ...]:
    """Return the nodes that a node reads."""
    match node:
        case Apply(_, inputs):
            return inputs
        case Shift(source, _, _):
            return (source,)
        case Resample(_, _, part, value, mask):
            return (value, mask) if part == "value" else (mask,)
        case _:
            return ()


def _renumber(node: Node, numbers: dict[int, int]) -> Node:
    match node:
        case Apply(operation, inputs):
            return Apply(operation, tuple(numbers[i] for i in inputs))
        case Shift(source, cols, rows):
            return Shift(numbers[source], cols, rows)
        case Resample(child, method, part, value, mask):
            # The mask of a resampling does not need its values; where nothing else does, they are gone.
            return Resample(child, method, part, numbers.get(value, numbers[mask]), numbers[mask])
        case _:
            return node


def _reach(nodes: tuple[Node, ...]) -> tuple[Margin, ...]:
    """Walk back from the outputs: how far the users of each node in its own stage look beyond their own place."""
    reach: list[Margin] = [(0, 0, 0, 0)] * len(nodes)
    for number in range(len(nodes) - 1, -1, -1):
        left, top, right, bottom = reach[number]
        match nodes[number]:
            case Apply(_, inputs):
                for i in inputs:
                    reach[i] = _widest(reach[i], reach[number])
            case Shift(source, cols, rows):
                moved = (max(left - cols, 0), max(top - rows, 0), max(right + cols, 0), max(bottom + rows, 0))
                reach[source] = _widest(reach[source], moved)
            case _:
                pass
    return tuple(reach)


def _widest(first: Margin, second: Margin) -> Margin:
    return (
        max(first[0], second[0]),
        max(first[1], second[1]),
        max(first[2], second[2]),
        max(first[3], second[3]),
    )
