"""The main job from end to end on simulated scenes, with the real client and the real service."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from command_line import Command, Write, tree

from gee_s1ben.domain.tile import tile_grid


def test_run(write: Write, command: Command) -> None:
    config = write()
    ended = command("run", "--config", config, "--json")
    assert ended.code == 0, ended.err
    data = ended.data
    dataset = Path(data["dataset"])
    assert data["simulated"] is True
    assert data["patches"] + data["absent"] == 9
    assert data["patches"] >= 6
    assert data["verify"]["findings"] == []
    assert sum(one["patches"] for one in data["passes"]) == data["patches"]
    assert len({one["pass"] for one in data["passes"]}) >= 2
    hours = [one["dt_hours"] for one in data["passes"] for _ in range(one["patches"])]
    assert data["dt_hours"]["mean"] == pytest.approx(np.mean(hours))
    assert data["dt_hours"]["max"] == max(hours) <= 6 * 24
    assert set(data["stages"]) == {"connect", "match", "plan", "fetch", "assemble", "verify", "report"}
    assert sum(data["stages"].values()) <= data["seconds"] + 0.01
    (picture,) = data["quicklooks"]
    assert Path(picture).read_bytes().startswith(b"\x89PNG")

    tile = tile_grid("33UUP")
    with (dataset / "provenance" / "patches.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == data["patches"]
    for row in rows:
        col, line = int(row["col"]), int(row["row"])
        label = row["name"].removesuffix(f"_33UUP_{col}_{line}")
        assert row["scenes"].startswith(label)
        assert row["corresponding_s2_patch"] == f"S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_{col}_{line}"
        folder = dataset / "BigEarthNet-S1" / label / row["name"]
        assert sorted(path.name for path in folder.iterdir()) == [f"{row['name']}_VH.tif", f"{row['name']}_VV.tif"]
        for band in ("VV", "VH"):
            with rasterio.open(folder / f"{row['name']}_{band}.tif") as tif:
                values = tif.read(1)
                assert tif.dtypes == ("float32",)
                assert tif.crs.to_epsg() == 32633
                x, y = tile.xy(col * 120, line * 120)
                assert tuple(tif.transform)[:6] == (10.0, 0.0, x, 0.0, -10.0, y)
            assert values.shape == (120, 120)
            assert np.isfinite(values).all()
            assert values.min() > -60
            assert values.max() < 60
    record = json.loads((dataset / "provenance" / "dataset.json").read_text())
    assert record["simulated"] is True

    again = command("run", "--config", config, "--json")
    assert again.code == 0
    assert again.data["kept"] == data["patches"]
    assert again.data["windows"]["fetched"] == 0
    assert again.data["windows"]["kept"] == data["windows"]["fetched"]


def test_stages_one_by_one_give_the_same_dataset(write: Write, command: Command) -> None:
    assert command("run", "--config", write("whole"), "-q").code == 0
    config = write("staged", window_px=240)
    for stage, before in (("plan", "match"), ("fetch", "plan"), ("assemble", "plan"), ("verify", "plan")):
        ended = command(stage, "--config", config)
        assert ended.code == 2
        assert f"run 'gee-s1ben {before}' first" in ended.err
    assert command("match", "--config", config, "--json").data["patches"] == 9
    plan = command("plan", "--config", config, "--json").data
    assert plan["requests"] > 3
    assert plan["bytes"] == plan["pixels"] * 8
    foreseen = plan["forecast"]["dataset"]
    ended = command("assemble", "--config", config)
    assert ended.code == 2
    assert "has not been fetched: run 'gee-s1ben fetch' first" in ended.err
    further = command("fetch", "--config", config, "--json").data["fetched"] - plan["requests"]
    made = command("assemble", "--config", config, "--json")
    assert (made.code, made.data["patches"], made.data["absent"]) == (0, 9, 0)
    with (config.parent / "dataset" / "provenance" / "patches.csv").open() as file:
        next_passes = {row["pass"] for row in csv.DictReader(file) if row["passed_over"]}
    assert len(next_passes) <= further <= len(next_passes) * 4  # windows of 2 × 2 patches over 3 × 3
    verified = command("verify", "--config", config, "--json")
    assert (verified.code, verified.data["findings"]) == (0, [])
    files = [path.stat().st_size for path in (config.parent / "dataset").rglob("*.tif")]
    assert (foreseen["files"], foreseen["bytes"]) == (len(files), sum(files))
    one, other = (tree(config.parent / "dataset") for config in (write("whole"), config))
    # The size of the windows is in the plan, and changes nothing else.
    assert {path for path in one if one[path] != other[path]} <= {"provenance/dataset.json"}
    assert set(one) == set(other)


def test_layout_v1(write: Write, command: Command) -> None:
    config = write(layout="v1")
    data = command("run", "--config", config, "--json").data
    folders = sorted((Path(data["dataset"]) / "BigEarthNet-S1-v1.0").iterdir())
    assert len(folders) == data["patches"]
    for folder in folders:
        assert {path.name.removeprefix(folder.name) for path in folder.iterdir()} == {
            "_VV.tif",
            "_VH.tif",
            "_labels_metadata.json",
        }


def test_verify_finds_what_is_wrong(write: Write, command: Command) -> None:
    config = write()
    data = command("run", "--config", config, "--json").data
    dataset = Path(data["dataset"])
    first, second, third = sorted((dataset / "BigEarthNet-S1").glob("*/*"))[:3]
    before = tree(dataset)
    (first / f"{first.name}_VV.tif").unlink()
    content = bytearray((second / f"{second.name}_VH.tif").read_bytes())
    content[-7] ^= 1
    (second / f"{second.name}_VH.tif").write_bytes(content)
    (third / "extra.txt").write_text("x")
    ended = command("verify", "--config", config, "--json")
    assert ended.code == 1
    found = {finding["what"] for finding in ended.data["findings"]}
    assert {first.name, second.name, third.name} <= found
    (third / "extra.txt").unlink()
    # The same command mends it.
    assert command("run", "--config", config, "--json").code == 0
    assert tree(dataset) == before


def test_target_without_scenes_beside_one_with(write: Write, command: Command) -> None:
    usual = write().read_text()
    other = "  - {tile: 29SNB, acquired: 2017-06-13T10:10:31Z, patches: {columns: [0, 0], rows: [0, 1]}}\nexport:"
    config = write(text=usual.replace("export:", other))
    data = command("run", "--config", config, "--json").data
    assert data["absent_reasons"]["no Sentinel-1 scene within 6 days"] == 2
    assert data["patches"] >= 6
    assert data["verify"]["findings"] == []
    assert len(data["quicklooks"]) == 2


@pytest.mark.parametrize("layout", ["v1", "v2"])
def test_two_acquisitions_of_a_tile_share_patches(write: Write, command: Command, layout: str) -> None:
    """Both get the same Sentinel-1 patches, under one name: written once, and recorded for both."""
    usual = write(layout=layout).read_text()
    other = "  - {tile: 33UUP, acquired: 2017-06-13T10:10:36Z, patches: {columns: [44, 46], rows: [44, 46]}}\nexport:"
    config = write(text=usual.replace("export:", other))
    first = command("run", "--config", config, "--json")
    assert (first.code, first.data["verify"]["findings"]) == (0, [])
    with (Path(first.data["dataset"]) / "provenance" / "patches.csv").open() as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert len(names) == 2 * len(set(names)) == first.data["patches"]
    before = tree(Path(first.data["dataset"]))
    assert command("run", "--config", config, "--json").code == 0
    assert tree(Path(first.data["dataset"])) == before
