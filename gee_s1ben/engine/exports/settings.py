"""What of the export queue can be set: its limits, its clock, and what stands in for its work."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from gee_s1ben.engine.exports.request import ExportRequest

EECU_SECONDS_PER_PIXEL_AND_VALUE: Final = 2e-8
"""A tile of 10,980 × 10,980 pixels and a graph of 500 values count as 0.33 EECU-hours."""


def modelled_eecu_seconds(pixels: int, values: int) -> float:
    """Return the EECU-seconds that an export is said to have used.

    A model, not a measurement: a fixed amount for each pixel and each value of the expression. CPU time would differ
    from run to run, and says nothing of Earth Engine's; this is the same for the same request, on every machine.

    Parameters
    ----------
    pixels : int
        Of the raster, all bands together counted once.
    values : int
        Entries of the expression's table of values.
    """
    return round(pixels * values * EECU_SECONDS_PER_PIXEL_AND_VALUE, 6)


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Limits as on Earth Engine, the real clock, and real work, unless said otherwise."""

    running: int = 2
    """Operations at a time."""
    pending: int = 3000
    """Operations that may wait; one more is refused."""
    attempts: int = 5
    """How often an operation is tried that fails for no fault of its own."""
    refuse_replays: bool = False
    """Answer a request id that was used with an error even where the request is the same."""
    buckets: Collection[str] | None = None
    """The buckets there are; None: every bucket that is asked for."""
    drive_bytes: int | None = None
    """Room in Drive; None: 15 GB are shown, and nothing is refused."""
    eecu_seconds: Callable[[int, int], float] = modelled_eecu_seconds
    """From pixels and values of the expression to what an operation is said to have used."""
    clock: Callable[[], float] = time.time
    """Seconds since 1970; all times that the service tells come from it."""
    duration: Callable[[ExportRequest], float] | None = None
    """Seconds on the clock that an operation takes. None: as long as its work does. Where it is set there are no worker
    threads: whatever should have happened by the clock has happened when somebody asks."""
    renders: bool = True
    """False: operations succeed without computing anything, and leave no files."""
    trouble: Callable[[ExportRequest, int], None] | None = None
    """Called before each attempt (from 1) of each operation. An ``EngineError`` that it raises fails the operation, any
    other exception is a failure of the service, which tries again."""


def faster(speed: float, clock: Callable[[], float] = time.time) -> Callable[[], float]:
    """Return a clock that starts now and runs ``speed`` times as fast."""
    start = clock()
    return lambda: start + (clock() - start) * speed
