"""Open GeoTIFFs: by GDAL's GTiff driver alone, without the files beside them, and within limits.

GDAL would open many other things under the name of a GeoTIFF, such as a VRT, whose pixels come from any file of the
machine or from the network. It also follows what lies beside a file (masks, overviews, world files, ``.aux.xml``).
A GeoTIFF of a few hundred bytes can declare any number of pixels. So every GeoTIFF is opened here.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError  # GDAL's own, which rasterio lets through from here and there
from rasterio.enums import Interleaving
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile

from gee_s1ben.errors import RasterError

GDAL_ERRORS = (RasterioError, CPLE_BaseError, OSError, ValueError)
"""What opening and reading a damaged file raises."""

MOST_SCENE_PX = 2**31
"""Pixels of one band of a scene: the largest Sentinel-1 scenes have a third of it."""
MOST_PATCH_PX = 8192**2
"""Pixels of one band of the largest patch that a configuration may ask for."""
_MOST_BANDS = 256
_LEAST_BLOCK_BYTES = 4 * 2**20
_MOST_BLOCK_BYTES = 256 * 2**20
"""Of a strip or tile, which is decoded whole whatever part of it is read: so much at most, less in small rasters."""


def open_geotiff(path: Path, *, most_px: int = MOST_SCENE_PX) -> Any:
    """Open a GeoTIFF to read it; no pixel is decoded yet.

    Parameters
    ----------
    path : Path
        A regular file, or a link to one. What lies beside it is not looked at.
    most_px : int
        The most pixels that a band may have.

    Returns
    -------
    rasterio.DatasetReader
        To be closed by the caller.

    Raises
    ------
    RasterError
        It is no file, no GeoTIFF, or declares more pixels than it may have.
    """
    # Absolute, since GDAL reads more into names such as GTIFF_DIR:2:x.tif.
    full = Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute leaves '..' in it
    try:
        mode = full.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RasterError(f"{path} does not exist or cannot be read ({reason})") from error
    if not stat.S_ISREG(mode) or str(full).startswith("/vsi"):
        raise RasterError(f"{path} is no file or does not exist: a GeoTIFF is wanted")
    try:
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED="NO"),
            warnings.catch_warnings(),
        ):
            # Said as an error by those who need the georeference.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            file = rasterio.open(full, driver="GTiff")
    except GDAL_ERRORS as error:
        raise RasterError(
            f"{path}: unreadable or truncated, or not a readable GeoTIFF ({gdal_reason(error)})"
        ) from error
    return _checked(file, path, most_px)


@contextmanager
def open_geotiff_bytes(content: bytes, name: str, *, most_px: int = MOST_SCENE_PX) -> Iterator[Any]:
    """Open a GeoTIFF that is in memory; see :func:`open_geotiff`.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        What errors call it.
    most_px : int
        The most pixels that a band may have.

    Raises
    ------
    RasterError
        It is no GeoTIFF, or declares more pixels than it may have.
    """
    if not content:  # rasterio would take an empty file for one to be written
        raise RasterError(f"{name}: not a whole GeoTIFF (0 bytes)")
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED="NO"), MemoryFile(content) as memory:
        try:
            file = memory.open(driver="GTiff")
        except GDAL_ERRORS as error:
            raise RasterError(f"{name}: not a whole GeoTIFF ({len(content)} bytes): {gdal_reason(error)}") from error
        with _checked(file, name, most_px) as opened:
            yield opened


def gdal_reason(error: BaseException) -> str:
    """First line of what GDAL said; the cause says more than rasterio's own sentence."""
    lines = str(error.__cause__ or error).strip().splitlines()
    return lines[0][:200] if lines else "no reason given"


def _checked(file: Any, path: object, most_px: int) -> Any:
    """Return an open file; close and refuse one that may not be read."""
    reason = _refusal(file, most_px)
    if reason:
        file.close()
        raise RasterError(f"{path}: {reason}")
    return file


def _refusal(file: Any, most_px: int) -> str:
    if file.width * file.height > most_px:
        return f"{file.width}×{file.height} pixels, where at most {most_px} in all are read"
    if file.count > _MOST_BANDS:
        return f"{file.count} bands, where at most {_MOST_BANDS} are read"
    most_bytes = min(_MOST_BLOCK_BYTES, max(_LEAST_BLOCK_BYTES, 16 * most_px))
    together = file.count if file.interleaving == Interleaving.pixel else 1
    for (height, width), dtype in zip(file.block_shapes, file.dtypes, strict=True):
        if height * width * together * _item_bytes(dtype) > most_bytes:
            return f"its pixels stand in blocks of {width}×{height}, too large to decode; write it in tiles of 512×512"
    if "OVERVIEW_FILE" in file.tags(ns="OVERVIEWS"):
        return "its metadata name another file for its overviews, which is not followed"
    return ""


def _item_bytes(dtype: str) -> int:
    """Bytes of a pixel; GDAL's complex integers, which numpy has not, have at most eight."""
    return 8 if dtype == "complex_int16" else np.dtype(dtype).itemsize
