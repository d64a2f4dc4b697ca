"""Names of products and tiles, alone and in lists."""

from datetime import UTC, datetime

import pytest
from sentinel2_metadata import OLD_GRANULE, OLD_PRODUCT

from gee_s1ben.errors import InputError
from gee_s1ben.footprints import Refusal, Span, TileRow, collect
from gee_s1ben.footprints.row import parse_moment

JUNE = Span.parse("2017-06-01", "2017-06-30")
GRANULE = OLD_GRANULE.format(tile="33UUP")


def one(text, span=None):
    collected = collect([text], span)
    found = [*collected.rows, *collected.refused]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    "name",
    [
        "01CDL@2023-01-05", "10CDS@2023-01-05", "31VFC@2023-01-05", "31VFL@2023-01-05",
        "S2A_MSIL1C_20230105T163821_N0509_R083_T01CDL_20230105T193523",
    ],
)  # fmt: skip
def test_tiles_of_esas_grid_that_mgrs_would_not_have_are_taken(name):
    row = one(name)
    assert isinstance(row, TileRow)
    assert row.footprint.is_valid
    assert row.tile in name


@pytest.mark.parametrize(
    "name",
    [
        "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608",
        "S2A_MSIL2A_20170613T101031_N0205_R022_T33UUP_20170613T101608",
        "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP",
    ],
)
@pytest.mark.parametrize("safe", ["", ".SAFE"])
def test_a_product_is_its_tile_at_its_time(name, safe):
    row = one(name + safe)
    assert (row.tile, row.acquired) == ("33UUP", datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC))
    assert str(row.product) == name
    assert row.grid.xy(0, 0) == (300000, 5400000)
    assert not row.measured
    assert row.patches is None


@pytest.mark.parametrize("between", ["/", ".SAFE/", ".SAFE/GRANULE/", "/GRANULE/"])
def test_an_old_product_and_a_granule_are_one_tile(between):
    row = one(f"{OLD_PRODUCT}{between}{GRANULE}")
    assert row.key == "33UUP_20160831T101022"
    assert str(row.product) == "S2A_MSIL1C_20160831T101022_N0204_R022_T33UUP"


@pytest.mark.parametrize(
    ("name", "reason"), [(OLD_PRODUCT, "many tiles"), (GRANULE, "does not say when"), (f"{OLD_PRODUCT}/x", "granule")]
)
def test_half_an_old_name_says_what_is_missing(name, reason):
    assert reason in one(name).reason


def test_a_tile_takes_the_middle_of_a_range():
    row = one("33UUP", JUNE)
    assert row.acquired == datetime(2017, 6, 16, tzinfo=UTC)
    assert row.span == JUNE
    assert one("T33UUP@2017-06-01/2017-06-30").key == row.key


def test_a_tile_at_a_time_needs_no_range():
    row = one("33UUP@2017-06-13T12:10:31+02:00", JUNE)
    assert row.acquired == datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC)
    assert row.span is None


@pytest.mark.parametrize(
    ("first", "last"),
    [("2017-06-30", "2017-06-01"), ("x", "2017-06-01"), ("2017-06-01", "2017-02-30"), ("9" * 99, "1")],
)
def test_a_range_that_is_none_is_refused(first, last):
    with pytest.raises(InputError):
        Span.parse(first, last)


def test_a_day_at_the_end_of_a_range_is_whole():
    assert Span.parse("2017-06-01", "2017-06-01").stop == parse_moment("2017-06-02")
    assert Span.parse("2017-06-01", "2017-06-01T06:00Z").middle == parse_moment("2017-06-01T03:00")


