"""How far one patch is shifted against another, to a few hundredths of a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SEARCH_PX = 6
"""Largest shift that is looked for."""
_TAPS = 4
"""Half width of the interpolating kernel; the correlation is sampled so much farther than it is searched."""
_MARGIN = SEARCH_PX + _TAPS
LEAST_PX = 4 * _MARGIN
"""Smallest side of a patch that can be aligned."""
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Shift:
    """Where a patch lies against another."""

    cols: float
    """Pixels to the east."""
    rows: float
    """Pixels to the south."""
    peak: float
    """Correlation at this shift."""


def find_shift(ours: Sequence[npt.NDArray[np.float32]], theirs: Sequence[npt.NDArray[np.float32]]) -> Shift | None:
    """Find the shift of our patch against theirs: ours at (x + cols, y + rows) looks like theirs at (x, y).

    The middle of theirs is laid over ours at every whole shift, and the zero-mean normalised correlation of the two is
    taken, so that neither a bias nor the edges count (Lewis, "Fast normalized cross-correlation", 1995). Its mean over
    the polarisations is interpolated by a windowed sinc, because the correlation of band-limited pictures is
    band-limited itself, and its highest place is returned.

    Parameters
    ----------
    ours, theirs : sequence of ndarray, shape (rows, columns)
        The same polarisations in the same order, in dB, finite.

    Returns
    -------
    Shift or None
        None where the patches are too small or flat, or the best shift is not inside the :data:`SEARCH_PX` searched.
    """
    if min(ours[0].shape) < LEAST_PX:
        return None
    surfaces = [_correlations(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(ours, theirs, strict=True)]
    surface = np.mean(surfaces, axis=0)
    if not np.isfinite(surface).all():
        return None
    inner = surface[_TAPS:-_TAPS, _TAPS:-_TAPS]
    row, col = np.unravel_index(int(np.argmax(inner)), inner.shape)
    if not (0 < row < inner.shape[0] - 1 and 0 < col < inner.shape[1] - 1):
        return None
    return _refined(surface, int(row) + _TAPS, int(col) + _TAPS)


def _correlations(ours: Array, theirs: Array) -> Array:
    """Correlation at every whole shift up to the margin, (2·margin + 1) in rows and columns."""
    middle = theirs[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    middle = middle - middle.mean()
    ours = ours - ours.mean()
    size = np.array(ours.shape) + middle.shape
    spectrum = np.fft.rfft2(ours, size) * np.conj(np.fft.rfft2(middle, size))
    span = 2 * _MARGIN + 1
    products = np.fft.irfft2(spectrum, size)[:span, :span]
    sums, squares = _window_sums(ours, middle.shape), _window_sums(ours**2, middle.shape)
    variances = squares - sums**2 / middle.size
    with np.errstate(invalid="ignore", divide="ignore"):
        found = products / np.sqrt(np.maximum(variances, 0) * np.sum(middle**2))
    return np.asarray(found, np.float64)


def _window_sums(values: Array, shape: tuple[int, ...]) -> Array:
    """Sum of the values under a window at every place, as differences of running sums."""
    running = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    height, width = shape
    below, above = running[height:], running[:-height]
    return np.asarray(below[:, width:] - above[:, width:] - below[:, :-width] + above[:, :-width])


def _refined(surface: Array, row: int, col: int) -> Shift:
    """Highest place of the interpolated surface around its highest sample, by ever finer steps."""
    best_row, best_col, step = 0.0, 0.0, 0.25
    window = surface[row - _TAPS : row + _TAPS + 1, col - _TAPS : col + _TAPS + 1]
    peak = float(surface[row, col])
    for _ in range(_ROUNDS):
        offsets = step * np.arange(-2, 3)
        rows = np.clip(best_row + offsets, -1, 1)
        cols = np.clip(best_col + offsets, -1, 1)
        values = _kernel(rows) @ window @ _kernel(cols).T
        place = np.unravel_index(int(np.argmax(values)), values.shape)
        best_row, best_col, peak = float(rows[place[0]]), float(cols[place[1]]), float(values[place])
        step /= 2
    return Shift(col + best_col - _MARGIN, row + best_row - _MARGIN, min(peak, 1.0))


def _kernel(places: Array) -> Array:
    """Weights of the samples for each place between them: a sinc under a cosine window, summing to one."""
    apart = places[:, None] - np.arange(-_TAPS, _TAPS + 1)
    window = np.where(np.abs(apart) < _TAPS + 1, np.cos(np.pi * apart / (2 * (_TAPS + 1))) ** 2, 0)
    weights = np.sinc(apart) * window
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
