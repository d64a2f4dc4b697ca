"""The published pairs: which Sentinel-1 scene every patch of BigEarthNet was cut from.

The file beside this module holds, for each of the 125 Sentinel-2 products, a lattice of 91 × 91 patches with the
scene, the stem of the version 1 name, and the editions of each; ``python -m gee_s1ben.published.make`` makes it from
the public tables. Its source and licence are in ``PAIRS.md`` and in the file itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gee_s1ben.domain.naming import S1PatchName, S2PatchNameV1, S2PatchNameV2, S2ProductName
from gee_s1ben.errors import InputError

SIDE = 91
"""Patches along a side of a tile."""
V1 = 1
"""Edition: in BigEarthNet v1 (all 590,326)."""
V2 = 2
"""Edition: in BigEarthNet v2 (549,488): 480,038 in ``metadata.parquet``, and those that are also listed in its second
table."""
SNOW_OR_CLOUD = 4
"""Edition: snow, cloud or shadow by version 1's lists (70,987); 69,450 of these are in version 2's second table."""

FILE = "pairs.npz"


@dataclass(frozen=True, slots=True)
class Pair:
    """One patch and its scene."""

    product: S2ProductName
    """Sentinel-2 product as version 2 names it; its tile is that of both patches."""
    col: int
    """Column of the patch in its tile, from the west."""
    row: int
    """Row of the patch in its tile, from the north."""
    scene: str
    """``S1A_IW_GRDH_1SDV_20170613T165043``."""
    stem: str
    """Version 1 name without the indices, some seconds off the product's time where the makers moved it."""
    edition: int
    """Sum of :data:`V1`, :data:`V2` and :data:`SNOW_OR_CLOUD`."""

    @property
    def s1_name(self) -> S1PatchName:
        """Name of the Sentinel-1 patch, the same in both versions."""
        return S1PatchName(self.scene, str(self.product.tile), self.col, self.row)

    @property
    def s2_name_v1(self) -> S2PatchNameV1:
        """Name of the Sentinel-2 patch in version 1."""
        return S2PatchNameV1(*_parts(self.stem), self.col, self.row)

    @property
    def s2_name_v2(self) -> S2PatchNameV2:
        """Name of the Sentinel-2 patch in version 2, whether or not it is in it."""
        return S2PatchNameV2(self.product, self.col, self.row)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """All pairs in columns, product by product, then row by row from the north-west."""

    products: tuple[S2ProductName, ...]
    scenes: tuple[str, ...]
    stems: tuple[str, ...]
    product: NDArray[np.uint8]
    """Index into ``products``."""
    col: NDArray[np.uint8]
    row: NDArray[np.uint8]
    scene: NDArray[np.uint16]
    """Index into ``scenes``."""
    stem: NDArray[np.uint8]
    """Index into ``stems``."""
    edition: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.product)

    def __getitem__(self, index: int) -> Pair:
        return Pair(
            self.products[self.product[index]], int(self.col[index]), int(self.row[index]),
            self.scenes[self.scene[index]], self.stems[self.stem[index]], int(self.edition[index]),
        )  # fmt: skip

    def __iter__(self) -> Iterator[Pair]:
        columns = (self.product, self.col, self.row, self.scene, self.stem, self.edition)
        for product, col, row, scene, stem, edition in zip(*(one.tolist() for one in columns), strict=True):
            yield Pair(self.products[product], col, row, self.scenes[scene], self.stems[stem], edition)


@dataclass(frozen=True, slots=True)
class PublishedScene:
    """A Sentinel-1 scene as the published names have it: found again by platform and start time."""

    label: str
    """``S1A_IW_GRDH_1SDV_20170613T165043``."""
    platform: str
    """``A`` or ``B``."""
    acquired: datetime
    """Start, UTC, whole seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What was published for one Sentinel-2 product."""

    product: S2ProductName
    scenes: tuple[PublishedScene, ...]
    """In order of time."""
    index: NDArray[np.int16]
    """Index into ``scenes`` of each patch, [row, column]; −1 where no patch was published."""
    edition: NDArray[np.uint8]
    """Editions of each patch, [row, column]; 0 where none was published."""

    def scene(self, col: int, row: int) -> PublishedScene | None:
        """Scene of a patch, or None where none was published."""
        inside = 0 <= col < SIDE and 0 <= row < SIDE
        found = int(self.index[row, col]) if inside else -1
        return self.scenes[found] if found >= 0 else None


