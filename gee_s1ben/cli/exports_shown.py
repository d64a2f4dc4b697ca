"""How exports, forecasts and checks read: for people in lines, for machines in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from gee_s1ben.cli.outcome import DONE, FINDINGS, Outcome
from gee_s1ben.domain.plural import plural
from gee_s1ben.ledger import JobRecord, JobState, OperationRecord, Standing
from gee_s1ben.pipeline.doctor import Check, Level
from gee_s1ben.pipeline.estimate import Estimate
from gee_s1ben.pipeline.forecast import Forecast
from gee_s1ben.pipeline.plan import Plan
from gee_s1ben.pipeline.status import JobHistory, Status

MOST_LINES = 8
"""Longer lists are cut for people; machines get all."""

_ENDED = (JobState.LANDED, JobState.DONE, JobState.ABSENT)
_MARKS = {Level.OK: "ok  ", Level.NOTE: "note", Level.TODO: "TO DO"}


def status_outcome(status: Status, jobs: Sequence[JobRecord], now: float) -> Outcome:
    """Show how all exports stand."""
    return Outcome(status_data(status, jobs), status_lines(status, now), FINDINGS if status.bad else DONE)


def status_data(status: Status, jobs: Iterable[JobRecord] = ()) -> dict[str, Any]:
    """Return how exports stand, for machines."""
    budget = status.budget
    return {
        "jobs": {str(state): count for state, count in status.jobs.items()},
        "operations": {str(standing): count for standing, count in status.operations.items()},
        "open": status.open,
        "billed": status.billed,
        "targets_to_check": status.unchecked,
        "eecu_hours": round(budget.spent_eecu_seconds / 3600, 9),
        "budget_eecu_hours": budget.eecu_hours,
        "owed": estimate_data(status.owed),
        "reasons": dict(status.reasons),
        "troubled": [_job_data(record) for record in status.troubled],
        **status.notes,
        **({"list": [_job_data(record) for record in jobs]} if jobs else {}),
    }


def status_lines(status: Status, now: float) -> list[str]:
    """Return how exports stand, for people."""
    ended = sum(status.jobs[state] for state in _ENDED)
    counts = ", ".join(f"{count} {state}" for state, count in status.jobs.items() if count)
    share = f" ({100 * ended // status.total} % have come)" if status.total else ""
    lines = [f"jobs        {status.total}: {counts or 'none'}{share}"]
    operations = ", ".join(f"{count} {standing}" for standing, count in status.operations.items() if count)
    if operations:
        lines.append(f"operations  {operations}")
    lines += _cost_lines(status)
    if status.open:
        lines.append(f"expected    {expected_text(status.owed, now)}")
    if polled := status.notes.get("polled"):
        lines.append(f"last poll   {ago(polled, now)}")
    if paused := status.notes.get("paused"):
        lines.append(f"paused      {paused}")
    lines += [f"why         {count}: {reason}" for reason, count in list(status.reasons.items())[:MOST_LINES]]
    if status.troubled:
        lines.append(f"retry       {_retry_text(status)}, 'gee-s1ben status JOB' tells more:")
        shown = sorted(status.troubled, key=lambda record: record.state is not JobState.FAILED)
        lines += cut([f"  {record.job.id}  {record.label}, {record.state}" for record in shown])
    if status.unchecked and not status.open:
        count = f"{status.unchecked} target{'s' * (status.unchecked != 1)}"
        lines.append(
            f"next        'gee-s1ben poll' or 'run' looks at the pixels of {count}, which may need a next pass"
        )
    if status.settled and status.jobs[JobState.LANDED]:
        lines.append("next        'gee-s1ben run' makes the dataset of what has come")
    return lines


def _retry_text(status: Status) -> str:
    """Say which 'retry' takes up what failed or was cancelled."""
    failed, cancelled = status.jobs[JobState.FAILED], status.jobs[JobState.CANCELLED]
    if not cancelled:
        return "'gee-s1ben retry' tries failed ones again"
    all_again = "'gee-s1ben retry --all' takes up cancelled ones again"
    return f"'gee-s1ben retry' tries failed ones again, {all_again}" if failed else all_again


def history_outcome(histories: Sequence[JobHistory]) -> Outcome:
    """Show what happened to some jobs."""
    lines = [line for history in histories[:MOST_LINES] for line in [*_history_lines(history), ""]]
    if len(histories) > MOST_LINES:
        lines.append(f"… and {len(histories) - MOST_LINES} more jobs (--json lists all)")
    return Outcome({"jobs": [_history_data(history) for history in histories]}, lines)


def plan_data(plan: Plan) -> dict[str, Any]:
    """Return a plan in numbers, for machines."""
    return {
        "targets": list(plan.targets),
        "patches": plan.patches,
        "absent": plan.absent,
        "jobs": plan.jobs,
        "requests": plan.requests,
        "pixels": plan.pixels,
        "bytes": plan.bytes,
        "digest": plan.digest,
        "simulated": plan.simulated,
    }


def plan_line(plan: Plan) -> str:
    """Return a plan in numbers, for people."""
    return (
        f"{plural(plan.patches, 'patch')} in {plural(plan.requests, 'window')} of {plural(plan.jobs, 'pass')}: "
        f"{plan.pixels / 1e6:.1f} Mpx, {plan.bytes / 1e6:.1f} MB"
    )


def forecast_data(found: Forecast) -> dict[str, Any]:
    """Return what is owed and what it will cost, for machines."""
    return {
        "transport": found.transport,
        "rasters": found.jobs,
        "owed": estimate_data(found.owed),
        "billed": found.billed,
        "budget_eecu_hours": found.budget.eecu_hours,
        "spent_eecu_hours": round(found.budget.spent_eecu_seconds / 3600, 9),
        "within_budget": found.within_budget,
        "quota_months": found.months,
        "dataset": asdict(found.dataset),
    }


def forecast_lines(found: Forecast, now: float) -> list[str]:
    """Return what is owed and what it will cost, for people."""
    owed, budget, dataset, billed = found.owed, found.budget, found.dataset, found.billed
    what = "requests" if found.transport == "direct" else "operations"
    takes = f"about {hours(dataset.seconds / 3600)} to write and verify"
    disk = f"disk        {plural(dataset.files, 'file', grouped=True)}, {size(dataset.bytes)}; {takes}"
    if not owed.jobs:
        return [f"to do       nothing: all {found.jobs} {what} have come", disk]
    pixels = f"{owed.pixels / 1e6:,.1f} Mpx, {size(owed.bytes)}, {owed.requests:,} HTTP requests"
    lines = [
        f"to do       {owed.jobs} of {found.jobs} {what} ({found.transport}), {pixels}",
        f"time        {expected_text(owed, now)}",
        *([f"cost        {cost(owed.eecu_hours)} EECU-hours ({_basis(owed.eecu_measured)}); {_quota(found)}"] * billed),
        disk,
    ]
    left = budget.left_eecu_hours
    if left is None or budget.eecu_hours is None:
        return lines
    if found.transport == "direct":
        return [*lines, "budget      not heeded: Earth Engine does not tell what direct requests cost"]
    unit = _unit(billed=billed)
    verdict = "enough" if found.within_budget else "NOT ENOUGH: submission will stop before it is passed"
    return [*lines, f"budget      {cost(left)} of {budget.eecu_hours:,g} {unit} left: {verdict}"]


def doctor_outcome(checks: Sequence[Check]) -> Outcome:
    """Show what all checks come to; people have seen each of them already."""
    to_do = sum(check.level is Level.TODO for check in checks)
    ending = f"{plural(to_do, 'thing')} to do" if to_do else "all is well"
    data = {"well": not to_do, "checks": [{**asdict(check), "level": str(check.level)} for check in checks]}
    return Outcome(data, [ending], FINDINGS if to_do else DONE)


def check_lines(check: Check) -> list[str]:
    """Return one check, and what to do about it."""
    first = f"{_MARKS[check.level]:<6}{check.name:<14}{check.found}"
    return [first, *([f"{'':<20}→ {check.advice}"] if check.advice else [])]


def estimate_data(owed: Estimate) -> dict[str, Any]:
    """Return an estimate, for machines."""
    return {name: round(value, 9) if isinstance(value, float) else value for name, value in asdict(owed).items()}


def expected_text(owed: Estimate, now: float) -> str:
    """Return how long and until when."""
    end = datetime.fromtimestamp(now + owed.hours * 3600, UTC).astimezone()
    return (
        f"{hours(owed.hours)} ({hours(owed.least_hours)} to {hours(owed.most_hours)}), until about "
        f"{end:%a %d %b %H:%M %Z}, with {owed.slots} at a time ({_basis(owed.measured)})"
    )


def hours(value: float) -> str:
    """Return a span of time in the unit that suits it."""
    if value < 1 / 60:
        return f"{value * 3600:.0f} s"
    if value < 1:
        return f"{value * 60:.0f} min"
    return f"{value:.1f} h" if value < 48 else f"{value / 24:.1f} days"


def cost(eecu_hours: float) -> str:
    """Return EECU-hours with as many digits as tell something."""
    if 0 < eecu_hours < 1e-4:
        return "less than 0.0001"
    return f"{eecu_hours:,.1f}" if eecu_hours >= 10 else f"{eecu_hours:.2g}"


def size(count: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def ago(moment: str, now: float) -> str:
    """Return a moment in epoch seconds or ISO 8601, and how long ago that was."""
    try:
        at = float(moment)
    except ValueError:
        try:
            at = datetime.fromisoformat(moment).timestamp()
        except ValueError:
            return moment
    return f"{when(at)}, {hours(max(0.0, now - at) / 3600)} ago"


def when(at: float) -> str:
    """Return a moment by the clock on the wall."""
    return f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def cut(lines: list[str]) -> list[str]:
    """Cut a long list."""
    rest = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"  … and {rest} more (--json lists all)"] if rest > 0 else lines


def _cost_lines(status: Status) -> list[str]:
    spent, budget, owed = status.budget.spent_eecu_seconds / 3600, status.budget.eecu_hours, status.owed
    if (not spent and not owed.jobs and budget is None) or (not status.billed and budget is None):
        return []
    to_come = f", {cost(owed.eecu_hours)} to come ({_basis(owed.eecu_measured)})" if owed.jobs else ""
    against = f"; budget {budget:,g}" if budget is not None else ""
    return [f"cost        {cost(spent)} {_unit(billed=status.billed)} so far{to_come}{against}"]


def _unit(*, billed: bool) -> str:
    """EECU-hours are Earth Engine's; those of the embedded service are a model, for trying a budget."""
    return "EECU-hours" if billed else "modelled EECU-hours (nothing is billed)"


