"""Rows 50 and 54: kills in any order with everything else, against a model; and a ledger that is broken."""

from __future__ import annotations

import json
import logging
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import tree
from fault_arena import Arena
from fault_effects import reset_after, reset_before
from forked_commands import Forks
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from killing import killed_at

JOBS = 3


def ledger_path(arena: Arena) -> Path:
    return arena.folder / "dataset.work" / "ledger.sqlite"


def overwritten(path: Path, start: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


BREAK: dict[str, Callable[[Path], object]] = {
    "removed": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "nonsense": lambda path: path.write_bytes(b"nonsense" * 1000),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "overwritten": lambda path: overwritten(path, 4096, bytes(range(256)) * 16),
}


def break_ledger(arena: Arena, how: str) -> None:
    path = ledger_path(arena)
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    BREAK[how](path)


@pytest.mark.row(54)
@pytest.mark.parametrize(
    ("when", "how"),
    [
        *(("submitted", how) for how in BREAK),
        ("succeeded", "removed"),
        ("succeeded", "nonsense"),
        ("done", "cut short"),
    ],
)
def test_broken_ledger(new_arena, report, caplog: pytest.LogCaptureFixture, how: str, when: str) -> None:
    arena = new_arena("gcs", seconds=300)
    if when == "done":
        arena.export()
        arena.finish()
    else:
        arena.poll()
        arena.world.now += 0 if when == "submitted" else 3600
    break_ledger(arena, how)
    logger = logging.getLogger("gee_s1ben")
    with caplog.at_level(logging.WARNING, "gee_s1ben"):  # commands of other tests may have set it up for a terminal
        logger.addHandler(caplog.handler)
        try:
            arena.export()
        finally:
            logger.removeHandler(caplog.handler)
    told = {record.getMessage() for record in caplog.records if "rebuilt" in record.getMessage()}
    assert len(told) == (0 if how in ("removed", "emptied") else 1)
    assert arena.finish().findings == ()
    assert arena.identical()
    assert len(arena.operations()) == JOBS
    report(
        f"removed, emptied, nonsense, cut short or overwritten, at any stage: {JOBS} operations for {JOBS} jobs", arena
    )


class Machine(RuleBasedStateMachine):
    """Kills, lost answers, lost files and broken ledgers in any order.

    The model: which attempts were ever sent, and under which id. What the service and the disk hold must never say
    otherwise, and from every state a run reaches the clean dataset.
    """

    make: Callable[..., Arena]
    forks: Forks
    kills = 0
    reports: list[Any] = []  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.arena = self.make("gcs", window_px=120, prepared=False)
        self.ids: dict[str, str] = {}

    @property
    def line(self) -> tuple[str | Path, ...]:
        return ("--config", self.arena.path, "-q", "--set", "export.raster_px=240", "--set", "export.queue_depth=4")

    def ended(self, code: int) -> None:
        assert code in (0, -signal.SIGKILL)
        Machine.kills += code != 0

    @rule(
        number=st.integers(1, 16),
        where=st.sampled_from(["before", "after"]),
        command=st.sampled_from(["run", "run", "fetch", "poll"]),
    )
    def killed_at_a_request(self, number: int, where: str, command: str) -> None:
        if command != "run" and not (self.arena.folder / "dataset.work" / "plan.json").exists():
            command = "run"
        self.ended(killed_at(self.arena.proxy, self.forks, number, where, command, *self.line).code)

    @rule(flush=st.integers(1, 20))
    def killed_at_a_flush(self, flush: int) -> None:
        journal = self.arena.folder.parent / "journal"
        self.ended(self.forks.run("run", *self.line, journal=journal, die_at=flush).code)

    @rule(number=st.integers(1, 6), heard=st.booleans())
    def answer_to_a_submission_is_lost(self, number: int, heard: bool) -> None:
        proxy = self.arena.proxy
        lost = proxy.play("export", reset_after if heard else reset_before, (number,))
        self.ended(self.forks.run("run", *self.line).code)
        proxy.rules.remove(lost)

    @precondition(lambda self: ledger_path(self.arena).exists())
    @rule(how=st.sampled_from(sorted(BREAK)))
    def ledger_breaks(self, how: str) -> None:
        break_ledger(self.arena, how)

    @precondition(lambda self: self.arena.windows())
    @rule(index=st.integers(0, 100), how=st.sampled_from(["removed", "cut short"]))
    def window_is_lost(self, index: int, how: str) -> None:
        windows = self.arena.windows()
        window = windows[index % len(windows)]
        if how == "removed":
            window.unlink()
        else:
            window.write_bytes(window.read_bytes()[:1000])

    @rule()
    def service_restarts(self) -> None:
        self.arena.restart_service()

    @invariant()
    def one_operation_for_an_attempt(self) -> None:
        descriptions = Counter(one["metadata"]["description"] for one in self.arena.operations())
        assert not descriptions or descriptions.most_common(1)[0][1] == 1
        for asked in self.arena.proxy.asked:
            if asked.route == "export":
                body = json.loads(asked.body)
                assert self.ids.setdefault(body["description"], body["requestId"]) == body["requestId"]
        assert len(set(self.ids.values())) == len(self.ids)
        assert descriptions.keys() <= self.ids.keys()

    @invariant()
    def patches_are_whole_or_absent(self) -> None:
        patches = self.arena.folder / "dataset" / "BigEarthNet-S1"
        found = tree(patches) if patches.exists() else {}
        clean = self.arena.clean.files
        folders = Counter(path.rpartition("/")[0] for path in found)
        assert set(folders.values()) <= {2}
        assert all(clean[f"BigEarthNet-S1/{path}"] == digest for path, digest in found.items())

    def teardown(self) -> None:
        assert self.forks.run("run", *self.line).code == 0
        self.one_operation_for_an_attempt()
        assert self.arena.identical()
        Machine.reports.append(self.arena.zeros())


@pytest.fixture
def machine(new_arena: Callable[..., Arena], forks: Forks) -> Iterator[type[Machine]]:
    Machine.make, Machine.forks = staticmethod(new_arena), forks  # type: ignore[assignment]
    Machine.kills, Machine.reports = 0, []
    yield Machine
    del Machine.make, Machine.forks


@pytest.mark.row(50)
def test_anything_in_any_order(machine: type[Machine], report) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=3,
            stateful_step_count=6,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert machine.kills >= 3
    for zeros in machine.reports:
        report(
            "gcs: kills, lost answers, lost windows, broken ledgers and restarts in any order, against a model", zeros
        )
