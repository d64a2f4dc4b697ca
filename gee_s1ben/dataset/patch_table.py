"""The table of patches as GeoParquet: geometry, scenes, |Δt|, orbit, statistics; one row a pair of patches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from gee_s1ben.dataset.contents import Contents
from gee_s1ben.dataset.manifest import PROVENANCE
from gee_s1ben.dataset.patch_facts import PatchFacts

_ROWS = 4096
"""Rows of a row group, which is what memory holds."""
_STATISTICS = ("min", "max", "mean", "std")
_DESCRIPTIONS = {
    "name": "Sentinel-1 patch",
    "s2_patch": "corresponding Sentinel-2 patch",
    "target": "Sentinel-2 tile and time it was made for",
    "col": "column in the target, from the west",
    "row": "row in the target, from the north",
    "folder": "folder of its rasters, relative to the dataset",
    "scene": "Sentinel-1 scene it is named after",
    "scenes": "all scenes with pixels in it",
    "pass": "pass, by platform and absolute orbit",
    "platform": "satellite",
    "relative_orbit": "track within the repeat cycle",
    "orbit_direction": "ascending or descending",
    "sensed_from": "start of the scene it is named after, or the earliest time possible",
    "sensed_to": "end of the scene it is named after, or the latest time possible",
    "dt_hours": "hours between Sentinel-1 and Sentinel-2, without sign",
    "incidence_angle": "degrees from the normal of the ellipsoid, at the centre; null where it is not known",
    "passed_over": "passes that came first and do not have it whole, and what it lacks in each; empty for most",
    "valid_fraction": "share of pixels that were measured in all bands; null where it is not known",
    "crs": "coordinate reference system of its rasters",
    "ulx": "x of its upper left corner, in units of the CRS",
    "uly": "y of its upper left corner, in units of the CRS",
    "width": "columns of pixels",
    "height": "rows of pixels",
    "simulated": "whether no satellite took it",
    "geometry": "outline in longitude and latitude (OGC:CRS84)",
    "bbox": "its bounds; xmin is greater than xmax across the antimeridian",
}
_MAY_BE_NULL = ("incidence_angle", "valid_fraction")


def table_path(root: Path) -> Path:
    """Path of the GeoParquet table."""
    return root / PROVENANCE / "patches.parquet"


class PatchTable:
    """Writes the table, a row group at a time; a context manager, and the file is whole when it is left."""

    def __init__(self, path: Path, contents: Contents) -> None:
        self._simulated, self._filled = contents.simulated, contents.filled
        self._polarisations = contents.polarisations
        self._schema = _schema(self._polarisations)
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd", version="2.6")
        self._rows: list[dict[str, Any]] = []
        self._kinds: set[str] = set()
        self._bounds: list[tuple[float, float, float, float]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._flush()
                self._writer.add_key_value_metadata({"geo": json.dumps(self._geo())})
        finally:
            self._writer.close()

    def append(self, one: PatchFacts) -> None:
        """Add a patch."""
        self._rows.append(self._row(one))
        self._kinds.add(one.outline.geom_type)
        self._bounds.append(one.bbox)
        if len(self._rows) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows.clear()
        if self._bounds:
            self._bounds[:] = [_united(self._bounds)]

    def _row(self, one: PatchFacts) -> dict[str, Any]:
        row, grid = one.patch.row, one.patch.grid
        first, last = one.sensed
        ulx, uly = grid.xy(0, 0)
        cells = {
            "name": row.name,
            "s2_patch": row.s2_patch,
            "target": row.target,
            "col": row.col,
            "row": row.row,
            "folder": str(one.patch.folder),
            "scene": one.scenes[0],
            "scenes": list(one.scenes),
            "pass": row.pass_key,
            "platform": one.platform,
            "relative_orbit": row.relative_orbit,
            "orbit_direction": row.direction,
            "sensed_from": first,
            "sensed_to": last,
            "dt_hours": row.dt_hours,
            "incidence_angle": row.incidence_angle,
            "passed_over": row.passed_over,
            "valid_fraction": self._valid(one),
            "crs": grid.crs,
            "ulx": ulx,
            "uly": uly,
            "width": grid.width,
            "height": grid.height,
            "simulated": self._simulated,
            "geometry": shapely.to_wkb(one.outline),
            "bbox": dict(zip(("xmin", "ymin", "xmax", "ymax"), one.bbox, strict=True)),
        }
        for name in self._polarisations:
            found = one.statistics[name]
            numbers = (found.minimum, found.maximum, found.mean, found.stddev)
            cells |= {f"{name.lower()}_{what}": number for what, number in zip(_STATISTICS, numbers, strict=True)}
            cells[f"{name.lower()}_sha256"] = one.patch.digests[name]
        return cells

    def _valid(self, one: PatchFacts) -> float | None:
        filled = one.patch.row.filled_px
        if filled is None:  # a dataset of before they were counted
            return None if self._filled else 1.0
        return 1 - filled / (one.patch.grid.width * one.patch.grid.height)

    def _geo(self) -> dict[str, Any]:
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(self._kinds),
            "orientation": "counterclockwise",
            "edges": "planar",
            "covering": {"bbox": {edge: ["bbox", edge] for edge in ("xmin", "ymin", "xmax", "ymax")}},
        }
        if self._bounds:
            column["bbox"] = list(_united(self._bounds))
        return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


def _united(bounds: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    west, south, east, north = zip(*bounds, strict=True)
    if any(left > right for left, right in zip(west, east, strict=True)):  # across the antimeridian
        return -180.0, min(south), 180.0, max(north)
    return min(west), min(south), max(east), max(north)


def _schema(polarisations: Sequence[str]) -> pa.Schema:
    text, whole, number = pa.string(), pa.int32(), pa.float64()
    texts = ("name", "s2_patch", "target", "folder", "scene", "pass", "platform", "orbit_direction", "crs")
    kinds: dict[str, pa.DataType] = dict.fromkeys((*texts, "passed_over"), text)
    kinds |= dict.fromkeys(("col", "row", "relative_orbit", "width", "height"), whole)
    kinds |= dict.fromkeys(("dt_hours", "incidence_angle", "valid_fraction", "ulx", "uly"), number)
    kinds |= dict.fromkeys(("sensed_from", "sensed_to"), pa.timestamp("ms", tz="UTC"))
    kinds |= {
        "scenes": pa.list_(text),
        "simulated": pa.bool_(),
        "geometry": pa.binary(),
        "bbox": pa.struct([pa.field(edge, number, nullable=False) for edge in ("xmin", "ymin", "xmax", "ymax")]),
    }
    fields = [
        pa.field(
            name,
            kinds[name],
            nullable=name in _MAY_BE_NULL,
            metadata={"description": description},
        )
        for name, description in _DESCRIPTIONS.items()
    ]
    for name in polarisations:
        fields += [
            pa.field(
                f"{name.lower()}_{what}", number, nullable=False, metadata={"description": f"{what} of {name}, dB"}
            )
            for what in _STATISTICS
        ]
        fields.append(
            pa.field(
                f"{name.lower()}_sha256",
                text,
                nullable=False,
                metadata={"description": f"SHA-256 of the {name} raster"},
            )
        )
    return pa.schema(fields)
