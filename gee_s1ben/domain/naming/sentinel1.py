"""Names of Sentinel-1 products and of the scenes that patches are named after."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from gee_s1ben.domain.naming.text import STAMP, check_formats, check_utc, format_stamp, matched, parse_stamp, shown
from gee_s1ben.errors import NamingError

_S1_SCENE = (
    r"(?P<mission>S1[A-D])_(?P<mode>IW|EW|WV|S[1-6])_(?P<product_type>GRD|SLC)(?P<resolution>[FHM_])_"
    r"(?P<level>[12])(?P<product_class>[SA])(?P<polarisation>SH|SV|DH|DV|HH|HV|VV|VH)_(?P<start>" + STAMP + ")"
)
_S1_PRODUCT = re.compile(
    _S1_SCENE + rf"_(?P<stop>{STAMP})_(?P<absolute_orbit>[0-9]{{6}})_(?P<datatake>[0-9A-F]{{6}})"
    r"_(?P<unique_id>[0-9A-F]{4})(?P<cog>_COG)?(?P<safe>\.SAFE)?"
)
_S1_SCENE_ONLY = re.compile(_S1_SCENE)
_IMAGE_INDEX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_S1_CLAIM = re.compile(r"S1[A-Z]_(?:IW|EW|WV|S[1-6])_")

_FIRST_RELATIVE_ORBIT = {"S1A": 73, "S1B": 27, "S1C": 172, "S1D": 42}
"""Absolute orbit that has relative orbit 1."""
_S1C_LAST_BEFORE_MANOEUVRE = 8018
_S1C_FIRST_RELATIVE_ORBIT_SINCE = 99
_RELATIVE_ORBITS = 175


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
    cog: bool = False
    """Whether the product's rasters are Cloud-Optimized GeoTIFFs, which ``_COG`` says."""

    def __post_init__(self) -> None:
        check_utc(self.start, self.stop)
        check_formats(self, _S1_PRODUCT)

    def __str__(self) -> str:
        return (
            f"{self.scene}_{format_stamp(self.stop)}_{self.absolute_orbit:06d}_{self.datatake}_{self.unique_id}"
            + "_COG" * self.cog
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
    def relative_orbit(self) -> int:
        """Track within the 175 orbits of a repeat cycle, 1 to 175; see :func:`relative_orbit`."""
        return relative_orbit(self.mission, self.absolute_orbit)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a product name, with or without ``.SAFE``.

        Raises
        ------
        NamingError
            The text breaks the rule or holds an impossible date.
        """
        part = matched(_S1_PRODUCT, text, "a Sentinel-1 product name (S1A_IW_GRDH_1SDV_<start>_<stop>_<orbit>_…)")
        return cls(
            mission=part["mission"], mode=part["mode"], product_type=part["product_type"],
            resolution=part["resolution"], level=part["level"], product_class=part["product_class"],
            polarisation=part["polarisation"], start=parse_stamp(part["start"], text),
            stop=parse_stamp(part["stop"], text), absolute_orbit=int(part["absolute_orbit"]),
            datatake=part["datatake"], unique_id=part["unique_id"], safe=part["safe"] is not None,
            cog=part["cog"] is not None,
        )  # fmt: skip


def relative_orbit(mission: str, absolute_orbit: int) -> int:
    """Compute the track within the 175 orbits of a repeat cycle, 1 to 175.

    ``(absolute − first) mod 175 + 1``. An image's own ``relativeOrbitNumber_start`` is the authority.

    Parameters
    ----------
    mission : str
        ``S1A`` to ``S1D``.
    absolute_orbit : int
        Orbits since launch at the start of the image.

    Notes
    -----
    S1A (73), S1B (27) and S1C (172): ESA, https://sentiwiki.copernicus.eu/web/s1-products, "SAR Naming Convention".
    S1D (42), and S1C (99) since it was moved from 8 to 24 June 2026, after orbit 8018: ESA at FRINGE 2026, as quoted in
    https://github.com/isce-framework/isce2/pull/28123 and https://github.com/isce-framework/isce2/pull/28130.
    """
    first = _FIRST_RELATIVE_ORBIT[mission]
    if mission == "S1C" and absolute_orbit > _S1C_LAST_BEFORE_MANOEUVRE:
        first = _S1C_FIRST_RELATIVE_ORBIT_SINCE
    return (absolute_orbit - first) % _RELATIVE_ORBITS + 1


def check_image_index(index: str) -> str:
    """Return ``index`` if it is safe as an image's ``system:index`` and as a folder.

    Raises
    ------
    NamingError
        It is not 1 to 100 of ``A-Z a-z 0-9 _ -``, starting with a letter or digit.
    """
    if not _IMAGE_INDEX.fullmatch(index):
        raise NamingError(
            f"{shown(index)} cannot name a scene: use 1 to 100 of A-Z a-z 0-9 _ and -, a letter or digit first"
        )
    return index


def check_scene(scene: str) -> str:
    """Return ``scene`` if patches can be named after it.

    Raises
    ------
    NamingError
        It is unsafe as a name, or claims to be a Sentinel-1 scene and is none.
    """
    check_image_index(scene)
    # What claims to be a Sentinel-1 scene must be one; anything else is a name of the user's own.
    if _S1_CLAIM.match(scene):
        part = matched(_S1_SCENE_ONLY, scene, "a Sentinel-1 scene (S1A_IW_GRDH_1SDV_<start>)")
        parse_stamp(part["start"], scene)
    return scene


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
        return check_scene(index)
