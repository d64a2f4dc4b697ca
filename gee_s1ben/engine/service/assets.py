"""Assets in the shape of the REST interface: images and collections of the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any, Final

from gee_s1ben.engine.catalog import BandRecord, Catalog, ImageRecord
from gee_s1ben.engine.dates import Date
from gee_s1ben.engine.description import describe, number
from gee_s1ben.engine.features import FOOTPRINT, SYSTEM_PREFIX
from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.engine.service.asset_filters import parse_filter
from gee_s1ben.engine.stored import pixel_type
from gee_s1ben.errors import EngineError

PUBLIC: Final = "projects/earthengine-public/assets/"
LEGACY: Final = "projects/earthengine-legacy/assets/"
_PAGE_SIZE: Final = 1000
_LARGEST_PAGE: Final = 10_000
_START, _END = "system:time_start", "system:time_end"


def asset_id(name: str) -> str:
    """Return the id of an asset's resource name."""
    return name.removeprefix(PUBLIC).removeprefix(LEGACY)


def asset_name(id_: str) -> str:
    """Return the resource name of an asset's id; the inverse of :func:`asset_id`."""
    if re.match(r"projects/[^/]+/assets/", id_):
        return id_
    return f"{LEGACY if id_.startswith(('users/', 'projects/')) else PUBLIC}{id_}"


def get(catalog: Catalog, name: str) -> dict[str, Any]:
    """Return an asset.

    Raises
    ------
    EngineError
        404: there is none of this name.
    """
    id_ = asset_id(name)
    record = catalog.get(id_)
    if record is not None:
        return image_asset(record)
    if id_ in catalog.collection_ids():
        return collection_asset(id_)
    raise EngineError(f"Asset '{name}' does not exist or doesn't allow this operation.", status=404)


def list_assets(catalog: Catalog, parent: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Return a page of the images of a collection, or of the collections in a folder.

    Raises
    ------
    EngineError
        404: there is no such parent; 400: a filter or a page token that cannot be read.
    """
    id_ = asset_id(parent.rstrip("/") + "/" if parent.rstrip("/").endswith("/assets") else parent)
    passes = parse_filter(query.get("filter", ""))
    found: Iterable[dict[str, Any]]
    if id_ in catalog.collection_ids():
        found = (asset for asset in map(image_asset, catalog.images(id_)) if passes(asset))
    else:
        folder = f"{id_.rstrip('/')}/" if id_ and not re.fullmatch(r"projects/[^/]+(/assets/?)?", id_) else ""
        inside = [child for child in catalog.collection_ids() if child.startswith(folder)]
        if not inside and folder:
            raise EngineError(f"Asset '{parent}' does not exist or doesn't allow this operation.", status=404)
        found = (collection_asset(child) for child in inside)
    shown = _basic if query.get("view") == "BASIC" else _whole
    return _page([shown(asset) for asset in found], query)


def collection_asset(id_: str) -> dict[str, Any]:
    """Return a collection of images."""
    return {"type": "IMAGE_COLLECTION", "name": asset_name(id_), "id": id_}


def image_asset(record: ImageRecord) -> dict[str, Any]:
    """Return an image; properties of the system stand where the REST interface has fields for them."""
    asset: dict[str, Any] = {"type": "IMAGE", "name": asset_name(record.id), "id": record.id}
    properties = record.properties
    if properties.get(_START) is not None:
        asset["startTime"] = _timestamp(properties[_START])
        asset["endTime"] = _timestamp(properties.get(_END, properties[_START]))
    if isinstance(properties.get(FOOTPRINT), Mapping):
        asset["geometry"] = describe(Geometry.from_geojson(properties[FOOTPRINT]).as_area())
    asset["properties"] = {k: describe(v) for k, v in properties.items() if not k.startswith(SYSTEM_PREFIX)}
    asset["bands"] = [_band(band) for band in record.bands]
    return asset


def _band(band: BandRecord) -> dict[str, Any]:
    kind = pixel_type(band.data_type)
    data_type: dict[str, Any] = {"precision": kind.precision.upper()}
    if kind.minimum is not None and kind.maximum is not None:
        data_type["range"] = {"min": number(kind.minimum), "max": number(kind.maximum)}
    return {"id": band.name, "dataType": data_type, "grid": describe(band.grid.to_pixel_grid())}


def _timestamp(millis: Any) -> str:
    moment = Date(int(millis)).moment(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}" + (f".{moment.microsecond:06d}Z" if moment.microsecond else "Z")


def _basic(asset: dict[str, Any]) -> dict[str, Any]:
    return {key: asset[key] for key in ("type", "name", "id")}


def _whole(asset: dict[str, Any]) -> dict[str, Any]:
    return asset


def _page(assets: list[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """Cut out a page; the token is the place of the next one."""
    try:
        size, start = int(query.get("pageSize") or _PAGE_SIZE), int(query.get("pageToken") or 0)
    except ValueError as error:
        raise EngineError("Invalid value for pageSize or pageToken.") from error
    if size < 0 or not 0 <= start <= len(assets):
        raise EngineError("Invalid value for pageSize or pageToken.")
    end = start + min(size or _PAGE_SIZE, _LARGEST_PAGE)
    page: dict[str, Any] = {"assets": assets[start:end]}
    if end < len(assets):
        page["nextPageToken"] = str(end)
    return page
