"""The refined Lee filter written down from the paper, window by window, in plain numpy.

J.-S. Lee, "Refined filtering of image noise using local statistics", CGIP 15 (1981) 380-389. Each 7×7 window is taken
apart as the paper does it: nine 3×3 blocks, the line of the steepest gradient, the side that the pixel is more like,
the noise from the five calmest blocks, and the minimum mean square error estimate in the half window.
"""

from __future__ import annotations

import warnings

import numpy as np

# Rows and columns in the 3×3 array of block means, from the upper left.
OPPOSITE = (((0, 1), (2, 1)), ((2, 0), (0, 2)), ((1, 0), (1, 2)), ((0, 0), (2, 2)))


def windows(power: np.ndarray) -> np.ndarray:
    """(rows, columns, 7, 7); beyond the edge there is nothing (NaN)."""
    padded = np.pad(power, 3, constant_values=np.nan)
    return np.lib.stride_tricks.sliding_window_view(padded, (7, 7))


def half_masks() -> dict[tuple[int, int], np.ndarray]:
    """The half window towards each block, drawn."""
    south = np.array([[0] * 7] * 3 + [[1] * 7] * 4, dtype=bool)
    south_west = np.tril(np.ones((7, 7), dtype=bool))
    return {
        (2, 1): south,
        (0, 1): np.flipud(south),
        (1, 2): south.T,
        (1, 0): np.fliplr(south.T),
        (2, 0): south_west,
        (0, 2): south_west.T,
        (0, 0): np.flipud(south_west),
        (2, 2): np.fliplr(south_west),
    }


def refined_lee(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Filter linear power; NaN is no data.

    Returns
    -------
    filtered, weight : ndarray
        The weight before it is held in [0, 1].
    """
    rows, cols = power.shape
    every = windows(np.asarray(power, dtype=np.float64))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # means of nothing but NaN
        mean = np.empty((3, 3, rows, cols))
        variance = np.empty((3, 3, rows, cols))
        for i in range(3):
            for j in range(3):
                block = every[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
                mean[i, j] = np.nanmean(block, axis=(2, 3))
                variance[i, j] = np.nanvar(block, axis=(2, 3))
        empty = np.isnan(mean)
        mean = np.where(empty, mean[1, 1], mean)
        variance = np.where(empty, variance[1, 1], variance)

        noise = np.sort((variance / mean**2).reshape(9, rows, cols), axis=0)[:5].mean(axis=0)

        gradient = np.stack([np.abs(mean[a] - mean[b]) for a, b in OPPOSITE])
        steepest = gradient.argmax(axis=0)  # the first of equal ones
        masks = half_masks()
        centre = np.empty((rows, cols))
        spread = np.empty((rows, cols))
        for line, (a, b) in enumerate(OPPOSITE):
            unlike_a = np.abs(mean[a] - mean[1, 1]) > np.abs(mean[b] - mean[1, 1])
            for side, here in ((b, unlike_a), (a, ~unlike_a)):
                where = (steepest == line) & here
                chosen = every[where][:, masks[side]]
                centre[where] = np.nanmean(chosen, axis=1)
                spread[where] = np.nanvar(chosen, axis=1)
        weight = (spread - centre**2 * noise) / ((1 + noise) * spread)
        weight = np.where(spread > 0, weight, 0.0)
    return centre + np.clip(weight, 0, 1) * (power - centre), weight
