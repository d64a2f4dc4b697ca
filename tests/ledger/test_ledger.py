"""The ledger's file: what it holds, who may read it, and what becomes of one that is broken."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_jobs import job, owed, pieces

from gee_s1ben.errors import BrokenLedgerError, LedgerError, StorageError
from gee_s1ben.ledger import Cause, FileRecord, JobState, Ledger, Seen, Standing
from gee_s1ben.ledger.opening import migrations

ONE, TWO = job(1).id, job(2).id


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    ticks = iter(range(1, 10_000))
    with Ledger.open(path, clock=lambda: float(next(ticks))) as ledger:
        yield ledger


def begin(
    ledger: Ledger, identifier: str, attempt: int = 1, division: int = 1, cause: Cause = Cause.FIRST
) -> list[str]:
    chosen = pieces(identifier, attempt, division)
    ledger.begin_attempt(identifier, cause, division, destination="gs://bucket/prefix", pieces=chosen)
    return [one.request_id for one in chosen]


def test_a_job_comes_back_as_it_was_given(ledger: Ledger) -> None:
    assert ledger.add([owed(2), owed(1)], "plan").new == 2
    assert [record.job for record in ledger.jobs()] == [job(2), job(1)]  # in the order of the plan
    record = ledger.job(ONE)
    assert record is not None
    assert (record.job, record.state, record.transport, record.attempt) == (job(1), JobState.PLANNED, "gcs", 0)
    assert ledger.windows(ONE) == ("w0", "w1")
    assert ledger.plan() == "plan"
    assert ledger.job("0" * 16) is None


def test_a_plan_again_changes_nothing_and_another_drops_what_it_lacks(ledger: Ledger) -> None:
    ledger.add([owed(1), owed(2)], "plan")
    begin(ledger, ONE)
    ledger.move(TWO, JobState.FAILED, "no reason")
    again = ledger.add([owed(1), owed(2)], "plan")
    assert (again.new, again.known, again.dropped) == (0, 2, 0)
    assert [record.state for record in ledger.jobs()] == [JobState.SUBMITTED, JobState.FAILED]
    assert ledger.states() == {ONE: JobState.SUBMITTED, TWO: JobState.FAILED}
    other = ledger.add([owed(2, windows=3), owed(3)], "other")
    assert (other.new, other.known, other.dropped) == (1, 1, 1)
    assert [record.job.id for record in ledger.jobs()] == [TWO, job(3).id]
    assert ledger.windows(TWO) == ("w0", "w1", "w2")
    (dropped,) = [record for record in ledger.jobs(wanted=False) if not record.wanted]
    assert (dropped.job.id, dropped.state) == (ONE, JobState.SUBMITTED)
    assert ledger.counts()[JobState.SUBMITTED] == 0
    assert ledger.add([owed(1)], "plan").known == 1
    assert [record.state for record in ledger.jobs()] == [JobState.SUBMITTED]


def test_an_attempt_is_begun_once(ledger: Ledger) -> None:
    ledger.add([owed(1)], "plan")
    begin(ledger, ONE, division=2)
    with pytest.raises(LedgerError, match="begun before"):
        ledger.begin_attempt(ONE, Cause.ANEW, number=1)
    with pytest.raises(LedgerError, match="knows no job"):
        ledger.begin_attempt(TWO, Cause.FIRST)
    with pytest.raises(sqlite3.IntegrityError):  # the same request ids
        ledger.begin_attempt(ONE, Cause.ANEW, 2, pieces=pieces(ONE, 1, 2))
    record = ledger.job(ONE)
    assert record is not None
    assert (record.attempt, record.division, record.state) == (1, 2, JobState.SUBMITTED)
    assert [operation.piece for operation in ledger.operations(job=ONE)] == [0, 1, 2, 3]


def test_what_has_ended_at_the_service_stays_so(ledger: Ledger) -> None:
    ledger.add([owed(1)], "plan")
    (one,) = begin(ledger, ONE)
    ledger.unseen([one])
    assert ledger.operations()[0].unseen == 1
    assert ledger.advance([Seen(one, Standing.RUNNING, "projects/p/operations/A", eecu_seconds=5.0)]) == 1
    assert ledger.advance([Seen(one, Standing.RUNNING, "projects/p/operations/A", eecu_seconds=5.0)]) == 0
    assert ledger.advance([Seen(one, Standing.PENDING, eecu_seconds=1.0)]) == 1  # back in the queue: fine
    (operation,) = ledger.operations(Standing.PENDING)
    assert (operation.name, operation.unseen, operation.eecu_seconds) == ("projects/p/operations/A", 0, 5.0)
    ledger.advance([Seen(one, Standing.SUCCEEDED, ended="2017-06-13T10:10:31+00:00", destination_uris=("gs://x",))])
    assert ledger.advance([Seen(one, Standing.RUNNING)]) == 0
    assert ledger.operations()[0].destination_uris == ("gs://x",)
    assert ledger.eecu_seconds() == 5.0
    (finished,) = ledger.finished()
    assert (finished.job, finished.pixels, finished.bands) == (ONE, 10980**2, 2)
    # One that was gone may be found again.
    ledger.again(ONE, Cause.ANEW)
    (two,) = begin(ledger, ONE, attempt=2, cause=Cause.ANEW)
    ledger.advance([Seen(two, Standing.GONE)])
    assert ledger.advance([Seen(two, Standing.RUNNING)]) == 1


def test_operations_that_nobody_waits_for(ledger: Ledger) -> None:
    ledger.add([owed(1), owed(2)], "plan")
    (first,) = begin(ledger, ONE)
    (other,) = begin(ledger, TWO)
    ledger.advance([Seen(first, Standing.RUNNING, "a"), Seen(other, Standing.RUNNING, "b")])
    assert ledger.superseded_operations(Standing.RUNNING) == []
    ledger.again(ONE, Cause.ANEW, 2)
    assert [one.request_id for one in ledger.superseded_operations(Standing.RUNNING)] == [first]
    begin(ledger, ONE, 2, 2, Cause.ANEW)
    assert [one.request_id for one in ledger.superseded_operations(Standing.RUNNING)] == [first]
    assert len(ledger.current_operations(JobState.SUBMITTED)) == 5
    ledger.move(TWO, JobState.CANCELLED)
    assert {one.request_id for one in ledger.superseded_operations(Standing.RUNNING)} == {first, other}


def test_why_windows_are_not_there(ledger: Ledger) -> None:
    ledger.add([owed(1), owed(2), owed(3)], "plan")
    ledger.move(ONE, JobState.ABSENT, "no VH")
    ledger.set_empty(TWO, {"w1": "all pixels are zero"})
    ledger.move(TWO, JobState.LANDED)
    assert ledger.reasons() == {
        ("fingerprint1", "w0"): "no VH",
        ("fingerprint1", "w1"): "no VH",
        ("fingerprint2", "w1"): "all pixels are zero",
    }
    assert ledger.empty_windows(TWO) == {"w1": "all pixels are zero"}
    assert ledger.reasons(JobState.FAILED) == {("fingerprint2", "w1"): "all pixels are zero"}
    assert ledger.states_by_fingerprint() == {
        "fingerprint1": {ONE: JobState.ABSENT},
        "fingerprint2": {TWO: JobState.LANDED},
        "fingerprint3": {owed(3).job.id: JobState.PLANNED},
    }
    ledger.set_empty(TWO, {})
    ledger.add([owed(2), owed(3)], "other")
    assert ledger.reasons() == {}


def test_history_tells_what_happened(ledger: Ledger) -> None:
    ledger.add([owed(1)], "plan")
    (one,) = begin(ledger, ONE)
    ledger.advance([Seen(one, Standing.FAILED, error="User memory limit exceeded.")])
    ledger.again(ONE, Cause.SMALLER, 2, "User memory limit exceeded.")
    begin(ledger, ONE, 2, 2, Cause.SMALLER)
    ledger.ask_cancel([ONE])
    ledger.ask_cancel([ONE])
    texts = [event.text for event in ledger.history(ONE)]
    assert texts == [
        "attempt 1 (first): one operation to gs://bucket/prefix",
        "piece 0: intended → failed: User memory limit exceeded.",
        "submitted → planned: User memory limit exceeded.",
        "attempt 2 (smaller): 4 operations to gs://bucket/prefix",
        "cancellation asked for",
    ]
    assert [attempt.cause for attempt in ledger.attempts(ONE)] == [Cause.FIRST, Cause.SMALLER]
    times = [event.at for event in ledger.history()]
    assert times == sorted(times)


def test_what_a_person_types_finds_jobs(ledger: Ledger) -> None:
    ledger.add([owed(number) for number in range(25)], "plan")
    assert [record.job.id for record in ledger.find(job(7).id)] == [job(7).id]
    assert len(ledger.find("tile1")) == 10
    assert len(ledger.find("pass3")) == 3
    assert [record.label for record in ledger.find("tile2 pass4")] == ["tile2 pass4 c000000_r000000_10980x10980"]
    assert ledger.find("000") == []  # too short for an id
    assert ledger.find("%") == ledger.find("' OR 1 --") == []


def test_files_and_notes(ledger: Ledger) -> None:
    ledger.add([owed(1)], "plan")
    (one,) = begin(ledger, ONE)
    file = FileRecord(one, "bucket/a.tif", "a.tif", 12, "7", "ab" * 32, removed=False)
    ledger.add_files([file])
    ledger.add_files([file])
    assert ledger.files(ONE) == ledger.files() == [file]
    assert ledger.files(TWO) == []
    ledger.set_note("paused", "full")
    assert ledger.note("paused") == "full"
    ledger.set_note("paused", None)
    assert ledger.note("paused") is None


def test_a_transaction_is_all_or_nothing(ledger: Ledger, path: Path) -> None:
    ledger.add([owed(1), owed(2)], "plan")

    def interrupted() -> None:
        with ledger.transaction():
            begin(ledger, ONE)
            with ledger.transaction():
                ledger.move(TWO, JobState.FAILED, "x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert ledger.counts()[JobState.PLANNED] == 2
    assert ledger.operations() == []
    with ledger.transaction():
        begin(ledger, ONE)
        with Ledger.read(path) as reader:  # beside the writer, and without its unfinished business
            assert reader.counts()[JobState.PLANNED] == 2
    with Ledger.read(path) as reader:
        assert reader.counts()[JobState.SUBMITTED] == 1
        with pytest.raises(StorageError, match="may not be written"):
            reader.move(ONE, JobState.FAILED)


def test_it_survives_a_process_that_dies(path: Path) -> None:
    script = (
        "import os, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[1] / 'reference')!r})\n"
        "from pathlib import Path\n"
        "from ledger_jobs import job, owed\n"
        "from gee_s1ben.ledger import JobState, Ledger\n"
        f"ledger = Ledger.open(Path({str(path)!r}))\n"
        "ledger.add([owed(1), owed(2)], 'plan')\n"
        "with ledger.transaction():\n"
        "    ledger.move(job(1).id, JobState.DONE)\n"
        "    sys.stdout.write('in the middle')\n"
        "    sys.stdout.flush()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (-9, "in the middle"), ended.stderr
    with Ledger.open(path) as ledger:
        assert ledger.counts()[JobState.PLANNED] == 2


def test_pragmas(ledger: Ledger) -> None:
    asked = {
        name: ledger._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "user_version")
    }
    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "user_version": len(migrations())}


def test_migrations_are_numbered_from_one() -> None:
    names = [name for name, _ in migrations()]
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


def test_one_that_is_older_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.open(path) as ledger:
        ledger.add([owed(1)], "plan")
    more = [*migrations(), ("0002_more.sql", "ALTER TABLE jobs ADD COLUMN more TEXT; -- ;\nCREATE TABLE t (a);\n")]
    broken = [*more[:1], ("0002_broken.sql", "CREATE TABLE t (a);\nCREATE TABLE t (a);\n")]
    for steps, works in ((broken, False), (more, True), (more, True)):
        monkeypatch.setattr("gee_s1ben.ledger.opening.migrations", lambda steps=steps: steps)
        if works:
            with Ledger.open(path) as ledger:
                assert ledger.plan() == "plan"
        else:
            with pytest.raises(sqlite3.OperationalError):
                Ledger.open(path)
            with pytest.raises(LedgerError, match="older version"):
                Ledger.read(path)
    monkeypatch.undo()
    with pytest.raises(LedgerError, match="newer version"):
        Ledger.open(path)
    with pytest.raises(LedgerError, match="newer version"):
        Ledger.read(path)


@pytest.mark.parametrize("how", ["text", "truncated", "overwritten", "another program's"])
def test_one_that_is_broken_is_known(path: Path, how: str) -> None:
    with Ledger.open(path) as ledger:
        ledger.add([owed(number, windows=40) for number in range(200)], "plan")
    content = bytearray(path.read_bytes())
    if how == "text":
        path.write_bytes(b"what is this\n" * 1000)
    elif how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "overwritten":
        for at in range(4096, len(content), 4096):
            content[at : at + 600] = b"\xff" * 600
        path.write_bytes(content)
    else:
        path.unlink()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE theirs (a)")
        connection.close()
    with pytest.raises(BrokenLedgerError):
        Ledger.open(path)


def test_places_that_take_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        Ledger.open(tmp_path / "nowhere" / "ledger.sqlite")
    with pytest.raises(LedgerError, match="no ledger"):
        Ledger.read(tmp_path / "ledger.sqlite")


def test_views_for_people(ledger: Ledger, path: Path) -> None:
    ledger.add([owed(1)], "plan")
    begin(ledger, ONE)
    connection = sqlite3.connect(path)
    overview = connection.execute("SELECT id, state, operations, eecu_seconds, updated FROM job_overview").fetchall()
    assert overview == [(ONE, "submitted", "intended", 0.0, "1970-01-01 00:00:02")]
    told = connection.execute("SELECT at, target, text FROM history").fetchone()
    assert told == ("1970-01-01 00:00:02", "tile0", "attempt 1 (first): one operation to gs://bucket/prefix")
    connection.close()
