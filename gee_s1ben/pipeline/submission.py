"""Sending what is owed, exactly once, until the queue is as full as it should be.

An operation is written down before it is sent. Where an answer was lost, the list tells whether it was started; if it
was not, it is sent again with the same request id, of which Earth Engine starts at most one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gee_s1ben.config.model import ITEM_BYTES
from gee_s1ben.domain.job import Token
from gee_s1ben.errors import Reaction, ServiceError
from gee_s1ben.ledger import OUT, JobRecord, JobState, OperationRecord, Seen, Standing
from gee_s1ben.pipeline.advancing import react
from gee_s1ben.pipeline.arriving import still_missing
from gee_s1ben.pipeline.context import Exporting, destination_name
from gee_s1ben.pipeline.costs import affordable_jobs, why_held
from gee_s1ben.pipeline.matching import adopt, as_seen, match, ours
from gee_s1ben.pipeline.rasters import Raster
from gee_s1ben.session.computing import Image
from gee_s1ben.session.exports import ExportRequest, Operation, list_operations, start_export

RESTRICTED_DEPTH = 2
"""Operations out at a time once the project's compute of the month is used up."""
WORKLOAD_TAG = "gee-s1ben"

_REFUSED_REPLAY = (400, 409)
"""Statuses of a refusal because the request id was used: the operation exists."""
_PASSING = (Reaction.HOLD, Reaction.RETRY, Reaction.SLOW_DOWN)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Submitted:
    """What a submission did."""

    sent: int = 0
    """Operations that the service took."""
    attached: int = 0
    """Operations that were sent before, and found."""
    jobs: int = 0
    """Attempts begun."""
    there: int = 0
    """Jobs whose windows were in the workspace already."""
    doubts: int = 0
    """Operations that were sent and of which nothing is known yet; the next poll finds them or sends them again."""
    held: str = ""
    """Why nothing more was sent, where something is left; empty otherwise."""
    waiting: list[OperationRecord] = field(default_factory=list, repr=False)


def submit(
    exporting: Exporting, listed: Mapping[Token, Sequence[Operation]] | None = None, *, most: int | None = None
) -> Submitted:
    """Fill the queue to ``export.queue_depth`` and return.

    Parameters
    ----------
    exporting : Exporting
        The workspace is held.
    listed : mapping, optional
        What the service lists; asked for unless given.
    most : int, optional
        Begin no more than so many attempts.

    Raises
    ------
    AccessError
        Only the user can fix it.
    ServiceError
        The list cannot be had.
    """
    told = Submitted()
    if listed is None:
        listed = ours(list_operations(exporting.connection), exporting.identity)
        told.attached += attach(exporting, listed)
    if not _takes(exporting, told):
        return told
    if _send_intended(exporting, told) and _send_planned(exporting, told, most) and told.waiting:
        _resolve(exporting, told)
    told.doubts = len(told.waiting)
    return told


def attach(exporting: Exporting, listed: Mapping[Token, Sequence[Operation]]) -> int:
    """Find the operations that were written down and whose answer was lost; return how many."""
    ledger = exporting.ledger
    with ledger.transaction():
        adopt(ledger, listed, exporting.identity)
        seen, _ = match(ledger.operations(Standing.INTENDED), listed)
        ledger.advance(seen)
    return len(seen)


def _takes(exporting: Exporting, told: Submitted) -> bool:
    """Whether the destination takes something; asked before anything is begun, and while it is paused."""
    ledger, destination = exporting.ledger, exporting.destination
    planned = ledger.jobs(JobState.PLANNED)
    if destination is None or not (planned or ledger.note("paused")):
        return True
    try:
        destination.check(min((_bytes(record) for record in planned), default=1))
    except ServiceError as error:
        if error.reaction is Reaction.STOP:
            raise
        if error.reaction is Reaction.PAUSE and ledger.note("paused") is None:
            ledger.set_note("paused", str(error))
        paused = ledger.note("paused")
        told.held = f"{destination_name(exporting.config)} is paused: {paused}" if paused else str(error)
        return False
    ledger.set_note("paused", None)
    return True


def _bytes(record: JobRecord) -> int:
    """Of the file of one piece, before it is compressed."""
    return record.job.pixels * len(record.job.bands) * ITEM_BYTES // record.division**2


def _send_intended(exporting: Exporting, told: Submitted) -> bool:
    """Send what was written down before; return whether anything else may be sent."""
    ledger = exporting.ledger
    records = {record.job.id: record for record in ledger.jobs(JobState.SUBMITTED) if not record.cancelling}
    waiting = [
        operation
        for operation in ledger.current_operations(JobState.SUBMITTED)
        if operation.standing is Standing.INTENDED and operation.job in records
    ]
    space = _space(exporting)
    for number, operation in enumerate(waiting):
        if number >= space:
            told.held = _full(exporting)
            return False
        if not _send_again(exporting, told, operation, records[operation.job]):
            return False
    return True


def _send_again(exporting: Exporting, told: Submitted, operation: OperationRecord, record: JobRecord) -> bool:
    """Send what was written down before, with the request id that it has; return whether more may be sent."""
    raster = exporting.book.raster(record.job)
    if raster is None:
        return True
    exporting.ledger.sent([operation.request_id])
    return _send(exporting, told, operation, record, raster.image())


