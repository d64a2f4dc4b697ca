"""An image's properties: both shapes they come in, and what its name adds to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gee_s1ben.domain.naming import S1ProductName, scene_label
from gee_s1ben.engine.catalog.identifiers import split_image_id
from gee_s1ben.errors import CatalogError, NamingError

S1_GRD = "COPERNICUS/S1_GRD"

_NEEDED_OF_S1 = (
    "instrumentMode", "orbitNumber_start", "orbitProperties_pass", "platform_number", "relativeOrbitNumber_start",
)  # fmt: skip
_POLARISATIONS = ("HH", "HV", "VV", "VH")
_LARGEST = 2**63
_LATEST_MS = 253_402_300_799_000
"""End of the year 9999, which is as far as Python's calendar goes."""


@dataclass(frozen=True, slots=True)
class BandHint:
    """What the properties say about a band; its raster knows better but for the type that Earth Engine computes in."""

    name: str
    """Such as ``VV``."""
    data_type: str | None
    """Earth Engine's precision, ``float`` or ``double``; None for integers and where it is not said."""


def flatten(given: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[BandHint, ...]]:
    """Read properties in either shape.

    Parameters
    ----------
    given : mapping
        What ``ee.Image.getInfo()`` gave (``type``, ``id``, ``bands``, ``properties``), or a flat dictionary of the
        properties with ``system:…`` among them.

    Returns
    -------
    properties : dict
        Flat, as Earth Engine has them.
    bands : tuple of BandHint
        In the image's order; empty where nothing is said.

    Raises
    ------
    CatalogError
        A part has the wrong type.
    """
    if isinstance(given.get("properties"), Mapping) and (given.get("type") == "Image" or "bands" in given):
        properties = dict(given["properties"])
        if "version" in given:
            properties.setdefault("system:version", given["version"])
        bands = given.get("bands", [])
        if not isinstance(bands, list) or not all(isinstance(band, Mapping) and "id" in band for band in bands):
            raise CatalogError("the properties' 'bands' should be a list of objects with an 'id' each")
        return properties, tuple(_hint(str(band["id"]), band) for band in bands)
    properties = dict(given)
    described = properties.get("system:bands", {})
    names = properties.get("system:band_names", list(described) if isinstance(described, Mapping) else [])
    if not isinstance(described, Mapping) or not isinstance(names, list):
        raise CatalogError("'system:bands' should be an object and 'system:band_names' a list")
    return properties, tuple(_hint(str(name), described.get(name)) for name in names)


def complete(image_id: str, given: Mapping[str, Any], band_names: Sequence[str]) -> dict[str, Any]:
    """Set what an image's id determines, and fill what the name of a Sentinel-1 product says; nothing is made up.

    Parameters
    ----------
    image_id : str
        The id that the image gets in the catalog.
    given : mapping
        Flat properties.
    band_names : sequence of str
        The bands that the image has.

    Returns
    -------
    dict
        The properties with ``system:index`` and ``system:time_start``.

    Raises
    ------
    CatalogError
        ``system:time_start`` is missing or no time, or a property without which a Sentinel-1 image cannot be matched.
    """
    collection_id, index = split_image_id(image_id)
    properties = dict(given)
    for key, value in properties.items():
        _check_number(image_id, key, value)
    properties["system:index"] = index
    for key, value in (("system:id", image_id), ("system:band_names", list(band_names))):
        if key in properties:
            properties[key] = value
    name = _product_name(index)
    if name is not None:
        for key, value in _said_by(name, band_names).items():
            properties.setdefault(key, value)
    if "system:time_start" not in properties:
        raise CatalogError(
            f"{image_id}: the properties lack 'system:time_start', the acquisition's milliseconds since 1970 UTC"
        )
    time_of(properties, image_id)
    if collection_id == S1_GRD:
        _check_s1(image_id, index, properties)
    return properties


def _check_number(image_id: str, key: str, value: Any) -> None:
    """Refuse whole numbers that no Earth Engine property can hold, in lists and objects as well."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LARGEST:
        raise CatalogError(f"{image_id}: {key!r:.60} is a number beyond 64 bits")
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for part in parts:
        _check_number(image_id, key, part)


def time_of(properties: Mapping[str, Any], image_id: str) -> datetime:
    """Return ``system:time_start`` as a UTC time.

    Raises
    ------
    CatalogError
        It is not a number of milliseconds of the years 1970 to 9999.
    """
    value = properties["system:time_start"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST_MS:
        raise CatalogError(f"{image_id}: 'system:time_start' should be milliseconds since 1970 UTC, not {value!r:.60}")
    return datetime.fromtimestamp(value / 1000, UTC)


def _hint(name: str, band: Any) -> BandHint:
    data_type = band.get("data_type") if isinstance(band, Mapping) else None
    precision = data_type.get("precision") if isinstance(data_type, Mapping) else None
    return BandHint(name, precision if precision in ("float", "double") else None)


def _product_name(index: str) -> S1ProductName | None:
    try:
        return S1ProductName.parse(index)
    except NamingError:
        return None


def _said_by(name: S1ProductName, band_names: Sequence[str]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "system:time_start": round(name.start.timestamp() * 1000),
        "instrumentMode": name.mode,
        "platform_number": name.mission[-1],
        "orbitNumber_start": name.absolute_orbit,
        "transmitterReceiverPolarisation": [band for band in band_names if band in _POLARISATIONS],
    }
    if name.relative_orbit is not None:
        said["relativeOrbitNumber_start"] = name.relative_orbit
    if (name.mode, name.product_type, name.resolution) == ("IW", "GRD", "H"):
        said |= {"resolution": "H", "resolution_meters": 10}
    return said


def _check_s1(image_id: str, index: str, properties: Mapping[str, Any]) -> None:
    try:
        scene_label(index)
    except NamingError as error:
        raise CatalogError(f"{image_id}: {error}") from error
    missing = [key for key in _NEEDED_OF_S1 if key not in properties]
    if missing:
        raise CatalogError(
            f"{image_id}: the properties lack {', '.join(map(repr, missing))}, which {S1_GRD} images have"
        )
    direction = properties["orbitProperties_pass"]
    if direction not in ("ASCENDING", "DESCENDING"):
        raise CatalogError(
            f"{image_id}: 'orbitProperties_pass' should be ASCENDING or DESCENDING, not {direction!r:.60}"
        )
