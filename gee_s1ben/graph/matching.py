"""Which scenes may serve which targets: one join on the server, however many targets there are."""

from __future__ import annotations

from collections.abc import Sequence

import ee

from gee_s1ben.domain.scene import OrbitDirection

_MAX_ERROR_M = 100
_MATCHES = "scenes"

Ring = Sequence[tuple[float, float]]


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
    return ee.Feature(ee.Geometry.Polygon([[list(point) for point in ring]]), {"key": key, "acquired": acquired_ms})


def candidate_scenes(
    targets: Sequence[ee.Feature],
    collection: str,
    *,
    directions: Sequence[OrbitDirection],
    window_ms: int,
) -> ee.List:
    """Join targets with the scenes that touch them within a time window.

    Polarisations are not filtered here: a scene that lacks one is a reason that the user wants to be told.

    Returns
    -------
    ee.List
        For each target that has any a dictionary of ``key`` and ``scenes``, these sorted by time: dictionaries of the
        scene's own properties and of ``system:index``, ``system:time_start``, ``bands`` (names) and ``footprint``
        (longitudes and latitudes of a ring).
    """
    scenes = (
        ee.ImageCollection(collection)
        .filter(ee.Filter.eq("instrumentMode", "IW"))
        .filter(ee.Filter.inList("orbitProperties_pass", [direction.upper() for direction in directions]))
    )
    near = ee.Filter.And(
        ee.Filter.maxDifference(difference=window_ms, leftField="acquired", rightField="system:time_start"),
        ee.Filter.intersects(leftField=".geo", rightField=".geo", maxError=_MAX_ERROR_M),
    )
    joined = ee.Join.saveAll(_MATCHES, ordering="system:time_start").apply(
        ee.FeatureCollection(list(targets)), scenes, near
    )
    return joined.toList(len(targets)).map(_candidates)


def _candidates(feature: ee.ComputedObject) -> ee.Dictionary:
    target = ee.Feature(feature)
    return ee.Dictionary({"key": target.get("key"), "scenes": ee.List(target.get(_MATCHES)).map(_scene)})


def _scene(element: ee.ComputedObject) -> ee.Dictionary:
    image = ee.Image(element)
    # The footprint is a LinearRing; its coordinates are asked for, since only these are needed.
    footprint = ee.Geometry(image.get("system:footprint")).coordinates()
    return image.toDictionary().combine(
        {
            "system:index": image.get("system:index"),
            "system:time_start": image.get("system:time_start"),
            "bands": image.bandNames(),
            "footprint": footprint,
        }
    )
