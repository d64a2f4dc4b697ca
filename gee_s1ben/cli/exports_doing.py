"""What the commands about exports do: call the pipeline, and show what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from gee_s1ben.cli.exports_shown import (
    check_lines,
    doctor_outcome,
    forecast_data,
    forecast_lines,
    history_outcome,
    plan_data,
    plan_line,
    status_data,
    status_lines,
    status_outcome,
)
from gee_s1ben.cli.outcome import DONE, FINDINGS, NOT_YET, Outcome, show
from gee_s1ben.cli.watch_bar import watch_bar
from gee_s1ben.config import Config
from gee_s1ben.domain.plural import plural
from gee_s1ben.errors import InputError
from gee_s1ben.ledger import JobRecord, JobState, Ledger
from gee_s1ben.pipeline import doctor as examining
from gee_s1ben.pipeline import exporting as exports
from gee_s1ben.pipeline import watching
from gee_s1ben.pipeline.forecast import Forecast
from gee_s1ben.pipeline.pixel_check import why_empty
from gee_s1ben.pipeline.plan import Plan, load_plan
from gee_s1ben.pipeline.rehearsing import plan_and_forecast, rehearse
from gee_s1ben.pipeline.status import Status, histories, meant, read_ledger, standing
from gee_s1ben.pipeline.submission import Submitted
from gee_s1ben.pipeline.watching import Looked, Watched
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.connection import connect


def plan(config: Config, probes: int, *, quiet: bool = False) -> Outcome:
    """Plan what was matched, and say what it will cost."""
    with watch_bar(quiet=quiet or not probes) as told:
        return _forecast(*plan_and_forecast(config, probes, told, quiet=quiet))


def dry_run(config: Config) -> Outcome:
    """Do all that a run does up to the plan, and say what the rest will cost."""
    return _forecast(*rehearse(config))


def submit(config: Config, count: int | None) -> Outcome:
    """Fill the queue."""
    submitted, now = watching.submit_once(config, count)
    lines = [_submitted_line(submitted, now)]
    if submitted.held:
        lines.append(f"held        {submitted.held}")
    if config.backend == "embedded" and config.embedded.url is None and now.open:
        lines.append(
            "note        the embedded service works only while a command runs: 'gee-s1ben watch', or serve one and "
            "name it with embedded.url"
        )
    return Outcome({**_submitted_data(submitted), **status_data(now)}, lines)


def poll(config: Config) -> Outcome:
    """Advance everything once."""
    looked = watching.poll_once(config)
    empty = _empty_lines(config, looked.status)
    code = FINDINGS if looked.status.bad or empty else DONE
    return Outcome(_looked_data(looked), [*_looked_lines(looked), *empty], code)


def watch(config: Config, every: float | None, *, quiet: bool = False) -> Outcome:
    """Poll until nothing is left, and show it."""
    with watch_bar(quiet=quiet) as told:
        watched = watching.watch(config, told, every=every)
    return _watched(config, watched)


def wait(config: Config, every: float | None, at_most_hours: float | None) -> Outcome:
    """Poll until nothing is left, in silence."""
    seconds = None if at_most_hours is None else at_most_hours * 3600
    return _watched(config, watching.watch(config, lambda _looked: None, every=every, at_most=seconds))


def cancel(config: Config, jobs: Sequence[str], *, everything: bool) -> Outcome:
    """Cancel jobs."""
    if bool(jobs) == everything:
        raise InputError("name the jobs to cancel, or give --all for all that have not come yet")
    workspace = Workspace(config.workspace_path)
    with workspace.held():
        read_ledger(config).close()
        with connect(config) as connection, exports.exporting(config, workspace, connection) as context:
            chosen = context.ledger.jobs() if everything else _meant(context.ledger, jobs)
            count = exports.cancel(context, chosen)
            now = standing(config, context.ledger)
    left = "" if everything or count == len(chosen) else f"; {len(chosen) - count} had ended already"
    line = f"{plural(count, 'job')} cancelled{left}"
    if now.jobs[JobState.SUBMITTED]:
        line += "; the service is still at some of it: 'gee-s1ben poll' or 'watch' sees it end"
    return Outcome({"cancelled": count, **status_data(now)}, [line])


def retry(config: Config, jobs: Sequence[str], *, everything: bool) -> Outcome:
    """Let jobs be tried again."""
    if jobs and everything:
        raise InputError("name the jobs to try again, or give --all, but not both")
    workspace = Workspace(config.workspace_path)
    with workspace.held():
        read_ledger(config).close()
        with Ledger.open(workspace.ledger_path) as ledger:
            states = (JobState.FAILED, JobState.CANCELLED, JobState.ABSENT) if everything else (JobState.FAILED,)
            chosen = _meant(ledger, jobs) if jobs else ledger.jobs(*states)
            count = exports.retry(ledger, chosen)
            now = standing(config, ledger)
    line = f"{plural(count, 'job')} will be tried again" + (
        " by the next 'gee-s1ben submit', 'poll' or 'run'" if count else ""
    )
    if jobs and count < len(chosen):
        line += f"; {len(chosen) - count} had not failed"
    cancelled = now.jobs[JobState.CANCELLED]
    if not jobs and not everything and cancelled:
        line += f"; cancelled ones are left so: {cancelled} (--all takes them up again)"
    return Outcome({"retried": count, **status_data(now)}, [line])


def status(config: Config, job: str | None) -> Outcome:
    """Say how exports stand."""
    if job is not None:
        return history_outcome(histories(config, job))
    with read_ledger(config) as ledger:
        return status_outcome(standing(config, ledger), ledger.jobs(), time.time())


def doctor(config: Config, *, notify: bool = False, as_json: bool = False, quiet: bool = False) -> Outcome:
    """Check everything, one thing after the other."""
    checks = []
    for check in examining.examine(config, notify=notify):
        checks.append(check)
        if not as_json and not (quiet and check.level is examining.Level.OK):
            show(Outcome({}, check_lines(check)), as_json=False)  # each as soon as it is known
    return doctor_outcome(checks)


def _forecast(plan: Plan, found: Forecast) -> Outcome:
    return Outcome(
        {**plan_data(plan), "forecast": forecast_data(found)}, [plan_line(plan), *forecast_lines(found, time.time())]
    )


def _meant(ledger: Ledger, texts: Sequence[str]) -> list[JobRecord]:
    found = {record.job.id: record for text in texts for record in meant(ledger, text)}
    return list(found.values())


def _empty_lines(config: Config, now: Status) -> list[str]:
    """Say that nothing can be made of all that has come, where that is so."""
    workspace = Workspace(config.workspace_path)
    why = "" if now.open else why_empty(workspace, load_plan(config, workspace))
    return [f"nothing     not one patch can be made: {why}"] if why else []


def _watched(config: Config, watched: Watched) -> Outcome:
    looked = watched.looked
    now = looked.status
    lines = status_lines(now, time.time())
    if not watched.in_time:
        lines.append("not yet     the time is up; the exports go on")
    elif looked.over_budget and looked.polled is not None:
        lines.append(f"held        {looked.polled.submitted.held}")
    empty = _empty_lines(config, now)
    lines += empty
    code = NOT_YET if not watched.in_time else FINDINGS if now.bad or now.open or empty else DONE
    return Outcome({"in_time": watched.in_time, **status_data(now)}, lines, code)


def _looked_data(looked: Looked) -> dict[str, Any]:
    polled = looked.polled
    done: dict[str, Any] = {"asked": polled is not None}
    if polled is not None:
        done |= {
            "listed": polled.listed,
            "changed": polled.changed,
            "landed": polled.landed,
            "waiting_for_files": polled.waiting,
            "problem": looked.problem or None,
            **_submitted_data(polled.submitted),
        }
    return {**done, **status_data(looked.status)}


def _looked_lines(looked: Looked) -> list[str]:
    polled = looked.polled
    if polled is None:
        lines = ["nothing is left to ask for"]
    else:
        lines = [
            (
                f"{plural(polled.landed, 'job')} landed, {polled.waiting} waiting for files; "
                f"{_submitted_line(polled.submitted)}"
            )
        ]
        lines += [f"problem     {looked.problem}"] if looked.problem else []
        lines += [f"held        {polled.submitted.held}"] if looked.over_budget else []
    return [*lines, *status_lines(looked.status, time.time())]


def _submitted_data(submitted: Submitted) -> dict[str, Any]:
    return {
        "submitted": submitted.sent,
        "attached": submitted.attached,
        "there": submitted.there,
        "doubts": submitted.doubts,
        "held": submitted.held or None,
    }


def _submitted_line(submitted: Submitted, now: Status | None = None) -> str:
    text = f"{plural(submitted.sent, 'operation')} submitted"
    if submitted.attached:
        text += f", {submitted.attached} found that had been sent before"
    if submitted.there:
        text += f", {submitted.there} not needed: their windows are here"
    if submitted.doubts:
        text += f", {submitted.doubts} of which no answer came: the next poll finds them"
    if now is not None:
        queued = plural(now.jobs[JobState.SUBMITTED], "job")
        text += f"; {queued} in the queue, {now.jobs[JobState.PLANNED]} still to submit"
    return text
