"""What is told, to whom, and that addresses are told to nobody: with Apprise itself and a server on loopback."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.ledger import JobState
from gee_s1ben.pipeline.notifying import VARIABLE, Tidings, addresses, check_addresses, notify, stopped, tidings

COUNTS = st.fixed_dictionaries({state: st.integers(0, 5) for state in JobState})
OPEN = (JobState.PLANNED, JobState.SUBMITTED, JobState.EXPORTED)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that keeps what it is told; its Apprise address."""
    told: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"json://canary:secret@127.0.0.1:{server.server_port}", told
    server.shutdown()
    server.server_close()


def test_it_is_told(listener: tuple[str, list[dict[str, str]]], caplog: pytest.LogCaptureFixture) -> None:
    address, told = listener
    with caplog.at_level(logging.DEBUG):
        assert notify(Tidings("all is done", "go on"), {VARIABLE: address}) is None
    assert [(one["title"], one["message"]) for one in told] == [("all is done", "go on")]
    assert "secret" not in caplog.text


def test_nobody_is_told_where_nobody_asked(listener: tuple[str, list[dict[str, str]]]) -> None:
    address, told = listener
    assert notify(Tidings("x", "y"), {}) is None
    assert notify(Tidings("x", "y"), {VARIABLE: ""}) is None
    assert notify(None, {VARIABLE: address}) is None
    assert told == []


@pytest.mark.parametrize(
    "address", ["canary-secret", "nosuch://canary-secret", "json://canary-secret@127.0.0.1:1", "json://"]
)
def test_an_address_that_does_not_work_is_not_shown(
    address: str, listener: tuple[str, list[dict[str, str]]], caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    good, told = listener
    with caplog.at_level(logging.DEBUG):
        problem = notify(Tidings("title", "body"), {VARIABLE: f"{good} {address}"})
    assert problem is not None
    assert VARIABLE in problem
    assert "canary" not in problem + caplog.text + "".join(capfd.readouterr())
    assert len(told) == 1  # the other was told


def test_without_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    problem = notify(Tidings("x", "y"), {VARIABLE: "json://canary-secret@h"})
    assert problem is not None
    assert "pip install 'gee-s1ben[notifications]'" in problem
    assert "canary" not in problem


@pytest.mark.parametrize("address", ["foo://x", "mailto://user@", "slack://x", "https://example.org/", "x", "json://"])
def test_addresses_are_read_by_apprise_itself(address: str) -> None:
    assert (
        check_addresses({VARIABLE: f"json://host {address} {address}"})
        == f"{VARIABLE}: Apprise cannot use address 2, 3 of 3"
    )
    assert check_addresses({VARIABLE: "json://host mailto://user:canary@gmail.com"}) is None


def test_addresses() -> None:
    assert addresses({}) == 0
    assert addresses({VARIABLE: " a://b  c://d\n"}) == 2


@given(COUNTS, COUNTS)
def test_tidings_come_when_all_ends_and_when_jobs_fail(before: dict[JobState, int], after: dict[JobState, int]) -> None:
    told = tidings(before, after, "set")
    ended = any(before[state] for state in OPEN) and not any(after[state] for state in OPEN)
    assert (told is not None) == (ended or after[JobState.FAILED] > before[JobState.FAILED])
    if told is not None:
        assert told.title.startswith("set: ")
        assert ("all" in told.title) == (ended and not after[JobState.FAILED] and not after[JobState.CANCELLED])


def test_the_same_is_not_told_twice() -> None:
    done = dict.fromkeys(JobState, 0) | {JobState.LANDED: 3, JobState.FAILED: 1}
    assert tidings(done, done, "set") is None


def test_stopped() -> None:
    assert stopped(ValueError("no project"), "set") == Tidings("set: stopped", "no project")
