"""Whether the published pairs give the published names, all of them and exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from gee_s1ben.domain.naming import S1PatchName, S2PatchNameV1, S2PatchNameV2
from gee_s1ben.errors import InputError
from gee_s1ben.published.stored import V1, V2, Pair, Pairs, pairs
from gee_s1ben.published.tables import read_v1, read_v2

_Row = TypeVar("_Row")

MOST_EXAMPLES = 20


@dataclass(slots=True)
class Compared:
    """The tables of one version against the pairs."""

    what: str
    published: int
    """Names that the pairs have of it."""
    names: int
    """Of these, names that the tables have; fewer where only one of version 2's two tables is given."""
    wrong: int = 0
    """Rows of the tables that the pairs do not give, or give otherwise, or that come twice."""
    examples: list[str] = field(default_factory=list)
    """The first of these, with what was expected."""

    def differs(self, example: str) -> None:
        """Count one that is wrong."""
        self.wrong += 1
        if self.wrong <= MOST_EXAMPLES:
            self.examples.append(example)


def check(csv: Path | None = None, metadata: Sequence[Path] = (), known: Pairs | None = None) -> tuple[Compared, ...]:
    """Rebuild every name, read it back, and compare the names with the public tables where these are given.

    Parameters
    ----------
    csv : Path, optional
        ``s1_s2_name_country_season.csv.bz2`` of bigearthnet-common.
    metadata : sequence of Path
        One or both of the tables of BigEarthNet v2: ``metadata.parquet``, and
        ``metadata_for_patches_with_snow_cloud_or_shadow.parquet``.
    known : Pairs, optional
        The pairs; by default those that come with the package.

    Raises
    ------
    InputError
        A table cannot be read, or has no rows.
    """
    v1, v2 = Compared("version 1", 0, 0), Compared("version 2", 0, 0)
    # Plain texts as values: the collector of cycles would go through half a million tuples again and again.
    first = _rows(v1, ((s2, s1) for s1, s2 in _some(csv, read_v1(csv))) if csv else ())
    second = _rows(v2, ((patch, f"{s1} {old}") for path in metadata for s1, patch, old in _some(path, read_v2(path))))
    known = pairs() if known is None else known
    back = Compared("names read back", len(known), len(known))
    for pair in known:
        s1_name, s2_v1, s2_v2 = str(pair.s1_name), str(pair.s2_name_v1), str(pair.s2_name_v2)
        if not _read_back(pair, s1_name, s2_v1, s2_v2):
            back.differs(f"{pair} is not what its names say")
        if csv and pair.edition & V1:
            _compare(v1, first, s2_v1, s1_name)
        if metadata and pair.edition & V2:
            _compare(v2, second, s2_v2, f"{s1_name} {s2_v1}")
    for compared, left in ((v1, first), (v2, second)):
        for key, names in left.items():
            compared.differs(f"{key}: the table says {names}, the pairs nothing")
    return (back, *([v1] if csv else []), *([v2] if metadata else []))


def _some(path: Path, rows: Iterable[_Row]) -> Iterator[_Row]:
    """Yield the rows of a table, of which there must be some: of an empty one everything would be right."""
    some = False
    for row in rows:
        some = True
        yield row
    if not some:
        raise InputError(f"{path} has no rows")


def _rows(compared: Compared, rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Gather the rows of tables by the name of the Sentinel-2 patch."""
    gathered: dict[str, str] = {}
    for key, names in rows:
        if key in gathered:
            compared.differs(f"{key}: it comes twice")
        gathered[key] = names
    return gathered


def _read_back(pair: Pair, s1_name: str, s2_v1: str, s2_v2: str) -> bool:
    """Whether the names of a pair lead back to it."""
    s1, v1, v2 = S1PatchName.parse(s1_name), S2PatchNameV1.parse(s2_v1), S2PatchNameV2.parse(s2_v2)
    place = (pair.col, pair.row)
    return (
        (s1.scene, s1.tile, s1.col, s1.row) == (pair.scene, pair.product.tile, *place)
        and (f"{v1.mission}_MSI{v1.level}_{v1.stamp}", v1.col, v1.row) == (pair.stem, *place)
        and (v2.product, v2.col, v2.row) == (pair.product, *place)
    )


def _compare(compared: Compared, table: dict[str, str], key: str, names: str) -> None:
    """Compare what the pairs and a table say of one patch; the table is used up."""
    compared.published += 1
    found = table.pop(key, None)
    if found is None:  # a part of the published patches is no fault
        return
    compared.names += 1
    if found != names:
        compared.differs(f"{key}: the pairs say {names}, the table {found}")
