"""Read the many spellings of a Sentinel-2 image's name: which tile, when, of which product, which patch.

Catalogues name one image differently. What a name says is taken from it and nothing is made up: Earth Engine's index
has a tile and the start of the datatake, but not the platform; Element 84's first ids have a day, but no time of day.

Sources: ESA, "Sentinel-2 Products Specification Document"; Earth Engine's description of ``system:index`` in
``COPERNICUS/S2_HARMONIZED``; stactools-packages/sentinel2, issues 62 and 130 (ids of Element 84 and of the Planetary
Computer); the naming conventions of HLS and of MAJA.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from gee_s1ben.domain.naming.old_sentinel2 import S2GranuleName, S2OldProductName
from gee_s1ben.domain.naming.patches import S1PatchName, S2PatchNameV1, S2PatchNameV2
from gee_s1ben.domain.naming.sentinel2 import S2ProductName
from gee_s1ben.domain.naming.text import STAMP, parse_stamp, shown
from gee_s1ben.errors import NamingError

LONGEST = 1000
"""Longest text that is looked at: a URL, or a path with a product and its granule."""
FORM = "S2A_MSIL2A_<time>_N<nnnn>_R<nnn>_T<tile>_<time>, or <tile>@<time> such as 33UUP@2017-06-13T10:10:31Z"
"""How a tile and its time can always be written."""

_TILE = r"(?P<tile>[0-9]{1,2}[C-HJ-NP-X][A-Z]{2})"
_TIME = rf"(?P<time>{STAMP})"
_DAY = r"(?P<day>[0-9]{8})"
_OTHERS = tuple(
    re.compile(pattern)
    for pattern in (
        # Earth Engine's system:index: start of the datatake, generation, tile.
        rf"{_TIME}_{STAMP}_T{_TILE}",
        # The Planetary Computer: a product's name without its baseline.
        rf"S2[A-D]_MSI(?:L1C|L2A)_{_TIME}_R[0-9]{{3}}_T{_TILE}(?:_{STAMP})?",
        # Element 84 since 2023 (start of the datastrip), and before: a day, and a zone without its leading zero.
        rf"S2[A-D]_T{_TILE}_{_TIME}_(?:L1C|L2A)",
        rf"S2[A-D]_T?{_TILE}_{_DAY}_[0-9]+_(?:L1C|L2A)",
        rf"S2[A-D]_(?:L1C|L2A)_{_DAY}_T?{_TILE}_[0-9]+",
        # A granule's folder, and its rasters.
        rf"(?:L1C|L2A)_T{_TILE}_[AN][0-9]{{6}}_{_TIME}",
        rf"(?:L2A_)?T{_TILE}_{_TIME}_(?:B[0-9][0-9A]|TCI|SCL|AOT|WVP|PVI|CLD|SNW)(?:_[0-9]{{2}}m)?",
        # HLS counts days of the year; MAJA has milliseconds.
        rf"HLS\.S30\.T{_TILE}\.(?P<ordinal>[0-9]{{7}}T[0-9]{{6}})(?:\.v[0-9.]+)?(?:\.[A-Za-z0-9_]+)?",
        rf"SENTINEL2[A-D]_(?P<dashed>[0-9]{{8}}-[0-9]{{6}})-[0-9]{{3}}_L[0-9][A-C]_T{_TILE}(?:_[A-Z](?:_V[0-9-]+)?)?",
    )
)
_BUCKET_FOLDER = re.compile(
    r"tiles/(?P<zone>[0-9]{1,2})/(?P<band>[C-X])/(?P<square>[A-Z]{2})/(?P<year>[0-9]{4})/(?P<month>[0-9]{1,2})/"
    r"(?P<of_month>[0-9]{1,2})(?:/|$)"
)
"""Folders of the public buckets: ``tiles/33/U/UP/2017/6/13/0``."""
_ENDINGS = re.compile(r"(?:\.(?:safe|zip|tar|gz|tgz|tiff?|jp2|json|xml))+$", re.IGNORECASE)
_Name = TypeVar("_Name", S2ProductName, S2PatchNameV2, S2PatchNameV1, S1PatchName, S2OldProductName, S2GranuleName)
_AROUND = " \t\r\n\"'`,;[]()\ufeff"


@dataclass(frozen=True, slots=True)
class TileName:
    """What a name says of a Sentinel-2 image."""

    tile: str
    """MGRS name of the tile, without the leading ``T``; whether there is such a tile is not checked here."""
    acquired: datetime
    """Start of the datatake, datastrip or granule, whichever the name has, UTC; of a day alone, its first second."""
    whole_day: bool = False
    """Whether the name has a day, but no time of day."""
    product: S2ProductName | None = None
    """The product, where the name is a product's."""
    cell: tuple[int, int] | None = None
    """(column, row) of the patch, where the name is a patch's."""


