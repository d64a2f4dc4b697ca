"""Names of Sentinel-2 products since December 2016."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from gee_s1ben.domain.naming.text import STAMP, TILE, check_formats, check_utc, format_stamp, matched, parse_stamp
from gee_s1ben.errors import NamingError

_S2_PRODUCT = re.compile(
    rf"(?P<mission>S2[A-D])_MSI(?P<level>L1C|L2A)_(?P<acquired>{STAMP})"
    rf"(?:_N(?P<baseline>[0-9]{{4}})_R(?P<relative_orbit>[0-9]{{3}})_T(?P<tile>{TILE})"
    rf"(?:_(?P<generated>{STAMP}))?)?(?P<safe>\.SAFE)?"
)


@dataclass(frozen=True, slots=True)
class S2ProductName:
    """Name of a Sentinel-2 product since December 2016, whole or shortened as BigEarthNet does.

    Whole: ``S2A_MSIL2A_20170613T101031_N0205_R022_T33UUP_20170613T101608[.SAFE]``. BigEarthNet v2 leaves out the
    generation time, BigEarthNet v1 all that follows the time of acquisition.
    """

    mission: str
    """``S2A`` to ``S2D``."""
    level: str
    """``L1C`` or ``L2A``."""
    acquired: datetime
    """Start of the datatake, UTC, whole seconds."""
    baseline: str | None = None
    """Four digits of the processing baseline; ``9999`` in BigEarthNet v2."""
    relative_orbit: int | None = None
    """1 to 143."""
    tile: str | None = None
    """MGRS name of the tile, without the leading ``T``."""
    generated: datetime | None = None
    """Product discriminator, a UTC time in whole seconds."""
    safe: bool = False
    """Whether the text ends in ``.SAFE``."""

    def __post_init__(self) -> None:
        check_utc(self.acquired)
        if self.generated is not None:
            check_utc(self.generated)
        if len({part is None for part in (self.baseline, self.relative_orbit, self.tile)}) != 1:
            raise NamingError("a Sentinel-2 product name has baseline, relative orbit and tile together or not at all")
        if self.tile is None and self.generated is not None:
            raise NamingError("a Sentinel-2 product name without a tile has no generation time")
        check_formats(self, _S2_PRODUCT)

    def __str__(self) -> str:
        text = f"{self.mission}_MSI{self.level}_{format_stamp(self.acquired)}"
        if self.tile is not None:
            text += f"_N{self.baseline}_R{self.relative_orbit:03d}_T{self.tile}"
        if self.generated is not None:
            text += f"_{format_stamp(self.generated)}"
        return text + ".SAFE" * self.safe

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a product name in any of the three lengths.

        Raises
        ------
        NamingError
            The text breaks the rule or holds an impossible date.
        """
        part = matched(_S2_PRODUCT, text, "a Sentinel-2 product name (S2A_MSIL2A_<time>_N<nnnn>_R<nnn>_T<tile>_<time>)")
        return cls(
            mission=part["mission"], level=part["level"], acquired=parse_stamp(part["acquired"], text),
            baseline=part["baseline"], relative_orbit=int(part["relative_orbit"]) if part["tile"] else None,
            tile=part["tile"], generated=parse_stamp(part["generated"], text) if part["generated"] else None,
            safe=part["safe"] is not None,
        )  # fmt: skip
