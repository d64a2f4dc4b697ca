"""Names of Sentinel-2 images as catalogues spell them."""

from datetime import UTC, datetime

import pytest

from gee_s1ben.domain.naming import S2ProductName, read_tile_name
from gee_s1ben.errors import NamingError

PRODUCT = "S2A_MSIL2A_20170613T101031_N0205_R022_T33UUP_20170613T101608"
DATATAKE = datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC)
DATASTRIP = datetime(2017, 6, 13, 10, 10, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        PRODUCT,
        f"{PRODUCT}.SAFE",
        f"{PRODUCT}.zip",
        f"{PRODUCT}.SAFE.zip",
        f"{PRODUCT}.SAFE/",
        f"'{PRODUCT}'",
        f'\ufeff"{PRODUCT}",\r\n',
        f"/data/s2/{PRODUCT}.SAFE",
        f"../{PRODUCT}.SAFE",
        rf"C:\s2\{PRODUCT}.SAFE",
        f"/eodata/Sentinel-2/MSI/L2A/2017/06/13/{PRODUCT}.SAFE",
        f"gs://gcp-public-data-sentinel-2/L2/tiles/33/U/UP/{PRODUCT}.SAFE",
        f"https://stac.dataspace.copernicus.eu/v1/collections/sentinel-2-l2a/items/{PRODUCT}?token=a/b#c",
        f"{PRODUCT}.SAFE/GRANULE/L2A_T33UUP_A010318_20170613T101608/IMG_DATA/R10m/T33UUP_20170613T101031_B02_10m.jp2",
    ],
)
def test_a_product_is_found_whatever_stands_around_it(text):
    named = read_tile_name(text)
    assert named.product == S2ProductName.parse(PRODUCT)
    assert (named.tile, named.acquired, named.cell, named.whole_day) == ("33UUP", DATATAKE, None, False)


@pytest.mark.parametrize(
    ("text", "acquired"),
    [
        ("20170613T101031_20170613T101608_T33UUP", DATATAKE),
        ("COPERNICUS/S2/20170613T101031_20170613T101608_T33UUP", DATATAKE),
        ("COPERNICUS/S2_SR_HARMONIZED/20170613T101031_20170613T101608_T33UUP", DATATAKE),
        ("projects/earthengine-public/assets/COPERNICUS/S2/20170613T101031_20170613T101608_T33UUP", DATATAKE),
        ("S2A_MSIL2A_20170613T101031_R022_T33UUP_20210210T012345", DATATAKE),
        (("https://planetarycomputer.microsoft.com/api/stac/v1/collections/sentinel-2-l2a/items/"
         "S2A_MSIL2A_20170613T101031_R022_T33UUP_20210210T012345"), DATATAKE),
        ("S2A_T33UUP_20170613T101025_L2A", DATASTRIP),
        ("https://earth-search.aws.element84.com/v1/collections/sentinel-2-c1-l2a/items/S2A_T33UUP_20170613T101025_L2A",
         DATASTRIP),
        ("L1C_T33UUP_A010318_20170613T101025", DATASTRIP),
        ("T33UUP_20170613T101031_B8A.jp2", DATATAKE),
        ("T33UUP_20170613T101031_SCL_20m.tif", DATATAKE),
        ("HLS.S30.T33UUP.2017164T101031.v2.0", DATATAKE),
        ("SENTINEL2A_20170613-101031-460_L2A_T33UUP_D", DATATAKE),
    ],
)  # fmt: skip
def test_names_without_a_product_have_a_tile_and_a_time(text, acquired):
    named = read_tile_name(text)
    assert (named.tile, named.acquired, named.whole_day) == ("33UUP", acquired, False)
    assert named.product is named.cell is None


@pytest.mark.parametrize(
    ("text", "tile"),
    [
        ("S2A_33UUP_20170613_0_L2A", "33UUP"),
        ("S2B_1WCV_20170613_1_L2A", "01WCV"),
        ("S2A_L2A_20170613_33UUP_0", "33UUP"),
        ("s3://sentinel-s2-l1c/tiles/33/U/UP/2017/6/13/0/B02.jp2", "33UUP"),
        ("s3://sentinel-s2-l1c/tiles/1/W/CV/2017/6/13/0/", "01WCV"),
    ],
)
def test_names_with_a_day_alone_say_so(text, tile):
    named = read_tile_name(text)
    assert (named.tile, named.acquired, named.whole_day) == (tile, datetime(2017, 6, 13, tzinfo=UTC), True)


@pytest.mark.parametrize(
    ("text", "acquired", "cell"),
    [
        ("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_00_48", DATATAKE, (0, 48)),
        ("S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48", datetime(2017, 6, 13, 16, 50, 43, tzinfo=UTC), (70, 48)),
        (("BigEarthNet-S2/S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP/"
         "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_07_09/"), DATATAKE, None),
    ],
)  # fmt: skip
def test_patches_have_a_place_in_their_tile(text, acquired, cell):
    named = read_tile_name(text)
    assert (named.tile, named.acquired) == ("33UUP", acquired)
    assert named.cell == (cell or (7, 9))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("S2A_MSIL2A_20170613T101031_70_48", "names no tile"),
        ("S2A_MSIL2A_20170613T101031", "names no tile"),
        ("20171313T101031_20170613T101608_T33UUP", "impossible time"),
        ("S2A_33UUP_20170631_0_L2A", "impossible time"),
        ("s3://sentinel-s2-l1c/tiles/33/U/UP/2017/2/30/0/", "impossible day"),
        ("HLS.S30.T33UUP.2017366T101031.v2.0", "impossible day"),
        ("S2A_OPER_MSI_L1C_TL_SGS__20160831T155112_A006228_T33UUP_N02.04", "does not say when"),
        ("S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC", "write S2A_MSIL2A"),
        ("COPERNICUS/S2_SR", "write S2A_MSIL2A"),
        (f"{PRODUCT}/../../x", "write S2A_MSIL2A"),
        ("", "write S2A_MSIL2A"),
        ("x" * 1001, "1001 characters"),
    ],
)
def test_what_says_too_little_is_refused_with_the_form_that_is_meant(text, word):
    with pytest.raises(NamingError, match=word):
        read_tile_name(text)
