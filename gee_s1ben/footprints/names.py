"""Reader of names: Sentinel-2 images as catalogues spell them, MGRS tiles with a time, and files that list them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from gee_s1ben.domain.naming import padded_tile, read_tile_name
from gee_s1ben.domain.naming.spellings import LONGEST
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.row import Readings, Refusal, Span, TileRow, parse_moment
from gee_s1ben.footprints.unpickling import read_capped

MAX_BYTES = 64_000_000
"""A table of all 590,326 patches of BigEarthNet with their names has about this."""

_TILE = re.compile(r"T?([0-9]{1,2}[A-Z]{3})(?:@(.+))?")
_NAME_COLUMNS = (
    "product", "product_id", "product_name", "s2:product_uri", "name", "title", "patch_id", "patch", "patch_name",
    "s2_name", "system:index", "id", "identifier", "scene_id", "granule_id", "s1_name", "file", "filename", "path",
    "url",
)  # fmt: skip
"""Columns that may name the image, the one that says most first."""
_TILE_COLUMNS = ("tile", "mgrs_tile", "mgrs", "tile_id", "tileid", "s2:mgrs_tile")
_TIME_COLUMNS = ("acquired", "time", "datetime", "sensing_time", "acquisition_time", "date", "acquisition_date")


def accepts(path: Path) -> bool:
    """Whether a path is a text file of names, or a table of them."""
    return path.suffix.lower() in (".txt", ".lst", ".csv", ".tsv")


def read(path: Path, span: Span | None) -> Readings:
    """Yield the tile of each line; empty lines and what follows a ``#`` are passed over.

    Patches of one tile and time make one row.

    Raises
    ------
    InputError
        The file cannot be read, or is no text.
    """
    patches: dict[str, tuple[TileRow, dict[tuple[int, int], None]]] = {}
    for number, spelled in _spelled(_text(path), path):
        reading = read_name(spelled, span, f"{path} line {number}", str(path))
        if isinstance(reading, Refusal) or reading.patches is None:
            yield reading
        else:
            patches.setdefault(reading.key, (reading, {}))[1].update(dict.fromkeys(reading.patches))
    for row, cells in patches.values():
        yield replace(row, patches=tuple(sorted(cells, key=lambda cell: cell[::-1])))


def read_name(text: str, span: Span | None, place: str, source: str) -> TileRow | Refusal:
    """Read one name.

    Parameters
    ----------
    text : str
        What :func:`gee_s1ben.domain.naming.read_tile_name` reads; or ``33UUP`` with ``@2017-06-13T10:10:31Z``, with
        ``@2017-06-01/2017-06-30``, or alone where there is a span.
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
    if len(text) > LONGEST:
        raise InputError(f"a name of {len(text)} characters: {text[:40]!a}…")
    if tile := _TILE.fullmatch(text.strip("\"' ")):
        return TileRow.of_tile(padded_tile(tile[1]), _when(tile[2]) or span, source)
    named = read_tile_name(text)
    if named.product is not None:
        row = TileRow.of_product(named.product, source)
    else:
        day = Span(named.acquired, named.acquired + timedelta(days=1)) if named.whole_day else None
        row = TileRow.of_tile(named.tile, day or named.acquired, source)
    return row if named.cell is None else row.of_patches((named.cell,))


def _when(text: str | None) -> Span | datetime | None:
    if not text:
        return None
    first, slash, last = text.partition("/")
    return Span.parse(first, last) if slash else parse_moment(first)


def _text(path: Path) -> str:
    content = read_capped(path, MAX_BYTES)
    # Some shells of Windows write UTF-16 and mark it.
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8; one name a line is expected") from error


def _spelled(text: str, path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the name of each line; of a table, the name is taken out of its columns."""
    lines = text.splitlines()
    first = next((line for line in lines if line.partition("#")[0].strip(", \t\"'")), "")
    separator = next((mark for mark in ("\t", ";", ",") if mark in first), ",")
    # A list may have a comma after each name, and is no table for that.
    is_table = path.suffix.lower() in (".csv", ".tsv") or separator in first.partition("#")[0].strip(", \t")
    if not is_table:
        for number, line in enumerate(lines, start=1):
            if name := line.partition("#")[0].strip(", \t"):
                yield number, name
        return
    header: list[str] | None = None
    rows = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
                continue
            if header is None:
                header = [cell.strip().lower() for cell in cells]
                if {*header} & {*_NAME_COLUMNS, *_TILE_COLUMNS}:
                    continue
                header = []
            yield rows.line_num, _of_columns(header, cells)
    except csv.Error as error:
        raise InputError(f"{path} line {rows.line_num} is no line of a table: {error}") from error


def _of_columns(header: Sequence[str], cells: Sequence[str]) -> str:
    """Return the name in a row of a table: of the column that says most, or a tile and a time that stand apart."""
    said = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
    candidates = [said[name] for name in _NAME_COLUMNS if name in said] if header else [cells[0].strip()]
    for candidate in candidates:
        if not isinstance(read_name(candidate, None, "", ""), Refusal):
            return candidate
    tile = next((said[name] for name in _TILE_COLUMNS if name in said), None)
    if tile is None:
        return candidates[0] if candidates else ""
    when = next((said[name] for name in _TIME_COLUMNS if name in said), None)
    return f"{tile}@{when}" if when else tile
