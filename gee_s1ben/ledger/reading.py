"""Questions to the ledger."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import fields
from enum import StrEnum
from typing import Any, TypeVar

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.job import Job
from gee_s1ben.ledger.records import (
    AttemptRecord,
    Cause,
    Event,
    FileRecord,
    Finished,
    JobRecord,
    JobState,
    OperationRecord,
    Standing,
)

_Value = TypeVar("_Value", bound=StrEnum)

_JOB = """
    id, target, pass_key, fingerprint, name, crs, transform, width, height, bands,
    transport, state, reason, attempt, division, cause, wanted, cancelling, waited_seconds, updated
"""
_OPERATION_COLUMNS = tuple(field.name for field in fields(OperationRecord))
_OPERATION = ", ".join(f"operations.{column}" for column in _OPERATION_COLUMNS)
_LABEL = "target || ' ' || pass_key || ' ' || name"


def job(connection: sqlite3.Connection, identifier: str) -> JobRecord | None:
    """Return one job."""
    row = connection.execute(f"SELECT {_JOB} FROM jobs WHERE id = ?", (identifier,)).fetchone()
    return _job(row) if row else None


def find(connection: sqlite3.Connection, text: str) -> list[JobRecord]:
    """Jobs of the plan that a person means."""
    rows = connection.execute(
        f"SELECT {_JOB} FROM jobs WHERE wanted AND (substr(id, 1, length(:text)) = :text AND length(:text) >= 4"
        f" OR :text IN (target, pass_key, name, target || ' ' || pass_key, {_LABEL})) ORDER BY place, id",
        {"text": text},
    )
    return [_job(row) for row in rows]


def jobs(
    connection: sqlite3.Connection, states: Sequence[JobState], *, wanted: bool, limit: int | None
) -> list[JobRecord]:
    """Jobs in these states, in the order of the plan."""
    condition = " AND wanted" if wanted else ""
    rows = connection.execute(
        f"SELECT {_JOB} FROM jobs WHERE {_one_of('state', states)}{condition} ORDER BY place, id LIMIT ?",
        (*states, -1 if limit is None else limit),
    )
    return [_job(row) for row in rows]


def states(connection: sqlite3.Connection) -> dict[str, JobState]:
    """State of every wanted job, by id."""
    rows = connection.execute("SELECT id, state FROM jobs WHERE wanted ORDER BY place, id")
    return {identifier: JobState(state) for identifier, state in rows}


def states_by_fingerprint(connection: sqlite3.Connection) -> dict[str, dict[str, JobState]]:
    """State of every wanted job, by fingerprint and id."""
    found: dict[str, dict[str, JobState]] = {}
    for fingerprint, identifier, state in connection.execute("SELECT fingerprint, id, state FROM jobs WHERE wanted"):
        found.setdefault(fingerprint, {})[identifier] = JobState(state)
    return found


def counts(connection: sqlite3.Connection) -> dict[JobState, int]:
    """How many wanted jobs are in each state."""
    rows = connection.execute("SELECT state, count(*) FROM jobs WHERE wanted GROUP BY state")
    return _counted(JobState, rows)


def operation_counts(connection: sqlite3.Connection) -> dict[Standing, int]:
    """How many operations stand how."""
    return _counted(Standing, connection.execute("SELECT standing, count(*) FROM operations GROUP BY standing"))


def attempts(connection: sqlite3.Connection, identifier: str) -> list[AttemptRecord]:
    """Attempts at a job."""
    rows = connection.execute(
        "SELECT job, number, division, transport, destination, cause, begun FROM attempts WHERE job = ?"
        " ORDER BY number",
        (identifier,),
    )
    return [
        AttemptRecord(job, number, division, transport, destination, Cause(cause), begun)
        for job, number, division, transport, destination, cause, begun in rows
    ]


def operations(
    connection: sqlite3.Connection, standings: Sequence[Standing], identifier: str | None, attempt: int | None
) -> list[OperationRecord]:
    """Operations that stand so."""
    condition = _one_of("standing", standings)
    values: list[Any] = list(standings)
    for column, value in (("job", identifier), ("attempt", attempt)):
        if value is not None:
            condition += f" AND {column} = ?"
            values.append(value)
    rows = connection.execute(
        f"SELECT {_OPERATION} FROM operations WHERE {condition} ORDER BY job, attempt, piece", values
    )
    return [_operation(row) for row in rows]


def current_operations(connection: sqlite3.Connection, states: Sequence[JobState]) -> list[OperationRecord]:
    """Operations of the latest attempt at every job in these states, wanted or not."""
    rows = connection.execute(
        f"SELECT {_OPERATION} FROM operations"
        " JOIN jobs ON jobs.id = operations.job AND jobs.attempt = operations.attempt"
        f" WHERE {_one_of('jobs.state', states)} ORDER BY jobs.place, jobs.id, operations.piece",
        list(states),
    )
    return [_operation(row) for row in rows]


def superseded_operations(connection: sqlite3.Connection, standings: Sequence[Standing]) -> list[OperationRecord]:
    """Operations that stand so and that nobody waits for: of an attempt that another followed, or of a job given up."""
    rows = connection.execute(
        f"SELECT {_OPERATION} FROM operations JOIN jobs ON jobs.id = operations.job"
        f" WHERE {_one_of('operations.standing', standings)}"
        " AND (operations.attempt < jobs.attempt OR jobs.state NOT IN ('submitted', 'exported'))",
        list(standings),
    )
    return [_operation(row) for row in rows]


def empty_windows(connection: sqlite3.Connection, identifier: str) -> dict[str, str]:
    """Windows of a job that were not written as data, and why."""
    rows = connection.execute("SELECT name, reason FROM windows WHERE job = ? AND reason != ''", (identifier,))
    return dict(rows.fetchall())


def windows(connection: sqlite3.Connection, identifier: str) -> tuple[str, ...]:
    """Names of a job's windows."""
    rows = connection.execute("SELECT name FROM windows WHERE job = ? ORDER BY place", (identifier,))
    return tuple(row[0] for row in rows)


