"""The queue: its limits, its order, replays, cancelling, attempts, simulated time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import ee
import pytest
import requests
from exports_client import CONSTANT, SMALL, drive, drive_body, ended, storage, storage_body
from hypothesis import given, settings
from hypothesis import strategies as st

from gee_s1ben.engine.exports import Exports, QueueSettings, faster
from gee_s1ben.engine.exports.request import ExportRequest
from gee_s1ben.engine.service import serving
from gee_s1ben.errors import EngineError
from gee_s1ben.session.connection import connected

HTTP = requests.Session()
HTTP.trust_env = False

REPLAYED = r"^A different Operation was already started with the given request_id\.$"


class Gate:
    """Holds operations at the beginning of their work, until they are let through."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered: list[str] = []

    def __call__(self, request: ExportRequest, _: int) -> None:
        self.entered.append(request.description)
        assert self.open.wait(60)


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = 1_500_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@contextmanager
def exporting(catalog: Path, folder: Path, **options: Any) -> Iterator[str]:
    with (
        serving(catalog, exports=folder / "exports", settings=QueueSettings(**options)) as url,
        connected(url, "embedded"),
    ):
        yield url


def body(description: str = "small", priority: int = 100, **options: Any) -> dict[str, Any]:
    return storage_body(
        CONSTANT, description, description=description, priority={"value": priority}, grid=SMALL, **options
    )


def start(description: str, request_id: str = "", **options: Any) -> str:
    return str(ee.data.exportImage(request_id, body(description, **options))["name"])


def states() -> dict[str, str]:
    return {one["metadata"]["description"]: one["metadata"]["state"] for one in ee.data.listOperations()}


def wait_for(condition: Any) -> None:
    ticking = threading.Event()
    for _ in range(6000):
        if condition():
            return
        ticking.wait(0.01)
    raise AssertionError("it did not come about")


def test_two_run_at_a_time(small_catalog: Path, tmp_path: Path) -> None:
    gate = Gate()
    with exporting(small_catalog, tmp_path, trouble=gate):
        names = [start(f"n{number}") for number in range(6)]
        wait_for(lambda: len(gate.entered) == 2)
        assert Counter(states().values()) == {"RUNNING": 2, "PENDING": 4}
        gate.open.set()
        ended(ee, *names)
        assert set(states().values()) == {"SUCCEEDED"}
        newest = [one["metadata"]["description"] for one in ee.data.listOperations()]
        assert newest == [f"n{number}" for number in range(5, -1, -1)]


def test_the_higher_priority_comes_first_and_then_the_older(small_catalog: Path, tmp_path: Path) -> None:
    gate = Gate()
    with exporting(small_catalog, tmp_path, trouble=gate, running=1):
        names = [start("first")]
        wait_for(lambda: gate.entered)
        names += [start("low", priority=1), start("late"), start("high", priority=9999), start("later")]
        gate.open.set()
        ended(ee, *names)
        assert gate.entered == ["first", "high", "late", "later", "low"]


def test_a_full_queue_refuses_with_earth_engines_sentence(small_catalog: Path, tmp_path: Path) -> None:
    gate = Gate()
    with exporting(small_catalog, tmp_path, trouble=gate, running=1, pending=2):
        running = start("running")
        wait_for(lambda: gate.entered)
        waiting = [start("one"), start("two")]
        with pytest.raises(ee.EEException, match=r"^Too many tasks already in the queue \(2\)\."):
            start("three", "an-id")
        ee.data.cancelOperation(waiting[0])
        assert start("three", "an-id")  # an id that was refused was not used up
        gate.open.set()
        ended(ee, running, *waiting)


def test_the_same_request_again_is_the_same_operation(small_catalog: Path, tmp_path: Path) -> None:
    with exporting(small_catalog, tmp_path):
        first = start("one", "an-id")
        assert start("one", "an-id") == first
        with pytest.raises(ee.EEException, match=REPLAYED):
            start("another", "an-id")
        ended(ee, first)
        assert start("one", "an-id") == first
        assert start("one") != start("one")
        assert len(ee.data.listOperations()) == 3


def test_replays_can_be_refused(small_catalog: Path, tmp_path: Path) -> None:
    with exporting(small_catalog, tmp_path, refuse_replays=True):
        first = start("one", "an-id")
        with pytest.raises(ee.EEException, match=REPLAYED):
            start("one", "an-id")
        assert [one["name"] for one in ee.data.listOperations()] == [first]


