"""Polling: what became of what is out, cancelling and retrying, and a ledger that was lost."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from export_desk import JOBS, SECONDS, Desk, NewDesk

from gee_s1ben.errors import EngineError, ServiceError, WorkspaceError
from gee_s1ben.ledger import Cause, JobState, Ledger, Standing
from gee_s1ben.pipeline import exporting as stage
from gee_s1ben.pipeline import polling
from gee_s1ben.pipeline.exporting import cancel, export_all, retry, settle
from gee_s1ben.pipeline.polling import poll
from gee_s1ben.pipeline.submission import submit
from gee_s1ben.pipeline.workspace import IDENTITY

PASS = "S1A_017011"
HOUR, DAY = 3600.0, 86_400.0


def ledger(desk: Desk) -> Ledger:
    return Ledger.read(desk.workspace.ledger_path)


def done_at_the_service(desk: Desk) -> None:
    desk.poll(apart=10 * SECONDS)
    assert {one["metadata"]["state"] for one in desk.operations()} == {"SUCCEEDED"}


def test_all_of_it(desk: Desk) -> None:
    with desk.open() as context:
        seen: list[str] = []
        done = export_all(context, lambda record, arrived: seen.append(f"{record.job.pass_key} {arrived.windows}"))
        assert context.ledger.counts()[JobState.LANDED] == JOBS
        assert (done.landed, done.kept, done.failed, done.absent) == (JOBS, 0, 0, 0)
        assert done.bytes > 0
        assert len(context.ledger.files()) == JOBS
        assert context.ledger.eecu_seconds() > 0
        finished = context.ledger.finished()
        assert all(one.started < one.ended for one in finished)
        again = export_all(context)
        assert (again.landed, again.kept) == (0, JOBS)
    assert len(seen) == JOBS
    assert desk.windows() == desk.planned.windows
    assert not (desk.workspace.path / "incoming").exists() or not any((desk.workspace.path / "incoming").iterdir())
    assert len(desk.operations()) == JOBS


def test_one_poll_is_one_list_and_few_commits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.poll(apart=0)
    asked: list[str] = []
    for name in ("list_operations", "get_operation", "cancel_operation"):
        inner = getattr(polling, name)
        monkeypatch.setattr(
            polling, name, lambda *arguments, name=name, inner=inner: asked.append(name) or inner(*arguments)
        )
    statements: list[str] = []
    with desk.open() as context:
        context.ledger._connection.set_trace_callback(statements.append)
        poll(context)
        context.ledger._connection.set_trace_callback(None)
    assert asked == ["list_operations"]
    assert sum(one.startswith("COMMIT") for one in statements) <= 3


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_clock_that_is_wrong_decides_nothing(desk: Desk, jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is late, and this machine's clock is set by a day meanwhile: it is waited for all the same."""
    done_at_the_service(desk)
    late = True
    from gee_s1ben.session.destinations.cloud_storage import CloudStorage

    find = CloudStorage.find
    monkeypatch.setattr(CloudStorage, "find", lambda *arguments: [] if late else find(*arguments))
    desk.poll()
    service = desk.world.now
    monkeypatch.setattr(desk.world, "clock", lambda: desk.world.now + jump)
    desk.poll(3, apart=30)
    assert desk.states() == ["exported"] * JOBS
    late = False
    assert desk.world.now - service < HOUR
    desk.poll()
    assert desk.states() == ["landed"] * JOBS
    assert desk.windows() == desk.planned.windows


