from __future__ import annotations

import math
from datetime import UTC, datetime

import pyproj
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S2PatchNameV2, S2ProductName
from gee_s1ben.domain.tile import PATCH_PX, TILE_PX, PatchBlock, Target, tile_grid
from gee_s1ben.errors import InputError, NamingError
from gee_s1ben.footprints.unpickling import load_object

PRODUCT = S2ProductName.parse("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP")
NOON = datetime(2017, 6, 13, 12, tzinfo=UTC)
SMALL = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 500, 380)


@pytest.mark.parametrize(
    ("name", "epsg", "ulx", "uly"),
    [
        ("29SNB", 32629, 499980, 4200000),
        ("33UUP", 32633, 300000, 5400000),
        ("34WFV", 32634, 600000, 7500000),
        ("31UGR", 32631, 699960, 5600040),
        # South: counted from the equator, so not a multiple of 60 m with the false northing.
        ("35LQL", 32735, 699960, 9100000),  # the STAC item S2B_35LQL_20260423_0_L2A
        ("53JNM", 32753, 499980, 7200040),  # tile metadata in GDAL's test of its SENTINEL2 driver; name by MGRS
        ("56HLD", 32756, 300000, 5900020),  # the tile-sized GeoBox of a test in odc-geo; name by MGRS
        ("01CDL", 32701, 399960, 1100020),  # beyond 80° S
        ("10CDS", 32710, 399960, 1200040),  # 79.2° S
        ("31VFC", 32631, 600000, 6300000),  # reaches into the wide zone 32 with its eastern half
        ("31VFL", 32631, 600000, 7100040),
    ],
)
def test_published_tiles(name, epsg, ulx, uly):
    assert tile_grid(name) == Grid(f"EPSG:{epsg}", (10, 0, ulx, 0, -10, uly), TILE_PX, TILE_PX)


@pytest.mark.shared_data
def test_all_tiles_of_the_seed(shared_data):
    tiles = load_object(shared_data / "bigearthnet" / "BigEarthNetTileInfo_v2.npy")["tile_info"]
    records = [(tile, record) for tile, found in tiles.items() for record in found.values()]
    assert len(records) == 125
    assert len({tile for tile, _ in records}) == 56
    for tile, record in records:
        grid = tile_grid(tile)
        ulx, uly, brx, bry = record["coordinate"]
        assert grid.crs == f"EPSG:{record['EPSG'].decode()}"
        assert grid.bounds == (ulx, bry, brx, uly)


