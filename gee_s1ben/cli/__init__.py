"""The command line: parse, call, print."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from gee_s1ben.cli.outcome import Terminated, leave

_GDAL_CACHE_MB = "64"
"""GDAL would keep blocks of rasters in a twentieth of the machine's memory; the engine reads each about once."""


def main() -> None:
    """Run ``gee-s1ben`` and exit: 0 done, 1 findings, 2 bad input, 130 interrupted, 143 terminated."""
    os.environ.setdefault("GDAL_CACHEMAX", _GDAL_CACHE_MB)
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
