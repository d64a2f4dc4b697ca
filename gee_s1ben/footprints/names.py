"""Reader of names: Sentinel-2 products of either format, MGRS tiles with a time, and lists of these in text files."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from gee_s1ben.domain.naming import S2GranuleName, S2OldProductName, S2ProductName
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.row import Readings, Refusal, Span, TileRow, parse_moment
from gee_s1ben.footprints.unpickling import read_capped

MAX_BYTES = 4_000_000
MAX_LINE = 400
"""Characters; a product and a granule of the old format have 165 together."""

_TILE = re.compile(r"T?([0-9]{2}[A-Z]{3})(?:@(.+))?")
_OLD = re.compile(r"S2[A-D]_[A-Z0-9]{4}_(PRD_MSI|MSI)")


def accepts(path: Path) -> bool:
    """Whether a path is a text file of names."""
    return path.suffix.lower() in (".txt", ".lst")


def read(path: Path, span: Span | None) -> Readings:
    """Yield the tile of each line; empty lines and what follows a ``#`` are passed over.

    Raises
    ------
    InputError
        The file cannot be read, or is no text.
    """
    try:
        text = read_capped(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8; one name a line is expected") from error
    for number, line in enumerate(text.split("\n"), start=1):
        name = line.partition("#")[0].strip()
        if name:
            yield read_name(name, span, f"{path} line {number}", str(path))


def read_name(text: str, span: Span | None, place: str, source: str) -> TileRow | Refusal:
    """Read one name.

    Parameters
    ----------
    text : str
        ``S2A_MSIL2A_20170613T101031_N0205_R022_T33UUP_…``; or an old product's name, ``/`` and a granule's; or
        ``33UUP`` with ``@2017-06-13T10:10:31Z``, with ``@2017-06-01/2017-06-30``, or alone where there is a span.
    span : Span or None
        For tiles without a time of their own.
    place, source : str
        Where it stands, for a refusal; and the input it belongs to.
    """
    try:
        return _row(text, span, source)
    except InputError as error:
        return Refusal(place, str(error))


def _row(text: str, span: Span | None, source: str) -> TileRow:
    if len(text) > MAX_LINE:
        raise InputError(f"a name of {len(text)} characters: {text[:40]!a}…")
    if tile := _TILE.fullmatch(text):
        return TileRow.of_tile(tile[1], _when(tile[2]) or span, source)
    if _OLD.match(text):
        return TileRow.of_product(_old(text), source)
    if not text.startswith("S2"):
        raise InputError(f"{text[:80]!a} is no Sentinel-2 product, no MGRS tile, and no file that exists")
    return TileRow.of_product(S2ProductName.parse(text), source)


def _when(text: str | None) -> Span | datetime | None:
    if not text:
        return None
    first, slash, last = text.partition("/")
    return Span.parse(first, last) if slash else parse_moment(first)


def _old(text: str) -> S2ProductName:
    parts = [part for part in text.split("/") if part and part != "GRANULE"]
    if len(parts) == 2:
        return S2OldProductName.parse(parts[0]).with_granule(S2GranuleName.parse(parts[1]))
    if len(parts) == 1 and "_PRD_" not in text:
        granule = S2GranuleName.parse(text)
        raise InputError(f"granule {granule} does not say when it was seen: write <its product>/{granule}")
    product = S2OldProductName.parse(parts[0])
    raise InputError(
        f"{product} holds many tiles and names none: write {product}/<granule>, or give its folder or metadata XML"
    )
