"""Every naming rule of BigEarthNet v1 and v2 and of the products behind it.

Each kind of name is a frozen value. ``str(name)`` formats it and ``Kind.parse(text)`` reads it; the two are inverse
to each other, so a text that is accepted is given back exactly. Names become folders and files: a text is matched
whole, in ASCII and with its length capped, before anything else is done with it.

Sources: the Sentinel-1 and Sentinel-2 user guides of ESA ("Naming conventions"), and the published tables of
BigEarthNet-MM v1.0 and BigEarthNet v2.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Self

from gee_s1ben.errors import NamingError

_LONGEST = 160
"""Longest text that is looked at; the longest name of these rules is about half of that."""
_LARGEST_INDEX = 9999
"""Largest patch index: a grid of a whole UTM zone still fits."""

_STAMP = r"[0-9]{8}T[0-9]{6}"
_TILE = r"[0-9]{2}[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V]"
_INDEX = r"0|[1-9][0-9]{0,3}"
_PADDED_INDEX = r"[0-9]{2}|[1-9][0-9]{2,3}"

_S1_SCENE = (
    r"(?P<mission>S1[A-D])_(?P<mode>IW|EW|WV|S[1-6])_(?P<product_type>GRD|SLC)(?P<resolution>[FHM_])_"
    r"(?P<level>[12])(?P<product_class>[SA])(?P<polarisation>SH|SV|DH|DV|HH|HV|VV|VH)_(?P<start>" + _STAMP + ")"
)
_S1_PRODUCT = re.compile(
    _S1_SCENE + rf"_(?P<stop>{_STAMP})_(?P<absolute_orbit>[0-9]{{6}})_(?P<datatake>[0-9A-F]{{6}})"
    r"_(?P<unique_id>[0-9A-F]{4})(?P<safe>\.SAFE)?"
)
_S1_SCENE_ONLY = re.compile(_S1_SCENE)
_S2_PRODUCT = re.compile(
    rf"(?P<mission>S2[A-D])_MSI(?P<level>L1C|L2A)_(?P<acquired>{_STAMP})"
    rf"(?:_N(?P<baseline>[0-9]{{4}})_R(?P<relative_orbit>[0-9]{{3}})_T(?P<tile>{_TILE})"
    rf"(?:_(?P<generated>{_STAMP}))?)?(?P<safe>\.SAFE)?"
)
_S2_PATCH_V2 = re.compile(rf"(?P<product>.+)_(?P<col>{_PADDED_INDEX})_(?P<row>{_PADDED_INDEX})")
_S2_PATCH_V1 = re.compile(
    rf"(?P<mission>S2[A-D])_MSI(?P<level>L1C|L2A)_(?P<stamp>[0-9]{{8}}T[0-9]{{5,6}})_(?P<col>{_INDEX})_(?P<row>{_INDEX})"
)
_S1_PATCH = re.compile(rf"(?P<scene>.+)_(?P<tile>[A-Za-z0-9-]{{1,32}})_(?P<col>{_INDEX})_(?P<row>{_INDEX})")
_TARGET_NAME = re.compile(r"[A-Za-z0-9-]{1,32}")
_IMAGE_INDEX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_S1_CLAIM = re.compile(r"S1[A-Z]_(?:IW|EW|WV|S[1-6])_")

_FIRST_RELATIVE_ORBIT = {"S1A": 73, "S1B": 27}
_RELATIVE_ORBITS = 175


def check_target_name(name: str) -> str:
    """Return ``name`` if it can stand in a patch name where an MGRS tile does.

    Raises
    ------
    NamingError
        It is not 1 to 32 of ``A-Z a-z 0-9 -``.
    """
    if not _TARGET_NAME.fullmatch(name):
        raise NamingError(f"{_shown(name)} cannot name a tile or grid: use 1 to 32 of A-Z a-z 0-9 and -")
    return name


def check_image_index(index: str) -> str:
    """Return ``index`` if it is safe as an image's ``system:index`` and as a folder.

    Raises
    ------
    NamingError
        It is not 1 to 100 of ``A-Z a-z 0-9 _ -``, starting with a letter or digit.
    """
    if not _IMAGE_INDEX.fullmatch(index):
        raise NamingError(
            f"{_shown(index)} cannot name a scene: use 1 to 100 of A-Z a-z 0-9 _ and -, a letter or digit first"
        )
    return index


def format_stamp(moment: datetime) -> str:
    """Format a UTC moment as the missions do: ``20170613T165043``."""
    # Field by field: strftime is several times slower, and a year below 1000 loses its zeros on some platforms.
    return (
        f"{moment.year:04d}{moment.month:02d}{moment.day:02d}T{moment.hour:02d}{moment.minute:02d}{moment.second:02d}"
    )


def scene_label(index: str) -> str:
    """Scene part of a patch name for an image index: mission to start time of a product name, else the index.

    Raises
    ------
    NamingError
        The index is unsafe as a name.
    """
    try:
        return S1ProductName.parse(index).scene
    except NamingError:
        return _check_scene(index)


@dataclass(frozen=True, slots=True)
class S1ProductName:
    """Name of a Sentinel-1 product: ``S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC``."""

    mission: str
    """``S1A`` to ``S1D``."""
    mode: str
    """``IW``, ``EW``, ``WV`` or ``S1`` to ``S6``."""
    product_type: str
    """``GRD`` or ``SLC``."""
    resolution: str
    """``F``, ``H``, ``M``, or ``_`` where it has none."""
    level: str
    """``1`` or ``2``."""
    product_class: str
    """``S`` standard or ``A`` annotation."""
    polarisation: str
    """``SH SV DH DV`` (single or dual, by what was sent), or one partial channel."""
    start: datetime
    """First line sensed, UTC, whole seconds."""
    stop: datetime
    """Last line sensed, UTC, whole seconds."""
    absolute_orbit: int
    """Orbits since launch at the start time."""
    datatake: str
    """Six hexadecimal digits."""
    unique_id: str
    """Four hexadecimal digits; they change when a product is processed again."""
    safe: bool = False
    """Whether the text ends in ``.SAFE``."""

    def __post_init__(self) -> None:
        _check_utc(self.start)
        _check_utc(self.stop)
        _check_formats(self, _S1_PRODUCT)

    def __str__(self) -> str:
        return (
            f"{self.scene}_{format_stamp(self.stop)}_{self.absolute_orbit:06d}_{self.datatake}_{self.unique_id}"
            + ".SAFE" * self.safe
        )

    @property
    def scene(self) -> str:
        """Mission to start time, which is how BigEarthNet names a scene: ``S1A_IW_GRDH_1SDV_20170613T165043``."""
        return (
            f"{self.mission}_{self.mode}_{self.product_type}{self.resolution}_"
            f"{self.level}{self.product_class}{self.polarisation}_{format_stamp(self.start)}"
        )

    @property
    def relative_orbit(self) -> int | None:
        """Track within the 175 orbits of a repeat cycle, 1 to 175; None for S1C and S1D.

        ``(absolute − 73) mod 175 + 1`` for S1A and ``(absolute − 27) mod 175 + 1`` for S1B, as commonly quoted; an
        image's own ``relativeOrbitNumber_start`` is the authority.
        """
        offset = _FIRST_RELATIVE_ORBIT.get(self.mission)
        return None if offset is None else (self.absolute_orbit - offset) % _RELATIVE_ORBITS + 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a product name, with or without ``.SAFE``.

        Raises
        ------
        NamingError
            The text breaks the rule or holds an impossible date.
        """
        part = _match(_S1_PRODUCT, text, "a Sentinel-1 product name (S1A_IW_GRDH_1SDV_<start>_<stop>_<orbit>_…)")
        return cls(
            mission=part["mission"], mode=part["mode"], product_type=part["product_type"],
            resolution=part["resolution"], level=part["level"], product_class=part["product_class"],
            polarisation=part["polarisation"], start=_parse_stamp(part["start"], text),
            stop=_parse_stamp(part["stop"], text), absolute_orbit=int(part["absolute_orbit"]),
            datatake=part["datatake"], unique_id=part["unique_id"], safe=part["safe"] is not None,
        )  # fmt: skip


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
        _check_utc(self.acquired)
        if self.generated is not None:
            _check_utc(self.generated)
        if len({part is None for part in (self.baseline, self.relative_orbit, self.tile)}) != 1:
            raise NamingError("a Sentinel-2 product name has baseline, relative orbit and tile together or not at all")
        if self.tile is None and self.generated is not None:
            raise NamingError("a Sentinel-2 product name without a tile has no generation time")
        _check_formats(self, _S2_PRODUCT)

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
        part = _match(_S2_PRODUCT, text, "a Sentinel-2 product name (S2A_MSIL2A_<time>_N<nnnn>_R<nnn>_T<tile>_<time>)")
        return cls(
            mission=part["mission"], level=part["level"], acquired=_parse_stamp(part["acquired"], text),
            baseline=part["baseline"], relative_orbit=int(part["relative_orbit"]) if part["tile"] else None,
            tile=part["tile"], generated=_parse_stamp(part["generated"], text) if part["generated"] else None,
            safe=part["safe"] is not None,
        )  # fmt: skip


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
        return f"{self.product}_{self.col:02d}_{self.row:02d}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a patch name.

        Raises
        ------
        NamingError
            The text breaks the rule.
        """
        part = _match(_S2_PATCH_V2, text, "a BigEarthNet v2 patch name (<Sentinel-2 product>_<cc>_<rr>)")
        return cls(_parse_s2_product(part["product"]), int(part["col"]), int(part["row"]))


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
        _check_formats(self, _S2_PATCH_V1)

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
        return _parse_stamp(f"{day}T000000", str(self)) + since

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a patch name.

        Raises
        ------
        NamingError
            The text breaks the rule.
        """
        part = _match(_S2_PATCH_V1, text, "a BigEarthNet v1 patch name (S2A_MSIL2A_<time>_<c>_<r>)")
        return cls(part["mission"], part["level"], part["stamp"], int(part["col"]), int(part["row"]))


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
        check_target_name(self.tile)
        _check_scene(self.scene)

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
        part = _match(_S1_PATCH, text, "a Sentinel-1 patch name (<scene>_<tile>_<c>_<r>)")
        return cls(part["scene"], part["tile"], int(part["col"]), int(part["row"]))


