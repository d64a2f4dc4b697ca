"""Read an image's properties in the forms that people have them, and write them as Earth Engine does.

Known are ``getInfo()`` of an image, or of a collection that has it; ``ee.data.getAsset``; a flat dictionary; geemap's
``image_props``, which writes times as texts; a GeoJSON feature, as an export of a table gives it; and a STAC item.
Whether the properties make a usable image is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from gee_s1ben.domain.naming import relative_orbit
from gee_s1ben.errors import CatalogError

_TIMES = (
    "system:time_start", "system:time_end", "GRD_Post_Processing_start", "GRD_Post_Processing_stop",
    "SLC_Processing_start", "SLC_Processing_stop", "orbitProperties_ascendingNodeTime", "segmentStartTime",
)  # fmt: skip
"""Properties that Earth Engine has in milliseconds since 1970 UTC."""
_NUMBERS = (
    "orbitNumber_start", "orbitNumber_stop", "relativeOrbitNumber_start", "relativeOrbitNumber_stop",
    "resolution_meters", "cycleNumber", "missionDataTakeID", "sliceNumber", "startTimeANX", "stopTimeANX",
    "system:version",
)  # fmt: skip
"""Properties that Earth Engine has as numbers. Others look like numbers and are texts, such as a software's version."""
_STAC = {
    "start_datetime": "system:time_start",
    "datetime": "system:time_start",
    "end_datetime": "system:time_end",
    "sat:absolute_orbit": "orbitNumber_start",
    "sat:relative_orbit": "relativeOrbitNumber_start",
    "sat:orbit_state": "orbitProperties_pass",
    "sar:instrument_mode": "instrumentMode",
    "sar:polarizations": "transmitterReceiverPolarisation",
    "platform": "platform_number",
}
"""What STAC's common fields and its extensions ``sat`` and ``sar`` call the same; of two for one, the first counts."""
_MOST_LISTED = 5
_DEEPEST = 4
"""Lists and collections in one another."""
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
_MILLISECONDS = re.compile(r"[0-9]{12,14}(\.[0-9]{1,9})?")


def image_properties(value: Any, image_id: str | None, where: str) -> dict[str, Any]:
    """Find the properties of an image, and write them as Earth Engine does.

    Parameters
    ----------
    value : JSON
        An image in any of the forms, several in a list, or a collection.
    image_id : str or None
        The image that is wanted where there are several: their ids or ``system:index`` must tell.
    where : str
        The file, for messages.

    Returns
    -------
    dict
        As ``ee.Image.getInfo()`` gives an image (``type``, ``bands``, ``properties``) where the bands are described,
        else flat.

    Raises
    ------
    CatalogError
        There is no image, none or more than one of that id, or a time that is none.
    """
    images = list(_images(value, where))
    image = images[0] if len(images) == 1 else _chosen(images, image_id, where)
    properties = {key: _plain(entry) for key, entry in _said(image).items()}
    for key in _TIMES:
        if isinstance(properties.get(key), str):
            properties[key] = _milliseconds(properties[key], key, where)
    for key in _NUMBERS:
        if isinstance(properties.get(key), str):
            properties[key] = _number(properties[key])
    orbit, platform = properties.get("orbitNumber_start"), str(properties.get("platform_number")).upper()
    if properties.get("relativeOrbitNumber_start") is None and isinstance(orbit, int) and platform in tuple("ABCD"):
        properties["relativeOrbitNumber_start"] = relative_orbit(f"S1{platform}", orbit)
    if image.get("bands") is None or not isinstance(image.get("properties"), Mapping):
        return properties
    bands = image["bands"]
    described = {"bands": [_band(band) for band in bands] if isinstance(bands, list) else bands}
    if "version" in image:
        described["version"] = image["version"]
    return {"type": "Image", **described, "properties": properties}


