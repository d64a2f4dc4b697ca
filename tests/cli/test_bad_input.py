"""Bad input of every kind: one clear line, exit code 2, and nothing half-written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_line import Command, Ended, Write, tree


def refused(ended: Ended, *words: str) -> str:
    """One line on stderr, the same in the JSON object."""
    assert ended.code == 2
    message = ended.data["error"]["message"]
    assert "\n" not in message
    for word in words:
        assert word in message
    assert ended.err.splitlines()[-1] == f"error: {message}"
    assert "Traceback" not in ended.err
    return str(message)


def test_unknown_tile(write: Write, command: Command) -> None:
    config = write(text="tiles: [S2A_MSIL2A_20170613T101031_N9999_R022_T99UUP]\n")
    refused(command("run", "--config", config, "--json"), "config.yaml line 1", "99UUP", "no UTM zone")


def test_tile_without_scenes(write: Write, command: Command) -> None:
    config = write(text=write().read_text().replace("T33UUP", "T29SNB"))
    ended = command("run", "--config", config, "--json")
    refused(ended, "29SNB_20170613T101031", "no Sentinel-1 scene within 6 days", "gee-s1ben simulate")
    assert not (config.parent / "dataset").exists()


def test_scenes_without_a_polarisation(write: Write, command: Command) -> None:
    config = write(text=write().read_text() + "radar: {polarisations: [VV, HV]}\n")
    refused(
        command("run", "--config", config, "--json"),
        "no scene with VV and HV",
        "without HV within 6 days: radar.polarisations",
    )


def test_broken_key(write: Write, command: Command) -> None:
    config = write(text=write().read_text() + "match: {window_days: six}\n")
    refused(command("match", "--config", config, "--json"), "config.yaml line 7: match.window_days", "'six'")


def test_missing_config(command: Command, tmp_path: Path) -> None:
    refused(command("run", "--config", tmp_path / "none.yaml", "--json"), "none.yaml", "--config")


def test_no_catalog(write: Write, command: Command) -> None:
    config = write(text="tiles: [S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP]\n")
    refused(command("run", "--config", config, "--json"), "holds no catalog of scenes")


def test_no_project(write: Write, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EARTHENGINE_PROJECT", "EE_PROJECT_ID", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.setenv(name, "")
    config = write(text=write().read_text() + "backend: earthengine\n")
    refused(command("run", "--config", config, "--json"), "no Google Cloud project", "EARTHENGINE_PROJECT")


def test_truncated_scene_in_the_catalog(write: Write, command: Command, catalog: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(catalog, copy)
    config = write(text=write().read_text().replace(str(catalog), str(copy)))
    matched = command("match", "--config", config, "--json")
    assert matched.code == 0
    for path in copy.rglob("VV.tif"):
        path.write_bytes(path.read_bytes()[:5000])
    message = refused(command("run", "--config", config, "--json"), "VV.tif", "truncated")
    assert len(message) < 1500
    # With the scenes as they were, the same command goes on.
    shutil.rmtree(copy)
    shutil.copytree(catalog, copy)
    assert command("run", "--config", config, "--json").code == 0


def test_folder_that_holds_something_else(write: Write, command: Command) -> None:
    config = write()
    dataset = config.parent / "dataset"
    dataset.mkdir()
    (dataset / "thesis.txt").write_text("mine")
    for more in ([], ["--overwrite"]):
        refused(command("run", "--config", config, "--json", *more), "holds something else")
    assert tree(dataset).keys() == {"thesis.txt"}
    shutil.rmtree(dataset)
    shutil.rmtree(config.parent / "dataset.work")
    (config.parent / "dataset.work").mkdir()
    (config.parent / "dataset.work" / "x").write_text("mine")
    refused(command("run", "--config", config, "--json"), "holds something else", "workspace")


def test_other_plan_in_the_same_folder(write: Write, command: Command) -> None:
    config = write()
    assert command("run", "--config", config, "-q").code == 0
    before = tree(config.parent / "dataset")
    change = ["--set", "radar.speckle.filter=none"]
    refused(command("run", "--config", config, "--json", *change), "another configuration", "--overwrite")
    assert tree(config.parent / "dataset") == before
    assert command("run", "--config", config, "--json", "--overwrite", *change).code == 0
    after = tree(config.parent / "dataset")
    assert before.keys() == after.keys()
    assert all(before[path] != after[path] for path in before if path.endswith(".tif"))


def test_broken_state_is_named(write: Write, command: Command) -> None:
    config = write()
    assert command("match", "--config", config, "-q").code == 0
    (config.parent / "dataset.work" / "match.json").write_text("{")
    refused(command("plan", "--config", config, "--json"), "match.json is broken", "run 'gee-s1ben match' again")


def test_catalog_add_and_list(command: Command, catalog: Path, tmp_path: Path) -> None:
    copy = tmp_path / "new"
    item = next(catalog.rglob("S1A*.json"))
    about = json.loads(item.read_text())["properties"]
    (tmp_path / "about.json").write_text(json.dumps(about["ee:properties"]))
    rasters = [item.parent / f"{band}.tif" for band in ("VV", "VH")]
    line = [
        "catalog",
        "add",
        "--catalog",
        copy,
        "--id",
        about["ee:id"],
        "--properties",
        tmp_path / "about.json",
        "--json",
    ]
    added = command(*line, *rasters)
    assert added.code == 0, added.err
    assert added.data["bands"] == ["VV", "VH"]
    listed = command("catalog", "list", "--catalog", copy, "--json").data
    assert [image["id"] for image in listed["images"]] == [about["ee:id"]]
    refused(command(*line, *rasters), "already", "--overwrite")
    (tmp_path / "cut.tif").write_bytes(rasters[0].read_bytes()[:4000])
    refused(command(*line, "--overwrite", tmp_path / "cut.tif", "--bands", "VV"), "cut.tif")
    refused(command("catalog", "list", "--catalog", tmp_path / "none", "--json"), "holds no catalog")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runn"], "No such command"),
        (["run", "--bogus"], "--bogus"),
        (["catalog", "add"], "Missing"),
        (["engine", "serve", "--catalog", "/nowhere"], "holds no catalog"),
        (["run", "--config"], "--config"),
    ],
)
def test_usage(command: Command, arguments: list[str], words: str) -> None:
    refused(command(*arguments, "--json"), words)


def test_unexpected_errors_are_one_line_too(write: Write, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    import gee_s1ben.config

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr(gee_s1ben.config, "load_config", broken)
    ended = command("run", "--json")
    assert ended.code == 70
    assert ended.data["error"]["type"] == "UnexpectedError"
    assert "Traceback" not in ended.err
    assert "run again with -v" in ended.err
    assert "Traceback" in command("run", "-v").err
