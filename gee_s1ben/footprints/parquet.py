"""Parquet tables that somebody hands in, read within limits: a few bytes of it may stand for very much."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gee_s1ben.errors import InputError
from gee_s1ben.footprints.wellknown import check_wkb
from gee_s1ben.storage.files import check_regular

MAX_ROWS = 1_000_000
"""BigEarthNet's own table has 549,488."""
MAX_VALUES = 50_000_000
"""Of all columns that are read, lists counted by what is in them."""
MAX_BYTES = 1_000_000_000
"""Of one column, once every row has its own copy of a text or geometry that the file holds once."""


def read_table(path: Path, columns: Sequence[str] | None = None, max_rows: int = MAX_ROWS) -> pa.Table:
    """Read columns of a Parquet file.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str, optional
        All where not given.
    max_rows : int
        A longer table is refused.

    Raises
    ------
    InputError
        It is no readable Parquet file, or larger than the limits of this module.
    """
    try:
        check_regular(path)
        with pq.ParquetFile(path) as file:
            wanted = [name for name in file.schema_arrow.names if columns is None or name in columns]
            _check_size(file.metadata, wanted, path, max_rows)
            texts = [name for name in wanted if _is_text(file.schema_arrow.field(name).type)]
        table = pq.read_table(path, columns=wanted, read_dictionary=texts)
        for name in wanted:
            table = _expanded(table, name, path)
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error
    return table


def check_geometries(path: Path) -> None:
    """Check the geometries of a GeoParquet file before another library makes them.

    Raises
    ------
    InputError
        It is no readable Parquet file, or a geometry of it is hostile.
    """
    try:
        check_regular(path)
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error
    named = _geometry_columns(schema)
    names = [field.name for field in schema if field.name in named and _is_text(field.type)]
    for name, column in zip(names, read_table(path, names).select(names).columns, strict=True):
        for number, content in enumerate(column, start=1):
            value = content.as_py()
            try:
                if isinstance(value, bytes):
                    check_wkb(value)
            except InputError as error:
                raise InputError(f"{path}: row {number} of column {name[:40]!a}: {error}") from error


def unreadable(path: Path, error: Exception) -> InputError:
    """Return the error for a file that is no Parquet."""
    if isinstance(error, OSError) and error.strerror:
        return InputError(f"cannot read {path}: {error.strerror}")
    return InputError(f"{path} is no readable Parquet file: {' '.join(str(error).split())[:120]}")


def _geometry_columns(schema: pa.Schema) -> set[str]:
    """Names of the columns that GeoParquet's metadata call geometries; all where they cannot be read."""
    try:
        return set(json.loads((schema.metadata or {})[b"geo"])["columns"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return set(schema.names)


def _check_size(metadata: Any, names: Sequence[str], path: Path, max_rows: int) -> None:
    if metadata.num_rows > max_rows:
        raise InputError(f"{path} has {metadata.num_rows} rows; at most {max_rows} are read")
    values = size = 0
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            if column.path_in_schema.partition(".")[0] in names:
                values += column.num_values
                size += column.total_uncompressed_size
    if values > MAX_VALUES:
        raise InputError(f"{path} has {values} values; at most {MAX_VALUES} are read")
    if size > MAX_BYTES:
        raise InputError(f"{path} unpacks to {size} bytes; at most {MAX_BYTES} are read")


def _is_text(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )


def _expanded(table: pa.Table, name: str, path: Path) -> pa.Table:
    """Give each row its own copy of a text, once it is known how much that is."""
    column, place = table.column(name), table.schema.get_field_index(name)
    if not pa.types.is_dictionary(column.type):
        return table
    size = 0
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary)
        size += pc.sum(lengths.take(chunk.indices)).as_py() or 0
    if size > MAX_BYTES:
        raise InputError(f"{path}: column {name[:40]!a} unpacks to {size} bytes; at most {MAX_BYTES} are read")
    return table.set_column(place, name, column.cast(column.type.value_type))
