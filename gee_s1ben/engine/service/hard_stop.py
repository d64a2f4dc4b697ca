"""Stop a service for certain: whatever it computes, its process ends soon after the signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

STOP_S: Final = 5.0
"""From the signal to the end of the process."""

_WATCH: Final = """
import os, select, sys, time
parent, wait = int(sys.argv[1]), float(sys.argv[2])
stops = bytes(int(number) for number in sys.argv[3:])
while (byte := os.read(0, 1)) and byte not in stops:
    pass
if byte:
    until = time.monotonic() + wait
    while select.select([0], [], [], max(until - time.monotonic(), 0))[0] and os.read(0, 1):
        pass
    if os.getppid() == parent:
        os.kill(parent, 9)
"""


@contextmanager
def hard_stop(seconds: float = STOP_S) -> Iterator[None]:
    """Kill this process when SIGINT or SIGTERM has not ended it in time; for the main thread.

    Python handles signals between two instructions, and one call into C may take arbitrarily long. The interpreter
    notes the number of a signal in a pipe at once, though (:func:`signal.set_wakeup_fd`); a process of a few megabytes
    reads it.

    Parameters
    ----------
    seconds : float
        From the signal on; the watching process allows half a second less.
    """
    if sys.platform == "win32":  # where a console's Ctrl-C is no signal
        yield
        return
    command = [sys.executable, "-ISc", _WATCH, str(os.getpid()), str(seconds - 0.5)]
    command += [str(int(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        # In a session of its own, so that the terminal's Ctrl-C does not reach it.
        watcher = subprocess.Popen(  # noqa: S603 - our own words
            command, stdin=reading, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        os.close(reading)
        previous = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous)
            watcher.kill()
            watcher.wait()
    finally:
        os.close(writing)
