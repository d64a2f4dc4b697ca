"""Which tiles an area touches: against places whose tile is known, and against the laws of a cover."""

import pyproj
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.outline import tile_outline
from gee_s1ben.footprints.squares import tiles_touching
from gee_s1ben.footprints.unpickling import load_object


@pytest.mark.parametrize(
    ("lon", "lat", "tile"),
    [
        (1.44, 43.60, "31TCJ"),  # Toulouse
        (2.3522, 48.8566, "31UDQ"),  # Paris
        (13.405, 52.52, "33UUU"),  # Berlin
        (11.575, 48.137, "32UPU"),  # Munich
        (5.32, 60.39, "32VKN"),  # Bergen lies in the wide zone 32
        (15.65, 78.22, "33XWG"),  # Longyearbyen in the wide zone 33
        (-74.0, 40.71, "18TWL"),  # New York
        (-157.86, 21.31, "04QFJ"),  # Honolulu
        (151.21, -33.87, "56HLH"),  # Sydney
        (18.42, -33.92, "34HBH"),  # Cape Town
        (85.32, 27.70, "45RUL"),  # Kathmandu
        (-103.004715, 31.96212, "13SFR"),  # south of 32° N in a square that is named by its larger, northern part
        (77.5, 23.9, "43QGG"),  # a square that 24° N cuts above its centre
    ],
)
def test_known_places(lon, lat, tile):
    assert tiles_touching(shapely.Point(lon, lat)) == (tile,)


def contains(tile, lon, lat):
    grid = tile_grid(tile)
    x, y = pyproj.Transformer.from_crs(4326, grid.crs, always_xy=True).transform(lon, lat)
    west, south, east, north = grid.bounds
    return west - 1 <= x <= east + 1 and south - 1 <= y <= north + 1


@given(st.floats(-180, 180), st.floats(-80, 84))
@example(4.0, 63.95)  # zone 32 in band V, where its parallels leave the square's band
@example(10.0, 72.03)
@example(4.0, 55.97)
@example(3.0, 60.0)
@example(180.0, 0.0)
@example(-180.0, 84.0)
@settings(max_examples=150, deadline=None)
def test_every_place_is_in_the_tiles_that_it_touches(lon, lat):
    tiles = tiles_touching(shapely.Point(lon, lat))
    assert tiles
    assert all(contains(tile, lon, lat) for tile in tiles)


@pytest.mark.parametrize(
    "area",
    [
        shapely.box(5, 47, 7, 49),
        shapely.box(2, 55, 13, 65),
        shapely.box(8, 71, 12, 73),
        shapely.box(-1, -1, 1, 1),
        shapely.Polygon([(10, 50), (14, 51), (12, 54)]),
        shapely.Polygon([(0, 40), (4, 40), (4, 44), (0, 44)], [[(0.5, 40.5), (3.5, 40.5), (3.5, 43.5), (0.5, 43.5)]]),
        shapely.LineString([(10, 50), (14, 51)]),
    ],
)
def test_the_tiles_cover_the_area_and_each_touches_it(area):
    outlines = [tile_outline(tile) for tile in tiles_touching(area)]
    covered = shapely.union_all(outlines).buffer(1e-4)  # about 10 m, for sides that are drawn with vertices
    assert covered.covers(area)
    assert all(outline.intersects(area) for outline in outlines)


def test_a_tile_is_not_listed_twice_under_two_bands():
    tiles = tiles_touching(shapely.box(12, 47, 15, 49))  # 48° N cuts the squares of 33UUP's row
    corners = [(*tile_grid(tile).xy(0, 0), tile_grid(tile).crs) for tile in tiles]
    assert len(set(corners)) == len(corners)
    assert "33UUP" in tiles
    assert "33TUP" not in tiles


def test_both_ways_across_the_antimeridian_are_one_area():
    running_on = shapely.box(179.5, -17, 180.5, -16)
    cut = shapely.MultiPolygon([shapely.box(179.5, -17, 180, -16), shapely.box(-180, -17, -179.5, -16)])
    behind = shapely.box(-180.5, -17, -179.5, -16)
    tiles = tiles_touching(running_on)
    assert {tile[:2] for tile in tiles} == {"01", "60"}
    assert tiles_touching(cut) == tiles == tiles_touching(behind)


@pytest.mark.parametrize(
    ("area", "reason"),
    [
        (shapely.Polygon(), "empty"),
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "Self-intersection"),
        (shapely.box(10, 83, 11, 84.5), "84° N"),
        (shapely.box(10, -81, 11, -79), "80° S"),
        (shapely.Point(500000, 5400000), "degrees"),
        (shapely.Polygon([(179, 10), (-179, 10), (-179, 11), (179, 11)]), "antimeridian"),
        (shapely.Point(float("nan"), 1), "not a number|empty"),
        (shapely.box(-100, -60, 70, 60), "more than"),
    ],
)
def test_areas_that_cannot_be_used_say_why(area, reason):
    with pytest.raises(InputError, match=reason):
        tiles_touching(area)


@pytest.mark.shared_data
def test_the_seeds_tiles_are_named_by_their_middles(shared_data):
    tiles = load_object(shared_data / "bigearthnet" / "BigEarthNetTileInfo_v2.npy")["tile_info"]
    assert len(tiles) == 56
    for tile, records in tiles.items():
        record = next(iter(records.values()))
        back = pyproj.Transformer.from_crs(int(record["EPSG"]), 4326, always_xy=True)
        ulx, uly, *_ = record["coordinate"]
        zone = int(tile[:2])
        steps = [5e3, 20e3, 50e3, 80e3, 95e3]
        places = [back.transform(ulx + dx, uly - dy) for dx in steps for dy in steps]
        inside = [place for place in places if 6 * zone - 186 < place[0] < 6 * zone - 180]
        assert inside
        assert all(tiles_touching(shapely.Point(place)) == (tile,) for place in inside)