def _basis(measured: int) -> str:
    return f"from {plural(measured, 'finished operation')}" if measured else "assumed, nothing measured yet"


def _quota(found: Forecast) -> str:
    tier, count = next(
        ((tier, count) for tier, count in found.months.items() if count == 1), list(found.months.items())[-1]
    )
    smallest, months = next(iter(found.months.items()))
    if tier == smallest:
        return f"within a month of the {tier} tier"
    return f"{plural(months, 'month')} of the {smallest} tier, {count} of {tier}"


def _job_data(record: JobRecord) -> dict[str, Any]:
    return {
        "id": record.job.id,
        "target": record.job.target,
        "pass": record.job.pass_key,
        "raster": record.job.name,
        "pixels": record.job.pixels,
        "transport": record.transport,
        "state": str(record.state),
        "reason": record.reason,
        "attempt": record.attempt,
    }


def _history_data(history: JobHistory) -> dict[str, Any]:
    return {
        **_job_data(history.record),
        "attempts": [asdict(one) for one in history.attempts],
        "operations": [asdict(one) for one in history.operations],
        "files": [asdict(one) for one in history.files],
        "events": [asdict(one) for one in history.events],
    }


def _history_lines(history: JobHistory) -> list[str]:
    record = history.record
    grid, bands = record.job.grid, ", ".join(record.job.bands)
    lines = [
        f"job         {record.job.id}  {record.label}",
        f"state       {record.state}" + (f": {record.reason}" if record.reason else ""),
        f"raster      {grid.width} × {grid.height} pixels of {bands}, {record.transport}",
    ]
    lines += [_operation_line(one) for one in history.operations]
    lines += [f"file        {one.name}, {size(one.size)}, SHA-256 {one.sha256[:16]}…" for one in history.files]
    lines += [f"{when(one.at)}  {one.text}" for one in history.events]
    return lines


def _operation_line(one: OperationRecord) -> str:
    used = f", {one.eecu_seconds:,.3g} EECU-s" if one.eecu_seconds else ""
    progress = f" {one.progress:.0%}" if one.standing is Standing.RUNNING and one.progress else ""
    error = f": {one.error}" if one.error else ""
    name = f" {one.name.rpartition('/')[2]}" if one.name else ""
    return f"operation   attempt {one.attempt}, piece {one.piece}:{name} {one.standing}{progress}{used}{error}"
