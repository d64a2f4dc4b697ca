"""Everything that is owed, brought into the workspace: whatever the transport, from wherever an earlier run stopped."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from gee_s1ben.config import Config
from gee_s1ben.domain.plural import plural
from gee_s1ben.errors import AccessError, Reaction, ServiceError, WorkspaceError
from gee_s1ben.ledger import Cause, FileRecord, JobRecord, JobState, Ledger
from gee_s1ben.pipeline.arriving import INCOMING, Arrived, still_missing
from gee_s1ben.pipeline.context import Exporting, RasterBook, destination_name
from gee_s1ben.pipeline.matching import REBUILT
from gee_s1ben.pipeline.polling import Polled, ToldOfJob, cancel_unwanted, ignore, poll
from gee_s1ben.pipeline.rebuild import open_ledger, take_over_plan
from gee_s1ben.pipeline.workspace import IDENTITY, Workspace, keep
from gee_s1ben.session.connection import Connection
from gee_s1ben.session.destinations import RemoteFile, open_destination

__all__ = ["Exported", "Exporting", "cancel", "export_all", "exporting", "polls", "remove_remote", "retry", "settle"]

LONGEST_PAUSE = {"embedded": 1.0, "earthengine": 60.0}
"""Seconds between two polls that found nothing new, by backend; the first pauses are shorter."""
FIRST_PAUSE = {"embedded": 0.1, "earthengine": 5.0}
MOST_PROBLEMS = 5
"""After so many polls in a row that failed or brought nothing but failures, no more are tried: run again later."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of bringing everything down."""

    landed: int
    """Windows that came."""
    kept: int
    """Windows that were there from before."""
    bytes: int
    """That were brought down."""
    absent: int
    """Jobs of which there is no such data."""
    failed: int
    """Jobs that were given up; the ledger says why."""
    cancelled: int


@contextmanager
def exporting(
    config: Config,
    workspace: Workspace,
    connection: Connection,
    *,
    clock: Callable[[], float] = time.time,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Exporting]:
    """Open ledger and destination for the time of a ``with`` block; the caller holds the workspace.

    Raises
    ------
    WorkspaceError
        There is no plan, or it was made from another configuration.
    LedgerError
        A newer version wrote the ledger; one that is broken is rebuilt.
    AccessError
        The destination cannot be used.
    StorageError
        The disk is full, read-only or failing.
    """
    with ExitStack() as stack:
        ledger = stack.enter_context(open_ledger(workspace, clock))
        identity = _identity(workspace, ledger)
        take_over_plan(config, workspace, ledger)
        destination = None
        if config.export.transport != "direct":
            destination = stack.enter_context(open_destination(config, connection))
        book = RasterBook(config, workspace)
        context = Exporting(config, workspace, ledger, connection, destination, identity, book, clock, pause)
        _heed_changed_destination(context)
        yield context


def export_all(context: Exporting, arrived: ToldOfJob = ignore) -> Exported:
    """Poll until nothing is left that happens by itself.

    Parameters
    ----------
    context : Exporting
        Of ``drive`` or ``gcs``; the workspace is held.
    arrived : callable
        Told of every job whose windows came.

    Raises
    ------
    AccessError
        Only the user can fix it.
    ServiceError
        The service does not answer, or takes nothing more for now; what was done is kept.
    StorageError
        The disk is full, read-only or failing.
    """
    kept = settle(context)
    windows = size = 0

    def count(record: JobRecord, one: Arrived) -> None:
        nonlocal windows, size
        windows, size = windows + one.windows, size + one.bytes
        arrived(record, one)

    for _ in polls(context, count):
        pass
    jobs = context.ledger.counts()
    return Exported(windows, kept, size, jobs[JobState.ABSENT], jobs[JobState.FAILED], jobs[JobState.CANCELLED])


def polls(context: Exporting, arrived: ToldOfJob = ignore, every: float | None = None) -> Iterator[Polled]:
    """Poll, and pause, and poll, until nothing is left that happens by itself; end earlier by not asking for the next.

    Parameters
    ----------
    context : Exporting
        Of ``drive`` or ``gcs``; the workspace is held.
    arrived : callable
        Told of every job whose windows came.
    every : float, optional
        Seconds between polls; shorter while something happens and longer while nothing does, unless given.

    Raises
    ------
    AccessError
        Only the user can fix it.
    ServiceError
        Nothing more can happen for now, and the text says why.
    StorageError
        The disk is full, read-only or failing.
    """
    backend = context.connection.backend
    wait, problems = FIRST_PAUSE[backend], 0
    while True:
        try:
            polled = poll(context, arrived)
        except AccessError:
            raise
        except ServiceError as error:
            problems += 1
            if problems >= MOST_PROBLEMS:
                raise
            _log.warning("%s", error)
        else:
            yield polled
            if not polled.left:
                return
            problems = problems + 1 if polled.problem is not None and not polled.moved else 0
            if polled.problem is not None and problems >= MOST_PROBLEMS:
                raise polled.problem
            _check_hope(polled)
            wait = FIRST_PAUSE[backend] if polled.moved else min(LONGEST_PAUSE[backend], wait * 1.5)
        context.pause(wait if every is None else every)


