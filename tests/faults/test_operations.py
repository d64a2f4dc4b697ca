"""Rows 28 to 40: what operations do that nobody asked them to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fault_effects as effects
import pytest
import requests
from fault_arena import Arena

from gee_s1ben.dataset.manifest import read_patches
from gee_s1ben.errors import EngineError

JOBS = 3
HOUR, DAY = 3600.0, 86_400.0
Request = Any


def delivered(arena: Arena, operations: int = JOBS) -> None:
    assert arena.finish().findings == ()
    assert arena.identical()
    assert len(arena.operations()) == operations


def polled_until(arena: Arena, done: Callable[[], bool], apart: float, most: int = 60, **export: Any) -> int:
    """Poll as cron does until something holds; return how often."""
    for count in range(1, most + 1):
        arena.poll(apart=apart, **export)
        if done():
            return count
    raise AssertionError(arena.states())


def all_landed(arena: Arena) -> Callable[[], bool]:
    return lambda: set(arena.states()) == {"landed"}


def foreign(arena: Arena) -> None:
    """Somebody else's export, on the same project."""
    body = {
        "expression": {"result": "0", "values": {"0": {"functionInvocationValue": {
            "functionName": "Image.constant", "arguments": {"value": {"constantValue": 7}}}}}},
        "description": "foreign",
        "grid": {"crsCode": "EPSG:32633", "affineTransform": {"scaleX": 10, "scaleY": -10},
                 "dimensions": {"width": 4, "height": 4}},
        "fileExportOptions": {"fileFormat": "GEO_TIFF",
                              "cloudStorageDestination": {"bucket": "a-bucket", "filenamePrefix": "foreign"}},
    }  # fmt: skip
    answer = requests.post(f"{arena.upstream}/v1/projects/embedded/image:export", json=body, timeout=30)
    assert answer.status_code == 200, answer.text


@pytest.mark.row(28)
def test_ready_for_days(new_arena, report) -> None:
    def seconds(request: Request) -> float:
        return 5 * DAY if request.description == "foreign" else 60.0

    arena = new_arena("gcs", settings={"running": 1, "duration": seconds}, clocked=True)
    foreign(arena)
    start = arena.world.now
    polls = polled_until(arena, all_landed(arena), apart=DAY)
    assert arena.world.now - start >= 5 * DAY
    assert arena.proxy.count("export") == JOBS
    assert arena.finish().findings == ()
    assert arena.identical()
    report(f"{polls} polls over five simulated days, {JOBS} submissions for {JOBS} jobs", arena)


@pytest.mark.row(29)
def test_running_goes_back_to_ready(new_arena, report) -> None:
    arena = new_arena("gcs", seconds=300)
    arena.poll(2, apart=10)
    with arena.ledger() as ledger:
        assert {str(one.standing) for one in ledger.operations()} == {"running", "pending"}
    arena.restart_service()  # what ran waits again
    arena.proxy.play(
        "operations",
        effects.altered(
            lambda answer: [one["metadata"].update(state="PENDING") for one in answer["operations"]] and None
        ),
        (1, 2),
    )
    arena.poll()
    with arena.ledger() as ledger:
        assert {str(one.standing) for one in ledger.operations()} == {"pending"}
    arena.export()
    delivered(arena)
    report("waited for: the same operations, none more", arena)


@pytest.mark.row(30)
def test_out_of_memory_once(new_arena, report) -> None:
    def trouble(request: Request, _attempt: int) -> None:
        if request.grid.width * request.grid.height > 120 * 360 // 2:
            raise EngineError("User memory limit exceeded.")

    arena = new_arena("gcs", seconds=30, settings={"trouble": trouble})
    arena.export()
    delivered(arena, JOBS + 4 * JOBS)
    report(f"{JOBS} rasters failed whole and came in 4 parts each: pixels equal", arena)


@pytest.mark.row(30)
def test_out_of_memory_for_ever(new_arena, report) -> None:
    def trouble(request: Request, _attempt: int) -> None:
        if "S1A_017011" in request.description:
            raise EngineError("Execution failed; out of memory.")

    arena = new_arena("gcs", seconds=30, settings={"trouble": trouble})
    done = arena.export()
    assert (done["failed"], len(arena.windows())) == (1, JOBS - 1)
    assert len(arena.operations()) == JOBS + 4
    arena.export()
    assert len(arena.operations()) == JOBS + 4
    assert arena.finish().absent == 3
    report("one that is too large in parts as well fails alone, with its reason; the others are there", arena)


@pytest.mark.row(31)
def test_no_vh(new_arena, report) -> None:
    def trouble(request: Request, _attempt: int) -> None:
        if "S1A_017011" in request.description:
            raise EngineError("Image.select: Band pattern 'VH' did not match any bands. Available bands: [VV].")

    arena = new_arena("gcs", seconds=30, settings={"trouble": trouble})
    done = arena.export()
    assert (done["absent"], done["failed"]) == (1, 0)
    (absent,) = [record for record in arena.jobs() if record.state == "absent"]
    assert "did not match any bands" in absent.reason
    arena.export()
    assert len(arena.operations()) == JOBS + 1
    verified = arena.finish()
    assert (verified.findings, verified.right, verified.absent) == ((), 9, 0)
    over = [row for row in read_patches(arena.folder / "dataset") if row.passed_over]
    assert len(over) == 3
    assert {row.passed_over for row in over} == {f"S1A_017011: {absent.reason}"}
    report("its 3 patches from their next pass, with the reason; one operation, no retry; the others are there", arena)


