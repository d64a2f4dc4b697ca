"""Coordinate reference systems as rasterio and as our grids name them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import rasterio
from rasterio.crs import CRS

from gee_s1ben.errors import RasterError


@lru_cache(maxsize=64)
def rasterio_crs(text: str) -> Any:
    """Return rasterio's CRS of an authority code or WKT.

    Raises
    ------
    RasterError
        There is no such system.
    """
    try:
        return CRS.from_user_input(text)
    except rasterio.errors.CRSError as error:
        reason = " ".join(str(error).split())
        raise RasterError(f"unknown coordinate reference system {text[:80]!r}: {reason}") from error


def crs_text(crs: Any) -> str:
    """Return the authority code of a rasterio CRS, or its WKT where it has none."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt())


def same_crs(one: str, other: str) -> bool:
    """Whether two texts name the same system."""
    return one == other or bool(rasterio_crs(one) == rasterio_crs(other))
