"""How the exports stand, as the ledger has it: read beside whoever writes, without the lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from gee_s1ben.config import Config
from gee_s1ben.errors import InputError, WorkspaceError
from gee_s1ben.ledger import (
    AttemptRecord,
    Event,
    FileRecord,
    JobRecord,
    JobState,
    Ledger,
    OperationRecord,
    Standing,
)
from gee_s1ben.pipeline.costs import budget, remaining
from gee_s1ben.pipeline.estimate import Budget, Estimate
from gee_s1ben.pipeline.pixel_check import unchecked
from gee_s1ben.pipeline.plan import load_plan
from gee_s1ben.pipeline.workspace import Workspace

OPEN = (JobState.PLANNED, JobState.SUBMITTED, JobState.EXPORTED)
"""Something is still to happen to these by itself."""
BAD = (JobState.FAILED, JobState.CANCELLED)
"""These wait for 'gee-s1ben retry'."""


@dataclass(frozen=True, slots=True)
class Status:
    """How the exports of a workspace stand."""

    jobs: Mapping[JobState, int]
    """Every state is there."""
    operations: Mapping[Standing, int]
    """Every standing is there."""
    owed: Estimate
    budget: Budget
    reasons: Mapping[str, int]
    """Why jobs are absent, failed or cancelled, and how many."""
    troubled: tuple[JobRecord, ...]
    """The jobs that failed or were cancelled."""
    notes: Mapping[str, str]
    """Such as ``polled``, when the service was last asked, and ``paused``, why a destination is."""
    billed: bool = True
    """Whether EECU-hours are counted by Google; those of the embedded service are a model."""
    unchecked: int = 0
    """Targets that have come and whose pixels were not looked at yet: next passes may follow."""

    @property
    def total(self) -> int:
        """All jobs of the plan."""
        return sum(self.jobs.values())

    @property
    def open(self) -> int:
        """Jobs that something is still to happen to by itself."""
        return sum(self.jobs[state] for state in OPEN)

    @property
    def settled(self) -> bool:
        """Whether nothing is left that happens by itself."""
        return not self.open and not self.unchecked

    @property
    def bad(self) -> int:
        """Jobs that wait for a retry."""
        return sum(self.jobs[state] for state in BAD)


@dataclass(frozen=True, slots=True)
class JobHistory:
    """A job and all that happened to it."""

    record: JobRecord
    attempts: tuple[AttemptRecord, ...]
    operations: tuple[OperationRecord, ...]
    files: tuple[FileRecord, ...]
    events: tuple[Event, ...]


def read_ledger(config: Config) -> Ledger:
    """Open the ledger of a configuration's workspace for reading.

    Raises
    ------
    WorkspaceError
        There is none: nothing was submitted yet.
    LedgerError
        It is broken, or of another version.
    """
    path = Workspace(config.workspace_path).ledger_path
    if not path.exists():
        raise WorkspaceError(f"there is no {path}: run 'gee-s1ben submit' or 'gee-s1ben run' first")
    return Ledger.read(path)


def status(config: Config) -> Status:
    """Read how the exports stand.

    Raises
    ------
    WorkspaceError, LedgerError
        As :func:`read_ledger`.
    """
    with read_ledger(config) as ledger:
        return standing(config, ledger)


def standing(config: Config, ledger: Ledger) -> Status:
    """Read how the exports stand from a ledger that is open."""
    troubled = ledger.jobs(*BAD)
    told = Counter(record.reason or record.state for record in [*troubled, *ledger.jobs(JobState.ABSENT)])
    notes = {name: value for name in ("polled", "paused") if (value := ledger.note(name))}
    return Status(
        jobs=ledger.counts(),
        operations=ledger.operation_counts(),
        owed=remaining(config, ledger),
        budget=budget(config, ledger),
        reasons=dict(told.most_common()),
        troubled=tuple(troubled),
        notes=notes,
        billed=config.backend == "earthengine",
        unchecked=_unchecked(config, ledger),
    )


def _unchecked(config: Config, ledger: Ledger) -> int:
    """Count the targets that are still to be looked at; none as long as the plan is not this configuration's."""
    workspace = Workspace(config.workspace_path)
    try:
        return sum(1 for _ in unchecked(config, workspace, load_plan(config, workspace), ledger))
    except WorkspaceError:
        return 0


def histories(config: Config, text: str) -> tuple[JobHistory, ...]:
    """Read what happened to the jobs that a person means: by id, or its beginning, by target, pass or label.

    Raises
    ------
    InputError
        No job is that.
    WorkspaceError, LedgerError
        As :func:`read_ledger`.
    """
    with read_ledger(config) as ledger:
        return tuple(_history(ledger, record) for record in meant(ledger, text))


def meant(ledger: Ledger, text: str) -> list[JobRecord]:
    """Return the jobs that a person means.

    Raises
    ------
    InputError
        No job is that.
    """
    found = ledger.find(text)
    if not found:
        raise InputError(
            f"no job is {text[:80]!a}: give its id or the beginning of it, its target, or its pass "
            f"('gee-s1ben status --json' lists them)"
        )
    return found


def _history(ledger: Ledger, record: JobRecord) -> JobHistory:
    job = record.job.id
    return JobHistory(
        record,
        tuple(ledger.attempts(job)),
        tuple(ledger.operations(job=job)),
        tuple(ledger.files(job)),
        tuple(ledger.history(job)),
    )
