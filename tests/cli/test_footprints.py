"""The command that makes a table of tiles, as a user runs it."""

import geopandas
import pytest
import shapely

V2 = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"


def test_inputs_become_one_table(command, tmp_path):
    out = tmp_path / "deep" / "tiles.parquet"
    june = ["--from", "2017-06-01", "--to", "2017-06-30"]
    ended = command("footprints", V2, "33UVP", "33UUP@2017-06-13T10:10:31Z", *june, "--out", out)
    assert ended.code == 0
    assert ended.out == f"2 rows (2 tiles), 1 merged, 0 refused: in {out}\n"
    assert f"merged: 33UUP_20170613T101031: {V2}, 33UUP@2017-06-13T10:10:31Z" in ended.err
    assert list(geopandas.read_parquet(out).tile) == ["33UUP", "33UVP"]


def test_a_bad_row_is_a_finding_and_the_others_are_written(command, tmp_path):
    out = tmp_path / "tiles.parquet"
    ended = command("footprints", V2, "../x", "33ZUP@2017-06-13", "-o", out, "--json")
    assert ended.code == 1
    assert [one["source"] for one in ended.data["refused"]] == ["../x", "33ZUP@2017-06-13"]
    assert ended.data["tiles"] == [
        {"key": "33UUP_20170613T101031", "product": V2, "patches": None, "source": V2}
        | {"acquired": "2017-06-13T10:10:31Z", "span": None}
    ]
    assert ended.err.count("refused: ") == 2
    assert out.exists()


def test_nothing_but_bad_rows_is_bad_input_and_writes_nothing(command, tmp_path):
    out = tmp_path / "tiles.parquet"
    out.write_text("what stood there")
    ended = command("footprints", "../x", "S2A_" + "x" * 296, "a\nb", "-o", out)
    assert ended.code == 2
    assert "nothing written" in ended.out
    assert len(ended.err.splitlines()) == 3
    assert out.read_text() == "what stood there"


def test_of_an_area_the_patches_that_touch_it_and_the_time_that_stands_for_a_range(command, tmp_path):
    """Two places near Kleve: of the western one, which two tiles see, the one has no whole patch."""
    area = tmp_path / "kleve.geojson"
    places = [shapely.Point(6.0265, 51.6456), shapely.Point(6.3, 51.6).buffer(0.001)]
    geopandas.GeoDataFrame(geometry=places, crs=4326).to_file(area)
    june = ["--from", "2017-06-01", "--to", "2017-06-30", "-o", tmp_path / "tiles.parquet"]
    ended = command("footprints", area, *june, "--json")
    assert ended.code == 0
    tiles = {found["key"]: found["patches"] for found in ended.data["tiles"]}
    assert list(tiles) == [f"{tile}_20170616T000000" for tile in ("31UFT", "31UGT", "32ULC")]
    assert tiles["31UFT_20170616T000000"] == 0
    assert all(1 <= tiles[f"{tile}_20170616T000000"] <= 5 for tile in ("31UGT", "32ULC"))
    assert [found["acquired"] for found in ended.data["tiles"]] == ["2017-06-16T00:00:00Z"] * 3
    assert ended.data["tiles"][0]["span"] == ["2017-06-01T00:00:00Z", "2017-07-01T00:00:00Z"]
    (warning,) = ended.data["warnings"]
    assert "31UFT" in warning["source"]
    assert ended.err.count("time: 2017-06-16 00:00:00 UTC, the middle of 2017-06-01 00:00:00 to 2017-07-01") == 1
    assert ended.err.count("warning: ") == 1
    whole = command("footprints", area, *june, "--whole-tiles", "--json", "-q")
    assert [found["patches"] for found in whole.data["tiles"]] == [None] * 3
    assert whole.err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["33UUP", "--from", "2017-06-01"],
        ["33UUP", "--from", "2017-06-02", "--to", "2017-06-01"],
        ["33UUP", "--from", "x", "--to", "y"],
        [],
    ],
)
def test_a_range_that_is_none_is_bad_input(command, tmp_path, arguments):
    ended = command("footprints", *arguments, "-o", tmp_path / "tiles.parquet")
    assert ended.code == 2
    assert ended.err.splitlines()[-1].startswith("error: ")
    assert not (tmp_path / "tiles.parquet").exists()


def test_many_refusals_are_cut_for_people_and_whole_for_machines(command, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("nothing\n" * 100 + V2 + "\n")
    ended = command("footprints", names, "-o", tmp_path / "tiles.parquet", "--json")
    assert len(ended.data["refused"]) == 100
    assert len(ended.err.splitlines()) == 21
    assert "80 more" in ended.err


def test_a_disk_that_refuses_is_one_line(command, tmp_path):
    (tmp_path / "file").write_text("")
    ended = command("footprints", V2, "-o", tmp_path / "file" / "tiles.parquet")
    assert ended.code == 2
    assert ended.err.splitlines()[-1].startswith("error: cannot write")


@pytest.mark.shared_data
def test_the_seed_and_the_published_patches_together(command, shared_data, tmp_path):
    folder = shared_data / "bigearthnet"
    ended = command("footprints", folder / "metadata.parquet", folder / "BigEarthNetTileInfo_v2.npy", "-q", "--json",
                    "-o", tmp_path / "tiles.parquet")  # fmt: skip
    assert ended.code == 0
    assert (len(ended.data["tiles"]), len(ended.data["merged"]), ended.data["refused"]) == (125, 115, [])


def test_a_time_in_place_of_a_range(command, tmp_path):
    out = tmp_path / "tiles.parquet"
    area = "POLYGON ((2.3 48.8, 2.4 48.8, 2.4 48.9, 2.3 48.9, 2.3 48.8))"
    ended = command("footprints", area, "33UUP", "--acquired", "2017-06-13T10:10:31Z", "--out", out, "--json")
    assert [tile["key"] for tile in ended.data["tiles"]] == ["31UDQ_20170613T101031", "33UUP_20170613T101031"]
    table = geopandas.read_parquet(out)
    assert table.span_start.isna().all()
    both = command("footprints", area, "--acquired", "2017-06-13", "--from", "2017-06-13", "--to", "2017-06-14")
    assert (both.code, len(both.err.splitlines())) == (2, 1)
    asked = command("footprints", "--earth-engine", "--tile", "33UUP", "--acquired", "2017-06-13")
    assert (asked.code, len(asked.err.splitlines())) == (2, 1)
    assert command("footprints", area, "--acquired", "yesterday").code == 2
