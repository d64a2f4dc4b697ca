"""The making of the list of tiles from outlines, of which some are cut at 180°."""

import json

import pyproj
import pytest

from gee_s1ben.domain.mgrs import pack_names
from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.footprints.tile_list import main


def corners(tile):
    grid = tile_grid(tile)
    back = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True)
    west, south, east, north = grid.bounds
    return [back.transform(x, y) for x, y in ((west, north), (east, north), (east, south), (west, south))]


def write(path, rings):
    features = [
        {
            "properties": {"Name": name},
            "geometry": {"type": "Polygon", "coordinates": [[[*point, 0.0] for point in [*ring, ring[0]]]]},
        }
        for name, ring in rings
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return str(path)


def test_names_are_packed_where_every_outline_agrees(tmp_path, capsys):
    upper_left, upper_right, lower_right, lower_left = corners("01KAB")
    west = [upper_left, (180.0, upper_left[1]), (180.0, lower_left[1]), lower_left]
    east = [(-180.0, upper_left[1]), upper_right, lower_right, (-180.0, lower_left[1])]
    rings = [("33UUP", corners("33UUP")), ("01CDL", corners("01CDL")), ("01KAB", west), ("01KAB", east)]
    assert main([write(tmp_path / "tiles.geojson", rings)]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == pack_names(["33UUP", "01CDL", "01KAB"])
    assert told.err == "3 tiles\n"


@pytest.mark.parametrize("name", ["33UVP", "33UUQ", "32UUP"])
def test_an_outline_of_another_tile_is_refused(tmp_path, capsys, name):
    assert main([write(tmp_path / "tiles.geojson", [(name, corners("33UUP"))])]) == 2
    assert f"{name}" in capsys.readouterr().err
