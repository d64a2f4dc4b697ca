"""How many requests are in flight: a few more after each that goes well, half as many when the service says stop.

Additive increase and multiplicative decrease, as TCP has it: D.-M. Chiu and R. Jain, "Analysis of the increase and
decrease algorithms for congestion avoidance in computer networks", Computer Networks and ISDN Systems 17 (1989).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 40
"""Earth Engine allows so many concurrent requests for a project."""

_log = logging.getLogger(__name__)


class CancelledError(Exception):
    """Nobody waits for the answer any more."""


class Pacer:
    """A limit on requests in flight that all threads share.

    Parameters
    ----------
    most : int
        The limit never passes it, nor :data:`MOST`.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = float(max(1, min(most, MOST)))
        self._limit = self._most
        self._in_flight = 0
        self._round = 0
        self._restricted = False
        self._cancelled = threading.Event()
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """How many may be in flight now."""
        with self._changed:
            return self._now()

    @property
    def restricted(self) -> bool:
        """Whether Earth Engine said that the project's compute of this month is used up."""
        return self._restricted

    def allow(self, most: int) -> None:
        """Let at most ``most`` be in flight from now on, and start from there."""
        with self._changed:
            self._most = self._limit = float(max(1, min(most, MOST)))
            self._changed.notify_all()

    @contextmanager
    def slot(self) -> Iterator[int]:
        """Wait until one more may be in flight, and count it for the time of a ``with`` block.

        Yields
        ------
        int
            What :meth:`slower` wants to know.

        Raises
        ------
        CancelledError
            Nobody waits any more.
        """
        with self._changed:
            while self._in_flight >= self._now() and not self._cancelled.is_set():
                self._changed.wait()
            if self._cancelled.is_set():
                raise CancelledError
            self._in_flight += 1
            begun = self._round
        try:
            yield begun
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def faster(self) -> None:
        """Count one that went well: after as many as the limit, it is one more."""
        with self._changed:
            self._limit = min(self._most, self._limit + 1 / self._limit)
            self._changed.notify_all()

    def slower(self, begun: int) -> None:
        """Halve the limit, but once for all those that were in flight together.

        Parameters
        ----------
        begun : int
            What :meth:`slot` gave to the one that was refused.
        """
        with self._changed:
            if begun == self._round:
                self._limit = max(1.0, self._limit / 2)
                self._round += 1

    def quota(self, status: str) -> None:
        """Heed what Earth Engine says about the project's quota; beyond it, one request at a time."""
        restricted = "restricted=true" in status.lower() or status.strip().lower() == "restricted"
        with self._changed:
            first, self._restricted = restricted and not self._restricted, restricted
            self._changed.notify_all()
        if first:
            _log.warning(
                "the project has used up its compute of this month and is restricted: one request at a time; see "
                "https://developers.google.com/earth-engine/guides/noncommercial_tiers"
            )

    def cancel(self) -> None:
        """Let nobody wait any more, neither for a slot nor between attempts."""
        self._cancelled.set()
        with self._changed:
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Sleep, but not when nobody waits any more.

        Raises
        ------
        CancelledError
            Nobody waits any more.
        """
        if self._cancelled.wait(seconds):
            raise CancelledError

    def _now(self) -> int:
        return 1 if self._restricted else int(self._limit)
