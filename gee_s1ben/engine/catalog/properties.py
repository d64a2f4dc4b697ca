"""An image's properties: both shapes they come in, and what its name adds to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gee_s1ben.domain.naming import S1ProductName
from gee_s1ben.domain.scene_properties import LATEST_MS, POLARISATIONS, scene_of, tidied
from gee_s1ben.engine.catalog.identifiers import split_image_id
from gee_s1ben.errors import CatalogError, InputError, NamingError

_S1_GRD = ("S1_GRD", "S1_GRD_FLOAT")
"""Last parts of the ids of collections whose images are Sentinel-1 scenes."""

_NEEDED_OF_S1 = (
    "instrumentMode", "orbitNumber_start", "orbitProperties_pass", "platform_number", "relativeOrbitNumber_start",
)  # fmt: skip
_ANYWHERE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
"""In place of the footprint, which the rasters tell later."""
_LARGEST = 2**63


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


def catalog_id(image_id: str) -> str:
    """Return the id that an image gets: that of a Sentinel-1 scene has no ``.SAFE``, as in Earth Engine."""
    collection_id, _, index = image_id.rpartition("/")
    if _is_s1(collection_id) and index.upper().endswith(".SAFE"):
        return image_id[: -len(".SAFE")]
    return image_id


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
        ``system:time_start`` is missing or no time, or the image is in a collection of Sentinel-1 scenes and cannot be
        used as one.
    """
    collection_id, index = split_image_id(image_id)
    for key, value in given.items():
        _check_number(image_id, key, value)
    # Earth Engine has no properties that are null.
    properties = {key: value for key, value in given.items() if value is not None}
    if _is_s1(collection_id):
        properties = tidied(properties)
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
    if _is_s1(collection_id):
        _check_s1(image_id, properties, band_names)
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
    value = properties.get("system:time_start")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST_MS:
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
        "transmitterReceiverPolarisation": [band for band in band_names if band in POLARISATIONS],
    }
    if name.relative_orbit is not None:
        said["relativeOrbitNumber_start"] = name.relative_orbit
    if (name.mode, name.product_type, name.resolution) == ("IW", "GRD", "H"):
        said |= {"resolution": "H", "resolution_meters": 10}
    return said


def _is_s1(collection_id: str) -> bool:
    return collection_id.rpartition("/")[2] in _S1_GRD


def _check_s1(image_id: str, properties: Mapping[str, Any], band_names: Sequence[str]) -> None:
    missing = [key for key in _NEEDED_OF_S1 if key not in properties]
    if missing:
        raise CatalogError(
            f"{image_id}: the properties lack {', '.join(map(repr, missing))}, which Sentinel-1 images have"
        )
    try:
        scene_of(split_image_id(image_id)[0], {**properties, "bands": band_names, "footprint": _ANYWHERE})
    except InputError as error:
        raise CatalogError(f"{image_id}: {error}: correct --properties, --bands or --id") from error