def read_tile_name(text: str) -> TileName:
    """Read the name of a Sentinel-2 image, or of a patch, as any catalogue spells it.

    Parameters
    ----------
    text : str
        A product or ``<old product>/<granule>``; an id of Earth Engine, Element 84, the Planetary Computer or the
        Copernicus Data Space; a patch of BigEarthNet; a granule or a raster of one. It may be a path or a URL that ends
        in one, quoted, and end in ``.SAFE``, ``.zip`` or ``/``.

    Raises
    ------
    NamingError
        It is none of these, or does not say which tile or when.
    """
    if len(text) > LONGEST:
        raise NamingError(f"{shown(text)} is not a name: it has {len(text)} characters")
    path = text.strip(_AROUND)
    if "://" in path:
        path = re.split(r"[?#]", path)[0].partition("://")[2]
    path = posixpath.normpath(path.replace("\\", "/")) if path else ""
    parts = [_ENDINGS.sub("", part) for part in path.split("/")]
    # The last part says most, but the name of a patch or a product says more than that of its raster.
    for read in (_patch, _product, _other):
        for part in reversed(parts):
            if (found := read(part)) is not None:
                return found
    if found := _old_product(parts) or _bucket_folder(path):
        return found
    raise NamingError(_reason(text, parts))


def padded_tile(tile: str) -> str:
    """Return an MGRS tile with two digits of its zone: ``01WCV`` for ``1WCV``."""
    return tile.zfill(5)


def _product(part: str) -> TileName | None:
    product = _parsed(S2ProductName, part)
    if product is None or product.tile is None:
        return None
    return TileName(product.tile, product.acquired, product=product)


def _patch(part: str) -> TileName | None:
    if patch := _parsed(S2PatchNameV2, part):
        return TileName(
            str(patch.product.tile), patch.product.acquired, product=patch.product, cell=(patch.col, patch.row)
        )
    radar = _parsed(S1PatchName, part)
    if radar and re.fullmatch(_TILE, radar.tile) and re.search(f"_{STAMP}$", radar.scene):
        # Its time is the radar scene's: the Sentinel-2 time of the pair is not in the name.
        return TileName(radar.tile, parse_stamp(radar.scene[-15:], part), cell=(radar.col, radar.row))
    return None


def _other(part: str) -> TileName | None:
    found = next((match for pattern in _OTHERS if (match := pattern.fullmatch(part))), None)
    if found is None:
        return None
    said = found.groupdict()
    tile = padded_tile(said["tile"])
    if day := said.get("day"):
        return TileName(tile, parse_stamp(f"{day}T000000", part), whole_day=True)
    if ordinal := said.get("ordinal"):
        first = parse_stamp(f"{ordinal[:4]}0101{ordinal[7:]}", part)
        acquired = first + timedelta(days=int(ordinal[4:7]) - 1)
        if acquired.year != first.year:
            raise NamingError(f"{shown(part)} holds an impossible day of the year, {ordinal[4:7]}")
        return TileName(tile, acquired)
    return TileName(tile, parse_stamp(said.get("time") or str(said["dashed"]).replace("-", "T"), part))


def _old_product(parts: list[str]) -> TileName | None:
    product = next(filter(None, (_parsed(S2OldProductName, part) for part in parts)), None)
    granule = next(filter(None, (_parsed(S2GranuleName, part) for part in parts)), None)
    if product and granule:
        named = product.with_granule(granule)
        return TileName(str(named.tile), named.acquired, product=named)
    if granule:
        raise NamingError(f"granule {granule} does not say when it was seen: write <its product>/{granule}")
    if product:
        raise NamingError(
            f"{product} holds many tiles and names none: write {product}/<granule>, or give its folder or metadata XML"
        )
    return None


def _bucket_folder(path: str) -> TileName | None:
    found = _BUCKET_FOLDER.search(path)
    if found is None:
        return None
    try:
        day = datetime(int(found["year"]), int(found["month"]), int(found["of_month"]), tzinfo=UTC)
    except ValueError as error:
        raise NamingError(f"{shown(path)} holds an impossible day: {error}") from error
    return TileName(padded_tile(found["zone"] + found["band"] + found["square"]), day, whole_day=True)


def _reason(text: str, parts: list[str]) -> str:
    for part in reversed(parts):
        if _parsed(S2PatchNameV1, part):
            return (
                f"{shown(part)} names no tile, as no patch name of BigEarthNet v1 does: write the patch's v2 name "
                f"(<product>_T<tile>_<cc>_<rr>), or its Sentinel-1 name"
            )
        if (product := _parsed(S2ProductName, part)) and product.tile is None:
            return f"{shown(part)} names no tile: write {FORM}"
    if parts[-1].startswith("S2"):
        # The rule of the whole name says what is wrong with it, such as an impossible date.
        try:
            S2ProductName.parse(parts[-1])
        except NamingError as error:
            return f"{error}; write {FORM}"
    return f"{shown(text)} is no Sentinel-2 image and no MGRS tile: write {FORM}"


def _parsed(kind: type[_Name], text: str) -> _Name | None:
    try:
        return kind.parse(text)
    except NamingError:
        return None
