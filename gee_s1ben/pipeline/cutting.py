"""Patches out of windows: pure functions over arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.windows import Window

Bands = Mapping[str, NDArray[np.float32]]
"""Polarisation to decibels, each (rows, columns)."""


def cut(bands: Bands, window: Window, target: Target, col: int, row: int) -> dict[str, NDArray[np.float32]]:
    """Cut a patch, (rows, columns) of each band, from a window."""
    px = target.patch_px
    left, top = col * px - window.col, row * px - window.row
    return {name: np.ascontiguousarray(values[top : top + px, left : left + px]) for name, values in bands.items()}
