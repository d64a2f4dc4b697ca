"""Names of Sentinel-2 products and granules before 6 December 2016.

One product then held many tiles (granules): the product's name has the time and the orbit, the granule's name the tile.
Together they say what one name says since. Source: ESA, "Sentinel-2 Products Specification Document", section 3.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from gee_s1ben.domain.naming.sentinel2 import S2ProductName
from gee_s1ben.domain.naming.text import STAMP, TILE, check_formats, check_utc, format_stamp, matched, parse_stamp
from gee_s1ben.errors import NamingError

_PRODUCT = re.compile(
    r"(?P<mission>S2[A-D])_(?P<file_class>[A-Z0-9]{4})_PRD_MSI(?P<level>L1C|L2A)_(?P<site>[A-Z0-9_]{4})_"
    rf"(?P<generated>{STAMP})_R(?P<relative_orbit>[0-9]{{3}})_V(?P<start>{STAMP})_(?P<stop>{STAMP})(?P<safe>\.SAFE)?"
)
_GRANULE = re.compile(
    r"(?P<mission>S2[A-D])_(?P<file_class>[A-Z0-9]{4})_MSI_(?P<level>L1C|L2A)_TL_(?P<site>[A-Z0-9_]{4})_"
    rf"(?P<generated>{STAMP})_A(?P<absolute_orbit>[0-9]{{6}})_T(?P<tile>{TILE})_"
    r"N(?P<baseline>[0-9]{2}\.[0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class S2OldProductName:
    """``S2A_OPER_PRD_MSIL1C_PDMC_20160914T193218_R022_V20160831T101022_20160831T101022[.SAFE]``."""

    mission: str
    """``S2A`` to ``S2D``."""
    file_class: str
    """``OPER`` for routine products."""
    level: str
    """``L1C`` or ``L2A``."""
    site: str
    """Where it was processed, four characters."""
    generated: datetime
    """When it was processed, UTC."""
    relative_orbit: int
    """1 to 143."""
    start: datetime
    """First line sensed, UTC, whole seconds."""
    stop: datetime
    """Last line sensed, UTC, whole seconds."""
    safe: bool = False
    """Whether the text ends in ``.SAFE``."""

    def __post_init__(self) -> None:
        check_utc(self.generated, self.start, self.stop)
        check_formats(self, _PRODUCT)

    def __str__(self) -> str:
        return (
            f"{self.mission}_{self.file_class}_PRD_MSI{self.level}_{self.site}_{format_stamp(self.generated)}_"
            f"R{self.relative_orbit:03d}_V{format_stamp(self.start)}_{format_stamp(self.stop)}" + ".SAFE" * self.safe
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a product name, with or without ``.SAFE``.

        Raises
        ------
        NamingError
            The text breaks the rule or holds an impossible date.
        """
        part = matched(
            _PRODUCT, text, "the name of an old Sentinel-2 product (S2A_OPER_PRD_MSIL1C_…_R<nnn>_V<start>_<stop>)"
        )
        return cls(
            part["mission"], part["file_class"], part["level"], part["site"], parse_stamp(part["generated"], text),
            int(part["relative_orbit"]), parse_stamp(part["start"], text), parse_stamp(part["stop"], text),
            part["safe"] is not None,
        )  # fmt: skip

    def with_granule(self, granule: S2GranuleName) -> S2ProductName:
        """Name one tile of this product as it would be named since, without the generation time.

        Raises
        ------
        NamingError
            The granule is of another mission or level.
        """
        if (granule.mission, granule.level) != (self.mission, self.level):
            raise NamingError(f"granule {granule} is not of the mission and level of product {self}")
        baseline = granule.baseline.replace(".", "")
        return S2ProductName(self.mission, self.level, self.start, baseline, self.relative_orbit, granule.tile)


@dataclass(frozen=True, slots=True)
class S2GranuleName:
    """``S2A_OPER_MSI_L1C_TL_SGS__20160831T155112_A006228_T33UUP_N02.04``; its time is when it was made, not sensed."""

    mission: str
    """``S2A`` to ``S2D``."""
    file_class: str
    """``OPER`` for routine products."""
    level: str
    """``L1C`` or ``L2A``."""
    site: str
    """Where it was processed, four characters, filled with ``_``."""
    generated: datetime
    """When it was processed, UTC."""
    absolute_orbit: int
    """Orbits since launch."""
    tile: str
    """MGRS name of the tile, without the leading ``T``."""
    baseline: str
    """Processing baseline, ``02.04``."""

    def __post_init__(self) -> None:
        check_utc(self.generated)
        check_formats(self, _GRANULE)

    def __str__(self) -> str:
        return (
            f"{self.mission}_{self.file_class}_MSI_{self.level}_TL_{self.site}_{format_stamp(self.generated)}_"
            f"A{self.absolute_orbit:06d}_T{self.tile}_N{self.baseline}"
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a granule name.

        Raises
        ------
        NamingError
            The text breaks the rule or holds an impossible date.
        """
        part = matched(
            _GRANULE, text, "the name of a Sentinel-2 granule (S2A_OPER_MSI_L1C_TL_…_A<orbit>_T<tile>_N<nn.nn>)"
        )
        return cls(
            part["mission"], part["file_class"], part["level"], part["site"], parse_stamp(part["generated"], text),
            int(part["absolute_orbit"]), part["tile"], part["baseline"],
        )  # fmt: skip
