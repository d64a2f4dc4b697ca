"""Runs a program block by block with numpy, on all cores.

Within a block every stage is one rectangle of its lattice, and every node a flat array over it: with one row pitch for
all, a shift is an offset into the flat array and costs nothing. What a shift reads beyond its rectangle is rubbish, and
stays within the margin that the program keeps for it. A node that is the same number all over a block (a mask inside of
an image) is carried as that number. Values do not depend on how a raster is cut into blocks.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, lru_cache
from math import ceil

import numpy as np
import numpy.typing as npt

from gee_s1ben.engine.lattice import FloatArray, Region
from gee_s1ben.engine.operations import OPERATIONS, fold
from gee_s1ben.engine.program import Apply, Constant, Load, Node, Program, Resample, Shift, StoredBand
from gee_s1ben.engine.warp import Warp
from gee_s1ben.errors import EngineError

BLOCK_ROWS, BLOCK_COLS = 128, 512
"""Sixty-four thousand pixels: half a megabyte an array, a few dozen of which stay in the caches."""
_MOST_REGION_PX = 1 << 26
_MOST_FREE_BUFFERS = 64
_GUARD_SLACK = 8

Raster = tuple[npt.NDArray[np.generic], npt.NDArray[np.float32]]
"""Values and mask of a band."""


@dataclass(frozen=True, slots=True)
class _Buffer:
    """A flat array with guards on both sides, wide enough for every shift to be a view."""

    store: FloatArray
    guard: int
    size: int

    def view(self, offset: int = 0) -> FloatArray:
        start = self.guard + offset
        return self.store[start : start + self.size]


@dataclass(slots=True)
class _Pool:
    """Buffers that a thread uses again; as many as one block needs at once."""

    free: list[FloatArray] = field(default_factory=list)

    def take(self, size: int, guard: int) -> _Buffer:
        want = size + 2 * guard
        # The buffer that was given back last is the one that is still in the caches.
        for i in range(len(self.free) - 1, -1, -1):
            if want <= self.free[i].size <= 4 * want:
                return _Buffer(self.free.pop(i), guard, size)
        # Room to spare, so that the slightly larger rectangle of the next block fits as well.
        return _Buffer(np.zeros(want + want // 8, dtype=np.float64), guard, size)

    def give(self, buffer: _Buffer) -> None:
        if len(self.free) < _MOST_FREE_BUFFERS:
            self.free.append(buffer.store)


class _ThreadState(threading.local):
    def __init__(self) -> None:
        self.pool = _Pool()


_THREAD = _ThreadState()

Value = float | _Buffer | tuple[_Buffer, int]
"""A number everywhere, a buffer, or a buffer seen through a shift."""
Operand = FloatArray | np.float64
_Stored = tuple[Region, npt.NDArray[np.generic], npt.NDArray[np.bool_] | None]
"""A part of a file: where it lies, its values, and which of them are valid (None: all)."""


_fold = lru_cache(maxsize=4096)(fold)
"""Masks that are the same all over a block meet the same few operations again and again."""


def block_regions(region: Region, rows: int = BLOCK_ROWS, cols: int = BLOCK_COLS) -> list[Region]:
    """Cut a region into blocks of about one size, at most as large as given, row by row."""
    rows = ceil(region.height / ceil(region.height / rows))
    cols = ceil(region.width / ceil(region.width / cols))
    return [
        Region(region.col + c, region.row + r, min(cols, region.width - c), min(rows, region.height - r))
        for r in range(0, region.height, rows)
        for c in range(0, region.width, cols)
    ]


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="blocks")


def run(
    program: Program | Variants,
    region: Region,
    dtypes: Sequence[npt.DTypeLike],
    *,
    block: tuple[int, int] = (BLOCK_ROWS, BLOCK_COLS),
) -> list[Raster]:
    """Run a program over a region of its root lattice.

    Parameters
    ----------
    program : Program or Variants
        What to compute; who computes many regions of one program one after another keeps its variants.
    region : Region
        Where, on the program's root lattice.
    dtypes : sequence of dtype
        One for the values of each output.
    block : tuple of int
        Rows and columns of a block; does not change the result.

    Returns
    -------
    list of (values, mask)
        Arrays of shape (region.height, region.width); the mask is float32 from 0 to 1.

    Raises
    ------
    EngineError
        A file cannot be read, or the program asks for too many pixels at once.
    """
    shape = (region.height, region.width)
    results: list[Raster] = [(np.empty(shape, dtype), np.empty(shape, np.float32)) for dtype in dtypes]

    variants = program if isinstance(program, Variants) else Variants(program)

    def work(part: Region) -> None:
        row, col = part.row - region.row, part.col - region.col
        _Block(variants, part, _THREAD.pool).write(results, np.s_[row : row + part.height, col : col + part.width])

    parts = block_regions(region, *block)
    if len(parts) == 1:
        work(parts[0])
        return results
    futures = [_workers().submit(work, part) for part in parts]
    try:
        for future in futures:
            future.result()
    finally:
        for future in futures:
            future.cancel()
    return results


class Variants:
    """A program, and what is left of it where some of its loads are one number all over a block."""

    def __init__(self, program: Program) -> None:
        self.program = program
        """The whole program, which any block may run."""
        self._known: dict[tuple[tuple[int, float], ...], Program] = {}

    def where(self, known: Mapping[int, float]) -> Program:
        """Return the variant for these loads. Two threads may make the same one; either serves."""
        key = tuple(sorted(known.items()))
        if key not in self._known:
            self._known[key] = self.program.specialised(known) if known else self.program
        return self._known[key]


class _Block:
    """One block of a program: the rectangle of every stage, and the values of its nodes."""

    def __init__(self, variants: Variants, region: Region, pool: _Pool) -> None:
        program = variants.program
        self.pool = pool
        self.regions: list[Region] = []
        self.warps: dict[int, Warp] = {}
        self.stored: dict[tuple[StoredBand, int], _Stored | None] = {}
        self.values: dict[int, Value] = {}
        self.holds: dict[int, int] = {}
        for number, stage in enumerate(program.stages):
            if stage.parent is None:
                area = region.grown(*stage.margin)
            else:
                # A stage's parent is made before it, so its rectangle is known.
                parent = program.stages[stage.parent].lattice
                warp = Warp(parent, self.regions[stage.parent], stage.lattice, stage.margin)
                self.warps[number], area = warp, warp.reads
            if area.size > _MOST_REGION_PX:
                raise EngineError("User memory limit exceeded.")
            self.regions.append(area)
        self.guards = [
            max(stage.margin[1], stage.margin[3]) * area.width + max(stage.margin[0], stage.margin[2]) + _GUARD_SLACK
            for stage, area in zip(program.stages, self.regions, strict=True)
        ]
        self.program = variants.where(self._uniform_loads(program))

    def _uniform_loads(self, program: Program) -> dict[int, float]:
        """Read the files; tell which loads are one number all over this block."""
        known: dict[int, float] = {}
        if not all(warp.complete for warp in self.warps.values()):
            return known
        for number, node in enumerate(program.nodes):
            if isinstance(node, Load):
                found = self._stored(node.band, program.stage_of[number])
                if found is None:
                    known[number] = 0.0
                elif node.part == "mask" and found[0] == self.regions[program.stage_of[number]] and found[2] is None:
                    known[number] = 1.0
        return known

    def _stored(self, band: StoredBand, stage: int) -> _Stored | None:
        if (band, stage) not in self.stored:
            self.stored[band, stage] = _read(band, self.regions[stage])
        return self.stored[band, stage]

    def write(self, results: Sequence[Raster], place: tuple[slice, slice]) -> None:
        """Compute the block and put the inner part of each output in its place."""
        ends = [node for pixels in self.program.outputs for node in (pixels.value, pixels.mask)]
        targets = [plane for raster in results for plane in raster]
        self._compute()
        left, top, right, bottom = self.program.stages[0].margin
        area = self.regions[0]
        inside = np.s_[top : area.height - bottom, left : area.width - right]
        with np.errstate(all="ignore"):
            for target, end in zip(targets, ends, strict=True):
                found = self._operand(end)
                plane = found if isinstance(found, np.float64) else found.reshape(area.height, area.width)[inside]
                target[place] = plane
        for value in self.values.values():
            if isinstance(value, _Buffer):
                self.pool.give(value)

    def _compute(self) -> None:
        """Run the nodes in order; give a buffer back when its last user is done."""
        program = self.program
        users = list(program.users)
        with np.errstate(all="ignore"):
            for number, node in enumerate(program.nodes):
                seen = self._seen_through(node)
                if seen is not None:
                    # A view holds what it looks at until its own last user is done.
                    self.values[number], self.holds[number] = self._view(node, seen, program.stage_of[number]), seen
                else:
                    value = self._evaluate(node, program.stage_of[number])
                    if number in program.units and isinstance(value, _Buffer):
                        value = self._settled(number, value)
                    self.values[number] = value
                for i in program.inputs[number]:
                    if i != seen:
                        self._release(i, users)

    def _seen_through(self, node: Node) -> int | None:
        """The node whose pixels another one shows without computing any: shifted, or chosen everywhere."""
        if isinstance(node, Shift):
            return node.source
        if isinstance(node, Apply) and node.operation == "select":
            test, yes, no = node.inputs
            chosen = self.values[test]
            if isinstance(chosen, float) and test != yes != no != test:
                return yes if chosen != 0.0 else no
        return None

    def _view(self, node: Node, seen: int, stage: int) -> Value:
        value = self.values[seen]
        if isinstance(value, _Buffer):
            value = value, 0
        if isinstance(node, Shift) and isinstance(value, tuple):
            # What is looked at may itself show another node's pixels, elsewhere.
            return value[0], value[1] + node.rows * self.regions[stage].width + node.cols
        return value

    def _settled(self, number: int, value: _Buffer) -> Value:
        """A mask that is the same wherever it is looked at becomes a number: most are 1 in most blocks."""
        stage = self.program.stage_of[number]
        area, margin, reach = self.regions[stage], self.program.stages[stage].margin, self.program.reach[number]
        left, top, right, bottom = (most - own for most, own in zip(margin, reach, strict=True))
        plane = value.view().reshape(area.height, area.width)[top : area.height - bottom, left : area.width - right]
        first = float(plane[0, 0])
        # A glance at a few pixels tells most masks of noise.
        if not (plane[::29, ::31] == first).all() or not (plane == first).all():
            return value
        self.pool.give(value)
        return first

    def _release(self, number: int, users: list[int]) -> None:
        users[number] -= 1
        if users[number]:
            return
        value = self.values.pop(number)
        if number in self.holds:
            self._release(self.holds.pop(number), users)
        elif isinstance(value, _Buffer):
            self.pool.give(value)

    def _evaluate(self, node: Node, stage: int) -> Value:
        match node:
            case Apply(operation, inputs):
                return self._apply(operation, inputs, stage)
            case Constant(value):
                return value
            case Load():
                return self._load(node, stage)
            case Resample():
                return self._resample(node, stage)
            case Shift():
                raise AssertionError("a shift is seen through, not computed")

    def _operand(self, number: int) -> Operand:
        value = self.values[number]
        if isinstance(value, _Buffer):
            return value.view()
        if isinstance(value, tuple):
            return value[0].view(value[1])
        return np.float64(value)

    def _new(self, stage: int) -> _Buffer:
        return self.pool.take(self.regions[stage].size, self.guards[stage])

    def _apply(self, operation: str, inputs: tuple[int, ...], stage: int) -> Value:
        values = [self.values[i] for i in inputs]
        numbers = [value for value in values if isinstance(value, float)]
        if len(numbers) == len(values):
            return _fold(operation, *numbers)
        buffer = self._new(stage)
        OPERATIONS[operation](*(self._operand(i) for i in inputs), out=buffer.view())
        return buffer

    def _load(self, node: Load, stage: int) -> Value:
        """Put what of a file lies in the stage's rectangle in its place; outside of the file everything is masked."""
        found = self._stored(node.band, stage)
        if found is None:
            return 0.0
        part, data, valid = found
        area = self.regions[stage]
        whole = part == area
        if node.part == "mask" and whole and valid is None:
            return 1.0
        buffer = self._new(stage)
        plane = buffer.view().reshape(area.height, area.width)
        if not whole:
            plane.fill(0.0)
        row, col = part.row - area.row, part.col - area.col
        inner = plane[row : row + part.height, col : col + part.width]
        if node.part == "mask":
            inner[...] = 1.0 if valid is None else valid
        else:
            inner[...] = data
            if valid is not None:
                np.copyto(inner, 0.0, where=~valid)
        return buffer

    def _resample(self, node: Resample, stage: int) -> Value:
        warp = self.warps[node.child]
        mask = self._operand(node.mask)
        if node.part == "mask":
            if isinstance(mask, np.float64) and (mask == 0.0 or warp.complete):
                return float(mask)
            buffer = self._new(stage)
            warp.mask(mask, node.method, buffer.view())
            return buffer
        value = self._operand(node.value)
        if isinstance(value, np.float64):
            return float(value)
        buffer = self._new(stage)
        warp.value(value, mask, node.method, buffer.view())
        return buffer


def _read(band: StoredBand, area: Region) -> _Stored | None:
    """Read the part of a stored band that lies in a rectangle of its lattice; None where they do not meet."""
    _, col, row = band.lattice
    width, height = band.size
    left, top = max(area.col, col), max(area.row, row)
    right, bottom = min(area.col + area.width, col + width), min(area.row + area.height, row + height)
    if right <= left or bottom <= top:
        return None
    part = Region(left, top, right - left, bottom - top)
    return part, *band.read(left - col, top - row, part.width, part.height)
