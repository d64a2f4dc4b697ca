"""Bring all windows of the plan into the workspace, whatever the transport, and those of the next passes.

What is there already is not asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gee_s1ben.config import Config
from gee_s1ben.ledger import JobRecord, JobState
from gee_s1ben.pipeline.arriving import Arrived
from gee_s1ben.pipeline.direct import Brought, Outcome, fetch_direct
from gee_s1ben.pipeline.exporting import Exporting, export_all, exporting
from gee_s1ben.pipeline.further_jobs import plan_next_passes
from gee_s1ben.pipeline.incidence import fetch_angles
from gee_s1ben.pipeline.plan import load_plan
from gee_s1ben.pipeline.polling import cancel_unwanted
from gee_s1ben.pipeline.progress import Progress, progress
from gee_s1ben.pipeline.rasters import Raster, rasters
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.connection import Connection

_GIVEN_UP = frozenset({JobState.ABSENT, JobState.CANCELLED})
"""What a direct fetch does not ask for; what failed is asked for again, since that costs no export."""
_STATES = {
    "kept": JobState.LANDED,
    "landed": JobState.LANDED,
    "absent": JobState.ABSENT,
    "failed": JobState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch did."""

    requested: int
    """Windows that came."""
    kept: int
    """Windows that were there from before."""
    bytes: int
    """Of what was requested, as it came."""
    absent: int = 0
    """Rasters of which there is no such data; the ledger says why."""
    failed: int = 0
    """Rasters that were given up, cancelled ones included; the ledger says why, and ``retry`` asks for them again.

    So does another fetch, where the transport is direct."""


def fetch(config: Config, workspace: Workspace, connection: Connection, *, quiet: bool = False) -> Fetched:
    """Bring every window of the plan into the workspace; the caller holds it.

    Raises
    ------
    AccessError
        Only the user can fix it.
    ServiceError
        The service does not answer, or takes nothing more for now; what was done is kept, and another fetch goes on.
    StorageError
        The workspace cannot be written.
    """
    plan = load_plan(config, workspace)
    with (
        exporting(config, workspace, connection) as context,
        progress("fetch", plan.requests, quiet=quiet) as bar,
    ):
        fetched = _fetch_direct(context, bar) if context.destination is None else _fetch_exported(context, bar)
    fetch_angles(config, workspace, connection, plan, quiet=quiet)
    return fetched


def _fetch_exported(context: Exporting, bar: Progress) -> Fetched:
    windows = 0

    def arrived(_record: JobRecord, one: Arrived) -> None:
        nonlocal windows
        windows += one.windows
        bar.total = max(bar.total or 0, windows)  # those of next passes come in addition
        bar.update(one.windows)

    done = export_all(context, arrived)
    return Fetched(done.landed, done.kept, done.bytes, done.absent, done.failed + done.cancelled)


def _fetch_direct(context: Exporting, bar: Progress) -> Fetched:
    ledger = context.ledger
    cancel_unwanted(context)  # exports that another configuration left running
    settled: set[str] = set()
    requested = kept = size = 0
    keys: Sequence[str] | None = None  # all targets first, then those that got next passes
    while keys is None or keys:
        brought = _fetch_round(context, keys, settled, bar)
        requested, kept, size = requested + brought.requested, kept + brought.kept, size + brought.bytes
        keys = plan_next_passes(context)
    counts = ledger.counts()
    given_up = counts[JobState.FAILED] + counts[JobState.CANCELLED]
    return Fetched(requested, kept, size, counts[JobState.ABSENT], given_up)


def _fetch_round(context: Exporting, keys: Sequence[str] | None, settled: set[str], bar: Progress) -> Brought:
    """Fetch what is owed of some targets, or of all, but for the jobs that this fetch has settled before."""
    ledger = context.ledger
    states = ledger.states()

    def owed() -> Iterator[Raster]:
        for raster in rasters(context.config, context.workspace, keys):
            job = raster.job.id
            if job in settled or job not in states:
                continue
            settled.add(job)
            bar.total = max(bar.total or 0, len(settled))
            if states[job] in _GIVEN_UP:
                bar.update()
            else:
                yield raster

    def done(outcome: Outcome) -> None:
        job, state = outcome.raster.job.id, _STATES[outcome.state]
        if not (state is JobState.LANDED and states[job] in (JobState.LANDED, JobState.DONE)):
            ledger.move(job, state, outcome.reason)
        bar.update()

    in_flight = context.config.export.in_flight
    return fetch_direct(owed(), context.workspace, context.connection, in_flight=in_flight, done=done)
