"""What makes an image a usable Sentinel-1 scene.

The rules are the same for what is added to a catalog and for what a service answers when scenes are looked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

from gee_s1ben.domain.naming import S1ProductName, check_image_index
from gee_s1ben.domain.scene import LAST_ORBIT, RELATIVE_ORBITS, Scene
from gee_s1ben.errors import InputError

POLARISATIONS = ("VV", "VH", "HH", "HV")
PROCESSING_TIMES = (
    "GRD_Post_Processing_start", "GRD_Post_Processing_stop", "SLC_Processing_start", "SLC_Processing_stop",
)  # fmt: skip
"""Properties that tell when a scene was processed, the most telling first."""

_MODES = ("IW", "EW", "WV", "SM", "S1", "S2", "S3", "S4", "S5", "S6")
_WORDS = re.compile(r"[^\s,;+/&|'\"()\[\]]+")
_SENT = {"SV": ("VV",), "SH": ("HH",), "DV": ("VV", "VH"), "DH": ("HH", "HV")}
"""What product names write for their polarisations."""
_LAUNCH = datetime(2014, 4, 3, tzinfo=UTC)
"""Of Sentinel-1A, the first."""
LATEST_MS = 253_402_300_799_000
"""End of the year 9999, which is as far as Python's calendar goes."""
_LAST_DATATAKE = 0xFFFFFF
_LARGEST = 1e15
"""Of numbers that are looked at: milliseconds since 1970 are a thousandth of it."""
_APART = timedelta(minutes=1)
"""Name and ``system:time_start`` of one scene differ by less."""
_PLATFORM = re.compile(r"(?:(?:SENTINEL-?|S)1)?([A-D])")

Ring = tuple[tuple[float, float], ...]


