"""STAC items and collections, made with pystac."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pystac

from gee_s1ben.engine.catalog.footprint import Ring
from gee_s1ben.engine.catalog.rasters import WrittenBand

_EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
)
_SIMULATED = "Simulated scenes, which no satellite took, are marked by the property 'simulated'."


def catalog_object() -> dict[str, Any]:
    """Return a new STAC catalog without children."""
    catalog = pystac.Catalog("local-scenes", "Local scenes with the properties that Earth Engine gives them.")
    return _plain(catalog)


def item_object(
    collection_id: str, properties: Mapping[str, Any], when: datetime, ring: Ring, bands: Mapping[str, WrittenBand]
) -> dict[str, Any]:
    """Return the STAC item of an image.

    Parameters
    ----------
    collection_id : str
        Its Earth Engine collection.
    properties : mapping
        Earth Engine's properties, complete.
    when : datetime
        ``system:time_start``.
    ring : list of [longitude, latitude]
        Its footprint.
    bands : mapping of str to WrittenBand
        By the file name that each band gets beside the item.
    """
    index = str(properties["system:index"])
    own: dict[str, Any] = {"ee:id": f"{collection_id}/{index}", "ee:properties": dict(properties)}
    if properties.get("simulated") is True:
        own["description"] = "Simulated: no satellite took this scene."
    item = pystac.Item(index, {"type": "Polygon", "coordinates": [ring]}, _bbox(ring), when, own)
    item.stac_extensions = list(_EXTENSIONS)
    item.collection_id = collection_id
    up = "../" * (collection_id.count("/") + 2)
    for rel, href in (
        ("root", f"{up}catalog.json"),
        ("parent", "../collection.json"),
        ("collection", "../collection.json"),
    ):
        item.add_link(pystac.Link(rel, href, pystac.MediaType.JSON))
    for file_name, band in bands.items():
        item.add_asset(band.source.name, _asset(file_name, band))
    return _plain(item)


def collection_object(collection_id: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the STAC collection of a first item, not yet linked to it."""
    moment = datetime.fromisoformat(item["properties"]["datetime"])
    extent = pystac.Extent(pystac.SpatialExtent([item["bbox"]]), pystac.TemporalExtent([[moment, moment]]))
    collection = pystac.Collection(collection_id, f"Local images of {collection_id}.", extent, license="other")
    up = "../" * (collection_id.count("/") + 1)
    for rel in ("root", "parent"):
        collection.add_link(pystac.Link(rel, f"{up}catalog.json", pystac.MediaType.JSON))
    return _plain(collection)


def linked(collection: dict[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a collection with an item linked and its extent grown to hold it.

    This edits the JSON: pystac would make an object of every link, and a collection may have tens of thousands.
    """
    href = item_href(item["id"])
    link = {"rel": "item", "href": href, "type": str(pystac.MediaType.GEOJSON)}
    others = [other for other in collection["links"] if other.get("href") != href]
    links = sorted(
        [*others, link], key=lambda other: (other["rel"] == "item", other["href"] if other["rel"] == "item" else "")
    )
    west, south, east, north = collection["extent"]["spatial"]["bbox"][0]
    box, moment = item["bbox"], item["properties"]["datetime"]
    first, last = collection["extent"]["temporal"]["interval"][0]
    grown = {
        "spatial": {"bbox": [[min(west, box[0]), min(south, box[1]), max(east, box[2]), max(north, box[3])]]},
        "temporal": {"interval": [[min(first, moment), max(last, moment)]]},
    }
    description = collection["description"]
    if "description" in item["properties"] and _SIMULATED not in description:
        description = f"{description} {_SIMULATED}"
    return collection | {"links": links, "extent": grown, "description": description}


def item_href(index: str) -> str:
    """Where a collection finds an item."""
    return f"./{index}/{index}.json"


def _asset(file_name: str, band: WrittenBand) -> pystac.Asset:
    grid = band.source.grid
    fields: dict[str, Any] = {
        "bands": [{"name": band.source.name}],
        "data_type": band.dtype,
        "ee:data_type": band.source.data_type,
        "file:size": band.path.stat().st_size,
        ("proj:code" if grid.crs.startswith("EPSG:") else "proj:wkt2"): grid.crs,
        "proj:shape": [grid.height, grid.width],
        "proj:transform": list(grid.transform),
    }
    if band.nodata is not None:
        fields["nodata"] = "nan" if band.nodata != band.nodata else band.nodata
    return pystac.Asset(f"./{file_name}", media_type=pystac.MediaType.COG, roles=["data"], extra_fields=fields)


def _bbox(ring: Sequence[Sequence[float]]) -> list[float]:
    lon, lat = zip(*ring, strict=True)
    return [min(lon), min(lat), max(lon), max(lat)]


def _plain(value: pystac.STACObject) -> dict[str, Any]:
    return value.to_dict(include_self_link=False, transform_hrefs=False)
