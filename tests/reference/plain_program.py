"""Programs run one node after another on whole arrays: no blocks, no views, no buffers, nothing specialised."""

from __future__ import annotations

import numpy as np

from gee_s1ben.engine.lattice import Region
from gee_s1ben.engine.operations import OPERATIONS
from gee_s1ben.engine.program import Apply, Constant, Load, Program, Resample, Shift, StoredBand
from gee_s1ben.engine.warp import Warp


def run_plainly(program: Program, region: Region) -> list[tuple[np.ndarray, np.ndarray]]:
    """Values and mask of each output."""
    areas: list[Region] = []
    warps: dict[int, Warp] = {}
    for number, stage in enumerate(program.stages):
        if stage.parent is None:
            areas.append(region.grown(*stage.margin))
        else:
            parent = program.stages[stage.parent]
            warps[number] = Warp(parent.lattice, areas[stage.parent], stage.lattice, stage.margin)
            areas.append(warps[number].reads)
    found: list[np.ndarray] = []
    with np.errstate(all="ignore"):
        for number, node in enumerate(program.nodes):
            area = areas[program.stage_of[number]]
            out = np.zeros((area.height, area.width))
            match node:
                case Constant(value):
                    out = np.array(value)
                case Load(band, part):
                    out = stored(band, part, area)
                case Apply(operation, inputs):
                    OPERATIONS[operation](*(np.broadcast_to(found[i], out.shape).copy() for i in inputs), out=out)
                case Shift(source, cols, rows):
                    out = np.roll(np.broadcast_to(found[source], out.shape), (-rows, -cols), (0, 1))
                case Resample(child, method, part, value, mask):
                    size = (areas[child].height, areas[child].width)
                    flat = [np.broadcast_to(found[i], size).ravel() for i in (value, mask)]
                    if part == "mask":
                        warps[child].mask(flat[1], method, out.reshape(-1))
                    else:
                        warps[child].value(flat[0], flat[1], method, out.reshape(-1))
            found.append(out)
    left, top, right, bottom = program.stages[0].margin
    area = areas[0]
    inside = np.s_[top : area.height - bottom, left : area.width - right]

    def end(number: int) -> np.ndarray:
        return np.broadcast_to(found[number], (area.height, area.width))[inside]

    return [(end(pixels.value), end(pixels.mask)) for pixels in program.outputs]


def stored(band: StoredBand, part: str, area: Region) -> np.ndarray:
    """What a file holds of a rectangle; 0 where it is masked and outside of the file."""
    _, col, row = band.lattice
    values, valid = band.read(0, 0, *band.size)
    valid = np.ones(values.shape, bool) if valid is None else valid
    whole = (np.where(valid, values, 0.0) if part == "value" else valid).astype(np.float64)
    rows, cols = np.mgrid[area.row : area.row + area.height, area.col : area.col + area.width]
    inside = (rows >= row) & (rows < row + whole.shape[0]) & (cols >= col) & (cols < col + whole.shape[1])
    out = np.zeros(inside.shape)
    out[inside] = whole[rows[inside] - row, cols[inside] - col]
    return out
