"""The command that compares the published pairs with the public tables."""

import pandas as pd
import pytest

ROW = {
    "patch_id": "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_70_48",
    "s1_name": "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48",
    "s2v1_name": "S2A_MSIL2A_20170613T101031_70_48",
}


def test_a_table_that_differs_is_a_finding(command, tmp_path):
    path = tmp_path / "metadata.parquet"
    wrong = {**ROW, "s1_name": ROW["s1_name"].replace("165043", "165044")}
    pd.DataFrame([wrong]).to_parquet(path)
    ended = command("published", "check", "--metadata", path, "--json")
    assert ended.code == 1
    back, second = ended.data["checks"]
    assert (back["names"], back["wrong"]) == (590_326, 0)
    assert (second["names"], second["wrong"]) == (1, 480_038)  # one differs, and all others are missing
    assert len(second["examples"]) == 20


@pytest.mark.parametrize("option", ["--metadata", "--csv"])
def test_a_file_that_is_no_table_is_bad_input(command, tmp_path, option):
    path = tmp_path / "x"
    path.write_text("nothing\n")
    ended = command("published", "check", option, path)
    assert ended.code == 2
    assert ended.err.startswith("error: ")


@pytest.mark.shared_data
def test_all_published_names_come_back(command, shared_data):
    ended = command("published", "check", "--metadata", shared_data / "bigearthnet" / "metadata.parquet", "--json")
    assert ended.code == 0
    assert [(one["names"], one["wrong"]) for one in ended.data["checks"]] == [(590_326, 0), (480_038, 0)]
