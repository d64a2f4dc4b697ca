"""Changes to the ledger; the caller holds a transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from gee_s1ben.ledger import reading
from gee_s1ben.ledger.records import (
    ENDED,
    FINAL,
    Added,
    AttemptRecord,
    Cause,
    FileRecord,
    Intended,
    JobState,
    Owed,
    Seen,
    Standing,
)

_STAYS = FINAL - {Standing.GONE}
"""What the service said last and for good; one that was gone may be found again."""


def add(connection: sqlite3.Connection, owed: Iterable[Owed], plan: str, at: float) -> Added:
    """Take over a plan."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS present (id TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.execute("DELETE FROM temp.present")
    new = known = 0
    for place, one in enumerate(owed):
        connection.execute("INSERT OR IGNORE INTO temp.present VALUES (?)", (one.job.id,))
        updated = connection.execute(
            "UPDATE jobs SET place = ?, transport = ?, wanted = 1 WHERE id = ?", (place, one.transport, one.job.id)
        )
        if updated.rowcount:
            known += 1
        else:
            new += 1
            _insert_job(connection, one, place, at)
        if reading.windows(connection, one.job.id) != one.windows:
            connection.execute("DELETE FROM windows WHERE job = ?", (one.job.id,))
            connection.executemany(
                "INSERT INTO windows (job, place, name) VALUES (?, ?, ?)",
                [(one.job.id, number, name) for number, name in enumerate(one.windows)],
            )
    dropped = connection.execute(
        "UPDATE jobs SET wanted = 0 WHERE wanted AND id NOT IN (SELECT id FROM temp.present)"
    ).rowcount
    set_note(connection, "plan", plan)
    return Added(new, known, dropped)


def _insert_job(connection: sqlite3.Connection, owed: Owed, place: int, at: float) -> None:
    job, grid = owed.job, owed.job.grid
    connection.execute(
        "INSERT INTO jobs (id, place, target, pass_key, fingerprint, name, crs, transform, width, height, bands,"
        " transport, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(job.id, place, job.target, job.pass_key, job.fingerprint, job.name),
            *(grid.crs, json.dumps(grid.transform), grid.width, grid.height, " ".join(job.bands)),
            *(owed.transport, at),
        ),
    )


def begin_attempt(
    connection: sqlite3.Connection,
    job: str,
    cause: Cause,
    division: int,
    number: int,
    destination: str,
    pieces: Sequence[Intended],
    at: float,
) -> AttemptRecord:
    """Write an attempt and its intended operations; the job is ``submitted`` from then on."""
    (transport,) = connection.execute("SELECT transport FROM jobs WHERE id = ?", (job,)).fetchone()
    connection.execute(
        "INSERT INTO attempts (job, number, division, transport, destination, cause, begun)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (job, number, division, transport, destination, cause, at),
    )
    connection.executemany(
        "INSERT INTO operations (request_id, job, attempt, piece, token, description) VALUES (?, ?, ?, ?, ?, ?)",
        [(one.request_id, job, number, one.piece, one.token, one.description) for one in pieces],
    )
    connection.execute(
        "UPDATE jobs SET attempt = ?, division = ?, state = 'submitted', reason = '', cancelling = 0,"
        " waited_seconds = 0, updated = ? WHERE id = ?",
        (number, division, at, job),
    )
    asked = f"{len(pieces)} operations" if len(pieces) != 1 else "one operation"
    where = f"{asked} to {destination}" if pieces else transport
    tell(connection, job, number, f"attempt {number} ({cause}): {where}", at)
    return AttemptRecord(job, number, division, transport, destination, cause, at)


def sent(connection: sqlite3.Connection, request_ids: Iterable[str]) -> None:
    """Count a sending."""
    connection.executemany(
        "UPDATE operations SET sends = sends + 1 WHERE request_id = ?", [(one,) for one in request_ids]
    )


def advance(connection: sqlite3.Connection, seen: Iterable[Seen], at: float) -> int:
    """Take over what the service says of operations."""
    changed = 0
    for one in seen:
        row = connection.execute(
            "SELECT job, attempt, piece, standing FROM operations WHERE request_id = ?", (one.request_id,)
        ).fetchone()
        if row is None or (row[3] in _STAYS and row[3] != one.standing):
            continue
        job, attempt, piece, before = row
        updated = connection.execute(
            "UPDATE operations SET name = coalesce(:name, name), standing = :standing, service_state = :service_state,"
            " error = :error, created = :created, started = :started, ended = :ended,"
            " service_attempt = max(service_attempt, :service_attempt),"
            " eecu_seconds = max(eecu_seconds, :eecu_seconds), progress = :progress,"
            " destination_uris = :destination_uris, unseen = 0"
            " WHERE request_id = :request_id AND (unseen OR name IS NOT coalesce(:name, name) OR standing != :standing"
            " OR service_state != :service_state OR error != :error OR created != :created OR started != :started"
            " OR ended != :ended OR service_attempt < :service_attempt OR eecu_seconds < :eecu_seconds"
            " OR progress != :progress OR destination_uris != :destination_uris)",
            _values(one),
        )
        if updated.rowcount:
            changed += 1
        if before != one.standing:
            why = f": {one.error}" if one.error else ""
            tell(connection, job, attempt, f"piece {piece}: {before} → {one.standing}{why}", at)
    return changed


