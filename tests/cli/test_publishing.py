"""``pack``, ``describe`` and ``compare`` as commands: outcome, JSON, exit codes, one line where something is wrong."""

import json
import shutil

import pytest
import small_dataset

from gee_s1ben.cli.app import run


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return small_dataset.make(tmp_path_factory.mktemp("dataset"))


def outcome(capsys, *words):
    code = run([str(word) for word in words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize("form", ["zarr", "webdataset", "lmdb"])
def test_pack_says_what_stands(small, tmp_path, capsys, form):
    pytest.importorskip({"zarr": "zarr", "webdataset": "webdataset", "lmdb": "lmdb"}[form])
    code, text, _ = outcome(capsys, "pack", small.root, "--format", form, "--out", tmp_path / "pack", "--json")
    assert code == 0
    shown = json.loads(text)
    assert (shown["patches"], shown["kept"], shown["format"]) == (6, 0, form)
    code, text, _ = outcome(capsys, "pack", small.root, "--format", form, "--out", tmp_path / "pack")
    assert code == 0
    assert text.startswith("6 patches in ")
    assert "(6 were there)" in text


def test_pack_into_something_else_is_one_line(small, tmp_path, capsys):
    pytest.importorskip("zarr")
    (tmp_path / "notes.txt").write_text("mine")
    code, text, error = outcome(capsys, "pack", small.root, "--format", "zarr", "--out", tmp_path)
    assert (code, text) == (2, "")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "--out" in error


def test_an_unknown_form_is_refused(small, tmp_path, capsys):
    code, _, error = outcome(capsys, "pack", small.root, "--format", "npz", "--out", tmp_path / "pack")
    assert code == 2
    assert "webdataset" in error


def test_describe_lists_what_it_wrote(tmp_path, capsys):
    small = small_dataset.make(tmp_path)
    code, text, _ = outcome(capsys, "describe", small.root, "--items", "tile", "--json")
    assert code == 0
    shown = json.loads(text)
    assert (shown["patches"], shown["stac_items"]) == (6, 2)
    assert all((tmp_path / "provenance" / name).exists() for name in ("patches.parquet", "datasheet.md", "stac"))
    code, text, _ = outcome(capsys, "describe", small.root)
    assert text.startswith("6 patches described, 6 STAC items\n")


def test_compare_summarises_and_exits_by_what_it_found(small, tmp_path, capsys):
    shutil.copytree(small.root / "BigEarthNet-S1", tmp_path / "BigEarthNet-S1")
    words = ["compare", small.root, tmp_path, "--report", tmp_path / "report.csv"]
    code, text, _ = outcome(capsys, *words)
    assert code == 0
    assert "6 of the same scene, 0 of another, 0 without a published one" in text
    assert "vv_correlation" in text
    name = small.rows[0][0]
    path = tmp_path / small.folders[name] / f"{name}_VV.tif"
    path.write_bytes(path.read_bytes()[:300])
    code, text, _ = outcome(capsys, *words, "--json")
    shown = json.loads(text)
    assert code == 1
    assert shown["same_scene"] == 5
    assert [one["patch"] for one in shown["failures"]] == [name]
    assert shown["spread"]["shift_px"]["median"] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("words", [["describe"], ["pack", "--format", "lmdb", "--out", "x"], ["compare"]])
def test_no_dataset_is_one_line(tmp_path, capsys, words):
    verb, *options = words
    paths = [tmp_path / "none"] + ([tmp_path] if verb == "compare" else [])
    code, _, error = outcome(capsys, verb, *paths, *options)
    assert code == 2
    assert "holds no dataset of this program" in error
    assert error.count("\n") == 1


def test_the_dataset_is_the_configurations_unless_it_is_named(tmp_path, capsys):
    small = small_dataset.make(tmp_path / "ours")
    shutil.copytree(small.root, tmp_path / "theirs")
    config = tmp_path / "config.yaml"
    config.write_text("tiles: [S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP]\ndataset: {path: ours}\n")
    for words in (("theirs",), ("ours", "theirs")):
        folders = [tmp_path / word for word in words]
        code, text, _ = outcome(capsys, "compare", *folders, "--config", config, "--json")
        assert (code, json.loads(text)["same_scene"]) == (0, 6)
    for more, items in (((), 6), (("--set", "dataset.stac_items=tile"), 2), (("--items", "tile"), 2)):
        code, text, _ = outcome(capsys, "describe", "--config", config, "--json", *more)
        assert (code, json.loads(text)["patches"], json.loads(text)["stac_items"]) == (0, 6, items)
    pytest.importorskip("lmdb")
    code, text, _ = outcome(capsys, "pack", "--format", "lmdb", "--out", tmp_path / "pack", "--config", config)
    assert code == 0
    assert text.startswith("6 patches in ")
    code, text, error = outcome(capsys, "compare", "a", "b", "c")
    assert (code, text) == (2, "")
    assert "two folders are compared, not 3" in error
