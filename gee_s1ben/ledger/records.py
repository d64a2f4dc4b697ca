"""What the ledger holds: jobs, attempts at them, the operations of an attempt, their files, and what happened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gee_s1ben.domain.job import Job


class JobState(StrEnum):
    """How far a job has come."""

    PLANNED = "planned"
    """Owed, and nothing is out for it."""
    SUBMITTED = "submitted"
    """An attempt is out."""
    EXPORTED = "exported"
    """All pieces of the attempt succeeded; their files are to be brought down."""
    LANDED = "landed"
    """Its windows are in the workspace."""
    DONE = "done"
    """Its patches are in the dataset and verified."""
    ABSENT = "absent"
    """There is no such data; the reason says why."""
    FAILED = "failed"
    """Given up, with a reason; a retry makes a new attempt."""
    CANCELLED = "cancelled"
    """Nothing is done for it until a retry."""


ENDED = frozenset({JobState.LANDED, JobState.DONE, JobState.ABSENT, JobState.FAILED, JobState.CANCELLED})
"""Nothing more is asked of the service for these."""


class Standing(StrEnum):
    """How an operation stands, as far as the ledger knows."""

    INTENDED = "intended"
    """Written down, and perhaps sent: nobody knows until it is found or the service answers."""
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    GONE = "gone"
    """The service does not know it any more, and its files were not found."""
    UNKNOWN = "unknown"
    """In a state that this version does not know; it is waited for."""


FINAL = frozenset({Standing.SUCCEEDED, Standing.FAILED, Standing.CANCELLED, Standing.GONE})
"""The service does nothing more for these."""

OUT = tuple(standing for standing in Standing if standing not in FINAL)
"""The service may still do something for these, and they may still cost something."""


class Cause(StrEnum):
    """Why an attempt was begun."""

    FIRST = "first"
    ANEW = "anew"
    """The service failed at the one before, or lost it."""
    SMALLER = "smaller"
    """The one before was too large for the service's memory."""
    PAUSED = "paused"
    """The destination had no room for the one before."""
    LOST = "lost"
    """What had been brought down is not in the workspace any more."""
    RETRY = "retry"
    """The user asked for it."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A job as the plan has it."""

    job: Job
    transport: str
    """``direct``, ``drive`` or ``gcs``."""
    windows: tuple[str, ...]
    """Names of the windows that it lands as."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job and how far it has come."""

    job: Job
    transport: str
    state: JobState
    reason: str
    """Why it is absent, failed or cancelled; empty otherwise."""
    attempt: int
    """Number of the latest attempt; 0 before the first."""
    division: int
    """Of the latest attempt; of a planned job, of the one to come."""
    cause: Cause
    """Why the next attempt will be begun."""
    wanted: bool
    """Whether the present plan has it."""
    cancelling: bool
    """Whether its cancellation was asked for and is not over."""
    waited_seconds: float
    """How long its files have been waited for, as far as was watched."""
    updated: float
    """Epoch seconds by this machine's clock, for people; nothing is decided by it."""

    @property
    def label(self) -> str:
        """What people call it."""
        return f"{self.job.target} {self.job.pass_key} {self.job.name}"


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt at a job."""

    job: str
    number: int
    """From 1."""
    division: int
    """It asks for ``division``² pieces."""
    transport: str
    destination: str
    """Where its files go, such as ``gs://bucket/prefix``; empty for ``direct``."""
    cause: Cause
    begun: float
    """Epoch seconds by this machine's clock, for people."""


@dataclass(frozen=True, slots=True)
class Intended:
    """An operation that is about to be asked for."""

    request_id: str
    piece: int
    token: str
    description: str


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """Earth Engine's task for a piece of an attempt."""

    request_id: str
    job: str
    attempt: int
    piece: int
    token: str
    description: str
    name: str | None
    """The service's name for it; None until an answer or a list told it."""
    standing: Standing
    service_state: str
    """The service's own word."""
    error: str
    """What the service says went wrong."""
    created: str
    """The service's own time, as it came; empty when it told none."""
    started: str
    ended: str
    service_attempt: int
    eecu_seconds: float
    progress: float
    """From 0 to 1."""
    destination_uris: tuple[str, ...]
    sends: int
    """How often it was sent, every time with the same request id."""
    unseen: int
    """Polls in a row whose list did not have it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a list or an answer of the service says of an operation."""

    request_id: str
    standing: Standing
    name: str | None = None
    service_state: str = ""
    error: str = ""
    created: str = ""
    started: str = ""
    ended: str = ""
    service_attempt: int = 0
    eecu_seconds: float = 0.0
    progress: float = 0.0
    destination_uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file at the destination that was brought down."""

    request_id: str
    remote_id: str
    name: str
    size: int
    version: str
    sha256: str
    removed: bool
    """Whether it was removed from the destination."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a job's history."""

    number: int
    at: float
    """Epoch seconds by this machine's clock."""
    job: str
    attempt: int
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A succeeded operation, for estimates."""

    job: str
    pixels: int
    """Of the piece."""
    bands: int
    eecu_seconds: float
    created: str
    """The service's own times, as they came."""
    started: str
    ended: str


@dataclass(frozen=True, slots=True)
class Added:
    """What a plan changed."""

    new: int
    known: int
    dropped: int
    """Jobs of an earlier plan that this one does not have; they are kept, and nothing more is asked for them."""
