"""Which pixels are backscatter in dB, which stand for no data, and what is done about the latter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from gee_s1ben.domain.unit import NEAR_DB, most_zeros_by_chance
from gee_s1ben.errors import InputError, RasterError

Pixels = npt.NDArray[np.float32]

LIMIT_DB = 1000.0
"""No radar measures less than minus this, or more: what is below stands for no data, what is above is damage."""

_HIGHEST = int(np.float32(LIMIT_DB).view(np.int32))
_LOWEST = int(np.float32(-LIMIT_DB).view(np.uint32))
_LOWEST_SIGNED = int(np.float32(-LIMIT_DB).view(np.int32))

_MEAN_DB = (-40.0, 10.0)
"""Between these lie the means of patches: noise is above the one, the brightest towns are below the other."""
_FEW_ZEROS = 3
_LEAST_PX = 64
"""Fewer pixels may be alike, or all bright."""
_SAMPLES = 97
_MARGIN_DB = 5.0
_LOWEST_MEAN_SIGNED = int(np.float32(_MEAN_DB[0]).view(np.int32))
_NEGATIVE = 1 << 31
_ZERO_DB = 1e-6
"""What is left of zeros by filter and interpolation; no more than one pixel in a million lies so near by chance."""
_NEAR_ZERO_SIGNED = int(np.float32(-_ZERO_DB).view(np.int32))


def plainly_valid(pixels: Pixels) -> bool:
    """Whether all pixels are valid, as they are in all but a few patches; quick.

    Parameters
    ----------
    pixels : ndarray of float32, shape (rows, columns)
        Backscatter in dB, contiguous.

    Returns
    -------
    bool
        Whether each lies within the limit on both sides, which no NaN and no infinity does.
    """
    return plainly_valid_each(pixels.reshape(1, -1))[0]


def plainly_valid_each(pixels: Pixels) -> list[bool]:
    """Whether the pixels of each of some patches are all valid; see :func:`plainly_valid`.

    Whole numbers are compared in a quarter of the time that it takes to ask floats for NaN. Of two floats of one sign
    the farther from zero has the greater bits, and NaN and infinity the greatest; the sign is the bit of the greatest
    weight (IEEE 754-2008, section 3.4). So as signed numbers the greatest is that of the greatest positive float, or
    if there is none that of the most negative one, and as unsigned numbers always that of the most negative one.

    Parameters
    ----------
    pixels : ndarray of float32, shape (patches, pixels)
        Backscatter in dB, the pixels of each patch contiguous.
    """
    signed: list[int] = np.maximum.reduce(pixels.view(np.int32), axis=1).tolist()
    if max(signed) < 0:
        return [bits <= _LOWEST_SIGNED for bits in signed]
    unsigned: list[int] = np.maximum.reduce(pixels.view(np.uint32), axis=1).tolist()
    return [high <= _HIGHEST and low <= _LOWEST for high, low in zip(signed, unsigned, strict=True)]


def plainly_plausible_each(pixels: Pixels) -> list[bool]:
    """Whether each of some patches is all valid and certainly plausible; see :func:`implausible`.

    So are nearly all. The extremes that :func:`plainly_valid_each` looks at decide most: a patch that stays below 0 dB
    has no zero, and if it also stays above the mean's lower limit it needs no mean.

    Parameters
    ----------
    pixels : ndarray of float32, shape (patches, pixels)
        Backscatter of one band in dB, the pixels of each patch contiguous.
    """
    # Of negative floats alone the greatest signed number is the lowest float; else the greatest unsigned one is.
    highest: list[int] = np.maximum.reduce(pixels.view(np.int32), axis=1).tolist()
    sample = pixels[:, :: pixels.shape[1] // _SAMPLES + 1]
    varied: list[bool] = (sample != sample[:, :1]).any(axis=1).tolist()
    with np.errstate(invalid="ignore"):
        means: list[float] = sample.mean(axis=1).tolist()
    if max(highest) < 0:
        nearest_zero: list[int] = np.minimum.reduce(pixels.view(np.int32), axis=1).tolist()
        return [
            various
            and lowest <= _LOWEST_SIGNED
            and (nearest > _NEAR_ZERO_SIGNED or bool(np.count_nonzero(_is_zero(patch)) < _FEW_ZEROS))
            and (lowest <= _LOWEST_MEAN_SIGNED or _mean_is_plausible(patch, mean))
            for various, lowest, nearest, mean, patch in zip(varied, highest, nearest_zero, means, pixels, strict=True)
        ]
    lowest_of: list[int] = np.maximum.reduce(pixels.view(np.uint32), axis=1).tolist()
    zero = _is_zero(pixels)
    zeros = zero.sum(axis=1).tolist() if zero.any() else [0] * len(pixels)
    return [
        various
        and high <= _HIGHEST
        and _NEGATIVE < lowest <= _LOWEST
        and count < _FEW_ZEROS
        and _mean_is_plausible(patch, mean)
        for various, high, lowest, count, mean, patch in zip(
            varied, highest, lowest_of, zeros, means, pixels, strict=True
        )
    ]


def _is_zero(pixels: Pixels) -> npt.NDArray[np.bool_]:
    near: npt.NDArray[np.bool_] = np.abs(pixels) < _ZERO_DB
    return near


def _zeros_by_chance(pixels: Pixels, zero: npt.NDArray[np.bool_]) -> float:
    """How many exact zeros a band may have; see :func:`~gee_s1ben.domain.unit.most_zeros_by_chance`."""
    if np.count_nonzero(zero) < _FEW_ZEROS:
        return 0.0
    distance = np.abs(pixels[~zero])
    return most_zeros_by_chance(int(np.count_nonzero(distance <= NEAR_DB)), float(distance.min(initial=np.inf)))


def _mean_is_plausible(pixels: Pixels, by_sample: float) -> bool:
    """Whether a mean lies within the limits; one that does so by far in a sample does."""
    if _MEAN_DB[0] + _MARGIN_DB <= by_sample <= _MEAN_DB[1] - _MARGIN_DB:
        return True
    return _MEAN_DB[0] <= float(pixels.mean(dtype=np.float64)) <= _MEAN_DB[1]


def implausible(bands: Mapping[str, Pixels]) -> str | None:
    """Say why the pixels of a patch cannot be backscatter in dB, although each of them could be.

    Parameters
    ----------
    bands : mapping of str to ndarray of float32
        Pixels with data by polarisation, of one shape.

    Returns
    -------
    str or None
        Exact zeros beyond chance, which stand for no data without saying so; a mean outside −40 to +10 dB; a band of
        one number; no pixel below 0 dB, as in linear power. None if there is nothing of that.
    """
    zeros = {name: _is_zero(pixels) for name, pixels in bands.items()}
    by_chance = {name: _zeros_by_chance(pixels, zeros[name]) for name, pixels in bands.items()}
    size = min((pixels.size for pixels in bands.values()), default=0)
    joint = int(np.logical_and.reduce(list(zeros.values())).sum()) if len(bands) > 1 else 0
    if joint >= _FEW_ZEROS and joint > size * np.prod([count / size for count in by_chance.values()]):
        return f"{joint} of {size} pixels are 0.000 dB in all bands, which stands for no data"
    for name, pixels in bands.items():
        count = int(np.count_nonzero(zeros[name]))
        if count >= _FEW_ZEROS and count > by_chance[name]:
            return f"{count} of {size} pixels of {name} are 0.000 dB, which stands for no data"
        mean = float(pixels.mean(dtype=np.float64)) if size else 0.0
        if not _MEAN_DB[0] <= mean <= _MEAN_DB[1]:
            return f"{name} is {mean:.4g} dB in the mean, which no backscatter is"
        if size >= _LEAST_PX and pixels.min() == pixels.max():
            return f"all pixels of {name} are {mean:.4g} dB"
    if size >= _LEAST_PX and all(pixels.min() >= 0 for pixels in bands.values()):
        return "no pixel is below 0 dB: the numbers look like linear power"
    return None


def without_data(pixels: Pixels) -> npt.NDArray[np.bool_]:
    """Pixels that hold NaN, infinity or a stand-in for no data such as −9999.

    Raises
    ------
    RasterError
        A pixel holds a number that no radar measures: the raster is damaged or not in dB.
    """
    with np.errstate(invalid="ignore"):
        impossible = np.isfinite(pixels) & (pixels > LIMIT_DB)
        if impossible.any():
            raise RasterError(f"a pixel holds {float(pixels[impossible][0]):g} dB: the raster is damaged or not in dB")
        return ~np.isfinite(pixels) | (pixels < -LIMIT_DB)


@dataclass(frozen=True, slots=True)
class FillRule:
    """What becomes of a patch of which some pixels have no data.

    As text: ``none``, ``nearest``, or a number of decibels.
    """

    how: Literal["none", "nearest"] | float = "none"
    """``none``: the patch is absent. ``nearest``: such a pixel takes the value of the nearest pixel of its band and
    patch that has data. A number: it takes that many dB."""
    min_valid: float = 0.5
    """Share of pixels that must have data; a patch with less is absent."""

    def __post_init__(self) -> None:
        if isinstance(self.how, str) and self.how not in ("none", "nearest"):
            raise InputError(f"the fill rule is 'none', 'nearest' or a number of dB, not {self.how[:40]!r}")
        if not isinstance(self.how, str) and not -100 <= self.how <= 100:
            raise InputError(f"no backscatter is {self.how:g} dB: fill with a number from -100 to 100")
        if not 0 < self.min_valid <= 1:
            raise InputError(f"the valid share of a patch lies above 0 and is at most 1, not {self.min_valid:g}")

    @classmethod
    def parse(cls, text: str | float, min_valid: float = 0.5) -> Self:
        """Read a rule from the configuration.

        Raises
        ------
        InputError
            It is none of the rules.
        """
        if text == "none":
            return cls("none", min_valid)
        if text == "nearest":
            return cls("nearest", min_valid)
        try:
            return cls(float(text), min_valid)
        except ValueError:
            raise InputError(f"the fill rule is 'none', 'nearest' or a number of dB, not {str(text)[:40]!r}") from None

    def apply(self, bands: Mapping[str, Pixels]) -> tuple[dict[str, Pixels], int] | str:
        """Fill a patch.

        Parameters
        ----------
        bands : mapping of str to ndarray of float32, shape (rows, columns)
            Backscatter in dB by polarisation.

        Returns
        -------
        (dict, int) or str
            The bands, filled, and the number of pixels that had no data in any of them; or why it must be absent:
            too many pixels have no data, or those that have are :func:`implausible`.

        Raises
        ------
        RasterError
            A pixel holds a number that no radar measures.
        """
        lacking = {name: without_data(pixels) for name, pixels in bands.items()}
        union = np.logical_or.reduce(list(lacking.values()))
        count, size = int(union.sum()), union.size
        if count and (self.how == "none" or size - count < self.min_valid * size):
            return f"{count} of {size} pixels {'has' if count == 1 else 'have'} no data"
        reason = implausible({name: pixels[~union] for name, pixels in bands.items()} if count else bands)
        if reason is not None:
            return reason
        filled = {
            name: _filled(pixels, lacking[name], self.how) if lacking[name].any() else pixels
            for name, pixels in bands.items()
        }
        return filled, count


def _filled(pixels: Pixels, lacking: npt.NDArray[np.bool_], how: str | float) -> Pixels:
    if not isinstance(how, str):
        return np.where(lacking, np.float32(how), pixels)
    rows, cols = nearest_valid(~lacking)
    return pixels[rows, cols]


def nearest_valid(valid: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """For each pixel the row and column of the nearest valid one; of several, the westernmost, then the northernmost.

    Exact: the nearest in each column first, then the nearest among the columns.

    Parameters
    ----------
    valid : ndarray of bool, shape (rows, columns)
        At least one is true.
    """
    height, width = valid.shape
    row = np.arange(height)[:, None]
    above = np.maximum.accumulate(np.where(valid, row, -4 * height), axis=0)
    below = np.minimum.accumulate(np.where(valid, row, 5 * height)[::-1], axis=0)[::-1]
    in_column = np.where(row - above <= below - row, above, below)
    apart = (row - in_column).astype(np.int64) ** 2
    apart[(in_column < 0) | (in_column >= height)] = 4 * (height**2 + width**2)
    columns = np.arange(width)
    nearest = np.empty((height, width), dtype=np.intp)
    for column in range(width):
        nearest[:, column] = np.argmin(apart + (columns - column) ** 2, axis=1)
    return np.take_along_axis(in_column, nearest, axis=1), nearest
