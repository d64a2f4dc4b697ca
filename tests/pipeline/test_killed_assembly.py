"""An assembly that dies at any change of the disk leaves whole patches and true records, and the next one ends it."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import small_job
from small_job import Placed

from gee_s1ben.config import Config
from gee_s1ben.dataset.atomic import PARTIAL_PREFIX
from gee_s1ben.domain.shard import Shard
from gee_s1ben.pipeline.assemble import WindowRecord, assemble
from gee_s1ben.pipeline.workspace import Workspace

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to kill a writer at a given instruction")

CHANGES = ("mkdir", "open", "write", "writev", "close", "rename", "replace", "rmdir", "unlink", "fsync")
"""Functions of os that the disk is changed with."""


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Placed:
    """Four windows, whose patches can be made in any folder."""
    return small_job.fetched(tmp_path_factory.mktemp("killed"))


def made(config: Config, shard: Shard | None = None) -> None:
    assemble(config, Workspace(config.workspace_path), shard=shard, quiet=True)


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and PARTIAL_PREFIX not in str(path.relative_to(root))
    }


def patches(root: Path) -> dict[str, dict[str, bytes]]:
    found = {path: data for path, data in files(root).items() if path.startswith("BigEarthNet-S1")}
    return {
        folder: {path: found[path] for path in paths}
        for folder, paths in itertools.groupby(found, key=lambda path: path.rpartition("/")[0])
    }


def check(config: Config, whole: dict[str, bytes], expected: dict[str, dict[str, bytes]]) -> None:
    root = config.dataset.path
    for folder, content in patches(root).items():
        assert content == expected[folder]
    for path, data in files(root).items():
        if path.startswith("provenance/") or "/" not in path:
            # The manifest is written before the table of labels, and once more after it.
            assert data == whole[path] or path == "provenance/manifest.sha256"
    for record in records(config):
        for path, digest in record.files:
            assert hashlib.sha256((root / path).read_bytes()).hexdigest() == digest


def records(config: Config) -> Iterator[WindowRecord]:
    """What the workspace says of this dataset's windows."""
    workspace = Workspace(config.workspace_path)
    for path in sorted(workspace.path.glob("assembled/*/*.json")):
        record = workspace.load(str(path.relative_to(workspace.path))[: -len(".json")], WindowRecord, "assemble")
        if path in MADE_FOR.get(str(config.dataset.path), ()):
            yield record


MADE_FOR: dict[str, set[Path]] = {}


def die_at(step: int) -> None:
    left = step

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            if left == 0:
                os._exit(9)
            left -= 1
            return real(*args, **kwargs)

        return change

    for name in CHANGES:
        setattr(os, name, dying(getattr(os, name)))


def in_a_child(work: Callable[[], None], step: int | None = None) -> int:
    """Exit code of some work in a process of its own, which dies before the step-th change of the disk."""
    child = os.fork()
    if not child:
        try:
            if step is not None:
                die_at(step)
            work()
        except BaseException:  # nothing of the parent may run in the child
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("layout", ["v1", "v2"])
@pytest.mark.parametrize("shard", [None, Shard(1, 2)], ids=str)
def test_death_before_any_change_of_the_disk(fetched: Placed, layout: str, shard: Shard | None) -> None:
    small_job.replan(fetched("any", layout))
    calm = fetched(f"calm-{layout}-{shard is None}", layout)
    made(calm)
    whole, expected = files(calm.dataset.path), patches(calm.dataset.path)
    assert len(expected) == 5
    step, died = 0, 0
    while True:
        config = fetched(f"stormy-{layout}-{shard is None}-{step}", layout)
        work = Workspace(config.workspace_path).path
        before = set(work.glob("assembled/*/*.json"))
        code = in_a_child(lambda config=config: made(config, shard), step)
        MADE_FOR[str(config.dataset.path)] = set(work.glob("assembled/*/*.json")) - before
        assert code in (0, 9)
        check(config, whole, expected)
        if code == 9:
            died += 1
        made(config)
        assert files(config.dataset.path) == whole
        assert not list(config.dataset.path.rglob(f"{PARTIAL_PREFIX}*"))
        if code == 0:
            break
        step += 1 if step < 8 else 6  # each of the first ones, then every sixth of the many that are alike
    assert died > (10 if shard else 20)


def test_sigkill_at_any_time(fetched: Placed) -> None:
    small_job.replan(fetched("any", "v2"))
    calm = fetched("calm-signal", "v2")
    started = time.monotonic()
    made(calm)
    spent = time.monotonic() - started
    whole, expected = files(calm.dataset.path), patches(calm.dataset.path)
    for turn in range(20):
        config = fetched(f"stormy-signal-{turn}", "v2")
        child = os.fork()
        if not child:
            made(config)
            os._exit(0)
        time.sleep(spent * turn / 20)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for folder, content in patches(config.dataset.path).items():
            assert content == expected[folder]
        made(config)
        assert files(config.dataset.path) == whole
