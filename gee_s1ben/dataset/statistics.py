"""Mean, standard deviation and more of each band, in one pass over a dataset."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gee_s1ben.dataset.stored import Bands
from gee_s1ben.errors import InputError

_LOWEST_DB, _HIGHEST_DB, _BIN_DB = -100.0, 100.0, 0.01
_BINS = round((_HIGHEST_DB - _LOWEST_DB) / _BIN_DB)


@dataclass(frozen=True, slots=True)
class BandStatistics:
    """Statistics of one band, in dB."""

    pixels: int
    """Pixels counted."""
    mean: float
    """Mean."""
    std: float
    """Standard deviation of the population (divided by the number of pixels)."""
    min: float
    """Smallest."""
    max: float
    """Largest."""
    percentiles: tuple[tuple[float, float], ...]
    """(percentage, dB) as asked for; exact to 0.01 dB."""
    invalid: int
    """Pixels left out because they are NaN or infinite; 0 in every dataset of ours."""

    def as_dict(self) -> dict[str, Any]:
        """Values by name, for JSON."""
        return {
            "pixels": self.pixels, "mean": self.mean, "std": self.std, "min": self.min, "max": self.max,
            "percentiles": {f"{at:g}": value for at, value in self.percentiles}, "invalid": self.invalid,
        }  # fmt: skip


@dataclass(slots=True)
class Accumulator:
    """Takes in arrays, forgets them, and knows the statistics of all of them together.

    Numerically stable however many there are: means and sums of squared deviations of parts are joined in float64.
    Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    variances" (1979), equation 2.1.
    """

    histogram: bool = False
    """Whether to count values for percentiles, which takes twice as long."""
    pixels: int = 0
    invalid: int = 0
    mean: float = 0.0
    squares: float = 0.0
    min: float = math.inf
    max: float = -math.inf
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)

    def add(self, values: npt.NDArray[np.float32]) -> None:
        """Take in an array of any shape."""
        low, high = float(values.min()), float(values.max())
        if not math.isfinite(low) or not math.isfinite(high):
            finite = values[np.isfinite(values)]
            self.invalid += values.size - finite.size
            if not finite.size:
                return
            values, low, high = finite, float(finite.min()), float(finite.max())
        mean = float(values.mean(dtype=np.float64))
        apart = np.subtract(values, mean, dtype=np.float64).ravel()
        self._join(values.size, mean, float(apart @ apart), low, high)
        if self.histogram:
            bins = ((np.clip(values, _LOWEST_DB, _HIGHEST_DB).ravel() - _LOWEST_DB) / _BIN_DB).astype(np.int64)
            counts = np.bincount(np.minimum(bins, _BINS - 1), minlength=_BINS)
            self.counts = counts if not self.counts.size else self.counts + counts

    def merge(self, other: Accumulator) -> None:
        """Take in what another one has taken in."""
        self.invalid += other.invalid
        if other.pixels:
            self._join(other.pixels, other.mean, other.squares, other.min, other.max)
        if other.counts.size:
            self.counts = other.counts.copy() if not self.counts.size else self.counts + other.counts

    def result(self, percentiles: Sequence[float] = ()) -> BandStatistics:
        """Return the statistics of all that was taken in; NaN of nothing."""
        if not self.pixels:
            nothing = tuple((at, math.nan) for at in percentiles)
            return BandStatistics(0, math.nan, math.nan, math.nan, math.nan, nothing, self.invalid)
        std = math.sqrt(self.squares / self.pixels)
        found = tuple((at, self._percentile(at)) for at in percentiles)
        return BandStatistics(self.pixels, self.mean, std, self.min, self.max, found, self.invalid)

    def _join(self, pixels: int, mean: float, squares: float, low: float, high: float) -> None:
        total = self.pixels + pixels
        apart = mean - self.mean
        self.mean += apart * pixels / total
        self.squares += squares + apart**2 * self.pixels * pixels / total
        self.pixels = total
        self.min, self.max = min(self.min, low), max(self.max, high)

    def _percentile(self, at: float) -> float:
        reached = np.cumsum(self.counts)
        place = at / 100 * (self.pixels - 1)
        bin_ = int(np.searchsorted(reached, place, side="right"))
        value = _LOWEST_DB + (min(bin_, _BINS - 1) + 0.5) * _BIN_DB
        return min(max(value, self.min), self.max)


def band_statistics(patches: Iterable[Bands], percentiles: Sequence[float] = ()) -> dict[str, BandStatistics]:
    """Compute the statistics of each band over many patches, in one pass and flat memory.

    Parameters
    ----------
    patches : iterable of mapping of str to ndarray of float32
        Backscatter in dB by polarisation.
    percentiles : sequence of float
        Percentages from 0 to 100.

    Returns
    -------
    dict of str to BandStatistics
        By polarisation, sorted.

    Raises
    ------
    InputError
        A percentage is not one.
    """
    wrong = [at for at in percentiles if not 0 <= at <= 100]
    if wrong:
        raise InputError(f"percentiles run from 0 to 100, not {wrong[0]:g}")
    found: dict[str, Accumulator] = {}
    for bands in patches:
        for name, values in bands.items():
            if name not in found:
                found[name] = Accumulator(bool(percentiles))
            found[name].add(values)
    return {name: found[name].result(percentiles) for name in sorted(found)}