@given(st.floats(-180, 179.999), st.floats(-80, 84))
def test_the_square_of_any_place_is_found(lon, lat):
    """Name the square of a place by the rules of MGRS, with pyproj's projection; the tile must contain the place."""
    zone = int((lon + 180) // 6) + 1
    if 56 <= lat < 64 and 3 <= lon < 12:
        zone = 32
    if lat >= 72 and 0 <= lon < 42:
        zone = 31 if lon < 9 else 33 if lon < 21 else 35 if lon < 33 else 37
    easting, northing = pyproj.Transformer.from_crs(
        "EPSG:4326", f"+proj=utm +zone={zone} +ellps=WGS84 +units=m", always_xy=True
    ).transform(lon, lat)  # fmt: skip
    assume(100_000 <= easting < 900_000)
    band = "CDEFGHJKLMNPQRSTUVWX"[min(int((lat + 80) // 8), 19)]
    column = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")[(zone - 1) % 3][int(easting // 1e5) - 1]
    row = ("ABCDEFGHJKLMNPQRSTUV", "FGHJKLMNPQRSTUVABCDE")[(zone - 1) % 2][int(northing // 1e5) % 20]
    name = f"{zone:02d}{band}{column}{row}"
    try:
        grid = tile_grid(name)
    except NamingError as error:
        # ESA's grid lacks the square, or has it in another band; then the message leads to a tile that it has.
        tile_grid(str(error).rpartition(" ")[2])
        return
    assert grid.crs == f"EPSG:{326 if band >= 'N' else 327}{zone:02d}"
    west, south, east, north = grid.bounds
    y = northing if band >= "N" else northing + 10_000_000
    assert west <= easting < west + 100_000 + 60
    assert north - 100_000 - 60 <= y <= north
    assert math.isclose(east - west, 109_800)
    assert math.isclose(north - south, 109_800)


@pytest.mark.parametrize(
    ("name", "epsg", "ulx", "uly"),
    [
        # South-west Norway belongs to zone 32; its squares reach 3° further west than those of an ordinary zone.
        ("32VKM", 32632, 199980, 6700020),
        ("31XEG", 32631, 499980, 8700000),
        ("33XWG", 32633, 499980, 8700000),
        ("35XMG", 32635, 399960, 8700000),
        ("37XDA", 32637, 399960, 8100000),
    ],
)
def test_special_zones(name, epsg, ulx, uly):
    grid = tile_grid(name)
    assert (grid.crs, grid.transform[2], grid.transform[5]) == (f"EPSG:{epsg}", ulx, uly)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("33AUP", "polar"),
        ("33BUP", "polar"),
        ("33YUP", "polar"),
        ("33ZUP", "polar"),
        ("YXJ", "two digits and three capitals"),
        ("33IUP", "letters I and O"),
        ("33UOP", "letters I and O"),
        ("33UUI", "letters I and O"),
        ("33UAP", "columns S to Z"),
        ("31UJR", "columns A to H"),
        ("32TAT", "columns J to R"),
        ("33UUW", "rows run from A to V"),
        ("00UUP", "no UTM zone"),
        ("61UUP", "no UTM zone"),
        ("32XNG", "seen by 33XUB"),  # zones that the wide ones around Svalbard leave no room for
        ("34XDG", "seen by 33XXB"),
        ("36XVG", "seen by 35XPB"),
        ("33TUP", "as 33UUP"),  # most of the square lies in band U
        ("33UUK", "as 33TUK"),
        ("55UAK", "does not lie in"),
        ("31VGJ", "seen by 32VMP"),  # what lies there belongs to 32V
        ("33WSS", "seen by 31WFS"),  # the zone is narrower than eight squares up there
        ("32UKC", "seen by 31UFT"),  # only a sliver of it belongs to the zone
        ("T33UUP", "two digits and three capitals"),
        ("3UUP", "two digits and three capitals"),
        ("33uup", "two digits and three capitals"),
        ("33UUP\n", "two digits and three capitals"),
        ("٣٣UUP", "two digits and three capitals"),
        ("33UUP" * 60, "two digits and three capitals"),
        ("", "two digits and three capitals"),
    ],
)
def test_unknown_tiles_say_why(name, reason):
    with pytest.raises(NamingError, match=reason) as caught:
        tile_grid(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 150


def test_the_last_half_patch_is_dropped():
    target = Target.of_product(PRODUCT)
    assert target.block == PatchBlock(0, 90, 0, 90)
    patches = list(target.patches())
    assert len(patches) == len(set(patches)) == len(target.block) == 8281
    assert patches[:2] == [(0, 0), (1, 0)]
    assert patches[-1] == (90, 90)


def test_patch_grids():
    target = Target.of_product(PRODUCT)
    assert target.key == "33UUP_20170613T101031"
    # The published patch 33UUP_70_48.
    assert target.patch_grid(70, 48) == Grid("EPSG:32633", (10, 0, 384000, 0, -10, 5342400), PATCH_PX, PATCH_PX)
    for col, row in [(91, 0), (0, 91), (-1, 0), (0, -1)]:
        with pytest.raises(InputError, match="no patch"):
            target.patch_grid(col, row)


def test_names_of_sentinel_2_patches():
    whole = S2ProductName.parse("S2A_MSIL2A_20170613T101031_N0205_R022_T33UUP_20170613T101608.SAFE")
    name = Target.of_product(whole).s2_patch(0, 48)
    assert name == "S2A_MSIL2A_20170613T101031_N0205_R022_T33UUP_00_48"
    assert str(S2PatchNameV2.parse(name)) == name
    short = S2ProductName.parse("S2A_MSIL2A_20170613T101031")
    assert Target("33UUP", SMALL, NOON, short).s2_patch(0, 2) == "S2A_MSIL2A_20170613T101031_0_2"
    assert Target("own-grid", SMALL, NOON).s2_patch(0, 2) == "own-grid_20170613T120000_0_2"


def test_own_grid_and_block():
    target = Target("own-grid", SMALL, NOON)
    assert list(target.patches()) == [(col, row) for row in range(3) for col in range(4)]
    block = PatchBlock(1, 2, 2, 2)
    assert list(Target("own-grid", SMALL, NOON, block=block).patches()) == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Target("own grid", SMALL, NOON), "cannot name"),
        (lambda: Target("g", SMALL, datetime(2017, 6, 13)), "UTC"),
        (lambda: Target("g", SMALL, NOON, patch_px=381), "holds no patch"),
        (lambda: Target("g", SMALL, NOON, patch_px=0), "empty"),
        (lambda: Target("g", SMALL, NOON, block=PatchBlock(0, 4, 0, 0)), "last whole patch is 3, 2"),
        (lambda: PatchBlock(1, 0, 0, 0), "empty"),
        (lambda: PatchBlock(-1, 0, 0, 0), "negative"),
        (lambda: Target.of_product(S2ProductName.parse("S2A_MSIL2A_20170613T101031")), "names no tile"),
    ],
)
def test_targets_check_themselves(make, reason):
    with pytest.raises(InputError, match=reason):
        make()


CELLS = st.tuples(st.integers(0, 90), st.integers(0, 90))


@given(st.sets(CELLS, min_size=1, max_size=30))
def test_listed_patches_are_wanted_and_no_others(cells):
    target = Target("33UUP", tile_grid("33UUP"), datetime(2017, 6, 13, tzinfo=UTC), cells=tuple(cells))
    patches = list(target.patches())
    assert set(patches) == cells
    assert patches == sorted(cells, key=lambda cell: (cell[1], cell[0]))
    assert all(cell in set(target.block) for cell in cells)


def test_patches_that_fill_a_block_are_that_block():
    grid, when = tile_grid("33UUP"), datetime(2017, 6, 13, tzinfo=UTC)
    listed = Target("33UUP", grid, when, cells=((5, 7), (4, 7), (4, 8), (5, 8), (5, 8)))
    assert listed == Target("33UUP", grid, when, block=PatchBlock(4, 5, 7, 8))


@pytest.mark.parametrize("cells", [(), ((91, 0),), ((0, -1),)])
def test_patches_outside_the_tile_are_refused(cells):
    with pytest.raises(InputError):
        Target("33UUP", tile_grid("33UUP"), datetime(2017, 6, 13, tzinfo=UTC), cells=cells)
