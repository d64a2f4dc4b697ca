from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.domain.naming import (
    S1PatchName,
    S1ProductName,
    S2PatchNameV1,
    S2PatchNameV2,
    S2ProductName,
    check_image_index,
    check_target_name,
    scene_label,
)
from gee_s1ben.errors import NamingError
from gee_s1ben.footprints.unpickling import load_object

S1_PRODUCT = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
S2_WHOLE = "S2A_MSIL2A_20170613T101031_N0205_R022_T33UUP_20170613T101608"
PUBLISHED = {
    S1ProductName: (S1_PRODUCT, S1_PRODUCT + ".SAFE"),
    S2ProductName: (
        S2_WHOLE,
        "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608.SAFE",
        "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP",
        "S2A_MSIL2A_20170613T101031",
    ),
    S2PatchNameV2: ("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_00_48",),
    S2PatchNameV1: (
        "S2A_MSIL2A_20170613T101031_70_48",
        "S2B_MSIL2A_20170924T93020_69_24",
        "S2B_MSIL2A_20180204T94161_57_38",
    ),
    S1PatchName: ("S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48", "Spain_7370579_chip-1_0_3"),
}
START = datetime(2017, 6, 13, tzinfo=UTC)
KINDS = tuple(PUBLISHED)

stamps = st.datetimes(datetime(2014, 1, 1), datetime(2060, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))
tiles = st.from_regex(r"[0-9]{2}[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V]", fullmatch=True)
indices = st.integers(0, 9999)
s1_products = st.builds(
    S1ProductName,
    mission=st.sampled_from(["S1A", "S1B", "S1C", "S1D"]),
    mode=st.sampled_from(["IW", "EW", "WV", "S1", "S6"]),
    product_type=st.sampled_from(["GRD", "SLC"]),
    resolution=st.sampled_from("FHM_"),
    level=st.sampled_from("12"),
    product_class=st.sampled_from("SA"),
    polarisation=st.sampled_from(["SH", "SV", "DH", "DV", "VV"]),
    start=stamps,
    stop=stamps,
    absolute_orbit=st.integers(0, 999_999),
    datatake=st.from_regex("[0-9A-F]{6}", fullmatch=True),
    unique_id=st.from_regex("[0-9A-F]{4}", fullmatch=True),
    safe=st.booleans(),
)
s2_with_tile = st.builds(
    S2ProductName,
    mission=st.sampled_from(["S2A", "S2B", "S2C", "S2D"]),
    level=st.sampled_from(["L1C", "L2A"]),
    acquired=stamps,
    baseline=st.from_regex("[0-9]{4}", fullmatch=True),
    relative_orbit=st.integers(0, 999),
    tile=tiles,
    generated=st.none() | stamps,
)
s2_products = s2_with_tile | st.builds(
    S2ProductName,
    mission=st.just("S2A"),
    level=st.just("L2A"),
    acquired=stamps,
    safe=st.booleans(),
)
own_scenes = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}", fullmatch=True).filter(lambda s: not s.startswith("S1"))
names = st.one_of(
    s1_products,
    s2_products,
    st.builds(S2PatchNameV2, s2_with_tile, indices, indices),
    st.builds(
        S2PatchNameV1,
        st.sampled_from(["S2A", "S2C"]),
        st.just("L2A"),
        st.from_regex("[0-9]{8}T[0-9]{5,6}", fullmatch=True),
        indices,
        indices,
    ),
    st.builds(
        S1PatchName,
        s1_products.map(lambda p: p.scene) | own_scenes,
        tiles | st.from_regex("[A-Za-z0-9-]{1,32}", fullmatch=True),
        indices,
        indices,
    ),
)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in PUBLISHED.items() for text in texts])
def test_published_names_come_back(kind, text):
    assert str(kind.parse(text)) == text


@given(names)
def test_parse_is_the_inverse_of_format(name):
    assert type(name).parse(str(name)) == name


@given(st.data())
def test_an_accepted_text_is_formatted_exactly(data):
    """One character of a good name is changed or dropped: it is refused, or comes back as it is."""
    text = str(data.draw(names))
    kind = data.draw(st.sampled_from(KINDS))
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(["", "0", "9", "_", "T", "a", "/", "\n", "٣"]))
    text = text[:place] + other + text[place + 1 :]
    try:
        name = kind.parse(text)
    except NamingError:
        return
    assert str(name) == text


def test_fields_of_a_sentinel_1_product():
    name = S1ProductName.parse(S1_PRODUCT)
    assert name.scene == "S1A_IW_GRDH_1SDV_20170613T165043"
    assert (name.mission, name.mode, name.product_type, name.resolution) == ("S1A", "IW", "GRD", "H")
    assert (name.level, name.product_class, name.polarisation) == ("1", "S", "DV")
    assert name.start == datetime(2017, 6, 13, 16, 50, 43, tzinfo=UTC)
    assert name.stop == datetime(2017, 6, 13, 16, 51, 8, tzinfo=UTC)
    assert (name.absolute_orbit, name.datatake, name.unique_id) == (17018, "01C579", "7EEC")


