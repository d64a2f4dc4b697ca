"""Names of patches: a scene or product, and the place in its tile.

There are hundreds of thousands of these, of a few hundred scenes and products. A patch's own check is the one way to a
value, whether it is made by hand or read from a text, and what patches share is looked at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Self

from gee_s1ben.domain.naming.sentinel1 import check_scene
from gee_s1ben.domain.naming.sentinel2 import S2ProductName
from gee_s1ben.domain.naming.text import LONGEST, matched, parse_stamp, shown
from gee_s1ben.errors import NamingError

_LARGEST_INDEX = 9999
"""Largest patch index: a grid of a whole UTM zone still fits."""

_TARGET_NAME = re.compile(r"[A-Za-z0-9-]{1,32}")
_S2_STEM_V1 = re.compile(r"(?P<mission>S2[A-D])_MSI(?P<level>L1C|L2A)_(?P<stamp>[0-9]{8}T[0-9]{5,6})")

_SHARED = 2048
"""How many scenes and products are kept; BigEarthNet has a few hundred."""


@dataclass(frozen=True, slots=True)
class S2PatchNameV2:
    """Patch name of BigEarthNet v2, indices padded: ``S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_00_48``."""

    product: S2ProductName
    """Product with its tile; BigEarthNet leaves out the generation time."""
    col: int
    """Column of the patch in its tile, from the west."""
    row: int
    """Row of the patch in its tile, from the north."""

    def __post_init__(self) -> None:
        _check_indices(self.col, self.row)
        if self.product.tile is None or self.product.safe:
            raise NamingError(f"{self.product} cannot name a BigEarthNet v2 patch: it needs a tile and no .SAFE")

    def __str__(self) -> str:
        return f"{_s2_text(self.product)}_{self.col:02d}_{self.row:02d}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a patch name.

        Raises
        ------
        NamingError
            The text breaks the rule.
        """
        stem, col, row = _split(text, "a BigEarthNet v2 patch name (<Sentinel-2 product>_<cc>_<rr>)", width=2)
        return cls(_s2_product(stem), col, row)


@dataclass(frozen=True, slots=True)
class S2PatchNameV1:
    """Patch name of BigEarthNet v1, indices not padded: ``S2A_MSIL2A_20170613T101031_70_48``.

    It carries no tile, so the makers told patches of two tiles apart by adding seconds to the time, and two of the
    published names have impossible times (``20170924T93020``, ``20180204T94161``). The time is therefore kept as text.
    """

    mission: str
    """``S2A`` to ``S2D``."""
    level: str
    """``L1C`` or ``L2A``."""
    stamp: str
    """Date, ``T`` and five or six digits; nearly a time."""
    col: int
    """Column of the patch in its tile, from the west."""
    row: int
    """Row of the patch in its tile, from the north."""

    def __post_init__(self) -> None:
        _check_indices(self.col, self.row)
        _s2_stem_v1(f"{self.mission}_MSI{self.level}_{self.stamp}")

    def __str__(self) -> str:
        return f"{self.mission}_MSI{self.level}_{self.stamp}_{self.col}_{self.row}"

    @property
    def acquired(self) -> datetime:
        """The time the stamp stands for, some seconds off where the makers moved it (UTC).

        Five digits lack the leading zero of the hour, and 61 seconds are one more minute.
        """
        day, clock = self.stamp.split("T")
        clock = clock.zfill(6)
        since = timedelta(hours=int(clock[:2]), minutes=int(clock[2:4]), seconds=int(clock[4:]))
        return parse_stamp(f"{day}T000000", str(self)) + since

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a patch name.

        Raises
        ------
        NamingError
            The text breaks the rule.
        """
        stem, col, row = _split(text, "a BigEarthNet v1 patch name (S2A_MSIL2A_<time>_<c>_<r>)")
        return cls(*_s2_stem_v1(stem), col, row)


@dataclass(frozen=True, slots=True)
class S1PatchName:
    """Name of a Sentinel-1 patch, indices not padded: ``S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48``."""

    scene: str
    """Mission to start time of the scene; for an image that is no Sentinel-1 product, its index."""
    tile: str
    """MGRS name of the tile, or the name of a grid of one's own."""
    col: int
    """Column of the patch in its tile, from the west."""
    row: int
    """Row of the patch in its tile, from the north."""

    def __post_init__(self) -> None:
        _check_indices(self.col, self.row)
        _check_place(self.scene, self.tile)

    def __str__(self) -> str:
        return f"{self.scene}_{self.tile}_{self.col}_{self.row}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a patch name.

        Raises
        ------
        NamingError
            The text breaks the rule.
        """
        stem, col, row = _split(text, "a Sentinel-1 patch name (<scene>_<tile>_<c>_<r>)")
        scene, _, tile = stem.rpartition("_")
        return cls(scene, tile, col, row)


def check_target_name(name: str) -> str:
    """Return ``name`` if it can stand in a patch name where an MGRS tile does.

    Raises
    ------
    NamingError
        It is not 1 to 32 of ``A-Z a-z 0-9 -``.
    """
    if not _TARGET_NAME.fullmatch(name):
        raise NamingError(f"{shown(name)} cannot name a tile or grid: use 1 to 32 of A-Z a-z 0-9 and -")
    return name


def _split(text: str, what: str, width: int = 1) -> tuple[str, int, int]:
    """Take the two indices, of at least ``width`` digits, from the end of a text; what is left is not yet checked."""
    try:
        stem, col, row = text.rsplit("_", 2)
        indices = _indices(width)
        if len(text) <= LONGEST:
            return stem, indices[col], indices[row]
    except (ValueError, KeyError):
        pass
    raise NamingError(f"{shown(text)} is not {what}")


@cache
def _indices(width: int) -> dict[str, int]:
    """Every index by how it is written: looking one up is faster than reading it, and takes nothing else."""
    return {f"{index:0{width}d}": index for index in range(_LARGEST_INDEX + 1)}


def _check_indices(col: int, row: int) -> None:
    if not (0 <= col <= _LARGEST_INDEX and 0 <= row <= _LARGEST_INDEX):
        raise NamingError(f"patch indices run from 0 to {_LARGEST_INDEX}, not column {col}, row {row}")


@lru_cache(maxsize=_SHARED)
def _check_place(scene: str, tile: str) -> None:
    check_target_name(tile)
    check_scene(scene)


@lru_cache(maxsize=_SHARED)
def _s2_product(stem: str) -> S2ProductName:
    return S2ProductName.parse(stem)


@lru_cache(maxsize=_SHARED)
def _s2_text(product: S2ProductName) -> str:
    return str(product)


@lru_cache(maxsize=_SHARED)
def _s2_stem_v1(stem: str) -> tuple[str, str, str]:
    part = matched(_S2_STEM_V1, stem, "the product of a BigEarthNet v1 patch name (S2A_MSIL2A_<time>)")
    return part["mission"], part["level"], part["stamp"]
