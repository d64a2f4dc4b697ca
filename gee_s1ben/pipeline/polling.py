"""One look at everything that is out: what became of it, what follows, and what came down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gee_s1ben.domain.job import Token
from gee_s1ben.errors import AccessError, ServiceError
from gee_s1ben.ledger import OUT, JobRecord, JobState, OperationRecord, Seen, Standing
from gee_s1ben.pipeline.advancing import react
from gee_s1ben.pipeline.arriving import Arrived, bring_down
from gee_s1ben.pipeline.context import Exporting
from gee_s1ben.pipeline.further_jobs import plan_next_passes
from gee_s1ben.pipeline.matching import adopt, as_seen, match, ours
from gee_s1ben.pipeline.submission import Submitted, submit
from gee_s1ben.session.exports import Operation, cancel_operation, get_operation, list_operations

UNSEEN_POLLS = 2
"""An operation that so many lists in a row did not have is asked for by its name: a list may lag."""
UNSEEN_SECONDS = 600.0
"""An operation without a name is looked for so long, watched, before it counts as gone."""
MOST_ASKED = 100
"""Operations asked for by name in one poll."""
_SHARE = 3
"""No gap between two polls counts for more than this share of a wait: clocks are set, machines sleep."""

_log = logging.getLogger(__name__)

ToldOfJob = Callable[[JobRecord, Arrived], object]


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll found and did."""

    listed: int
    """Operations of this workspace that the service listed."""
    changed: int
    """Operations that stand otherwise than before."""
    landed: int
    """Jobs whose windows came into the workspace."""
    waiting: int
    """Jobs whose files have not shown up yet, or did not come down."""
    submitted: Submitted
    jobs: Mapping[JobState, int]
    """How many jobs are in each state now."""
    problem: ServiceError | None = None
    """The first failure of a download or a cancellation; the next poll tries again."""
    further: int = 0
    """Targets that got further jobs, since patches lack pixels of their pass."""

    @property
    def left(self) -> int:
        """Jobs that something is still to happen to by itself."""
        return sum(self.jobs[state] for state in (JobState.PLANNED, JobState.SUBMITTED, JobState.EXPORTED))

    @property
    def moved(self) -> bool:
        """Whether anything is otherwise than before."""
        told = self.submitted
        return bool(self.changed or self.landed or told.sent or told.attached or told.there or self.further)


def ignore(_record: JobRecord, _arrived: Arrived) -> None:
    """Tell nobody."""


def poll(exporting: Exporting, told: ToldOfJob = ignore, *, most: int | None = None) -> Polled:
    """Advance everything once: list, decide, send, bring down.

    Parameters
    ----------
    exporting : Exporting
        The workspace is held, so no other poller works.
    told : callable
        Told of every job whose windows came.
    most : int, optional
        Attempts begun, at most; as many as the queue holds unless given.

    Raises
    ------
    AccessError
        Only the user can fix it.
    ServiceError
        The list cannot be had.
    StorageError
        The disk is full, read-only or failing.
    """
    ledger = exporting.ledger
    listed = ours(list_operations(exporting.connection), exporting.identity)
    elapsed = _elapsed(exporting)
    waited_for = {record.job.id for record in ledger.jobs(JobState.EXPORTED)}
    changed = look(exporting, listed, elapsed)
    problem = cancel_unwanted(exporting)
    submitted = submit(exporting, listed, most=most)
    landed = waiting = 0
    watched = _counted(exporting.config.export.late_file_minutes * 60, elapsed)
    for record in ledger.jobs(JobState.EXPORTED):
        arrived = bring_down(exporting, record, watched if record.job.id in waited_for else 0.0)
        problem = problem or arrived.problem
        landed += arrived.landed
        waiting += arrived.waiting
        if arrived.landed:
            told(record, arrived)
    further = len(plan_next_passes(exporting))
    return Polled(len(listed), changed, landed, waiting, submitted, ledger.counts(), problem, further)


