"""Reader of STAC items and collections, and of what Earth Engine says of Sentinel-2 images, in JSON.

An item of a Sentinel-2 image is its product, or its tile and time; another item is an area at its time. A STAC
collection is the area of its extent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.naming import read_tile_name
from gee_s1ben.errors import InputError, NamingError
from gee_s1ben.footprints.earth_engine import read_image
from gee_s1ben.footprints.raster_files import area_rows
from gee_s1ben.footprints.row import Readings, Refusal, Span, TileRow, parse_moment
from gee_s1ben.footprints.unpickling import read_capped
from gee_s1ben.storage.json_text import parse_json

MAX_BYTES = 64_000_000
_MARKS = (b'"stac_version"', b'"PRODUCT_ID"')
_NAMES = ("s2:product_uri", "title", "PRODUCT_ID", "s2:granule_id")
"""Properties that may name the image, the one that says most first; the item's id comes after the first."""


def accepts(path: Path) -> bool:
    """Whether a path is a JSON file that speaks of STAC, or of Earth Engine's Sentinel-2 images."""
    if path.suffix.lower() not in (".json", ".geojson") or not path.is_file() or path.stat().st_size > MAX_BYTES:
        return False
    content = path.read_bytes()
    return any(mark in content for mark in _MARKS)


def read(path: Path, span: Span | None) -> Readings:
    """Yield the tile of each item; of one that is no Sentinel-2 image, the tiles that its geometry touches.

    Raises
    ------
    InputError
        The file is no JSON, or holds no item.
    """
    try:
        document = parse_json(read_capped(path, MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON: {' '.join(str(error).split())[:120]}") from error
    count = 0
    for item in _items(document):
        count += 1
        place = f"{path} item {str(item.get('id') or count)[:100]!a}"
        try:
            yield from _rows(item, span, str(path))
        except InputError as error:
            yield Refusal(place, str(error))
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, shapely.errors.ShapelyError) as error:
            yield Refusal(place, f"it is no STAC item: {type(error).__name__}: {' '.join(str(error).split())[:100]}")
    if not count:
        raise InputError(f"{path} holds no STAC item: of a catalog of links, give the items")


def _items(document: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the items, images or collections of a document, however they are wrapped."""
    if isinstance(document, list):
        listed = document
    elif isinstance(document, Mapping):
        listed = next((document[key] for key in ("features", "collections") if key in document), [document])
    else:
        listed = []
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, Mapping) and item.get("type") != "Catalog":
            yield item


def _rows(item: Mapping[str, Any], span: Span | None, source: str) -> Readings:
    properties = item.get("properties") or {}
    if "PRODUCT_ID" in properties and "system:footprint" in properties:
        yield read_image(properties, source)
        return
    row = _named(item, properties, source)
    if row is not None:
        yield row
        return
    when = span or _own_time(properties)
    if when is None:
        raise InputError("it is an area and has no time: give --from and --to, or --acquired")
    for area in _areas(item):
        yield from area_rows(area, when, source)


def _named(item: Mapping[str, Any], properties: Mapping[str, Any], source: str) -> TileRow | None:
    """Make the row of an item that is a Sentinel-2 image by its names, or by its place in the grid of MGRS."""
    texts = [properties.get(_NAMES[0]), item.get("id"), *(properties.get(name) for name in _NAMES[1:])]
    moment = _own_time(properties)
    for text in texts:
        try:
            named = read_tile_name(str(text)) if text else None
        except NamingError:
            continue
        if named is None:
            continue
        if named.product is not None:
            row = TileRow.of_product(named.product, source)
        else:
            row = TileRow.of_tile(named.tile, moment if named.whole_day and moment else named.acquired, source)
        return row if named.cell is None else row.of_patches((named.cell,))
    tile = str(properties.get("s2:mgrs_tile") or properties.get("grid:code") or "").removeprefix("MGRS-")
    if len(tile) == len("33UUP") and moment is not None:
        return TileRow.of_tile(tile, moment, source)
    return None


def _own_time(properties: Mapping[str, Any]) -> Span | datetime | None:
    """Return an item's time, or its range."""
    if properties.get("datetime"):
        return parse_moment(str(properties["datetime"]))
    first, last = properties.get("start_datetime"), properties.get("end_datetime")
    return Span.parse(str(first), str(last)) if first and last else None


def _areas(item: Mapping[str, Any]) -> Iterator[BaseGeometry]:
    """Yield an item's geometry, or the boxes of a collection's extent."""
    if item.get("type") != "Collection":
        yield shapely.geometry.shape(item["geometry"])
        return
    boxes = item["extent"]["spatial"]["bbox"]
    # The first is around all of them, where there are several.
    for box in boxes[1:] or boxes:
        west, south, east, north = (float(side) for side in (box if len(box) == 4 else [*box[:2], *box[3:5]]))
        yield shapely.segmentize(shapely.box(west, south, east + 360 if east < west else east, north), 90.0)