@pytest.mark.parametrize(
    ("product", "orbit"),
    [
        # relativeOrbitNumber_start of the image's own Earth Engine properties.
        ("S1A_IW_GRDH_1SDV_20200607T010800_20200607T010825_032904_03CFBA_D457", 107),
        # By the rule alone: track 1 follows track 175, and returns after 175 orbits.
        ("S1B_IW_GRDH_1SDV_20180327T183408_20180327T183433_000027_01292B_51CA", 1),
        ("S1B_IW_GRDH_1SDV_20180327T183408_20180327T183433_000202_01292B_51CA", 1),
        ("S1A_IW_GRDH_1SDV_20180328T182646_20180328T182711_000072_0247D2_9C16", 175),
        # Published: track 110 of a product (sentineleof's tests), and the offsets before and after S1C was moved.
        ("S1C_IW_GRDH_1SDV_20250328T182646_20250328T182711_001681_0247D2_9C16", 110),
        ("S1C_IW_GRDH_1SDV_20260608T182646_20260608T182711_008018_0247D2_9C16", 147),
        ("S1C_IW_GRDH_1SDV_20260624T182646_20260624T182711_008019_0247D2_9C16", 46),
        # relativeOrbitNumber in the Copernicus Data Space, and in a manifest (s1-reader, pull request 151).
        ("S1D_IW_GRDH_1SDV_20260927T112236_20260927T112305_004762_008EC4_A3A7.SAFE", 171),
        ("S1D_IW_GRDH_1SDV_20260922T111440_20260922T111505_004689_008C3D_9D0D", 98),
        ("S1D_IW_GRDH_1SDV_20260313T165043_20260313T165108_002389_0247D2_9C16", 73),
    ],
)
def test_relative_orbit(product, orbit):
    assert S1ProductName.parse(product).relative_orbit == orbit


@pytest.mark.parametrize("ending", ["_COG", "_COG.SAFE"])
def test_a_cloud_optimized_product_is_named_after_the_same_scene(ending):
    name = S1ProductName.parse(S1_PRODUCT + ending)
    assert name.cog
    assert str(name) == S1_PRODUCT + ending
    assert name.scene == S1ProductName.parse(S1_PRODUCT).scene == scene_label(S1_PRODUCT + "_COG")


def test_fields_of_a_sentinel_2_product():
    name = S2ProductName.parse(S2_WHOLE)
    assert (name.mission, name.level, name.baseline, name.relative_orbit, name.tile) == (
        "S2A", "L2A", "0205", 22, "33UUP",
    )  # fmt: skip
    assert name.acquired == datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC)
    assert name.generated == datetime(2017, 6, 13, 10, 16, 8, tzinfo=UTC)
    assert S2ProductName.parse("S2A_MSIL2A_20170613T101031").tile is None


def test_column_comes_before_row():
    assert S1PatchName.parse("S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48") == S1PatchName(
        "S1A_IW_GRDH_1SDV_20170613T165043", "33UUP", col=70, row=48
    )
    patch = S2PatchNameV2.parse("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_00_48")
    assert (patch.col, patch.row) == (0, 48)


@pytest.mark.parametrize(
    ("text", "acquired"),
    [
        ("S2B_MSIL2A_20170924T93020_69_24", datetime(2017, 9, 24, 9, 30, 20, tzinfo=UTC)),
        ("S2B_MSIL2A_20180204T94161_57_38", datetime(2018, 2, 4, 9, 42, 1, tzinfo=UTC)),
    ],
)
def test_published_times_that_are_none(text, acquired):
    assert S2PatchNameV1.parse(text).acquired == acquired


