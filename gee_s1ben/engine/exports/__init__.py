"""Exports: a queue of operations, and the buckets and the drive that files go to; all of it survives a restart."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from gee_s1ben.engine.exports.buckets import Buckets
from gee_s1ben.engine.exports.contents import Contents
from gee_s1ben.engine.exports.database import Database
from gee_s1ben.engine.exports.drive import Drive
from gee_s1ben.engine.exports.operation import Operation
from gee_s1ben.engine.exports.operations import Operations
from gee_s1ben.engine.exports.queue import Queue
from gee_s1ben.engine.exports.room import FullDiskError
from gee_s1ben.engine.exports.settings import QueueSettings, faster
from gee_s1ben.engine.exports.work import Exporting, StoppedError
from gee_s1ben.engine.registry import Context

__all__ = ["Exports", "QueueSettings", "faster"]

_log = logging.getLogger(__name__)

_NICENESS: Final = 10
_JOIN_S: Final = 1.5
"""For all workers together, so that a service stops within five seconds."""
_SHORTEST_HOLD_S: Final = 0.5
_LONGEST_HOLD_S: Final = 30.0
"""From one attempt to the next while the disk takes nothing."""


class Exports:
    """An exports folder at work; close it to let others use the folder.

    Parameters
    ----------
    folder : Path
        Where operations and files are kept.
    context : Context
        What images are computed from.
    settings : QueueSettings
        Limits, clock, and what stands in for the work.

    Raises
    ------
    InputError
        Another service uses the folder, it is of another version, or it holds something else.
    StorageError
        The folder cannot be read or written.
    """

    def __init__(self, folder: Path, context: Context, settings: QueueSettings | None = None) -> None:
        self.settings = settings or QueueSettings()
        self._folder = folder
        self._trouble = ""
        self._database = Database.open(folder)
        self._stop = threading.Event()
        self._more = threading.Event()
        self._workers: list[threading.Thread] = []
        try:
            self.contents = Contents(folder / "files")
            self.buckets = Buckets(self._database, self.contents, self.settings.buckets)
            self.drive = Drive(self._database, self.contents, self.settings.drive_bytes)
            self.contents.sweep([*self.buckets.contents(), *self.drive.contents()])
            self.operations = Operations(self._database)
            work = Exporting(context, self.contents, self.buckets, self.drive, self.settings.renders)
            self._queue = Queue(self._database, self.operations, work, self.settings)
            if self.settings.duration is None:
                for number in range(1, self.settings.running + 1):
                    worker = threading.Thread(target=self._run, name=f"export-{number}", daemon=True)
                    self._workers.append(worker)
                    worker.start()
        except BaseException:
            self.close()
            raise

    def submit(self, project: str, body: dict[str, object]) -> Operation:
        """Accept a request, and set a worker going; see :meth:`Queue.submit`."""
        operation = self._queue.submit(project, body)
        self._more.set()
        return operation

    def cancel(self, operation: Operation) -> Operation:
        """Cancel an operation; see :meth:`Queue.cancel`."""
        return self._queue.cancel(operation)

    def advance(self) -> None:
        """Play what by the clock should have happened; called before anything is told."""
        self._queue.advance()

    def now(self) -> float:
        """Return the time of the service's clock."""
        return self.settings.clock()

    def stop(self) -> None:
        """Tell the workers to stop between two blocks of pixels; what ran waits again."""
        self._stop.set()
        self._more.set()

    def close(self) -> None:
        """Stop the workers and let go of the folder; what a worker cannot leave, it holds on to."""
        self.stop()
        until = time.monotonic() + _JOIN_S
        for worker in self._workers:
            worker.join(max(until - time.monotonic(), 0))
        if not any(worker.is_alive() for worker in self._workers):
            self._database.close()

    def _run(self) -> None:
        if sys.platform == "linux":  # where niceness is a thread's own: whoever waits for an answer comes first
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        operation: Operation | None = None
        pause = _SHORTEST_HOLD_S
        while not self._stop.is_set():
            # Cleared before looking: what is submitted after the look sets it again.
            self._more.clear()
            try:
                operation = operation or self._queue.take()
                if operation is not None:
                    self._queue.perform(operation, self._check)
                    operation, pause = None, _SHORTEST_HOLD_S
                    self._go_on()
                    continue
            except Exception as error:  # what could not be written down now may be later
                self._hold(error)
                self._stop.wait(pause)
                pause = min(2 * pause, _LONGEST_HOLD_S)
                continue
            self._more.wait(1.0)

    def _hold(self, error: Exception) -> None:
        """Say once, and not for each attempt of each worker, why exports do not go on."""
        trouble = f"{type(error).__name__}: {error}"
        if self._trouble == trouble:
            return
        self._trouble = trouble
        if isinstance(error, FullDiskError):
            _log.warning("exports wait: the disk of %s is full; they go on when there is room", self._folder)
        else:
            _log.error("exports wait, a worker of their queue failed", exc_info=error)

    def _go_on(self) -> None:
        if self._trouble:
            self._trouble = ""
            _log.warning("exports go on")

    def _check(self, done: int, wanted: int) -> None:  # noqa: ARG002 - of the work's shape
        if self._stop.is_set():
            raise StoppedError
