"""All operations: in memory for the asking, in the database for the next start."""

from __future__ import annotations

import json
import secrets
import sqlite3
import string
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, Final

from gee_s1ben.engine.exports.database import Database
from gee_s1ben.engine.exports.operation import Code, Operation, State

_ID_LETTERS: Final = string.ascii_uppercase + "234567"
_ID_LENGTH: Final = 24
_COLUMNS: Final = tuple(field.name for field in fields(Operation))
_SAVED: Final = ("updated", "state", "started", "ended", "attempt", "progress", "eecu_seconds", "error_code", "error")
_UPDATE: Final = f"UPDATE operations SET {', '.join(f'{name} = ?' for name in _SAVED)}, uris = ? WHERE number = ?"  # noqa: S608
_INSERT: Final = f"INSERT INTO operations ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608


class Operations:
    """The operations of an exports folder."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._all: dict[int, Operation] = {}
        self._numbers: dict[str, list[int]] = {}
        self._by_id: dict[tuple[str, str], int] = {}
        self._by_request: dict[tuple[str, str], int] = {}
        self._last = 0
        for row in database.rows("SELECT * FROM operations ORDER BY number"):
            self._keep(_operation(row))

    def __iter__(self) -> Iterator[Operation]:
        return iter(list(self._all.values()))

    def get(self, project: str, id_: str) -> Operation | None:
        """Return an operation by its id."""
        number = self._by_id.get((project, id_))
        return None if number is None else self._all[number]

    def of_request(self, project: str, request_id: str) -> Operation | None:
        """Return the operation that was started with a request id."""
        number = self._by_request.get((project, request_id))
        return None if number is None else self._all[number]

    def current(self, number: int) -> Operation:
        """Return an operation as it stands now."""
        return self._all[number]

    def newest(self, project: str, before: int | None, count: int) -> list[Operation]:
        """Return operations of a project, the newest first, submitted before the one of a number."""
        numbers = self._numbers.get(project, [])
        stop = len(numbers) if before is None else bisect_left(numbers, before)
        return [self._all[number] for number in reversed(numbers[max(0, stop - count) : stop])]

    def add(
        self, project: str, request: Mapping[str, Any], now: float, *,
        description: str, priority: int, request_id: str | None, digest: str,
    ) -> Operation:  # fmt: skip
        """Store a new operation with its request."""
        operation = Operation(
            number=self._last + 1,
            id="".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH)),
            project=project,
            description=description,
            priority=priority,
            request_id=request_id,
            digest=digest,
            created=now,
            updated=now,
        )
        body = zlib.compress(json.dumps(request, separators=(",", ":")).encode(), 1)
        values = [getattr(operation, name) for name in _COLUMNS[:-1]]
        with self._database.transaction():
            self._database.change(_INSERT, (*map(_plain, values), "[]"))
            self._database.change("INSERT INTO requests VALUES (?, ?)", (operation.number, body))
        self._database.on_rollback(lambda: self._forget(operation))
        self._keep(operation)
        return operation

    def request(self, operation: Operation) -> dict[str, Any]:
        """Return the body that an operation was asked for with."""
        row = self._database.row("SELECT body FROM requests WHERE number = ?", (operation.number,))
        assert row is not None  # noqa: S101 - both rows are written together
        body: dict[str, Any] = json.loads(zlib.decompress(row["body"]))
        return body

    def save(self, operation: Operation) -> Operation:
        """Store how an operation stands now."""
        values = [_plain(getattr(operation, name)) for name in _SAVED]
        self._database.change(_UPDATE, (*values, json.dumps(operation.uris), operation.number))
        before = self._all[operation.number]
        self._database.on_rollback(lambda: self._all.update({before.number: before}))
        self._all[operation.number] = operation
        return operation

    def show_progress(self, number: int, progress: float) -> None:
        """Tell how far an operation is; not worth a write to disk."""
        self._all[number] = replace(self._all[number], progress=progress)

    def _keep(self, operation: Operation) -> None:
        self._all[operation.number] = operation
        self._last = operation.number
        self._numbers.setdefault(operation.project, []).append(operation.number)
        self._by_id[operation.project, operation.id] = operation.number
        if operation.request_id is not None:
            self._by_request[operation.project, operation.request_id] = operation.number

    def _forget(self, operation: Operation) -> None:
        """Undo :meth:`_keep` of the newest operation."""
        self._by_id.pop((operation.project, operation.id), None)
        if operation.request_id is not None:
            self._by_request.pop((operation.project, operation.request_id), None)
        self._numbers[operation.project].remove(operation.number)
        self._all.pop(operation.number, None)
        self._last = operation.number - 1


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, State | Code) else value


def _operation(row: sqlite3.Row) -> Operation:
    values = {name: row[name] for name in _COLUMNS}
    values.update(
        state=State(row["state"]),
        error_code=None if row["error_code"] is None else Code(row["error_code"]),
        uris=tuple(json.loads(row["uris"])),
    )
    return Operation(**values)
