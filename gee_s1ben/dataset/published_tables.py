"""What the user's own BigEarthNet tables say of patches: labels, split, country, season, snow and clouds.

Three kinds are read, alone or together in one folder:

- ``*.parquet`` with the columns of BigEarthNet v2's ``metadata.parquet``;
- the tables that go with BigEarthNet v1, as ``bigearthnet-common`` has them, plain or ``.bz2``: the pairs
  ``s1_s2_name_country_season.csv``, the splits ``train.csv``, ``val.csv`` and ``test.csv``, and the lists
  ``patches_with_seasonal_snow.csv`` and ``patches_with_cloud_and_shadow.csv``;
- folders of v1 patches with their ``_labels_metadata.json``, of Sentinel-1 or Sentinel-2.

They are matched by tile, column, row and time. The v1 names of Sentinel-2 patches carry no tile and a time that is up
to eight seconds off, so they are never computed, only looked up.
"""

from __future__ import annotations

import bz2
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from gee_s1ben.dataset.labels import CLASSES_19, check_labels, to_19_classes
from gee_s1ben.dataset.layout import LayoutVersion
from gee_s1ben.dataset.published_labels import LabelFolder, find_label_folders
from gee_s1ben.domain.naming import S1PatchName, S2PatchNameV1, S2PatchNameV2
from gee_s1ben.errors import InputError, NamingError
from gee_s1ben.storage.files import check_regular, lines_of

SPLITS = ("train", "validation", "test")
"""As BigEarthNet v2 names them; v1 says ``val``."""

_V2_COLUMNS = {
    "patch_id": pa.string(), "labels": pa.list_(pa.string()), "split": pa.string(), "country": pa.string(),
    "s1_name": pa.string(), "s2v1_name": pa.string(), "contains_seasonal_snow": pa.bool_(),
    "contains_cloud_or_shadow": pa.bool_(),
}  # fmt: skip
_PAIRS = ("s1_name", "s2_name", "country", "season")
_SAME_PRODUCT = timedelta(seconds=10)
_SPLIT_FILES = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
_SNOW, _CLOUD = "patches_with_seasonal_snow", "patches_with_cloud_and_shadow"


_Name = TypeVar("_Name", S1PatchName, S2PatchNameV1, S2PatchNameV2)


@dataclass(frozen=True, slots=True)
class TableEntry:
    """What the tables say of one patch; None where they say nothing."""

    s2_patch: str | None = None
    """Name of the Sentinel-2 patch in BigEarthNet v2."""
    s2_v1: str | None = None
    """Name of the Sentinel-2 patch in BigEarthNet v1."""
    labels_19: tuple[str, ...] | None = None
    """Its classes of the 19."""
    labels_43: tuple[str, ...] | None = None
    """Its classes of the 43."""
    split: str | None = None
    """``train``, ``validation`` or ``test``."""
    country: str | None = None
    season: str | None = None
    snow: bool | None = None
    """Whether it holds seasonal snow."""
    cloud: bool | None = None
    """Whether it holds cloud or the shadow of one."""

    def labels(self, version: LayoutVersion) -> tuple[str, ...] | None:
        """Return its labels in the classes of a layout."""
        return self.labels_43 if version == "v1" else self.labels_19


