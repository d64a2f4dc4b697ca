"""What the ledger has learnt of costs, what is still owed, and how much of it the budget lets out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from gee_s1ben.config import Config
from gee_s1ben.config.model import ITEM_BYTES
from gee_s1ben.ledger import OUT, Finished, JobRecord, JobState, Ledger, Standing
from gee_s1ben.pipeline.estimate import (
    ASSUMED_BATCH,
    ASSUMED_DIRECT,
    BATCH_SLOTS,
    Budget,
    Estimate,
    Measured,
    Rates,
    affordable,
    estimate,
    fitted,
    most_at_a_time,
)

_REQUESTS_EACH = {"direct": 1, "drive": 3, "gcs": 3}
"""To compute it; or to start it, to look for its file and to bring that down."""


def rates(config: Config, ledger: Ledger | None) -> Rates:
    """Return what a pixel costs: learnt from the operations that have succeeded, assumed where there are none."""
    assumed = ASSUMED_DIRECT if config.export.transport == "direct" else ASSUMED_BATCH
    return fitted(_measured(ledger.finished()), assumed) if ledger else assumed


def budget(config: Config, ledger: Ledger) -> Budget:
    """Return what may be spent, what is spent, and, where there is a budget, what is out."""
    limit, spent = config.export.budget_eecu_hours, ledger.eecu_seconds()
    if limit is None:
        return Budget(None, spent)
    pixels = {record.job.id: record.job.pixels // record.division**2 for record in ledger.jobs(wanted=False)}
    return Budget(limit, spent, sum(pixels[operation.job] for operation in ledger.operations(*OUT)))


def affordable_jobs(config: Config, ledger: Ledger, jobs: Sequence[JobRecord]) -> int:
    """Return how many of these jobs, from the first on, may be submitted now so that the budget is not passed."""
    if config.export.budget_eecu_hours is None:
        return len(jobs)
    return affordable((record.job.pixels for record in jobs), rates(config, ledger), budget(config, ledger))


def why_held(config: Config, ledger: Ledger) -> str:
    """Return, for people, why the budget lets nothing more out."""
    now, known = budget(config, ledger), rates(config, ledger)
    limit, left = now.eecu_hours or 0.0, now.left_eecu_hours or 0.0
    if known.eecu_measured:
        return (
            f"the rest might pass export.budget_eecu_hours: {left:.2g} of {limit:g} are left; raise it, or wait "
            f"for the next month"
        )
    if now.out_px:
        return f"one at a time, until one has told its cost (export.budget_eecu_hours {limit:g}, nothing measured yet)"
    return (
        f"one operation alone is assumed to cost more than the {left:.2g} EECU-hours that are left of "
        f"export.budget_eecu_hours {limit:g}: raise it, or lower export.raster_px"
    )


def is_over_budget(config: Config, ledger: Ledger) -> bool:
    """Whether something is left that the budget does not pay for, and nothing is out that could be waited for."""
    if config.export.budget_eecu_hours is None or ledger.jobs(JobState.SUBMITTED, JobState.EXPORTED, limit=1):
        return False
    planned = ledger.jobs(JobState.PLANNED, limit=1)
    return bool(planned) and affordable_jobs(config, ledger, planned) == 0


def remaining(config: Config, ledger: Ledger) -> Estimate:
    """Estimate what is still owed, of which some may run already."""
    running = {operation.job: operation.progress for operation in ledger.operations(Standing.RUNNING)}
    jobs = ledger.jobs(JobState.SUBMITTED, JobState.PLANNED)
    # Those that run first, then those that wait in the queue.
    jobs.sort(key=lambda record: (record.job.id not in running, record.state is JobState.PLANNED))
    shares = [running[record.job.id] for record in jobs if record.job.id in running]
    return expected(config, ledger, [record.job.pixels for record in jobs], shares)


def expected(config: Config, ledger: Ledger | None, sizes: Sequence[int], running: Sequence[float] = ()) -> Estimate:
    """Estimate jobs of so many pixels each, of which the first run already and are done to a share."""
    return estimate(
        sizes,
        rates(config, ledger),
        slots=slots(config, ledger),
        bytes_per_px=len(config.radar.polarisations) * ITEM_BYTES,
        requests_each=_REQUESTS_EACH[config.export.transport],
        running=running,
    )


def slots(config: Config, ledger: Ledger | None) -> int:
    """Return how many jobs run at a time: as many as were seen to, and two batch operations at least."""
    if config.export.transport == "direct":
        return config.export.in_flight
    return max(BATCH_SLOTS, most_at_a_time(_times(ledger.finished())) if ledger else 0)


def _measured(finished: Iterable[Finished]) -> Iterable[Measured]:
    for one in finished:
        start, end = _seconds(one.started), _seconds(one.ended)
        if start is not None and end is not None:
            # A cost of exactly nothing is one that the service did not tell.
            yield Measured(one.pixels, end - start, one.eecu_seconds or None)


def _times(finished: Iterable[Finished]) -> Iterable[tuple[float, float]]:
    for one in finished:
        start, end = _seconds(one.started), _seconds(one.ended)
        if start is not None and end is not None and end > start:
            yield start, end


def _seconds(moment: str) -> float | None:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return None
