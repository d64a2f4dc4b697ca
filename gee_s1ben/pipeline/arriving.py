"""Bringing the files of a succeeded attempt down and landing them: nothing is taken before it is checked."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from gee_s1ben.errors import AccessError, IncompleteRasterError, RasterError, Reaction, ServiceError
from gee_s1ben.ledger import Cause, FileRecord, JobRecord, JobState, OperationRecord
from gee_s1ben.pipeline.context import Exporting
from gee_s1ben.pipeline.landing import Landed, land, missing_windows
from gee_s1ben.pipeline.rasters import Raster
from gee_s1ben.pipeline.reactions import MOST_ANEW, since_retry
from gee_s1ben.session.destinations import Destination, RemoteFile

INCOMING = "incoming"
"""Folder of the workspace for files that are on their way."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came of an attempt to bring a job down."""

    landed: bool = False
    """Its windows are in the workspace."""
    waiting: bool = False
    """It is to be tried again."""
    windows: int = 0
    """How many windows it has."""
    bytes: int = 0
    """That were brought down."""
    problem: ServiceError | None = None
    """Why it did not come this time."""


def bring_down(exporting: Exporting, record: JobRecord, waited: float) -> Arrived:
    """Bring down and land one exported job; what does not work now is left for the next poll.

    Parameters
    ----------
    exporting : Exporting
        The workspace is held.
    record : JobRecord
        In the state ``exported``.
    waited : float
        Seconds that its files have been waited for since the last time.

    Raises
    ------
    AccessError
        Only the user can fix it.
    StorageError
        The disk is full, read-only or failing.
    """
    ledger, destination = exporting.ledger, exporting.destination
    raster = exporting.book.raster(record.job)
    if raster is None or destination is None:
        return Arrived(waiting=True)
    if not still_missing(exporting, raster):
        ledger.move(record.job.id, JobState.LANDED)
        return Arrived(landed=True, windows=len(raster.windows))
    operations = ledger.operations(job=record.job.id, attempt=record.attempt)
    try:
        files = {one.piece: destination.find(one.description, one.destination_uris) for one in operations}
        late = [one.description for one in operations if not files[one.piece]]
        if late:
            return _late(exporting, record, waited, f"showed no file {late[0]}*.tif")
        brought = _download(exporting, destination, record, operations, files)
    except AccessError:
        raise
    except ServiceError as error:
        return _failed(exporting, record, error)
    try:
        landed = land(exporting.workspace, raster, record.division, brought.paths)
    except IncompleteRasterError as error:  # what is missing may still come
        return _late(exporting, record, waited, f"was not whole ({error})")
    except RasterError as error:
        exporting.workspace.forget(f"{INCOMING}/{record.job.id}")
        _anew(exporting, record, str(error))
        return Arrived()
    _write_down(exporting, record, raster, brought, landed)
    exporting.workspace.forget(f"{INCOMING}/{record.job.id}")
    return Arrived(landed=True, windows=len(raster.windows), bytes=sum(file.size for file in brought.files))


def still_missing(exporting: Exporting, raster: Raster) -> list[str]:
    """Names of a raster's windows that are not in the workspace, and of which nothing says that they hold no data."""
    empty = exporting.ledger.empty_windows(raster.job.id)
    return [one.name for one in missing_windows(exporting.workspace, raster) if one.name not in empty]


@dataclass(frozen=True, slots=True)
class _Brought:
    paths: dict[int, list[tuple[str, Path]]]
    files: list[FileRecord]


def _download(
    exporting: Exporting,
    destination: Destination,
    record: JobRecord,
    operations: list[OperationRecord],
    files: dict[int, list[RemoteFile]],
) -> _Brought:
    folder = exporting.workspace.path / INCOMING / record.job.id
    brought = _Brought({}, [])
    for operation in operations:
        for file in files[operation.piece]:
            # Nothing of a remote name becomes a path; another version of a file is another file.
            name = hashlib.sha256(f"{file.id}\0{file.version}".encode()).hexdigest()[:24]
            downloaded = destination.download(file, folder / f"{name}.tif")
            brought.paths.setdefault(operation.piece, []).append((file.name, downloaded.path))
            brought.files.append(
                FileRecord(
                    request_id=operation.request_id,
                    remote_id=file.id,
                    name=file.name,
                    size=downloaded.size,
                    version=file.version,
                    sha256=downloaded.sha256,
                    removed=False,
                )
            )
    return brought


def _write_down(exporting: Exporting, record: JobRecord, raster: Raster, brought: _Brought, landed: Landed) -> None:
    ledger, job = exporting.ledger, record.job.id
    with ledger.transaction():
        ledger.add_files(brought.files)
        ledger.set_empty(job, landed.empty)
        if len(landed.empty) == len(raster.windows):
            ledger.move(job, JobState.ABSENT, next(iter(landed.empty.values())))
        else:
            ledger.move(job, JobState.LANDED)


def _late(exporting: Exporting, record: JobRecord, waited: float, what: str) -> Arrived:
    minutes = exporting.config.export.late_file_minutes
    total = record.waited_seconds + waited
    if total >= minutes * 60:
        reason = f"the export succeeded, but {what}, waited for {minutes:g} minutes"
        exporting.ledger.move(record.job.id, JobState.FAILED, reason)
        return Arrived()
    exporting.ledger.waited(record.job.id, total)
    return Arrived(waiting=True)


def _failed(exporting: Exporting, record: JobRecord, error: ServiceError) -> Arrived:
    if error.reaction is Reaction.ANEW:
        _anew(exporting, record, str(error))
        return Arrived(problem=error)
    _log.warning("%s", error)
    return Arrived(waiting=True, problem=error)


def _anew(exporting: Exporting, record: JobRecord, reason: str) -> None:
    ledger, job = exporting.ledger, record.job.id
    causes = [attempt.cause for attempt in ledger.attempts(job)]
    if since_retry(causes, Cause.ANEW) >= MOST_ANEW:
        ledger.move(job, JobState.FAILED, reason)
    else:
        ledger.again(job, Cause.ANEW, record.division, reason)
