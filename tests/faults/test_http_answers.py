"""Rows 15 to 22, 24 to 26: answers that are late, cut off, something else, too large or too many."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import fault_effects as effects
import pytest
import requests
from fault_arena import Arena
from fault_proxy import Asked, FaultProxy

from gee_s1ben.errors import ServiceError
from gee_s1ben.session import retrying

WINDOWS = 3


def recovered(arena: Arena) -> int:
    assert arena.fetch() == (WINDOWS, 0)
    assert arena.finish().findings == ()
    assert arena.identical()
    return arena.proxy.count("pixels")


@pytest.mark.row(15)
def test_black_hole(arena: Arena, report, short_deadline) -> None:
    arena.proxy.play("pixels", effects.black_hole, (1, 2))
    assert recovered(arena) == WINDOWS + 2
    report("given up at the deadline and asked again", arena)


@pytest.mark.row(15)
def test_black_hole_for_ever(arena: Arena, short_deadline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "PATIENCE", replace(retrying.PATIENCE, seconds=3))
    arena.proxy.play("pixels", effects.black_hole)
    with pytest.raises(ServiceError, match=r"no (whole )?answer within|timed out"):
        arena.fetch()
    assert arena.windows() == []


@pytest.mark.row(16)
def test_byte_drip(arena: Arena, report, short_deadline) -> None:
    arena.proxy.play("pixels", effects.drip(0.05), (1, 2))
    assert recovered(arena) == WINDOWS + 2
    report("never silent for long, given up at the deadline of the whole answer and asked again", arena)


@pytest.mark.row(17)
def test_short_content_length(arena: Arena, report) -> None:
    arena.proxy.play("pixels", effects.cut_short(), (1,))
    arena.proxy.play("pixels", effects.cut_short(0), (1,))
    assert recovered(arena) == WINDOWS + 2
    report("half an answer and an empty one: asked again", arena)


@pytest.mark.row(18)
@pytest.mark.parametrize("keep", [0.0, 0.4, 0.999])
def test_short_body_ended_by_eof(arena: Arena, report, keep: float) -> None:
    arena.proxy.play("pixels", effects.ended_by_eof(keep), (1,))
    assert recovered(arena) == WINDOWS + 1
    report("0, 40 and 99.9 % of a file: not decoded, asked again", arena)


@pytest.mark.row(18)
@pytest.mark.parametrize("route", ["algorithms", "discovery"])
def test_short_json_ended_by_eof(arena: Arena, report, route: str) -> None:
    arena.proxy.play(route, effects.ended_by_eof(), (1,))
    try:
        arena.fetch()
    except ServiceError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is right
        arena.proxy.forget()
        recovered(arena)
    else:
        arena.finish()
    report("half a document at the start: asked again, or told in one line", arena)


@pytest.mark.row(19)
def test_truncated_gzip(arena: Arena, report) -> None:
    arena.proxy.play("pixels", effects.truncated_gzip, (1, 3))
    assert recovered(arena) == WINDOWS + 2
    report("found by its missing end, asked again", arena)


ODD = {
    "HTML": effects.page(200),
    "{}": effects.answer(200, b"{}"),
    "bad JSON": effects.answer(200, b'{"error": '),
    "204": effects.answer(204),
    "empty": effects.answer(200),
}


@pytest.mark.row(20)
@pytest.mark.parametrize("what", ODD)
def test_other_answers_under_200(arena: Arena, report, what: str) -> None:
    arena.proxy.play("pixels", ODD[what], (1,))
    assert recovered(arena) == WINDOWS + 1
    report("HTML, `{}`, bad JSON, 204 and nothing instead of pixels: asked again", arena)


@pytest.mark.row(20)
@pytest.mark.parametrize("what", ODD)
def test_other_answers_for_ever(arena: Arena, what: str) -> None:
    arena.proxy.play("pixels", ODD[what])
    with pytest.raises(ServiceError):
        arena.fetch()
    assert arena.windows() == []


@pytest.mark.row(21)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_to_another_host(arena: Arena, report, status: int) -> None:
    with FaultProxy(arena.upstream) as elsewhere:
        arena.proxy.play("pixels", effects.redirect(f"{elsewhere.url}/v1/pixels", status))
        with pytest.raises(ServiceError, match="sent the request on to"):
            arena.fetch()
        assert elsewhere.count() == 0
    arena.proxy.forget()
    assert arena.fetch() == (WINDOWS, 0)
    assert arena.finish().findings == ()
    report("301, 302, 307, 308: refused; the other host got 0 requests", arena)


def cut_at(pixels: int):
    """Refuse windows of more pixels than this, in the service's words."""

    def too_large(asked: Asked) -> bool:
        size = json.loads(asked.body)["grid"]["dimensions"]
        return size["width"] * size["height"] > pixels

    return too_large


