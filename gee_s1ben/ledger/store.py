"""The ledger's public face; the work is done by free functions over a connection."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from gee_s1ben.errors import LedgerError
from gee_s1ben.ledger import opening, reading, writing
from gee_s1ben.ledger.records import (
    Added,
    AttemptRecord,
    Cause,
    Event,
    FileRecord,
    Finished,
    Intended,
    JobRecord,
    JobState,
    OperationRecord,
    Owed,
    Seen,
    Standing,
)

LEDGER_NAME = "ledger.sqlite"


class Ledger:
    """A ledger that is open; use as a context manager, from one thread.

    Every write is on disk when its method returns, or when the :meth:`transaction` around it ends. Every method may
    raise ``StorageError`` where the disk is full, read-only or failing, and ``BrokenLedgerError`` where the file is
    damaged.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self.path = path
        self._connection = connection
        self._clock = clock
        self._depth = 0

    @classmethod
    def open(cls, path: Path, clock: Callable[[], float] = time.time) -> Self:
        """Open for writing, making it or bringing it up to date where need be.

        Raises
        ------
        BrokenLedgerError
            It is not whole.
        LedgerError
            It was written by a newer version.
        StorageError
            The disk will not take it.
        """
        return cls(path, opening.open_for_writing(path), clock)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open for reading only, beside a process that writes.

        Raises
        ------
        LedgerError
            It is missing, broken, or of another version.
        """
        return cls(path, opening.open_for_reading(path), time.time)

    def close(self) -> None:
        """Close it."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes of the block, or none; on disk when the block ends. Blocks inside one another are one."""
        with opening.sqlite_errors(self.path):
            if not self._depth:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if not self._depth and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if not self._depth:
                try:
                    self._connection.execute("COMMIT")
                except sqlite3.Error:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with opening.sqlite_errors(self.path):
            yield self._connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self.transaction():
            yield self._connection

    # what is owed

    def add(self, owed: Iterable[Owed], plan: str) -> Added:
        """Take over a plan: new jobs are added, known ones kept as they are, others marked as not wanted.

        Parameters
        ----------
        owed : iterable of Owed
            All jobs of the plan, in its order.
        plan : str
            Its digest; :meth:`plan` returns it.
        """
        with self._writing() as connection:
            return writing.add(connection, owed, plan, self._clock())

    def plan(self) -> str | None:
        """Digest of the plan whose jobs these are."""
        return self.note("plan")

    # reading

    def job(self, job: str) -> JobRecord | None:
        """Return a job by its id."""
        with self._reading() as connection:
            return reading.job(connection, job)

    def find(self, text: str) -> list[JobRecord]:
        """Jobs of the plan whose id starts with a text (four digits at least), or whose target, pass or label it is."""
        with self._reading() as connection:
            return reading.find(connection, text)

    def jobs(self, *states: JobState, wanted: bool = True, limit: int | None = None) -> list[JobRecord]:
        """Jobs in these states (all without any), in the order of the plan; ``wanted=False`` with dropped ones."""
        with self._reading() as connection:
            return reading.jobs(connection, states, wanted=wanted, limit=limit)

    def states(self) -> dict[str, JobState]:
        """State of every wanted job, by id, in the order of the plan."""
        with self._reading() as connection:
            return reading.states(connection)

    def states_by_fingerprint(self) -> dict[str, dict[str, JobState]]:
        """State of every wanted job, by fingerprint and id."""
        with self._reading() as connection:
            return reading.states_by_fingerprint(connection)

    def counts(self) -> dict[JobState, int]:
        """How many wanted jobs are in each state; every state is there."""
        with self._reading() as connection:
            return reading.counts(connection)

    def attempts(self, job: str) -> list[AttemptRecord]:
        """Attempts at a job, the first first."""
        with self._reading() as connection:
            return reading.attempts(connection, job)

    def operations(
        self, *standings: Standing, job: str | None = None, attempt: int | None = None
    ) -> list[OperationRecord]:
        """Operations that stand so (all without any), of all jobs or one, of all its attempts or one."""
        with self._reading() as connection:
            return reading.operations(connection, standings, job, attempt)

    def current_operations(self, *states: JobState) -> list[OperationRecord]:
        """Operations of the latest attempt at every job in these states, dropped jobs included."""
        with self._reading() as connection:
            return reading.current_operations(connection, states)

    def superseded_operations(self, *standings: Standing) -> list[OperationRecord]:
        """Operations that nobody waits for: of an attempt that another followed, or of a job that has ended."""
        with self._reading() as connection:
            return reading.superseded_operations(connection, standings)

    def operation_counts(self) -> dict[Standing, int]:
        """How many operations stand how; every standing is there."""
        with self._reading() as connection:
            return reading.operation_counts(connection)

    def windows(self, job: str) -> tuple[str, ...]:
        """Names of the windows that a job lands as."""
        with self._reading() as connection:
            return reading.windows(connection, job)

    def empty_windows(self, job: str) -> dict[str, str]:
        """Windows of a job that were not written as data: name → why."""
        with self._reading() as connection:
            return reading.empty_windows(connection, job)

    def files(self, job: str | None = None) -> list[FileRecord]:
        """Files that were brought down."""
        with self._reading() as connection:
            return reading.files(connection, job)

    def history(self, job: str | None = None) -> list[Event]:
        """What happened, the first first."""
        with self._reading() as connection:
            return reading.history(connection, job)

    def reasons(self, *states: JobState) -> dict[tuple[str, str], str]:
        """Return why windows are not there: (fingerprint, window name) → reason.

        Those of jobs in these states (absent, failed or cancelled without any), and those without data of all jobs.
        """
        with self._reading() as connection:
            return reading.reasons(connection, states or (JobState.ABSENT, JobState.FAILED, JobState.CANCELLED))

    def eecu_seconds(self) -> float:
        """EECU-seconds of all operations together, as the service told them."""
        with self._reading() as connection:
            return reading.eecu_seconds(connection)

    def finished(self) -> list[Finished]:
        """Succeeded operations, for estimates."""
        with self._reading() as connection:
            return reading.finished(connection)

    def note(self, key: str) -> str | None:
        """Return a note, such as why the destination is paused (``paused``)."""
        with self._reading() as connection:
            return reading.note(connection, key)

    # writing

    def set_note(self, key: str, value: str | None) -> None:
        """Write a note, or remove it."""
        with self._writing() as connection:
            writing.set_note(connection, key, value)

    def begin_attempt(
        self,
        job: str,
        cause: Cause,
        division: int = 1,
        *,
        number: int | None = None,
        destination: str = "",
        pieces: Sequence[Intended] = (),
    ) -> AttemptRecord:
        """Begin an attempt, the next one unless told otherwise: its row, and its operations as intended.

        The job is ``submitted`` from then on.

        Raises
        ------
        LedgerError
            There is no such job, or there was such an attempt.
        """
        with self._writing() as connection:
            known = reading.job(connection, job)
            if known is None:
                raise LedgerError(f"{self.path} knows no job {job}")
            number = known.attempt + 1 if number is None else number
            if number <= known.attempt:
                raise LedgerError(f"{self.path}: attempt {number} at job {job} was begun before")
            at = self._clock()
            return writing.begin_attempt(connection, job, cause, division, number, destination, pieces, at)

    def sent(self, request_ids: Iterable[str]) -> None:
        """Count a sending, before it happens."""
        with self._writing() as connection:
            writing.sent(connection, request_ids)

    def advance(self, seen: Iterable[Seen]) -> int:
        """Take over what the service says of operations; return how many changed.

        What succeeded, failed or was cancelled stays so.
        """
        with self._writing() as connection:
            return writing.advance(connection, seen, self._clock())

    def unseen(self, request_ids: Iterable[str]) -> None:
        """Count that a list did not have these operations."""
        with self._writing() as connection:
            writing.unseen(connection, request_ids)

    def move(self, jobs: str | Iterable[str], state: JobState, reason: str = "") -> int:
        """Put a job, or several, into a state; return how many were in another."""
        with self._writing() as connection:
            return writing.move(connection, [jobs] if isinstance(jobs, str) else jobs, state, reason, self._clock())

    def again(self, job: str, cause: Cause, division: int = 1, reason: str = "") -> None:
        """Plan another attempt at a job, and write down why."""
        with self._writing() as connection:
            writing.again(connection, job, cause, division, reason, self._clock())

    def set_empty(self, job: str, reasons: Mapping[str, str]) -> None:
        """Write down which windows of a job were not written as data (name → why); the others were."""
        with self._writing() as connection:
            writing.set_empty(connection, job, reasons)

    def ask_cancel(self, jobs: Iterable[str]) -> None:
        """Write down that these are to be cancelled."""
        with self._writing() as connection:
            writing.ask_cancel(connection, jobs, self._clock())

    def waited(self, job: str, seconds: float) -> None:
        """Set how long the files of a job have been waited for; a change of its state sets it to 0."""
        with self._writing() as connection:
            writing.waited(connection, job, seconds)

    def add_files(self, files: Iterable[FileRecord]) -> None:
        """Write down files that were brought down or removed."""
        with self._writing() as connection:
            writing.add_files(connection, files)

    def tell(self, job: str, attempt: int, text: str) -> None:
        """Add a line to a job's history."""
        with self._writing() as connection:
            writing.tell(connection, job, attempt, text, self._clock())
