"""What ``metadata.parquet`` says of a dataset's patches: labels, split, country and more, read patch by patch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gee_s1ben.dataset.patch_columns import Column
from gee_s1ben.errors import InputError
from gee_s1ben.storage.files import check_regular

METADATA_NAME = "metadata.parquet"
"""File in the dataset's root with a row a patch."""

CARRIED_COLUMNS = (
    Column("s2v1_name", "text", "corresponding Sentinel-2 patch in BigEarthNet v1", optional=True),
    Column("labels", "texts", "land-cover classes, of the 19 in layout v2 and of the 43 in v1"),
    Column("split", "text", "train, validation or test", optional=True),
    Column("country", "text", "country", optional=True),
    Column("season", "text", "season", optional=True),
    Column("contains_seasonal_snow", "flag", "whether Sentinel-2 saw seasonal snow", optional=True),
    Column("contains_cloud_or_shadow", "flag", "whether Sentinel-2 saw clouds or shadows", optional=True),
)
"""As ``metadata.parquet`` calls them."""


@dataclass(frozen=True, slots=True)
class CarriedFacts:
    """What was carried over from BigEarthNet's tables for one patch; None where they say nothing."""

    s2v1_name: str | None = None
    labels: tuple[str, ...] = ()
    split: str | None = None
    country: str | None = None
    season: str | None = None
    contains_seasonal_snow: bool | None = None
    contains_cloud_or_shadow: bool | None = None


class CarriedReader:
    """Looks patches up in a dataset's ``metadata.parquet``; of a dataset without one nothing is known.

    Its rows stand in the order of ``patches.csv``, so that asking in this order holds one batch in memory. A table in
    another order, which somebody has written anew, is read whole.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / METADATA_NAME
        self._rows = _rows(self._path)
        self._last: dict[str, Any] = {}
        self._index: dict[str, list[dict[str, Any]]] | None = None

    def of(self, name: str, s2_patch: str) -> CarriedFacts:
        """Return what is known of a pair of patches.

        Raises
        ------
        InputError
            The table is broken.
        """
        if self._index is None:
            for row in chain([self._last] if self._last else [], self._rows):
                if _is_of(row, name, s2_patch):
                    self._last = row
                    return _facts(row)
            self._index = {}
            for row in _rows(self._path):
                self._index.setdefault(row["s1_name"], []).append(row)
        found = self._index.get(name, [])
        own = (row for row in found if _is_of(row, name, s2_patch))
        best = next(chain(own, found), None)
        return CarriedFacts() if best is None else _facts(best)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        check_regular(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        with pq.ParquetFile(path) as table:
            missing = {"s1_name", "patch_id", "s2v1_name"} - set(table.schema_arrow.names)
            if missing:
                raise InputError(f"{path}: no column {', '.join(sorted(missing))}; run 'gee-s1ben assemble' again")
            for batch in table.iter_batches(4096):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: broken ({' '.join(str(error).split())[:200]})") from error


def _is_of(row: dict[str, Any], name: str, s2_patch: str) -> bool:
    return row["s1_name"] == name and s2_patch in (row["patch_id"], row["s2v1_name"])


def _facts(row: dict[str, Any]) -> CarriedFacts:
    known = {column.name: row.get(column.name) for column in CARRIED_COLUMNS}
    return CarriedFacts(**known | {"labels": tuple(known["labels"] or ())})
