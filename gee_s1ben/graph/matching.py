"""Which scenes may serve which targets: one join on the server, however many targets there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ee

from gee_s1ben.domain.scene import OrbitDirection
from gee_s1ben.domain.scene_properties import PROCESSING_TIMES

MODE = "IW"
RESOLUTION_M = 10
"""IW GRD in high resolution."""
PROPERTIES = (
    "system:version",
    "catalog:crc32",
    "simulated",
    "platform_number",
    "orbitNumber_start",
    "relativeOrbitNumber_start",
    "orbitProperties_pass",
)
"""What is needed of a scene beside its index and time; version and checksum tell it from one that was made anew."""
IDENTITY = ("missionDataTakeID", *PROCESSING_TIMES)
"""What tells scenes of one datatake, and a scene from another processing of it."""
RULES = ("instrumentMode", "resolution_meters", "transmitterReceiverPolarisation")
"""What else decides whether a scene is looked at; asked for of the scenes that are not."""

_MAX_ERROR_M = 100
_MATCHES = "targets"
_DECIMALS = 7
"""Of outlines, in degrees: a centimetre."""

Ring = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class SceneFilter:
    """Which scenes of a collection are looked at, whatever they show."""

    collection: str
    """Such as ``COPERNICUS/S1_GRD``."""
    directions: tuple[OrbitDirection, ...]
    platforms: tuple[str, ...]
    """``A`` to ``D``."""
    polarisations: tuple[str, ...]
    """A scene must have all of them."""


@dataclass(frozen=True, slots=True)
class Span:
    """When and where a group of targets is, with the time window around it."""

    start_ms: int
    """Earliest scene, milliseconds since 1970."""
    stop_ms: int
    """Latest scene, included."""
    bounds: tuple[float, float, float, float] | None
    """West, south, east, north in degrees; None where a rectangle would not do, across the antimeridian."""


def target_feature(key: str, ring: Ring, acquired_ms: int) -> ee.Feature:
    """Make the feature of a target.

    Parameters
    ----------
    key : str
        What it is found again by.
    ring : sequence of (longitude, latitude)
        Its closed outline, in degrees, close enough in steps that geodesics between them follow it.
    acquired_ms : int
        When Sentinel-2 saw it, in milliseconds since 1970.
    """
    points = [[round(lon, _DECIMALS), round(lat, _DECIMALS)] for lon, lat in ring]
    return ee.Feature(ee.Geometry.Polygon([points]), {"key": key, "acquired": acquired_ms})


def candidate_scenes(
    targets: Sequence[ee.Feature],
    scenes: SceneFilter,
    *,
    window_ms: int,
    span: Span | None = None,
    excluded: bool = False,
    count: int = 5000,
    offset: int = 0,
) -> ee.List:
    """Join scenes with the targets that they touch within a time window.

    Parameters
    ----------
    targets : sequence of ee.Feature
        As :func:`target_feature` makes them.
    scenes : SceneFilter
        Which scenes are looked at. One that does not say its resolution or polarisations is not refused for it.
    window_ms : int
        How far a scene may be from a target's time, either way.
    span : Span, optional
        Of all targets together: scenes outside of it are not joined at all.
    excluded : bool
        Ask for the scenes that a rule excludes instead, to be able to say which.
    count, offset : int
        Which page of the answer.

    Returns
    -------
    ee.List
        One dictionary a scene, in the collection's order: ``system:index``, ``system:time_start``, those of
        :data:`PROPERTIES` and :data:`IDENTITY` that it has (of excluded ones also of :data:`RULES`), ``bands`` (names),
        ``footprint`` (longitudes and latitudes of a ring) and ``targets`` (keys of those it is near to).
    """
    near = ee.Filter.And(
        ee.Filter.maxDifference(difference=window_ms, leftField="system:time_start", rightField="acquired"),
        ee.Filter.intersects(leftField=".geo", rightField=".geo", maxError=_MAX_ERROR_M),
    )
    # Scenes come first, so that each is in the answer once, however many targets it serves.
    joined = ee.Join.saveAll(_MATCHES).apply(
        _filtered(scenes, span, excluded=excluded), ee.FeatureCollection(list(targets)), near
    )
    names = [*PROPERTIES, *IDENTITY, *(RULES if excluded else ())]
    return ee.ImageCollection(joined).toList(count, offset).map(lambda element: _described(element, names))


def is_empty(collection: str) -> ee.Number:
    """Ask whether a collection has no image at all: 1, else 0."""
    return ee.ImageCollection(collection).limit(1).size().eq(0)


def _filtered(scenes: SceneFilter, span: Span | None, *, excluded: bool) -> ee.ImageCollection:
    collection = ee.ImageCollection(scenes.collection)
    if span is not None:
        collection = collection.filterDate(span.start_ms, span.stop_ms + 1)
        if span.bounds is not None:
            collection = collection.filterBounds(ee.Geometry.Rectangle(list(span.bounds), None, False))
    polarised = [
        ee.Filter.listContains("transmitterReceiverPolarisation", polarisation) for polarisation in scenes.polarisations
    ]
    rules = ee.Filter.And(
        ee.Filter.eq("instrumentMode", MODE),
        ee.Filter.inList("orbitProperties_pass", [direction.upper() for direction in scenes.directions]),
        ee.Filter.inList("platform_number", list(scenes.platforms)),
        _or_unsaid("resolution_meters", ee.Filter.eq("resolution_meters", RESOLUTION_M)),
        _or_unsaid("transmitterReceiverPolarisation", ee.Filter.And(*polarised)),
    )
    return collection.filter(rules.Not() if excluded else rules)


def _or_unsaid(name: str, condition: ee.Filter) -> ee.Filter:
    return ee.Filter.Or(condition, ee.Filter.notNull([name]).Not())


def _described(element: ee.ComputedObject, names: list[str]) -> ee.Dictionary:
    image = ee.Image(element)
    known = image.propertyNames().filter(ee.Filter.inList("item", names))
    keys = ee.List(image.get(_MATCHES)).map(lambda target: ee.Feature(target).get("key"))
    # The footprint is a LinearRing; its coordinates are asked for, since only these are needed.
    footprint = ee.Geometry(image.get("system:footprint")).coordinates()
    return image.toDictionary(known).combine(
        {
            "system:index": image.get("system:index"),
            "system:time_start": image.get("system:time_start"),
            "bands": image.bandNames(),
            "footprint": footprint,
            _MATCHES: keys,
        }
    )
