"""The table of a comparison, a row a patch, as CSV or Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from gee_s1ben.errors import InputError

_ROWS = 4096


class ComparisonTable(Protocol):
    """Takes rows."""

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row; columns that it lacks stay empty."""
        ...


@contextmanager
def comparison_table(path: Path, suffix: str, polarisations: Sequence[str]) -> Iterator[ComparisonTable]:
    """Write a table for the time of a ``with`` block.

    Raises
    ------
    InputError
        The suffix is neither ``.csv`` nor ``.parquet``.
    """
    numbers = [
        f"{name.lower()}_{what}" for name in sorted(polarisations) for what in ("correlation", "bias_db", "rms_db")
    ] + ["shift_cols", "shift_rows", "shift_px", "shift_peak"]
    if suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, ["name", "published", "same_scene", *numbers], lineterminator="\n")
            table.writeheader()
            yield _Csv(table)
    elif suffix == ".parquet":
        fields = [pa.field("name", pa.string()), pa.field("published", pa.string()), pa.field("same_scene", pa.bool_())]
        schema = pa.schema([*fields, *(pa.field(name, pa.float64()) for name in numbers)])
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            rows = _Parquet(writer, schema)
            yield rows
            rows.flush()
    else:
        raise InputError(f"the report is a .csv or a .parquet file, not {suffix or 'one without an ending'}")


class _Csv:
    def __init__(self, table: csv.DictWriter[str]) -> None:
        self._table = table

    def write(self, row: Mapping[str, Any]) -> None:
        """Six decimals are a thousandth of what speckle lets one tell."""
        self._table.writerow({key: _text(value) for key, value in row.items()})


class _Parquet:
    def __init__(self, writer: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._writer, self._schema = writer, schema
        self._rows: list[Mapping[str, Any]] = []

    def write(self, row: Mapping[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows.clear()


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    # 0.0 is added so that a minus before a zero goes.
    return "" if value is None else f"{round(value, 6) + 0.0:.6f}" if isinstance(value, float) else str(value)
