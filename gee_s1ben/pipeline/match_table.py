"""``match.parquet``: every wanted patch with its pass and scenes, or with the reason why it has none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely
from numpy.typing import NDArray

from gee_s1ben.config import Config
from gee_s1ben.domain.antimeridian import Extent, ring_polygon
from gee_s1ben.domain.tile import Target
from gee_s1ben.pipeline.assignment import Cell, PatchGroup
from gee_s1ben.pipeline.footprints import to_degrees
from gee_s1ben.pipeline.match import TargetMatch
from gee_s1ben.pipeline.patch_names import s2_names

_TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("corresponding_s2_patch", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("tile", pa.string(), nullable=False),
        pa.field("product", pa.string()),
        pa.field("col", pa.int32(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("pass", pa.string()),
        pa.field("platform", pa.string()),
        pa.field("absolute_orbit", pa.int32()),
        pa.field("relative_orbit", pa.int32()),
        pa.field("orbit_direction", pa.string()),
        pa.field("scene", pa.string()),
        pa.field("scenes", pa.list_(pa.string())),
        pa.field("s1_acquired", _TIME),
        pa.field("s2_acquired", _TIME, nullable=False),
        pa.field("dt_hours", pa.float64()),
        pa.field("reason", pa.string()),
        pa.field("passed_over", pa.string()),
        pa.field("geometry", pa.binary(), nullable=False),
    ]
)
"""``dt_hours`` is negative where Sentinel-1 came first; ``scene`` is the one that the patch is named after;
``passed_over`` is null until the pixels are known."""


class MatchTable:
    """A table that is being written, target by target."""

    def __init__(self, writer: pq.ParquetWriter, config: Config) -> None:
        self._writer, self._config = writer, config
        self._kinds: set[str] = set()
        self._extent = Extent()

    def add(self, matched: TargetMatch, passed_over: Mapping[Cell, str] | None = None) -> None:
        """Write the rows of a target: those that are served pass by pass, then those that are absent.

        Parameters
        ----------
        matched : TargetMatch
            Which pass serves which patch.
        passed_over : mapping, optional
            By (column, row), the passes that came first and do not have a patch whole, as far as that is known.
        """
        target = matched.target
        groups = [(group.cells, served) for group, served in _served(matched)]
        groups += [(group.cells, {"reason": group.reason}) for group in matched.assignment.absent]
        over = passed_over or {}
        blocks = []
        for cells, same in groups:
            outlines = _outlines(target, np.array(cells, dtype=np.int32).reshape(-1, 2))
            self._kinds.update(outline.geom_type for outline in outlines)
            for part in shapely.bounds(shapely.get_parts(outlines)).tolist():
                self._extent.add(tuple(part))
            blocks.append(_block(target, cells, s2_names(self._config, target, cells), outlines, over, same))
        self._writer.write_table(pa.concat_tables(blocks))

    def geo(self) -> dict[str, Any]:
        """Metadata of GeoParquet 1.0.0."""
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(self._kinds),
            "crs": pyproj.CRS.from_epsg(4326).to_json_dict(),
        }
        if self._kinds:
            column["bbox"] = list(self._extent.box)
        return {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": column}}


@contextmanager
def match_table(path: Path, config: Config) -> Iterator[MatchTable]:
    """Write a GeoParquet file for the time of a ``with`` block."""
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        table = MatchTable(writer, config)
        yield table
        writer.add_key_value_metadata({"geo": json.dumps(table.geo())})


def _served(matched: TargetMatch) -> Iterator[tuple[PatchGroup, dict[str, Any]]]:
    scenes = {scene.id: scene for scene in matched.scenes}
    for group in matched.assignment.groups:
        one = next(
            one
            for one in matched.assignment.passes
            if one.key == group.pass_key and {scene.id for scene in one.slices}.issuperset(group.sources)
        )
        yield (
            group,
            {
                "pass": group.pass_key,
                "platform": f"sentinel-1{one.platform.lower()}",
                "absolute_orbit": one.absolute_orbit,
                "relative_orbit": one.relative_orbit,
                "orbit_direction": one.orbit_direction,
                "scene": scenes[group.scene].index,
                "scenes": [scenes[source].index for source in group.sources],
                "s1_acquired": one.acquired,
                "dt_hours": (one.acquired - matched.target.acquired).total_seconds() / 3600,
            },
        )


def _block(
    target: Target,
    cells: Sequence[Cell],
    names: Sequence[str],
    outlines: NDArray[np.object_],
    over: Mapping[Cell, str],
    same: Mapping[str, Any],
) -> pa.Table:
    """Rows that differ in their place, and in what was tried before, only."""
    places = np.array(cells, dtype=np.int32).reshape(-1, 2)
    varying = {
        "corresponding_s2_patch": list(names),
        "passed_over": [over.get(cell) for cell in cells],
        "col": places[:, 0],
        "row": places[:, 1],
        "geometry": shapely.to_wkb(outlines),
    }
    same = {
        "target": target.key,
        "tile": target.name,
        "product": str(target.product) if target.product else None,
        "s2_acquired": target.acquired,
        **same,
    }
    columns = [
        pa.array(varying[field.name], field.type)
        if field.name in varying
        else pa.array([same.get(field.name)], field.type).take(pa.array(np.zeros(len(places), np.int32)))
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _outlines(target: Target, places: NDArray[np.int32]) -> NDArray[np.object_]:
    """Outline patches in longitude and latitude, cut at 180°; within a tile no side bulges by a centimetre."""
    corners = (places[:, None, :] + np.array([[0, 0], [0, 1], [1, 1], [1, 0]])) * target.patch_px
    lon, lat = to_degrees(target, corners[..., 0], corners[..., 1])
    if lon.min() >= -180 and lon.max() <= 180:
        return np.asarray(shapely.polygons(np.stack([lon, lat], axis=-1)), dtype=object)
    found = np.empty(len(places), dtype=object)
    found[:] = [ring_polygon(ring) for ring in np.stack([lon, lat], axis=-1)]
    return found
