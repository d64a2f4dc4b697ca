"""The tables that loaders expect beside the patches: ``metadata.parquet``, and for v1 one list a split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gee_s1ben.dataset.atomic import atomic_write
from gee_s1ben.dataset.carried_facts import METADATA_NAME
from gee_s1ben.dataset.layout import LayoutVersion, PatchRecord
from gee_s1ben.dataset.manifest import PatchRow, read_patches
from gee_s1ben.dataset.published_tables import SPLITS, PublishedTables, TableEntry
from gee_s1ben.dataset.recording import record_files
from gee_s1ben.domain.naming import S2PatchNameV1
from gee_s1ben.errors import InputError, NamingError

_NOTHING = TableEntry()
_SPLIT_NAMES = {"train": "train", "validation": "val", "test": "test"}
_COLUMNS = (
    ("patch_id", pa.string()),
    ("labels", pa.list_(pa.string())),
    ("split", pa.string()),
    ("country", pa.string()),
    ("s1_name", pa.string()),
    ("s2v1_name", pa.string()),
    ("contains_seasonal_snow", pa.bool_()),
    ("contains_cloud_or_shadow", pa.bool_()),
)
_FLAGS = ("contains_seasonal_snow", "contains_cloud_or_shadow")
_SEASON = ("season", pa.string())


def split_list_name(split: str) -> str:
    """File name of the list of a split in layout v1."""
    return f"bigearthnet-{_SPLIT_NAMES[split]}.csv"


def carry_over(record: PatchRecord, entry: TableEntry, version: LayoutVersion) -> PatchRecord:
    """Give a patch the labels and the Sentinel-2 name that the user's tables have for it.

    Layout v1 takes the 43 classes and the v1 name, layout v2 the v2 name; what the tables do not say stays.
    """
    s2_patch = entry.s2_v1 if version == "v1" else entry.s2_patch
    return replace(record, s2_patch=s2_patch or record.s2_patch, labels=entry.labels_43 or record.labels)


def write_tables(
    root: Path,
    version: LayoutVersion,
    tables: PublishedTables | None = None,
    *,
    unknown_flags: Literal[False] | None = None,
) -> list[tuple[str, str]]:
    """Write the tables of a dataset from its record of patches and the user's BigEarthNet tables.

    - ``metadata.parquet``, a row a patch, with the eight columns that BigEarthNet v2 has, of the same types, and
      ``season`` where the tables know it. Labels are of the 19 classes in layout v2, and of the 43 in v1.
    - in layout v1 also ``bigearthnet-train.csv``, ``-val.csv`` and ``-test.csv``: ``<s2 name>,<s1 name>`` without a
      header.

    A patch that the tables do not have keeps its row, with no labels and no split, so that no loader takes it for a
    labelled one. Without tables all patches go to ``train``, so that loaders, which ask for a split, find them.

    Rows stand by target, row and column; memory holds one target. The files are put into the manifest.

    Parameters
    ----------
    root : Path
        The dataset.
    version : 'v1' or 'v2'
        Its layout.
    tables : PublishedTables or None
        The user's tables.
    unknown_flags : False or None
        What the columns of snow and of clouds say of patches that the tables do not know.

    Returns
    -------
    list of (str, str)
        Path relative to the root and SHA-256 of each file.

    Raises
    ------
    InputError
        The tables are broken.
    StorageError
        The disk is full, read-only or failing.
    """
    schema = pa.schema([*_COLUMNS, _SEASON] if tables is not None and tables.seasons else _COLUMNS)
    names = [METADATA_NAME, *(split_list_name(split) for split in SPLITS if version == "v1")]
    with ExitStack() as files:
        partials = {name: files.enter_context(atomic_write(root / name)) for name in names}
        lists = {
            split: files.enter_context(partials[split_list_name(split)].open("w", encoding="ascii", newline=""))
            for split in SPLITS
            if version == "v1"
        }
        parquet = files.enter_context(pq.ParquetWriter(partials[METADATA_NAME], schema, compression="zstd"))
        for rows in _targets(root, version, tables):
            for row, s2_name in rows:
                row |= {flag: unknown_flags for flag in _FLAGS if row[flag] is None}
                if row["split"] in lists:
                    lists[row["split"]].write(f"{s2_name},{row['s1_name']}\n")
            parquet.write_table(pa.Table.from_pylist([row for row, _ in rows], schema))
    written = [(name, hashlib.sha256((root / name).read_bytes()).hexdigest()) for name in sorted(names)]
    record_files(root, written)
    return written


def names_of_split(root: Path, split: str) -> frozenset[str]:
    """Names of the Sentinel-1 patches of a split, by a dataset's ``metadata.parquet``.

    Raises
    ------
    InputError
        There is no such table, it is broken, or it has no such split.
    """
    path = root / METADATA_NAME
    try:
        table = pq.read_table(path, columns=["s1_name", "split"])
    except FileNotFoundError:
        raise InputError(f"{root} has no {METADATA_NAME}, which says what split a patch belongs to") from None
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: broken ({' '.join(str(error).split())[:200]})") from error
    splits = sorted(name for name in table["split"].unique().to_pylist() if name is not None)
    if split not in splits:
        raise InputError(f"{path} has no split {split[:40]!r}, only {', '.join(splits) or 'patches without one'}")
    return frozenset(table.filter(pc.equal(table["split"], split))["s1_name"].to_pylist())


def _targets(
    root: Path, version: LayoutVersion, tables: PublishedTables | None
) -> Iterator[list[tuple[dict[str, Any], str]]]:
    for key, rows in groupby(read_patches(root), key=lambda row: row.target):
        yield list(_rows(key, rows, version, tables))


def _rows(
    key: str, rows: Iterable[PatchRow], version: LayoutVersion, tables: PublishedTables | None
) -> Iterator[tuple[dict[str, Any], str]]:
    """Rows of a target, each with the name that its Sentinel-2 patch has in a list."""
    name, stamp = key.split("_")
    acquired = datetime.strptime(stamp, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    entries = tables.of_target(name, acquired) if tables is not None else {}
    for row in rows:
        entry = entries.get((row.col, row.row), _NOTHING)
        s2_v1 = entry.s2_v1 or (row.s2_patch if _is_v1(row.s2_patch) else None)
        yield (
            {
                "patch_id": entry.s2_patch or row.s2_patch,
                "labels": list(entry.labels(version) or ()),
                "split": entry.split if tables is not None else "train",
                "country": entry.country,
                "s1_name": row.name,
                "s2v1_name": s2_v1,
                "contains_seasonal_snow": entry.snow,
                "contains_cloud_or_shadow": entry.cloud,
                "season": entry.season,
            },
            s2_v1 or row.s2_patch,
        )


def _is_v1(name: str) -> bool:
    try:
        S2PatchNameV1.parse(name)
    except NamingError:
        return False
    return True
