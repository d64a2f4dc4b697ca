"""Requests in flight: never more than the limit, fewer when the service says stop, more again when it goes well."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.session.pacing import MOST, CancelledError, Pacer


@pytest.mark.parametrize(("asked", "limit"), [(1, 1), (7, 7), (40, 40), (100, MOST), (0, 1)])
def test_limit_is_never_above_what_the_service_allows(asked: int, limit: int) -> None:
    assert Pacer(asked).limit == limit


@pytest.mark.parametrize("most", [1, 3, 40])
def test_threads_share_the_limit(most: int) -> None:
    pacer, lock = Pacer(most), threading.Lock()
    now, highest = 0, 0
    full = threading.Barrier(most)

    def work(_: int) -> None:
        nonlocal now, highest
        with pacer.slot():
            with lock:
                now += 1
                highest = max(highest, now)
            full.wait(30)  # passes only when as many are in flight as may be
            with lock:
                now -= 1

    with ThreadPoolExecutor(most + 20) as pool:
        list(pool.map(work, range(most * 5)))
    assert highest == most


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 40))
def test_additive_up_and_multiplicative_down(well: list[bool], most: int) -> None:
    pacer, limit = Pacer(most), float(most)
    for one in well:
        with pacer.slot() as begun:
            pass
        if one:
            pacer.faster()
            limit = min(most, limit + 1 / limit)
        else:
            pacer.slower(begun)
            limit = max(1, limit / 2)
        assert pacer.limit == int(limit)
        assert 1 <= pacer.limit <= most


def test_those_in_flight_together_count_as_one_refusal() -> None:
    pacer = Pacer(40)
    begun = []
    for _ in range(40):
        slot = pacer.slot()
        begun.append(slot.__enter__())
    for one in begun:
        pacer.slower(one)
    assert pacer.limit == 20


def test_after_as_many_successes_as_the_limit_it_is_one_more() -> None:
    pacer = Pacer(40)
    with pacer.slot() as begun:
        pacer.slower(begun)
    for _ in range(21):
        pacer.faster()
    assert pacer.limit == 21


def test_a_restricted_project_gets_one_at_a_time(caplog: pytest.LogCaptureFixture) -> None:
    pacer = Pacer(8)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            pacer.quota("parallelism_restricted=true")
    assert pacer.restricted
    assert pacer.limit == 1
    assert len(caplog.records) == 1
    assert "restricted" in caplog.text
    pacer.quota("parallelism_restricted=false")
    assert not pacer.restricted
    assert pacer.limit == 8


def test_nobody_waits_after_a_cancel() -> None:
    pacer, stopped = Pacer(1), []

    def wait() -> None:
        try:
            with pacer.slot():
                pass
        except CancelledError:
            stopped.append(True)

    def sleep() -> None:
        try:
            pacer.pause(3600)
        except CancelledError:
            stopped.append(True)

    threads = [threading.Thread(target=work) for work in (wait, wait, sleep)]
    with pacer.slot():
        for thread in threads:
            thread.start()
        pacer.cancel()
        for thread in threads:
            thread.join(30)
    assert stopped == [True] * 3
