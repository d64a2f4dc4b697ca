"""``provenance/dataset.json``: from what a dataset was made, the same wherever it was made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from command_line import Command, Write, tree

import gee_s1ben


def record_of(config: Path) -> str:
    return (config.parent / "dataset" / "provenance" / "dataset.json").read_text("utf-8")


def test_recipe_configuration_graphs_and_versions(write: Write, command: Command) -> None:
    config = write()
    assert command("run", "--config", config, "-q").code == 0
    text = record_of(config)
    assert str(config.parent) not in text
    record = json.loads(text)
    assert (record["preset"], record["layout"], record["fill"], record["min_valid"]) == ("default", "v2", "none", 0.5)
    assert record["tiles"][0]["patches"] == {"columns": [44, 46], "rows": [44, 46]}
    assert record["radar"]["speckle"] == {"filter": "refined_lee"}
    assert set(record["jobs"]) == set(record["targets"])
    jobs = [job for jobs in record["jobs"].values() for job in jobs]
    windows = config.parent / "dataset.work" / "windows"
    assert {job["fingerprint"] for job in jobs} == {path.name for path in windows.iterdir()}
    rows = (config.parent / "dataset" / "provenance" / "patches.csv").read_text().splitlines()[1:]
    assert {row.split(",")[6] for row in rows} == {job["pass"] for job in jobs}
    scenes = {scene.rpartition("/")[2] for job in jobs for scene in job["scenes"]}
    assert {scene for row in rows for scene in row.split(",")[5].split()} <= scenes
    (versions,) = record["versions"]
    assert versions["gee-s1ben"] == gee_s1ben.__version__
    assert versions["gdal"] == rasterio.__gdal_version__
    assert versions["numpy"] == np.__version__


def test_it_is_the_same_in_another_folder_with_other_windows(write: Write, command: Command) -> None:
    one, two = write("one"), write("two", window_px=120)
    for config in (one, two):
        assert command("run", "--config", config, "-q").code == 0
    assert record_of(one) == record_of(two)
    assert tree(one.parent / "dataset") == tree(two.parent / "dataset")


def test_another_version_of_a_library_goes_on_and_is_written_down(
    write: Write, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write()
    assert command("run", "--config", config, "-q").code == 0
    before = json.loads(record_of(config))
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(np, "__version__", "9.9.9")
            assert command("assemble", "--config", config, "-q").code == 0
        after = json.loads(record_of(config))
        assert [one["numpy"] for one in after["versions"]] == [np.__version__, "9.9.9"]
    assert {**after, "versions": before["versions"]} == before
    assert command("assemble", "--config", config, "-q").code == 0
    assert json.loads(record_of(config)) == after


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "[" * 100_000, '{"versions": 3}'])
def test_a_record_of_somebody_else_is_refused(write: Write, command: Command, text: str) -> None:
    config = write()
    path = config.parent / "dataset" / "provenance" / "dataset.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    ended = command("run", "--config", config, "--json")
    assert ended.code == 2
    assert "another configuration made" in ended.data["error"]["message"]
    assert path.read_text() == text
