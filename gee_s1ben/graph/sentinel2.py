"""Which Sentinel-2 images there are of a place and a time, as their properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ee


def sentinel2_images(
    collection: str,
    start_ms: int,
    stop_ms: int,
    *,
    properties: Sequence[str],
    area: Mapping[str, Any] | None = None,
    tiles: Sequence[str] = (),
    max_cloud_percent: float | None = None,
    count: int = 1000,
    offset: int = 0,
) -> ee.List:
    """List images of a Sentinel-2 collection.

    Parameters
    ----------
    collection : str
        Such as ``COPERNICUS/S2_HARMONIZED``.
    start_ms, stop_ms : int
        First moment, and first moment after the last, of ``system:time_start``; milliseconds since 1970.
    properties : sequence of str
        What is wanted of each image.
    area : mapping, optional
        GeoJSON geometry in longitude and latitude, whose sides are straight lines in these; images touch it.
    tiles : sequence of str
        MGRS names; images are of one of these. None means any tile.
    max_cloud_percent : float, optional
        The most ``CLOUDY_PIXEL_PERCENTAGE``.
    count, offset : int
        Which page of the answer.

    Returns
    -------
    ee.List
        One dictionary an image, in the collection's order, which is that of time: those of ``properties`` that it has.
        A footprint is a LinearRing, as the collections have it.
    """
    images = ee.ImageCollection(collection).filterDate(start_ms, stop_ms)
    if area is not None:
        images = images.filterBounds(ee.Geometry(dict(area), None, False))
    if tiles:
        images = images.filter(ee.Filter.inList("MGRS_TILE", list(tiles)))
    if max_cloud_percent is not None:
        images = images.filter(ee.Filter.lte("CLOUDY_PIXEL_PERCENTAGE", max_cloud_percent))

    def described(element: ee.ComputedObject) -> ee.Dictionary:
        image = ee.Image(element)
        # What an image lacks must not fail the whole answer.
        return image.toDictionary(image.propertyNames().filter(ee.Filter.inList("item", list(properties))))

    return images.toList(count, offset).map(described)
