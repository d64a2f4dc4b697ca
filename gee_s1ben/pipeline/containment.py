"""Which patches an outline contains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.footprints import block_polygon

NONE = -1


def containing(target: Target, outline: BaseGeometry, polygons: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Say which patches an outline contains; all at once where it contains the whole block."""
    shapely.prepare(outline)
    if len(polygons) > 1 and shapely.covers(outline, block_polygon(target)):
        return np.ones(len(polygons), dtype=bool)
    return np.asarray(shapely.covers(outline, polygons), dtype=bool)


def first_containing(
    target: Target, outlines: Sequence[BaseGeometry], polygons: NDArray[np.object_]
) -> NDArray[np.int64]:
    """For each polygon the index of the first outline that covers it, −1 for none."""
    chosen = np.full(len(polygons), NONE, dtype=np.int64)
    for index, outline in enumerate(outlines):
        open_ = np.flatnonzero(chosen == NONE)
        if not open_.size:
            break
        chosen[open_[containing(target, outline, polygons[open_])]] = index
    return chosen