def files(connection: sqlite3.Connection, identifier: str | None) -> list[FileRecord]:
    """Files that were brought down."""
    rows = connection.execute(
        "SELECT files.request_id, remote_id, files.name, size, version, sha256, removed FROM files"
        " JOIN operations ON operations.request_id = files.request_id WHERE ?1 IS NULL OR operations.job = ?1"
        " ORDER BY operations.job, operations.attempt, operations.piece, files.name",
        (identifier,),
    )
    return [
        FileRecord(request_id, remote_id, name, size, version, sha256, bool(removed))
        for request_id, remote_id, name, size, version, sha256, removed in rows
    ]


def history(connection: sqlite3.Connection, identifier: str | None) -> list[Event]:
    """What happened."""
    rows = connection.execute(
        "SELECT number, at, job, attempt, text FROM events WHERE ?1 IS NULL OR job = ?1 ORDER BY number", (identifier,)
    )
    return [Event(*row) for row in rows]


def reasons(connection: sqlite3.Connection, states: Sequence[JobState]) -> dict[tuple[str, str], str]:
    """Return why windows are not there."""
    rows = connection.execute(
        "SELECT fingerprint, windows.name, CASE WHEN windows.reason != '' THEN windows.reason ELSE jobs.reason END"
        " FROM jobs JOIN windows ON windows.job = jobs.id"
        f" WHERE wanted AND ({_one_of('state', states)} OR windows.reason != '')",
        list(states),
    )
    return {(fingerprint, name): reason for fingerprint, name, reason in rows}


def eecu_seconds(connection: sqlite3.Connection) -> float:
    """EECU-seconds of all operations."""
    return float(connection.execute("SELECT total(eecu_seconds) FROM operations").fetchone()[0])


def finished(connection: sqlite3.Connection) -> list[Finished]:
    """Succeeded operations, for estimates."""
    rows = connection.execute(
        "SELECT operations.job, piece, attempts.division, width, height, bands, eecu_seconds, created, started, ended"
        " FROM operations JOIN jobs ON jobs.id = operations.job"
        " JOIN attempts ON attempts.job = operations.job AND attempts.number = operations.attempt"
        " WHERE standing = 'succeeded' ORDER BY ended, request_id"
    )
    found = []
    for identifier, piece, division, width, height, bands, eecu, *times in rows:
        down, across = divmod(piece, division)
        wide = width * (across + 1) // division - width * across // division
        high = height * (down + 1) // division - height * down // division
        found.append(Finished(identifier, wide * high, len(bands.split()), eecu, *times))
    return found


def note(connection: sqlite3.Connection, key: str) -> str | None:
    """Return a note."""
    row = connection.execute("SELECT value FROM notes WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else None


def _one_of(column: str, values: Sequence[str]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})" if values else "TRUE"


def _counted(kind: type[_Value], rows: Iterable[tuple[str, int]]) -> dict[_Value, int]:
    found = dict(rows)
    return {value: found.get(value, 0) for value in kind}


def _job(row: Sequence[Any]) -> JobRecord:
    identifier, target, pass_key, fingerprint, name, crs, transform, width, height, bands, transport, state = row[:12]
    grid = Grid(crs, tuple(json.loads(transform)), width, height)
    job = Job(identifier, target, pass_key, fingerprint, name, grid, tuple(bands.split()))
    reason, attempt, division, cause, wanted, cancelling, waited, updated = row[12:]
    return JobRecord(
        job=job,
        transport=transport,
        state=JobState(state),
        reason=reason,
        attempt=attempt,
        division=division,
        cause=Cause(cause),
        wanted=bool(wanted),
        cancelling=bool(cancelling),
        waited_seconds=waited,
        updated=updated,
    )


def _operation(row: Sequence[Any]) -> OperationRecord:
    values = dict(zip(_OPERATION_COLUMNS, row, strict=True))
    values["standing"] = Standing(values["standing"])
    values["destination_uris"] = tuple(json.loads(values["destination_uris"]))
    return OperationRecord(**values)
