"""``--overwrite``: a dataset is replaced by a complete one, or it stays as it was."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import Command, Write, start, tree

from gee_s1ben.errors import WorkspaceError

CHANGE = ["--set", "radar.speckle.filter=none", "--set", "dataset.layout=v1"]


def windows(work: Path, old: set[Path]) -> list[Path]:
    return sorted(path for path in work.glob("windows/*/*.tif") if path not in old)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.fixture
def made(write: Write, command: Command) -> tuple[Path, Path, Path, list[Path]]:
    """A dataset, and the windows of another one that is to replace it."""
    config = write(window_px=240)
    dataset, work = config.parent / "dataset", config.parent / "dataset.work"
    assert command("run", "--config", config, "-q").code == 0
    old = set(work.glob("windows/*/*.tif"))
    for stage in ("plan", "fetch"):
        assert command(stage, "--config", config, "-q", *CHANGE).code == 0
    return config, dataset, work, windows(work, old)


def test_windows_that_are_not_right_leave_the_old_one(
    made: tuple[Path, Path, Path, list[Path]], command: Command
) -> None:
    config, dataset, _, fresh = made
    before = tree(dataset)
    for damage in (Path.unlink, cut_short):
        damage(fresh[-1])
        ended = command("assemble", "--config", config, "--json", "--overwrite", *CHANGE)
        assert ended.code == 2
        assert fresh[-1].name in ended.data["error"]["message"]
        assert tree(dataset) == before
        assert command("fetch", "--config", config, "-q", *CHANGE).code == 0
    assert command("assemble", "--config", config, "-q", "--overwrite", *CHANGE).code == 0
    assert not {name for name in tree(dataset) if name.startswith((".", "BigEarthNet-S1/"))}
    assert command("verify", "--config", config, "-q", *CHANGE).code == 0


def test_tables_that_do_not_fit_are_refused_before_anything_is_written(
    made: tuple[Path, Path, Path, list[Path]], command: Command, tmp_path: Path
) -> None:
    config, dataset, work, _ = made
    before = tree(dataset)
    table = tmp_path / "metadata.parquet"
    row = {
        "patch_id": "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_41_41", "labels": ["Pastures"], "split": "test",
        "country": "Austria", "s1_name": "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_41_41", "s2v1_name": None,
        "contains_seasonal_snow": False, "contains_cloud_or_shadow": False,
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row]), table)
    elsewhere = ["--set", f"dataset.path={tmp_path / 'new'}", "--set", f"workspace={work}"]
    for more in (["--overwrite"], elsewhere):
        for stage in ("assemble", "run"):
            ended = command(stage, "--config", config, "--json", *CHANGE, "--set", f"dataset.tables={table}", *more)
            assert ended.code == 2
            assert "19 classes" in ended.data["error"]["message"]
    assert tree(dataset) == before
    assert not (tmp_path / "new").exists()


def test_a_kill_leaves_both_and_the_same_command_goes_on(
    made: tuple[Path, Path, Path, list[Path]], command: Command
) -> None:
    config, dataset, _, _ = made
    before = {name.partition("/")[2]: digest for name, digest in tree(dataset).items() if name.endswith(".tif")}
    process = start("assemble", "--config", config, "-q", "--overwrite", *CHANGE)
    while process.poll() is None and not (dataset / "BigEarthNet-S1-v1.0").exists():
        pass
    process.kill()
    process.communicate()
    if process.returncode:  # it may have been faster
        found = {name.partition("BigEarthNet-S1/")[2]: digest for name, digest in tree(dataset).items()}
        assert before.items() <= found.items()
    assert command("assemble", "--config", config, "-q", "--overwrite", *CHANGE).code == 0
    assert not [name for name in tree(dataset) if "BigEarthNet-S1/" in name or name.startswith(".")]
    assert command("verify", "--config", config, "-q", *CHANGE).code == 0


def test_a_run_that_fails_before_it_assembles_has_touched_nothing(
    write: Write, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write()
    assert command("run", "--config", config, "-q").code == 0
    before = tree(config.parent / "dataset")

    def stopped(*_: object, **__: object) -> None:
        raise WorkspaceError("no window could be fetched")

    with monkeypatch.context() as patch:
        patch.setattr("gee_s1ben.pipeline.run.fetch", stopped)
        assert command("run", "--config", config, "-q", "--overwrite", *CHANGE).code == 2
    assert tree(config.parent / "dataset") == before
    assert command("run", "--config", config, "-q", "--overwrite", *CHANGE).code == 0
    assert command("verify", "--config", config, "-q", *CHANGE).code == 0
