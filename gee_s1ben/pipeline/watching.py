"""Polling by command: once, or again and again until nothing is left to wait for; whoever asked to be told is told.

The workspace is held only while polling. Where another process holds it, that one polls, and this one looks on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from gee_s1ben.config import Config
from gee_s1ben.domain.plural import plural
from gee_s1ben.errors import AccessError, GeeS1benError, InputError, Reaction, ServiceError, WorkspaceError
from gee_s1ben.ledger import OUT, JobRecord, Ledger
from gee_s1ben.pipeline.arriving import Arrived
from gee_s1ben.pipeline.context import Exporting, owed_digest
from gee_s1ben.pipeline.costs import is_over_budget
from gee_s1ben.pipeline.exporting import LONGEST_PAUSE, exporting
from gee_s1ben.pipeline.notifying import Tidings, notify, stopped, tidings
from gee_s1ben.pipeline.pixel_check import unchecked
from gee_s1ben.pipeline.plan import load_plan
from gee_s1ben.pipeline.polling import Polled, poll
from gee_s1ben.pipeline.status import OPEN, Status, standing, status
from gee_s1ben.pipeline.submission import Submitted, submit
from gee_s1ben.pipeline.workspace import Workspace, keep
from gee_s1ben.session.connection import Connection, connect

MOST_PROBLEMS = 10
"""Polls in a row that the service did not answer, after which a watch gives up; it can be started again."""

_TOLD = "told.txt"
"""Why work stopped, as somebody was told last: the same is not told every ten minutes."""

_log = logging.getLogger(__name__)

Clock = Callable[[], float]
Pause = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Looked:
    """One look at how things stand."""

    status: Status
    polled: Polled | None
    """None where nothing was asked: another process polls, or nothing is left."""
    problem: str = ""
    """Why nothing, or not all, was done."""

    over_budget: bool = False
    """Whether something is owed that the budget does not pay for, and nothing is out: waiting cannot help."""


@dataclass(frozen=True, slots=True)
class Watched:
    """How a watch ended."""

    looked: Looked
    in_time: bool
    """False: something is left, and the time is up."""


def submit_once(config: Config, most: int | None = None, *, clock: Clock = time.time) -> tuple[Submitted, Status]:
    """Fill the queue, with no more than ``most`` jobs.

    Raises
    ------
    InputError
        Rasters come directly, the workspace is in use, or there is no plan.
    ServiceError
        The service refuses, fails or does not answer.
    """
    _check_batch(config)
    with _told_if_stopped(config), connect(config) as connection, _context(config, connection, clock) as context:
        submitted = submit(context, most=most)
        return submitted, standing(config, context.ledger)


def poll_once(config: Config, *, clock: Clock = time.time) -> Looked:
    """Advance everything once; where nothing is left, nobody is asked anything.

    Raises
    ------
    InputError
        Rasters come directly, the workspace is in use, or there is no plan.
    ServiceError
        The service refuses, fails or does not answer.
    """
    _check_batch(config)
    if is_idle(config):
        return Looked(status(config), None)
    with _told_if_stopped(config), connect(config) as connection:
        return _look(config, connection, clock)


def watch(
    config: Config,
    told: Callable[[Looked], object],
    *,
    every: float | None = None,
    at_most: float | None = None,
    clock: Clock = time.time,
    pause: Pause = time.sleep,
) -> Watched:
    """Poll until nothing is left to wait for.

    Parameters
    ----------
    config : Config
        Of ``drive`` or ``gcs``.
    told : callable
        Told of every look.
    every : float, optional
        Seconds from one poll to the next; a minute unless given, a second with the embedded service.
    at_most : float, optional
        Seconds after which no more is waited for.
    clock, pause : callable
        Epoch seconds, and how they pass.

    Raises
    ------
    InputError
        Rasters come directly, or there is no plan.
    ServiceError
        Only the user can fix it, or the service does not answer for long.
    """
    _check_batch(config)
    if is_idle(config):
        looked = Looked(status(config), None)
        told(looked)
        return Watched(looked, in_time=True)
    every = LONGEST_PAUSE[config.backend] if every is None else every
    start, problems = clock(), 0
    with _told_if_stopped(config), connect(config) as connection:
        while True:
            looked = _look_or_problem(config, connection, clock, problems)
            told(looked)
            if looked.status.settled or looked.over_budget:
                return Watched(looked, in_time=True)
            problems = problems + 1 if looked.polled is None and looked.problem else 0
            left = None if at_most is None else start + at_most - clock()
            if left is not None and left <= 0:
                return Watched(looked, in_time=False)
            pause(every if left is None else min(every, left))


def probe(
    config: Config, count: int, told: Callable[[Looked], object], *, clock: Clock = time.time, pause: Pause = time.sleep
) -> int:
    """Submit the first jobs of the plan, and poll until the operations that are out have ended; they are not wasted.

    With a budget the first goes alone and tells what one costs; the others follow as far as the budget pays for them.

    Returns
    -------
    int
        How many operations have succeeded so far, from which costs are known.

    Raises
    ------
    InputError
        Rasters come directly, or the workspace is in use.
    ServiceError
        The service refuses, fails or does not answer.
    """
    _check_batch(config)
    with connect(config) as connection, _context(config, connection, clock) as context:
        ledger = context.ledger
        most = max(0, count - len(ledger.finished()))
        while True:
            polled = poll(context, most=most)
            told(Looked(standing(config, ledger), polled))
            most = max(0, most - polled.submitted.jobs)  # no second helping
            counts = ledger.operation_counts()
            if not any(counts[one] for one in OUT):
                if most and polled.submitted.held:
                    _log.warning("%s not probed: %s", plural(most, "job"), polled.submitted.held)
                return len(ledger.finished())
            pause(LONGEST_PAUSE[config.backend])


def is_idle(config: Config) -> bool:
    """Whether nothing is left to ask for: the ledger has this plan, and every job of it has ended."""
    workspace = Workspace(config.workspace_path)
    if not workspace.ledger_path.exists():
        return False
    plan = load_plan(config, workspace)
    try:
        with Ledger.read(workspace.ledger_path) as ledger:
            jobs, operations = ledger.counts(), ledger.operation_counts()
            return (
                ledger.plan() == owed_digest(config, workspace)
                and not any(jobs[one] for one in OPEN)
                and not any(operations[one] for one in OUT)
                and next(unchecked(config, workspace, plan, ledger), None) is None
            )
    except GeeS1benError:  # whoever opens it for writing says what is wrong, or mends it
        return False


def _look(config: Config, connection: Connection, clock: Clock) -> Looked:
    def came(record: JobRecord, _one: Arrived) -> None:
        _log.debug("%s has come", record.label)

    with _context(config, connection, clock) as context:
        before = context.ledger.counts()
        polled = poll(context, came)
        now, over_budget = standing(config, context.ledger), is_over_budget(config, context.ledger)
    _tell(tidings(before, now.jobs, config.dataset.path.name))
    return Looked(now, polled, str(polled.problem or ""), over_budget)


def _look_or_problem(config: Config, connection: Connection, clock: Clock, problems: int) -> Looked:
    """Look, and go on where it may go better the next time."""
    try:
        return _look(config, connection, clock)
    except AccessError:
        raise
    except WorkspaceError as error:
        if "in use by" not in str(error):
            raise
        # Whoever has only just begun may have no ledger yet.
        with suppress(WorkspaceError):
            return Looked(status(config), None)
        raise
    except ServiceError as error:
        if error.reaction is Reaction.STOP or problems + 1 >= MOST_PROBLEMS:
            raise
        return Looked(status(config), None, str(error))


@contextmanager
def _context(config: Config, connection: Connection, clock: Clock) -> Iterator[Exporting]:
    workspace = Workspace(config.workspace_path)
    with workspace.held(), exporting(config, workspace, connection, clock=clock) as context:
        yield context


def _check_batch(config: Config) -> None:
    if config.export.transport == "direct":
        raise InputError(
            "export.transport is direct: 'gee-s1ben fetch' or 'run' asks for its pixels; operations are made by "
            "drive and gcs (docs/exports.md)"
        )


@contextmanager
def _told_if_stopped(config: Config) -> Iterator[None]:
    """Tell whoever asked for it when only the user can help: once, not at every poll."""
    path = Workspace(config.workspace_path).path / _TOLD
    try:
        yield
    except ServiceError as error:
        if error.reaction is Reaction.STOP:
            told = stopped(error, config.dataset.path.name)
            with suppress(OSError, GeeS1benError):
                if not path.exists() or path.read_text("utf-8") != told.body:
                    _tell(told)
                    keep(path, told.body.encode())
        raise
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _tell(told: Tidings | None) -> None:
    problem = notify(told)
    if problem:
        _log.warning("%s", problem)
