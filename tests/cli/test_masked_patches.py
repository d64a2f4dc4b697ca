"""Patches that their pass does not have whole, from the scenes to all that is said of the dataset."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pytest
from command_line import Command, tree
from masked_scenes import CELLS, KEY, LEVELS, SCENES, Cell, expected, write_job

from gee_s1ben.dataset.stored import open_dataset
from gee_s1ben.engine.exports import QueueSettings
from gee_s1ben.engine.service import serving
from gee_s1ben.ledger import JobState, Ledger
from gee_s1ben.pipeline import direct, incidence, report
from gee_s1ben.pipeline import fetch as fetching
from gee_s1ben.quality.view import QuicklookView

A, B, C = SCENES
MASKS: dict[str, set[Cell]] = {
    A: {(0, 0), (1, 0), (5, 3), (2, 2), (3, 2)},
    B: {(1, 0), (5, 3), (4, 1)},
    C: {(5, 3), (0, 3)},
}
"""Three rounds: two patches come from the second pass, one from the third, one from none."""
LACK = "1 of 256 pixels has no data"

Made = tuple[Path, QuicklookView]
"""A dataset, and what its picture shows."""


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_job(tmp_path_factory.mktemp("masked"), MASKS).parent


@pytest.fixture(scope="module")
def made(job: Path) -> Made:
    """The dataset of one run, described, and what its picture shows."""
    from gee_s1ben.cli.app import run

    views: list[QuicklookView] = []
    draw = report.write_quicklook
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(report, "write_quicklook", lambda path, view: (views.append(view), draw(path, view)))
        assert run(["run", "--config", str(job / "config.yaml"), "-q"]) == 0
    assert run(["describe", str(job / "out"), "-q"]) == 0
    return job / "out", views[-1]


def rows_of(root: Path, name: str) -> list[dict[str, str]]:
    with (root / "provenance" / name).open() as file:
        return list(csv.DictReader(file))


def test_each_patch_is_from_the_first_pass_that_has_it_whole(made: Made, command: Command) -> None:
    root, _ = made
    wanted = expected(MASKS)
    dataset = open_dataset(root)
    found = {(patch.name.col, patch.name.row): float(np.mean(dataset.read(patch)["VV"])) for patch in dataset.patches()}
    assert {cell: min(LEVELS, key=lambda key: abs(LEVELS[key] - mean)) for cell, mean in found.items()} == {
        cell: key for cell, key in wanted.items() if key
    }
    rows = {(int(row["col"]), int(row["row"])): row for row in rows_of(root, "patches.csv")}
    assert {cell: row["pass"] for cell, row in rows.items()} == {cell: key for cell, key in wanted.items() if key}
    assert {cell: row["passed_over"] for cell, row in rows.items() if row["passed_over"]} == {
        (0, 0): f"{A}: {LACK}", (2, 2): f"{A}: {LACK}", (3, 2): f"{A}: {LACK}", (1, 0): f"{A}: {LACK}; {B}: {LACK}"
    }  # fmt: skip
    assert [row["reason"] for row in rows_of(root, "absent.csv")] == [f"{A}: {LACK}; {B}: {LACK}; {C}: {LACK}"]
    record = json.loads((root / "provenance" / "dataset.json").read_text())
    assert [one["pass"] for one in record["jobs"][KEY]] == [A]
    assert [one["pass"] for one in record["next_passes"][KEY]] == [B, C]
    # Nothing is asked for again, nothing is written again, and the record stays.
    before = tree(root)
    again = command("run", "--config", root.parent / "config.yaml", "--json").data
    assert (again["patches"], again["kept"], again["windows"]["fetched"]) == (23, 23, 0)
    assert again["passed_over"] == 4
    assert tree(root) == before


def test_all_that_is_said_of_a_dataset_agrees(made: Made) -> None:
    root, view = made
    work = root.parent / "out.work"
    rows = rows_of(root, "patches.csv")
    passes = Counter(row["pass"] for row in rows)
    over = {row["corresponding_s2_patch"]: row["passed_over"] for row in rows}
    reasons = [row["reason"] for row in rows_of(root, "absent.csv")]
    assert (len(rows), len(reasons), passes) == (23, 1, {A: 19, B: 3, C: 1})

    coverage = json.loads((work / "coverage.json").read_text())
    assert (coverage["stage"], coverage["served"], coverage["patches"]) == ("made", 23, 24)
    (tile,) = coverage["by_tile"]
    assert {one["pass"]: one["patches"] for one in tile["passes"]} == passes
    assert [group["reason"] for group in tile["uncovered"]] == reasons
    text = (work / "coverage.txt").read_text()
    assert text.startswith("23 of 24 patches of 1 tile made\n")
    assert f"uncovered, 1: {reasons[0]}\n    5_3\n" in text

    table = pq.read_table(work / "match.parquet").to_pylist()
    assert {row["corresponding_s2_patch"]: row["pass"] for row in table if row["pass"]} == {
        row["corresponding_s2_patch"]: row["pass"] for row in rows
    }
    assert [row["reason"] for row in table if row["reason"]] == reasons
    assert {row["corresponding_s2_patch"]: row["passed_over"] or "" for row in table if row["pass"]} == over

    (data,) = re.findall(r"^const view = (.*);$", (work / "match.html").read_text(), re.MULTILINE)
    shown: dict[str, Any] = json.loads(data)
    assert shown["stage"] == "made"
    groups = shown["tiles"][0]["groups"]
    assert {shown["passes"][group["of_pass"]]["key"]: group["patches"] for group in groups} == passes
    assert shown["tiles"][0]["absent"] == [[reasons[0], 1]]

    assert {one.key: len(one.cells) for one in view.passes} == passes
    assert view.absent == ((5, 3),)

    stored = geopandas.read_parquet(root / "provenance" / "patches.parquet")
    assert dict(zip(stored["corresponding_s2_patch"], stored["passed_over"], strict=True)) == over
    assert Counter(stored["pass"]) == passes
    frame = open_dataset(root).frame()
    assert dict(zip(frame["corresponding_s2_patch"], frame["passed_over"], strict=True)) == over
    items = [json.loads(path.read_text()) for path in (root / "provenance" / "stac").rglob("*.json")]
    properties = [item["properties"] for item in items if item.get("type") == "Feature"]
    assert Counter(one["gee_s1ben:pass"] for one in properties) == passes
    assert {one["gee_s1ben:corresponding_s2_patch"]: one.get("gee_s1ben:passed_over", "") for one in properties} == over


def same(root: Path, other: Path) -> bool:
    """Whether two datasets are the same, but for what 'describe' adds."""
    described = ("provenance/stac/", "provenance/patches.parquet", "provenance/manifest.sha256")
    one, two = (
        {path: digest for path, digest in tree(folder).items() if not path.startswith(described)}
        for folder in (root, other)
    )
    two = {path: digest for path, digest in two.items() if path in one or path.startswith("BigEarthNet")}
    return one == two


def test_stages_and_shards_make_the_same_dataset(job: Path, made: Made, tmp_path: Path, command: Command) -> None:
    shutil.copy(job / "config.yaml", tmp_path)
    fixed = ("--config", tmp_path / "config.yaml", "--set", f"embedded.catalog={job / 'catalog'}")
    for stage in ("match", "plan"):
        assert command(stage, *fixed).code == 0
    assert "24 of 24 patches of 1 tile planned" in (tmp_path / "out.work" / "coverage.txt").read_text()
    assert command("fetch", *fixed).code == 0
    for shard in ("2/2", "1/2"):
        assert command("assemble", *fixed, "--shard", shard).code == 0
    assert command("assemble", *fixed, "--json").data["kept"] == 23
    assert command("verify", *fixed).code == 0
    assert same(tmp_path / "out", made[0])
    # Another rule about what patches may lack is looked at anew before patches are written.
    other = ("--set", "dataset.path=filled", "--set", f"workspace={tmp_path / 'out.work'}", "--set", "dataset.fill=-30")
    refused = command("assemble", *fixed, *other)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "run 'gee-s1ben fetch' first" in refused.err
    assert command("fetch", *fixed, *other, "--json").data["fetched"] == 0
    assert command("assemble", *fixed, *other, "--json").data["patches"] == 24
    assert {row["pass"] for row in rows_of(tmp_path / "filled", "patches.csv")} == {A}


def test_a_fetch_that_is_killed_between_rounds_goes_on(
    job: Path, made: Made, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(job / "config.yaml", tmp_path)
    fixed = ("--config", tmp_path / "config.yaml", "--set", f"embedded.catalog={job / 'catalog'}", "-q")
    asked: list[str] = []
    real = direct.compute_geotiff

    def counting(*arguments: Any, **options: Any) -> bytes:
        asked.append(str(arguments[3]))
        return real(*arguments, **options)

    monkeypatch.setattr(direct, "compute_geotiff", counting)
    real_round = direct.fetch_direct
    rounds = iter([True, False, True, True, False])  # each fetch gets one call further than the one before

    def dying(*arguments: Any, **options: Any) -> Any:
        if not next(rounds, True):
            raise KeyboardInterrupt
        return real_round(*arguments, **options)

    for stage in ("match", "plan"):
        assert command(stage, *fixed).code == 0
    # Incidence angles are brought while the next passes are planned, windows after.
    monkeypatch.setattr(fetching, "fetch_direct", dying)
    monkeypatch.setattr(incidence, "fetch_direct", dying)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            command("fetch", *fixed)
    refused = command("assemble", *fixed)
    assert (refused.code, "has not been fetched" in refused.err) == (2, True)
    # What is given up meanwhile is absent for that reason, and may come later.
    with Ledger.open(tmp_path / "out.work" / "ledger.sqlite") as ledger:
        jobs = [record.job.id for record in ledger.jobs(JobState.PLANNED)]
        ledger.move(jobs, JobState.CANCELLED, "cancelled")
        assert command("assemble", *fixed).code == 0
        absent = {(int(row["col"]), int(row["row"])): row["reason"] for row in rows_of(tmp_path / "out", "absent.csv")}
        assert absent == dict.fromkeys(MASKS[A], f"{A}: {LACK}; {B}: cancelled")
        ledger.move(jobs, JobState.PLANNED)
    assert command("run", *fixed).code == 0
    assert same(tmp_path / "out", made[0])
    assert Counter(asked).most_common(1)[0][1] == 1


@pytest.mark.parametrize("transport", ["gcs", "drive"])
def test_polls_carry_the_next_passes_on(
    transport: str, job: Path, made: Made, tmp_path: Path, command: Command
) -> None:
    shutil.copy(job / "config.yaml", tmp_path)
    with serving(job / "catalog", exports=tmp_path / "exports", settings=QueueSettings()) as url:
        fixed = (
            "--config", tmp_path / "config.yaml", "--set", f"embedded.catalog={job / 'catalog'}",
            "--set", f"embedded.url={url}", "--set", f"export.transport={transport}", "--set", "export.bucket=a-bucket",
        )  # fmt: skip
        for stage in ("match", "plan", "submit"):
            assert command(stage, *fixed, "-q").code == 0
        assert command("wait", "--every", "0.1", *fixed, "--json").data["jobs"]["landed"] == 3
        assert command("poll", *fixed, "--json").data["asked"] is False
        # A lost index is looked at anew, and nothing is asked for.
        (tmp_path / "out.work" / "next_passes.json").unlink()
        stands = command("status", *fixed, "--json").data
        assert (stands["open"], stands["targets_to_check"]) == (0, 1)
        assert "looks at the pixels of 1 target," in command("status", *fixed).out
        assert command("poll", *fixed, "--json").data["submitted"] == 0
        assert "'gee-s1ben run' makes the dataset" in command("status", *fixed).out
        assert command("assemble", *fixed, "-q").code == 0
        assert command("verify", *fixed, "-q").code == 0
    assert same(tmp_path / "out", made[0])


@pytest.fixture
def hopeless(tmp_path: Path) -> Callable[..., tuple[str | Path, ...]]:
    """A job of which no patch is whole in any pass."""
    path = write_job(tmp_path, {A: CELLS, B: CELLS})
    return lambda *more: ("--config", path, *more)


def test_a_run_without_a_dataset_does_not_end_well(
    hopeless: Callable[..., tuple[str | Path, ...]], tmp_path: Path, command: Command
) -> None:
    reason = f"not one patch can be made: {A}: {LACK}; {B}: {LACK}"
    for stage in ("run", "assemble"):
        ended = command(stage, *hopeless("-q"))
        assert (ended.code, ended.out, ended.err) == (1, "", f"error: {reason}\n")
    ended = command("fetch", *hopeless("-q"))
    assert ended.code == 1
    assert reason in ended.out
    with serving(tmp_path / "catalog", exports=tmp_path / "exports", settings=QueueSettings()) as url:
        export = ("--set", f"embedded.url={url}", "--set", "export.transport=gcs", "--set", "export.bucket=a-bucket")
        for words in (("wait", "--every", "0.1"), ("poll",)):
            ended = command(*words, *hopeless(*export, "-q"))
            assert ended.code == 1
            assert reason in ended.out
    assert not list((tmp_path / "out").rglob("*.tif"))


def test_a_pass_of_which_there_are_no_pixels_is_passed_over(tmp_path: Path, command: Command) -> None:
    """A window without any data is absent, and so are its patches, unless the next pass has them."""
    gone = {(col, row) for col in (0, 1) for row in (0, 1)}
    path = write_job(tmp_path, {A: (), B: {(1, 1)}}, blank=gone)
    ended = command("run", "--config", path, "--json")
    assert ended.code == 0
    told = f"{A}: all pixels of VV are without data"
    rows = {(int(row["col"]), int(row["row"])): row for row in rows_of(tmp_path / "out", "patches.csv")}
    assert {cell: (row["pass"], row["passed_over"]) for cell, row in rows.items() if cell in gone} == dict.fromkeys(
        gone - {(1, 1)}, (B, told)
    )
    assert [row["reason"] for row in rows_of(tmp_path / "out", "absent.csv")] == [f"{told}; {B}: {LACK}"]
