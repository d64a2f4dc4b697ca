"""Geometries from WKB and WKT whose nesting and counts were checked before GEOS reads them.

GEOS reads collections in collections by recursion, as deep as the bytes say: twenty kilobytes end the process. Layout
of WKB: OGC 06-103r4, section 8; with PostGIS's flags for z, m and an SRID.
"""

from __future__ import annotations

import re
import struct

import shapely
from shapely.geometry.base import BaseGeometry

from gee_s1ben.errors import InputError

MAX_DEPTH = 8
"""A collection of multi-polygons has three levels."""
MAX_BYTES = 64_000_000
"""Of one geometry."""

_Z, _M, _SRID = 0x80000000, 0x40000000, 0x20000000
_POINT, _LINE, _POLYGON, _COLLECTIONS = 1, 2, 3, (4, 5, 6, 7)
_SMALLEST = 9
"""Bytes of the smallest part: byte order, type and count."""
_BRACKET = re.compile(r"[()]")


def read_wkb(content: bytes) -> BaseGeometry:
    """Return the geometry that well-known binary stands for.

    Raises
    ------
    InputError
        It is broken, of a kind that is not read here, or nests too deeply.
    """
    check_wkb(content)
    geometry = shapely.from_wkb(content, on_invalid="fix")  # an open ring is closed
    if geometry is None:
        raise InputError("a geometry is broken")
    return geometry


def read_wkt(text: str) -> BaseGeometry:
    """Return the geometry that well-known text stands for.

    Raises
    ------
    InputError
        It is no such text, or nests too deeply.
    """
    depth = deepest = 0
    for found in _BRACKET.finditer(text):
        depth += 1 if found[0] == "(" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise InputError(f"a geometry nests {deepest} levels deep; at most {MAX_DEPTH} are read")
    try:
        geometry = shapely.from_wkt(text, on_invalid="fix")  # an open ring is closed
    except shapely.errors.ShapelyError:
        geometry = None
    if geometry is None:
        raise InputError(f"a geometry is no WKT: {text[:40]!a}")
    return geometry


def check_wkb(content: bytes) -> None:
    """Refuse binary that nests too deeply, or counts more parts than it has bytes for.

    Raises
    ------
    InputError
        It does, is cut off, or of a kind that is not read here.
    """
    if len(content) > MAX_BYTES:
        raise InputError(f"a geometry has {len(content)} bytes; at most {MAX_BYTES} are read")
    place, left = 0, [1]
    """How many parts each open collection still has."""
    try:
        while left:
            if not left[-1]:
                left.pop()
                continue
            left[-1] -= 1
            kind, count, size, place, order = _head(content, place)
            if kind == _POINT:
                place += size
            elif kind == _LINE:
                place += count * size
            elif kind == _POLYGON:
                for _ in range(count):
                    (points,) = struct.unpack_from(f"{order}I", content, place)
                    place += 4 + points * size
                    _check_end(content, place)
            else:
                if len(left) >= MAX_DEPTH:
                    raise InputError(f"a geometry nests more than {MAX_DEPTH} levels deep")
                _check_end(content, place + count * _SMALLEST)
                left.append(count)
            _check_end(content, place)
    except struct.error as error:
        raise InputError("a geometry is cut off") from error


def _head(content: bytes, place: int) -> tuple[int, int, int, int, str]:
    """Read the head of a part: its kind, count, bytes of a point, the place after it, and the byte order."""
    (mark,) = struct.unpack_from("B", content, place)
    if mark > 1:
        raise InputError("a geometry has an unknown byte order")
    order = "<" if mark else ">"
    (code,) = struct.unpack_from(f"{order}I", content, place + 1)
    place += 5 + (4 if code & _SRID else 0)
    dimensions, kind = divmod(code & 0x1FFFFFFF, 1000)
    if dimensions > 3 or kind not in (_POINT, _LINE, _POLYGON, *_COLLECTIONS):
        raise InputError(f"a geometry is of kind {code & 0x1FFFFFFF}, which is not read here")
    extra = bool(code & _Z or dimensions in (1, 3)) + bool(code & _M or dimensions in (2, 3))
    if kind == _POINT:
        return kind, 1, 8 * (2 + extra), place, order
    (count,) = struct.unpack_from(f"{order}I", content, place)
    return kind, count, 8 * (2 + extra), place + 4, order


def _check_end(content: bytes, place: int) -> None:
    if place > len(content):
        raise InputError("a geometry is cut off, or counts more points than it has")
