"""The operations that the service lists, against those that the ledger has."""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from gee_s1ben.domain.job import Token
from gee_s1ben.domain.plural import plural
from gee_s1ben.ledger import Cause, Ledger, OperationRecord, Seen, Standing
from gee_s1ben.pipeline.context import intended
from gee_s1ben.session.exports import Operation, OperationState

STANDINGS: Mapping[OperationState, Standing] = {
    OperationState.PENDING: Standing.PENDING,
    OperationState.RUNNING: Standing.RUNNING,
    OperationState.SUCCEEDED: Standing.SUCCEEDED,
    OperationState.FAILED: Standing.FAILED,
    OperationState.CANCELLING: Standing.CANCELLING,
    OperationState.CANCELLED: Standing.CANCELLED,
    OperationState.UNKNOWN: Standing.UNKNOWN,
}

REBUILT = "?"
"""Destination of an attempt that was found in the operations list, which does not tell it in our words."""

_PREFERENCE = (Standing.SUCCEEDED, Standing.RUNNING, Standing.PENDING, Standing.UNKNOWN, Standing.CANCELLING)

_log = logging.getLogger(__name__)


def ours(operations: Iterable[Operation], identity: uuid.UUID) -> dict[Token, list[Operation]]:
    """Operations of this workspace, by token; a token should have one."""
    found: defaultdict[Token, list[Operation]] = defaultdict(list)
    owner = identity.hex[:8]
    for operation in operations:
        token = Token.find(operation.description)
        if token is not None and token.owner == owner:
            found[token].append(operation)
    return dict(found)


def match(
    records: Iterable[OperationRecord], listed: Mapping[Token, Sequence[Operation]]
) -> tuple[list[Seen], list[OperationRecord]]:
    """Find what the list says of each operation that the ledger has.

    Returns
    -------
    seen : list of Seen
        Of those that are listed.
    missing : list of OperationRecord
        Those that are not.
    """
    seen, missing = [], []
    for record in records:
        token = Token.find(record.token)
        candidates = listed.get(token, ()) if token else ()
        if candidates:
            seen.append(as_seen(record.request_id, _chosen(record, candidates)))
        else:
            missing.append(record)
    return seen, missing


def as_seen(request_id: str, operation: Operation) -> Seen:
    """Return what the service says in the ledger's words."""
    return Seen(
        request_id=request_id,
        standing=STANDINGS[operation.state],
        name=operation.name or None,
        service_state=operation.raw_state,
        error=operation.error,
        created=_time(operation.created),
        started=_time(operation.started),
        ended=_time(operation.ended),
        service_attempt=operation.service_attempt,
        eecu_seconds=operation.eecu_seconds or 0.0,
        progress=operation.progress or 0.0,
        destination_uris=tuple(operation.destination_uris),
    )


def adopt(ledger: Ledger, listed: Mapping[Token, Sequence[Operation]], identity: uuid.UUID) -> int:
    """Write down attempts that the service knows and the ledger does not: after the ledger was lost.

    Returns
    -------
    int
        How many attempts.
    """
    pieces: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for token, operations in listed.items():
        pieces[token.attempt, token.job] += [operation.description for operation in operations]
    adopted = 0
    for (attempt, job), descriptions in sorted(pieces.items()):
        record = ledger.job(job)
        if record is None or attempt <= record.attempt:
            continue
        whole = any(f"-{record.job.name}-" in description for description in descriptions)
        division = 1 if whole else 2
        cause = Cause.FIRST if attempt == 1 else Cause.ANEW if whole else Cause.SMALLER
        rows = [intended(identity, record.job, attempt, piece, division) for piece in range(division**2)]
        ledger.begin_attempt(job, cause, division, number=attempt, destination=REBUILT, pieces=rows)
        adopted += 1
    return adopted


def _chosen(record: OperationRecord, candidates: Sequence[Operation]) -> Operation:
    if len(candidates) > 1:
        _log.error("%s with the token %s; one was expected", plural(len(candidates), "operation"), record.token)
    for operation in candidates:
        if operation.name == record.name:
            return operation
    return min(candidates, key=lambda one: (_rank(STANDINGS[one.state]), one.created or 0.0, one.name))


def _rank(standing: Standing) -> int:
    return _PREFERENCE.index(standing) if standing in _PREFERENCE else len(_PREFERENCE)


def _time(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
