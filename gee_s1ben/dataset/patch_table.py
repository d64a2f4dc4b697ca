"""The table of patches as GeoParquet: all that is known of each, geometry, statistics; one row a pair of patches."""

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
from gee_s1ben.dataset.patch_columns import Column
from gee_s1ben.dataset.patch_facts import COLUMNS, PatchFacts, arrow_fields, known_facts
from gee_s1ben.domain.antimeridian import Extent

_ROWS = 4096
"""Rows of a row group, which is what memory holds."""
_STATISTICS = ("min", "max", "mean", "std")
_COLUMNS = (
    Column("folder", "text", "folder of its rasters, relative to the dataset"),
    Column("valid_fraction", "number", "share of pixels that had data in all bands", optional=True),
    Column("width", "whole", "columns of pixels"),
    Column("height", "whole", "rows of pixels"),
    Column("simulated", "flag", "whether no satellite took it"),
)
"""What it has beside :data:`~gee_s1ben.dataset.patch_facts.COLUMNS`; then come times, statistics and geometry."""


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
        self._extent = Extent()

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
        self._extent.add(one.bbox)
        if len(self._rows) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows.clear()

    def _row(self, one: PatchFacts) -> dict[str, Any]:
        grid = one.patch.grid
        first, last = one.sensed
        cells = {
            **known_facts(one.patch),
            "folder": str(one.patch.folder),
            "valid_fraction": self._valid(one),
            "width": grid.width,
            "height": grid.height,
            "simulated": self._simulated,
            "sensed_from": first,
            "sensed_to": last,
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
        if self._kinds:
            column["bbox"] = list(self._extent.box)
        return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


def _schema(polarisations: Sequence[str]) -> pa.Schema:
    text, number, time = pa.string(), pa.float64(), pa.timestamp("ms", tz="UTC")
    box = pa.struct([pa.field(edge, number, nullable=False) for edge in ("xmin", "ymin", "xmax", "ymax")])
    fields = [
        *arrow_fields((*COLUMNS, *_COLUMNS)),
        _field("sensed_from", time, "start of the scene it is named after, or the earliest time possible"),
        _field("sensed_to", time, "end of the scene it is named after, or the latest time possible"),
        _field("geometry", pa.binary(), "outline in longitude and latitude (OGC:CRS84)"),
        _field("bbox", box, "its bounds; xmin is greater than xmax across the antimeridian"),
    ]
    for name in polarisations:
        fields += [_field(f"{name.lower()}_{what}", number, f"{what} of {name}, dB") for what in _STATISTICS]
        fields.append(_field(f"{name.lower()}_sha256", text, f"SHA-256 of the {name} raster"))
    return pa.schema(fields)


def _field(name: str, kind: pa.DataType, about: str) -> pa.Field:
    return pa.field(name, kind, nullable=False, metadata={"description": about})
