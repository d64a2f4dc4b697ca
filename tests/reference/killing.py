"""Killing a command for real, at a point that is the same on every machine: at a request that a proxy sees."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from fault_proxy import Asked, FaultProxy
from forked_commands import Finished, Forks


def killed_at(proxy: FaultProxy, forks: Forks, number: int, where: str, *arguments: str | Path) -> Finished:
    """Run a command, and kill it when the proxy has its request of this number.

    Parameters
    ----------
    proxy : FaultProxy
        What the command's requests pass.
    forks : Forks
        Starts the command.
    number : int
        From 1; a command with fewer requests ends by itself.
    where : str
        ``before``: the service has not heard of the request; ``after``: it has, and its answer is lost.
    *arguments : str or Path
        Of the command.
    """
    first = proxy.count()
    pid: list[int] = []
    known = threading.Event()

    def kill(asked: Asked) -> None:
        if asked.number - first == number:
            assert known.wait(10)
            os.kill(pid[0], signal.SIGKILL)

    setattr(proxy, where, kill)
    running = forks.start(*arguments)
    pid.append(running.pid)
    known.set()
    ended = running.wait()
    setattr(proxy, where, None)
    return ended
