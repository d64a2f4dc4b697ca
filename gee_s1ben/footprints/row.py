"""What every reader gives: a tile with time, product, footprint and wanted patches, or a refusal with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, Self

from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S2ProductName, format_stamp
from gee_s1ben.domain.tile import PATCH_PX, TILE_PX, Target, tile_grid
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.outline import checked_footprint, tile_outline, within_tile

Cell = tuple[int, int]
"""(column, row) of a patch in its tile."""


def in_rows(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Order patches row by row from the north-west, each once."""
    return tuple(sorted(set(cells), key=lambda cell: cell[::-1]))


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Span:
    """A range of time, for what has no time of its own."""

    start: datetime
    """First moment, UTC."""
    stop: datetime
    """First moment after it, UTC."""

    def __post_init__(self) -> None:
        if not self.start < self.stop:
            raise InputError(
                f"the time range from {self.start:%F %T} to {self.stop:%F %T} is empty: give the earlier first"
            )

    @property
    def middle(self) -> datetime:
        """Halfway, in whole seconds: what Sentinel-1 is to be near to."""
        return (self.start + (self.stop - self.start) / 2).replace(microsecond=0)

    @property
    def meaning(self) -> str:
        """What stands for it, in words."""
        return f"{self.middle:%F %T} UTC, the middle of {self.start:%F %T} to {self.stop:%F %T} UTC"

    @property
    def is_moment(self) -> bool:
        """Whether it is no more than a second: a time that was given as such."""
        return self.stop - self.start <= timedelta(seconds=1)

    @classmethod
    def at(cls, text: str) -> Self:
        """Make the range of one moment, a second.

        Raises
        ------
        InputError
            It is no date or time.
        """
        moment = parse_moment(text).replace(microsecond=0)
        return cls(moment, moment + timedelta(seconds=1))

    @classmethod
    def parse(cls, first: str, last: str) -> Self:
        """Make a range of two texts; a date without a time is that whole day, at either end.

        Raises
        ------
        InputError
            One is no date or time, or the range is empty.
        """
        stop = parse_moment(last)
        return cls(parse_moment(first), stop + timedelta(days=1) if _DAY.fullmatch(last) else stop)


def parse_moment(text: str) -> datetime:
    """Read a date, or a date and time; UTC unless it says otherwise.

    Raises
    ------
    InputError
        It is neither.
    """
    try:
        moment = datetime.fromisoformat(text) if len(text) <= 40 else None
        if moment is not None:
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise InputError(f"{text[:40]!a} is not a date such as 2017-06-13 or 2017-06-13T10:10:31Z")


@dataclass(frozen=True, slots=True)
class TileRow:
    """A Sentinel-2 tile at a time."""

    tile: str
    """MGRS name."""
    acquired: datetime
    """Start of the datatake as the product's name has it; without a product, the time given. UTC, whole seconds."""
    footprint: BaseGeometry
    """What was seen of the tile, or its outline; longitude and latitude, cut at the antimeridian."""
    source: str
    """The input it came from."""
    product: S2ProductName | None = None
    """The product, where there is one."""
    measured: bool = False
    """Whether the footprint is the product's own, not just the tile's outline."""
    span: Span | None = None
    """The range that ``acquired`` is the middle of, where only a range was given."""
    patches: tuple[Cell, ...] | None = None
    """Wanted patches, row by row from the north-west; None for all; none where an area touches no whole patch."""
    remark: str = ""
    """What was wrong with its footprint and what became of it; empty where nothing was."""

    @property
    def key(self) -> str:
        """Name and time: ``33UUP_20170613T101031``. Rows of one key are one tile."""
        return f"{self.tile}_{format_stamp(self.acquired)}"

    @property
    def grid(self) -> Grid:
        """Exact 10 m grid of the tile."""
        return tile_grid(self.tile)

    def target(self) -> Target:
        """Make what patches are wanted for.

        Raises
        ------
        InputError
            A wanted patch is outside the tile.
        """
        return Target(self.tile, self.grid, self.acquired, self.product, cells=self.patches)

    @classmethod
    def of_product(cls, product: S2ProductName, source: str) -> Self:
        """Make the row of a product of which only the name is known.

        Raises
        ------
        InputError
            The name has no tile, or one that does not exist.
        """
        named = replace(product, safe=False)
        target = Target.of_product(named)
        return cls(target.name, target.acquired, tile_outline(target.name), source, named)

    @classmethod
    def of_tile(cls, tile: str, when: Span | datetime | None, source: str) -> Self:
        """Make the row of a tile at a time, or in a range of time.

        Raises
        ------
        InputError
            There is no such tile, or no time.
        """
        outline = tile_outline(tile)
        if when is None:
            raise InputError(f"tile {tile} has no time: give --from and --to, or {tile}@2017-06-13T10:10:31Z")
        if isinstance(when, Span):
            return cls(tile, when.middle, outline, source, span=None if when.is_moment else when)
        return cls(tile, when.replace(microsecond=0), outline, source)

    def of_patches(self, cells: tuple[Cell, ...]) -> Self:
        """Return the same of which only some patches are wanted.

        Raises
        ------
        InputError
            One is outside the tile.
        """
        outside = next((cell for cell in cells if max(cell) >= TILE_PX // PATCH_PX), None)
        if outside is not None:
            raise InputError(
                f"the patch at column {outside[0]}, row {outside[1]} is outside its tile: both run from 0 to "
                f"{TILE_PX // PATCH_PX - 1}"
            )
        return replace(self, patches=cells)

    def seen(self, footprint: BaseGeometry, *, of_several: bool = False) -> Self:
        """Return the same with the product's own footprint.

        One that crosses itself is repaired, one that encloses no area leaves the tile's outline; :attr:`remark` says
        so.

        Parameters
        ----------
        footprint : geometry
            In longitude and latitude, as the product's metadata have it.
        of_several : bool
            It is that of all the product's tiles together.

        Raises
        ------
        InputError
            It has no coordinates, or does not lie in the tile.
        """
        found, remark = (within_tile if of_several else checked_footprint)(self.tile, footprint)
        if found.is_empty:
            return replace(self, remark=f"{remark}: the outline of tile {self.tile} stands for it")
        return replace(self, footprint=found, measured=True, remark=remark)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot be used; the others go on."""

    source: str
    """The input, and the place in it."""
    reason: str
    """One line: what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What was wrong with an input that is used all the same."""

    source: str
    """The input, and the place in it."""
    text: str
    """One line: what was wrong, and what became of it."""


Readings = Iterator[TileRow | Refusal | Remark]


class Reader(Protocol):
    """How one kind of input is read; a module of this package is one."""

    def accepts(self, path: Path) -> bool:
        """Whether a path that exists is of this kind, by its name; contents are judged when they are read."""

    def read(self, path: Path, span: Span | None) -> Readings:
        """Yield what is in it; an input that is unusable as a whole raises InputError."""
