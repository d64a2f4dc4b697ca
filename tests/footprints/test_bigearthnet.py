"""BigEarthNet's metadata, whole and in parts."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gee_s1ben.footprints import collect

FIRST = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
SECOND = "S2B_MSIL2A_20170717T113321_N9999_R080_T29UPV"
CELL = st.tuples(st.integers(0, 90), st.integers(0, 90))


def write(path, names):
    pd.DataFrame({"patch_id": names, "labels": [["Pastures"]] * len(names)}).to_parquet(path)
    return str(path)


def name(product, cell):
    return f"{product}_{cell[0]:02d}_{cell[1]:02d}"


@given(st.dictionaries(st.sampled_from([FIRST, SECOND]), st.sets(CELL, min_size=1), min_size=1), st.randoms())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_each_product_has_its_patches_whatever_their_order(tmp_path, wanted, random):
    names = [name(product, cell) for product, cells in wanted.items() for cell in cells]
    random.shuffle(names)
    collected = collect([write(tmp_path / "metadata.parquet", names)])
    assert collected.refused == ()
    found = {str(row.product): row.patches for row in collected.rows}
    assert {product: set(cells) for product, cells in found.items()} == wanted
    assert all(list(cells) == sorted(cells, key=lambda cell: cell[::-1]) for cells in found.values())


def test_a_patch_listed_twice_is_one(tmp_path):
    path = write(tmp_path / "metadata.parquet", [name(FIRST, (3, 4))] * 2)
    assert collect([path]).rows[0].patches == ((3, 4),)


@pytest.mark.parametrize(
    "bad",
    [
        "", "../../etc/passwd_00_00", FIRST, FIRST + "_91_00", FIRST + "_00_99", FIRST + "_0_48", FIRST + "_00_48 ",
        FIRST.replace("33UUP", "33XUP") + "_00_48", "x" * 300 + "_00_48", FIRST + "\n_00_48", None, "é_00_48",
        "S2A_MSIL2A_20170613T101031_00_48", FIRST.replace("0613", "1313") + "_00_48",
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_with_its_place_and_the_others_go_on(tmp_path, bad):
    names = [name(FIRST, (0, 0)), bad, name(FIRST, (1, 0)), name(SECOND, (5, 5))]
    path = write(tmp_path / "metadata.parquet", names)
    collected = collect([path])
    assert [len(row.patches) for row in collected.rows] == [1, 2]
    assert [refusal.source for refusal in collected.refused] == [f"{path} row 2"]
    assert collected.refused[0].reason.isprintable()


def test_an_empty_table_and_one_of_numbers(tmp_path):
    assert collect([write(tmp_path / "a.parquet", [])]).rows == ()
    path = tmp_path / "b.parquet"
    pd.DataFrame({"patch_id": [1, 2]}).to_parquet(path)
    assert len(collect([str(path)]).refused) == 2


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "metadata.parquet"
    write(path, [name(FIRST, (0, 0))])
    path.write_bytes(path.read_bytes()[:-20])
    assert "no readable Parquet" in collect([str(path)]).refused[0].reason


@pytest.mark.shared_data
def test_all_published_patches_are_wanted(shared_data):
    path = shared_data / "bigearthnet" / "metadata.parquet"
    collected = collect([str(path)])
    assert (len(collected.rows), collected.merged, collected.refused) == (115, (), ())
    names = pd.read_parquet(path, columns=["patch_id"]).patch_id
    cells = {str(row.product): row.patches for row in collected.rows}
    wanted = {f"{product}_{col:02d}_{line:02d}" for product, found in cells.items() for col, line in found}
    assert len(wanted) == len(names) == 480_038
    assert wanted == set(names)
