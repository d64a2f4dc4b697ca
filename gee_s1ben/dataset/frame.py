"""A table of a dataset's patches with their geometries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pandas as pd
import pyproj
import shapely

from gee_s1ben.dataset.layout_tables import METADATA_NAME

if TYPE_CHECKING:
    from gee_s1ben.dataset.stored import Dataset


def patch_frame(dataset: Dataset) -> geopandas.GeoDataFrame:
    """Make a table of all patches, by scene and name.

    Returns
    -------
    GeoDataFrame
        In WGS 84. Columns ``name``, ``scene``, ``tile``, ``col``, ``row``, ``crs`` (that of the pixels) and
        ``geometry``; of our datasets also what ``provenance/patches.csv`` has (``s2_patch``, ``target``, ``pass_key``,
        ``relative_orbit``, ``direction``, ``dt_hours``, ``filled_px``, ``incidence_angle``, ``passed_over``); and,
        where there is a ``metadata.parquet``, ``labels``, ``split``, ``country`` and the rest of it.

    Raises
    ------
    InputError
        A table is broken or a folder is not named as a patch.
    RasterError
        A raster is unreadable.
    """
    rows: list[dict[str, Any]] = []
    bounds: defaultdict[str, list[tuple[int, tuple[float, float, float, float]]]] = defaultdict(list)
    for place, patch in enumerate(dataset.patches()):
        grid = dataset.grid(patch)
        bounds[grid.crs].append((place, grid.bounds))
        rows.append(
            {"name": str(patch.name), "scene": patch.name.scene, "tile": patch.name.tile}
            | {"col": patch.name.col, "row": patch.name.row, "crs": grid.crs}
        )
    frame = pd.DataFrame(rows, columns=["name", "scene", "tile", "col", "row", "crs"])
    made = pd.DataFrame([asdict(record) for record in dataset.records()])
    if not made.empty:
        frame = frame.merge(made.drop(columns=["col", "row", "scene"]).drop_duplicates("name"), "left", on="name")
    frame = _with_metadata(frame, dataset.root / METADATA_NAME)
    return geopandas.GeoDataFrame(frame, geometry=_geometries(len(rows), bounds), crs="EPSG:4326")


def _with_metadata(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    if not path.exists():
        return frame
    table = pd.read_parquet(path).drop_duplicates("s1_name").rename(columns={"s1_name": "name"})
    return frame.merge(table[[name for name in table if name == "name" or name not in frame]], "left", on="name")


def _geometries(
    count: int, bounds: dict[str, list[tuple[int, tuple[float, float, float, float]]]]
) -> list[shapely.Polygon]:
    found: list[shapely.Polygon] = [shapely.Polygon()] * count
    for crs, boxes in bounds.items():
        to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        west, south, east, north = np.array([box for _, box in boxes]).T
        x, y = to_degrees.transform(np.stack([west, east, east, west], 1), np.stack([south, south, north, north], 1))
        corners = np.stack([x, y], -1)
        for (place, _), ring in zip(boxes, corners, strict=True):
            found[place] = shapely.Polygon(ring)
    return found
