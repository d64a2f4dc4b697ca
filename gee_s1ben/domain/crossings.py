"""Estimate how often the rings of an area cross each other, before they are repaired.

A ring of a few thousand points can cross itself millions of times, and a repair makes a point of each crossing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

MOST_CROSSINGS: Final = 3_000
"""Of an area that is repaired; its work grows faster than their number."""
_SAMPLE: Final = 50


def too_tangled(area: BaseGeometry) -> bool:
    """Whether an area's rings cross more often than a repair can take, judged by a sample of their edges.

    Parameters
    ----------
    area : geometry
        Polygons, in any coordinates.
    """
    if area.geom_type not in ("Polygon", "MultiPolygon"):
        return False
    parts = shapely.get_parts(area.boundary)
    coordinates, ring = shapely.get_coordinates(parts, return_index=True)
    follows = ring[1:] == ring[:-1]
    ends = np.stack([coordinates[:-1], coordinates[1:]], axis=1)[follows]
    if len(ends) ** 2 / 2 <= MOST_CROSSINGS:
        return False
    edges = shapely.linestrings(ends)
    sample = edges[:: max(1, len(edges) // _SAMPLE)]
    met = len(shapely.STRtree(edges).query(sample, predicate="crosses")[0])
    return bool(met / len(sample) * len(edges) / 2 > MOST_CROSSINGS)
