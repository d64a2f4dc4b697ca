"""Kills, interrupts, full and read-only disks, two at once: nothing half-written, and the next run goes on."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Command, Write, start, tree


def wait_for(path: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not any(path.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt(write: Write, command: Command, number: signal.Signals, code: int) -> None:
    config = write(window_px=120)
    process = start("run", "--config", config, "--json", "--set", "export.in_flight=1")
    wait_for(config.parent, "dataset.work/windows/*/[!.]*.sha256", process)  # with it a window is complete
    asked = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - asked < 5
    assert process.returncode == code
    assert out == ""
    assert "Traceback" not in err
    assert "continues" in err
    assert not list(config.parent.rglob(".partial-*"))
    before = len(list(config.parent.glob("dataset.work/windows/*/*.sha256")))
    data = command("run", "--config", config, "--json").data
    assert data["windows"]["kept"] == before > 0


def test_interrupt_while_loading() -> None:
    # From the first line of ours on: the interpreter's own start-up, and what else hooks into it, are beyond us.
    program = (
        "import sys; sys.argv = ['gee-s1ben', 'run', '--config', '/nowhere/config.yaml']; print('up', flush=True)\n"
        "import runpy; runpy.run_module('gee_s1ben', run_name='__main__', alter_sys=True)"
    )
    for delay in (0.05, 0.3):
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        # 2 if it was done before the signal came, or by the signal itself before there was a word to say. Now and then
        # it falls into a callback of the importing machinery, which shows it and goes on.
        assert process.returncode in (130, 2, -signal.SIGINT), err
        if process.returncode != -signal.SIGINT and "Exception ignored" not in err:
            assert "Traceback" not in err, err


def test_killed_anywhere_the_next_run_reaches_the_same_dataset(write: Write, command: Command) -> None:
    assert command("run", "--config", write("calm", window_px=240), "-q").code == 0
    config = write("stormy", window_px=240)
    patterns = (
        "dataset.work/match.json",
        "dataset.work/windows/*/*.tif",
        "dataset/BigEarthNet-S1/*/*",
        "dataset/provenance/manifest.sha256",
    )
    for pattern in patterns:
        process = start("run", "--config", config, "-q")
        with contextlib.suppress(AssertionError):  # it may be done before it is seen
            wait_for(config.parent, pattern, process)
        process.kill()
        process.communicate()
        for patch in (config.parent / "dataset").glob("BigEarthNet-S1/*/*"):
            assert len(list(patch.iterdir())) == 2
    ended = command("run", "--config", config, "--json")
    assert (ended.code, ended.data["verify"]["findings"]) == (0, [])
    assert tree(config.parent / "dataset") == tree(write("calm", window_px=240).parent / "dataset")


def test_second_run_is_refused(write: Write, command: Command) -> None:
    config = write(window_px=120)
    first = start("run", "--config", config, "-q", "--set", "export.in_flight=1")
    wait_for(config.parent, "dataset.work/match.json", first)
    asked = time.monotonic()
    ended = command("run", "--config", config, "--json", "--set", "match.window_days=2")
    assert ended.code == 2
    assert f"in use by process {first.pid}" in ended.data["error"]["message"]
    assert time.monotonic() - asked < 2
    first.communicate(timeout=120)
    assert first.returncode == 0


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A disk of 600 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", folder], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a small disk cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_full_disk(write: Write, command: Command, mounted: Path) -> None:
    config = write()
    placed = ["--set", f"dataset.path={mounted / 'dataset'}", "--set", f"workspace={config.parent / 'work'}"]
    ended = command("run", "--config", config, "--json", *placed)
    assert ended.code == 2
    assert "the disk is full" in ended.data["error"]["message"]
    assert not list(mounted.rglob(".partial-*"))
    for patch in mounted.glob("dataset/BigEarthNet-S1/*/*"):
        assert len(list(patch.iterdir())) == 2
    subprocess.run(["mount", "-o", "remount,size=20m", mounted], check=True)
    again = command("run", "--config", config, "--json", *placed)
    assert (again.code, again.data["windows"]["fetched"]) == (0, 0)
    assert command("run", "--config", write("calm"), "-q").code == 0
    assert tree(mounted / "dataset") == tree(write("calm").parent / "dataset")


def test_read_only_disk(write: Write, command: Command, mounted: Path) -> None:
    config = write()
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    for placed in (f"dataset.path={mounted / 'dataset'}", f"workspace={mounted / 'work'}"):
        more = ["--set", f"workspace={config.parent / 'work'}"] if placed.startswith("dataset") else []
        ended = command("run", "--config", config, "--json", "--set", placed, *more)
        assert ended.code == 2
        assert str(mounted) in ended.data["error"]["message"]
        assert "read-only" in ended.data["error"]["message"].lower()


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EIO, "the disk failed")])
def test_failing_flush(
    write: Write, command: Command, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """A disk may say only when flushed that it is full."""
    config = write()
    real, calls = os.fsync, 0

    def failing(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 10:
            raise OSError(number, os.strerror(number))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        ended = command("run", "--config", config, "--json")
    assert ended.code == 2
    assert words in ended.data["error"]["message"]
    assert command("run", "--config", config, "--json").code == 0
