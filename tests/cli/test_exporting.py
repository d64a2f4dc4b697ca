"""Exports from the command line, with the real client and the embedded service's queue, Drive and bucket."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import Command, Ended, Write, start

from gee_s1ben.engine.exports.settings import QueueSettings
from gee_s1ben.engine.service import serving
from gee_s1ben.errors import EngineError

DRIVE = ("--set", "export.transport=drive")
GCS = ("--set", "export.transport=gcs", "--set", "export.bucket=a-bucket")
SMALL = ("--set", "export.raster_px=120")

Export = Callable[..., Ended]


class Gate:
    """Lets operations through when it is opened; some fail."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.failing: dict[str, str] = {}

    def __call__(self, request: object, _attempt: int) -> None:
        self.opened.wait(60)
        for part, message in self.failing.items():
            if part in request.description:  # type: ignore[attr-defined]
                raise EngineError(message)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def export(write: Write, command: Command, catalog: Path, tmp_path: Path, gate: Gate) -> Iterator[Export]:
    """Run a command against a service whose operations wait at the gate."""
    config = write(window_px=120)
    with serving(catalog, exports=tmp_path / "exports", settings=QueueSettings(trouble=gate)) as url:
        fixed = ("--config", config, "--set", f"embedded.url={url}", *SMALL)

        def export(*words: str, transport: tuple[str, ...] = DRIVE) -> Ended:
            return command(*words, *fixed, *transport)

        yield export


def test_from_submit_to_the_dataset(export: Export, gate: Gate) -> None:
    planned = export("run", "--dry-run", "--json").data
    rasters = planned["forecast"]["rasters"]
    assert rasters == planned["requests"] > 3  # a raster a window, and a window a patch
    submitted = export("submit", "--json").data
    assert submitted["submitted"] == submitted["jobs"]["submitted"] == rasters
    assert export("submit", "--json").data["submitted"] == 0
    polled = export("poll", "--json")
    assert (polled.code, polled.data["landed"], polled.data["listed"]) == (0, 0, rasters)
    gate.opened.set()
    watched = export("watch", "--every", "0.1")
    assert watched.code == 0
    assert "'gee-s1ben run' makes the dataset" in watched.out
    came = export("wait", "--json").data["jobs"]["landed"]
    assert rasters < came < 2 * rasters  # a patch that its pass does not have whole has a next pass
    assert f"{came} of {came} have come" in watched.err
    assert export("poll", "--json").data["asked"] is False  # nothing is left to ask
    ran = export("run", "--json")
    assert (ran.code, ran.data["verify"]["findings"], ran.data["windows"]["fetched"]) == (0, [], 0)
    assert (ran.data["patches"], ran.data["absent"]) == (rasters, 0)
    assert export("status", "--json").data["jobs"]["done"] == came


def test_failed_jobs_are_told_and_tried_again(export: Export, gate: Gate) -> None:
    gate.failing = {"-S1A_": "Image.load: Image asset 'COPERNICUS/S1_GRD/X' not found (does not exist)."}
    gate.opened.set()
    export("run", "--dry-run", "-q", transport=GCS)
    waited = export("wait", "--every", "0.1", "--json", transport=GCS)
    assert waited.code == 1
    failed = waited.data["jobs"]["failed"]
    assert 0 < failed < sum(waited.data["jobs"].values())
    assert any("not found" in reason for reason in waited.data["reasons"])
    polled = export("poll", transport=GCS)
    assert polled.code == 1
    stands = export("status", transport=GCS)
    assert (stands.code, stands.out.count(", failed")) == (1, min(failed, 8))
    job = waited.data["troubled"][0]["id"]
    told = export("status", job[:6], "--json", transport=GCS).data["jobs"]
    assert [one["id"] for one in told] == [job]
    assert {one["standing"] for one in told[0]["operations"]} == {"failed"}
    assert "not found" in export("status", job, transport=GCS).out
    gate.failing = {}
    assert export("retry", job, "--json", transport=GCS).data["retried"] == 1
    assert export("retry", "--json", transport=GCS).data["retried"] == failed - 1
    assert export("retry", "--json", transport=GCS).data["retried"] == 0
    again = export("wait", "--every", "0.1", "--json", transport=GCS)
    assert (again.code, again.data["jobs"]["failed"]) == (0, 0)


def test_cancelling(export: Export, gate: Gate) -> None:
    rasters = export("run", "--dry-run", "--json").data["forecast"]["rasters"]
    export("submit", "--count", "3")
    out = [one for one in export("status", "--json").data["list"] if one["state"] == "submitted"]
    assert len(out) == 3
    assert export("cancel").code == 2
    assert export("cancel", out[0]["id"], "--all").code == 2
    assert export("cancel", "nothing-like-it").code == 2
    assert export("cancel", out[0]["id"], "--json").data["cancelled"] == 1
    assert export("cancel", "--all", "--json").data["cancelled"] >= rasters - 1
    gate.opened.set()
    watched = export("watch", "--every", "0.1", "--json")
    assert watched.code == 1
    jobs = watched.data["jobs"]
    # What ran already may have come to its end first; it is taken all the same.
    assert jobs["cancelled"] + jobs["landed"] == rasters
    assert jobs["cancelled"] >= rasters - 3
    assert f"cancelled ones are left so: {jobs['cancelled']}" in export("retry").out
    advice = export("status").out
    assert "'gee-s1ben retry --all' takes up cancelled ones again" in advice
    assert "tries failed ones" not in advice
    assert "EECU" not in advice
    assert export("retry", "--all", "--json").data["retried"] == jobs["cancelled"]
    assert export("wait", "--every", "0.1", "--json").code == 0


