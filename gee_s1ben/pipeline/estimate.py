"""What a plan will cost in hours and EECU-hours, and how much of it a budget pays for: pure functions.

Cost is taken to follow pixels, since the graph is the same for each: ``seconds = overhead + pixels · rate`` and
``EECU-seconds = pixels · rate``. The rates are fitted to operations that have finished; before there is one they are
assumed, and whoever shows an estimate says so.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BATCH_SLOTS = 2
"""Batch operations that Earth Engine runs at a time for a project, on average."""
TIERS_EECU_HOURS = {"Community": 150.0, "Contributor": 1_000.0, "Partner": 100_000.0}
"""EECU-hours a month and project that Earth Engine's tiers allow."""
ENOUGH = 5
"""From so many operations on their spread says how sure an estimate is."""
ROUGHLY = 2.0
"""Below that an estimate may be wrong by this factor either way; by :data:`HARDLY` below three."""
HARDLY = 3.0

_OVERHEAD_SECONDS = 60.0
"""Of an operation, until sizes differ enough to tell: to be scheduled, to be written."""
_WIDE = 2.0
"""Sizes that differ by this factor tell the overhead from the rate."""
_DOUBTS, _DOUBT = 4, 0.6
"""How many operations more are reckoned with, and how far off they are, as a share."""
_OF_A_LINE = 1.25
"""The error of a sum grows so much where overhead and rate are both unknown (benchmarks/exports.py luck)."""
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What one finished operation, or one request, has cost."""

    pixels: int
    seconds: float
    """From when it began to run until it ended."""
    eecu_seconds: float | None = None
    """None where the service does not say."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What a pixel costs."""

    overhead_seconds: float
    """Of each operation, whatever its size."""
    seconds_per_px: float
    eecu_seconds_per_px: float
    most_eecu_seconds_per_px: float
    """What the dearest has cost: what a budget reckons with for operations that have not finished."""
    spread: float = 0.0
    """Standard deviation of an operation's time about what is expected, as a share of that."""
    measured: int = 0
    """Operations that this was learnt from; none means assumed."""
    eecu_measured: int = 0
    """Those of them whose EECU-seconds are known."""

    def seconds(self, pixels: float) -> float:
        """Return how long an operation of so many pixels is expected to run."""
        return self.overhead_seconds + pixels * self.seconds_per_px


