"""Signing in while at work: refreshed once, waited for while the token service is busy, given up when it says no."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import ee
import google.oauth2.credentials
import pytest

from gee_s1ben.config.model import Config
from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.engine.service import serving
from gee_s1ben.errors import AccessError, Reaction, ServiceError
from gee_s1ben.session import retrying
from gee_s1ben.session.computing import compute_value
from gee_s1ben.session.connection import connected
from gee_s1ben.session.destinations import open_destination


class Guarded:
    """An embedded service behind a door that asks for tokens, and the place that gives them."""

    def __init__(self, real: str, badly_answering: Callable[..., str]) -> None:
        self.real = real
        self.good = "fresh"
        self.refreshed = 0
        self.troubles: list[tuple[int, str]] = []
        self.asked = 0
        self.url = badly_answering(self._answer)

    def credentials(self, token: str | None) -> Any:
        make: Any = google.oauth2.credentials.Credentials
        return make(
            token, refresh_token="1//CANARY", token_uri=f"{self.url}/token", client_id="id", client_secret="CANARY"
        )

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if handler.path == "/token":
            self.refreshed += 1
            status, said = self.troubles.pop(0) if self.troubles else (200, "")
            told = {"error": said} if said else {"access_token": self.good, "expires_in": 3600, "token_type": "Bearer"}
            self._send(handler, status, json.dumps(told).encode())
        elif handler.headers.get("Authorization") != f"Bearer {self.good}":
            self.asked += 1
            self._send(handler, 401, b'{"error": {"message": "Request had invalid authentication credentials."}}')
        else:
            self.asked += 1
            headers = {"Content-Type": handler.headers.get("Content-Type", "application/json")}
            forward = urllib.request.Request(  # noqa: S310
                self.real + handler.path, body or None, headers, method=handler.command
            )
            with urllib.request.urlopen(forward) as response:  # noqa: S310
                self._send(handler, 200, response.read().replace(self.real.encode(), self.url.encode()))

    def _send(self, handler: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


@pytest.fixture
def guarded(tmp_path: Path, badly_answering, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    monkeypatch.setattr(retrying, "PATIENCE", retrying.Patience(pause=lambda _: None))
    # What google-auth itself waits between its own attempts at a token.
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda _: None)
    Catalog.create(tmp_path / "catalog")
    with serving(tmp_path / "catalog", exports=tmp_path / "exports") as real:
        yield Guarded(real, badly_answering)


def test_a_token_that_has_run_out_is_refreshed_once(guarded: Guarded) -> None:
    with connected(guarded.url, "embedded", guarded.credentials("fresh")):
        assert compute_value(ee.Number(1).add(2)) == 3
        assert guarded.refreshed == 0
        guarded.good = "fresher"
        assert compute_value(ee.Number(1).add(2)) == 3
        assert compute_value(ee.Number(1).add(3)) == 4
    assert guarded.refreshed == 1


def test_a_busy_token_service_is_waited_for(guarded: Guarded) -> None:
    guarded.troubles = [(503, "internal_failure")] * 7
    with connected(guarded.url, "embedded", guarded.credentials(None)):
        assert compute_value(ee.Number(1).add(2)) == 3
    assert guarded.refreshed == 8


def test_a_grant_that_was_withdrawn_stops(guarded: Guarded) -> None:
    guarded.troubles = [(400, "invalid_grant")] * 99
    with (
        pytest.raises(AccessError, match="earthengine authenticate") as caught,
        connected(guarded.url, "embedded", guarded.credentials(None)),
    ):
        pass
    assert caught.value.reaction is Reaction.STOP
    assert (guarded.refreshed, guarded.asked) == (1, 0)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("transport", ["drive", "gcs"])
def test_destinations_refresh_and_stop_too(guarded: Guarded, transport: str) -> None:
    config = Config.model_validate(
        {
            "tiles": [{"tile": "33UUP", "acquired": "2017-06-13T10:10:31Z"}],
            "export": {"transport": transport, "bucket": "a-bucket"},
        }
    )
    with (
        connected(guarded.url, "embedded", guarded.credentials("fresh")) as connection,
        open_destination(config, connection) as destination,
    ):
        guarded.good = "fresher"
        assert destination.find("x-s1ben-12345678-0123456789abcdef-1-0") == []
        assert guarded.refreshed == 1
        guarded.good = "freshest"
        guarded.troubles = [(503, "internal_failure")] * 4
        assert destination.find("x-s1ben-12345678-0123456789abcdef-1-0") == []
        guarded.good = "yet fresher"
        guarded.troubles = [(400, "invalid_grant")] * 99
        refreshed = guarded.refreshed
        with pytest.raises(ServiceError, match="earthengine authenticate") as caught:
            destination.find("x-s1ben-12345678-0123456789abcdef-1-0")
        assert caught.value.reaction is Reaction.STOP
        assert guarded.refreshed == refreshed + 1
        assert "CANARY" not in str(caught.value)
