"""Whether the published pairs give the published names, all of them and exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gee_s1ben.domain.naming import S1PatchName, S2PatchNameV1, S2PatchNameV2
from gee_s1ben.published.stored import V1, V2, Pair, pairs
from gee_s1ben.published.tables import read_v1, read_v2

MOST_EXAMPLES = 20


@dataclass(slots=True)
class Compared:
    """One table against the pairs."""

    what: str
    names: int
    """Rows of the table, or pairs."""
    wrong: int = 0
    """Rows that the pairs do not give, or give otherwise, and pairs that the table lacks."""
    examples: list[str] = field(default_factory=list)
    """The first of these, with what was expected."""

    def differs(self, example: str) -> None:
        """Count one that is wrong."""
        self.wrong += 1
        if self.wrong <= MOST_EXAMPLES:
            self.examples.append(example)


def check(csv: Path | None = None, metadata: Path | None = None) -> tuple[Compared, ...]:
    """Rebuild every name, read it back, and compare the names with the public tables where these are given.

    Parameters
    ----------
    csv : Path, optional
        ``s1_s2_name_country_season.csv.bz2`` of bigearthnet-common.
    metadata : Path, optional
        ``metadata.parquet`` of BigEarthNet v2.

    Raises
    ------
    InputError
        A table cannot be read.
    """
    # Plain texts as values: the collector of cycles would go through half a million tuples again and again.
    first = {s2: s1 for s1, s2 in read_v1(csv)} if csv else {}
    second = {patch: f"{s1} {old}" for s1, patch, old in read_v2(metadata)} if metadata else {}
    back = Compared("names read back", len(pairs()))
    v1, v2 = Compared("version 1", len(first)), Compared("version 2", len(second))
    for pair in pairs():
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
    found = table.pop(key, None)
    if found != names:
        compared.differs(f"{key}: the pairs say {names}, the table {found or 'nothing'}")