def _values(seen: Seen) -> dict[str, object]:
    return {
        "request_id": seen.request_id,
        "standing": seen.standing,
        "name": seen.name,
        "service_state": seen.service_state,
        "error": seen.error,
        "created": seen.created,
        "started": seen.started,
        "ended": seen.ended,
        "service_attempt": seen.service_attempt,
        "eecu_seconds": seen.eecu_seconds,
        "progress": seen.progress,
        "destination_uris": json.dumps(seen.destination_uris),
    }


def unseen(connection: sqlite3.Connection, request_ids: Iterable[str]) -> None:
    """Count that a list did not have these."""
    connection.executemany(
        "UPDATE operations SET unseen = unseen + 1 WHERE request_id = ?", [(one,) for one in request_ids]
    )


def move(connection: sqlite3.Connection, jobs: Iterable[str], state: JobState, reason: str, at: float) -> int:
    """Put jobs into a state; return how many were in another."""
    moved = 0
    for job in jobs:
        row = connection.execute("SELECT state, attempt, reason FROM jobs WHERE id = ?", (job,)).fetchone()
        if row is None or (row[0] == state and row[2] == reason):
            continue
        over = ", cancelling = 0" if state in ENDED or state == JobState.PLANNED else ""
        connection.execute(
            f"UPDATE jobs SET state = ?, reason = ?, waited_seconds = 0, updated = ?{over} WHERE id = ?",
            (state, reason, at, job),
        )
        tell(connection, job, row[1], f"{row[0]} → {state}" + (f": {reason}" if reason else ""), at)
        moved += 1
    return moved


def again(connection: sqlite3.Connection, job: str, cause: Cause, division: int, reason: str, at: float) -> None:
    """Plan another attempt."""
    connection.execute("UPDATE jobs SET cause = ?, division = ? WHERE id = ?", (cause, division, job))
    move(connection, [job], JobState.PLANNED, reason, at)


def set_empty(connection: sqlite3.Connection, job: str, reasons: Mapping[str, str]) -> None:
    """Write down which windows were not written as data; the others were."""
    connection.execute("UPDATE windows SET reason = '' WHERE job = ? AND reason != ''", (job,))
    connection.executemany(
        "UPDATE windows SET reason = ? WHERE job = ? AND name = ?",
        [(reason, job, name) for name, reason in reasons.items()],
    )


def ask_cancel(connection: sqlite3.Connection, jobs: Iterable[str], at: float) -> None:
    """Write down that jobs are to be cancelled."""
    for job in jobs:
        updated = connection.execute(
            "UPDATE jobs SET cancelling = 1, updated = ? WHERE id = ? AND NOT cancelling RETURNING attempt", (at, job)
        ).fetchone()
        if updated:
            tell(connection, job, updated[0], "cancellation asked for", at)


def waited(connection: sqlite3.Connection, job: str, seconds: float) -> None:
    """Set how long a job's files have been waited for."""
    connection.execute("UPDATE jobs SET waited_seconds = ? WHERE id = ?", (seconds, job))


def add_files(connection: sqlite3.Connection, files: Iterable[FileRecord]) -> None:
    """Write down files that were brought down or removed."""
    connection.executemany(
        "INSERT OR REPLACE INTO files (request_id, remote_id, name, size, version, sha256, removed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (one.request_id, one.remote_id, one.name, one.size, one.version, one.sha256, int(one.removed))
            for one in files
        ],
    )


def set_note(connection: sqlite3.Connection, key: str, value: str | None) -> None:
    """Write a note, or remove it."""
    if value is None:
        connection.execute("DELETE FROM notes WHERE key = ?", (key,))
    else:
        connection.execute("INSERT OR REPLACE INTO notes (key, value) VALUES (?, ?)", (key, value))


def tell(connection: sqlite3.Connection, job: str, attempt: int, text: str, at: float) -> None:
    """Add a line to a job's history."""
    connection.execute("INSERT INTO events (at, job, attempt, text) VALUES (?, ?, ?, ?)", (at, job, attempt, text))