@pytest.mark.row(24)
def test_window_too_large(arena: Arena, report) -> None:
    text = "Total request size (50331649 bytes) must be less than or equal to 50331648 bytes."
    rule = arena.proxy.play("pixels", effects.error(400, text), when=cut_at(120 * 360 - 1))
    assert recovered(arena) > WINDOWS
    assert rule.played == WINDOWS
    asked = arena.proxy.count("pixels")
    report(f"{WINDOWS} windows refused for one byte too many, come in parts ({asked} requests): pixels equal", arena)


@pytest.mark.row(24)
def test_the_service_counts_bytes(arena: Arena) -> None:
    """The limit itself: 48 MiB pass, one pixel more does not."""
    for height, status in ((2048, 200), (2049, 400)):
        body = {
            "expression": {"result": "0", "values": {"0": {"functionInvocationValue": {
                "functionName": "Image.constant", "arguments": {"value": {"constantValue": 1.5}}}}}},
            "fileFormat": "NPY",
            "grid": {"crsCode": "EPSG:32633", "affineTransform": {"scaleX": 10, "scaleY": -10},
                     "dimensions": {"width": 3072, "height": height}},
        }  # fmt: skip
        answer = requests.post(f"{arena.upstream}/v1/projects/embedded/image:computePixels", json=body, timeout=60)
        assert answer.status_code == status, answer.text[:300]


@pytest.mark.row(25)
@pytest.mark.parametrize("what", ["503", "HTML", "reset", "not JSON"])
def test_discovery_fails(arena: Arena, report, what: str) -> None:
    effect = {
        "503": effects.error(503, "backend error"),
        "HTML": effects.page(200),
        "reset": effects.reset_before,
        "not JSON": effects.answer(200, b"nonsense"),
    }[what]
    arena.proxy.play("discovery", effect)
    with pytest.raises(ServiceError, match="connecting to Earth Engine at") as failed:
        arena.fetch()
    assert "\n" not in str(failed.value)
    assert arena.proxy.count() == arena.proxy.count("discovery")
    arena.proxy.forget()
    recovered(arena)
    report("503, HTML, a reset, nonsense: one line, nothing else is asked", arena)


@pytest.mark.row(26)
def test_latency(new_arena, report) -> None:
    arena = new_arena(patch_px=40, window_px=40)
    lock, left = threading.Lock(), iter(range(10**6))

    def slow(exchange) -> None:
        with lock:
            number = next(left)
        exchange.wait(0.05 if number % 20 else 0.5)  # now and then one that holds its place for long
        exchange.send(exchange.forward())

    arena.proxy.play("pixels", slow)
    fetched, kept = arena.fetch(in_flight=40)
    most = arena.proxy.most_in_flight["pixels"]
    assert (fetched, kept) == (84, 0)  # three of them of the next pass of patches that lack pixels
    assert 1 < most <= 40
    assert arena.finish().findings == ()
    assert arena.identical()
    report("84 windows, latencies of 0.05 to 0.5 s in place of 60 s: at most 40 in flight", arena)


def test_nothing_half_written(arena: Arena) -> None:
    """Whatever came, no partial file stays behind."""
    arena.proxy.play("pixels", effects.cut_short(), (1, 2))
    recovered(arena)
    assert not list(Path(arena.folder).rglob(".partial-*"))
