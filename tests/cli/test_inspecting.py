"""``stats``, ``diff`` and ``verify`` of a dataset that stands."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import small_dataset
from command_line import Command, Write

PATCH = "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48"


@pytest.fixture
def dataset(tmp_path: Path, command: Command, write: Write) -> Path:
    """Nine simulated patches, less those that no pass covers."""
    config = write()
    assert command("run", "--config", config, "-q").code == 0
    return config.parent / "dataset"


def test_verify_stats_and_diff(dataset: Path, command: Command, tmp_path: Path) -> None:
    files = sorted(dataset.rglob("*_VH.tif"))
    assert len(files) > 4
    assert command("verify", dataset, "--json").data["right"] == len(files)
    assert command("verify", dataset, "--sample", "4", "--json").data["checked"] == 4
    config = dataset.parent / "config.yaml"
    assert command("verify", "--config", config, "--sample", "2", "--json").data["checked"] == 2

    whole = np.stack([rasterio.open(path).read(1) for path in files]).astype(np.float64)
    band = command("stats", dataset, "--percentile", "50", "--json").data["bands"]["VH"]
    assert (band["pixels"], band["invalid"]) == (len(files) * 14400, 0)
    assert (band["mean"], band["std"]) == pytest.approx((whole.mean(), whole.std()))
    assert band["percentiles"]["50"] == pytest.approx(np.median(whole), abs=0.02)
    assert "VH  mean" in command("stats", dataset).out
    assert (
        command("stats", "--config", config, "--json").data["bands"]
        == command("stats", dataset, "--json").data["bands"]
    )

    copy = shutil.copytree(dataset, tmp_path / "copy")
    same = command("diff", dataset, copy, "--json")
    assert (same.code, same.data["patches"], same.data["differences"]) == (0, len(files), [])
    changed = copy / files[0].relative_to(dataset)
    with rasterio.open(changed, "r+") as file:
        file.write(file.read(1) + np.float32(0.25), 1)
    different = command("diff", dataset, copy, "--json")
    assert (different.code, different.data["differing"], different.data["pixels"]) == (1, 1, 14400)
    assert different.data["max_db"] == pytest.approx(0.25, abs=1e-5)
    assert "14400 pixels" in command("diff", dataset, copy).out
    assert command("diff", dataset, copy, "--tolerance", "0.3").code == 0

    wrong = command("verify", copy, "--json")
    assert wrong.code == 1
    assert [finding["reason"] for finding in wrong.data["findings"]] == [
        f"{changed.name} differs from its checksum in the manifest"
    ]


@pytest.mark.parametrize(
    ("columns", "first", "counts"),
    [
        ((2, 1), "no patch in common (patches are matched by name)", (0, 0, 2, 1)),
        ((2, 3), "2 patches compared, 0 differ", (2, 0, 0, 1)),
        ((1, 1), "1 patch compared, 0 differ", (1, 0, 0, 0)),
    ],
)
def test_what_only_one_dataset_has_is_not_compared(
    command: Command, tmp_path: Path, columns: tuple[int, int], first: str, counts: tuple[int, int, int, int]
) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    targets = ("33UUP_20170613T101031", "33UUP_20170613T101031" if counts[0] else "33UVP_20170613T101031")
    for path, number, target in zip(paths, columns, targets, strict=True):
        small_dataset.make(path, columns=number, rows=1, size=8, targets=(target,))
    ended = command("diff", *paths, "--json")
    assert ended.code == (1 if sum(counts[1:]) else 0)
    assert tuple(ended.data[key] for key in ("patches", "differing", "only_in_a", "only_in_b")) == counts
    lines = command("diff", *paths).out.splitlines()
    assert lines[0] == first
    said = [(count, path) for count, path in zip(counts[2:], paths, strict=True) if count]
    assert lines[1 : 1 + len(said)] == [
        f"{count} {'patch' if count == 1 else 'patches'} only in {path}" for count, path in said
    ]


@pytest.mark.parametrize("words", [["stats"], ["verify"], ["diff", "."]])
def test_no_dataset(command: Command, tmp_path: Path, words: list[str]) -> None:
    ended = command(*words, tmp_path / "nowhere", "--json")
    assert ended.code == 2
    assert "nowhere" in ended.err or "holds no dataset" in ended.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [(["--split", "train"], "no metadata.parquet"), (["--percentile", "101"], "from 0 to 100")],
)
def test_what_stats_refuse(command: Command, tmp_path: Path, words: list[str], reason: str) -> None:
    (tmp_path / "BigEarthNet-S1" / PATCH[:32] / PATCH).mkdir(parents=True)
    ended = command("stats", tmp_path, *words)
    assert ended.code == 2
    assert reason in ended.err


@pytest.mark.shared_data
def test_the_published_patch(command: Command, shared_data: Path) -> None:
    counts = [
        command("stats", shared_data / "bigearthnet", "--split", split, "--json").data["patches"]
        for split in ("train", "validation", "test")
    ]
    assert sorted(counts) == [0, 0, 1]
    whole = command("stats", shared_data / "bigearthnet", "--json")
    assert whole.data["patches"] == 1
    assert set(whole.data["bands"]) == {"VH", "VV"}
