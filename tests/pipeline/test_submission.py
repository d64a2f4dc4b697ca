"""Exactly once: whatever dies whenever, each attempt at a raster has one operation, and each raster comes."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from export_desk import JOBS, Desk, NewDesk
from ledger_jobs import IDENTITY, job

from gee_s1ben.domain.job import Token, request_id, token
from gee_s1ben.errors import Reaction, ServiceError
from gee_s1ben.ledger import JobState, Ledger, Standing
from gee_s1ben.pipeline import arriving, landing, submission
from gee_s1ben.pipeline.context import intended, piece_name
from gee_s1ben.pipeline.submission import submit
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session.exports import start_export


class Died(BaseException):
    """The process ends here."""


def tokens(desk: Desk) -> Counter[str]:
    found = (Token.find(operation["metadata"]["description"]) for operation in desk.operations())
    return Counter(map(str, found))


def test_submit_sends_everything_once(desk: Desk) -> None:
    with desk.open() as context:
        told = submit(context)
        assert (told.sent, told.jobs, told.held, told.doubts) == (JOBS, JOBS, "", 0)
        again = submit(context)
        assert (again.sent, again.attached, again.held) == (0, 0, "")
        operations = context.ledger.operations()
        identity = context.identity
    assert {one.standing for one in operations} <= {Standing.PENDING, Standing.RUNNING}
    assert {one.name for one in operations} == {one["name"] for one in desk.operations()}
    for one in operations:
        assert one.request_id == request_id(identity, one.job, 1, 0)
        assert one.token == str(token(identity, one.job, 1, 0))
        assert one.sends == 1
    assert tokens(desk) == Counter(one.token for one in operations)
    sent = desk.operations()[0]["metadata"]
    assert sent["priority"] == 100
    assert re.fullmatch(r"33UUP_20170613T101031-S1\w_\d{6}-c\d{6}_r\d{6}_\d+x\d+-s1ben-.*", sent["description"])


def test_the_queue_is_filled_to_its_depth(desk: Desk) -> None:
    with desk.open(queue_depth=2) as context:
        told = submit(context)
        assert (told.sent, context.ledger.counts()[JobState.PLANNED]) == (2, 1)
        assert "queue_depth" in told.held
        assert submit(context).sent == 0
    desk.finish(queue_depth=2)
    assert desk.windows() == desk.planned.windows
    assert len(desk.operations()) == JOBS


def test_no_more_than_asked_for(desk: Desk) -> None:
    with desk.open() as context:
        assert submit(context, most=1).jobs == 1
        assert context.ledger.counts()[JobState.PLANNED] == JOBS - 1


def test_the_services_own_limit_holds_the_rest(new_desk: NewDesk) -> None:
    desk = new_desk(pending=1, running=1)
    with desk.open() as context:
        told = submit(context)
        assert 0 < told.sent < JOBS
        assert "Too many tasks already in the queue" in told.held
        (waiting,) = context.ledger.operations(Standing.INTENDED)
    desk.finish()
    assert desk.windows() == desk.planned.windows
    assert len(desk.operations()) == JOBS
    with Ledger.read(desk.workspace.ledger_path) as ledger:
        (held,) = [one for one in ledger.operations() if one.request_id == waiting.request_id]
        assert held.sends > 1  # with the id that it had


def test_what_is_there_already_is_not_asked_for(desk: Desk) -> None:
    windows = desk.workspace.path / "windows"
    there = [name for name in desk.planned.windows if name.endswith(".tif")]
    for name in [*there[:2], *(f"{name[:-4]}.sha256" for name in there[:2])]:
        (windows / name).parent.mkdir(parents=True, exist_ok=True)
        (windows / name).write_bytes((desk.planned.folder / "dataset.work" / "windows" / name).read_bytes())
    broken = windows / there[1]
    broken.write_bytes(broken.read_bytes()[:-50_000])
    with desk.open() as context:
        told = submit(context)
        assert (told.there, told.sent) == (1, JOBS - 1)
    desk.finish()
    assert {name: desk.windows()[name] for name in there} == {name: desk.planned.windows[name] for name in there}


def test_the_budget_is_not_passed(desk: Desk) -> None:
    with desk.open(budget_eecu_hours=1e-9) as context:
        told = submit(context)
    assert told.sent == 0
    assert "budget_eecu_hours" in told.held
    assert desk.operations() == []


Patch = Callable[[Any, str, Callable[..., Any]], None]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_dying_around_the_request(desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    def start(*arguments: Any) -> Any:
        if moment == "after":
            start_export(*arguments)
        raise Died

    def begin() -> None:
        with desk.open() as context:
            submit(context)

    monkeypatch.setattr(submission, "start_export", start)
    with pytest.raises(Died):
        begin()
    assert len(desk.operations()) == (moment == "after")
    with Ledger.read(desk.workspace.ledger_path) as ledger:
        (written,) = ledger.operations()  # before anything was sent
        assert (written.standing, written.name) == (Standing.INTENDED, None)
    monkeypatch.undo()
    with desk.open() as context:
        told = submit(context)
        assert (told.attached, told.sent) == ((1, JOBS - 1) if moment == "after" else (0, JOBS))
    assert set(tokens(desk).values()) == {1}
    desk.finish()
    assert (desk.windows(), len(desk.operations())) == (desk.planned.windows, JOBS)


@pytest.mark.parametrize("refuses", [True, False])
@pytest.mark.parametrize("lost", ["before", "after"])
def test_an_answer_that_is_lost(new_desk: NewDesk, monkeypatch: pytest.MonkeyPatch, lost: str, refuses: bool) -> None:
    """It is looked for, and sent again with the same id only where it is not there."""
    desk = new_desk(refuse_replays=refuses)
    asked: list[str] = []

    def start(connection: Any, request: Any) -> Any:
        asked.append(request.request_id)
        if len(asked) > 2:
            return start_export(connection, request)
        if lost == "after":
            start_export(connection, request)
        raise ServiceError("the answer was lost", None, Reaction.ATTACH)

    monkeypatch.setattr(submission, "start_export", start)
    with desk.open() as context:
        told = submit(context)
        assert (told.attached, told.sent) == ((2, 1) if lost == "after" else (0, 3))
        assert told.doubts == 0
    assert len(asked) == (3 if lost == "after" else 5)
    assert len(set(asked)) == JOBS
    assert set(tokens(desk).values()) == {1}


def test_a_refused_replay_is_not_answered_by_another_id(new_desk: NewDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list lags: the operation exists and does not show."""
    desk = new_desk(refuse_replays=True)
    calls = 0

    def start(connection: Any, request: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            start_export(connection, request)
            raise ServiceError("the answer was lost", None, Reaction.ATTACH)
        return start_export(connection, request)

    monkeypatch.setattr(submission, "start_export", start)
    monkeypatch.setattr(submission, "list_operations", lambda _connection: [])
    with desk.open() as context:
        told = submit(context)
        assert (told.sent, told.doubts) == (JOBS - 1, 1)
        assert context.ledger.operation_counts()[Standing.INTENDED] == 0
    assert calls == JOBS + 1
    monkeypatch.undo()
    desk.finish()
    assert (desk.windows(), len(desk.operations())) == (desk.planned.windows, JOBS)


def test_a_raster_that_the_service_will_never_take(new_desk: NewDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = new_desk()

    def start(connection: Any, request: Any) -> Any:
        if "S1A_017011" in request.description:
            raise ServiceError("Export too large: specified 9 pixels (max: 1).", 400, Reaction.FAIL)
        return start_export(connection, request)

    monkeypatch.setattr(submission, "start_export", start)
    desk.finish()
    assert desk.states() == ["failed", "landed", "landed"]
    (failed,) = [record for record in desk.jobs() if record.state is JobState.FAILED]
    assert "Export too large" in failed.reason
    assert len(desk.operations()) == JOBS - 1


@pytest.mark.parametrize("transport", ["gcs", "drive"])
@pytest.mark.parametrize("seed", [1, 2])
def test_dying_anywhere(new_desk: NewDesk, monkeypatch: pytest.MonkeyPatch, transport: str, seed: int) -> None:
    """Every write to the ledger, every request and every file may be the last thing that a process does."""
    desk = new_desk(transport)
    dice = random.Random(seed)
    left = 0

    def may_die(inner: Callable[..., Any]) -> Callable[..., Any]:
        def outer(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise Died
            result = inner(*arguments, **named)
            left -= 1
            if left == 0:
                raise Died
            return result

        return outer

    monkeypatch.setattr(submission, "start_export", may_die(start_export))
    monkeypatch.setattr(Workspace, "keep_window", may_die(Workspace.keep_window))
    monkeypatch.setattr(arriving, "land", may_die(landing.land))
    for name in ("advance", "begin_attempt", "move", "again", "add", "add_files", "set_note", "sent", "unseen"):
        monkeypatch.setattr(Ledger, name, may_die(getattr(Ledger, name)))
    deaths = 0
    for round_ in range(200):
        left = dice.randint(1, 6 + round_ // 2)
        try:
            polled = desk.poll(apart=20)
        except Died:
            deaths += 1
            continue
        if not polled.left:
            break
    assert desk.states() == ["landed"] * JOBS
    assert deaths > 10
    assert desk.windows() == desk.planned.windows
    assert len(desk.operations()) == JOBS
    assert set(tokens(desk).values()) == {1}
    with Ledger.read(desk.workspace.ledger_path) as ledger:
        assert all(len(ledger.attempts(record.job.id)) == 1 for record in ledger.jobs())


def test_descriptions_are_what_earth_engine_takes() -> None:
    import dataclasses

    long = dataclasses.replace(job(1), target="a target's näme / " * 20, pass_key="S1A_017011")
    for one in (job(1), long):
        for division in (1, 2):
            for piece in range(division**2):
                made = intended(IDENTITY, one, 12, piece, division)
                assert re.fullmatch(r"[a-zA-Z0-9.,:;_-]{1,100}", made.description)
                assert Token.find(made.description) == token(IDENTITY, one.id, 12, piece)
                assert f"-{piece_name(one, piece, division)}-" in made.description
    assert piece_name(job(1), 3, 2) == "c005490_r005490_5490x5490"
