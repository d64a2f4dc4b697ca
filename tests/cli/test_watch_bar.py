"""What is seen while exports are watched."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.cli.exports_shown import ago, cost, forecast_lines, hours, size, status_lines
from gee_s1ben.cli.watch_bar import LINE_SECONDS, watch_bar
from gee_s1ben.ledger import JobState, Standing
from gee_s1ben.pipeline.estimate import ASSUMED_BATCH, Budget, estimate, months
from gee_s1ben.pipeline.forecast import DatasetSize, Forecast
from gee_s1ben.pipeline.status import Status
from gee_s1ben.pipeline.watching import Looked


def looked(landed: int, total: int = 10, problem: str = "") -> Looked:
    jobs = dict.fromkeys(JobState, 0) | {JobState.LANDED: landed, JobState.SUBMITTED: total - landed}
    operations = dict.fromkeys(Standing, 0) | {Standing.RUNNING: min(2, total - landed)}
    owed = estimate([10**8] * (total - landed), ASSUMED_BATCH, slots=2, bytes_per_px=8)
    return Looked(Status(jobs, operations, owed, Budget(None), {}, (), {}), None, problem)


def test_lines_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    with watch_bar(clock=lambda: now) as told:
        told(looked(0))
        told(looked(0))
        now = 60
        told(looked(1))
        now += LINE_SECONDS
        told(looked(1))
        told(looked(1, problem="no answer"))
        told(looked(1, problem="no answer"))
        told(looked(10))
    lines = capfd.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "0 of 10 have come", "1 of 10 have come", "1 of 10 have come", "no answer", "10 of 10 have come",
    ]  # fmt: skip
    assert "60.0/h" in lines[1]
    assert "left, until" in lines[1]
    assert "left" not in lines[-1]


def test_a_bar_on_a_terminal(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with watch_bar() as told:
        told(looked(3))
        told(looked(3, problem="no answer"))
    shown = capfd.readouterr().err
    assert "30%" in shown
    assert "3/10" in shown
    assert "2 running" in shown
    assert shown.count("no answer") == 1
    assert shown.endswith("\n")


def test_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    with watch_bar(quiet=True) as told:
        told(looked(3))
    assert capfd.readouterr().err == ""


@given(st.floats(0, 1e5))
def test_hours_never_surprise(value: float) -> None:
    number, unit = hours(value).split()
    scale = {"s": 3600, "min": 60, "h": 1, "days": 1 / 24}[unit]
    assert abs(float(number) / scale - value) <= 0.51 / scale


def test_numbers_for_people() -> None:
    assert [hours(one) for one in (0.001, 0.5, 13.02, 49)] == ["4 s", "30 min", "13.0 h", "2.0 days"]
    assert [cost(one) for one in (0.00123, 0.5, 209.54, 12_345.6)] == ["0.0012", "0.5", "209.5", "12,345.6"]
    assert [size(one) for one in (10**6, 5 * 10**9)] == ["1.0 MB", "5.0 GB"]
    moment = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert ago(moment.isoformat(), moment.timestamp() + 90).endswith("2 min ago")
    assert ago(str(moment.timestamp()), moment.timestamp() + 9).endswith("9 s ago")
    assert ago("once", 0) == "once"


def test_a_status_says_what_comes_next() -> None:
    done = "\n".join(status_lines(looked(10).status, 0))
    assert "(100 % have come)" in done
    assert "'gee-s1ben run' makes the dataset" in done
    going = status_lines(looked(3).status, 0)
    assert not any("'gee-s1ben run'" in line for line in going)
    assert any(line.startswith("expected") for line in going)
    paused = replace(looked(3).status, notes={"paused": "Not enough space in Google Drive."})
    assert "paused      Not enough space in Google Drive." in status_lines(paused, 0)


@pytest.mark.parametrize(
    ("transport", "limit", "jobs", "words"),
    [
        ("gcs", None, 1, ["to do       1 of 9 operations (gcs)", "within a month of the Community tier"]),
        ("gcs", 1000.0, 100, ["2 months of the Community tier, 1 of Contributor", "1,000 EECU-hours left: enough"]),
        ("drive", 100.0, 100, ["NOT ENOUGH: submission will stop before it is passed"]),
        ("direct", 100.0, 100, ["requests (direct)", "budget      not heeded"]),
        ("gcs", None, 0, ["to do       nothing: all 9 operations have come"]),
    ],
)
def test_a_forecast(transport: str, limit: float | None, jobs: int, words: list[str]) -> None:
    owed = estimate([10**8] * jobs, ASSUMED_BATCH, slots=2, bytes_per_px=8)
    whole = DatasetSize(1_180_652, 68_500_000_000, 700)
    found = Forecast(transport, 9, owed, Budget(limit), months(owed.eecu_hours), whole)
    text = "\n".join(forecast_lines(found, 0))
    assert "disk        1,180,652 files, 68.5 GB; about 12 min to write and verify" in text
    assert [word for word in words if word not in text] == []
    assert ("assumed, nothing measured yet" in text) == bool(jobs)