def test_files_that_never_come(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from gee_s1ben.session.destinations.cloud_storage import CloudStorage

    done_at_the_service(desk)
    monkeypatch.setattr(CloudStorage, "find", lambda *_arguments: [])
    desk.poll(60, apart=59)
    assert desk.states() == ["exported"] * JOBS  # just under an hour since they were first missed
    desk.poll(5, apart=60)
    assert desk.states() == ["failed"] * JOBS
    assert all("showed no file" in record.reason for record in desk.jobs())
    monkeypatch.undo()
    desk.poll(5)
    assert desk.states() == ["failed"] * JOBS
    assert desk.windows() == {}
    with desk.open() as context:
        assert retry(context.ledger, context.ledger.jobs()) == JOBS
    desk.finish()
    assert desk.windows() == desk.planned.windows
    with ledger(desk) as read:
        causes = [[attempt.cause for attempt in read.attempts(record.job.id)] for record in desk.jobs()]
    assert causes == [[Cause.FIRST, Cause.RETRY]] * JOBS


def test_cancelling(desk: Desk) -> None:
    with desk.open() as context:
        submit(context, most=JOBS - 1)
        records = context.ledger.jobs()
        assert cancel(context, records) == JOBS
        assert cancel(context, records[-1:]) == 1
    assert desk.states() == ["cancelled", "submitted", "submitted"]
    desk.poll()
    assert desk.states() == ["cancelled"] * JOBS
    assert {one["metadata"]["state"] for one in desk.operations()} <= {"CANCELLED", "CANCELLING"}
    assert desk.poll(3).left == 0
    with ledger(desk) as read:
        assert set(read.reasons().values()) == {"cancelled"}
    with desk.open() as context:
        retry(context.ledger, context.ledger.jobs())
    desk.finish()
    assert desk.windows() == desk.planned.windows
    assert len(desk.operations()) == 2 * JOBS - 1


def test_cancelling_that_comes_too_late(desk: Desk) -> None:
    done_at_the_service(desk)
    with desk.open() as context:
        cancel(context, context.ledger.jobs())
    desk.poll()
    assert desk.states() == ["landed"] * JOBS
    assert desk.windows() == desk.planned.windows


def test_cancelling_what_was_perhaps_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was, and its answer was lost: the list tells, and it is cancelled there."""
    from gee_s1ben.errors import Reaction
    from gee_s1ben.pipeline import submission
    from gee_s1ben.session.exports import start_export

    def start(*arguments: Any) -> Any:
        start_export(*arguments)
        raise ServiceError("cut off", 503, Reaction.RETRY)

    monkeypatch.setattr(submission, "start_export", start)
    with desk.open() as context:
        assert submit(context).held == "cut off"
        cancel(context, context.ledger.jobs())
    monkeypatch.undo()
    desk.poll(4, apart=1)
    assert desk.states() == ["cancelled"] * JOBS
    (operation,) = desk.operations()
    assert operation["metadata"]["state"] in ("CANCELLED", "CANCELLING")


def test_pieces_whose_siblings_failed_are_cancelled(new_desk: NewDesk) -> None:
    def trouble(request: Any, _attempt: int) -> None:
        if PASS in request.description and request.grid.height > 180:
            raise EngineError("User memory limit exceeded.")
        if request.grid.height <= 180 and "-2-0" in request.description:
            raise EngineError("Image asset 'x' not found (does not exist or caller does not have access).")

    def seconds(request: Any) -> float:
        return SECONDS if "-2-0" in request.description or request.grid.height > 180 else DAY

    desk = new_desk(trouble=trouble, duration=seconds)
    desk.finish()
    assert desk.states() == ["failed", "landed", "landed"]
    desk.poll(2)
    with ledger(desk) as read:
        (failed,) = read.jobs(JobState.FAILED)
        standings = [one.standing for one in read.operations(job=failed.job.id, attempt=2)]
    assert standings == [Standing.FAILED, *[Standing.CANCELLED] * 3]
    assert "not found" in failed.reason


@pytest.mark.parametrize("how", ["lost", "broken"])
@pytest.mark.parametrize("when", ["sent", "ended", "landed"])
def test_a_ledger_that_is_lost_is_rebuilt(desk: Desk, how: str, when: str, caplog: pytest.LogCaptureFixture) -> None:
    desk.poll(apart=1)
    if when == "ended":
        desk.world.now += DAY
    elif when == "landed":
        desk.finish()
    path = desk.workspace.ledger_path
    if how == "lost":
        for end in ("", "-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
    else:
        path.write_bytes(b"this is no database" * 500)
    with caplog.at_level(logging.WARNING, logger="gee_s1ben"):
        desk.finish()
    assert desk.states() == ["landed"] * JOBS
    assert desk.windows() == desk.planned.windows
    assert len(desk.operations()) == JOBS
    if how == "broken":
        assert path.with_name(f"{path.name}.broken-1").read_bytes().startswith(b"this is no")
        told = [record.getMessage() for record in caplog.records if "moved aside" in record.getMessage()]
        assert len(told) == 1
    with ledger(desk) as read:
        assert {one.standing for one in read.operations()} == {Standing.SUCCEEDED}


def test_a_ledger_that_is_lost_with_attempts_in_pieces(new_desk: NewDesk) -> None:
    def trouble(request: Any, _attempt: int) -> None:
        if request.grid.height > 180:
            raise EngineError("User memory limit exceeded.")

    desk = new_desk(trouble=trouble)
    desk.poll(3)
    with ledger(desk) as read:
        before = sorted(one.request_id for one in read.operations())
    assert len(before) == JOBS * 5
    desk.workspace.ledger_path.unlink()
    desk.finish()
    assert desk.windows() == desk.planned.windows
    with ledger(desk) as read:
        assert sorted(one.request_id for one in read.operations()) == before
    assert len(desk.operations()) == JOBS * 5


def test_the_identity_outlives_one_of_its_two_places(desk: Desk) -> None:
    desk.poll()
    path = desk.workspace.path / IDENTITY
    identity = path.read_text()
    path.unlink()
    desk.poll()
    assert path.read_text() == identity
    path.write_text("6f1c2d3e-4b5a-4678-9abc-def012345678\n")
    with pytest.raises(WorkspaceError, match="put that back"):
        desk.poll()
    path.write_text("what")
    with pytest.raises(WorkspaceError, match="broken"):
        desk.poll()


def test_windows_that_are_lost_are_asked_for_again(desk: Desk) -> None:
    desk.finish()
    first, second = sorted((desk.workspace.path / "windows").rglob("*.tif"))[:2]
    first.unlink()
    second.write_bytes(second.read_bytes()[:-50_000])
    with desk.open() as context:
        assert settle(context) == JOBS - 2
    assert desk.states() == ["landed", "planned", "planned"]
    desk.finish()
    assert desk.windows() == desk.planned.windows
    assert len(desk.operations()) == JOBS + 2


def test_another_destination(new_desk: NewDesk) -> None:
    """What was sent to the one is asked for anew at the other, and cancelled at the first."""
    desk = new_desk(seconds=DAY)
    desk.poll()
    desk.transport = "drive"
    desk.poll(2)
    states = [one["metadata"]["state"] for one in desk.operations()]
    assert sorted(states) == ["CANCELLED"] * JOBS + ["RUNNING"] * JOBS
    desk.world.now += 2 * DAY
    desk.finish()
    assert desk.windows() == desk.planned.windows


def test_direct_after_exports(new_desk: NewDesk) -> None:
    from gee_s1ben.pipeline.fetch import fetch
    from gee_s1ben.session.connection import connected

    desk = new_desk(seconds=DAY)
    desk.poll()
    desk.transport = "direct"
    with desk.workspace.held(), connected(desk.url, "embedded") as connection:
        fetched = fetch(desk.config(), desk.workspace, connection, quiet=True)
    assert (fetched.requested, fetched.kept, fetched.failed) == (JOBS, 0, 0)
    assert desk.states() == ["landed"] * JOBS
    assert {one["metadata"]["state"] for one in desk.operations()} <= {"CANCELLED", "CANCELLING"}
    assert desk.windows() == desk.planned.windows


def test_waiting_without_hope_ends(desk: Desk) -> None:
    with desk.open(budget_eecu_hours=1e-9) as context, pytest.raises(ServiceError, match="budget_eecu_hours"):
        export_all(context)


def test_a_service_that_is_away_for_a_while(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    listing = polling.list_operations

    def away(connection: Any) -> Any:
        nonlocal calls
        calls += 1
        if 1 < calls < 1 + stage.MOST_PROBLEMS:
            raise ServiceError("unavailable", 503)
        return listing(connection)

    monkeypatch.setattr(polling, "list_operations", away)
    with desk.open() as context:
        export_all(context)
    assert desk.states() == ["landed"] * JOBS
    assert desk.windows() == desk.planned.windows


def test_done_when_verified(new_desk: NewDesk) -> None:
    from gee_s1ben.pipeline.assemble import assemble
    from gee_s1ben.pipeline.exporting import remove_remote
    from gee_s1ben.pipeline.finishing import finish
    from gee_s1ben.pipeline.verify import verify

    desk = new_desk()
    desk.finish()
    config = desk.config()
    assemble(config, desk.workspace, quiet=True)
    with desk.open() as context:
        assert remove_remote(context) == 0  # nothing is verified yet
    patch = next(path for path in sorted((desk.folder / "dataset").rglob("*_VV.tif")) if PASS[:3] in path.name)
    content = patch.read_bytes()
    patch.write_bytes(content[:-9])
    assert finish(config, desk.workspace, verify(config, desk.workspace, quiet=True)) == JOBS - 1
    assert desk.states() == ["done", "done", "landed"]
    patch.write_bytes(content)
    assert finish(config, desk.workspace, verify(config, desk.workspace, quiet=True)) == JOBS
    with desk.open() as context:
        assert remove_remote(context) == JOBS
        assert remove_remote(context) == 0
        assert all(file.removed for file in context.ledger.files())
        assert export_all(context).kept == JOBS
    assert desk.states() == ["done"] * JOBS
    assert len(desk.operations()) == JOBS


def test_several_operations_under_one_token_are_told_and_one_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    import dataclasses
    import tempfile
    from pathlib import Path

    from ledger_jobs import IDENTITY, job, owed, pieces

    from gee_s1ben.pipeline.matching import match, ours
    from gee_s1ben.session.exports import Operation, OperationState

    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder) / "ledger.sqlite") as opened:
        opened.add([owed(1)], "plan")
        chosen = pieces(job(1).id, 1, 1)
        opened.begin_attempt(job(1).id, Cause.FIRST, pieces=chosen)
        records = opened.operations()
    first = Operation("projects/p/operations/A", OperationState.RUNNING, "RUNNING", chosen[0].description, created=1.0)
    second = dataclasses.replace(first, name="projects/p/operations/B", state=OperationState.SUCCEEDED, created=2.0)
    other = dataclasses.replace(first, description=first.description.replace(IDENTITY.hex[:8], "00000000"))
    listed: Mapping[Any, Any] = ours([first, second, other], IDENTITY)
    assert [len(found) for found in listed.values()] == [2]
    (seen,), missing = match(records, listed)
    assert (seen.name, missing) == ("projects/p/operations/B", [])
    assert "2 operations with the token" in caplog.text
    (seen,), _ = match([dataclasses.replace(records[0], name="projects/p/operations/A")], listed)
    assert seen.name == "projects/p/operations/A"
