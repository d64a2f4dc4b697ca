"""Products as folders and their metadata."""

from datetime import UTC, datetime

import pytest
import shapely
from sentinel2_metadata import (
    NEW_GRANULE,
    OLD_GRANULE,
    OLD_PRODUCT,
    PRODUCT,
    RING,
    granule_xml,
    product_xml,
    write_old_safe,
    write_safe,
)

from gee_s1ben.footprints import collect

OTHER_TILE = "S2A_MSIL1C_20170613T101031_N0205_R022_T33UVP_20170613T101608"


def only(collected):
    assert collected.refused == ()
    assert len(collected.rows) == 1
    return collected.rows[0]


def reasons(path):
    collected = collect([str(path)])
    assert collected.rows == ()
    return " ".join(refusal.reason for refusal in collected.refused)


def test_a_folder_gives_product_footprint_and_a_checked_grid(tmp_path):
    row = only(collect([str(write_safe(tmp_path))]))
    assert str(row.product) == PRODUCT
    assert row.measured
    assert row.footprint.equals(
        shapely.Polygon([(12.281, 48.721), (13.773, 48.746), (13.796, 47.759), (12.332, 47.734)])
    )


@pytest.mark.parametrize("inside", ["MTD_MSIL1C.xml", "GRANULE/L1C_T33UUP_A010317_20170613T101608/MTD_TL.xml"])
def test_either_metadata_file_gives_the_product(tmp_path, inside):
    row = only(collect([str(write_safe(tmp_path) / inside)]))
    assert str(row.product) == PRODUCT
    assert row.measured == (inside == "MTD_MSIL1C.xml")


def test_a_granules_file_by_itself_gives_tile_and_time(tmp_path):
    path = tmp_path / "MTD_TL.xml"
    path.write_text(granule_xml())
    row = only(collect([str(path)]))
    assert row.product is None
    assert row.acquired == datetime(2017, 6, 13, 10, 16, 8, tzinfo=UTC)


def test_heights_in_a_footprint_are_passed_over(tmp_path):
    path = tmp_path / "MTD_MSIL1C.xml"
    words = RING.split()
    with_heights = " ".join(f"{lat} {lon} 0" for lat, lon in zip(words[::2], words[1::2], strict=True))
    path.write_text(product_xml(ring=with_heights))
    assert only(collect([str(path)])).footprint.equals(only(collect([str(write_safe(tmp_path))])).footprint)


def test_an_old_product_gives_each_of_its_tiles(tmp_path):
    tiles = {"33UUP": (300000, 5400000), "33UVP": (399960, 5400000)}
    safe = write_old_safe(tmp_path, tiles, "49 12.9 49 15.5 47 15.5 47 12.9 49 12.9")
    for path in (safe, next(safe.glob("*.xml"))):
        collected = collect([str(path)])
        assert collected.refused == ()
        assert [row.key for row in collected.rows] == ["33UUP_20160831T101022", "33UVP_20160831T101022"]
        assert [str(row.product) for row in collected.rows] == [
            f"S2A_MSIL1C_20160831T101022_N0204_R022_T{tile}" for tile in tiles
        ]
        left, right = (row.footprint for row in collected.rows)
        assert left.bounds[0] == pytest.approx(12.9)  # where the swath begins
        assert right.bounds[0] == pytest.approx(13.6, abs=0.1)  # where the tile does


def test_an_old_granules_file_finds_its_product_in_the_way_to_it(tmp_path):
    safe = write_old_safe(tmp_path, {"33UUP": (300000, 5400000)}, RING)
    row = only(collect([str(next(safe.glob("GRANULE/*/*.xml")))]))
    assert row.key == "33UUP_20160831T101022"


def test_a_folder_of_products_goes_on_after_a_bad_one(tmp_path):
    write_safe(tmp_path)
    write_safe(tmp_path, OTHER_TILE, product_xml(OTHER_TILE), granule_xml())
    (tmp_path / "empty.SAFE").mkdir()
    collected = collect([str(tmp_path)])
    assert [str(row.product) for row in collected.rows] == [PRODUCT]
    assert len(collected.refused) == 3  # the footprint of another tile, a granule too many, and nothing at all


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("<!DOCTYPE a [<!ENTITY b 'c'>]>" + product_xml().partition("?>")[2], "DOCTYPE"),
        ('<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]><lolz>&b;</lolz>', "DOCTYPE"),
        ('<!DOCTYPE a SYSTEM "file:///etc/hostname"><a/>', "DOCTYPE"),
        ("<a>", "no readable XML"),
        ("", "no readable XML"),
        ("<a>" * 20_000 + "</a>" * 20_000, "nested deeper"),
        ("<html/>", "no metadata"),
        (product_xml(uri="../../etc/passwd"), "not the name"),
        (product_xml(uri="S2A_" + "x" * 300), "not the name"),
        (product_xml(uri=OLD_PRODUCT), "no granules"),
        (product_xml(uri=OLD_PRODUCT, granules=(OLD_GRANULE.format(tile="99UUP"),)), "99"),
        (product_xml(ring="1 2 3 4 5"), "no ring"),
        (product_xml(ring="1 2 3 nan 1 2"), "no number"),
        (product_xml(OTHER_TILE), "disagree"),
        (granule_xml(ulx=300010), "disagree"),
        (granule_xml(crs="EPSG:32632"), "disagree"),
        (granule_xml(tile_id=NEW_GRANULE.replace("33UUP", "33ZZZ")), "not the name"),
    ],
)
def test_bad_metadata_say_what_is_wrong(tmp_path, xml, reason):
    path = tmp_path / "MTD.xml"
    path.write_text(xml)
    assert reason in reasons(path)


def test_a_granule_in_the_folder_of_another_tile_is_refused(tmp_path):
    safe = write_safe(tmp_path, OTHER_TILE)
    assert "disagree" in reasons(next(safe.glob("GRANULE/*/*.xml")))


def test_large_metadata_are_not_read(tmp_path):
    path = tmp_path / "MTD.xml"
    path.write_bytes(b" " * 8_000_001)
    assert "larger than" in reasons(path)


def test_a_folder_without_products_says_so(tmp_path):
    assert "holds none" in reasons(tmp_path)
