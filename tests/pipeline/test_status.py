"""How exports stand and what they cost, from a real ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gee_s1ben.config import Config, load_config
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.job import Job
from gee_s1ben.errors import InputError, WorkspaceError
from gee_s1ben.ledger import Cause, JobState, Ledger, Owed, Seen, Standing
from gee_s1ben.ledger.records import Intended
from gee_s1ben.pipeline.costs import affordable_jobs, budget, rates, remaining, slots
from gee_s1ben.pipeline.estimate import ASSUMED_BATCH, ASSUMED_DIRECT
from gee_s1ben.pipeline.status import histories, status
from gee_s1ben.pipeline.workspace import Workspace

PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
START = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
PIXELS = 1_000_000


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(f"tiles: [{PRODUCT}]\nexport: {{transport: gcs, bucket: bucket, budget_eecu_hours: 1}}\n", "utf-8")
    config = load_config(path)
    with Workspace(config.workspace_path).held():
        pass
    return config


def owed(number: int) -> Owed:
    grid = Grid("EPSG:32633", (10.0, 0.0, 3e5 + number, 0.0, -10.0, 58e5), 1000, 1000)
    id_, pass_key = f"{number:016x}", f"S1A_{number:06d}"
    job = Job(id_, "33UUP_20170613T101031", pass_key, "f" * 32, "c0_r0_1000x1000", grid, ("VV",))
    return Owed(job, "gcs", ("c0_r0_1000x1000",))


def begin(ledger: Ledger, number: int) -> str:
    request = f"request-{number}"
    ledger.begin_attempt(
        f"{number:016x}", Cause.FIRST, destination="gs://bucket", pieces=[Intended(request, 0, f"token-{number}", "d")]
    )
    return request


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(START + seconds, UTC).isoformat().replace("+00:00", "Z")


def finish(ledger: Ledger, number: int, started: float, seconds: float, eecu_seconds: float) -> None:
    ledger.advance(
        [
            Seen(
                begin(ledger, number), Standing.SUCCEEDED, name=f"operations/{number}", service_state="SUCCEEDED",
                started=moment(started), ended=moment(started + seconds), eecu_seconds=eecu_seconds,
            )
        ]
    )  # fmt: skip


@pytest.fixture
def ledger(config: Config) -> Ledger:
    ledger = Ledger.open(Workspace(config.workspace_path).ledger_path)
    ledger.add([owed(number) for number in range(10)], "plan")
    return ledger


def test_without_a_ledger(config: Config) -> None:
    with pytest.raises(WorkspaceError, match="run 'gee-s1ben submit' or 'gee-s1ben run' first"):
        status(config)


def test_it_is_read_while_another_writes(config: Config, ledger: Ledger) -> None:
    with Workspace(config.workspace_path).held(), ledger.transaction():
        ledger.move(f"{0:016x}", JobState.LANDED)
        assert status(config).jobs[JobState.PLANNED] == 10  # what is not committed has not happened
    assert status(config).jobs[JobState.LANDED] == 1


def test_what_it_says(config: Config, ledger: Ledger) -> None:
    finish(ledger, 0, 0, 100, 36.0)
    ledger.move(f"{0:016x}", JobState.LANDED)
    ledger.advance([Seen(begin(ledger, 1), Standing.RUNNING, progress=0.5)])
    ledger.move([f"{2:016x}", f"{3:016x}"], JobState.FAILED, "User memory limit exceeded.")
    ledger.move(f"{4:016x}", JobState.ABSENT, "no VH")
    found = status(config)
    assert (found.total, found.open, found.bad) == (10, 6, 2)
    assert found.operations[Standing.RUNNING] == 1
    assert found.reasons == {"User memory limit exceeded.": 2, "no VH": 1}
    assert [record.job.id for record in found.troubled] == [f"{2:016x}", f"{3:016x}"]
    assert found.budget.spent_eecu_seconds == 36.0
    # 100 s each, measured once: two at a time, half of one done, five more.
    assert found.owed.hours * 3600 == pytest.approx(300)
    assert found.owed.eecu_hours == pytest.approx(6 * 36 / 3600)


def test_rates_are_learnt_from_what_has_finished(config: Config, ledger: Ledger) -> None:
    assert rates(config, ledger) == ASSUMED_BATCH
    direct = config.model_copy(update={"export": config.export.model_copy(update={"transport": "direct"})})
    assert rates(direct, None) == ASSUMED_DIRECT
    for number in range(5):
        finish(ledger, number, number * 10, 100, 36.0)
    learnt = rates(config, ledger)
    assert learnt.seconds(PIXELS) == pytest.approx(100)
    assert learnt.eecu_seconds_per_px == learnt.most_eecu_seconds_per_px == pytest.approx(36e-6)
    assert slots(config, ledger) == 5  # all five ran at once


def test_a_time_or_a_cost_that_was_not_told_teaches_nothing(config: Config, ledger: Ledger) -> None:
    ledger.advance([Seen(begin(ledger, 0), Standing.SUCCEEDED, started="", ended="soon", eecu_seconds=5)])
    finish(ledger, 1, 0, 50, 0.0)
    learnt = rates(config, ledger)
    assert (learnt.measured, learnt.eecu_measured) == (1, 0)


def test_the_budget_counts_what_ended_and_what_is_out(config: Config, ledger: Ledger) -> None:
    jobs = ledger.jobs()
    assert affordable_jobs(config, ledger, jobs) == 1  # nothing is known: a probe
    first = begin(ledger, 0)
    assert affordable_jobs(config, ledger, jobs[1:]) == 0  # which is waited for
    ledger.advance([Seen(first, Standing.FAILED, eecu_seconds=600.0)])
    assert budget(config, ledger).spent_eecu_seconds == 600.0
    for number in range(1, 6):
        finish(ledger, number, 0, 100, 400.0)
    # 3600 − 600 − 5 · 400 are left: two more at 400 each.
    assert affordable_jobs(config, ledger, jobs[6:]) == 2
    begin(ledger, 6)
    assert affordable_jobs(config, ledger, jobs[7:]) == 1
    free = config.model_copy(update={"export": config.export.model_copy(update={"budget_eecu_hours": None})})
    assert affordable_jobs(free, ledger, jobs[7:]) == 3


def test_what_remains_without_anything(config: Config, ledger: Ledger) -> None:
    ledger.move([f"{number:016x}" for number in range(10)], JobState.DONE)
    assert remaining(config, ledger).jobs == 0


def test_a_job_is_found_by_what_people_type(config: Config, ledger: Ledger) -> None:
    finish(ledger, 3, 0, 1, 1)
    (found,) = histories(config, "S1A_000003")
    assert found.record.job.id == f"{3:016x}"
    assert [one.standing for one in found.operations] == [Standing.SUCCEEDED]
    assert len(found.attempts) == 1
    assert found.events
    assert len(histories(config, "33UUP_20170613T101031")) == 10
    assert len(histories(config, f"{3:016x}")) == 1
    with pytest.raises(InputError, match="no job is 'zebra'"):
        histories(config, "zebra")
