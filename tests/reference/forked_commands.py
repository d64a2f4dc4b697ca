"""Commands in processes of their own that start at once: forked from one that has loaded everything.

A command that is killed at its start has loaded modules for a second; a test that kills fifty wants them at work.
Run as a program, this file is the process that forks; it knows how to forbid a command files beyond a size
(``RLIMIT_FSIZE``), makes the waits between attempts and polls shorter, and leaves out the picture at the end of a run,
which takes half of its time.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HASTE = 0.02
"""Of every wait between attempts and between polls."""


@dataclass(frozen=True)
class Finished:
    """How a forked command ended."""

    code: int
    """Its exit code, or minus the signal that killed it."""
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """What ``--json`` said."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


class Running:
    """A forked command at work."""

    def __init__(self, forks: Forks, pid: int, out: Path, err: Path) -> None:
        self.pid = pid
        self._forks, self._out, self._err = forks, out, err
        self._ended = threading.Event()
        self._code = 0
        threading.Thread(target=self._wait, daemon=True).start()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; harmless when the command has ended."""
        if not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, seconds: float = 60) -> Finished:
        """Wait for its end."""
        assert self._ended.wait(seconds), f"still running: {self._err.read_text()}"
        return Finished(self._code, self._out.read_text("utf-8"), self._err.read_text("utf-8"))

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._ended.is_set()

    def _wait(self) -> None:
        self._code = self._forks.read()["code"]
        self._ended.set()


class Forks:
    """The process that forks; use as a context manager. One command at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0

    def __enter__(self) -> Forks:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self.read() == {"ready": True}
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def start(
        self,
        *arguments: str | Path,
        haste: float = HASTE,
        file_bytes: int | None = None,
        failing: tuple[str, int, int, int] | None = None,
        journal: Path | None = None,
        die_at: int | None = None,
    ) -> Running:
        """Start a command.

        Parameters
        ----------
        *arguments : str or Path
            Of ``gee-s1ben``.
        haste : float
            What waits are multiplied by.
        file_bytes : int, optional
            No file may grow beyond it.
        failing : (str, int, int, int), optional
            Function of ``os``, the first call that fails (from 1), how many fail, and the errno.
        journal : Path, optional
            A file that is told of everything that was flushed to disk; see :mod:`power_cut`.
        die_at : int, optional
            The flush at which the command is killed.
        """
        self._number += 1
        out, err = (self._folder / f"{self._number}.{name}" for name in ("out", "err"))
        asked = {
            "arguments": [str(argument) for argument in arguments],
            "out": str(out),
            "err": str(err),
            "haste": haste,
            "file_bytes": file_bytes,
            "failing": failing,
            "journal": str(journal) if journal else None,
            "die_at": die_at,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        return Running(self, self.read()["pid"], out, err)

    def run(self, *arguments: str | Path, **options: Any) -> Finished:
        """Start a command and wait for its end."""
        return self.start(*arguments, **options).wait()

    def read(self) -> dict[str, Any]:
        """Read what the process says."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that forks has died"
        said: dict[str, Any] = json.loads(line)
        return said


def _load() -> None:
    import importlib

    for name in (
        "gee_s1ben.cli.app", "gee_s1ben.pipeline.run", "gee_s1ben.session.connection", "matplotlib.pyplot",
        "google.cloud.storage", "googleapiclient.discovery", "rasterio.crs", "gee_s1ben.engine.service.application",
        "gee_s1ben.footprints.areas", "uvicorn.protocols.http.h11_impl", "uvicorn.lifespan.on",
        "anyio._backends._asyncio",
    ):  # fmt: skip
        importlib.import_module(name)
    from remembering_client import prepare

    prepare()


def _command(asked: dict[str, Any]) -> None:
    from gee_s1ben.cli import main

    for number, name in ((1, "out"), (2, "err")):
        descriptor = os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if asked["file_bytes"] is not None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing fails then, with EFBIG
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["file_bytes"],) * 2)
    if asked["failing"]:
        _fail(*asked["failing"])
    if asked["journal"]:
        import power_cut

        power_cut.keep_journal(asked["journal"], asked["die_at"])
    _hurry(asked["haste"])
    sys.argv = ["gee-s1ben", *asked["arguments"]]
    main()


def _hurry(haste: float) -> None:
    """Wait less, and draw nothing."""
    from gee_s1ben.pipeline import exporting, report
    from gee_s1ben.session import retrying

    report.draw = lambda *_: None
    sleep = time.sleep
    retrying.PATIENCE = retrying.Patience(pause=lambda seconds: sleep(seconds * haste))
    for pauses in (exporting.FIRST_PAUSE, exporting.LONGEST_PAUSE):
        pauses.update({backend: max(0.02, seconds * haste) for backend, seconds in pauses.items()})


def _fail(name: str, first: int, count: int, number: int) -> None:
    real, calls = getattr(os, name), itertools.count(1)

    def failing(*arguments: Any, **options: Any) -> Any:
        if first <= next(calls) < first + count:
            raise OSError(number, os.strerror(number))
        return real(*arguments, **options)

    setattr(os, name, failing)


def serve() -> None:
    """Fork a command for every line on standard input, and say when it has ended."""
    _load()
    print(json.dumps({"ready": True}), flush=True)  # noqa: T201
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if not pid:
            code = 70
            try:
                _command(asked)
                code = 0
            except SystemExit as leaving:
                code = int(leaving.code or 0)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        print(json.dumps({"pid": pid}), flush=True)  # noqa: T201
        print(json.dumps({"code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
