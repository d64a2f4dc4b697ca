"""The published pairs: what is packed comes back, and what travels with the package is what was published."""

import subprocess
import sys
from datetime import UTC, datetime
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gee_s1ben.domain.naming import S1PatchName, S2PatchNameV1, S2PatchNameV2, S2ProductName
from gee_s1ben.errors import InputError
from gee_s1ben.published import SNOW_OR_CLOUD, V1, V2, choice, pairs
from gee_s1ben.published.make import make
from gee_s1ben.published.stored import read_pairs, write_pairs

PRODUCTS = [
    S2ProductName.parse(name)
    for name in (
        "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608",
        "S2A_MSIL1C_20170613T101031_N0205_R022_T33UVP_20170613T101608",
        "S2B_MSIL1C_20170717T113321_N0205_R080_T29UPV_20170717T113321",
    )
]
SCENES = ["S1A_IW_GRDH_1SDV_20170613T165043", "S1B_IW_GRDH_1SDV_20170612T165809", "S1A_IW_GRDH_1SDV_20170613T165108"]


@st.composite
def tables(draw):
    """Public tables as they were published: version 1 names moved by seconds, a part of them in version 2."""
    cells = draw(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 90), st.integers(0, 90)), min_size=1, max_size=60))
    first, second, listed = [], [], []
    for number, col, row in draw(st.permutations(sorted(cells))):
        product, scene = PRODUCTS[number], draw(st.sampled_from(SCENES))
        # Two tiles of one datatake: seconds tell them apart, as in the published names.
        stamp = (
            product.acquired.strftime("%Y%m%dT%H%M")
            + f"{product.acquired.second + number + draw(st.sampled_from([0, 4])):02d}"
        )
        v1_name = f"{product.mission}_MSIL2A_{stamp}_{col}_{row}"
        s1_name = f"{scene}_{product.tile}_{col}_{row}"
        first.append((s1_name, v1_name))
        if draw(st.booleans()):
            day = product.acquired.strftime("%Y%m%dT%H%M%S")
            v2_name = f"{product.mission}_MSIL2A_{day}_N9999_R{product.relative_orbit:03d}_T{product.tile}"
            second.append((s1_name, f"{v2_name}_{col:02d}_{row:02d}", v1_name))
        if draw(st.booleans()):
            listed.append(v1_name)
    return first, second, listed


@given(tables())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=30, deadline=None
)
def test_what_is_packed_comes_back(tmp_path, public):
    first, second, listed = public
    path = tmp_path / "pairs.npz"
    write_pairs(make(first, second, PRODUCTS, listed), path, "notice")
    with path.open("rb") as file:
        packed = read_pairs(file)
    assert len(packed) == len(first)
    assert {(str(one.s1_name), str(one.s2_name_v1)) for one in packed} == set(first)
    assert {(str(one.s1_name), str(one.s2_name_v2), str(one.s2_name_v1)) for one in packed if one.edition & V2} == set(
        second
    )
    assert {str(one.s2_name_v1) for one in packed if one.edition & SNOW_OR_CLOUD} == set(listed)
    assert [packed[index] for index in range(len(packed))] == list(packed)
    bytes_before = path.read_bytes()
    write_pairs(packed, path, "notice")
    assert path.read_bytes() == bytes_before


S1, OLD = f"{SCENES[0]}_33UUP_3_4", "S2A_MSIL2A_20170613T101031_3_4"
NEW = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_03_04"


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ([(S1, OLD.replace("_3_4", "_3_5"))], [], "not of one place"),
        ([(S1, OLD.replace("2017", "2018"))], [], "0 products"),
        ([(S1.replace("33UUP", "33UXP"), OLD)], [], "0 products"),
        ([(S1, OLD)], [(S1, NEW.replace("R022", "R023"), OLD)], "another patch"),
        ([(S1, OLD)], [(S1.replace("165043", "165044"), NEW, OLD)], "another patch"),
        ([(S1, OLD)], [(S1, NEW, OLD.replace("31_", "32_"))], "not in version 1"),
        ([("../x", OLD)], [], "not a Sentinel-1 patch"),
    ],
)
def test_tables_that_disagree_are_refused(first, second, reason):
    with pytest.raises(InputError, match=reason):
        make(first, second, PRODUCTS)


def test_two_scenes_for_one_patch_are_refused(tmp_path):
    made = make([(S1, OLD), (S1.replace("165043", "165108"), OLD.replace("31_", "32_"))], [], PRODUCTS)
    with pytest.raises(InputError, match="two scenes"):
        write_pairs(made, tmp_path / "pairs.npz", "notice")


