"""Small files that would end the process, or never end: refused in one line, at once."""

from __future__ import annotations

import json
import os
import pickle
import socket
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.config.located import read_located
from gee_s1ben.engine.catalog.documents import read_object
from gee_s1ben.errors import CatalogError, ConfigError, InputError
from gee_s1ben.footprints.collecting import Collected, collect
from gee_s1ben.footprints.parquet import read_table
from gee_s1ben.footprints.row import Span
from gee_s1ben.footprints.unpickling import load_object
from gee_s1ben.footprints.wellknown import check_wkb, read_wkb, read_wkt
from gee_s1ben.storage.files import check_regular, lines_of, open_regular

SPAN = Span(datetime(2017, 6, 1, tzinfo=UTC), datetime(2017, 7, 1, tzinfo=UTC))
AREA = shapely.box(16.0, 48.0, 16.1, 48.1)


def refused(path: Path, words: str) -> Collected:
    """Collect a file, within seconds and with one refusal of one line."""
    begun = time.monotonic()
    found = collect([str(path)], SPAN)
    assert time.monotonic() - begun < 5
    assert found.rows == ()
    (refusal,) = found.refused
    assert words in refusal.reason
    assert "\n" not in refusal.reason
    assert len(refusal.reason) < 500
    return found


def nested(levels: int, order: str = "<", code: int = 7, extra: bytes = b"") -> bytes:
    """Collections in a collection, as deep as wanted, with a point at the bottom."""
    head = struct.pack(f"{order}BI", order == "<", code) + extra + struct.pack(f"{order}I", 1)
    return head * levels + struct.pack("<BIdd", 1, 1, 16.0, 48.0)


def in_tiles(path: Path, content: bytes) -> Path:
    pq.write_table(
        pa.table({
            "tile": ["33UUP"], "acquired": [datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC)], "measured": [True],
            "geometry": [content],
        }), path,
    )  # fmt: skip
    return path


def in_areas(path: Path, content: bytes) -> Path:
    geo = {"version": "1.0.0", "primary_column": "geometry",
           "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}}}  # fmt: skip
    schema = pa.schema([("geometry", pa.binary())]).with_metadata({"geo": json.dumps(geo)})
    pq.write_table(pa.table({"geometry": [content]}, schema=schema), path)
    return path


WKB = {
    "collections in collections": (nested(50_000), "levels deep"),
    "big-endian": (nested(50_000, ">"), "levels deep"),
    "with z, by ISO's number": (nested(50_000, code=1007), "levels deep"),
    "with a flag and an SRID": (nested(50_000, code=0xA0000007, extra=bytes(4)), "levels deep"),
    "multi-points in multi-points": (nested(50_000, code=4), "levels deep"),
    "more points than bytes": (struct.pack("<BII", 1, 2, 2**32 - 1), "cut off"),
    "more rings than bytes": (struct.pack("<BII", 1, 3, 2**32 - 1), "cut off"),
    "more parts than bytes": (struct.pack("<BII", 1, 7, 2**32 - 1), "cut off"),
    "curves": (struct.pack("<BII", 1, 9, 1), "kind 9"),
    "next to nothing": (b"\x01", "cut off"),
}


@pytest.mark.parametrize("make", [in_tiles, in_areas])
@pytest.mark.parametrize(("content", "words"), WKB.values(), ids=WKB)
def test_hostile_wkb(tmp_path: Path, make: Callable[[Path, bytes], Path], content: bytes, words: str) -> None:
    refused(make(tmp_path / "a.parquet", content), words)


SHAPES = st.sampled_from([
    AREA, AREA.boundary, AREA.centroid, shapely.MultiPolygon([AREA, shapely.box(17, 48, 18, 49)]),
    AREA.buffer(0.1).difference(AREA), shapely.MultiPoint([(1, 2), (3, 4)]), shapely.Polygon(),
    shapely.GeometryCollection([AREA, shapely.GeometryCollection([AREA.centroid])]), shapely.force_3d(AREA, 5.0),
])  # fmt: skip


@given(SHAPES, st.sampled_from([0, 1]), st.sampled_from(["iso", "extended"]), st.booleans())
def test_all_that_shapely_writes_is_read(shape: Any, order: int, flavor: Any, srid: bool) -> None:
    given_shape = shapely.set_srid(shape, 4326) if srid else shape
    content = shapely.to_wkb(given_shape, byte_order=order, flavor=flavor, include_srid=srid and flavor == "extended")
    assert shapely.equals_identical(read_wkb(content), shape)


@given(SHAPES, st.data())
def test_damaged_wkb_is_refused_or_read_never_more(shape: Any, data: st.DataObject) -> None:
    content = bytearray(shapely.to_wkb(shape))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        check_wkb(bytes(content[: data.draw(st.integers(0, len(content)))]))
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_nested_wkt() -> None:
    with pytest.raises(InputError, match="levels deep"):
        read_wkt("GEOMETRYCOLLECTION(" * 50_000 + "POINT(1 2)" + ")" * 50_000)
    assert read_wkt(AREA.wkt).equals(AREA)


def test_years_that_python_does_not_have(tmp_path: Path) -> None:
    beyond = pa.array([2**59, 1_497_348_631_000_000], pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"tile": ["33UUP", "33UUP"], "acquired": beyond}), tmp_path / "tiles.parquet")
    found = collect([str(tmp_path / "tiles.parquet")])
    assert [row.key for row in found.rows] == ["33UUP_20170613T101031"]
    assert [refusal.source.rpartition("/")[2] for refusal in found.refused] == ["tiles.parquet row 1"]


