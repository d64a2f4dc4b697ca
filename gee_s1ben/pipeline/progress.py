"""Progress on stderr: a bar on a terminal, else a plain line every few seconds, else nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm

LINE_SECONDS = 5.0


class Progress(Protocol):
    """What a stage tells of its advance."""

    total: float | None
    """How much there is to do; may be set anew when it becomes known."""

    def update(self, count: int = 1) -> object:
        """Say that ``count`` more are done."""


class _Quiet:
    total: float | None = None

    def update(self, count: int = 1) -> object:
        """Say nothing."""


class _Lines:
    def __init__(self, label: str, total: int) -> None:
        self.total: float | None = total
        self._label = label
        self._done = 0
        self._start = self._last = time.monotonic()

    def update(self, count: int = 1) -> object:
        """Write a line when the last is old enough."""
        self._done += count
        now = time.monotonic()
        if now - self._last >= LINE_SECONDS:
            self._last = now
            rate = self._done / (now - self._start)
            left = ((self.total or 0) - self._done) / rate if rate else 0
            sys.stderr.write(f"{self._label}: {self._done} of {self.total}, about {left:.0f} s left\n")
            sys.stderr.flush()
        return None


@contextmanager
def progress(label: str, total: int, *, quiet: bool = False) -> Iterator[Progress]:
    """Show the advance of ``total`` things for the time of a ``with`` block."""
    if quiet or not total:
        yield _Quiet()
    elif sys.stderr.isatty():
        with tqdm(total=total, desc=label, file=sys.stderr, dynamic_ncols=True, mininterval=0.2) as bar:
            yield bar
    else:
        yield _Lines(label, total)