HOSTILE = [
    "",
    ".",
    "..",
    "../{}",
    "{}/../..",
    "/etc/passwd",
    "{}\0",
    "\0{}",
    "{}\n",
    "{} ",
    " {}",
    "{}" + "0" * 300,
    "A" * 300,
    "{}٣",
    "{}\u202e",
    "{}/",
    "{}\\",
    "C:{}",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pattern", HOSTILE, ids=ascii)
def test_hostile_names_are_refused(kind, pattern):
    with pytest.raises(NamingError) as caught:
        kind.parse(pattern.replace("{}", PUBLISHED[kind][0]))
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 300


@pytest.mark.parametrize("kind", KINDS)
def test_digits_of_other_scripts_are_refused(kind):
    text = PUBLISHED[kind][0]
    place = max(i for i, character in enumerate(text) if character.isdigit())
    with pytest.raises(NamingError):
        kind.parse(text[:place] + "٣" + text[place + 1 :])


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (S1PatchName, "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_070_48"),
        (S1PatchName, "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70"),
        (S1PatchName, "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_-1_48"),
        (S1PatchName, "S1A_IW_GRDH_1SDV_20170631T165043_33UUP_70_48"),
        (S1PatchName, "S1A_IW_GRDH_1SDV_2017061T165043_33UUP_70_48"),
        (S1PatchName, "S1E_IW_GRDH_1SDV_20170613T165043_33UUP_70_48"),
        (S1PatchName, "_S1A_33UUP_70_48"),
        (S2PatchNameV2, "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_0_48"),
        (S2PatchNameV2, "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_000_48"),
        (S2PatchNameV2, "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP.SAFE_00_48"),
        (S2PatchNameV2, "S2A_MSIL2A_20170613T101031_00_48"),
        (S2PatchNameV1, "S2A_MSIL2A_20170613T101031_07_48"),
        (S2ProductName, "S2A_MSIL2A_20170613T101031_N0205_R022_T33UIP_20170613T101608"),
        (S2ProductName, "S2A_MSIL2A_20170613T101031_N0205_R022"),
        (S2ProductName, "S2A_MSIL2A_20170613T251031"),
        (S2ProductName, "S2A_MSIL2A_20170613T101031_20170613T101608"),
        (S1ProductName, "S1A_IW_GRDH_1SDV_20170613T165043"),
        (S1ProductName, S1_PRODUCT.lower()),
    ],
)
def test_near_misses_are_refused(kind, text):
    with pytest.raises(NamingError):
        kind.parse(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda: S2ProductName("S2A", "L2A", datetime(2017, 6, 13)),
        lambda: S2ProductName("S2A", "L2A", datetime(2017, 6, 13, tzinfo=timezone(timedelta(hours=1)))),
        lambda: S2ProductName("S2A", "L2A", datetime(2017, 6, 13, microsecond=1, tzinfo=UTC)),
        lambda: S2ProductName("S2A", "L2A", datetime(2017, 6, 13, tzinfo=UTC), tile="33UUP"),
        lambda: S2ProductName("S2A", "L2A", START, generated=START),
        lambda: S2ProductName("S2E", "L2A", datetime(2017, 6, 13, tzinfo=UTC)),
        lambda: S1PatchName("S1A", "33_UUP", 0, 0),
        lambda: S1PatchName("..", "33UUP", 0, 0),
        lambda: S1PatchName("S1A", "33UUP", -1, 0),
        lambda: S2PatchNameV1("S2A", "L2A", "20170613T101031", 0, 10_000),
        lambda: check_target_name("a/b"),
        lambda: check_image_index("a" * 101),
        lambda: scene_label("../x"),
    ],
)  # fmt: skip
def test_values_check_themselves(make):
    with pytest.raises(NamingError):
        make()


def test_scene_label():
    assert scene_label(S1_PRODUCT) == "S1A_IW_GRDH_1SDV_20170613T165043"
    assert scene_label("Spain_7370579") == "Spain_7370579"


@pytest.mark.shared_data
def test_all_published_pairs_come_back(shared_data):
    columns = {"patch_id": S2PatchNameV2, "s1_name": S1PatchName, "s2v1_name": S2PatchNameV1}
    table = pq.read_table(shared_data / "bigearthnet" / "metadata.parquet", columns=list(columns))
    assert table.num_rows == 480_038
    read = {}
    for column, kind in columns.items():
        texts = table[column].to_pylist()
        read[column] = [kind.parse(text) for text in texts]
        assert [str(name) for name in read[column]] == texts
    assert all((a.col, a.row) == (b.col, b.row) for a, b in zip(read["patch_id"], read["s1_name"], strict=True))
    assert all(a.product.tile == b.tile for a, b in zip(read["patch_id"], read["s1_name"], strict=True))


@pytest.mark.shared_data
def test_all_products_of_the_seed_come_back(shared_data):
    folder = shared_data / "bigearthnet"
    tiles = load_object(folder / "BigEarthNetTileInfo_v2.npy")["tile_info"]
    records = [(tile, record) for tile, found in tiles.items() for record in found.values()]
    for tile, record in records:
        name = S2ProductName.parse(record["product_name"])
        assert str(name) == record["product_name"]
        assert name.tile == tile
        since = datetime.fromisoformat(record["acquisition_time"]).replace(tzinfo=UTC) - name.acquired
        assert abs(since) < timedelta(minutes=10)
    links = load_object(folder / "BigEarthNetSen2UUID2Sen1ProdName.npy")["Sen2UUID_2_Sen1ProdName"]
    products = {text for texts in links.values() for text in texts}
    assert len(products) == 558
    assert {str(S1ProductName.parse(text)) for text in products} == products
