"""Rows 11 to 14, 20 to 23, 27: starting operations, exactly once."""

from __future__ import annotations

from typing import Any

import fault_effects as effects
import pytest
from fault_arena import Arena, World
from fault_proxy import Exchange

from gee_s1ben.errors import AccessError, ServiceError

JOBS = 3


def delivered(arena: Arena) -> None:
    """Everything arrived, and each job took one operation."""
    assert arena.finish().findings == ()
    assert arena.identical()
    assert len(arena.operations()) == JOBS


def request_ids(arena: Arena) -> list[str]:
    import json

    return [json.loads(asked.body)["requestId"] for asked in arena.proxy.asked if asked.route == "export"]


def hide_new(world: World, arena: Arena, seconds: float) -> effects.Effect:
    """A list that lags: operations younger than this are not in it."""
    from datetime import datetime

    def age(operation: Any) -> float:
        return world.now - datetime.fromisoformat(operation["metadata"]["createTime"]).timestamp()

    def alter(answer: Any) -> Any:
        return {**answer, "operations": [one for one in answer.get("operations", []) if age(one) >= seconds]}

    return effects.altered(alter)


@pytest.mark.row(11)
def test_reset_before_the_service_heard_of_it(new_arena, report) -> None:
    arena = new_arena("gcs", seconds=30)
    rule = arena.proxy.play("export", effects.reset_before, (1, 2))
    arena.export()
    delivered(arena)
    assert rule.played == 2
    assert len(set(request_ids(arena))) == JOBS
    report(
        f"{JOBS} operations for {JOBS} jobs, {len(request_ids(arena))} sendings, each again under its first id", arena
    )


@pytest.mark.row(12)
def test_reset_after_and_replay_refused(new_arena, report) -> None:
    arena = new_arena("gcs", seconds=30, settings={"refuse_replays": True})
    arena.proxy.play("export", effects.reset_after, (1, 3))
    arena.export()
    delivered(arena)
    assert len(set(request_ids(arena))) == JOBS
    report(f"found again by their tokens: {JOBS} operations for {JOBS} jobs", arena)


@pytest.mark.row(13)
def test_reset_after_and_replay_answered(new_arena, report) -> None:
    arena = new_arena("gcs", seconds=30)
    arena.proxy.play("export", effects.reset_after, (1, 2, 3))
    arena.export()
    delivered(arena)
    assert len(set(request_ids(arena))) == JOBS
    report(f"every first answer lost: {JOBS} operations for {JOBS} jobs", arena)


@pytest.mark.row(14)
@pytest.mark.parametrize("refused", [False, True], ids=["replay answered", "replay refused"])
@pytest.mark.parametrize("how", ["watching", "cron"])
def test_list_that_lags(new_arena, report, refused: bool, how: str) -> None:
    arena = new_arena("gcs", seconds=60, settings={"refuse_replays": refused})
    arena.proxy.play("export", effects.reset_after, (1, 2))
    arena.proxy.play("operations", hide_new(arena.world, arena, 60))
    if how == "watching":
        arena.export()
    else:
        for _ in range(60):
            if not arena.poll(apart=20).left:
                break
    delivered(arena)
    assert len(set(request_ids(arena))) == JOBS
    report(f"not taken for lost while the list lags: {JOBS} operations for {JOBS} jobs", arena)


ODD = {
    "HTML": effects.page(200),
    "{}": effects.answer(200, b"{}"),
    "bad JSON": effects.answer(200, b'{"name": '),
    "204": effects.answer(204),
    "a list": effects.answer(200, b"[]"),
    "null": effects.answer(200, b"null"),
}


@pytest.mark.row(20)
@pytest.mark.parametrize("what", ODD)
def test_odd_answers_to_a_submission(new_arena, report, what: str) -> None:
    """The service may have started it, or not: here it has, and then it has not."""

    def started(exchange: Exchange) -> None:
        exchange.forward()
        ODD[what](exchange)

    arena = new_arena("gcs", seconds=30)
    arena.proxy.play("export", started, (1,))
    arena.proxy.play("export", ODD[what], (1,))
    arena.proxy.play("operations", ODD[what], (2,))
    arena.export()
    delivered(arena)
    assert len(set(request_ids(arena))) == JOBS
    report("the same instead of an operation or a list of them: looked for by the token, never started twice", arena)


@pytest.mark.row(22)
def test_page_token_that_repeats(new_arena, report) -> None:
    arena = new_arena("gcs", seconds=30)

    def endless(answer: Any) -> Any:
        return {**answer, "nextPageToken": "again"}

    arena.poll()
    asked = arena.proxy.count("operations")
    arena.proxy.play("operations", effects.altered(endless))
    with pytest.raises(ServiceError, match=r"(?i)page|list|end"):
        arena.poll()
    pages = arena.proxy.count("operations") - asked
    assert pages <= 20
    assert len(arena.operations()) == JOBS
    arena.proxy.forget()
    arena.export()
    delivered(arena)
    report("a list that never ends is an error and not read for ever; nothing is submitted on it", arena)


