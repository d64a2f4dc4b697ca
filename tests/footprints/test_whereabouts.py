"""The tiles that an image lies in."""

import shapely

from gee_s1ben.footprints.whereabouts import tile_entries


def entries(*box):
    ring = {"type": "LinearRing", "coordinates": [list(point) for point in shapely.box(*box).exterior.coords]}
    return tile_entries({"system:footprint": ring, "system:time_start": 1497372643500})


def test_of_tiles_that_have_all_of_it_that_of_its_zone_comes_first():
    found = entries(12.5, 48.2, 12.6, 48.3)
    assert found[0] == ("33UUP", "2017-06-13T16:50:43Z")
    assert {tile for tile, _ in found} == {"33UUP", "32UQU"}


def test_the_tile_that_has_most_of_it_comes_first():
    assert [tile for tile, _ in entries(13.60, 48.2, 13.70, 48.3)][:2] == ["33UUP", "33UVP"]
    assert [tile for tile, _ in entries(13.70, 48.2, 13.90, 48.3)][:2] == ["33UVP", "33UUP"]


def test_an_image_across_the_antimeridian_and_one_at_a_pole():
    assert {tile[:2] for tile, _ in entries(179.9, -17, 180.1, -16.9)} == {"01", "60"}
    assert entries(10, 85, 11, 86) == []
