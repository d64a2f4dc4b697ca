"""Carrying out in the ledger what :mod:`.reactions` decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from gee_s1ben.ledger import Cause, JobRecord, JobState, Ledger, OperationRecord, Standing
from gee_s1ben.pipeline.context import Exporting
from gee_s1ben.pipeline.reactions import Decision, Do, Piece, Situation, decide, since_retry
from gee_s1ben.session.failures import reaction_to_operation

_MOVES = {
    Do.LAND: JobState.EXPORTED,
    Do.ABSENT: JobState.ABSENT,
    Do.FAIL: JobState.FAILED,
    Do.CANCEL: JobState.CANCELLED,
}


def react(exporting: Exporting, jobs: Iterable[str] | None = None) -> dict[Do, int]:
    """Decide about submitted jobs, all or some, and write it down; nothing is sent. The caller holds a transaction."""
    ledger = exporting.ledger
    pieces: defaultdict[str, list[OperationRecord]] = defaultdict(list)
    for operation in ledger.current_operations(JobState.SUBMITTED):
        pieces[operation.job].append(operation)
    records = ledger.jobs(JobState.SUBMITTED, wanted=False)
    if jobs is not None:
        chosen = set(jobs)
        records = [record for record in records if record.job.id in chosen]
    done: defaultdict[Do, int] = defaultdict(int)
    for record in records:
        decision = decide(situation(ledger, record, pieces[record.job.id]))
        carry_out(ledger, record, decision)
        done[decision.do] += 1
    return dict(done)


def situation(ledger: Ledger, record: JobRecord, operations: Iterable[OperationRecord]) -> Situation:
    """Return all that decides what follows for a job."""
    pieces = []
    for operation in operations:
        if operation.standing is Standing.FAILED:
            reaction = reaction_to_operation(operation.error)
            pieces.append(Piece(operation.standing, reaction, operation.error))
        else:
            pieces.append(Piece(operation.standing))
    troubled = any(piece.standing in (Standing.FAILED, Standing.GONE) for piece in pieces)
    causes = [attempt.cause for attempt in ledger.attempts(record.job.id)] if troubled else []
    return Situation(
        pieces=pieces,
        division=record.division,
        anew=since_retry(causes, Cause.ANEW),
        paused=since_retry(causes, Cause.PAUSED),
        cancelling=record.cancelling,
    )


def carry_out(ledger: Ledger, record: JobRecord, decision: Decision) -> None:
    """Write down what was decided about a job."""
    if decision.pause:
        ledger.set_note("paused", decision.reason)
    if decision.do is Do.AGAIN:
        ledger.again(record.job.id, decision.cause, decision.division, decision.reason)
    elif decision.do in _MOVES:
        ledger.move(record.job.id, _MOVES[decision.do], decision.reason)