@pytest.mark.row(32)
@pytest.mark.parametrize("times", [1, 2])
def test_internal_failure(new_arena, report, times: int) -> None:
    failures: list[str] = []

    def trouble(request: Request, attempt: int) -> None:
        if "S1A_017011" in request.description and (request.request_id in failures or len(set(failures)) < times):
            failures.append(request.request_id)
            raise RuntimeError("a worker died")

    arena = new_arena("gcs", seconds=30, settings={"trouble": trouble})
    done = arena.export()
    assert len(failures) == 5 * times  # the service's own attempts
    assert len(set(failures)) == times
    assert len(arena.operations()) == JOBS + 1
    assert done["failed"] == times - 1
    if times == 1:
        delivered(arena, JOBS + 1)
        report("one new attempt with a new id, which succeeds", arena)
    else:
        arena.export()
        assert len(arena.operations()) == JOBS + 1
        assert arena.finish().absent == 3
        report("failing again it is given up with its reason: no third", arena)


@pytest.mark.row(33)
def test_unknown_state(new_arena, report) -> None:
    arena = new_arena("gcs", seconds=30)
    arena.poll()

    def alter(answer: Any) -> None:
        for one in answer["operations"]:
            one["metadata"]["state"] = "THROTTLED"
            one.pop("done", None)

    arena.proxy.play("operations", effects.altered(alter))
    arena.poll(10, apart=DAY)
    with arena.ledger() as ledger:
        assert {str(one.standing) for one in ledger.operations()} == {"unknown"}
    assert arena.proxy.count("export") == JOBS
    arena.proxy.forget()
    arena.export()
    delivered(arena)
    report("kept as it is for ten days of polls, nothing submitted; then the files are taken", arena)


def forgotten(arena: Arena) -> None:
    """The service has forgotten its operations."""
    arena.proxy.play("operations", effects.answer(200, b"{}"))
    arena.proxy.play("operation", effects.error(404, "Operation not found."))


@pytest.mark.row(34)
def test_forgotten_operations_with_outputs(new_arena, report) -> None:
    arena = new_arena("gcs", seconds=30)
    arena.poll()
    arena.world.now += 12 * DAY
    assert arena.operations()  # they are over now
    forgotten(arena)
    polled_until(arena, all_landed(arena), apart=HOUR)
    delivered(arena)
    report("404 with the files there: taken, no operation more", arena)


@pytest.mark.row(34)
def test_forgotten_operations_without_outputs(new_arena, report) -> None:
    def seconds(request: Request) -> float:
        return 60.0 if request.description[-4:] == "-2-0" else 10 * DAY

    arena = new_arena("gcs", settings={"duration": seconds, "running": 10}, clocked=True)
    arena.poll()
    gone = {one["name"] for one in arena.operations()}
    arena.proxy.play(
        "operations",
        effects.altered(
            lambda answer: {"operations": [one for one in answer.get("operations", []) if one["name"] not in gone]}
        ),
    )
    arena.proxy.play(
        "operation",
        effects.error(404, "Operation not found."),
        when=lambda asked: any(asked.target.partition("?")[0].endswith(name) for name in gone),
    )
    polled_until(arena, all_landed(arena), apart=HOUR)
    delivered(arena, 2 * JOBS)
    report("without files: one new attempt each, with a new id", arena)


@pytest.mark.row(35)
def test_cancelled_too_late(new_arena, report) -> None:
    from gee_s1ben.pipeline.exporting import cancel

    arena = new_arena("gcs", seconds=300, settings={"running": 10})
    arena.poll(2, apart=10)
    arena.proxy.play("cancel", effects.answer(200, b"{}"))  # heard, and not heeded
    with arena.exporting() as context:
        assert cancel(context, context.ledger.jobs()) == JOBS

    def alter(answer: Any) -> None:
        for one in answer["operations"]:
            one["metadata"]["state"] = "CANCELLING"

    arena.proxy.play("operations", effects.altered(alter), (1,))
    arena.poll()
    assert set(arena.states()) == {"submitted"}
    arena.world.now += 600
    arena.poll()
    assert set(arena.states()) == {"landed"}
    delivered(arena)
    report("what succeeded all the same is taken, and not asked for again", arena)


@pytest.mark.row(35)
def test_cancelled_in_time(new_arena, report) -> None:
    from gee_s1ben.pipeline.exporting import cancel, retry

    arena = new_arena("gcs", seconds=300)
    arena.poll()
    with arena.exporting() as context:
        cancel(context, context.ledger.jobs())
    arena.poll(3, apart=10)
    assert set(arena.states()) == {"cancelled"}
    assert {one["metadata"]["state"] for one in arena.operations()} == {"CANCELLED"}
    with arena.exporting() as context:
        assert retry(context.ledger, context.ledger.jobs()) == JOBS
    arena.export()
    delivered(arena, 2 * JOBS)
    report("what was cancelled in time comes by a retry, as a new attempt", arena)


