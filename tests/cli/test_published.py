"""The command that compares the published pairs with the public tables."""

import pandas as pd
import pytest

from gee_s1ben.domain.naming import S2ProductName
from gee_s1ben.published.check import check
from gee_s1ben.published.make import make

ROW = {
    "patch_id": "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_70_48",
    "s1_name": "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48",
    "s2v1_name": "S2A_MSIL2A_20170613T101031_70_48",
}


OTHER = {name: text.replace("_70_48", "_71_48") for name, text in ROW.items()}
PRODUCT = S2ProductName.parse("S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608")


def test_a_table_that_differs_is_a_finding(command, tmp_path):
    path = tmp_path / "metadata.parquet"
    pd.DataFrame([OTHER, {**ROW, "s1_name": ROW["s1_name"].replace("165043", "165044")}]).to_parquet(path)
    ended = command("published", "check", "--metadata", path)
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert lines[0] == "names read back 590,326 names, all right"
    assert lines[1] == "version 2       2 of 549,488 names, 1 wrong"
    assert "20170613T165044" in lines[2]


@pytest.mark.parametrize(
    ("tables", "names", "wrong"),
    [
        ([[ROW]], 1, []),  # a part of version 2 is no fault
        ([[ROW], [OTHER]], 2, []),
        ([[OTHER, {**ROW, "s2v1_name": OTHER["s2v1_name"]}]], 2, ["the pairs say"]),
        ([[{**ROW, "patch_id": ROW["patch_id"].replace("_70_48", "_90_90")}]], 0, ["the table says"]),
        ([[ROW, OTHER], [ROW]], 2, ["it comes twice"]),
    ],
)
def test_what_is_wrong_of_one_or_two_tables(tmp_path, tables, names, wrong):
    rows = [(row["s1_name"], row["patch_id"], row["s2v1_name"]) for row in (ROW, OTHER)]
    known = make([(s1, v1) for s1, _, v1 in rows], rows, [PRODUCT])
    paths = [tmp_path / f"{number}.parquet" for number in range(len(tables))]
    for path, table in zip(paths, tables, strict=True):
        pd.DataFrame(table).to_parquet(path)
    _, found = check(metadata=paths, known=known)
    assert (found.names, found.published, found.wrong) == (names, 2, len(wrong))
    assert [words in example for words, example in zip(wrong, found.examples, strict=True)] == [True] * len(wrong)


@pytest.mark.parametrize("option", ["--metadata", "--csv"])
def test_a_file_that_is_no_table_is_bad_input(command, tmp_path, option):
    path = tmp_path / "x"
    path.write_text("nothing\n")
    ended = command("published", "check", option, path)
    assert ended.code == 2
    assert ended.err.startswith("error: ")


@pytest.mark.parametrize("option", ["--metadata", "--csv"])
def test_a_table_without_rows_is_bad_input(command, tmp_path, option):
    path = tmp_path / "empty"
    if option == "--csv":
        path.write_text("s1_name,s2_name\n")
    else:
        pd.DataFrame([ROW]).iloc[:0].to_parquet(path)
    ended = command("published", "check", option, path)
    assert (ended.code, ended.err.strip()) == (2, f"error: {path} has no rows")


@pytest.mark.shared_data
def test_all_published_names_come_back(command, shared_data):
    files = ("metadata.parquet", "metadata_for_patches_with_snow_cloud_or_shadow.parquet")
    given = [part for name in files for part in ("--metadata", shared_data / "bigearthnet" / name)]
    ended = command("published", "check", *given, "--json")
    assert ended.code == 0
    found = [(one["names"], one["published"], one["wrong"]) for one in ended.data["checks"]]
    assert found == [(590_326, 590_326, 0), (549_488, 549_488, 0)]
