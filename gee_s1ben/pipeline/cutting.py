"""Patches out of windows: pure functions over arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.windows import Window

NODATA_DB = -9999.0
"""What a pixel without data holds in a window."""

Bands = Mapping[str, NDArray[np.float32]]
"""Polarisation to decibels, each (rows, columns)."""


def cut(bands: Bands, window: Window, target: Target, col: int, row: int) -> dict[str, NDArray[np.float32]]:
    """Cut a patch, (rows, columns) of each band, from a window."""
    px = target.patch_px
    left, top = col * px - window.col, row * px - window.row
    return {name: np.ascontiguousarray(values[top : top + px, left : left + px]) for name, values in bands.items()}


def lack(bands: Bands) -> str | None:
    """Say why a patch cannot be written: pixels without data in any band; None where every pixel has a number."""
    without = np.zeros(next(iter(bands.values())).shape, dtype=bool)
    for values in bands.values():
        without |= ~np.isfinite(values) | (values == NODATA_DB)
    count = int(without.sum())
    return f"{count} of {without.size} pixels have no data" if count else None