@lru_cache(maxsize=1)
def pairs() -> Pairs:
    """Load all published pairs, once.

    Returns
    -------
    Pairs
        590,326 patches of 125 Sentinel-2 products and 325 Sentinel-1 scenes; about 5 MB.
    """
    with (files(__package__) / FILE).open("rb") as file:
        return read_pairs(file)


def choice(tile: str, acquired: datetime) -> Choice | None:
    """Return what was published for a tile at a time.

    Parameters
    ----------
    tile : str
        MGRS name.
    acquired : datetime
        Start of the Sentinel-2 datatake as product names have it, UTC.

    Returns
    -------
    Choice or None
        None where BigEarthNet has no patch of it.
    """
    known = pairs()
    number = next(
        (number for number, one in enumerate(known.products) if (one.tile, one.acquired) == (tile, acquired)), None
    )
    if number is None:
        return None
    mine = slice(*np.searchsorted(known.product, [number, number + 1]))
    used, index = np.unique(known.scene[mine], return_inverse=True)
    scenes = [_scene(known.scenes[one]) for one in used]
    order = sorted(range(len(scenes)), key=lambda one: (scenes[one].acquired, scenes[one].label))
    lattice = np.full((SIDE, SIDE), -1, np.int16)
    edition = np.zeros((SIDE, SIDE), np.uint8)
    lattice[known.row[mine], known.col[mine]] = np.argsort(order)[index]
    edition[known.row[mine], known.col[mine]] = known.edition[mine]
    return Choice(known.products[number], tuple(scenes[one] for one in order), lattice, edition)


def write_pairs(made: Pairs, path: Path, notice: str) -> None:
    """Write pairs as compressed lattices; the same pairs give the same bytes.

    Raises
    ------
    InputError
        Two of them are of one patch.
    """
    shape = (len(made.products), SIDE, SIDE)
    where = (made.product, made.row, made.col)
    scene, stem, edition = np.zeros(shape, np.uint16), np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    np.add.at(edition, where, 1)
    if edition.max(initial=0) > 1:
        raise InputError("a patch has two scenes: the tables disagree")
    scene[where], stem[where], edition[where] = made.scene, made.stem, made.edition
    names = {"products": [str(one) for one in made.products], "scenes": made.scenes, "stems": made.stems}
    texts: dict[str, Any] = {name: np.array(list(values), dtype=np.str_) for name, values in names.items()}
    np.savez_compressed(path, **texts, scene=scene, stem=stem, edition=edition, notice=np.array(notice))


def read_pairs(file: IO[bytes]) -> Pairs:
    """Read what :func:`write_pairs` wrote."""
    with np.load(file, allow_pickle=False) as stored:
        scene, stem, edition = stored["scene"], stored["stem"], stored["edition"]
        products, scenes, stems = (tuple(map(str, stored[name])) for name in ("products", "scenes", "stems"))
    where = np.nonzero(edition)
    product, row, col = (one.astype(np.uint8) for one in where)
    return Pairs(
        tuple(S2ProductName.parse(name) for name in products), scenes, stems, product, col, row,
        scene[where], stem[where], edition[where],
    )  # fmt: skip


@lru_cache(maxsize=256)
def _parts(stem: str) -> tuple[str, str, str]:
    """Mission, level and stamp of a version 1 name."""
    mission, level, stamp = stem.split("_")
    return mission, level.removeprefix("MSI"), stamp


def _scene(label: str) -> PublishedScene:
    moment = datetime.strptime(f"{label[-15:]}+0000", "%Y%m%dT%H%M%S%z")
    return PublishedScene(label, label[2], moment)
