"""Connecting to the embedded service, and what its refusals become."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from pathlib import Path

import ee
import numpy as np
import pytest

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.engine.service import serving
from gee_s1ben.errors import AccessError, Reaction, ServiceError
from gee_s1ben.session import retrying
from gee_s1ben.session.computing import compute_pixels, compute_value
from gee_s1ben.session.connection import connected

GRID = Grid("EPSG:32633", (10.0, 0.0, 300_000.0, 0.0, -10.0, 5_900_040.0), 30, 20)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    Catalog.create(tmp_path / "catalog")
    return tmp_path / "catalog"


def test_no_network_is_needed(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the client went to the network")

    monkeypatch.setattr(urllib.request, "urlopen", refused)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    start = time.monotonic()
    with serving(empty) as url, connected(url, "embedded") as connection:
        assert compute_value(ee.Number(1).add(2)) == 3
        assert connection.backend == "embedded"
        assert connection.client_version == ee.__version__
    assert time.monotonic() - start < 10


def test_again_in_the_same_process(empty: Path) -> None:
    for expected in (3, 4):
        with serving(empty) as url, connected(url, "embedded"):
            assert compute_value(ee.Number(1).add(expected - 1)) == expected
    assert not ee.data.is_initialized()


def test_pixels_are_what_was_asked_for(ee_session: str) -> None:
    image = ee.Image([3, 5]).rename(["x", "y"]).toFloat()
    pixels = compute_pixels(image, GRID, ("y", "x"))
    np.testing.assert_array_equal(pixels["x"], np.full((20, 30), 3, np.float32))
    np.testing.assert_array_equal(pixels["y"], np.full((20, 30), 5, np.float32))


def test_refusals_say_what_was_asked_and_what_helps(ee_session: str) -> None:
    with pytest.raises(ServiceError, match=r"looking: .*not found.*check the collection's id") as caught:
        compute_value(ee.Image("COPERNICUS/S1_GRD/none").bandNames(), "looking")
    assert caught.value.status in (400, 404)
    assert not isinstance(caught.value, AccessError)


def test_answer_of_another_type_is_refused(ee_session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = ee.data.computePixels
    monkeypatch.setattr(ee.data, "computePixels", lambda params: asked.append(1) or real(params))
    with pytest.raises(ServiceError, match=r"not what was asked for, 3 times: .*instead of float32"):
        compute_pixels(ee.Image(1).rename("x").toDouble(), GRID, ("x",))
    assert len(asked) == retrying.PATIENCE.unusable


@pytest.mark.parametrize("content", [b"", b"<html>busy</html>", {"not": "bytes"}])
def test_one_bad_answer_is_asked_for_again(ee_session: str, monkeypatch: pytest.MonkeyPatch, content: object) -> None:
    answers = [content]
    real = ee.data.computePixels
    monkeypatch.setattr(ee.data, "computePixels", lambda params: answers.pop() if answers else real(params))
    pixels = compute_pixels(ee.Image(7).rename("x").toFloat(), GRID, ("x",))
    np.testing.assert_array_equal(pixels["x"], np.full((20, 30), 7, np.float32))


def test_nothing_listens_is_said_at_once() -> None:
    with socket.socket() as bound:  # bound and not listening: nobody else gets the port
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        start = time.monotonic()
        with pytest.raises(ServiceError, match=r"nothing listens at .*engine serve") as caught, connected(url, "p"):
            pass
        assert time.monotonic() - start < 3
        assert caught.value.reaction is Reaction.STOP


def test_a_service_that_is_just_being_started_is_waited_for(empty: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    ready = threading.Event()

    def serve() -> None:
        time.sleep(0.3)
        with serving(empty, port=port):
            ready.wait(60)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with connected(f"http://127.0.0.1:{port}", "p"):
            assert compute_value(ee.Number(1).add(2)) == 3
    finally:
        ready.set()
        thread.join()


def test_plain_http_only_to_this_machine() -> None:
    with pytest.raises(ServiceError, match="use https"), connected("http://earthengine.example", "p", object()):
        pass
    with pytest.raises(AccessError, match="credentials"), connected("https://earthengine.example", "p"):
        pass
