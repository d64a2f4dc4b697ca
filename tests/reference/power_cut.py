"""What a power cut leaves of files that were written: only what was flushed to disk.

A process that is killed leaves everything it wrote; a machine that loses its power does not. :func:`keep_journal` notes
every flush of a process, and :func:`cut_power` takes from the disk what none of them covers: the content of a file that
was not flushed after it was last written becomes zeros, as journalling file systems leave it, and an entry of a folder
that was not flushed after it was made is gone.

SQLite flushes by itself and is not seen here: its files are left as they are.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from gee_s1ben.dataset import atomic

LEFT = (".sqlite", ".sqlite-wal", ".sqlite-shm")
"""Ends of the names of files that flush themselves."""

_COARSE = 5  # CLOCK_REALTIME_COARSE, the clock that Linux dates files by


def keep_journal(path: str, die_at: int | None = None) -> None:
    """Note from now on, in a file of this name, what this process flushes to disk.

    Parameters
    ----------
    path : str
        The file.
    die_at : int, optional
        In place of this flush, counted from 1, the process is killed.
    """
    flushes = itertools.count(1)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    real_fsync = os.fsync
    real_sync = getattr(os, "sync", None)

    def note(**entry: int) -> None:
        os.write(descriptor, (json.dumps(entry) + "\n").encode())

    def count() -> None:
        if next(flushes) == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def fsync(one: int) -> None:
        count()
        status = os.fstat(one)  # before: what is written meanwhile is not covered
        real_fsync(one)
        note(inode=status.st_ino, written=status.st_mtime_ns)

    def sync() -> None:
        count()
        begun = time.clock_gettime_ns(_COARSE) if sys.platform == "linux" else time.time_ns() - 20_000_000
        if real_sync:
            real_sync()
        note(all=begun)

    os.fsync = fsync  # type: ignore[assignment]
    os.sync = sync
    atomic._syncfs = lambda: None  # type: ignore[assignment]  # os.sync, which then takes its place, is seen here


def cut_power(folders: Iterable[Path], journal: Path, synced: Path) -> tuple[int, int]:
    """Leave on disk what the journal covers.

    Parameters
    ----------
    folders : iterable of Path
        What is to be looked at.
    journal : Path
        Of the process that was at work.
    synced : Path
        A file that is as old as the last time that everything was flushed, see :func:`everything_is_safe`.

    Returns
    -------
    files, entries : int
        How many files lost their content, and how many entries of folders are gone.
    """
    safe = synced.stat().st_mtime_ns
    flushed: dict[int, int] = {}
    for line in journal.read_text().splitlines() if journal.exists() else []:
        entry = json.loads(line)
        if "all" in entry:
            safe = max(safe, entry["all"])
        else:
            flushed[entry["inode"]] = max(entry["written"], flushed.get(entry["inode"], 0))
    zeroed = gone = 0
    for root in folders:
        for folder, _, names in os.walk(root):
            here = Path(folder).stat()
            entries_safe = here.st_mtime_ns <= max(safe, flushed.get(here.st_ino, 0))
            for name in names:
                path = Path(folder, name)
                status = path.stat()
                if name.endswith(LEFT) or status.st_mtime_ns <= safe:
                    continue
                if status.st_mtime_ns > flushed.get(status.st_ino, 0):
                    path.write_bytes(bytes(status.st_size))
                    zeroed += 1
                elif not entries_safe:
                    path.unlink()
                    gone += 1
    return zeroed, gone


def everything_is_safe(synced: Path) -> None:
    """Say that all that was written until now is on disk."""
    with contextlib.suppress(AttributeError):
        os.sync()
    synced.write_bytes(b"")
    synced.touch()
