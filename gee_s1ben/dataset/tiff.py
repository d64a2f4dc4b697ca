"""The few parts of a TIFF file that tell where its pixels lie, so that they can be read and written without a decoder.

Source: TIFF 6.0 (Adobe, 1992), section 2; GeoTIFF 1.1 (OGC 19-008r4) for the georeferencing tags. Only classic,
little-endian, uncompressed files are understood; of every other one these functions say None, and a real decoder has
to look at it.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from mmap import mmap

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, BITS, COMPRESSION, BANDS, PLANAR, SAMPLE_FORMAT = 256, 257, 258, 259, 277, 284, 339
STRIP_OFFSETS, STRIP_ROWS, STRIP_SIZES = 273, 278, 279
PIXEL_SCALE, TIE_POINT = 33550, 33922

_MAGIC = b"II*\x00"
_DTYPES = {1: "<u1", 2: "<u1", 3: "<u2", 4: "<u4", 12: "<f8"}
_MOST_TAGS = 64
_UNCOMPRESSED, _FLOAT, _BY_BAND = 1, 3, 2


@dataclass(frozen=True, slots=True)
class Tag:
    """One entry of the directory."""

    offset: int
    """Where its values stand in the file."""
    values: npt.NDArray[np.generic]
    """Its values."""


def read_tags(data: bytes | bytearray | mmap) -> Mapping[int, Tag] | None:
    """Read the directory of a file of one image; None if it is not one that this module understands.

    Parameters
    ----------
    data : bytes-like
        The file.
    """
    try:
        if bytes(data[:4]) != _MAGIC or sys.byteorder != "little":
            return None
        (start,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, start)
        if count > _MOST_TAGS or struct.unpack_from("<I", data, start + 2 + 12 * count) != (0,):
            return None
        tags = {}
        for place in range(start + 2, start + 2 + 12 * count, 12):
            code, kind, length = struct.unpack_from("<HHI", data, place)
            if kind not in _DTYPES:
                return None
            dtype = np.dtype(_DTYPES[kind])
            offset = place + 8
            if length * dtype.itemsize > 4:
                (offset,) = struct.unpack_from("<I", data, offset)
            tags[code] = Tag(offset, np.frombuffer(data, dtype, length, offset).copy())
    except (struct.error, ValueError):  # cut off, or pointing beyond its end
        return None
    return tags


def float_bands(tags: Mapping[int, Tag]) -> tuple[int, int, int, int] | None:
    """Where uncompressed float32 pixels stand, band after band and row after row, without a gap.

    Returns
    -------
    (int, int, int, int) or None
        Offset of the first pixel, bands, rows, columns; None if the pixels are stored in another way.
    """
    bands = _number(tags, BANDS, 1)
    width, height = _number(tags, WIDTH, 0), _number(tags, HEIGHT, 0)
    if (
        _number(tags, COMPRESSION, _UNCOMPRESSED) != _UNCOMPRESSED
        or not _all(tags, BITS, 32)
        or not _all(tags, SAMPLE_FORMAT, _FLOAT)
        or (bands > 1 and _number(tags, PLANAR, 1) != _BY_BAND)
        or not {STRIP_OFFSETS, STRIP_SIZES} <= tags.keys()
        or not width * height * bands
    ):
        return None
    rows = min(_number(tags, STRIP_ROWS, height), height)
    offsets, stored = (tags[code].values.astype(np.int64) for code in (STRIP_OFFSETS, STRIP_SIZES))
    heights = np.full((bands, -(-height // rows)), rows)
    heights[:, -1] = height - rows * (heights.shape[1] - 1)
    sizes = 4 * width * heights.ravel()
    if not len(offsets) == len(stored) == len(sizes):
        return None
    wanted = offsets[0] + np.concatenate([[0], np.cumsum(sizes)[:-1]])
    # What is longer than its strip (GDAL pads the last one of some files) has its pixels at the start all the same.
    if not np.array_equal(offsets, wanted) or not (stored >= sizes).all():
        return None
    return int(offsets[0]), bands, height, width


def _number(tags: Mapping[int, Tag], code: int, default: int) -> int:
    return int(tags[code].values[0].item()) if code in tags and len(tags[code].values) else default


def _all(tags: Mapping[int, Tag], code: int, value: int) -> bool:
    return code in tags and bool((tags[code].values == value).all())
