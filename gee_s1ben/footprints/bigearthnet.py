"""Reader of BigEarthNet v2's ``metadata.parquet``, or a part of it: which patches of which product."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gee_s1ben.domain.naming import S2PatchNameV2
from gee_s1ben.domain.tile import PATCH_PX, TILE_PX
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.parquet import read_table, unreadable
from gee_s1ben.footprints.row import Readings, Refusal, Span, TileRow
from gee_s1ben.storage.files import check_regular

COLUMN = "patch_id"

_NAME = r"^(?P<product>[!-~]{1,150})_(?P<col>[0-9]{2})_(?P<row>[0-9]{2})$"
_SIDE = TILE_PX // PATCH_PX


def accepts(path: Path) -> bool:
    """Whether a path is a Parquet file with a column ``patch_id``."""
    return path.suffix.lower() == ".parquet" and COLUMN in column_names(path)


def column_names(path: Path) -> list[str]:
    """Names of a Parquet file's columns.

    Raises
    ------
    InputError
        It is no readable Parquet file.
    """
    try:
        check_regular(path)
        return list(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def read(path: Path, span: Span | None) -> Readings:  # noqa: ARG001  # every patch has its time
    """Yield each product with the patches that are listed of it, in the order of the file.

    Raises
    ------
    InputError
        It is unreadable, or its ``patch_id`` are no texts.
    """
    try:
        names = read_table(path, [COLUMN]).column(COLUMN).cast(pa.string()).combine_chunks()
        parts = pc.extract_regex(names, _NAME)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: {COLUMN} cannot be read: {' '.join(str(error).split())[:120]}") from error
    good = np.flatnonzero(np.asarray(pc.is_valid(parts)))
    col, row = (np.asarray(parts.field(name).take(pa.array(good)).cast(pa.int16())) for name in ("col", "row"))
    inside = (col < _SIDE) & (row < _SIDE)
    refused = np.setdiff1d(np.arange(len(names)), good[inside])
    for index in refused.tolist():
        yield Refusal(f"{path} row {index + 1}", _reason(names[index].as_py()))
    rows, col, row = good[inside], col[inside], row[inside]
    products = parts.field("product").take(pa.array(rows)).dictionary_encode()
    which = np.asarray(products.indices)
    order = np.lexsort((col, row, which))
    for number, text in enumerate(products.dictionary.to_pylist()):
        mine = order[slice(*np.searchsorted(which[order], [number, number + 1]))]
        cells = tuple(dict.fromkeys(zip(col[mine].tolist(), row[mine].tolist(), strict=True)))
        try:
            product = S2PatchNameV2.parse(f"{text}_00_00").product
            yield replace(TileRow.of_product(product, str(path)), patches=cells)
        except InputError as error:
            more = f" and {len(mine) - 1} more" if len(mine) > 1 else ""
            yield Refusal(f"{path} row {rows[mine].min() + 1}{more}", str(error))


def _reason(name: object) -> str:
    try:
        return f"{S2PatchNameV2.parse(str(name))} is outside its tile: columns and rows run from 0 to {_SIDE - 1}"
    except InputError as error:
        return str(error)