def look(exporting: Exporting, listed: Mapping[Token, Sequence[Operation]], elapsed: float) -> int:
    """Take over what the service says, decide what follows, and write it all down at once.

    Returns
    -------
    int
        How many operations stand otherwise than before.
    """
    ledger = exporting.ledger
    with ledger.transaction():
        adopt(ledger, listed, exporting.identity)
    seen, missing = match(ledger.operations(*OUT, Standing.GONE), listed)
    missing = [operation for operation in missing if operation.standing is not Standing.GONE]
    found = _looked_for(exporting, missing, elapsed)
    with ledger.transaction():
        changed = ledger.advance([*seen, *found])
        known = {one.request_id for one in found}
        ledger.unseen(operation.request_id for operation in missing if operation.request_id not in known)
        react(exporting)
        ledger.set_note("polled", datetime.fromtimestamp(exporting.clock(), UTC).isoformat())
    return changed


def cancel_unwanted(exporting: Exporting) -> ServiceError | None:
    """Cancel at the service what nobody waits for; return the first failure, which the next poll mends."""
    ledger = exporting.ledger
    alive = (Standing.PENDING, Standing.RUNNING)
    asked = {record.job.id for record in ledger.jobs(JobState.SUBMITTED, wanted=False) if record.cancelling}
    current = [
        operation
        for operation in ledger.current_operations(JobState.SUBMITTED)
        if operation.job in asked and operation.standing in alive
    ]
    problem = None
    cancelled = []
    for operation in [*current, *ledger.superseded_operations(*alive)]:
        if operation.name is None:
            continue
        try:
            cancel_operation(exporting.connection, operation.name)
        except AccessError:
            raise
        except ServiceError as error:
            _log.warning("%s", error)
            problem = problem or error
            continue
        cancelled.append(Seen(operation.request_id, Standing.CANCELLING, operation.name, "asked to cancel"))
    if cancelled:
        ledger.advance(cancelled)
    return problem


def _looked_for(exporting: Exporting, missing: Sequence[OperationRecord], elapsed: float) -> list[Seen]:
    """What can be found out about operations that the list does not have."""
    ledger = exporting.ledger
    submitted = {record.job.id: record for record in ledger.jobs(JobState.SUBMITTED, wanted=False)}
    found: list[Seen] = []
    for operation in missing:
        record = submitted.get(operation.job)
        waited_for = record is not None and record.attempt == operation.attempt and not record.cancelling
        if operation.standing is Standing.INTENDED:
            # To be sent (again) if somebody waits for it; if not, it never was, as soon as lists do not have it.
            if not waited_for and operation.unseen + 1 >= UNSEEN_POLLS:
                found.append(Seen(operation.request_id, Standing.GONE, service_state="not sent"))
            continue
        if operation.unseen + 1 < UNSEEN_POLLS or len(found) >= MOST_ASKED:
            continue
        if operation.name is None and record is not None and waited_for:
            waited = record.waited_seconds + _counted(UNSEEN_SECONDS, elapsed)
            ledger.waited(record.job.id, waited)
            if waited < UNSEEN_SECONDS:
                continue
        try:
            found.append(_asked_for(exporting, operation))
        except AccessError:
            raise
        except ServiceError as error:  # nothing is known; the next poll asks again
            _log.warning("%s", error)
    return found


def _asked_for(exporting: Exporting, operation: OperationRecord) -> Seen:
    """Ask for an operation by its name. If the service does not know it, its outputs may be there all the same."""
    if operation.name is not None:
        answer = get_operation(exporting.connection, operation.name)
        if answer is not None:
            return as_seen(operation.request_id, answer)
    destination = exporting.destination
    if destination is not None and destination.find(operation.description, operation.destination_uris):
        return Seen(
            operation.request_id,
            Standing.SUCCEEDED,
            service_state="not known any more, but its files are there",
            destination_uris=operation.destination_uris,
        )
    return Seen(operation.request_id, Standing.GONE, service_state="not known any more")


def _elapsed(exporting: Exporting) -> float:
    """Seconds since the last poll by our own clock; what is deduced from it is bounded by :func:`_counted`."""
    before = exporting.ledger.note("polled")
    try:
        last = datetime.fromisoformat(before).timestamp() if before else None
    except ValueError:
        last = None
    return 0.0 if last is None else exporting.clock() - last


def _counted(limit: float, elapsed: float) -> float:
    """How much of a wait of ``limit`` seconds has passed since the last poll: never all of it at once."""
    return max(0.0, min(elapsed, limit / _SHARE))
