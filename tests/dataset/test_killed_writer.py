"""A writer that dies at any moment leaves every patch whole or absent, and the next one finishes the work."""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from gee_s1ben.dataset.atomic import PARTIAL_PREFIX
from gee_s1ben.dataset.layout import PatchRecord, layout
from gee_s1ben.dataset.writer import PatchWriter
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.domain.shard import Shard

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to kill a writer at a given instruction")

GRID = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 64, 48)
PX = 16
STEPS = ("mkdir", "open", "write", "close", "rename", "replace", "rmdir", "unlink")
"""Functions of os that the writer changes the disk with."""


def records(scenes=("S1A_IW_GRDH_1SDV_20170613T165043", "S1B_IW_GRDH_1SDV_20170612T165809")):
    made = []
    for col, row in itertools.product(range(4), range(3)):
        scene = scenes[(col + row) % 2]
        made.append(
            PatchRecord(
                S1PatchName(scene, "33UUP", col, row), GRID.window(col * PX, row * PX, PX, PX), scene, (scene,),
                "S2A", datetime(2017, 6, 13, tzinfo=UTC), "33UUP_20170613T101031", col, row,
            )
        )  # fmt: skip
    return made


def bands(seed):
    random_ = np.random.default_rng(seed)
    return {name: random_.normal(-12, 4, GRID.shape).astype(np.float32) for name in ("VV", "VH")}


def write(root, version, seed, wanted):
    writer = PatchWriter(root, layout(version))
    with writer.batch() as batch:
        batch.cut(wanted, bands(seed), GRID)


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and PARTIAL_PREFIX not in str(path.relative_to(root))
    }


def by_patch(files: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    folders = itertools.groupby(sorted(files), key=lambda path: path.rpartition("/")[0])
    return {folder: {path: files[path] for path in paths} for folder, paths in folders}


@pytest.fixture(params=["v1", "v2"])
def states(request, tmp_path):
    """A layout; what stands before: some of the patches, with old pixels; and what shall stand after."""
    write(tmp_path / "before", request.param, 1, records()[:5])
    write(tmp_path / "after", request.param, 2, records())
    return request.param, by_patch(tree(tmp_path / "before")), by_patch(tree(tmp_path / "after"))


def check(root, old, new):
    """Every patch is absent, as it was, or as it shall be; never with one polarisation, never torn."""
    for folder, files in by_patch(tree(root)).items():
        assert files in (old.get(folder), new[folder]), folder


def test_death_before_any_change_of_the_disk(states, tmp_path):
    version, old, new = states
    step = 0
    while True:
        root = tmp_path / f"work{step}"
        write(root, version, 1, records()[:5])
        child = os.fork()
        if not child:
            die_at(step)
            write(root, version, 2, records())
            os._exit(0)
        finished = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        check(root, old, new)
        if finished:
            break
        write(root, version, 2, records())
        assert by_patch(tree(root)) == new
        assert sorted(path.name for path in root.iterdir()) == [layout(version).top]
        step += 1 if step < 12 else 5  # each of the first ones, then every fifth of the many that are alike
    assert step > 60
    assert by_patch(tree(root)) == new


def die_at(step):
    left = step

    def dying(real):
        def change(*args, **kwargs):
            nonlocal left
            if left == 0:
                os._exit(9)
            left -= 1
            return real(*args, **kwargs)

        return change

    for name in STEPS:
        setattr(os, name, dying(getattr(os, name)))


def test_sigkill_at_any_time(states, tmp_path):
    version, old, new = states
    chance = random.Random(5)
    root = tmp_path / "work"
    write(root, version, 1, records()[:5])
    killed = 0
    for _ in range(25):
        child = os.fork()
        if not child:
            while True:
                write(root, version, 2, records())
        time.sleep(chance.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        check(root, old, new)
    assert killed == 25
    write(root, version, 2, records())
    assert by_patch(tree(root)) == new


def test_a_shard_leaves_the_others_alone(tmp_path):
    """Two shards work on one root; what one leaves when it dies, only itself and an unsharded writer remove."""
    one, two = (PatchWriter(tmp_path, layout("v2"), Shard(index, 2)) for index in (1, 2))
    batch = two.batch()
    batch.__enter__()
    batch.cut(records()[1::2], bands(2), GRID)
    assert PatchWriter(tmp_path, layout("v2"), Shard(1, 2)).swept == 0
    with one.batch() as other:
        other.cut(records()[0::2], bands(2), GRID)
    batch.__exit__(None, None, None)
    write(tmp_path.parent / "whole", "v2", 2, records())
    assert tree(tmp_path) == tree(tmp_path.parent / "whole")

    unfinished = two.batch()
    unfinished.__enter__()
    assert PatchWriter(tmp_path, layout("v2"), Shard(2, 2)).swept == 1
    two.batch().__enter__()
    assert PatchWriter(tmp_path, layout("v2")).swept == 1
