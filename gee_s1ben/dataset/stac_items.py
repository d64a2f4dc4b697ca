"""STAC items of patches, and of all patches that a target got from one pass."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pystac
import shapely
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.raster import DataType, RasterBand, RasterExtension, Sampling, Statistics
from pystac.extensions.sar import FrequencyBand, Polarization, SarExtension
from pystac.extensions.sat import OrbitState, SatExtension
from pystac.extensions.view import ViewExtension

from gee_s1ben.dataset.carried_facts import CARRIED_COLUMNS
from gee_s1ben.dataset.contents import Contents
from gee_s1ben.dataset.layout import raster_name
from gee_s1ben.dataset.patch_facts import PatchFacts, known_facts, target_time
from gee_s1ben.dataset.wording import is_product, lineage, software
from gee_s1ben.domain.antimeridian import Extent, outline_of
from gee_s1ben.domain.naming import S1PatchName, S1ProductName

PROCESSING = "https://stac-extensions.github.io/processing/v1.0.0/schema.json"
PARQUET = "application/vnd.apache.parquet"

_CENTRE_GHZ = 5.405
"""Sentinel-1's C-band; source: ESA, Sentinel-1 SAR instrument."""
_SHA256_MULTIHASH = "1220"
"""Code of SHA-256 and its length; source: multiformats.io/multihash."""
_ASSETS = "https://earthengine.googleapis.com/v1/projects/earthengine-public/assets"
_ELSEWHERE = ("name", "scene", "platform", "relative_orbit", "orbit_direction", "incidence_angle", "crs", "ulx", "uly")
"""Columns that an item has as its id or under the names of STAC's extensions."""
_UP_TO_ROOT = "../../../../"
"""From the folder of a patch's item to the dataset."""


