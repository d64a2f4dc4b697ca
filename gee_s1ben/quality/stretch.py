"""Decibels to grey and to colour, the same way for every patch so that patches can be compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

DECIBEL_RANGE: Mapping[str, tuple[float, float]] = {
    "VV": (-20.0, 0.0),
    "HH": (-20.0, 0.0),
    "VH": (-27.0, -7.0),
    "HV": (-27.0, -7.0),
}
"""What is black and what is white, by polarisation, in dB: from calm water to forest and towns."""

RATIO_RANGE = (1.0, 16.0)
"""The same for VV − VH (dB): from volume scatterers to bare, smooth surfaces."""


def stretch(decibel: NDArray[np.float32], limits: tuple[float, float]) -> NDArray[np.float32]:
    """Map decibels linearly to 0..1; what is not finite becomes 0.

    Parameters
    ----------
    decibel : ndarray (rows, columns)
    limits : (float, float)
        What becomes 0 and what becomes 1, in dB.
    """
    low, high = limits
    scaled = (np.asarray(decibel, dtype=np.float32) - low) / (high - low)
    bounded: NDArray[np.float32] = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    return bounded


def false_colour(co: NDArray[np.float32], cross: NDArray[np.float32]) -> NDArray[np.float32]:
    """Red co-polarised, green cross-polarised, blue their ratio (a difference in dB).

    Parameters
    ----------
    co, cross : ndarray (rows, columns)
        VV and VH in dB.

    Returns
    -------
    ndarray (rows, columns, 3)
        0..1.
    """
    channels = (
        stretch(co, DECIBEL_RANGE["VV"]),
        stretch(cross, DECIBEL_RANGE["VH"]),
        stretch(co - cross, RATIO_RANGE),
    )
    return np.stack(channels, axis=-1)