def test_cancelling(small_catalog: Path, tmp_path: Path) -> None:
    gate = Gate()
    with exporting(small_catalog, tmp_path, trouble=gate, running=1) as url:
        running = start("running")
        wait_for(lambda: gate.entered)
        waiting = start("waiting")
        ee.data.cancelOperation(waiting)
        assert states()["waiting"] == "CANCELLED"
        ee.data.cancelOperation(running)
        assert states()["running"] == "CANCELLING"
        gate.open.set()
        cancelled = ended(ee, running, waiting)
        assert [one["metadata"]["state"] for one in cancelled] == ["CANCELLED", "CANCELLED"]
        assert [one["error"] for one in cancelled] == [{"code": 1, "message": "Cancelled."}] * 2
        assert not list(storage(url).list_blobs("bucket-a"))
        assert not list((tmp_path / "exports" / "files").iterdir())
        (finished,) = ended(ee, start("finished"))
        ee.data.cancelOperation(finished["name"])
        assert states()["finished"] == "SUCCEEDED"
        task = ee.batch.Export.image.toDrive(ee.Image(1), "task", region=[13, 50, 13.001, 50.001], scale=10)
        task.start()
        task.cancel()
        ended(ee, task.operation_name)
        assert task.status()["state"] in ("CANCELLED", "COMPLETED")


class Flaky:
    """Fails so often for no fault of the request."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.attempts: list[int] = []

    def __call__(self, _: ExportRequest, attempt: int) -> None:
        self.attempts.append(attempt)
        if len(self.attempts) <= self.times:
            raise OSError("/home/user/secret")


@pytest.mark.parametrize("simulated", [False, True])
def test_five_attempts_of_the_service(small_catalog: Path, tmp_path: Path, simulated: bool) -> None:
    clock = Clock()
    options = {"duration": lambda _: 10.0, "clock": clock} if simulated else {}
    for times in (4, 5):
        flaky = Flaky(times)
        clock.now = 1_500_000_000.0
        with exporting(small_catalog, tmp_path / str(times), trouble=flaky, **options):
            name = start("flaky")
            clock.now += 11
            (operation,) = ended(ee, name)
        assert flaky.attempts == [1, 2, 3, 4, 5]
        assert operation["metadata"]["attempt"] == 5
        if times == 4:
            assert operation["metadata"]["state"] == "SUCCEEDED"
        else:
            assert operation["error"] == {"code": 13, "message": "Internal error."}


def test_a_failure_of_the_requests_own_is_not_tried_again(small_catalog: Path, tmp_path: Path) -> None:
    attempts = []

    def out_of_memory(request: ExportRequest, attempt: int) -> None:
        attempts.append(attempt)
        raise EngineError("Execution failed; out of memory.")

    with exporting(small_catalog, tmp_path, trouble=out_of_memory):
        (operation,) = ended(ee, start("large"))
        assert operation["error"] == {"code": 3, "message": "Execution failed; out of memory."}
        assert attempts == [1]


def test_a_full_drive(small_catalog: Path, tmp_path: Path) -> None:
    with exporting(small_catalog, tmp_path, drive_bytes=10) as url:
        name = ee.data.exportImage("", drive_body(CONSTANT, grid=SMALL))["name"]
        (operation,) = ended(ee, name)
        assert operation["error"]["message"].startswith("Not enough space in Google Drive")
        quota = drive(url).about().get(fields="storageQuota").execute()["storageQuota"]
        assert (quota["limit"], quota["usage"]) == ("10", "0")
        assert not list((tmp_path / "exports" / "files").iterdir())


def test_simulated_time_ends_operations_when_they_should_end(small_catalog: Path, tmp_path: Path) -> None:
    clock = Clock()
    hours = {"a": 5.0, "b": 2.0, "c": 1.0, "d": 4.0}
    options = {"clock": clock, "duration": lambda request: 3600 * hours[request.description]}
    with exporting(small_catalog, tmp_path, **options) as url:
        for name in hours:
            start(name)
        assert states() == {"a": "RUNNING", "b": "RUNNING", "c": "PENDING", "d": "PENDING"}
        clock.now += 3600 * 2.5
        assert states() == {"a": "RUNNING", "b": "SUCCEEDED", "c": "RUNNING", "d": "PENDING"}
        assert [blob.name for blob in storage(url).list_blobs("bucket-a")] == ["b.tif"]
        clock.now += 3600 * 5 * 24
        found = {one["metadata"]["description"]: one["metadata"] for one in ee.data.listOperations()}

    def hour(name: str, key: str) -> float:
        return (datetime.fromisoformat(found[name][key]).timestamp() - 1_500_000_000) / 3600

    assert {name: (hour(name, "startTime"), hour(name, "endTime")) for name in hours} == {
        "a": (0, 5), "b": (0, 2), "c": (2, 3), "d": (3, 7),
    }  # fmt: skip


def test_a_simulated_operation_can_be_cancelled(small_catalog: Path, tmp_path: Path) -> None:
    clock = Clock()
    with exporting(small_catalog, tmp_path, clock=clock, duration=lambda _: 100.0, running=1, renders=False) as url:
        first, second = start("first"), start("second")
        clock.now += 50
        ee.data.cancelOperation(first)
        clock.now += 10
        assert states() == {"first": "CANCELLED", "second": "RUNNING"}
        clock.now += 100
        assert states() == {"first": "CANCELLED", "second": "SUCCEEDED"}
        assert not list(storage(url).list_blobs("bucket-a"))  # nothing was rendered
        assert ended(ee, second)[0]["metadata"]["batchEecuUsageSeconds"] == pytest.approx(12 * 2e-8, abs=1e-6)


@given(
    jobs=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 3), st.integers(0, 20)), min_size=1, max_size=25),
    running=st.integers(1, 4),
    looks=st.lists(st.integers(1, 60), max_size=10),
)
@settings(max_examples=60)
def test_the_schedule_is_the_same_however_often_somebody_looks(
    jobs: list[tuple[int, int, int]], running: int, looks: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Against a brute-force schedule, second by second."""
    clock = Clock(0.0)
    durations = {f"j{number}": seconds for number, (seconds, _, _) in enumerate(jobs)}
    options = QueueSettings(
        running=running, clock=clock, renders=False, duration=lambda request: float(durations[request.description])
    )
    folder = tmp_path_factory.mktemp("schedule")
    exports = Exports(folder, None, options)  # type: ignore[arg-type] # nothing is evaluated
    try:
        submitted: dict[str, tuple[int, int]] = {}
        for number, (_, priority, gap) in enumerate(jobs):
            clock.now += gap
            exports.submit("p", body(f"j{number}", priority))
            submitted[f"j{number}"] = int(clock.now), priority
        for look in looks:
            clock.now += look
            exports.advance()
        clock.now += 10_000
        exports.advance()
        found = {one.description: (one.started, one.ended) for one in exports.operations}
    finally:
        exports.close()

    waiting = list(submitted)
    busy: list[int] = []
    expected = {}
    second = 0
    while waiting:
        busy = [end for end in busy if end > second]
        # Whoever was submitted by now competes, one submission after the other.
        ready = [name for name in waiting if submitted[name][0] <= second]
        ready.sort(key=lambda name: (-submitted[name][1], int(name[1:])))
        late = [name for name in ready if submitted[name][0] == second]
        early = [name for name in ready if submitted[name][0] < second]
        for name in early + sorted(late, key=lambda one: int(one[1:])):
            if len(busy) < running:
                expected[name] = (second, second + durations[name])
                busy.append(second + durations[name])
                waiting.remove(name)
        second += 1
    assert found == expected


