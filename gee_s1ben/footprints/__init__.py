"""Sentinel-2 tiles from whatever the user has: one reader a kind of input, one table at the end."""

from gee_s1ben.footprints.collecting import Collected, Merger, collect
from gee_s1ben.footprints.row import Reader, Refusal, Remark, Span, TileRow
from gee_s1ben.footprints.table import read_tiles, write_tiles

__all__ = [
    "Collected",
    "Merger",
    "Reader",
    "Refusal",
    "Remark",
    "Span",
    "TileRow",
    "collect",
    "read_tiles",
    "write_tiles",
]
