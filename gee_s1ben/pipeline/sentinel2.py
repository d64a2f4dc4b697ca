"""Asking Earth Engine for Sentinel-2 images: tiles for the table of tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import shapely.geometry

from gee_s1ben.errors import InputError, ServiceError
from gee_s1ben.footprints import Refusal, TileRow
from gee_s1ben.footprints.earth_engine import PROPERTIES, Sentinel2Query, read_image
from gee_s1ben.graph.sentinel2 import sentinel2_images
from gee_s1ben.pipeline.candidates import MOST_BYTES
from gee_s1ben.session.computing import compute_value, serialized

PAGE = 1000
"""Images of one answer: one or two kilobytes each."""


def find_images(query: Sentinel2Query) -> tuple[TileRow | Refusal, ...]:
    """Ask the service that the client is connected to for Sentinel-2 images.

    Returns
    -------
    tuple of TileRow or Refusal
        One an image, in order of time. Where there is none, or more than the query takes, a refusal says so.

    Raises
    ------
    InputError
        The area is drawn so finely that it does not fit into a request.
    ServiceError
        The service refuses, fails, or answers something else than images.
    """
    found: list[Mapping[str, Any]] = []
    while len(found) <= query.limit:
        count = min(PAGE, query.limit + 1 - len(found))
        page = _page(query, count, len(found))
        found += page
        if len(page) < count:
            break
    rows = [read_image(properties, query.collection) for properties in found[: query.limit]]
    source = f"Earth Engine {query.collection}"
    if not found:
        rows.append(Refusal(source, f"there is no image {query.meaning}"))
    if len(found) > query.limit:
        more = f"there are more than {query.limit} images: the first in time were taken; ask for less, or raise --limit"
        rows.append(Refusal(source, more))
    return tuple(rows)


def _page(query: Sentinel2Query, count: int, offset: int) -> list[Mapping[str, Any]]:
    graph = sentinel2_images(
        query.collection,
        round(query.span.start.timestamp() * 1000),
        round(query.span.stop.timestamp() * 1000),
        properties=PROPERTIES,
        area=shapely.geometry.mapping(query.area),
        tiles=query.tiles,
        max_cloud_percent=query.max_cloud_percent,
        count=count,
        offset=offset,
    )
    if len(serialized(graph)) > MOST_BYTES:
        vertices = shapely.get_num_coordinates(query.area)
        raise InputError(f"the area has {vertices} vertices, too many for a request: simplify it, or ask in parts")
    what = f"looking for images in {query.collection}"
    answer = compute_value(graph, what)
    if not isinstance(answer, list) or not all(isinstance(one, Mapping) for one in answer):
        raise ServiceError(f"{what}: the answer is not a list of images")
    return answer
