"""The table of tiles: what is written is read, by us and by others."""

from dataclasses import replace

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentinel2_metadata import write_safe

from gee_s1ben.domain.naming import S2ProductName
from gee_s1ben.domain.tile import Target
from gee_s1ben.errors import InputError
from gee_s1ben.footprints import Span, TileRow, collect, read_tiles, write_tiles
from gee_s1ben.footprints.outline import tile_outline
from gee_s1ben.footprints.table import blocks_of

PRODUCT = S2ProductName.parse("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP")
JUNE = Span.parse("2017-06-01", "2017-06-30")
CELLS = st.sets(st.tuples(st.integers(0, 90), st.integers(0, 90)), min_size=1)


def in_rows(cells):
    return tuple(sorted(cells, key=lambda cell: (cell[1], cell[0])))


@given(CELLS)
def test_blocks_cover_each_patch_once(cells):
    covered = [cell for block in blocks_of(in_rows(cells)) for cell in block]
    assert len(covered) == len(cells)
    assert set(covered) == cells


def test_a_rectangle_is_one_block():
    cells = [(col, row) for row in range(5, 9) for col in range(3, 40)]
    assert len(blocks_of(cells)) == 1


@given(CELLS | st.none(), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_rows_come_back(tmp_path, cells, pacific):
    path = tmp_path / "tiles.parquet"
    tile = TileRow.of_tile("01KAB" if pacific else "33UVP", JUNE, "here")
    row = replace(TileRow.of_product(PRODUCT, "there"), patches=None if cells is None else in_rows(cells))
    write_tiles([row, tile], path)
    collected = collect([str(path)])
    assert collected.refused == ()
    assert sorted(map(plain, collected.rows)) == sorted(map(plain, [row, tile]))
    targets = read_tiles(path)
    assert targets[0] == Target("33UUP", row.grid, row.acquired, PRODUCT, cells=row.patches)
    assert targets[0].s2_patch(70, 48) == f"{PRODUCT}_70_48"
    assert targets[1] == Target(tile.tile, tile.grid, JUNE.middle)


def plain(row):
    return (row.key, str(row.product), str(row.span), str(row.patches), row.footprint.wkt, row.source, row.measured)


def test_a_measured_footprint_comes_back(tmp_path):
    rows = collect([str(write_safe(tmp_path))]).rows
    write_tiles(rows, tmp_path / "tiles.parquet")
    (back,) = collect([str(tmp_path / "tiles.parquet")]).rows
    assert back == rows[0]


def test_others_read_it_as_geoparquet(tmp_path):
    path = tmp_path / "tiles.parquet"
    rows = collect(["01KAB@2017-06-13", "33UUP@2017-06-13"]).rows
    write_tiles(rows, path)
    frame = geopandas.read_parquet(path)
    assert frame.crs == "EPSG:4326"
    assert list(frame.tile) == ["01KAB", "33UUP"]
    assert list(frame.epsg) == [32701, 32633]
    assert list(frame.ulx) == [99960, 300000]
    assert all(one.equals(tile_outline(tile)) for tile, one in zip(frame.tile, frame.geometry, strict=True))
    assert str(frame.acquired.dtype) == "datetime64[us, UTC]"
    assert list(frame.width) == [10980, 10980]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    rows = collect(["33UUP@2017-06-13"]).rows
    for name in "ab":
        write_tiles(rows, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def change(path, **columns):
    table = pq.read_table(path)
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    pq.write_table(table, path)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"tile": ["33UVP"]}, "disagree"),
        ({"tile": ["../x"]}, "disagree"),
        ({"tile": [7]}, "no text"),
        ({"product": ["x" * 300]}, "not a Sentinel-2 product"),
        ({"epsg": [32632]}, "epsg"),
        ({"ulx": [300010.0]}, "ulx"),
        ({"width": [10981]}, "width"),
        ({"acquired": ["today"]}, "no time"),
        ({"patches": [[{"first_col": 0, "last_col": 91, "first_row": 0, "last_row": 0}]]}, "91"),
        ({"patches": [[{"first_col": 5, "last_col": 4, "first_row": 0, "last_row": 0}]]}, "empty or negative"),
        ({"patches": [[{"first_col": 5}]]}, "wrong type"),
        ({"patches": ["all"]}, "wrong type"),
        ({"measured": [True], "geometry": [shapely.to_wkb(shapely.box(0, 0, 1, 1))]}, "disagree"),
        ({"measured": [True], "geometry": [b"\x01\x02"]}, "wrong type"),
    ],
)
def test_a_table_that_was_changed_by_hand_is_held_against_the_law(tmp_path, columns, reason):
    path = tmp_path / "tiles.parquet"
    write_tiles([TileRow.of_product(PRODUCT, "here")], path)
    change(path, **columns)
    with pytest.raises(InputError, match=f"row 1.*{reason}"):
        read_tiles(path)


def test_tile_and_time_suffice(tmp_path):
    import pandas as pd

    path = tmp_path / "tiles.parquet"
    times = pd.to_datetime(["2017-06-13T10:10:31"])
    pd.DataFrame({"tile": ["33UUP"], "acquired": times}).to_parquet(path)
    (target,) = read_tiles(path)
    assert target.key == "33UUP_20170613T101031"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"x" * 100])
def test_what_is_no_table_is_refused(tmp_path, content):
    path = tmp_path / "tiles.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no readable Parquet"):
        read_tiles(path)


def test_an_empty_or_missing_table_is_refused(tmp_path):
    write_tiles([TileRow.of_product(PRODUCT, "here")], tmp_path / "tiles.parquet")
    pq.write_table(pq.read_table(tmp_path / "tiles.parquet").slice(0, 0), tmp_path / "none.parquet")
    for name in ("none.parquet", "missing.parquet"):
        with pytest.raises(InputError):
            read_tiles(tmp_path / name)
