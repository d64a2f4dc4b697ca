"""The tiles that an image lies in."""

import pyproj
import shapely

from gee_s1ben.footprints.whereabouts import tile_entries


def entries(*box):
    ring = {"type": "LinearRing", "coordinates": [list(point) for point in shapely.box(*box).exterior.coords]}
    return tile_entries({"system:footprint": ring, "system:time_start": 1497372643500})


def test_of_tiles_that_have_all_of_it_that_of_its_zone_comes_first():
    found = entries(12.5, 48.2, 12.6, 48.3)
    assert (found[0].tile, found[0].acquired) == ("33UUP", "2017-06-13T16:50:43Z")
    assert {entry.tile for entry in found} == {"33UUP", "32UQU"}


def test_the_tile_that_has_most_of_it_comes_first():
    assert [entry.tile for entry in entries(13.60, 48.2, 13.70, 48.3)][:2] == ["33UUP", "33UVP"]
    assert [entry.tile for entry in entries(13.70, 48.2, 13.90, 48.3)][:2] == ["33UVP", "33UUP"]


def test_an_image_across_the_antimeridian_and_one_at_a_pole():
    assert {entry.tile[:2] for entry in entries(179.9, -17, 180.1, -16.9)} == {"01", "60"}
    assert entries(10, 85, 11, 86) == []


def test_an_entry_has_the_block_of_patches_that_the_image_touches():
    """A rectangle of the tile's own grid, by the law of the grid: 33UUP begins at 300000 E, 5400000 N."""
    to_degrees = pyproj.Transformer.from_crs(32633, 4326, always_xy=True).transform
    square = shapely.box(
        300000 + 1200 * 40 + 600, 5400000 - 1200 * 52 - 600, 300000 + 1200 * 45 + 600, 5400000 - 1200 * 50 - 600
    )
    lon, lat = to_degrees(*shapely.segmentize(square, 100).exterior.xy)
    ring = {"type": "LinearRing", "coordinates": [list(point) for point in zip(lon, lat, strict=True)]}
    found = {
        entry.tile: entry for entry in tile_entries({"system:footprint": ring, "system:time_start": 1497372643500})
    }
    assert found["33UUP"].patches == {"columns": [40, 45], "rows": [50, 52]}
    text = "{tile: 33UUP, acquired: 2017-06-13T16:50:43Z, patches: {columns: [40, 45], rows: [50, 52]}}"
    assert str(found["33UUP"]) == text


def test_a_tile_that_lies_whole_in_the_image_has_no_block():
    (entry,) = (entry for entry in entries(11.5, 47.4, 15, 49.2) if entry.tile == "33UUP")
    assert entry.patches is None
    assert str(entry) == "{tile: 33UUP, acquired: 2017-06-13T16:50:43Z}"
