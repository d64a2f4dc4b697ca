"""How watching goes on, looks on, gives up and tells, in time that passes only when it pauses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gee_s1ben.config import Config, load_config
from gee_s1ben.errors import AccessError, Reaction, ServiceError, WorkspaceError
from gee_s1ben.ledger import JobState, Ledger, Standing
from gee_s1ben.pipeline import watching
from gee_s1ben.pipeline.estimate import ASSUMED_BATCH, Budget, estimate
from gee_s1ben.pipeline.notifying import Tidings
from gee_s1ben.pipeline.status import Status
from gee_s1ben.pipeline.watching import Looked
from gee_s1ben.pipeline.workspace import Workspace

PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"


def state(planned: int = 0, landed: int = 0, failed: int = 0) -> Status:
    jobs = dict.fromkeys(JobState, 0) | {
        JobState.PLANNED: planned, JobState.LANDED: landed, JobState.FAILED: failed,
    }  # fmt: skip
    owed = estimate([10**6] * planned, ASSUMED_BATCH, slots=2, bytes_per_px=8)
    return Status(jobs, dict.fromkeys(Standing, 0), owed, Budget(None), {}, (), {})


class Time:
    """A clock that only pausing moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(f"tiles: [{PRODUCT}]\nexport: {{transport: drive}}\n", "utf-8")
    config = load_config(path)
    with Workspace(config.workspace_path).held():
        Ledger.open(Workspace(config.workspace_path).ledger_path).close()
    return config


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Tidings]]:
    found: list[Tidings] = []

    def notify(told: Tidings | None) -> None:
        if told is not None:
            found.append(told)

    monkeypatch.setattr(watching, "notify", notify)
    return found


@contextmanager
def looking(monkeypatch: pytest.MonkeyPatch, *looks: Status | Exception) -> Iterator[None]:
    """Let the looks at the service be these, one after the other, the last for ever."""
    left = list(looks)

    def look(*_: object) -> Looked:
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, Exception):
            raise one
        return Looked(one, SimpleNamespace())  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(watching, "_look", look)
        patch.setattr(watching, "connect", lambda _config: nullcontext())
        patch.setattr(watching, "is_idle", lambda _config: False)
        yield


def watch(config: Config, time: Time, **named: Any) -> tuple[watching.Watched, list[Looked]]:
    looks: list[Looked] = []
    watched = watching.watch(config, looks.append, every=60, clock=time, pause=time.pause, **named)
    return watched, looks


def test_it_ends_when_nothing_is_left(config: Config, told: list[Tidings], monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    with looking(monkeypatch, state(2), state(1, 1), state(0, 1, 1)):
        watched, looks = watch(config, time)
    assert (watched.in_time, len(looks), time.now) == (True, 3, 120)
    assert watched.looked.status.bad == 1


def test_time_is_up(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    with looking(monkeypatch, state(2)):
        watched, looks = watch(config, time, at_most=150)
    assert (watched.in_time, time.now, len(looks)) == (False, 150, 4)


def test_a_service_that_is_away_for_a_while_is_waited_for(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    away = [ServiceError("no answer")] * (watching.MOST_PROBLEMS - 1)
    monkeypatch.setattr(watching, "status", lambda _config: state(2))
    with looking(monkeypatch, *away, state(2), *away, state(0, 2)):
        watched, looks = watch(config, Time())
    assert watched.looked.status.jobs[JobState.LANDED] == 2
    assert [one.problem for one in looks].count("no answer") == 2 * (watching.MOST_PROBLEMS - 1)


def test_one_that_stays_away_is_given_up(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "status", lambda _config: state(2))
    time = Time()
    with looking(monkeypatch, ServiceError("no answer")), pytest.raises(ServiceError, match="no answer"):
        watch(config, time)
    assert time.now == 60 * (watching.MOST_PROBLEMS - 1)


@pytest.mark.parametrize("error", [AccessError("no project"), ServiceError("not signed up", reaction=Reaction.STOP)])
def test_what_only_the_user_can_fix_stops_at_once(
    config: Config, error: ServiceError, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time()
    with looking(monkeypatch, error), pytest.raises(ServiceError):
        watch(config, time)
    assert time.now == 0


def test_why_it_stopped_is_told_once(config: Config, told: list[Tidings], monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer polls every ten minutes; nobody wants the same message as often."""
    for _ in range(3):
        with looking(monkeypatch, AccessError("no project")), pytest.raises(AccessError):
            watching.poll_once(config)
    assert [one.body for one in told] == ["no project"]
    with looking(monkeypatch, AccessError("no credentials")), pytest.raises(AccessError):
        watching.poll_once(config)
    assert [one.body for one in told] == ["no project", "no credentials"]
    with looking(monkeypatch, state(1)):
        watching.poll_once(config)
    with looking(monkeypatch, AccessError("no credentials")), pytest.raises(AccessError):
        watching.poll_once(config)
    assert len(told) == 3


def test_where_another_polls_it_looks_on(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    held = WorkspaceError("out.work is in use by process 7; wait for it, or choose another 'workspace'")
    with looking(monkeypatch, held, held, state(0, 1)):
        monkeypatch.setattr(watching, "status", lambda _config: state(1))
        watched, looks = watch(config, Time())
    assert [one.polled is None for one in looks] == [True, True, False]
    assert watched.in_time


def test_a_poll_is_refused_where_another_polls(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    held = WorkspaceError("out.work is in use by process 7")
    with looking(monkeypatch, held), pytest.raises(WorkspaceError):
        watching.poll_once(config)
    with looking(monkeypatch, WorkspaceError("out.work holds something else")), pytest.raises(WorkspaceError):
        watch(config, Time())