class PublishedTables:
    """The user's BigEarthNet tables; see :func:`open_tables`."""

    def __init__(
        self,
        path: Path,
        v2: pa.Table | None,
        pairs: pa.Table | None,
        lists: Mapping[str, Path],
        labels: tuple[LabelFolder, ...],
    ) -> None:
        self.path = path
        self._v2 = v2
        self._pairs = pairs
        self._lists = lists
        self._labels = labels
        # What was read of the tile before: the targets of a tile follow one another.
        self._v2_last: tuple[str, list[tuple[S2PatchNameV2, dict[str, Any]]]] = "", []
        self._v1_last: tuple[str, list[tuple[S1PatchName, S2PatchNameV1, dict[str, Any]]]] = "", []

    def check_layout(self, version: LayoutVersion) -> None:
        """Refuse tables whose labels a layout cannot hold.

        Raises
        ------
        InputError
            They have labels of the 19 classes alone, and layout v1 takes those of the 43.
        """
        if version == "v1" and self._v2 is not None and not self._labels:
            raise InputError(
                f"{self.path} has labels of the 19 classes of BigEarthNet v2, dataset.layout v1 takes the 43 of v1, "
                "and they cannot be turned back: put BigEarthNet-S1-v1.0 or BigEarthNet-v1.0, with its "
                "_labels_metadata.json, into the same folder, or set dataset.layout to v2"
            )

    @property
    def seasons(self) -> bool:
        """Whether they know of seasons."""
        return self._pairs is not None

    def of_target(self, name: str, acquired: datetime) -> dict[tuple[int, int], TableEntry]:
        """Look up the patches of a tile at a time.

        Parameters
        ----------
        name : str
            MGRS name of the tile.
        acquired : datetime
            Start of the Sentinel-2 datatake, UTC.

        Returns
        -------
        dict of (column, row) to TableEntry
            Only patches that the tables have; empty where they have none of this tile and time.

        Raises
        ------
        InputError
            A name, split or label in them is none of BigEarthNet's.
        """
        found = dict(self._v2_entries(name, acquired))
        for cell, entry in self._v1_entries(name, acquired):
            ours = found.get(cell)
            found[cell] = entry if ours is None else _joined(ours, entry)
        for folder in self._labels:
            for cell, s2_v1, labels in folder.of_target(name, acquired, {c: e.s2_v1 for c, e in found.items()}):
                ours = found.get(cell, TableEntry())
                if ours.s2_v1 is not None and s2_v1 is not None and ours.s2_v1 != s2_v1:
                    raise InputError(
                        f"{folder.path}: column {cell[0]}, row {cell[1]} of {name} is {s2_v1} there, and {ours.s2_v1} "
                        f"in the tables of {self.path}"
                    )
                found[cell] = _joined(ours, TableEntry(s2_v1=s2_v1, labels_43=labels, labels_19=to_19_classes(labels)))
        return found

    def _v2_entries(self, tile: str, acquired: datetime) -> Iterator[tuple[tuple[int, int], TableEntry]]:
        for name, row in self._v2_of_tile(tile):
            if abs(name.product.acquired - acquired) > _SAME_PRODUCT:
                continue
            where = f"{self.path}: patch {str(row['patch_id'])[:80]}"
            yield (
                (name.col, name.row),
                TableEntry(
                    s2_patch=row["patch_id"],
                    s2_v1=row["s2v1_name"],
                    labels_19=check_labels(row["labels"] or (), CLASSES_19, where),
                    split=_checked_split(row["split"], where),
                    country=row["country"],
                    snow=row["contains_seasonal_snow"],
                    cloud=row["contains_cloud_or_shadow"],
                ),
            )

    def _v1_entries(self, tile: str, acquired: datetime) -> Iterator[tuple[tuple[int, int], TableEntry]]:
        for s1, s2, row in self._v1_of_tile(tile):
            if abs(s2.acquired - acquired) > _SAME_PRODUCT:
                continue
            if (s1.col, s1.row) != (s2.col, s2.row):
                raise InputError(f"{self.path}: {s1} and {s2} are paired, but their columns or rows differ")
            split, snow, cloud = self._marks(str(s2))
            yield (
                (s1.col, s1.row),
                TableEntry(
                    s2_v1=str(s2), split=split, country=row["country"], season=row["season"], snow=snow, cloud=cloud
                ),
            )

    def _v2_of_tile(self, tile: str) -> Sequence[tuple[S2PatchNameV2, dict[str, Any]]]:
        if self._v2_last[0] != tile:
            rows = [(self._named(S2PatchNameV2, row["patch_id"]), row) for row in _rows_of_tile(self._v2, tile)]
            self._v2_last = tile, [(name, row) for name, row in rows if name.product.tile == tile]
        return self._v2_last[1]

    def _v1_of_tile(self, tile: str) -> Sequence[tuple[S1PatchName, S2PatchNameV1, dict[str, Any]]]:
        if self._v1_last[0] != tile:
            rows = [
                (self._named(S1PatchName, row["s1_name"]), self._named(S2PatchNameV1, row["s2_name"]), row)
                for row in _rows_of_tile(self._pairs, tile)
            ]
            self._v1_last = tile, [(s1, s2, row) for s1, s2, row in rows if s1.tile == tile]
        return self._v1_last[1]

    def _named(self, kind: type[_Name], text: str | None) -> _Name:
        try:
            return kind.parse(text or "")
        except NamingError as error:
            raise InputError(f"{self.path}: {error}") from error

    def _marks(self, s2_v1: str) -> tuple[str | None, bool | None, bool | None]:
        """Split, snow and cloud of a v1 patch, by the lists that there are."""
        lists = self._name_lists
        splits = (_SPLIT_FILES[name] for name, names in lists.items() if name in _SPLIT_FILES and s2_v1 in names)
        snow = s2_v1 in lists[_SNOW] if _SNOW in lists else None
        cloud = s2_v1 in lists[_CLOUD] if _CLOUD in lists else None
        return next(splits, None), snow, cloud

    @cached_property
    def _name_lists(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(_first_column(path)) for name, path in self._lists.items()}