@pytest.mark.parametrize(
    "name",
    [
        "", "33UUP", "91UUP@2017-06-13", "33XUP@2017-06-13", "33ZUP@2017-06-13", "33UUP@yesterday", "33UUP@2017-06-13/",
        "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_91_00", "S2A_MSIL2A_20170613T101031", "S2A_MSIL2A_" + "7" * 289,
        "S2A_MSIL2A_20170613T101031_N9999_R022_T33ZZZ", "S2A_MSIL2A_20171313T101031_N9999_R022_T33UUP",
        "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP/../../x", "S2A_MSIL2A_20170613T101031_N9999_R022_T32XMG",
        "a\0b", "a\nb\x1b[31m", "x" * 5000, "§",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_clear_line(name):
    refusal = one(name)
    assert isinstance(refusal, Refusal)
    text = f"{refusal.source}: {refusal.reason}"
    assert text.isprintable()
    assert len(text) < 600


def test_a_list_goes_on_after_a_bad_line(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text(
        "\ufeff# tiles of June\n33UUP\n\n  S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP  # the one\n../etc/passwd\n"
        + "9" * 300 + "\n31UDQ@2017-06-05\n", "utf-8",
    )  # fmt: skip
    collected = collect([str(path)], JUNE)
    assert [row.key for row in collected.rows] == [
        "31UDQ_20170605T000000",
        "33UUP_20170613T101031",
        "33UUP_20170616T000000",
    ]
    assert [refusal.source for refusal in collected.refused] == [f"{path} line 5", f"{path} line 6"]


def test_a_name_with_a_day_alone_takes_the_middle_of_the_day():
    row = one("S2A_33UUP_20170613_0_L2A")
    assert row.span == Span.parse("2017-06-13", "2017-06-13")
    assert row.key == "33UUP_20170613T120000"
    assert row.product is None


def test_an_id_of_earth_engine_is_the_tile_that_the_product_is():
    product = "S2A_MSIL2A_20170613T101031_N0205_R022_T33UUP_20170613T101608"
    collected = collect(["COPERNICUS/S2_SR/20170613T101031_20170613T101608_T33UUP", f"some/where/{product}.SAFE.zip"])
    assert [str(row.product) for row in collected.rows] == [product]


def test_patches_of_one_product_make_one_row(tmp_path):
    product = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
    path = tmp_path / "patches.txt"
    path.write_text(f"{product}_00_48\n{product}_90_02\n{product}_00_48\n{product}_91_02\n")
    collected = collect([str(path)])
    assert [row.patches for row in collected.rows] == [((90, 2), (0, 48))]
    assert collected.merged == ()
    assert [refusal.source for refusal in collected.refused] == [f"{path} line 4"]


NAME = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", f"'{NAME}',\r\n"),
        ("a.csv", f"id,cloud,Name\r\n1,3.5,{NAME}.SAFE\r\n"),
        ("a.csv", "cloud;system:index\n3,5;20170613T101031_20170613T101608_T33UUP\n"),
        ("a.tsv", f"patch_id\tlabels\n{NAME}_00_01\tForest\n"),
        ("a.csv", "mgrs_tile,cloud,datetime\n33UUP,3,2017-06-13T10:10:31Z\n"),
        ("a.csv", f"{NAME},some remark\n"),
        ("a.txt", f'# of June\nname,cloud\n"{NAME}",3\n'),
        ("a.csv", f"s1_name,s2_name\nS1A_IW_GRDH_1SDV_20170613T165043_33UUP_0_1,{NAME}_00_01\n"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists_and_tables_of_names(tmp_path, name, text, encoding):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    collected = collect([str(path)])
    assert collected.refused == ()
    assert [row.key for row in collected.rows] == ["33UUP_20170613T101031"]


def test_a_row_of_a_table_that_names_nothing_is_refused_with_its_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"name,note\n{NAME},x\n,\nnothing,x\n")
    assert [refusal.source for refusal in collect([str(path)]).refused] == [f"{path} line 4"]


def test_a_list_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in one(str(path)).reason


def test_names_are_never_paths_in_a_list(tmp_path):
    (tmp_path / "inner.txt").write_text("33UUP\n")
    path = tmp_path / "names.txt"
    path.write_text(f"{tmp_path / 'inner.txt'}\n")
    assert isinstance(one(str(path), JUNE), Refusal)


def test_the_row_makes_the_target_that_the_configuration_makes():
    from gee_s1ben.domain.naming import S2ProductName
    from gee_s1ben.domain.tile import Target

    name = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
    row = one(name)
    assert isinstance(row, TileRow)
    assert row.target() == Target.of_product(S2ProductName.parse(name))