def _shown(text: str) -> str:
    """Quote a text that may be hostile, on one short line."""
    return ascii(text if len(text) <= _LONGEST else text[:60] + "…")


def _match(pattern: re.Pattern[str], text: str, what: str) -> re.Match[str]:
    found = pattern.fullmatch(text) if len(text) <= _LONGEST and text.isascii() else None
    if found is None:
        raise NamingError(f"{_shown(text)} is not {what}")
    return found


def _check_formats(name: object, pattern: re.Pattern[str]) -> None:
    """Hold a value made by hand against the rule that its text must follow."""
    if not pattern.fullmatch(str(name)):
        raise NamingError(f"{_shown(str(name))} breaks the rule of a {type(name).__name__}")


def _check_indices(col: int, row: int) -> None:
    if not (0 <= col <= _LARGEST_INDEX and 0 <= row <= _LARGEST_INDEX):
        raise NamingError(f"patch indices run from 0 to {_LARGEST_INDEX}, not column {col}, row {row}")


@lru_cache(maxsize=1024)
def _check_scene(scene: str) -> str:
    """Return a scene's name if it is safe; one is looked at once for the thousands of patches that share it."""
    check_image_index(scene)
    # What claims to be a Sentinel-1 scene must be one; anything else is a name of the user's own.
    if _S1_CLAIM.match(scene):
        part = _match(_S1_SCENE_ONLY, scene, "a Sentinel-1 scene (S1A_IW_GRDH_1SDV_<start>)")
        _parse_stamp(part["start"], scene)
    return scene


@lru_cache(maxsize=1024)
def _parse_s2_product(text: str) -> S2ProductName:
    """Read a product's name once for the thousands of patches that share it."""
    return S2ProductName.parse(text)


def _check_utc(moment: datetime) -> None:
    if moment.utcoffset() != timedelta(0) or moment.microsecond:
        raise NamingError(f"a name holds UTC times in whole seconds, not {moment!r}")


def _parse_stamp(stamp: str, text: str) -> datetime:
    try:
        return datetime(
            int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8]), int(stamp[9:11]), int(stamp[11:13]), int(stamp[13:]),
            tzinfo=UTC,
        )  # fmt: skip
    except ValueError as error:
        raise NamingError(f"{_shown(text)} holds an impossible time, {stamp}: {error}") from error
