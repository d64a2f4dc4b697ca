"""What is asked again, after how long, and for how long, on a clock that the test holds."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import format_datetime
from typing import Any

import googleapiclient.errors
import httplib2
import pytest

from gee_s1ben.errors import AccessError, Reaction, ServiceError, StorageError
from gee_s1ben.session import retrying
from gee_s1ben.session.pacing import Pacer
from gee_s1ben.session.retrying import Patience, UnusableAnswerError, asked


class Time:
    """A clock that advances only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    held = Time()
    monkeypatch.setattr(retrying, "PATIENCE", Patience(clock=lambda: held.now, pause=held.sleep))
    return held


def http(status: int, **headers: str) -> Exception:
    content = b'{"error": {"message": "it said so"}}'
    return googleapiclient.errors.HttpError(httplib2.Response({"status": str(status), **headers}), content)


def answering(*answers: Any) -> tuple[Callable[[], Any], list[int]]:
    """A service that gives these answers, the last for ever, and how often it was asked."""
    left, count = list(answers), [0]

    def ask() -> Any:
        count[0] += 1
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return ask, count


@pytest.mark.parametrize(
    "trouble",
    [
        [http(429)] * 3,
        [http(500), http(502), http(503), http(504)],
        [ConnectionResetError("reset"), TimeoutError("slow")],
        [http(503), UnusableAnswerError("<html>"), KeyError("result"), http(429)],
    ],
)
def test_passing_trouble_passes(time: Time, trouble: list[Exception]) -> None:
    ask, count = answering(*trouble, "whole")
    assert asked(ask, "asking") == "whole"
    assert count == [len(trouble) + 1]
    assert len(time.sleeps) == len(trouble)


def test_waits_grow_are_jittered_and_are_capped(time: Time) -> None:
    ask, _ = answering(*[http(503)] * 14, "whole")
    asked(ask, "asking")
    for number, wait in enumerate(time.sleeps):
        longest = min(60.0, 0.5 * 2**number)
        assert longest / 2 <= wait <= longest
    assert len(set(time.sleeps)) == len(time.sleeps)


def test_trouble_for_ever_ends_within_the_patience(time: Time) -> None:
    ask, count = answering(http(429))
    with pytest.raises(ServiceError, match=r"^asking: it said so — .* kept \(asked \d+ times in \d+ s\)$") as caught:
        asked(ask, "asking")
    assert caught.value.reaction is Reaction.SLOW_DOWN
    assert caught.value.status == 429
    assert 300 < time.now <= 600
    assert count[0] < 30


def test_retry_after_is_honoured(time: Time) -> None:
    ask, _ = answering(http(429, **{"retry-after": "17"}), http(503, **{"retry-after": "120.5"}), "whole")
    asked(ask, "asking")
    assert time.sleeps == [17, 120.5]


def test_retry_after_as_a_date_counts_by_the_services_clock(time: Time) -> None:
    from datetime import UTC, datetime, timedelta

    then = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    dates = {"retry-after": format_datetime(then + timedelta(seconds=42), usegmt=True), "date": format_datetime(then)}
    ask, _ = answering(http(429, **dates), "whole")
    asked(ask, "asking")
    assert time.sleeps == [42]


def test_who_is_told_to_wait_longer_than_the_patience_does_not_wait(time: Time) -> None:
    ask, count = answering(http(429, **{"retry-after": "3600"}))
    with pytest.raises(ServiceError):
        asked(ask, "asking")
    assert (count, time.sleeps) == ([1], [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413])
def test_what_cannot_help_is_asked_once(time: Time, status: int) -> None:
    ask, count = answering(http(status))
    with pytest.raises(ServiceError) as caught:
        asked(ask, "asking")
    assert count == [1]
    assert isinstance(caught.value, AccessError) == (status in (401, 403))


@pytest.mark.parametrize("error", [UnusableAnswerError("<html>"), KeyError("result"), ValueError("not JSON")])
def test_unusable_answers_are_asked_for_three_times(time: Time, error: Exception) -> None:
    ask, count = answering(error)
    with pytest.raises(ServiceError, match=r"^asking: the answer is not what was asked for, 3 times: ") as caught:
        asked(ask, "asking")
    assert count == [3]
    assert (caught.value.status, caught.value.reaction) == (200, Reaction.RETRY)


def test_no_patience_asks_once(time: Time) -> None:
    ask, count = answering(http(503))
    with pytest.raises(ServiceError):
        asked(ask, "asking", seconds=0)
    assert count == [1]


def test_the_disk_is_not_the_service(time: Time) -> None:
    ask, count = answering(StorageError("full"))
    with pytest.raises(StorageError, match="full"):
        asked(ask, "asking")
    assert count == [1]


def test_an_interrupt_passes(time: Time) -> None:
    ask, count = answering(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        asked(ask, "asking")
    assert count == [1]


def test_refusals_slow_the_others_down_and_slots_are_free_while_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    pacer, free = Pacer(8), []

    def pause(_: float) -> None:
        with pacer.slot():
            free.append(pacer.limit)

    monkeypatch.setattr(retrying, "PATIENCE", Patience(clock=lambda: 0.0, pause=pause))
    ask, _ = answering(http(429), http(503), http(429), "whole")
    pacer.allow(1)
    pacer.allow(8)
    assert asked(ask, "asking", pacer=pacer) == "whole"
    assert free == [4, 4, 2]
