"""An embedded service whose exports take realistic times on a simulated clock, in a process of its own.

The clock is a number in a file that both processes map: whoever drives the benchmark sets it, the service reads it.
Started by ``benchmarks/exports.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import mmap
import random
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.engine.exports.request import ExportRequest
from gee_s1ben.engine.exports.settings import QueueSettings
from gee_s1ben.engine.service import serving

START = 1_800_000_000.0
"""Where the simulated clock begins, epoch seconds."""
OVERHEAD_SECONDS = 95.0
SECONDS_PER_PX = 9e-6
"""A whole tile takes 19 minutes; the planner assumes other numbers until it has measured."""
SPREAD = 0.35
"""Of the logarithm of an operation's time."""
SLOW_SHARE, SLOW_FACTOR = 0.02, 4.0
"""Some operations take much longer."""
EECU_SECONDS_PER_PX = 40e-6


class SharedClock:
    """Epoch seconds that another process can read."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("d", START))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)

    def __call__(self) -> float:
        """Return the time."""
        return float(struct.unpack("d", self._map[:8])[0])

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._map[:8] = struct.pack("d", self() + seconds)


def seconds_of(pixels: int, seed: str) -> float:
    """Return how long an operation takes: by its size, and by luck that depends on nothing but the seed."""
    luck = random.Random(hashlib.sha256(seed.encode()).digest())  # noqa: S311 - luck, no secret
    slow = SLOW_FACTOR if luck.random() < SLOW_SHARE else 1.0
    return (OVERHEAD_SECONDS + pixels * SECONDS_PER_PX) * slow * luck.lognormvariate(-(SPREAD**2) / 2, SPREAD)


def duration(request: ExportRequest) -> float:
    """Return how long a request takes; the same raster takes the same time in every run."""
    assert request.grid is not None
    return seconds_of(request.grid.width * request.grid.height, request.description.partition("-s1ben-")[0])


@contextmanager
def simulated(folder: Path, *, running: int = 2, endless: bool = False) -> Iterator[tuple[str, SharedClock]]:
    """Start the service over an empty catalog, and give its URL and its clock."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = SharedClock(folder / "clock")
    words = [sys.executable, str(Path(__file__)), str(folder), "--running", str(running), *["--endless"] * endless]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        try:
            yield service.stdout.readline().strip(), clock
        finally:
            service.terminate()


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--running", type=int, required=True)
    parser.add_argument("--endless", action="store_true", help="no operation ever ends")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    if not (folder / "catalog").exists():
        Catalog.create(folder / "catalog")
    settings = QueueSettings(
        running=arguments.running,
        clock=SharedClock(folder / "clock"),
        duration=(lambda _request: math.inf) if arguments.endless else duration,
        eecu_seconds=lambda pixels, _values: pixels * EECU_SECONDS_PER_PX,
        renders=False,
    )
    with serving(folder / "catalog", exports=folder / "exports", settings=settings) as url:
        print(url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