def test_three_thousand_operations_are_listed_in_pages(small_catalog: Path, tmp_path: Path) -> None:
    with exporting(small_catalog, tmp_path, clock=Clock(), duration=lambda _: 1e6, renders=False) as url:
        address = f"{url}/v1/projects/embedded/operations"
        assert HTTP.get(address, timeout=30).json() == {}
        with HTTP:
            for number in range(3001):
                answer = HTTP.post(
                    f"{url}/v1/projects/embedded/image:export",
                    json=body(f"n{number}", requestId=f"r{number}"),
                    timeout=30,
                )
                assert answer.ok, answer.text
        found = ee.data.listOperations()
        assert [one["metadata"]["description"] for one in found] == [f"n{number}" for number in range(3000, -1, -1)]
        assert Counter(one["metadata"]["state"] for one in found) == {"RUNNING": 2, "PENDING": 2999}
        pages, token = 0, None
        while pages == 0 or token:
            page = HTTP.get(address, params={"pageSize": 10_000, "pageToken": token}, timeout=30).json()
            assert len(page["operations"]) <= 500
            pages, token = pages + 1, page.get("nextPageToken")
        assert pages == 7
        assert HTTP.get(address, params={"pageToken": "-1"}, timeout=30).status_code == 400
        other = HTTP.get(f"{url}/v1/projects/other/operations", timeout=30).json()
        assert other == {}


def test_a_faster_clock() -> None:
    clock = Clock(100.0)
    faster_clock = faster(3600, clock)
    clock.now += 2
    assert faster_clock() == 100 + 7200