def test_waiting_ends_when_it_should(export: Export) -> None:
    export("run", "--dry-run", "-q")
    ended = export("wait", "--every", "0.1", "--at-most", "0.00001", "--json")
    assert ended.code == 124
    assert ended.data["in_time"] is False
    assert ended.data["open"] > 0


def test_probing_exports_so_many_and_no_more(export: Export, gate: Gate) -> None:
    gate.opened.set()
    assumed = export("run", "--dry-run", "--json").data["forecast"]
    assert assumed["owed"]["measured"] == 0
    # The first tells what one costs, the second is paid for.
    budget = ("--set", "export.budget_eecu_hours=10")
    measured = export("plan", "--probe", "2", "--json", *budget).data["forecast"]
    assert measured["owed"]["measured"] == measured["owed"]["eecu_measured"] == 2
    assert measured["owed"]["jobs"] == assumed["rasters"] - 2
    assert export("plan", "--probe", "2", "--json").data["forecast"]["owed"]["measured"] == 2  # it knows already
    assert "from 2 finished operations" in export("plan").out
    assert export("status", "--json").data["jobs"]["landed"] == 2


def test_the_budget_ends_submission(export: Export, gate: Gate) -> None:
    gate.opened.set()
    export("run", "--dry-run", "-q")
    cost = export("plan", "--probe", "5", "--json").data["forecast"]
    per_job = cost["spent_eecu_hours"] / 5
    assert per_job > 0
    limit = ("--set", f"export.budget_eecu_hours={7.5 * per_job}")
    planned = export("plan", "--json", *limit).data["forecast"]
    assert planned["within_budget"] is False
    planned_text = export("plan", *limit).out
    assert "modelled EECU-hours (nothing is billed) left: NOT ENOUGH" in planned_text
    assert "tier" not in planned_text
    watched = export("watch", "--every", "0.1", "--json", *limit)
    assert watched.code == 1  # something is left
    assert watched.data["jobs"]["landed"] == 7
    assert watched.data["eecu_hours"] <= 7.5 * per_job
    assert "raise it, or wait for the next month" in export("poll", *limit).out
    assert export("wait", "--every", "0.1").code == 0


def test_a_budget_without_knowledge_lets_one_out(export: Export) -> None:
    export("run", "--dry-run", "-q")
    submitted = export("submit", "--json", "--set", "export.budget_eecu_hours=10")
    assert submitted.data["submitted"] == 1
    assert "one at a time" in submitted.data["held"]


def test_a_second_poll_is_refused_with_the_process(export: Export, write: Write) -> None:
    from gee_s1ben.pipeline.workspace import Workspace

    export("run", "--dry-run", "-q")
    export("submit", "--count", "1")
    with Workspace(write(window_px=120).parent / "dataset.work").held():
        for words in (["poll"], ["submit"], ["cancel", "--all"], ["retry"]):
            ended = export(*words)
            assert ended.code == 2
            assert f"in use by process {os.getpid()}" in ended.err
        assert export("status", "--json").code == 0
        # Who watches looks on.
        looked_on = export("wait", "--every", "0.1", "--at-most", "0.0001", "--json")
        assert (looked_on.code, looked_on.data["jobs"]["submitted"]) == (124, 1)


@pytest.mark.parametrize("words", [["submit"], ["poll"], ["watch"], ["wait"], ["plan", "--probe", "1"]])
def test_direct_has_no_operations(words: list[str], write: Write, command: Command) -> None:
    config = write()
    command("match", "--config", config)
    ended = command(*words, "--config", config)
    assert ended.code == 2
    assert "export.transport is direct" in ended.err


@pytest.mark.parametrize("words", [["status"], ["status", "x"], ["cancel", "--all"], ["retry"]])
def test_before_anything_was_submitted(words: list[str], write: Write, command: Command) -> None:
    ended = command(*words, "--config", write())
    assert ended.code == 2
    assert "run 'gee-s1ben submit' or 'gee-s1ben run' first" in ended.err


@pytest.mark.parametrize("words", [["submit"], ["poll"], ["watch"], ["wait"]])
def test_before_there_is_a_plan(words: list[str], write: Write, command: Command) -> None:
    ended = command(*words, "--config", write(), *DRIVE)
    assert ended.code == 2
    assert "run 'gee-s1ben plan' first" in ended.err


def test_a_dry_run_touches_no_dataset(write: Write, command: Command) -> None:
    config = write()
    ended = command("run", "--dry-run", "--config", config, "--json")
    data = ended.data
    assert ended.code == 0
    assert data["forecast"]["transport"] == "direct"
    assert data["forecast"]["owed"]["jobs"] == data["requests"]
    assert data["forecast"]["owed"]["bytes"] == data["bytes"]
    assert not (config.parent / "dataset").exists()
    assert command("run", "--config", config, "-q").code == 0
    assert command("run", "--dry-run", "--config", config, "--json").data["forecast"]["owed"]["jobs"] == 0
    assert "all 3 requests have come" in re.sub(r"all \d+", "all 3", command("plan", "--config", config).out)


def test_watching_can_be_interrupted(export: Export, write: Write, catalog: Path, tmp_path: Path) -> None:
    """Ctrl-C ends the watching with 130; the operations and the ledger stay."""
    import signal

    export("run", "--dry-run", "-q")
    url = re.search(r"http://[^ ]+", json.dumps(export("doctor", "--json").data))
    assert url
    process = start(
        "watch", "--every", "0.2", "--config", write(window_px=120), *DRIVE, *SMALL,
        "--set", "embedded.url=" + url[0],
    )  # fmt: skip
    assert process.stderr
    assert "have come" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert export("status", "--json").data["jobs"]["submitted"] > 0