def open_tables(path: Path) -> PublishedTables:
    """Find and open the user's BigEarthNet tables.

    Parameters
    ----------
    path : Path
        One table, or a folder of tables and folders of labels.

    Raises
    ------
    InputError
        There is nothing there that is understood, or a table is broken.
    """
    if not path.exists():
        raise InputError(
            f"there is no {path}; dataset.tables names BigEarthNet's metadata.parquet or a folder of tables"
        )
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    parquets = [file for file in files if file.suffix == ".parquet"]
    texts = {_stem(file): file for file in files if file.name.endswith((".csv", ".csv.bz2"))}
    v2 = [_read_parquet(file) for file in parquets]
    lists = {name: file for name, file in texts.items() if name in (*_SPLIT_FILES, _SNOW, _CLOUD)}
    others = [file for name, file in texts.items() if name not in lists]
    pairs = [table for file in others if (table := _read_pairs(file)) is not None]
    labels = tuple(find_label_folders(path)) if path.is_dir() else ()
    if not v2 and not pairs and not labels:
        raise InputError(
            f"{path}: no BigEarthNet table there: metadata.parquet, s1_s2_name_country_season.csv or a folder of "
            "patches with _labels_metadata.json"
        )
    return PublishedTables(
        path,
        pa.concat_tables(v2) if v2 else None,
        pa.concat_tables(pairs) if pairs else None,
        lists,
        labels,
    )


def _joined(one: TableEntry, other: TableEntry) -> TableEntry:
    """Take from another entry what the first one does not say."""
    missing = {name: getattr(other, name) for name in TableEntry.__slots__ if getattr(one, name) is None}
    return replace(one, **missing)


def _rows_of_tile(table: pa.Table | None, tile: str) -> list[dict[str, Any]]:
    if table is None:
        return []
    rows: list[dict[str, Any]] = table.filter(pc.match_substring(table["s1_name"], f"_{tile}_")).to_pylist()
    return rows


def _checked_split(split: str | None, where: str) -> str | None:
    if split is not None and split not in SPLITS:
        raise InputError(f"{where}: the split {split[:40]!r} is none of {', '.join(SPLITS)}")
    return split


def _read_parquet(path: Path) -> pa.Table:
    try:
        check_regular(path)
        found = pq.read_schema(path)
        missing = [name for name in _V2_COLUMNS if name not in found.names]
        if missing:
            raise InputError(f"{path}: no column {', '.join(missing)}; it is not BigEarthNet v2's metadata.parquet")
        return pq.read_table(path, columns=list(_V2_COLUMNS)).cast(pa.schema(_V2_COLUMNS))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: broken ({' '.join(str(error).split())[:200]})") from error


def _read_pairs(path: Path) -> pa.Table | None:
    """Read the table of pairs; None of any other table."""
    convert = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(_PAIRS, pa.string()), include_columns=list(_PAIRS))
    try:
        check_regular(path)
        with pyarrow.csv.open_csv(path) as reader:
            if not {"s1_name", "s2_name"} <= set(reader.schema.names):
                return None
            missing = [name for name in _PAIRS if name not in reader.schema.names]
        if missing:
            raise InputError(f"{path}: no column {', '.join(missing)}")
        return pyarrow.csv.read_csv(path, convert_options=convert)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise InputError(f"{path}: broken ({' '.join(str(error).split())[:200]})") from error


def _first_column(path: Path) -> Iterator[str]:
    """First column of a table without a header, which may be empty."""
    try:
        check_regular(path)
        with bz2.open(path, "rt") if path.suffix == ".bz2" else path.open() as file:
            yield from (line.partition(",")[0].strip() for line in lines_of(file))
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path}: broken ({' '.join(str(error).split())[:200]})") from error


def _stem(path: Path) -> str:
    return path.name.removesuffix(".bz2").removesuffix(".csv").removeprefix("bigearthnet-")