def test_texts_that_unpack_to_more_than_the_memory(tmp_path: Path) -> None:
    """A text of 10 MB a thousand times is a file of some kilobytes."""
    once = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), pa.array(["x" * 10_000_000]))
    pq.write_table(pa.table({"patch_id": once}), tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    refused(tmp_path / "a.parquet", "unpacks to 10000000000 bytes")
    with pytest.raises(InputError, match="has 1000 rows; at most 999 are read"):
        read_table(tmp_path / "a.parquet", max_rows=999)


def npy(path: Path, content: bytes) -> Path:
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        file.write(content)
    return path


def in_array(content: bytes) -> bytes:
    """Put a pickled value into a 0-d object array."""
    start = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85C\x01b\x87R(K\x01)"
    dtype = b"cnumpy\ndtype\nX\x02\x00\x00\x00O8K\x00K\x01\x87R"
    dtype += b"(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
    return start + dtype + b"\x89]" + content + b"atb."


def pair(times: int) -> bytes:
    """Opcodes of a tuple that holds the one before twice (DUP, TUPLE2), so often."""
    return b"K\x01" + b"2\x86" * times


PICKLES = {
    "a key that doubles": (b"}" + pair(40) + b"K\x01s", "a key is a tuple"),
    "keys that double, several": (b"}(" + pair(40) + b"K\x01u", "a key is a tuple"),
    "a set": (b"\x8f", "does not need"),
    "an object with a state": (b"}}b", "a state is given"),
    "a type of types": (b"cnumpy\ndtype\n]\x85R", "of a type that"),
    "a bytearray of the memory's size": (b"\x96" + struct.pack("<Q", 2**40), "broken"),
    "many marks": (b"(" * 600_000, "more than 500000 parts"),
}


@pytest.mark.parametrize(("content", "words"), PICKLES.values(), ids=PICKLES)
def test_hostile_pickles(tmp_path: Path, content: bytes, words: str) -> None:
    refused(npy(tmp_path / "a.npy", in_array(content)), words)


@pytest.mark.parametrize("key", ["EPSG", "coordinate", "footprint", "product_name"])
def test_values_whose_text_is_endless(tmp_path: Path, key: str) -> None:
    """A list that holds the one before twice, forty times: its ``repr`` has a trillion letters."""
    endless: Any = []
    for _ in range(40):
        endless = [endless, endless]
    record = {
        "EPSG": "32633", "coordinate": np.zeros(4), "footprint": AREA.wkt,
        "product_name": "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608", key: endless,
    }  # fmt: skip
    table = np.array({"tile_info": {"33UUP": {"a": record}}}, dtype=object)
    path = npy(tmp_path / "a.npy", pickle.dumps(table, 2))
    begun = time.monotonic()
    found = collect([str(path)])
    assert time.monotonic() - begun < 5
    assert found.rows == ()
    assert len(found.refused[0].reason) < 500
    assert load_object(path)["tile_info"]["33UUP"]["a"][key] is not None


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A GeoPackage of one area."""
    path = tmp_path / "a.gpkg"
    geopandas.GeoDataFrame(geometry=[AREA], crs="EPSG:4326").to_file(path, layer="areas")
    return path


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS fid, NULL AS geom FROM n"


CONTENTS = f"SELECT 'a' AS table_name, 'features' AS data_type, fid FROM ({ENDLESS})"  # noqa: S608 - a test's own
PROGRAMS = {
    "a layer": (["ALTER TABLE areas RENAME TO old", f"CREATE VIEW areas AS {ENDLESS}"], "layer 'areas' is a view"),
    "no layer": (["DROP TABLE areas"], "layer 'areas' is a missing table"),
    "a column": (
        ["ALTER TABLE areas ADD COLUMN x AS (length(zeroblob(900000000)))"],
        "column 'x' of layer 'areas' is computed",
    ),
    "the contents": (
        ["ALTER TABLE gpkg_contents RENAME TO old", f"CREATE VIEW gpkg_contents AS {CONTENTS}"],
        "gpkg_contents is a view",
    ),
}


@pytest.mark.parametrize(("changes", "words"), PROGRAMS.values(), ids=PROGRAMS)
def test_packages_that_are_programs(package: Path, changes: list[str], words: str) -> None:
    with closing(sqlite3.connect(package)) as database:
        database.execute("PRAGMA legacy_alter_table = ON")
        for name in [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
            database.execute(f'DROP TRIGGER "{name}"')
        for change in changes:
            database.execute(change)
        database.commit()
    refused(package, words)


def test_a_package_of_tables_is_read_and_its_other_views_are_not(package: Path) -> None:
    with closing(sqlite3.connect(package)) as database:
        database.execute(f"CREATE VIEW other AS {ENDLESS}")
        database.commit()
    assert {row.tile for row in collect([str(package)], SPAN).rows} >= {"33UWP"}


@pytest.fixture(params=["named pipe", "socket", "device", "folder"])
def not_a_file(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Callable[[str], Path], str]]:
    made: list[socket.socket] = []

    def make(name: str) -> Path:
        path = tmp_path / name
        match request.param:
            case "named pipe":
                os.mkfifo(path)
            case "socket":
                made.append(socket.socket(socket.AF_UNIX))
                os.chdir(tmp_path)
                made[-1].bind(name)
            case "device":
                path.symlink_to("/dev/zero")
            case _:
                path.mkdir()
        return path

    before = Path.cwd()
    yield make, request.param
    os.chdir(before)
    for one in made:
        one.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_stands_in_the_place_of_a_file(not_a_file: tuple[Callable[[str], Path], str]) -> None:
    make, kind = not_a_file
    for suffix in (".txt", ".npy", ".parquet", ".geojson", ".gpkg"):
        refused(make(f"a{suffix}"), "" if kind == "folder" else kind)
    path = make("config.yaml")
    for opened in (open_regular, check_regular):
        with pytest.raises(OSError, match="directory" if kind == "folder" else kind):
            opened(path)
    with pytest.raises(ConfigError, match="cannot read"):
        read_located(path)
    with pytest.raises(CatalogError, match="cannot be read"):
        read_object(path)


def test_lines_have_an_end(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text("a\n" + "x" * 20_000)
    with path.open() as file, pytest.raises(ValueError, match="a line is longer than 10000"):
        list(lines_of(file))
