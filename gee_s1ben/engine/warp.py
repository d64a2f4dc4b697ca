"""From the pixels of one lattice to the pixels of another: nearest neighbour and four-tap bilinear.

The rule where pixels are masked, which Earth Engine does not publish and which is therefore ours, on the safe side: a
bilinear pixel takes the least of the masks of the taps that have weight, so it is valid only where all of them are.
"""

from __future__ import annotations

from functools import cached_property
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from gee_s1ben.engine.lattice import FloatArray, Lattice, Region, source_coordinates

_ROUNDING = 1e-9
"""A tap with less weight than this is rounding, not a neighbour; it must not mask a pixel."""
_NOWHERE = 2.0**40

Operand = FloatArray | np.float64
IndexArray = npt.NDArray[np.intp]


class Warp:
    """Where each pixel of a target rectangle falls on a source lattice.

    Parameters
    ----------
    target : Lattice
        Where pixels are wanted.
    region : Region
        Which of them.
    source : Lattice
        Where pixels come from.
    margin : tuple of int
        Pixels left, top, right and below that the source rectangle has beyond what the taps reach.

    Attributes
    ----------
    reads : Region
        The source rectangle that taps index into, with its margin.
    """

    def __init__(self, target: Lattice, region: Region, source: Lattice, margin: tuple[int, int, int, int]) -> None:
        cols, rows = (plane.ravel() for plane in source_coordinates(target, region, source))
        known = (np.abs(cols) < _NOWHERE) & (np.abs(rows) < _NOWHERE)
        self._known = None if known.all() else known
        if self._known is not None:
            inside = known if known.any() else slice(0)
            cols = np.where(known, cols, cols[inside].min(initial=0.0))
            rows = np.where(known, rows, rows[inside].min(initial=0.0))
        left, top = floor(cols.min() - 0.5), floor(rows.min() - 0.5)
        right, bottom = ceil(cols.max() + 0.5) + 1, ceil(rows.max() + 0.5) + 1
        self.reads = Region(left, top, right - left, bottom - top).grown(*margin)
        # Places stay those on the lattice: counted from the corner of what is read they would be rounded otherwise
        # for every rectangle, and a pixel must not depend on how a raster is cut.
        self._cols, self._rows = cols, rows

    @property
    def complete(self) -> bool:
        """Every target pixel has a place in the source's projection."""
        return self._known is None

    @cached_property
    def _nearest(self) -> IndexArray:
        return self._index(np.floor(self._cols), np.floor(self._rows))

    @cached_property
    def _taps(self) -> tuple[IndexArray, FloatArray, FloatArray]:
        """Flat index of the upper left tap, and the weights of the right and the lower taps."""
        left, across = _split(self._cols - 0.5)
        top, down = _split(self._rows - 0.5)
        return self._index(left, top), across, down

    def _index(self, cols: FloatArray, rows: FloatArray) -> IndexArray:
        """Return the flat index of whole places in what is read."""
        index: IndexArray = (rows - self.reads.row).astype(np.intp) * self.reads.width
        index += (cols - self.reads.col).astype(np.intp)
        return index

    def mask(self, mask: Operand, method: str, out: FloatArray) -> None:
        """Resample a mask (flat over :attr:`reads`, or a number) into ``out``."""
        if isinstance(mask, np.float64):
            out.fill(mask)
        elif method == "nearest":
            np.take(mask, self._nearest, out=out, mode="clip")
        else:
            index, across, down = self._taps
            pitch = self.reads.width
            np.take(mask, index, out=out, mode="clip")
            for offset, weighs in (
                (1, across > 0.0),
                (pitch, down > 0.0),
                (pitch + 1, (across > 0.0) & (down > 0.0)),
            ):
                np.minimum(out, mask.take(index + offset, mode="clip"), out=out, where=weighs)
        if self._known is not None:
            np.copyto(out, 0.0, where=~self._known)

    def value(self, value: FloatArray, mask: Operand, method: str, out: FloatArray) -> None:
        """Resample values (flat over :attr:`reads`) into ``out``; what is masked counts as 0."""
        if method == "nearest":
            np.take(value, self._nearest, out=out, mode="clip")
            return
        if not isinstance(mask, np.float64):
            # Nothing is known of values under a mask: a NaN there must not reach a valid neighbour with weight 0.
            value = np.where(mask > 0.0, value, 0.0)
        index, across, down = self._taps
        pitch = self.reads.width
        np.take(value, index, out=out, mode="clip")
        out += (value.take(index + 1, mode="clip") - out) * across
        lower = value.take(index + pitch, mode="clip")
        lower += (value.take(index + pitch + 1, mode="clip") - lower) * across
        out += (lower - out) * down


def _split(places: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Whole and fractional part, where a fraction within rounding of a whole number is that number."""
    whole = np.floor(places)
    part = places - whole
    whole[part > 1.0 - _ROUNDING] += 1.0
    part[(part > 1.0 - _ROUNDING) | (part < _ROUNDING)] = 0.0
    return whole, part