ASSUMED_BATCH = Rates(_OVERHEAD_SECONDS, 6e-6, 60e-6, 180e-6)
"""Nobody's measurement: a tile of 120 Mpx in a quarter of an hour and for two EECU-hours."""
ASSUMED_DIRECT = Rates(2.0, 10e-6, 60e-6, 180e-6)
"""Nobody's measurement: a window of 1200 × 1200 pixels in a quarter of a minute."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is still to be done, and what it will cost."""

    jobs: int
    pixels: int
    bytes: int
    """Uncompressed."""
    requests: int
    hours: float
    least_hours: float
    most_hours: float
    """In nineteen of twenty cases the hours lie between these two, where operations enough were measured."""
    eecu_hours: float
    measured: int
    """Operations that the hours were learnt from."""
    eecu_measured: int
    slots: int


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent, and what is spent."""

    eecu_hours: float | None
    """None: as much as it takes."""
    spent_eecu_seconds: float = 0.0
    """Of all operations that have ended, well or not."""
    out_px: int = 0
    """Pixels of operations that wait or run, and will cost something."""

    @property
    def left_eecu_hours(self) -> float | None:
        """What is not spent yet."""
        return None if self.eecu_hours is None else max(0.0, self.eecu_hours - self.spent_eecu_seconds / _HOUR)


def fitted(measured: Iterable[Measured], assumed: Rates) -> Rates:
    """Learn what a pixel costs.

    Overhead and rate come from a line through the times by least squares, where operations enough were measured and
    their sizes differ by a factor of two or more; else both are the assumed ones times one factor. Either way the
    fitted times add up to the measured ones, which is what a sum over many operations needs.

    Parameters
    ----------
    measured : iterable of Measured
        Finished operations; those without pixels or time are passed over.
    assumed : Rates
        What holds for all that was not measured.
    """
    sound = [one for one in measured if one.pixels > 0 and one.seconds > 0]
    if not sound:
        return assumed
    overhead, rate = _line(sound, assumed)
    costed = [(one.pixels, one.eecu_seconds) for one in sound if one.eecu_seconds is not None]
    mean, most = assumed.eecu_seconds_per_px, assumed.most_eecu_seconds_per_px
    if costed:
        mean = sum(cost for _, cost in costed) / sum(pixels for pixels, _ in costed)
        # A few operations have not shown how dear one can be.
        most = max(cost / pixels for pixels, cost in costed) * (1.0 if len(costed) >= ENOUGH else ROUGHLY)
    return Rates(overhead, rate, mean, most, _spread(sound, overhead, rate), len(sound), len(costed))


def estimate(
    sizes: Sequence[int],
    rates: Rates,
    *,
    slots: int,
    bytes_per_px: int,
    requests_each: int = 1,
    running: Sequence[float] = (),
) -> Estimate:
    """Estimate what jobs will take.

    Parameters
    ----------
    sizes : sequence of int
        Pixels of each job, in the order of submission.
    rates : Rates
        What a pixel costs.
    slots : int
        Jobs that run at a time.
    bytes_per_px : int
        Of all bands together.
    requests_each : int
        Requests a job takes: to start it, to find its file, to bring it down.
    running : sequence of float
        The share, 0 to 1, that is done of each of the first jobs, which run already.
    """
    done = [*running, *[0.0] * (len(sizes) - len(running))]
    seconds = [rates.seconds(pixels) * (1 - share) for pixels, share in zip(sizes, done, strict=True)]
    hours = makespan(seconds, slots) / _HOUR
    low, high = _bounds(rates, len(sizes))
    pixels = sum(sizes)
    return Estimate(
        jobs=len(sizes),
        pixels=pixels,
        bytes=pixels * bytes_per_px,
        requests=len(sizes) * requests_each,
        hours=hours,
        least_hours=hours * low,
        most_hours=hours * high,
        eecu_hours=pixels * rates.eecu_seconds_per_px / _HOUR,
        measured=rates.measured,
        eecu_measured=rates.eecu_measured,
        slots=slots,
    )


def makespan(seconds: Iterable[float], slots: int) -> float:
    """Return when the last of some jobs ends, of which each starts in the given order as soon as a slot is free."""
    free = [0.0] * slots
    last = 0.0
    for duration in seconds:
        end = heapq.heappop(free) + duration
        heapq.heappush(free, end)
        last = max(last, end)
    return last


def affordable(sizes: Iterable[int], rates: Rates, budget: Budget) -> int:
    """Return how many of the next jobs may be submitted so that the budget is not passed.

    What has ended counts with what it has cost; what waits, runs or would be submitted counts as the dearest so far.
    While nothing is known of the cost, one job is let out at a time: the probe that tells.

    Parameters
    ----------
    sizes : iterable of int
        Pixels of each job that waits to be submitted, in order.
    rates : Rates
        What a pixel costs.
    budget : Budget
        What may be spent, is spent, and is out.
    """
    if budget.eecu_hours is None:
        return sum(1 for _ in sizes)
    if not rates.eecu_measured and budget.out_px:
        return 0
    per_px = rates.most_eecu_seconds_per_px if rates.eecu_measured else rates.eecu_seconds_per_px
    left = budget.eecu_hours * _HOUR - budget.spent_eecu_seconds - budget.out_px * per_px
    count = 0
    for pixels in sizes:
        left -= pixels * per_px
        if left < 0 or (count and not rates.eecu_measured):
            break
        count += 1
    return count


def most_at_a_time(intervals: Iterable[tuple[float, float]]) -> int:
    """Return how many of some intervals of time, each from start to end, lay over one another at most."""
    # At the same moment an end comes before a start.
    events = sorted((moment, step) for start, end in intervals for moment, step in ((start, 1), (end, -1)))
    most = now = 0
    for _, step in events:
        now += step
        most = max(most, now)
    return most


def months(eecu_hours: float) -> dict[str, int]:
    """Return for each tier of Earth Engine in how many months its quota pays for so many EECU-hours."""
    return {tier: max(1, math.ceil(eecu_hours / quota)) for tier, quota in TIERS_EECU_HOURS.items()}


def _line(measured: Sequence[Measured], assumed: Rates) -> tuple[float, float]:
    """Overhead and rate, neither below zero."""
    pixels = sum(one.pixels for one in measured) / len(measured)
    seconds = sum(one.seconds for one in measured) / len(measured)
    sizes = sorted(one.pixels for one in measured)
    if len(measured) < ENOUGH or sizes[-1] < _WIDE * sizes[0]:
        factor = seconds / assumed.seconds(pixels)
        return assumed.overhead_seconds * factor, assumed.seconds_per_px * factor
    across = sum((one.pixels - pixels) ** 2 for one in measured)
    along = sum((one.pixels - pixels) * (one.seconds - seconds) for one in measured)
    overhead = min(max(0.0, seconds - pixels * along / across), seconds)
    return overhead, (seconds - overhead) / pixels


def _spread(measured: Sequence[Measured], overhead: float, rate: float) -> float:
    if len(measured) < ENOUGH:
        return 0.0
    shares = [one.seconds / (overhead + one.pixels * rate) - 1 for one in measured]
    return math.sqrt(sum(share**2 for share in shares) / (len(shares) - 1))


def _bounds(rates: Rates, jobs: int) -> tuple[float, float]:
    """Factors below and above; the error of the mean and the luck of the jobs to come, nineteen times of twenty."""
    if rates.measured < ENOUGH:
        factor = HARDLY if rates.measured < 3 else ROUGHLY
        return 1 / factor, factor
    known = rates.measured - 1
    # Few operations have not shown how slow one can be: as if some more were known, which were far off.
    spread = math.sqrt((known * rates.spread**2 + _DOUBTS * _DOUBT**2) / (known + _DOUBTS))
    # Student's t at 97.5 %, to two parts in a hundred from four degrees of freedom on.
    t = 1.96 * (1 + 1.6 / known)
    error = _OF_A_LINE * t * spread * math.sqrt(1 / rates.measured + 1 / max(1, jobs))
    return max(1 / HARDLY, 1 - error), 1 + error