def hidden_until(arena: Arena, moment: float, items: str) -> effects.Effect:
    def alter(answer: Any) -> Any:
        return {**answer, items: []} if arena.world.now < moment else answer

    return effects.altered(alter)


@pytest.mark.row(36)
@pytest.mark.parametrize(
    ("transport", "route", "items"), [("gcs", "storage.list", "items"), ("drive", "drive.list", "files")]
)
def test_late_file(new_arena, report, transport: str, route: str, items: str) -> None:
    arena = new_arena(transport, seconds=30)
    arena.proxy.play(route, hidden_until(arena, arena.world.now + 700, items))
    arena.export(every=60)
    assert arena.world.now >= 1_750_000_700
    delivered(arena)
    report("waited for ten minutes and taken, no operation more", arena)


@pytest.mark.row(37)
def test_missing_file(new_arena, report) -> None:
    from gee_s1ben.pipeline.exporting import retry

    arena = new_arena("gcs", seconds=30)
    hidden = "S1A_017011"

    def alter(answer: Any) -> Any:
        return {**answer, "items": [one for one in answer.get("items", []) if hidden not in one["name"]]}

    arena.proxy.play("storage.list", effects.altered(alter))
    done = arena.export(every=300)
    assert (done["failed"], len(arena.windows())) == (1, JOBS - 1)
    (failed,) = [record for record in arena.jobs() if record.state == "failed"]
    assert "60 minutes" in failed.reason
    assert len(arena.operations()) == JOBS
    arena.proxy.forget()
    with arena.exporting() as context:
        retry(context.ledger, [context.ledger.job(failed.job.id)])
    arena.export()
    delivered(arena, JOBS + 1)
    report("after an hour that job fails, the others are there; a retry brings it", arena)


@pytest.mark.row(38)
def test_restricted_project(new_arena, report) -> None:
    arena = new_arena("gcs", window_px=120, seconds=30, settings={"running": 10})
    quota = effects.with_header("x-earth-engine-quota-status", "restricted=true")
    arena.proxy.play("operations", quota)
    arena.poll(raster_px=120)
    out = [one for one in arena.operations() if one["metadata"]["state"] in ("PENDING", "RUNNING")]
    assert 1 <= len(out) <= 2
    arena.export(raster_px=120)
    delivered(arena, 9)
    report("at most 2 operations out where 9 were due", arena)


@pytest.mark.row(38)
def test_restricted_project_direct(new_arena, report) -> None:
    arena = new_arena(window_px=120)
    arena.proxy.play("*", effects.with_header("x-earth-engine-quota-status", "restricted=true"))
    assert arena.fetch() == (9, 0)
    assert arena.proxy.most_in_flight["pixels"] == 1
    assert arena.finish().findings == ()
    assert arena.identical()
    report("direct: 1 request in flight", arena)


@pytest.mark.row(39)
def test_an_asset_vanishes(new_arena, report) -> None:
    def trouble(request: Request, _attempt: int) -> None:
        if "S1A_017011" in request.description:
            raise EngineError(
                "Image asset 'COPERNICUS/S1_GRD/X' not found (does not exist or caller does not have access)."
            )

    arena = new_arena("gcs", seconds=30, settings={"trouble": trouble})
    done = arena.export()
    assert (done["failed"], len(arena.windows())) == (1, JOBS - 1)
    arena.export()
    assert len(arena.operations()) == JOBS
    assert arena.finish().absent == 3
    report("that job alone fails, once, with the reason; the others are there", arena)


@pytest.mark.row(39)
def test_an_asset_vanishes_direct(arena: Arena, report) -> None:
    text = "Image asset 'COPERNICUS/S1_GRD/X' not found (does not exist or caller does not have access)."
    arena.proxy.play("pixels", effects.error(400, text), (2,))
    assert arena.fetch() == (JOBS - 1, 0)
    assert arena.finish().absent == 3
    report("direct: the same; the next run asks again", arena)
    assert arena.fetch() == (1, JOBS - 1)
    assert arena.finish().findings == ()
    assert arena.identical()


@pytest.mark.row(40)
@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_clock_that_jumps(new_arena, report, jump: float) -> None:
    arena = new_arena("gcs", seconds=300)
    arena.proxy.play("storage.list", hidden_until(arena, arena.world.now + 1500, "items"))
    for number in range(200):
        arena.skew = jump if number in (4, 5) else 0.0  # there and back
        if not arena.poll(apart=200).left:
            break
    delivered(arena)
    report("a day ahead and back, a day behind and back: nothing counts as late or lost for it", arena)


@pytest.mark.row(40)
@pytest.mark.parametrize("skew", [DAY, -DAY])
def test_clock_that_is_wrong(new_arena, report, skew: float) -> None:
    arena = new_arena("gcs", seconds=300)
    arena.skew = skew
    arena.export()
    delivered(arena)
    report("all the time a day wrong: the same", arena)
