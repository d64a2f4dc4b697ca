"""Anything that may happen to a ledger, against dictionaries; it may be closed, or die, at any time."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from ledger_jobs import job, owed, pieces

from gee_s1ben.ledger import ENDED, Cause, JobState, Ledger, Seen, Standing

JOBS = [job(number).id for number in range(4)]
LASTING = (Standing.SUCCEEDED, Standing.FAILED, Standing.CANCELLED)


@dataclass
class ModelJob:
    state: JobState = JobState.PLANNED
    reason: str = ""
    attempt: int = 0
    division: int = 1
    wanted: bool = True
    cancelling: bool = False
    causes: list[Cause] = field(default_factory=list)


@dataclass
class ModelOperation:
    job: str
    attempt: int
    standing: Standing = Standing.INTENDED
    eecu_seconds: float = 0.0
    unseen: int = 0


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.sqlite"
        self.ledger = Ledger.open(self.path)
        self.jobs: dict[str, ModelJob] = {}
        self.operations: dict[str, ModelOperation] = {}
        self.events = 0

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()

    @rule(numbers=st.sets(st.integers(0, 3), min_size=1))
    def plan(self, numbers: set[int]) -> None:
        added = self.ledger.add([owed(number) for number in sorted(numbers)], repr(numbers))
        names = {JOBS[number] for number in numbers}
        assert added.new == len(names - self.jobs.keys())
        assert added.dropped == sum(one.wanted for name, one in self.jobs.items() if name not in names)
        for name in names:
            self.jobs.setdefault(name, ModelJob())
        for name, one in self.jobs.items():
            one.wanted = name in names

    @rule(name=st.sampled_from(JOBS), division=st.sampled_from([1, 2]), cause=st.sampled_from(Cause))
    def attempt(self, name: str, division: int, cause: Cause) -> None:
        if name not in self.jobs:
            return
        one = self.jobs[name]
        number = one.attempt + 1
        chosen = pieces(name, number, division)
        assert self.ledger.begin_attempt(name, cause, division, pieces=chosen).number == number
        one.attempt, one.division, one.state, one.reason, one.cancelling = (
            number,
            division,
            JobState.SUBMITTED,
            "",
            False,
        )
        one.causes.append(cause)
        self.operations.update({piece.request_id: ModelOperation(name, number) for piece in chosen})

    @precondition(lambda self: self.operations)
    @rule(data=st.data(), standing=st.sampled_from(Standing), eecu=st.floats(0, 100))
    def advance(self, data: st.DataObject, standing: Standing, eecu: float) -> None:
        chosen = data.draw(st.lists(st.sampled_from(sorted(self.operations)), max_size=3, unique=True))
        self.ledger.advance(Seen(name, standing, f"projects/p/operations/{name}", eecu_seconds=eecu) for name in chosen)
        for name in chosen:
            one = self.operations[name]
            if one.standing in LASTING and one.standing != standing:
                continue
            one.standing, one.eecu_seconds, one.unseen = standing, max(one.eecu_seconds, eecu), 0

    @precondition(lambda self: self.operations)
    @rule(data=st.data())
    def unseen(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.operations)))
        self.ledger.unseen([name])
        self.operations[name].unseen += 1

    @rule(names=st.sets(st.sampled_from(JOBS)), state=st.sampled_from(JobState), reason=st.sampled_from(["", "why"]))
    def move(self, names: set[str], state: JobState, reason: str) -> None:
        self.ledger.move(sorted(names), state, reason)
        for name in names & self.jobs.keys():
            self._moved(self.jobs[name], state, reason)

    @rule(name=st.sampled_from(JOBS), cause=st.sampled_from(Cause), division=st.sampled_from([1, 2]))
    def again(self, name: str, cause: Cause, division: int) -> None:
        self.ledger.again(name, cause, division, "again")
        if name in self.jobs:
            self.jobs[name].division = division
            self._moved(self.jobs[name], JobState.PLANNED, "again")

    @rule(name=st.sampled_from(JOBS))
    def cancel(self, name: str) -> None:
        self.ledger.ask_cancel([name])
        if name in self.jobs:
            self.jobs[name].cancelling = True

    @rule(name=st.sampled_from(JOBS), state=st.sampled_from(JobState))
    def die_in_the_middle(self, name: str, state: JobState) -> None:
        """What a killed process had not committed never happened."""
        connection = self.ledger._connection
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE jobs SET state = ?, attempt = attempt + 7 WHERE id = ?", (state, name))
        connection.execute("DELETE FROM events")
        self.reopen()

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(self.path)

    def _moved(self, one: ModelJob, state: JobState, reason: str) -> None:
        if (one.state, one.reason) == (state, reason):
            return
        one.state, one.reason = state, reason
        if state in ENDED or state is JobState.PLANNED:
            one.cancelling = False

    @invariant()
    def same_jobs(self) -> None:
        found = {record.job.id: record for record in self.ledger.jobs(wanted=False)}
        assert found.keys() == self.jobs.keys()
        for name, one in self.jobs.items():
            record = found[name]
            assert (record.state, record.reason, record.attempt, record.division, record.wanted, record.cancelling) == (
                *(one.state, one.reason, one.attempt, one.division, one.wanted, one.cancelling),
            )
            assert [attempt.cause for attempt in self.ledger.attempts(name)] == one.causes

    @invariant()
    def same_operations(self) -> None:
        found = {one.request_id: one for one in self.ledger.operations()}
        assert found.keys() == self.operations.keys()
        for name, one in self.operations.items():
            record = found[name]
            assert (record.job, record.attempt, record.standing, record.eecu_seconds, record.unseen) == (
                *(one.job, one.attempt, one.standing, one.eecu_seconds, one.unseen),
            )
        # Never a second operation for a piece of an attempt.
        places = {(one.job, one.attempt, one.piece) for one in found.values()}
        assert len(places) == len(found)

    @invariant()
    def same_counts(self) -> None:
        wanted = [one.state for one in self.jobs.values() if one.wanted]
        assert self.ledger.counts() == {state: wanted.count(state) for state in JobState}
        told = sum(one.eecu_seconds for one in self.operations.values())
        assert self.ledger.eecu_seconds() == pytest.approx(told)
        waited_for = {
            name
            for name, one in self.operations.items()
            if one.attempt == self.jobs[one.job].attempt
            and self.jobs[one.job].state in (JobState.SUBMITTED, JobState.EXPORTED)
        }
        superseded = {one.request_id for one in self.ledger.superseded_operations()}
        assert superseded == self.operations.keys() - waited_for

    @invariant()
    def history_only_grows(self) -> None:
        events = len(self.ledger.history())
        assert events >= self.events
        self.events = events


LedgerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestLedger = LedgerMachine.TestCase