def settle(context: Exporting) -> int:
    """Look at every window that should be in the workspace; what is not there, or broken, is owed again.

    Returns
    -------
    int
        How many windows are there.
    """
    ledger, there = context.ledger, 0
    lost = []
    for record in ledger.jobs(JobState.PLANNED, JobState.LANDED, JobState.DONE):
        raster = context.book.raster(record.job)
        if raster is None:
            continue
        missing = still_missing(context, raster)
        there += len(raster.windows) - len(missing)
        if not missing and record.state is JobState.PLANNED:
            ledger.move(record.job.id, JobState.LANDED)
        elif missing and record.state is not JobState.PLANNED:
            lost.append((record, missing))
    with ledger.transaction():
        for record, missing in lost:
            reason = f"{plural(len(missing), 'window')} not in the workspace any more"
            ledger.again(record.job.id, Cause.LOST if record.attempt else Cause.FIRST, record.division, reason)
    _sweep(context)
    return there


def cancel(context: Exporting, jobs: Iterable[JobRecord]) -> int:
    """Cancel jobs: what is out is cancelled at the service, and taken all the same if it succeeds meanwhile.

    Returns
    -------
    int
        How many jobs; those that have ended are left as they are.
    """
    ledger = context.ledger
    out = (JobState.PLANNED, JobState.SUBMITTED, JobState.EXPORTED)
    chosen = [record for record in jobs if record.state in out]
    with ledger.transaction():
        ledger.ask_cancel(record.job.id for record in chosen if record.state is JobState.SUBMITTED)
        ledger.move(
            [record.job.id for record in chosen if record.state is not JobState.SUBMITTED],
            JobState.CANCELLED,
            "cancelled",
        )
    problem = cancel_unwanted(context)
    if problem is not None:
        raise problem
    return len(chosen)


def retry(ledger: Ledger, jobs: Iterable[JobRecord]) -> int:
    """Plan another attempt at jobs that failed, were cancelled, or are absent; lift a pause of the destination.

    Returns
    -------
    int
        How many jobs.
    """
    ended = (JobState.FAILED, JobState.CANCELLED, JobState.ABSENT)
    chosen = [record for record in jobs if record.state in ended]
    with ledger.transaction():
        for record in chosen:
            ledger.set_empty(record.job.id, {})
            ledger.again(record.job.id, Cause.RETRY if record.attempt else Cause.FIRST, record.division)
        ledger.set_note("paused", None)
    return len(chosen)


def remove_remote(context: Exporting) -> int:
    """Remove from the destination the files of jobs that are done; return how many.

    Raises
    ------
    ServiceError
        The destination refuses, fails or does not answer.
    """
    if context.destination is None:
        return 0
    ledger, removed = context.ledger, 0
    for record in ledger.jobs(JobState.DONE):
        for file in ledger.files(record.job.id):
            if not file.removed:
                context.destination.remove(RemoteFile(file.remote_id, file.name, file.size, version=file.version))
                ledger.add_files([_removed(file)])
                removed += 1
    return removed


def _removed(file: FileRecord) -> FileRecord:
    return replace(file, removed=True)


def _check_hope(polled: Polled) -> None:
    """Nothing is out and nothing is sent: waiting would not help.

    Raises
    ------
    ServiceError
        With the reason why nothing is sent.
    """
    held, jobs = polled.submitted.held, polled.jobs
    if held and not (jobs[JobState.SUBMITTED] or jobs[JobState.EXPORTED]) and not polled.moved:
        raise ServiceError(f"{plural(jobs[JobState.PLANNED], 'raster')} left: {held}", reaction=Reaction.HOLD)


def _identity(workspace: Workspace, ledger: Ledger) -> uuid.UUID:
    """Return the workspace's identity; the ledger keeps a copy, so that losing one of the two loses nothing."""
    copy = ledger.note("identity")
    path = workspace.path / IDENTITY
    if copy is not None and not path.exists():
        keep(path, f"{copy}\n".encode("ascii"))
    identity = workspace.identity()
    if copy is None:
        ledger.set_note("identity", str(identity))
    elif copy != str(identity):
        raise WorkspaceError(
            f"{path} is not what {ledger.path.name} was made with ({copy}): put that back, so that exports are found"
        )
    return identity


def _heed_changed_destination(context: Exporting) -> None:
    """What was exported to somewhere else is not looked for here: it is asked for anew."""
    ledger, now = context.ledger, destination_name(context.config)
    moved = []
    for record in ledger.jobs(JobState.SUBMITTED, JobState.EXPORTED):
        before = ledger.attempts(record.job.id)[-1].destination
        if before not in (now, REBUILT):
            moved.append((record, before))
    with ledger.transaction():
        for record, before in moved:
            reason = f"files go to {now or 'this machine'} now, not to {before or 'this machine'}"
            ledger.again(record.job.id, Cause.RETRY, record.division, reason)


def _sweep(context: Exporting) -> None:
    """Remove what was brought down for jobs that are not on their way any more."""
    folder = context.workspace.path / INCOMING
    if not folder.is_dir():
        return
    awaited = {record.job.id for record in context.ledger.jobs(JobState.EXPORTED, JobState.SUBMITTED)}
    for entry in sorted(folder.iterdir()):
        if entry.name not in awaited:
            context.workspace.forget(f"{INCOMING}/{entry.name}")
