"""Which Sentinel-2 tiles an image of a catalog lies in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely

from gee_s1ben.domain.antimeridian import cut_at_antimeridian
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.outline import tile_outline
from gee_s1ben.footprints.squares import tiles_touching


def tile_entries(properties: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the tiles that an image lies in, each with the image's time, as ``tiles`` of a configuration has them.

    Parameters
    ----------
    properties : mapping
        Earth Engine's, with ``system:footprint`` and ``system:time_start``.

    Returns
    -------
    list of (tile, time)
        The tile with most of the image first, of equals that of the UTM zone it lies in; empty where there are none.
    """
    ring = np.array([point[:2] for point in properties["system:footprint"]["coordinates"]], dtype=float)
    ring[:, 0] = np.unwrap(ring[:, 0], period=360.0)
    area = shapely.make_valid(shapely.Polygon(ring))
    acquired = datetime.fromtimestamp(properties["system:time_start"] / 1000, UTC).replace(microsecond=0)
    try:
        tiles = tiles_touching(area)
    except InputError:  # over the poles there are none
        return []
    seen = cut_at_antimeridian(area)
    zone = int((area.centroid.x + 180) % 360 // 6) + 1

    def order(tile: str) -> tuple[float, bool, str]:
        share = shapely.intersection(tile_outline(tile), seen).area / seen.area
        return -round(share, 3), int(tile[:2]) != zone, tile

    return [(tile, f"{acquired:%Y-%m-%dT%H:%M:%SZ}") for tile in sorted(tiles, key=order)]
