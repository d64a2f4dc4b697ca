"""The queue: who may wait, who runs next, what becomes of it."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gee_s1ben.engine.exports.database import Database
from gee_s1ben.engine.exports.operation import Code, Operation, State
from gee_s1ben.engine.exports.operations import Operations
from gee_s1ben.engine.exports.request import ExportRequest
from gee_s1ben.engine.exports.room import FullDiskError
from gee_s1ben.engine.exports.settings import QueueSettings
from gee_s1ben.engine.exports.work import Prepared, StoppedError, Tell, Work
from gee_s1ben.errors import EngineError

_log = logging.getLogger(__name__)

REPLAYED: Final = "A different Operation was already started with the given request_id."
CANCELLED: Final = "Cancelled."
INTERNAL: Final = "Internal error."


@dataclass(order=True, slots=True)
class _Running:
    """An operation that is to end at a time of the clock."""

    end: float
    number: int
    request: ExportRequest = field(compare=False)


class Queue:
    """Operations of an exports folder, and the rules by which they run.

    Its methods may be called from any thread. :meth:`take` and :meth:`perform` are for worker threads; with a
    ``duration`` in the settings there are none, and :meth:`advance` plays what should have happened since.
    """

    def __init__(self, database: Database, operations: Operations, work: Work, settings: QueueSettings) -> None:
        self._database = database
        self._operations = operations
        self._work = work
        self._settings = settings
        self._waiting: list[tuple[int, int]] = []
        self._pending = 0
        self._playing: list[_Running] = []
        self._cancelling: set[int] = set()
        with database.transaction():
            for operation in operations:
                self._resume(operation)

    def _recount(self) -> None:
        """Find out again who waits, after changes that did not last."""
        pending = [operation for operation in self._operations if operation.state == State.PENDING]
        self._waiting = [(-operation.priority, operation.number) for operation in pending]
        heapq.heapify(self._waiting)
        self._pending = len(pending)

    def _resume(self, operation: Operation) -> None:
        """Take up an operation where the service before this one left it."""
        if operation.state == State.CANCELLING:
            self._end(operation, State.CANCELLED, code=Code.CANCELLED, error=CANCELLED)
        elif not operation.state.final:
            if operation.state == State.RUNNING:
                operation = self._operations.save(
                    replace(operation, state=State.PENDING, started=None, progress=0.0, updated=self._settings.clock())
                )
            self._wait(operation)

    def submit(self, project: str, body: Mapping[str, Any]) -> Operation:
        """Accept a request; the same request with the same id again returns the operation it started.

        Raises
        ------
        EngineError
            The request cannot be read, its id was used, or the queue is full.
        """
        request = ExportRequest.parse(body)
        with self._database.transaction():
            self._database.on_rollback(self._recount)
            self.advance()
            if request.request_id is not None:
                started = self._operations.of_request(project, request.request_id)
                if started is not None:
                    if started.digest != request.digest or self._settings.refuse_replays:
                        raise EngineError(REPLAYED)
                    return started
            if self._pending >= self._settings.pending:
                raise EngineError(
                    f"Too many tasks already in the queue ({self._settings.pending}). "
                    "Please wait for some of them to complete."
                )
            operation = self._operations.add(
                project,
                body,
                self._settings.clock(),
                description=request.description,
                priority=request.priority,
                request_id=request.request_id,
                digest=request.digest,
            )
            self._wait(operation)
            self.advance()
            return self._operations.current(operation.number)

    def cancel(self, operation: Operation) -> Operation:
        """Cancel an operation: at once where it waits, as soon as may be where it runs; what is over stays so."""
        with self._database.transaction():
            self._database.on_rollback(self._recount)
            self.advance()
            operation = self._operations.current(operation.number)
            if operation.state == State.PENDING:
                self._pending -= 1
                return self._end(operation, State.CANCELLED, code=Code.CANCELLED, error=CANCELLED)
            if operation.state == State.RUNNING:
                if self._settings.duration is not None:
                    cancelling = frozenset(self._cancelling)
                    self._database.on_rollback(lambda: self._cancelling.intersection_update(cancelling))
                    self._cancelling.add(operation.number)
                now = self._settings.clock()
                return self._operations.save(replace(operation, state=State.CANCELLING, updated=now))
            return operation

    def take(self) -> Operation | None:
        """Take the operation that is to run next: the highest priority, then the oldest."""
        with self._database.transaction():
            self._database.on_rollback(self._recount)
            operation = self._next()
            return None if operation is None else self._start(operation, self._settings.clock())

    def perform(self, operation: Operation, stopping: Tell) -> None:
        """Run an operation that was taken to its end, or until ``stopping`` raises: then it waits again.

        Raises
        ------
        FullDiskError
            There is no room on the disk; performed once more, the operation goes on.
        """
        if self._operations.current(operation.number).state.final:
            return

        def tell(done: int, wanted: int) -> None:
            stopping(done, wanted)
            if self._operations.current(operation.number).state != State.RUNNING:
                raise StoppedError
            with self._database.lock:
                self._operations.show_progress(operation.number, done / wanted)

        try:
            request = ExportRequest.parse(self._operations.request(operation))
            prepared = self._tried(operation.number, request, tell)
        except StoppedError:
            with self._database.transaction():
                self._database.on_rollback(self._recount)
                self._resume(self._operations.current(operation.number))
        except FullDiskError:
            raise
        except EngineError as error:
            self._fail(operation.number, Code.INVALID_ARGUMENT, str(error))
        except Exception:  # whatever it was, the operation has to end
            _log.exception("an export failed")
            self._fail(operation.number, Code.INTERNAL, INTERNAL)
        else:
            self._finish(operation.number, request, prepared, self._settings.clock())

    def advance(self) -> None:
        """Play what by the clock should have happened; without a ``duration`` in the settings nothing does so."""
        if self._settings.duration is None:
            return
        with self._database.transaction():
            self._database.on_rollback(self._recount)
            self._database.on_rollback(self._undo_playing())
            now = self._settings.clock()
            if self._cancelling:
                self._playing = [running for running in self._playing if running.number not in self._cancelling]
                heapq.heapify(self._playing)
                for number in sorted(self._cancelling):
                    operation = self._operations.current(number)
                    self._end(operation, State.CANCELLED, code=Code.CANCELLED, error=CANCELLED)
                self._cancelling.clear()
            # What frees a place does so at its own time, and the next begins then, not when somebody asks.
            while self._playing and self._playing[0].end <= now:
                ended = heapq.heappop(self._playing)
                self._play(ended)
                self._fill(ended.end)
            self._fill(now)

    def _undo_playing(self) -> Callable[[], None]:
        playing, cancelling = list(self._playing), set(self._cancelling)

        def undo() -> None:
            self._playing, self._cancelling = playing, cancelling

        return undo

    def _fill(self, now: float) -> None:
        duration = self._settings.duration
        assert duration is not None  # noqa: S101 - only advance() comes here
        while len(self._playing) < self._settings.running and (operation := self._next()) is not None:
            request = ExportRequest.parse(self._operations.request(operation))
            self._start(operation, now)
            heapq.heappush(self._playing, _Running(now + duration(request), operation.number, request))

    def _play(self, running: _Running) -> None:
        try:
            prepared = self._tried(running.number, running.request, lambda done, wanted: None)  # noqa: ARG005
        except FullDiskError:
            raise
        except EngineError as error:
            self._fail(running.number, Code.INVALID_ARGUMENT, str(error), running.end)
        except Exception:  # whatever it was, the operation has to end
            _log.exception("an export failed")
            self._fail(running.number, Code.INTERNAL, INTERNAL, running.end)
        else:
            self._finish(running.number, running.request, prepared, running.end)

    def _tried(self, number: int, request: ExportRequest, tell: Tell) -> Prepared:
        """Do the work; again where the failure is the service's own."""
        while True:
            attempt = self._operations.current(number).attempt
            try:
                if self._settings.trouble is not None:
                    self._settings.trouble(request, attempt)
                return self._work.prepare(request, tell)
            except (EngineError, StoppedError):
                raise
            except Exception:  # a failure of the service, which it may survive
                if attempt >= self._settings.attempts:
                    raise
                _log.warning("attempt %d at an export failed", attempt, exc_info=True)
            with self._database.transaction():
                again = replace(self._operations.current(number), attempt=attempt + 1, updated=self._settings.clock())
                self._operations.save(again)

    def _finish(self, number: int, request: ExportRequest, prepared: Prepared, now: float) -> None:
        try:
            with self._database.transaction():
                operation = self._operations.current(number)
                uris = self._work.deliver(request, prepared, now)
                used = self._settings.eecu_seconds(prepared.pixels, request.values)
                # What was cancelled too late has succeeded all the same.
                self._end(replace(operation, progress=1.0, eecu_seconds=used, uris=uris), State.SUCCEEDED, now)
        except FullDiskError:
            self._work.discard(prepared)
            raise
        except EngineError as error:
            self._work.discard(prepared)
            self._fail(number, Code.INVALID_ARGUMENT, str(error), now)

    def _fail(self, number: int, code: Code, message: str, now: float | None = None) -> None:
        with self._database.transaction():
            self._end(self._operations.current(number), State.FAILED, now, code=code, error=message)

    def _end(
        self, operation: Operation, state: State, now: float | None = None, *,
        code: Code | None = None, error: str | None = None,
    ) -> Operation:  # fmt: skip
        now = self._settings.clock() if now is None else now
        return self._operations.save(
            replace(operation, state=state, ended=now, updated=now, error_code=code, error=error)
        )

    def _wait(self, operation: Operation) -> None:
        heapq.heappush(self._waiting, (-operation.priority, operation.number))
        self._pending += 1

    def _next(self) -> Operation | None:
        while self._waiting:
            _, number = heapq.heappop(self._waiting)
            operation = self._operations.current(number)
            if operation.state == State.PENDING:
                return operation
        return None

    def _start(self, operation: Operation, now: float) -> Operation:
        self._pending -= 1
        return self._operations.save(
            replace(operation, state=State.RUNNING, started=now, updated=now, attempt=max(operation.attempt, 1))
        )