@pytest.mark.row(22)
@pytest.mark.parametrize(("transport", "route"), [("gcs", "storage.list"), ("drive", "drive.list")])
def test_listing_of_files_that_repeats(new_arena, report, transport: str, route: str) -> None:
    arena = new_arena(transport, seconds=30)
    rule = arena.proxy.play(route, effects.altered(lambda answer: {**answer, "nextPageToken": "again"}))
    with pytest.raises(ServiceError):
        arena.export()
    assert rule.played <= 400
    assert arena.windows() == []
    arena.proxy.forget()
    arena.export()
    delivered(arena)
    report("nor is a listing of files", arena)


@pytest.mark.row(7)
def test_not_registered_when_submitting(new_arena, report) -> None:
    arena = new_arena("gcs", seconds=30)
    arena.proxy.play("export", effects.error(403, "Project embedded is not registered to use Earth Engine."))
    with pytest.raises(AccessError, match="register the project"):
        arena.export()
    assert arena.proxy.count("export") == 1
    arena.proxy.forget()
    arena.export()
    delivered(arena)
    report("the same for a submission", arena)


@pytest.mark.row(23)
def test_expression_too_large_is_not_sent(new_arena, report) -> None:
    import ee

    from gee_s1ben.session.exports import ExportRequest, start_export

    arena = new_arena("gcs", seconds=30)
    with arena.exporting() as context:
        record = context.ledger.jobs()[0]
        (intended, *_) = context.intended(record.job, 1, 1)
        sent = []
        for size in (10_485_760, 9_000_000):
            request = ExportRequest(
                ee.Image(0).set("text", "x" * size).toFloat(), record.job.grid, ("constant",),
                intended.description, intended.request_id, context.destination.options(intended.description),
            )  # fmt: skip
            try:
                start_export(context.connection, request)
            except ServiceError as error:
                assert error.status == 413  # noqa: PT017 - that it is raised is counted below
            sent.append(arena.proxy.count("export"))
    assert sent == [0, 1]
    report("a graph above the limit is refused before it is sent")


@pytest.mark.row(23)
def test_request_for_scenes_is_split(new_arena, report) -> None:
    """Two targets of one request; the service takes a request for one of them only."""
    from gee_s1ben.config import load_config
    from gee_s1ben.pipeline.match import match
    from gee_s1ben.pipeline.workspace import Workspace
    from gee_s1ben.session.connection import connect

    arena = new_arena()
    text = arena.path.read_text("utf-8")
    entry = "  - {tile: 33UUP, acquired: 2017-06-14T10:10:31Z, patches: {columns: [45, 47], rows: [45, 47]}}\n"
    (arena.folder / "config.yaml").write_text(text.replace("radar:", entry + "radar:"), "utf-8")
    config = load_config(arena.folder / "config.yaml")
    found = []
    sizes: list[int] = []
    limit = 10**9
    text = "Request payload size exceeds the limit: 10485760 bytes."
    for name in ("whole", "split"):
        workspace = Workspace(arena.folder / name)
        with workspace.held(), connect(config):
            arena.proxy.forget()
            rule = arena.proxy.play(
                "value", effects.error(400, text), when=lambda asked, limit=limit: len(asked.body) > limit
            )
            index = match(config, workspace)
            found.append((index, [p.read_bytes() for p in sorted((workspace.path / "match").iterdir())]))
        sizes = [len(asked.body) for asked in arena.proxy.asked if asked.route == "value"]
        limit = max(sizes) - 1
    assert rule.played >= 1
    assert found[0] == found[1]
    assert len(found[0][0].targets) == 2
    arena.proxy.forget()
    arena.fetch()
    assert arena.finish().findings == ()
    assert arena.identical()
    report("a request for scenes one byte above the limit is halved: the same matches", arena)


@pytest.mark.row(27)
def test_queue_is_full(new_arena, report) -> None:
    """Other work of the project fills the queue; it drains one by one."""
    arena = new_arena("gcs", window_px=120, seconds=30, settings={"pending": 2, "running": 1})
    arena.export(raster_px=120)
    jobs = len(arena.jobs())
    assert jobs == 9
    assert arena.proxy.count("export") > jobs  # some were refused
    assert arena.finish().findings == ()
    assert arena.identical()
    assert len(arena.operations()) == jobs
    report(f"{jobs} operations through a queue of 2, one running: held and drained", arena)


@pytest.mark.row(27)
def test_the_sentence_of_a_full_queue(new_arena, report) -> None:
    arena = new_arena("gcs", seconds=30)
    text = "Too many tasks already in the queue (3000). Please wait for some of them to complete."
    rule = arena.proxy.play("export", effects.error(400, text), range(2, 5))
    polled = arena.poll()
    assert polled.submitted.sent == 1
    assert "queue" in polled.submitted.held
    assert rule.seen == 2  # after a refusal nothing more is sent in this poll
    arena.export()
    delivered(arena)
    report("after a refusal nothing more is sent until the next poll", arena)
