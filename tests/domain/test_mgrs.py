"""The list of Sentinel-2's tiles: that it is ESA's, and the inverse of its packing."""

import base64
import hashlib
import zlib

import numpy as np
import pyproj
import pytest

from gee_s1ben.domain import mgrs
from gee_s1ben.domain.mgrs import pack_names, tile_corners, tile_names
from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.errors import NamingError

NAMES_SHA256 = "0cb82f6317f7f7a3c88c6efa2b53647404f5a6878f795bfeb0653251753eb808"
"""Of the names in ESA's KML of the tiling grid, sorted, one a line."""


def test_the_list_is_esas():
    names = tile_names()
    assert len(names) == 56_686
    assert list(names) == sorted(set(names))
    assert hashlib.sha256("\n".join(names).encode("ascii")).hexdigest() == NAMES_SHA256


def test_every_name_leads_to_a_corner_of_its_own_in_its_zone():
    corners = {zone: tile_corners(zone) for zone in range(1, 61)}
    assert [name for zone in corners for name in sorted(corners[zone])] == list(tile_names())
    assert all(len(set(found.values())) == len(found) for found in corners.values())
    for zone, found in corners.items():
        for name in list(found)[::97]:
            hemisphere, false_northing = (7, 10_000_000) if name[2] < "N" else (6, 0)
            grid, (ulx, uly) = tile_grid(name), found[name]
            assert (grid.crs, grid.xy(0, 0)) == (f"EPSG:32{hemisphere}{zone:02d}", (ulx, uly + false_northing))


def test_a_tile_lies_in_the_band_that_its_name_says():
    """The middle of a tile is in its latitude band; that of the first goes on to 84° S."""
    for zone in range(1, 61):
        plane = pyproj.Transformer.from_crs(32600 + zone, 4326, always_xy=True)
        names, corners = zip(*tile_corners(zone).items(), strict=True)
        x, y = np.array(corners).T
        # The middle of the square, not of the raster, which reaches farther south and east.
        _, lat = plane.transform(x + 50_000, y - 50_000)
        south = np.array([8 * "CDEFGHJKLMNPQRSTUVWX".index(name[2]) - 80 for name in names])
        north = np.where(south == 72, 84.2, south + 8)
        south = np.where(south == -80, -84, south)
        assert np.all((lat > south - 0.6) & (lat < north + 0.6))


def test_what_is_packed_is_what_is_stored():
    assert zlib.decompress(base64.b85decode(pack_names(tile_names()))) == mgrs._official()


def test_packing_refuses_what_is_no_name():
    with pytest.raises(NamingError, match="letters I and O"):
        pack_names(["33UUI"])