def test_the_file_is_small_and_says_where_it_is_from():
    folder = files("gee_s1ben.published")
    assert len((folder / "pairs.npz").read_bytes()) < 200_000
    with (folder / "pairs.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        notice = str(stored["notice"])
    for text in (notice, (folder / "PAIRS.md").read_text("utf-8")):
        assert "Community Data License Agreement" in text
        assert "https://cdla.dev/permissive-1-0/" in text
        assert "bigearthnet-common" in text


def test_the_pairs_are_those_that_were_published():
    known = pairs()
    # the sizes that the authors published
    assert len(known) == 590_326
    assert (len(known.products), len(known.scenes)) == (125, 325)
    assert len({one.tile for one in known.products}) == 56
    assert np.count_nonzero(known.edition & V1) == 590_326
    assert np.count_nonzero(known.edition & V2) == 549_488
    listed = known.edition & SNOW_OR_CLOUD > 0
    assert np.count_nonzero(listed) == 70_987
    # the sizes of version 2's two tables
    assert np.count_nonzero(~listed & (known.edition & V2 > 0)) == 480_038
    assert np.count_nonzero(listed & (known.edition & V2 > 0)) == 69_450


# from the example data of bigearthnet-common: folder name, and corresponding_s2_patch of its JSON
EXAMPLES = [
    ("S1A_IW_GRDH_1SDV_20170613T165043_33UUP_87_48", "S2A_MSIL2A_20170613T101031_87_48"),
    ("S1A_IW_GRDH_1SDV_20170617T064724_29UPU_36_85", "S2A_MSIL2A_20170617T113321_36_85"),
    ("S1A_IW_GRDH_1SDV_20170617T064724_29UPU_4_55", "S2A_MSIL2A_20170617T113321_4_55"),
    ("S1A_IW_GRDH_1SDV_20171221T064238_29SND_56_35", "S2A_MSIL2A_20171221T112501_56_35"),
]


@pytest.mark.parametrize(("s1_name", "s2_name"), EXAMPLES)
def test_examples_of_the_published_dataset(s1_name, s2_name):
    s1, s2 = S1PatchName.parse(s1_name), S2PatchNameV1.parse(s2_name)
    found = choice(s1.tile, s2.acquired)
    assert found is not None
    scene = found.scene(s1.col, s1.row)
    assert scene is not None
    assert scene.label == s1.scene
    assert f"S1{scene.platform}_IW_GRDH_1SDV_{scene.acquired:%Y%m%dT%H%M%S}" == s1.scene


def test_a_choice_holds_all_patches_of_its_product():
    known = pairs()
    total = 0
    for product in known.products:
        found = choice(str(product.tile), product.acquired)
        assert found is not None
        assert found.product == product
        assert [one.acquired for one in found.scenes] == sorted(one.acquired for one in found.scenes)
        assert set(np.unique(found.index)) - {-1} == set(range(len(found.scenes)))
        assert ((found.index >= 0) == (found.edition > 0)).all()
        assert 1 <= len(found.scenes) <= 6
        total += np.count_nonzero(found.index >= 0)
    assert total == len(known)


def test_what_was_never_published_has_no_choice():
    moment = datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC)
    assert choice("33UUQ", moment) is None
    assert choice("33UUP", moment.replace(second=32)) is None
    found = choice("33UUP", moment)
    assert found is not None
    assert [found.scene(*cell) for cell in ((-1, 0), (91, 0), (0, 91))] == [None] * 3


@pytest.mark.shared_data
def test_the_scene_of_every_patch_of_version_2(shared_data):
    table = pd.read_parquet(shared_data / "bigearthnet" / "metadata.parquet", columns=["patch_id", "s1_name"])
    rows = table.sample(5000, random_state=1)
    for patch_id, s1_name in zip(rows.patch_id, rows.s1_name, strict=True):
        name = S2PatchNameV2.parse(patch_id)
        found = choice(str(name.product.tile), name.product.acquired)
        assert found is not None
        scene = found.scene(name.col, name.row)
        assert scene is not None
        assert f"{scene.label}_{name.product.tile}_{name.col}_{name.row}" == s1_name


@pytest.mark.shared_data
def test_which_listed_patches_are_in_version_2(shared_data):
    path = shared_data / "bigearthnet" / "metadata_for_patches_with_snow_cloud_or_shadow.parquet"
    known = pairs()
    second = np.flatnonzero(known.edition == V1 + V2 + SNOW_OR_CLOUD)
    names = set(pd.read_parquet(path, columns=["patch_id"]).patch_id)
    assert {str(known[index].s2_name_v2) for index in second} == names


def test_loading_is_quick_and_no_work_of_import():
    program = (
        "import time, sys\nimport gee_s1ben.published.stored as one\nassert one.pairs.cache_info().currsize == 0\n"
        "started = time.process_time()\none.pairs()\nsys.stdout.write(str(time.process_time() - started))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert float(ended.stdout) < 1


def test_the_script_makes_the_file_from_tables(tmp_path):
    from gee_s1ben.footprints import collect, write_tiles
    from gee_s1ben.published.make import main

    write_tiles(collect([str(one) for one in PRODUCTS]).rows, tmp_path / "tiles.parquet")
    (tmp_path / "v1.csv").write_text(f"s1_name,s2_name,country,season\n{S1},{OLD},Austria,Summer\n")
    pd.DataFrame([{"patch_id": NEW, "s1_name": S1, "s2v1_name": OLD}]).to_parquet(tmp_path / "v2.parquet")
    (tmp_path / "snow.csv").write_text(f"{OLD}\n")
    given = ["--csv", "v1.csv", "--metadata", "v2.parquet", "--tiles", "tiles.parquet", "--listed", "snow.csv", "--out",
             "pairs.npz"]  # fmt: skip
    assert main([one if one.startswith("--") else str(tmp_path / one) for one in given]) == 0
    with (tmp_path / "pairs.npz").open("rb") as file:
        (only,) = read_pairs(file)
    assert (str(only.s1_name), str(only.s2_name_v1), str(only.s2_name_v2)) == (S1, OLD, NEW)
    assert only.edition == V1 + V2 + SNOW_OR_CLOUD
    assert main(["--csv", str(tmp_path / "none"), "--metadata", "x", "--tiles", str(tmp_path / "tiles.parquet")]) == 2
