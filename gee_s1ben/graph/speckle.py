"""Speckle filters, on linear power and native pixels.

The refined Lee filter: J.-S. Lee, "Refined filtering of image noise using local statistics", Computer Graphics and
Image Processing 15 (1981) 380-389, for multiplicative noise as SNAP has it:

1. In the 7×7 window nine overlapping 3×3 blocks, two pixels apart, give means m and variances v.
2. Of the four lines through the window (north-south, the two diagonals, east-west) the edge crosses the one along which
   the opposite blocks differ most, |m_i − m_j|; of equal ones the first.
3. Of the two half windows (28 pixels, the centre line included) the one is taken on whose side the block is more like
   the central one, |m_i − m_c| against |m_j − m_c|.
4. The noise is what the calmest of the window shows: σ² = mean of the five smallest v/m².
5. With mean M and variance V of the half window, the pixel x becomes M + b·(x − M), b = (V − M²σ²) / ((1 + σ²)·V), held
   between 0 and 1: b < 0 says that the window varies less than its noise, where the mean is the best estimate.

The widely used public script for Earth Engine compares signed differences in step 3, takes the wrong side of one
diagonal, and lets b go negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import ee

WINDOW_PX = 7
_FOCUS = WINDOW_PX // 2

_NORTH, _SOUTH, _WEST, _EAST = (0, -1), (0, 1), (-1, 0), (1, 0)
_NORTH_WEST, _NORTH_EAST, _SOUTH_WEST, _SOUTH_EAST = (-1, -1), (1, -1), (-1, 1), (1, 1)
_CENTRE = (0, 0)
_LINES = ((_NORTH, _SOUTH), (_SOUTH_WEST, _NORTH_EAST), (_WEST, _EAST), (_NORTH_WEST, _SOUTH_EAST))
"""Opposite sides, as (columns to the right, rows below); the order decides between equal gradients."""

_FIVE_SMALLEST_OF_NINE = (
    (0, 3), (1, 7), (2, 5), (4, 8), (0, 7), (2, 4), (3, 8), (5, 6), (0, 2), (1, 3), (4, 5), (7, 8), (1, 4), (3, 6),
    (5, 7), (2, 4), (3, 5), (4, 5),
)  # fmt: skip
"""Comparators that bring the five smallest of nine values to the first five places: a sorting network less what only
orders these among themselves. Checked in the tests on all 512 patterns of zeros and ones."""

Side = tuple[int, int]


def refined_lee(power: ee.Image, bands: Sequence[str]) -> ee.Image:
    """Filter each band with the refined Lee filter of 7×7 pixels.

    Neighbourhoods are taken on whatever pixels the result is asked for: pin it with ``reproject`` to the image's own.

    Parameters
    ----------
    power : ee.Image
        Linear power.
    bands : sequence of str
        Its bands.

    Returns
    -------
    ee.Image
        The same bands, valid exactly where they were: masked neighbours do not count.
    """
    return ee.Image.cat([_refined_lee_band(power.select(band)).rename(band) for band in bands])


def _refined_lee_band(power: ee.Image) -> ee.Image:
    blocks = _block_statistics(power)
    mean = {side: block.select("mean") for side, block in blocks.items()}
    lines = [_across(power, mean, first, second) for first, second in _LINES]
    steepest, half_window = lines[0]
    for gradient, nearer in lines[1:]:
        half_window = half_window.where(gradient.gt(steepest), nearer)
        steepest = steepest.max(gradient)
    noise = _noise_variance(list(blocks.values()))
    centre, spread = half_window.select("mean"), half_window.select("variance")
    # Image.divide gives 0 where the divisor is 0: a window without variance is its mean.
    weight = spread.subtract(centre.multiply(centre).multiply(noise)).divide(noise.add(1)).divide(spread).clamp(0, 1)
    return centre.add(weight.multiply(power.subtract(centre)))


def _across(power: ee.Image, mean: Mapping[Side, ee.Image], first: Side, second: Side) -> tuple[ee.Image, ee.Image]:
    """How much two opposite blocks differ, and the half window on the side that a pixel belongs to."""
    gradient = mean[first].subtract(mean[second]).abs()
    # More unlike the first side than the second: the pixel belongs to the second.
    to_second = mean[first].subtract(mean[_CENTRE]).abs().gt(mean[second].subtract(mean[_CENTRE]).abs())
    return gradient, _statistics(power, _half(first)).where(to_second, _statistics(power, _half(second)))


def _block_statistics(power: ee.Image) -> dict[Side, ee.Image]:
    """Mean and variance of the nine 3×3 blocks; one without a valid pixel is taken to be like the central one."""
    centre = _statistics(power, _block(_CENTRE))
    sides = product((-1, 0, 1), repeat=2)
    return {
        (col, row): centre if (col, row) == _CENTRE else _statistics(power, _block((col, row))).unmask(centre, False)
        for row, col in sides
    }


def _statistics(power: ee.Image, weights: list[list[int]]) -> ee.Image:
    """Bands ``mean`` and ``variance`` (population) over the pixels of a 7×7 pattern.

    Blocks and half windows are both patterns in the same frame, so that it does not matter which way a service lays a
    kernel: turned by 180°, sides and windows change places together.
    """
    reducer = ee.Reducer.mean().combine(ee.Reducer.variance(), sharedInputs=True)
    kernel = ee.Kernel.fixed(WINDOW_PX, WINDOW_PX, weights, _FOCUS, _FOCUS, False)
    return power.reduceNeighborhood(reducer, kernel).rename(["mean", "variance"])


def _pattern(holds: list[tuple[int, int]]) -> list[list[int]]:
    reach = range(-_FOCUS, _FOCUS + 1)
    inside = set(holds)
    return [[int((col, row) in inside) for col in reach] for row in reach]


def _block(side: Side) -> list[list[int]]:
    """The 3×3 block two pixels to a side."""
    offsets = product((-1, 0, 1), repeat=2)
    return _pattern([(2 * side[0] + col, 2 * side[1] + row) for col, row in offsets])


def _half(side: Side) -> list[list[int]]:
    """The half of the window on a side, the line through the centre included: 28 pixels."""
    window = product(range(-_FOCUS, _FOCUS + 1), repeat=2)
    return _pattern([(col, row) for col, row in window if col * side[0] + row * side[1] >= 0])


def _noise_variance(blocks: Sequence[ee.Image]) -> ee.Image:
    """Mean of the five smallest squared coefficients of variation."""
    ratios = [block.select("variance").divide(block.select("mean").multiply(block.select("mean"))) for block in blocks]
    for low, high in _FIVE_SMALLEST_OF_NINE:
        ratios[low], ratios[high] = ratios[low].min(ratios[high]), ratios[low].max(ratios[high])
    total = ratios[0]
    for ratio in ratios[1:5]:
        total = total.add(ratio)
    return total.divide(5)