@dataclass(slots=True)
class PassGroup:
    """What a target got from a pass, so far."""

    first: PatchFacts
    """One of its patches."""
    count: int = 0
    """Patches."""
    extent: Extent = field(default_factory=Extent)
    """Bounds."""
    values: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Source scenes, labels, splits and the like, each that occurs, by the name of the column."""
    span: tuple[datetime, datetime] | None = None
    """When they were seen."""
    angles: list[float] = field(default_factory=list)
    """Incidence angles of those of which it is known, degrees."""
    passed_over: int = 0
    """Patches of which passes that came first do not have all pixels."""

    def add(self, one: PatchFacts) -> None:
        """Add a patch."""
        self.count += 1
        self.extent.add(one.bbox)
        self.values["scenes"].update(one.scenes)
        for column in CARRIED_COLUMNS:
            value = column.of(one.patch.carried)
            if column.kind == "texts":
                self.values[column.name].update(value)
            elif column.kind == "text" and column.name != "s2v1_name" and value is not None:
                self.values[column.name].add(value)
        self.passed_over += bool(one.patch.row.passed_over)
        self.span = spanned(self.span, one.sensed)
        if one.patch.row.incidence_angle is not None:
            self.angles.append(one.patch.row.incidence_angle)


def patch_item(one: PatchFacts, contents: Contents) -> pystac.Item:
    """Make the item of a patch, with its rasters as assets."""
    patch, name = one.patch, S1PatchName.parse(one.patch.row.name)
    first, last = one.sensed
    item = pystac.Item(
        patch.row.name,
        shapely.geometry.mapping(one.outline),
        list(one.bbox),
        one.start,
        _common(one, contents) | _own(known_facts(patch)),
        start_datetime=first,
        end_datetime=last,
    )
    _describe_radar(item, one, contents.polarisations)
    _describe_view(item, one.patch.row.incidence_angle)
    projection = ProjectionExtension.ext(item, add_if_missing=True)
    grid = patch.grid
    if grid.crs.startswith("EPSG:"):
        projection.code = grid.crs
    else:
        projection.code, projection.wkt2 = None, grid.crs
    projection.shape, projection.transform = list(grid.shape), list(grid.transform)
    projection.bbox = list(grid.bounds)
    folder = f"{_UP_TO_ROOT}{patch.folder}"
    for polarisation in contents.polarisations:
        asset = pystac.Asset(
            f"{folder}/{raster_name(name, polarisation)}",
            f"{polarisation} backscatter, dB",
            media_type=pystac.MediaType.GEOTIFF,
            roles=["data"],
        )
        item.add_asset(polarisation, asset)
        RasterExtension.ext(asset, add_if_missing=True).apply([_band(one, polarisation, filled=contents.filled)])
        FileExtension.ext(asset, add_if_missing=True).apply(
            checksum=_SHA256_MULTIHASH + patch.digests[polarisation], size=patch.sizes[polarisation]
        )
    _link_sources(item, one.scenes, contents)
    return item


def pass_item(target: str, key: str, group: PassGroup, contents: Contents) -> pystac.Item:
    """Make the item of all patches that a target got from one pass."""
    first, last = group.span or (target_time(target), target_time(target))
    box = group.extent.box
    item = pystac.Item(
        f"{target}_{key}",
        shapely.geometry.mapping(outline_of(box)),
        list(box),
        None,
        _common(group.first, contents)
        | {"gee_s1ben:patches": group.count}
        | ({"gee_s1ben:passed_over": group.passed_over} if group.passed_over else {})
        | _own({name: sorted(values) for name, values in group.values.items()}),
        start_datetime=first,
        end_datetime=last,
    )
    _describe_radar(item, group.first, contents.polarisations)
    _describe_view(item, math.fsum(group.angles) / len(group.angles) if group.angles else None)
    item.add_asset(
        "patches",
        pystac.Asset("../../patches.parquet", "Table of all patches", media_type=PARQUET, roles=["metadata"]),
    )
    _link_sources(item, sorted(group.values["scenes"]), contents)
    return item


def _common(one: PatchFacts, contents: Contents) -> dict[str, Any]:
    row = one.patch.row
    properties = {
        "constellation": "sentinel-1",
        "platform": one.platform,
        "instruments": ["c-sar"],
        "gsd": one.spacing_m,
        "processing:lineage": lineage(contents),
        "processing:software": software(contents),
        "gee_s1ben:target": row.target,
        "gee_s1ben:pass": row.pass_key,
        "gee_s1ben:dt_hours": row.dt_hours,
        "gee_s1ben:simulated": True if contents.simulated else None,
    }
    return {name: value for name, value in properties.items() if value is not None}


def _own(known: Mapping[str, Any]) -> dict[str, Any]:
    """Properties of ours: what is known and has no place in an extension."""
    return {
        f"gee_s1ben:{name}": value
        for name, value in known.items()
        if name not in _ELSEWHERE and value is not None and value != []
    }


def _describe_radar(item: pystac.Item, one: PatchFacts, polarisations: Sequence[str]) -> None:
    product = S1ProductName.parse(one.scenes[0]) if is_product(one.scenes[0]) else None
    SarExtension.ext(item, add_if_missing=True).apply(
        instrument_mode=product.mode if product else "IW",
        frequency_band=FrequencyBand.C,
        polarizations=[Polarization(name) for name in polarisations],
        product_type=product.product_type if product else "GRD",
        center_frequency=_CENTRE_GHZ,
    )
    SatExtension.ext(item, add_if_missing=True).apply(
        orbit_state=OrbitState(one.patch.row.orbit_direction),
        relative_orbit=one.patch.row.relative_orbit or None,
        absolute_orbit=one.absolute_orbit or None,
    )
    item.stac_extensions.append(PROCESSING)


def _describe_view(item: pystac.Item, incidence_angle: float | None) -> None:
    if incidence_angle is not None:
        ViewExtension.ext(item, add_if_missing=True).incidence_angle = round(incidence_angle, 4)


def _band(one: PatchFacts, polarisation: str, *, filled: bool) -> RasterBand:
    found = one.statistics[polarisation]
    statistics = Statistics.create(
        minimum=found.minimum,
        maximum=found.maximum,
        mean=found.mean,
        stddev=found.stddev,
        valid_percent=None if filled and one.patch.row.filled_px != 0 else 100.0,
    )
    return RasterBand.create(
        data_type=DataType.FLOAT32,
        unit="dB",
        sampling=Sampling.AREA,
        spatial_resolution=one.spacing_m,
        statistics=statistics,
    )


def _link_sources(item: pystac.Item, scenes: Iterable[str], contents: Contents) -> None:
    """Link to the scenes at Earth Engine's REST address, which simulated ones and images of one's own do not have."""
    collection = str(contents.record.get("collection", "COPERNICUS/S1_GRD"))
    if contents.simulated or not collection.startswith("COPERNICUS/"):
        return
    for scene in filter(is_product, scenes):
        link = pystac.Link("derived_from", f"{_ASSETS}/{collection}/{scene}", pystac.MediaType.JSON, scene)
        item.add_link(link)


def spanned(span: tuple[datetime, datetime] | None, other: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    """Grow a span of time to hold another."""
    return other if span is None else (min(span[0], other[0]), max(span[1], other[1]))
