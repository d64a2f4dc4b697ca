"""``assemble --shard``: the parts of a cluster's array job, together the same dataset, and in nobody's way."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Command, Write, start, tree

from gee_s1ben.domain.shard import Shard
from gee_s1ben.errors import WorkspaceError
from gee_s1ben.pipeline.workspace import Workspace

Placed = Callable[[str], list[str]]


@pytest.fixture
def fetched(write: Write, command: Command) -> tuple[Path, Path, Placed]:
    """A configuration whose windows are fetched, the dataset that it gives, and how to make it elsewhere."""
    config = write(window_px=240)
    assert command("run", "--config", config, "-q").code == 0
    work = config.parent / "dataset.work"

    def placed(name: str) -> list[str]:
        return ["--set", f"dataset.path={config.parent / name}", "--set", f"workspace={work}"]

    return config, config.parent / "dataset", placed


@pytest.mark.parametrize("count", [1, 3, 9])
def test_shards_at_once_make_the_same_dataset(fetched: tuple[Path, Path, Placed], command: Command, count: int) -> None:
    config, whole, placed = fetched
    parts = [
        start("assemble", "--config", config, "--json", "--shard", f"{index}/{count}", *placed("parts"))
        for index in range(1, count + 1)
    ]
    told = []
    for index, part in enumerate(parts, start=1):
        out, err = part.communicate(timeout=120)
        assert part.returncode == 0, err
        told.append(json.loads(out))
        assert told[-1]["shard"] == f"{index}/{count}"
    made = config.parent / "parts"
    assert sorted(path.name for path in (made / "provenance").iterdir()) == ["dataset.json"]
    assert len(list(made.rglob("*.tif"))) == 2 * sum(one["patches"] for one in told)
    ended = command("assemble", "--config", config, "--json", *placed("parts"))
    assert ended.code == 0
    assert (ended.data["patches"], ended.data["kept"]) == (sum(one["patches"] for one in told),) * 2
    assert sum(one["absent"] for one in told) <= ended.data["absent"]
    assert tree(made) == tree(whole)
    assert command("verify", "--config", config, "-q", *placed("parts")).code == 0


def test_a_shard_that_was_killed_or_never_came_is_made_up_for(
    fetched: tuple[Path, Path, Placed], command: Command
) -> None:
    config, whole, placed = fetched
    first = start("assemble", "--config", config, "-q", "--shard", "1/2", *placed("parts"))
    while first.poll() is None and not list(config.parent.glob("parts/BigEarthNet-S1/*/*")):
        pass
    first.kill()
    first.communicate()
    assert command("assemble", "--config", config, "-q", *placed("parts")).code == 0
    assert tree(config.parent / "parts") == tree(whole)
    again = command("assemble", "--config", config, "--json", "--shard", "2/2", *placed("parts"))
    assert again.data["kept"] == again.data["patches"]
    assert tree(config.parent / "parts") == tree(whole)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--shard", "0/3"], "the first is 1/n"),
        (["--shard", "4/3"], "the first is 1/n"),
        (["--shard", "3"], "a shard is written i/n"),
        (["--shard", "1/2", "--overwrite"], "a shard replaces no dataset"),
    ],
)
def test_shards_that_are_refused(
    fetched: tuple[Path, Path, Placed], command: Command, more: list[str], words: str
) -> None:
    config, whole, _ = fetched
    before = tree(whole)
    ended = command("assemble", "--config", config, "--json", *more)
    assert ended.code == 2
    assert words in ended.data["error"]["message"]
    assert tree(whole) == before


def test_a_shard_and_a_dataset_of_another_plan(fetched: tuple[Path, Path, Placed], command: Command) -> None:
    config, whole, _ = fetched
    before = tree(whole)
    ended = command("assemble", "--config", config, "--json", "--shard", "1/2", "--set", "dataset.fill=nearest")
    assert ended.code == 2
    assert "another configuration made" in ended.data["error"]["message"]
    assert tree(whole) == before


# Who may hold a workspace beside whom.


def test_shards_of_one_count_hold_a_workspace_together(tmp_path: Path) -> None:
    one, two = Workspace(tmp_path / "work"), Workspace(tmp_path / "work")
    with one.held_by(Shard(1, 3)):
        with two.held_by(Shard(2, 3)), pytest.raises(WorkspaceError, match="shards of 3"), two.held():
            pass
        with pytest.raises(WorkspaceError, match="another process with --shard 1/3"), two.held_by(Shard(1, 3)):
            pass
        with pytest.raises(WorkspaceError, match="shard 1/3; all shards at work"), two.held_by(Shard(2, 4)):
            pass
        with two.held_by(Shard(3, 3)):
            pass
    with two.held(), pytest.raises(WorkspaceError, match=f"process {os.getpid()};"), one.held_by(Shard(1, 3)):
        pass
    with one.held_by(Shard(2, 4)):  # what was held once is free again
        pass
