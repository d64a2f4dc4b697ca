"""How a watch looks: a bar on a terminal; else a line when something has changed, or every ten minutes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import NoReturn

from tqdm import tqdm

from gee_s1ben.cli.exports_shown import hours
from gee_s1ben.cli.outcome import say
from gee_s1ben.domain.printable import printable
from gee_s1ben.ledger import JobState, Standing
from gee_s1ben.pipeline.status import Status
from gee_s1ben.pipeline.watching import Looked

LINE_SECONDS = 600.0
"""A line is written after so long, even where nothing has changed."""

_FORMAT = "{desc}{percentage:3.0f}%|{bar:24}| {n_fmt}/{total_fmt}{postfix}"
_COME = (JobState.LANDED, JobState.DONE, JobState.ABSENT)


class _Rate:
    """Jobs that came since the watch began, by the hour."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start: tuple[float, int] | None = None

    def text(self, come: int) -> str:
        """Return the rate, where one can be told."""
        now = self._clock()
        if self._start is None:
            self._start = now, come
        since, before = self._start
        if come == before or now <= since:
            return ""
        rate = 3600 * (come - before) / (now - since)
        return f"{rate:,.1f}/h" if rate < 3600 else f"{rate / 3600:,.1f}/s"


@contextmanager
def watch_bar(*, quiet: bool = False, clock: Callable[[], float] = time.time) -> Iterator[Callable[[Looked], None]]:
    """Give what is to be told of every look for the time of a ``with`` block."""
    if quiet:
        yield lambda _looked: None
        return
    rate = _Rate(clock)
    if sys.stderr.isatty():
        with ExitStack() as stack:
            bar: tqdm[NoReturn] | None = None
            problem = ""

            def drawn(looked: Looked) -> None:
                nonlocal bar, problem
                if bar is None:  # a bar that was never drawn ends without a newline, and one without a total is ugly
                    bar = stack.enter_context(
                        tqdm(total=looked.status.total, file=sys.stderr, bar_format=_FORMAT, dynamic_ncols=True)
                    )
                bar.total, bar.n = looked.status.total, come(looked.status)
                bar.set_postfix_str(detail(looked.status, rate, clock()), refresh=True)
                if looked.problem and looked.problem != problem:
                    bar.write(printable(looked.problem), file=sys.stderr)
                problem = looked.problem

            yield drawn
        return
    last, last_at, last_problem = "", 0.0, ""

    def written(looked: Looked) -> None:
        nonlocal last, last_at, last_problem
        counts = f"{come(looked.status)} of {looked.status.total} have come"
        states = " ".join(map(str, [*looked.status.jobs.values(), *looked.status.operations.values()]))
        if states != last or clock() - last_at >= LINE_SECONDS:
            say(f"{counts}, {detail(looked.status, rate, clock())}")
            last, last_at = states, clock()
        if looked.problem and looked.problem != last_problem:
            say(looked.problem)
        last_problem = looked.problem

    yield written


def come(status: Status) -> int:
    """Return how many jobs have come."""
    return sum(status.jobs[state] for state in _COME)


def detail(status: Status, rate: _Rate, now: float) -> str:
    """Return what runs, how fast it goes, and when it is expected to end."""
    operations = status.operations
    waiting = operations[Standing.PENDING] + operations[Standing.INTENDED]
    parts = [f"{operations[Standing.RUNNING]} running", f"{waiting} queued"]
    parts += [f"{planned} to submit"] if (planned := status.jobs[JobState.PLANNED]) else []
    parts += [f"{status.bad} failed or cancelled"] if status.bad else []
    parts += [speed] if (speed := rate.text(come(status))) else []
    if status.open:
        end = datetime.fromtimestamp(now + status.owed.hours * 3600, UTC).astimezone()
        parts.append(f"about {hours(status.owed.hours)} left, until {end:%a %H:%M %Z}")
    return ", ".join(parts)