def _images(value: Any, where: str, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield every image of a list or a collection."""
    if isinstance(value, list) and depth < _DEEPEST:
        for entry in value:
            yield from _images(entry, where, depth + 1)
        return
    if not isinstance(value, Mapping):
        raise CatalogError(
            f"{where} should hold one JSON object with an image's properties, not a {type(value).__name__}"
        )
    for key in ("features", "images"):
        if isinstance(value.get(key), list):
            yield from _images(value[key], where, depth + 1)
            return
    if value.get("type") in ("ImageCollection", "FeatureCollection", "IMAGE_COLLECTION"):
        raise CatalogError(f"{where} describes a collection and none of its images: give getInfo() of the image")
    yield value


def _chosen(images: list[Mapping[str, Any]], image_id: str | None, where: str) -> Mapping[str, Any]:
    wanted = str(image_id).rpartition("/")[2]
    found = [image for image in images if wanted in _indexes(image)]
    if len(found) == 1:
        return found[0]
    if not images:
        raise CatalogError(f"{where} holds no image")
    names = [next(iter(_indexes(image)), "without an id")[:100] for image in images[:_MOST_LISTED]]
    more = f" and {len(images) - _MOST_LISTED} more" if len(images) > _MOST_LISTED else ""
    how_many = len(found) or "none"
    raise CatalogError(
        f"{where} holds {len(images)} images, of which {how_many} is {wanted[:100]!a}: {', '.join(names)}{more}; "
        f"give one of these as the id, or its properties alone"
    )


def _indexes(image: Mapping[str, Any]) -> dict[str, None]:
    """Every index that an image goes by, the most telling first."""
    said = image["properties"] if isinstance(image.get("properties"), Mapping) else image
    ids = (said.get("system:index"), image.get("id"), image.get("name"), said.get("system:id"))
    texts = (entry.rpartition("/")[2].removesuffix(".SAFE") for entry in ids if isinstance(entry, str))
    return dict.fromkeys(texts)


def _said(image: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flat properties of an image, those that stand beside ``properties`` included."""
    inner = image.get("properties")
    if not isinstance(inner, Mapping):
        return dict(image)
    if isinstance(inner.get("ee:properties"), Mapping):  # an item of this program's own catalogs
        return dict(inner["ee:properties"])
    said = dict(inner)
    if "stac_version" in image:
        for theirs, ours in _STAC.items():
            if inner.get(theirs) is not None:
                said.setdefault(ours, inner[theirs])
        said["platform_number"] = str(said.get("platform_number", ""))[-1:].upper()
        said["orbitProperties_pass"] = str(said.get("orbitProperties_pass", "")).upper()
    for theirs, ours in (("startTime", "system:time_start"), ("endTime", "system:time_end")):
        if isinstance(image.get(theirs), str):
            said.setdefault(ours, image[theirs])
    geometry = image.get("geometry")
    if isinstance(geometry, Mapping) and geometry.get("type") in ("Polygon", "LinearRing"):
        said.setdefault("system:footprint", dict(geometry))
    return said


def _plain(value: Any) -> Any:
    """Return the number in a date of ``getInfo()``, ``{"type": "Date", "value": 1497372643000}``."""
    if isinstance(value, Mapping) and value.get("type") == "Date" and "value" in value:
        return value["value"]
    return value


def _milliseconds(text: str, key: str, where: str) -> Any:
    # Shorter ones are years, days or seconds.
    if _MILLISECONDS.fullmatch(text.strip()):
        return round(float(text))
    try:
        moment = datetime.fromisoformat(text.strip()) if 10 < len(text.strip()) <= 40 else None
        if moment is not None:
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    if key != "system:time_start":
        return text
    raise CatalogError(
        f"{where}: {key!r} is {text[:40]!a}, not milliseconds since 1970 UTC or a date and time such as "
        f"2017-06-13T16:50:43Z"
    )


def _number(text: str) -> Any:
    """Return the number that a text is, or the text."""
    if not _NUMBER.fullmatch(text.strip()):
        return text
    number = float(text)
    return int(number) if number.is_integer() else number


def _band(band: Any) -> Any:
    """Return a band as ``getInfo()`` describes it; ``getAsset`` has other keys and capital letters."""
    if isinstance(band, Mapping) and isinstance(band.get("dataType"), Mapping):
        return {"id": band.get("id"), "data_type": {"precision": str(band["dataType"].get("precision", "")).lower()}}
    return band