def _send_planned(exporting: Exporting, told: Submitted, most: int | None) -> bool:
    """Begin attempts at what is owed; return whether the service still takes something."""
    ledger = exporting.ledger
    space = _space(exporting)
    idle = space == _depth(exporting)
    candidates: list[tuple[JobRecord, Raster]] = []
    begun = room = 0
    for record in ledger.jobs(JobState.PLANNED):
        if room > space:  # one more than there is room for says that something is left
            break
        raster = exporting.book.raster(record.job)
        if raster is None:
            continue
        if not still_missing(exporting, raster):
            ledger.move(record.job.id, JobState.LANDED)
            told.there += 1
            continue
        candidates.append((record, raster))
        room += record.division**2
    affordable = affordable_jobs(exporting.config, ledger, [record for record, _ in candidates])
    for number, (record, raster) in enumerate(candidates):
        pieces = record.division**2
        if begun + pieces > space and (begun or not idle):  # more pieces than the depth go when nothing else is out
            told.held = _full(exporting)
            return True
        if most is not None and number >= most:
            return True
        if number >= affordable:
            told.held = why_held(exporting.config, ledger)
            return True
        begun += pieces
        if not _begin(exporting, told, record, raster):
            return False
    return True


def _begin(exporting: Exporting, told: Submitted, record: JobRecord, raster: Raster) -> bool:
    ledger, job = exporting.ledger, record.job
    with ledger.transaction():
        attempt = ledger.begin_attempt(
            job.id,
            record.cause,
            record.division,
            destination=destination_name(exporting.config),
            pieces=exporting.intended(job, record.attempt + 1, record.division),
        )
        operations = ledger.operations(job=job.id, attempt=attempt.number)
        ledger.sent(operation.request_id for operation in operations)
    told.jobs += 1
    image = raster.image()
    return all(_send(exporting, told, operation, record, image) for operation in operations)


def _send(exporting: Exporting, told: Submitted, operation: OperationRecord, record: JobRecord, image: Image) -> bool:
    """Send one operation that is written down; return whether the service still takes something."""
    destination = exporting.destination
    if destination is None:
        return False
    _, _, grid = record.job.piece(operation.piece, record.division)
    request = ExportRequest(
        image=image,
        grid=grid,
        bands=record.job.bands,
        description=operation.description,
        request_id=operation.request_id,
        destination=destination.options(operation.description),
        priority=exporting.config.export.priority,
        workload_tag=WORKLOAD_TAG,
    )
    try:
        answer = start_export(exporting.connection, request)
    except ServiceError as error:
        return _refused(exporting, told, operation, record, error)
    exporting.ledger.advance([as_seen(operation.request_id, answer)])
    told.sent += 1
    return True


def _refused(
    exporting: Exporting, told: Submitted, operation: OperationRecord, record: JobRecord, error: ServiceError
) -> bool:
    ledger = exporting.ledger
    if error.reaction is Reaction.STOP:
        raise error
    if error.reaction is Reaction.ATTACH:
        if error.status in _REFUSED_REPLAY:
            seen = Seen(operation.request_id, Standing.PENDING, service_state="started before")
            ledger.advance([seen])
        told.waiting.append(operation)
        return True
    if error.reaction in _PASSING:
        told.held = str(error)
        return False
    if error.reaction is Reaction.PAUSE:
        ledger.set_note("paused", str(error))
        told.held = str(error)
        return False
    # The service will never take it: what follows is what follows when an operation failed.
    with ledger.transaction():
        ledger.advance([Seen(operation.request_id, Standing.FAILED, service_state="refused", error=str(error))])
        react(exporting, [record.job.id])
    return True


def _resolve(exporting: Exporting, told: Submitted) -> None:
    """Look once for the operations whose answer was lost, and send once more those that are not there."""
    ledger = exporting.ledger
    listed = ours(list_operations(exporting.connection), exporting.identity)
    seen, missing = match(told.waiting, listed)
    ledger.advance(seen)
    told.attached += len(seen)
    told.waiting = []
    standing = {operation.request_id: operation for operation in ledger.operations(Standing.INTENDED)}
    again = [standing[operation.request_id] for operation in missing if operation.request_id in standing]
    known = [operation for operation in missing if operation.request_id not in standing]
    for operation in again:
        record = ledger.job(operation.job)
        if record is not None and not _send_again(exporting, told, operation, record):
            break
    told.waiting += known


def _depth(exporting: Exporting) -> int:
    depth = exporting.config.export.queue_depth
    return min(depth, RESTRICTED_DEPTH) if exporting.connection.pacer.restricted else depth


def _space(exporting: Exporting) -> int:
    counts = exporting.ledger.operation_counts()
    return max(0, _depth(exporting) - sum(counts[standing] for standing in OUT if standing is not Standing.INTENDED))


def _full(exporting: Exporting) -> str:
    if exporting.connection.pacer.restricted:
        return "the project's compute of this month is used up: a few operations at a time"
    return f"the queue is as deep as export.queue_depth allows ({exporting.config.export.queue_depth})"
