"""Which Sentinel-2 tiles an image of a catalog lies in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely

from gee_s1ben.domain.antimeridian import cut_at_antimeridian
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.outline import tile_outline
from gee_s1ben.footprints.squares import TiledArea, patches_of_tile


@dataclass(frozen=True, slots=True)
class TileEntry:
    """A tile that an image lies in, as ``tiles`` of a configuration has it."""

    tile: str
    acquired: str
    """The image's time, ``2017-06-13T16:50:43Z``."""
    patches: dict[str, list[int]] | None
    """First and last of the ``columns`` and ``rows`` of patches that touch the image; None for the whole tile."""

    def __str__(self) -> str:
        block = ""
        if self.patches is not None:
            block = f", patches: {{columns: {self.patches['columns']}, rows: {self.patches['rows']}}}"
        return f"{{tile: {self.tile}, acquired: {self.acquired}{block}}}"

    def values(self) -> dict[str, Any]:
        """Return the keys of the entry."""
        block = {} if self.patches is None else {"patches": self.patches}
        return {"tile": self.tile, "acquired": self.acquired} | block


def tile_entries(properties: Mapping[str, Any]) -> list[TileEntry]:
    """Return the tiles that an image lies in, each with the image's time and the block of patches that touch it.

    Parameters
    ----------
    properties : mapping
        Earth Engine's, with ``system:footprint`` and ``system:time_start``.

    Returns
    -------
    list of TileEntry
        The tile with most of the image first, of equals that of the UTM zone it lies in; empty where there are none. A
        tile that sees the image only where it has no whole patch is left out.
    """
    ring = np.array([point[:2] for point in properties["system:footprint"]["coordinates"]], dtype=float)
    ring[:, 0] = np.unwrap(ring[:, 0], period=360.0)
    area = shapely.make_valid(shapely.Polygon(ring))
    acquired = datetime.fromtimestamp(properties["system:time_start"] / 1000, UTC).replace(microsecond=0)
    try:
        tiled = TiledArea(area)
        tiles = tiled.tiles()
    except InputError:  # over the poles there are none
        return []
    seen = cut_at_antimeridian(area)
    zone = int((area.centroid.x + 180) % 360 // 6) + 1

    def order(tile: str) -> tuple[float, bool, str]:
        share = shapely.intersection(tile_outline(tile), seen).area / seen.area
        return -round(share, 3), int(tile[:2]) != zone, tile

    entries = []
    for tile in sorted(tiles, key=order):
        cells = patches_of_tile(tile, [tiled])
        if cells is None or cells:
            entries.append(TileEntry(tile, f"{acquired:%Y-%m-%dT%H:%M:%SZ}", _block(cells)))
    return entries


def _block(cells: tuple[tuple[int, int], ...] | None) -> dict[str, list[int]] | None:
    if cells is None:
        return None
    cols, rows = zip(*cells, strict=True)
    return {"columns": [min(cols), max(cols)], "rows": [min(rows), max(rows)]}
