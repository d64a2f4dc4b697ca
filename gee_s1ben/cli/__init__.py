"""The command line: parse, call, print."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from gee_s1ben.cli.outcome import Terminated, leave


def main() -> None:
    """Run ``gee-s1ben`` and exit: 0 done, 1 findings, 2 bad input, 130 interrupted, 143 terminated."""
    try:
        signal.signal(signal.SIGTERM, _terminate)
        from gee_s1ben.cli.app import run  # inside, so that Ctrl-C while loading is caught

        code = run(sys.argv[1:])
    except Terminated:
        leave(143, "stopped; the same command continues where this one was")
    except KeyboardInterrupt:
        leave(130, "interrupted; the same command continues where this one was")
    sys.exit(code)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated
