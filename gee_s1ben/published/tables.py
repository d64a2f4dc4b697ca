"""The public tables that the pairs are made from and checked against, row by row."""

from __future__ import annotations

import bz2
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from gee_s1ben.errors import InputError
from gee_s1ben.storage.files import check_regular, lines_of

_LONGEST_LINE = 10_000
_BATCH_ROWS = 50_000


def read_v1(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (Sentinel-1 patch, Sentinel-2 patch) of version 1.

    Parameters
    ----------
    path : Path
        ``s1_s2_name_country_season.csv``, or the same with ``.bz2``, of the Python package bigearthnet-common.

    Raises
    ------
    InputError
        It cannot be read, or lacks a column.
    """
    names = ["s1_name", "s2_name"]
    wanted = pa_csv.ConvertOptions(include_columns=names, column_types=dict.fromkeys(names, pa.string()))
    try:
        check_regular(path)
        with pa.input_stream(path, compression="detect") as file:
            for batch in pa_csv.open_csv(file, convert_options=wanted):
                yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path} is no table with {', '.join(names)}: {' '.join(str(error).split())[:120]}") from error


def read_v2(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (Sentinel-1 patch, Sentinel-2 patch, its name in version 1) of one of version 2's two tables.

    Raises
    ------
    InputError
        It cannot be read, or lacks a column.
    """
    names = ["s1_name", "patch_id", "s2v1_name"]
    try:
        check_regular(path)
        for batch in pq.ParquetFile(path).iter_batches(_BATCH_ROWS, columns=names):
            yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path} is no table with {', '.join(names)}: {' '.join(str(error).split())[:120]}") from error


def read_list(path: Path) -> Iterator[str]:
    """Yield the lines of a list of names, ``.bz2`` or plain.

    Raises
    ------
    InputError
        It cannot be read.
    """
    try:
        check_regular(path)
        with bz2.open(path, "rt", encoding="utf-8") if path.suffix == ".bz2" else path.open(encoding="utf-8") as file:
            yield from (line.strip() for line in lines_of(file) if line.strip())
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path} is no list of names: {str(error)[:120]}") from error