def tidied(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Write properties as Earth Engine does where they can only mean one thing.

    Upper case; platforms as one letter (``Sentinel-1A``); polarisations as a list (``VV VH``, ``VV+VH``,
    ``[VV, VH]``, ``DV``).
    """
    tidy = dict(properties)
    for key in ("orbitProperties_pass", "instrumentMode", "platform_number"):
        if isinstance(tidy.get(key), str):
            tidy[key] = tidy[key].strip().upper()
    platform = _PLATFORM.fullmatch(str(tidy.get("platform_number")))
    if platform is not None:
        tidy["platform_number"] = platform[1]
    given = tidy.get("transmitterReceiverPolarisation")
    texts = [given] if isinstance(given, str) else given
    if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
        words = [word for text in texts for word in _WORDS.findall(text.upper())]
        tidy["transmitterReceiverPolarisation"] = [band for word in words for band in _SENT.get(word, (word,))]
    return tidy


def scene_of(collection: str, properties: Mapping[str, Any]) -> Scene:
    """Make a scene of what is said about an image.

    Parameters
    ----------
    collection : str
        Id of the collection that the image belongs to.
    properties : mapping
        ``system:index``, ``system:time_start``, ``bands`` (names), ``footprint`` (longitudes and latitudes of a ring,
        or of a polygon's rings) and the properties of ``COPERNICUS/S1_GRD``. Mode, resolution, polarisations and times
        of processing may be unsaid.

    Raises
    ------
    InputError
        Something that every such image has is missing or wrong; the message says what.
    """
    index = check_image_index(str(said(properties, "system:index")))
    bands = _bands(properties)
    _check_optional(properties)
    datatake = properties.get("missionDataTakeID")
    scene = Scene(
        id=f"{collection}/{index}",
        index=index,
        acquired=_time(properties),
        platform=_choice(properties, "platform_number", ("A", "B", "C", "D")),
        absolute_orbit=_whole(properties, "orbitNumber_start", LAST_ORBIT),
        relative_orbit=_whole(properties, "relativeOrbitNumber_start", RELATIVE_ORBITS),
        orbit_direction="ascending"
        if _choice(properties, "orbitProperties_pass", ("ASCENDING", "DESCENDING")) == "ASCENDING"
        else "descending",
        bands=bands,
        footprint=footprint_ring(properties),
        mission_datatake=int(datatake) if _is_number(datatake) and 0 <= datatake <= _LAST_DATATAKE else None,
        processed_ms=tuple(_moment(properties.get(key)) for key in PROCESSING_TIMES),
    )
    if scene.name is not None:
        _check_name(scene, scene.name)
    return scene


def footprint_ring(properties: Mapping[str, Any]) -> Ring:
    """Return the closed outer ring of the ``footprint`` among the properties, in degrees.

    Raises
    ------
    InputError
        There is none.
    """
    try:
        footprint = properties["footprint"]
        if isinstance(footprint[0][0], list | tuple):  # a polygon's rings
            footprint = footprint[0]
        ring = tuple((float(lon), float(lat)) for lon, lat, *_ in footprint)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError("its footprint is not a ring of longitudes and latitudes") from error
    return ring if ring[0] == ring[-1] else (*ring, ring[0])


def _check_optional(properties: Mapping[str, Any]) -> None:
    """Check what is asked for when scenes are looked for, and what not every image says."""
    if properties.get("instrumentMode") is not None:
        _choice(properties, "instrumentMode", _MODES)
    resolution = properties.get("resolution_meters")
    if resolution is not None and not (_is_number(resolution) and resolution > 0):
        raise InputError(f"'resolution_meters' is {_quoted(resolution)}, not a number of metres")
    sent = properties.get("transmitterReceiverPolarisation")
    if sent is not None and not (isinstance(sent, list | tuple) and sent and all(one in POLARISATIONS for one in sent)):
        raise InputError(
            f"'transmitterReceiverPolarisation' is {_quoted(sent)}, not a list of {', '.join(POLARISATIONS)}"
        )


def _check_name(scene: Scene, name: S1ProductName) -> None:
    """Check that a scene is what its name says: properties of another image are the commonest mistake."""
    if name.mission != f"S1{scene.platform}":
        raise InputError(f"'platform_number' is {scene.platform}, but its name says {name.mission}")
    # At the ascending node the two may be told of different ends.
    if abs(name.absolute_orbit - scene.absolute_orbit) > 1:
        raise InputError(f"'orbitNumber_start' is {scene.absolute_orbit}, but its name says {name.absolute_orbit}")
    if abs(name.start - scene.acquired) > _APART:
        raise InputError(f"'system:time_start' is {scene.acquired:%Y-%m-%d %H:%M:%S} UTC, but its name says otherwise")


def _time(properties: Mapping[str, Any]) -> datetime:
    value = said(properties, "system:time_start")
    if not _is_number(value) or not 0 <= value <= LATEST_MS:
        raise InputError(f"'system:time_start' is {_quoted(value)}, not a number of milliseconds since 1970 UTC")
    moment = datetime.fromtimestamp(value / 1000, UTC)
    if moment < _LAUNCH:
        raise InputError(
            f"'system:time_start' is {moment:%Y-%m-%d} UTC, before the first Sentinel-1: give milliseconds since 1970"
        )
    return moment


def _whole(properties: Mapping[str, Any], key: str, last: int) -> int:
    """Return a whole number from 1 on; exports to CSV write it as a text, others as 146.0."""
    value = said(properties, key)
    text = value.strip() if isinstance(value, str) and len(value) < 10 else ""
    number = int(text) if text.isdecimal() else value
    if not _is_number(number) or number % 1 or not 1 <= number <= last:
        raise InputError(f"{key!r} is {_quoted(value)}, not a whole number from 1 to {last}")
    return int(number)


def _choice(properties: Mapping[str, Any], key: str, choices: Sequence[str]) -> str:
    value = said(properties, key)
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{key!r} is {_quoted(value)}, not {', '.join(choices[:-1])} or {choices[-1]}")
    return value


def _bands(properties: Mapping[str, Any]) -> tuple[str, ...]:
    bands = said(properties, "bands")
    if not isinstance(bands, list | tuple) or not any(band in POLARISATIONS for band in bands):
        raise InputError(f"none of its bands ({_quoted(bands)}) is {', '.join(POLARISATIONS[:-1])} or HV")
    return tuple(str(band) for band in bands)


def said(properties: Mapping[str, Any], key: str) -> Any:
    """Return a property.

    Raises
    ------
    InputError
        It is missing or null.
    """
    value = properties.get(key)
    if value is None:
        raise InputError(f"it has no {key!r}")
    return value


def _moment(value: Any) -> float:
    return float(value) if _is_number(value) else 0.0


def _is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value is a number of a sane size; NaN is not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _quoted(value: Any) -> str:
    """Quote a value that may be hostile, on one short line."""
    return ascii(value)[:80]
