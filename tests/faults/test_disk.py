"""Rows 51 and 52: a disk that is full, failing or read-only, and power that fails."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import power_cut
import pytest
from fault_arena import Arena
from forked_commands import Forks

FOR_EVER = 10**9
WORDS = {errno.ENOSPC: "the disk is full", errno.EIO: "the disk failed", errno.EROFS: "read-only"}


def finishes(arena: Arena, forks: Forks) -> None:
    ended = forks.run("run", "--config", arena.path, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.data["verify"]["findings"] == []
    assert arena.identical()


@pytest.mark.row(51)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
def test_failing_disk(new_arena: Callable[..., Arena], forks, report, number: int) -> None:
    arena = new_arena("gcs")
    failures = 0
    for function, first, count in (
        ("fsync", 1, 1), ("fsync", 4, FOR_EVER), ("replace", 3, 1), ("fsync", 9, 1), ("replace", 5, FOR_EVER),
    ):  # fmt: skip
        ended = forks.run("run", "--config", arena.path, "--json", failing=(function, first, count, number))
        if ended.code == 0:  # the run had less to do than that
            continue
        assert ended.code == 2, ended.err
        failures += 1
        assert WORDS[number] in ended.data["error"]["message"].lower()
        assert ended.err.count("\n") == 1
    assert failures >= 3
    finishes(arena, forks)
    report("a system call that fails, once or for ever, at many points: one line, and the next run goes on", arena)


@pytest.mark.row(51)
def test_no_file_may_grow(new_arena: Callable[..., Arena], forks, report) -> None:
    arena = new_arena("gcs")
    for size in (1_000, 80_000, 250_000):
        ended = forks.run("run", "--config", arena.path, "--json", file_bytes=size)
        assert ended.code == 2, (size, ended.err)
        assert ended.err.count("\n") == 1
    finishes(arena, forks)
    report("files that may not grow beyond 1 to 250 kB, the ledger included: one line, the next run goes on", arena)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """A disk that can be made larger, and read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size: str, *options: str) -> Path:
        remount = ["remount"] if folder.is_mount() else []
        said = ",".join([f"size={size}", *remount, *options])
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", said, "tmpfs", folder], capture_output=True, check=False)
        if made.returncode:
            pytest.skip("a small disk cannot be mounted here (needs root)")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.row(51)
def test_disk_that_fills(new_arena: Callable[..., Arena], forks, report, small_disk: Callable[..., Path]) -> None:
    folder = small_disk("80k")
    arena = new_arena("gcs", folder=folder / "arena", prepared=False)
    refused, config = 0, arena.path
    for size in (80, 300, 700, 1200, 1700, 2400):
        small_disk(f"{size}k")
        ended = forks.run("run", "--config", config, "--json")
        if ended.code == 0:
            break
        assert ended.code == 2, ended.err
        assert "Traceback" not in ended.err
        refused += 1
    assert refused >= 2
    small_disk("20m", "ro")
    ended = forks.run("run", "--config", config, "--json")
    assert ended.code == 2
    assert "read-only" in ended.data["error"]["message"].lower()
    small_disk("20m", "rw")
    finishes(arena, forks)
    report(
        "a disk of 80 kB that grows, and one that is read-only: one line each time, and nothing of it is lost", arena
    )


@pytest.mark.row(51)
def test_disk_that_fails_under_the_ledger(new_arena: Callable[..., Arena], forks, report, tmp_path: Path) -> None:
    import shutil
    import sys

    if shutil.which("strace") is None:
        pytest.skip("system calls are made to fail with strace, which is not here")
    arena = new_arena("gcs")
    for first in (1, 4):
        line = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", os.devnull, "-e", "trace=fdatasync", "-e"]
        line += [f"inject=fdatasync:error=EIO:when={first}+", sys.executable, "-m", "gee_s1ben"]
        ended = subprocess.run(
            [*line, "run", "--config", str(arena.path), "--json"], capture_output=True, text=True, check=False
        )
        if "strace:" in ended.stderr:
            pytest.skip("strace may not trace here")
        assert ended.returncode == 2, ended.stderr
        assert ended.stderr.count("\n") == 1
    finishes(arena, forks)
    report("SQLite's own flushes fail: one line, the next run goes on", arena)


@pytest.mark.row(52)
@pytest.mark.parametrize("transport", ["direct", "gcs"])
def test_power_cut(new_arena: Callable[..., Arena], forks, report, tmp_path: Path, transport: str) -> None:
    arena = new_arena(transport)
    synced, lost, cuts = tmp_path / "synced", 0, 0
    for point in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89):
        journal = tmp_path / f"journal{point}"
        power_cut.everything_is_safe(synced)
        ended = forks.run("run", "--config", arena.path, "-q", journal=journal, die_at=point)
        if ended.code != -signal.SIGKILL:
            assert ended.code == 0, ended.err
            break
        cuts += 1
        lost += sum(power_cut.cut_power([arena.folder / "dataset", arena.folder / "dataset.work"], journal, synced))
    assert cuts >= 5
    assert lost
    finishes(arena, forks)
    report(
        "killed before a flush at many points, what was not flushed taken away: the next run goes on (simulated by a "
        "journal of flushes; SQLite's are its own, with synchronous=FULL)",
        arena,
    )
