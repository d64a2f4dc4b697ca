"""The configuration: defaults, and every error with its key and line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gee_s1ben.config import GridTarget, load_config
from gee_s1ben.config.located import MAX_BYTES, parse_located
from gee_s1ben.domain.unit import unit_of
from gee_s1ben.errors import ConfigError

PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
REST = "    transform: [10, 0, 0, 0, -10, 0]\n    acquired: 2018-06-13T10:10:31Z\n"
TILES = f"tiles: [{PRODUCT}]\n"


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_defaults(write, tmp_path: Path) -> None:
    config = load_config(write(TILES))
    assert config.backend == "embedded"
    assert config.embedded.catalog == tmp_path / "catalog"
    assert config.match.window_days == 6
    assert config.match.directions == ("ascending", "descending")
    assert config.radar.polarisations == ("VV", "VH")
    assert config.window_px == 1200
    assert config.workspace_path == config.dataset.path.with_name(config.dataset.path.name + ".work")
    (target,) = config.targets()
    assert target.key == "33UUP_20170613T101031"
    assert len(target.block) == 91 * 91


def test_shipped_file_holds_the_defaults() -> None:
    """What config.yaml shows as the default is the default."""
    path = Path(__file__).parents[2] / "config.yaml"
    shipped = load_config(path)
    bare = load_config(path, []).model_copy()
    fields = type(shipped).model_fields
    for name in ("match", "radar", "export", "backend"):
        assert getattr(shipped, name) == fields[name].default, name
    assert bare == shipped


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (TILES + "match:\n  directions: [ascending]\n  window_days: six\n", 4, "match.window_days must be a positive"),
        (
            TILES + "match: {window_days: 0}\n",
            2,
            "match.window_days must be a positive number of days, at most 366, not 0",
        ),
        (TILES + "match: {window_days: .nan}\n", 2, "match.window_days"),
        (TILES + "match: {window_days: '6'}\n", 2, "match.window_days"),
        (TILES + "match:\n  windw_days: 6\n", 3, "match.windw_days is not a key; did you mean window_days?"),
        (TILES + "datset: {}\n", 2, "datset is not a key; did you mean dataset?"),
        (TILES + "match: {directions: [up]}\n", 2, "match.directions must be a list of ascending and/or descending"),
        (TILES + "match: {directions: []}\n", 2, "match.directions"),
        (TILES + "match: {directions: [ascending, ascending]}\n", 2, "twice"),
        (
            TILES + "match:\n  window_days: 3\n  max_dt_days: 4\n",
            4,
            "match.max_dt_days 4 is more than match.window_days 3",
        ),
        (TILES + "match: {platforms: [A, E]}\n", 2, "match.platforms must be a list out of A, B, C and D"),
        (TILES + "match: {platforms: []}\n", 2, "match.platforms"),
        (TILES + "match: {choice: best}\n", 2, "match.choice must be nearest, fewest or published"),
        (TILES + "match: {per_orbit: one}\n", 2, "match.per_orbit must be all or nearest"),
        (TILES + "match: {min_coverage: 1.5}\n", 2, "match.min_coverage must be a share from 0 to 1"),
        (TILES + "match: {join_slices: 1}\n", 2, "match.join_slices must be true or false"),
        (TILES + "preset: ours\n", 2, "preset must be default, published or seed"),
        (TILES + "preset: published\nmatch: 7\n", 3, "match must be a group of keys, not 7"),
        (
            "preset: published\ntiles:\n  - {tile: 33UUP, acquired: 2020-06-13T10:10:31Z}\n",
            3,
            "not one of BigEarthNet's",
        ),
        (f"preset: published\ndataset: {{patch_px: 60}}\n{TILES}", 3, "not one of BigEarthNet's 125 products"),
        ("tiles:\n  - {file: nowhere.parquet}\n", 2, "nowhere.parquet"),
        ("tiles:\n  - {file: config.yaml}\n", 2, "no readable Parquet file: 'gee-s1ben footprints config.yaml"),
        ("tiles:\n  - {file: x.parquet, tile: 33UUP}\n", 2, "tiles[0]"),
        ("tiles:\n  - {published: false}\n", 2, "tiles[0].published must be true"),
        (TILES + "match: {collection: ../x}\n", 2, "match.collection must be the id of an image collection"),
        (TILES + "radar: {border_noise: 1}\n", 2, "radar.border_noise must be true or false"),
        (TILES + "radar: {speckle: {filter: lee}}\n", 2, "radar.speckle.filter must be refined_lee or none"),
        (TILES + "radar: {polarisations: [VV, XX]}\n", 2, "radar.polarisations must be a list out of VV"),
        (TILES + "export:\n  window_px: 4000\n", 3, "export.window_px 4000 makes requests of 125452800 bytes"),
        (TILES + "export:\n  transport: gcs\n", 3, "export.transport gcs needs export.bucket"),
        (TILES + "export: {transport: gcs, bucket: X}\n", 2, "export.bucket must be the name of a bucket"),
        (TILES + "export: {transport: drive, raster_px: 1199}\n", 2, "raster_px 1199 is less than one window"),
        (TILES + "export: {transport: mail}\n", 2, "export.transport must be direct, drive or gcs"),
        (TILES + "export: {queue_depth: 3000}\n", 2, "export.queue_depth must be a whole number from 1 to 2900"),
        (TILES + "export: {budget_eecu_hours: 0}\n", 2, "export.budget_eecu_hours must be a positive number"),
        (TILES + "embedded: {url: 'http://example.org:80'}\n", 2, "embedded.url must be"),
        (TILES + "embedded: {exports: out/BigEarthNet/exports}\n", 2, "embedded.exports"),
        (TILES + "export: {window_px: 100}\n", 2, "less than one patch"),
        (TILES + "export: {in_flight: true}\n", 2, "export.in_flight must be a whole number from 1 to 40"),
        (TILES + "dataset: 5\n", 2, "dataset must be a group of keys, not 5"),
        (TILES + "dataset: {path: catalog/x}\n", 2, "lies in embedded.catalog"),
        (TILES + "workspace: 7\n", 2, "workspace must be a folder"),
        (TILES + "backend: google\n", 2, "backend must be embedded or earthengine"),
        ("tiles:\n  - product: nonsense\n", 2, "tiles[0].product"),
        (f"tiles:\n  - {PRODUCT}\n  - S2A_MSIL2A_20170613T101031\n", 3, "names no tile"),
        (f"tiles:\n  - {PRODUCT}\n  - {PRODUCT.replace('T33UUP', 'T99UUP')}\n", 3, "no UTM zone 99"),
        ("tiles:\n  - tile: 33UUP\n", 2, "acquired is missing in tiles[0]"),
        ("tiles:\n  - {tile: 33UUP, acquired: 2017-06-13}\n", 2, "tiles[0].acquired must be a date and time"),
        ("tiles:\n  - {tile: 33UUP, acquired: 20170613}\n", 2, "tiles[0].acquired must be a date and time"),
        ("tiles:\n  - {tile: 33OUP, acquired: 2017-06-13T10:10:31Z}\n", 2, "tiles[0].tile"),
        (f"tiles:\n  - product: {PRODUCT}\n    patches: {{columns: [0, 91], rows: [0, 1]}}\n", 2, "column 91"),
        (f"tiles:\n  - product: {PRODUCT}\n    patches: {{columns: [4, 3], rows: [0, 1]}}\n", 3, "first and last"),
        (f"tiles:\n  - product: {PRODUCT}\n    patches: {{columns: [4]}}\n", 3, "columns"),
        (f"tiles:\n  - {PRODUCT}\n  - {PRODUCT.replace('L2A', 'L1C')}\n", 3, "different grids, products"),
        ("tiles:\n  - {bbox: [0, 1, 2, 3]}\n", 2, "needs a time: from and to, or acquired"),
        ("tiles:\n  - {bbox: [0, 1, 2, 3], from: 2020-06-01}\n", 2, "needs a time: from and to, or acquired"),
        (
            "tiles:\n  - {bbox: [0, 1, 2, 3], from: 2020-06-01, to: 2020-06-02, acquired: 2020-06-01T00:00:00Z}\n",
            2,
            "needs a time",
        ),
        ("tiles:\n  - {bbox: [0, 1, 2, 3], from: 2020-06-30, to: 2020-06-01}\n", 2, "is empty: give the earlier first"),
        ("tiles:\n  - {bbox: [0, 1, 2, 3], from: 7, to: 2020-06-01}\n", 2, "tiles[0].from must be a date such as"),
        ("tiles:\n  - {bbox: [0, 1, 2, 3], from: June, to: 2020-06-01}\n", 2, "'June' is not a date"),
        ("tiles:\n  - {bbox: [0, 1, 2], acquired: 2020-06-01T00:00:00Z}\n", 2, "it must be a list of four numbers"),
        ("tiles:\n  - {bbox: [0, 2, 2, 1], acquired: 2020-06-01T00:00:00Z}\n", 2, "no rectangle of degrees"),
        ("tiles:\n  - {bbox: [0, 1, 2, 3], since: 2020-06-01}\n", 2, "known here: area, bbox, from, to"),
        (
            "tiles:\n  - {area: no.geojson, acquired: 2020-06-01T00:00:00Z}\n",
            2,
            "no.geojson cannot be read: No such file",
        ),
        ("tiles:\n  - {area: config.yaml, acquired: 2020-06-01T00:00:00Z}\n", 2, "is not what its name says"),
        ("tiles:\n  - {area: a.gpkg, bbox: [0, 1, 2, 3], acquired: 2020-06-01T00:00:00Z}\n", 2, "not both"),
        (
            f"tiles:\n  - {PRODUCT}\n  - name: 33UUP\n    crs: EPSG:32633\n    width: 120\n    height: 120\n{REST}",
            3,
            "another grid",
        ),
        ("tiles: []\n", 1, "tiles must be a list"),
        ("tiles: 33UUP\n", 1, "tiles must be a list"),
        ("tiles:\n- 7\n", 2, "tiles must be a list"),
        ("match: {}\ntiles: [a]\nmatch: {}\n", 3, "match is given twice, first on config.yaml line 1"),
        ("tiles: &a [x]\nmatch: *a\n", 1, "anchors"),
        ("tiles:\n  - !!python/object/apply:os.system [ls]\n", 2, "tag"),
        ("tiles: [\n", 2, "not valid YAML"),
        ("tiles: [a]\n---\ntiles: [b]\n", 2, "second document"),
        ("tiles: " + "[" * 100_000, 1, "levels deep"),
        ("- tiles\n", 1, "keys and values"),
        ("# nothing\n", 1, "empty"),
        ("1: 2\n", 1, "a key must be a word"),
        ("tiles: 2017-99-99\n", 1, "cannot be read"),
        (b"tiles: x\nmatch: \xff\n", 2, "UTF-8"),
    ],
)
def test_errors_name_key_and_line(write, text: str | bytes, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(text))
    message = str(caught.value)
    assert message.startswith(f"config.yaml line {line}: "), message
    assert words in message
    assert "\n" not in message
    assert len(message) < 400


def test_missing_required_key(write) -> None:
    with pytest.raises(ConfigError, match=r"^config\.yaml: tiles is missing; it must be a list of"):
        load_config(write("match: {window_days: 3}\n"))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no .*config\.yaml: give the file with --config"):
        load_config(tmp_path / "config.yaml")


def test_too_large(write) -> None:
    with pytest.raises(ConfigError, match="larger than"):
        load_config(write(TILES + "#" * MAX_BYTES))


def test_own_grid(write) -> None:
    entry = (
        "tiles:\n- name: spain\n  crs: {crs}\n  transform: [1.0e-4, 0, -5, 0, -1.0e-4, 40]\n  width: 512\n"
        "  height: 512\n  acquired: 2018-10-09T11:10:00+02:00\n"
    )
    config = load_config(write(entry.format(crs="EPSG:4326")))
    assert isinstance(config.tiles[0], GridTarget)
    (target,) = config.targets()
    assert target.acquired == datetime(2018, 10, 9, 9, 10, tzinfo=UTC)
    assert len(target.block) == 16
    with pytest.raises(ConfigError, match=r"line 3: tiles\[0\].crs must be a coordinate reference system"):
        load_config(write(entry.format(crs="EPSG:0")))


def test_overrides(write) -> None:
    path = write(TILES + "match: {window_days: 3}\n")
    config = load_config(path, ["match.window_days=2.5", "radar.speckle.filter=none", "radar.polarisations=[VV]"])
    assert config.match.window_days == 2.5
    assert config.radar.speckle.filter == "none"
    assert config.radar.polarisations == ("VV",)


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("match.window_days=x", "--set match.window_days: match.window_days must be a positive number"),
        ("match.windowdays=3", "--set match.windowdays: match.windowdays is not a key; did you mean window_days?"),
        ("match", "write it as key.path=value"),
        ("tiles.x=1", "tiles is not a group of keys"),
        ("match.window_days=&a 3", "anchors"),
    ],
)
def test_override_errors(write, assignment: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(TILES), [assignment])
    assert words in str(caught.value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abcXYZ 09:-", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(value=plain, flow=st.booleans())
def test_plain_values_are_read_as_pyyaml_reads_them(value: object, flow: bool) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow)
    if "&" in text:  # equal empty lists are written as aliases
        return
    assert parse_located(text, "x").values == yaml.safe_load(text)


@settings(max_examples=200, deadline=None)
@given(text=st.text("tiles:{}[]-&*!|>\"'#%@`,. \n\t\0azé0", max_size=60))
def test_any_text_is_a_configuration_or_a_clear_line(tmp_path_factory, text: str) -> None:
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("config.yaml")


def test_presets_set_defaults_and_what_is_written_counts_first(write) -> None:
    seed = load_config(write(TILES + "preset: seed\nmatch: {window_days: 8}\n"))
    assert seed.match.directions == ("ascending",)
    assert seed.match.per_orbit == "nearest"
    assert seed.match.window_days == 8
    published = load_config(write(TILES + "preset: published\nradar: {speckle: {filter: refined_lee}}\n"))
    assert published.match.choice == "published"
    assert not published.match.join_slices
    assert published.radar.speckle.filter == "refined_lee"
    assert not published.radar.border_noise
    assert load_config(write(TILES + "preset: published\n")).radar.speckle.filter == "none"
    assert load_config(write(TILES), ["preset=seed"]).match.window_days == 12
    plain = load_config(write(TILES))
    assert load_config(write(TILES + "preset: default\n")) == plain


def test_tables_of_tiles_are_read_from_the_files_folder(write, tmp_path: Path) -> None:
    from gee_s1ben.footprints import collect, write_tiles

    rows = collect([PRODUCT, "33UVP@2017-06-13T10:10:31Z"]).rows
    (tmp_path / "lists").mkdir()
    write_tiles(rows, tmp_path / "lists" / "tiles.parquet")
    text = "tiles:\n  - {file: lists/tiles.parquet}\n  - {tile: 32TMT, acquired: 2017-06-13T10:00:00Z}\n"
    config = load_config(write(text))
    assert [target.key for target in config.targets()] == [
        "33UUP_20170613T101031", "33UVP_20170613T101031", "32TMT_20170613T100000",
    ]  # fmt: skip
    smaller = load_config(write("tiles: [{file: lists/tiles.parquet}]\ndataset: {patch_px: 60}\n"))
    assert [(target.patch_px, len(target.block)) for target in smaller.targets()] == [(60, 183 * 183)] * 2


def test_published_products_are_cut_to_what_was_published(write) -> None:
    (whole,) = load_config(write(f"tiles: [{PRODUCT}]\n")).targets()
    (cut,) = load_config(write(f"preset: published\ntiles: [{PRODUCT}]\n")).targets()
    assert cut.cells is not None
    assert set(cut.patches()) < set(whole.patches())
    assert (cut.key, cut.grid, cut.product) == (whole.key, whole.grid, whole.product)
    # Our own rule on the published patches.
    config = load_config(write("tiles: [published]\n"))
    assert config.match.choice == "nearest"
    assert cut in config.targets()


@pytest.mark.parametrize(
    "entry",
    [
        "20170613T101031_20170613T101608_T33UUP",
        "COPERNICUS/S2_HARMONIZED/20170613T101031_20170613T101608_T33UUP",
        "{product: S2A_MSIL2A_20170613T101031_R022_T33UUP_20210210T012345}",
        "33UUP@2017-06-13T10:10:31Z",
    ],
)
def test_a_name_without_a_product_is_a_tile_and_a_time(write, entry: str) -> None:
    named = load_config(write(f"tiles:\n  - {entry}\n")).targets()
    assert named == load_config(write("tiles:\n  - {tile: 33UUP, acquired: 2017-06-13T10:10:31Z}\n")).targets()


@pytest.mark.parametrize("entry", [f"{PRODUCT}.SAFE", f"/data/{PRODUCT}.SAFE.zip", f"{{product: {PRODUCT}.SAFE/}}"])
def test_a_product_is_the_same_however_it_is_spelled(write, entry: str) -> None:
    assert (
        load_config(write(f"tiles:\n  - {entry}\n")).targets() == load_config(write(f"tiles: [{PRODUCT}]\n")).targets()
    )


def test_the_name_of_a_patch_wants_this_patch_alone(write) -> None:
    (target,) = load_config(write(f"tiles:\n  - {PRODUCT}_07_48\n")).targets()
    assert list(target.patches()) == [(7, 48)]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("S2A_33UUP_20170613_0_L2A", "no time of day: write {tile: 33UUP, acquired: 2017-06-13T"),
        ("S2A_MSIL2A_20170613T101031_70_48", "names no tile"),
        (f"{PRODUCT}_91_00", "column 91"),
        ("20170613T101031_20170613T101608_T33ZZZ", "write S2A_MSIL2A"),
        ("20170613T101031_20170613T101608_T33UAA", "33UAA"),
    ],
)
def test_a_name_that_says_too_little_is_refused_with_its_line(write, entry: str, words: str) -> None:
    with pytest.raises(ConfigError, match=r"^config.yaml line 2: ") as caught:
        load_config(write(f"tiles:\n  - {entry}\n"))
    assert words in str(caught.value)


AREA = {"type": "Polygon", "coordinates": [[[15.4, 48.3], [15.494, 48.3], [15.494, 48.363], [15.4, 48.3]]]}
JUNE = "from: 2020-06-01, to: 2020-06-30"


def test_an_area_gives_the_patches_that_footprints_gives(write, tmp_path: Path) -> None:
    from gee_s1ben.footprints import Span, collect

    (tmp_path / "areas").mkdir()
    path = tmp_path / "areas" / "aoi.geojson"
    path.write_text(json.dumps(AREA))
    (row,) = collect([str(path)], Span.parse("2020-06-01", "2020-06-30")).rows
    config = load_config(write(f"tiles: [{{area: areas/aoi.geojson, {JUNE}}}]\n"))
    (target,) = config.targets()
    assert (target.key, tuple(target.patches())) == ("33UWP_20200616T000000", row.patches)
    assert 10 < len(row.patches) < 49
    (note,) = config.notes()
    assert note == f"{path}: 2020-06-16 00:00:00 UTC, the middle of 2020-06-01 00:00:00 to 2020-07-01 00:00:00 UTC"
    (whole,) = load_config(write(f"tiles: [{{area: areas/aoi.geojson, {JUNE}, whole_tiles: true}}]\n")).targets()
    assert len(list(whole.patches())) == 91 * 91
    at_noon = load_config(write("tiles: [{area: areas/aoi.geojson, acquired: 2020-06-13T12:00:00Z}]\n"))
    assert [found.key for found in at_noon.targets()] == ["33UWP_20200613T120000"]
    assert at_noon.notes() == ()


def test_a_rectangle_is_an_area_with_patches_of_any_size(write) -> None:
    box = "bbox: [15.4, 48.3, 15.494, 48.363]"
    counts = {}
    for patch_px in (120, 60):
        config = load_config(write(f"tiles: [{{{box}, {JUNE}}}]\ndataset: {{patch_px: {patch_px}}}\n"))
        (target,) = config.targets()
        counts[patch_px] = len(list(target.patches()))
    assert 6 * 6 <= counts[120] <= 7 * 8
    assert 12 * 12 <= counts[60] <= 14 * 14
    (pacific,) = {
        t.name[:2] for t in load_config(write(f"tiles: [{{bbox: [179.9, 1, -179.9, 1.1], {JUNE}}}]\n")).targets()
    } - {"60"}
    assert pacific == "01"


def test_the_digest_follows_the_areas_and_not_their_files_name(write, tmp_path: Path) -> None:
    from gee_s1ben.pipeline.match import match_digest

    def digest_of(name: str, area: object) -> str:
        (tmp_path / name).write_text(json.dumps(area))
        return match_digest(load_config(write(f"tiles: [{{area: {name}, {JUNE}}}]\n")))

    smaller = json.loads(json.dumps(AREA).replace("15.494", "15.42"))
    first = digest_of("a.geojson", AREA)
    assert digest_of("b.geojson", AREA) == first
    assert digest_of("a.geojson", smaller) != first


def test_blocks_of_one_tile_and_time_are_one_target_and_each_patch_is_made_once(write) -> None:
    def block(columns: str, rows: str, more: str = f"product: {PRODUCT}") -> str:
        return f"  - {{{more}, patches: {{columns: {columns}, rows: {rows}}}}}\n"

    def wanted(*blocks: str) -> list[tuple[str, set[tuple[int, int]]]]:
        found = load_config(write("tiles:\n" + "".join(blocks))).targets()
        cells = [list(target.patches()) for target in found]
        assert all(len(set(each)) == len(each) for each in cells)
        return [(target.key, set(each)) for target, each in zip(found, cells, strict=True)]

    first = {(col, row) for col in (0, 1, 2) for row in (0, 1)}
    second = {(col, row) for col in (2, 3) for row in (1, 2)}
    key = "33UUP_20170613T101031"
    assert wanted(block("[0, 2]", "[0, 1]"), block("[2, 3]", "[1, 2]")) == [(key, first | second)]
    assert wanted(block("[0, 2]", "[0, 1]"), block("[0, 2]", "[0, 1]")) == [(key, first)]
    ((_, everything),) = wanted(block("[0, 2]", "[0, 1]"), f"  - {PRODUCT}\n")
    assert len(everything) == 91 * 91
    at_ten, at_noon = (f"tile: 33UUP, acquired: 2017-06-13T{hour}:00:00Z" for hour in (10, 12))
    apart = wanted(
        block("[0, 2]", "[0, 1]", at_ten), block("[0, 2]", "[0, 1]", at_noon), block("[2, 3]", "[1, 2]", at_ten)
    )
    assert apart == [("33UUP_20170613T100000", first | second), ("33UUP_20170613T120000", first)]


# What the numbers of a collection mean.


def _load(write, text):
    return load_config(write(text))


def test_the_unit_of_a_collection_of_ones_own_has_to_be_said(write):
    own = "match: {collection: projects/x/assets/s1"
    with pytest.raises(ConfigError, match=r"projects/x/assets/s1.*match\.units") as caught:
        _load(write, TILES + own + "}\n")
    assert "\n" not in str(caught.value)
    for unit in ("decibel", "linear"):
        assert _load(write, TILES + own + f", units: {unit}}}\n").match.units == unit
    with pytest.raises(ConfigError, match=r"match\.units must be decibel, linear or null"):
        _load(write, TILES + own + ", units: amplitude}\n")


@pytest.mark.parametrize(
    ("collection", "unit", "wrong"),
    [
        ("COPERNICUS/S1_GRD", "decibel", "linear"),
        ("COPERNICUS/S1_GRD_FLOAT", "linear", "decibel"),
        ("projects/earthengine-public/assets/COPERNICUS/S1_GRD_FLOAT", "linear", "decibel"),
    ],
)
def test_the_units_of_earth_engines_collections_are_known(write, collection, unit, wrong):
    assert unit_of(collection) == unit
    assert _load(write, TILES + f"match: {{collection: {collection}}}\n").match.units is None
    assert _load(write, TILES + f"match: {{collection: {collection}, units: {unit}}}\n").match.units == unit
    with pytest.raises(ConfigError, match=f"are {unit}, not {wrong}"):
        _load(write, TILES + f"match: {{collection: {collection}, units: {wrong}}}\n")


def test_units_that_are_not_set_are_not_recorded(write):
    """What was recorded before the key existed stays equal."""
    assert "units" not in _load(write, TILES).match.model_dump(mode="json")
    assert "units" not in _load(write, TILES).model_dump(mode="json")["match"]
    said = _load(write, TILES + "match: {units: decibel}\n")
    assert said.match.model_dump(mode="json")["units"] == "decibel"
