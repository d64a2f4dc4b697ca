"""Starting, listing, following and cancelling operations, with the real client; and answers that are none."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import ee
import google.auth.credentials
import pytest

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.engine.exports import QueueSettings
from gee_s1ben.engine.service import serving
from gee_s1ben.errors import Reaction, ServiceError
from gee_s1ben.session import exports, retrying
from gee_s1ben.session.connection import Connection, connected
from gee_s1ben.session.exports import (
    ExportRequest,
    OperationState,
    cancel_operation,
    file_dimensions,
    get_operation,
    list_operations,
    start_export,
)
from gee_s1ben.session.transport import Transport

GRID = Grid("EPSG:32633", (10.0, 0.0, 300_000.0, 0.0, -10.0, 5_900_040.0), 300, 260)
DESTINATION = {"cloudStorageDestination": {"bucket": "bucket", "filenamePrefix": "x"}}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Serve and connect to an embedded service with these settings of its queue."""
    from contextlib import ExitStack

    Catalog.create(tmp_path / "catalog")
    with ExitStack() as stack:

        def start(**settings: Any) -> Connection:
            url = stack.enter_context(
                serving(tmp_path / "catalog", exports=tmp_path / "exports", settings=QueueSettings(**settings))
            )
            return stack.enter_context(connected(url, "embedded"))

        yield start


def request(number: int = 0, **change: Any) -> ExportRequest:
    values = {
        "image": ee.Image([1, 2]).rename(["VV", "VH"]).toFloat(),
        "grid": GRID,
        "bands": ("VV", "VH"),
        "description": f"tile-pass-s1ben-12345678-{number:016x}-1-0",
        "request_id": str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))),
        "destination": DESTINATION,
    }
    return ExportRequest(**{**values, **change})


def waiting(_: Any) -> float:
    return 1e9


def test_states_until_the_end(service) -> None:
    now = [1_000.0]
    connection = service(clock=lambda: now[0], duration=lambda _: 100.0, renders=False)
    started = start_export(connection, request(priority=7))
    assert started.state in (OperationState.PENDING, OperationState.RUNNING)
    assert started.description == request().description
    now[0] += 50
    running = get_operation(connection, started.name)
    assert running is not None
    assert (running.state, running.started) == (OperationState.RUNNING, pytest.approx(1000, abs=60))
    now[0] += 100
    (ended,) = list_operations(connection)
    assert ended.state is OperationState.SUCCEEDED
    assert ended.name == started.name
    assert ended.eecu_seconds is not None
    assert ended.eecu_seconds > 0
    assert ended.service_attempt == 1
    assert ended.destination_uris


def test_replay_that_returns_the_original(service) -> None:
    connection = service(duration=waiting, renders=False)
    first = start_export(connection, request())
    assert start_export(connection, request()).name == first.name
    assert len(list_operations(connection)) == 1


def test_replay_that_is_refused_says_attach(service) -> None:
    connection = service(duration=waiting, renders=False, refuse_replays=True)
    start_export(connection, request())
    with pytest.raises(ServiceError, match="already started") as caught:
        start_export(connection, request())
    assert caught.value.reaction is Reaction.ATTACH
    assert caught.value.status in (400, 409)
    assert len(list_operations(connection)) == 1


def test_full_queue_says_hold(service) -> None:
    connection = service(duration=waiting, renders=False, pending=2, running=1)
    for number in range(3):
        start_export(connection, request(number))
    with pytest.raises(ServiceError, match="queue") as caught:
        start_export(connection, request(3))
    assert caught.value.reaction is Reaction.HOLD
    assert len(list_operations(connection)) == 3


def test_every_page_is_read(service) -> None:
    connection = service(duration=waiting, renders=False)
    names = {start_export(connection, request(number)).name for number in range(exports.PAGE_SIZE + 3)}
    listed = list_operations(connection)
    assert len(listed) == len(names)
    assert {operation.name for operation in listed} == names


def test_cancelling(service) -> None:
    connection = service(duration=waiting, renders=False)
    started = start_export(connection, request())
    for _ in range(2):
        cancel_operation(connection, started.name)
    after = get_operation(connection, started.name)
    assert after is not None
    assert after.state in (OperationState.CANCELLING, OperationState.CANCELLED)
    unknown = started.name.rsplit("/", 1)[0] + "/NEVERSEEN"
    cancel_operation(connection, unknown)
    assert get_operation(connection, unknown) is None


def test_why_it_failed(service) -> None:
    connection = service()
    bands = ee.Image("COPERNICUS/S1_GRD/none").select(["VV", "VH"])
    try:
        name = start_export(connection, request(image=bands)).name
    except ServiceError as error:
        assert "not found" in str(error)  # noqa: PT017 - the service may look at once, or when it runs
        assert error.reaction is Reaction.FAIL  # noqa: PT017
        return
    operation = get_operation(connection, name)
    while operation is not None and operation.state in (OperationState.PENDING, OperationState.RUNNING):
        operation = get_operation(connection, name)
    assert operation is not None
    assert operation.state is OperationState.FAILED
    assert "not found" in operation.error


def test_the_request_holds_what_was_asked_for(service, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = service(duration=waiting, renders=False)
    sent: list[Any] = []
    real = ee.data.exportImage
    monkeypatch.setattr(ee.data, "exportImage", lambda id_, body: sent.append((id_, dict(body))) or real(id_, body))
    start_export(connection, request(priority=321, workload_tag="gee_s1ben"))
    ((request_id, body),) = sent
    assert request_id == request().request_id
    assert body["grid"] == GRID.to_pixel_grid()
    assert body["maxPixels"] == {"value": str(300 * 260)}
    assert body["priority"] == {"value": 321}
    assert body["workloadTag"] == "gee_s1ben"
    options = body["fileExportOptions"]
    assert options["geoTiffOptions"]["tileDimensions"] == {"width": 512, "height": 512}
    assert options["geoTiffOptions"]["skipEmptyFiles"] is False
    assert options["cloudStorageDestination"] == DESTINATION["cloudStorageDestination"]
    expression = json.dumps(body["expression"])
    assert '"VV"' in expression
    assert '"VH"' in expression


def test_a_graph_that_is_too_large_is_not_sent(service, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = service(duration=waiting, renders=False)
    monkeypatch.setattr(ee.data, "exportImage", lambda *_: pytest.fail("it was sent"))
    image = ee.Image([1, 2]).rename(["VV", "VH"]).set("note", "x" * exports.LONGEST_EXPRESSION)
    with pytest.raises(ServiceError, match="10485760") as caught:
        start_export(connection, request(image=image))
    assert caught.value.reaction is Reaction.FAIL


@pytest.mark.parametrize("change", [{"description": "a/b"}, {"description": ""}, {"request_id": "x" * 61}])
def test_names_that_earth_engine_would_not_take_are_not_sent(service, change: dict[str, str]) -> None:
    with pytest.raises(ServiceError, match="takes"):
        start_export(service(duration=waiting, renders=False), request(**change))


@pytest.mark.parametrize(
    ("size", "file"),
    [((1, 256), (256, 256)), ((257, 10_980), (512, 11_008)), ((131_072, 131_073), (131_072, 131_072))],
)
def test_file_dimensions_are_whole_shards_and_hold_the_raster(size: tuple[int, int], file: tuple[int, int]) -> None:
    assert file_dimensions(Grid(GRID.crs, GRID.transform, *size)) == file


# Answers that are none: a server that says what it likes.

OPERATION = {"name": "projects/p/operations/A", "metadata": {"state": "RUNNING", "description": "d"}}


@pytest.fixture
def bad(badly_answering, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Connection]:
    """Connect to a server that gives these answers, the last for ever."""
    monkeypatch.setattr(retrying, "PATIENCE", retrying.Patience(pause=lambda _: None))

    def start(*answers: tuple[int, bytes], asked: list[str] | None = None, **headers: str) -> Connection:
        left = list(answers)

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
            if asked is not None:
                asked.append(handler.path)
            status, body = left.pop(0) if len(left) > 1 else left[0]
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(body)

        anonymous: Any = google.auth.credentials.AnonymousCredentials
        return Connection("embedded", badly_answering(answer), "p", "", anonymous(), Transport(direct=True))

    return start


NOT_LISTS = [
    (200, b"<html>busy</html>"),
    (200, b"{"),
    (200, b""),
    (200, b"[]"),
    (200, b"null"),
    (200, b'{"operations": {}}'),
    (200, b'{"operations": [{}]}'),
    (200, b'{"operations": [{"name": "projects/p/operations/A"}]}'),
    (200, b'{"operations": [{"name": "../../etc", "metadata": {"state": "RUNNING"}}]}'),
    (200, b'{"operations": [], "nextPageToken": 7}'),
    (200, b'{"something": "else"}'),
    (200, b'{"operations": ' + b"[" * 100_000),
    (204, b""),
]


@pytest.mark.parametrize("answer", NOT_LISTS)
def test_what_is_not_a_list_is_asked_for_again(bad, answer: tuple[int, bytes]) -> None:
    asked: list[str] = []
    good = (200, json.dumps({"operations": [OPERATION]}).encode())
    assert [one.name for one in list_operations(bad(answer, answer, good, asked=asked))] == [OPERATION["name"]]
    assert len(asked) == 3
    with pytest.raises(ServiceError, match="not what was asked for, 3 times") as caught:
        list_operations(bad(answer))
    assert caught.value.reaction is Reaction.RETRY


def test_an_empty_list(bad) -> None:
    assert list_operations(bad((200, b"{}"))) == []


def test_a_list_that_does_not_end(bad) -> None:
    asked: list[str] = []
    page = (200, json.dumps({"operations": [OPERATION], "nextPageToken": "again"}).encode())
    with pytest.raises(ServiceError, match="does not end") as caught:
        list_operations(bad(page, asked=asked))
    assert caught.value.reaction is Reaction.RETRY
    assert len(asked) == 2
    assert parse_qs(urlsplit(asked[1]).query) == {"pageSize": ["500"], "pageToken": ["again"]}


def test_an_unknown_state_is_kept_as_it_is(bad) -> None:
    strange = {**OPERATION, "metadata": {"state": "HIBERNATING", "createTime": "nonsense", "attempt": "x"}}
    (operation,) = list_operations(bad((200, json.dumps({"operations": [strange]}).encode())))
    assert operation.state is OperationState.UNKNOWN
    assert operation.raw_state == "HIBERNATING"
    assert operation.created is None


def test_another_operation_is_not_the_one_asked_for(bad) -> None:
    other = {**OPERATION, "name": "projects/p/operations/B"}
    with pytest.raises(ServiceError, match="another operation"):
        get_operation(bad((200, json.dumps(other).encode())), "projects/p/operations/A")


@pytest.mark.parametrize("name", ["", "A", "projects/p/operations/../../x", "projects/p/operations/a?b", "http://x/"])
def test_no_address_is_made_of_a_strange_name(bad, name: str) -> None:
    with pytest.raises(ServiceError, match="not the name of an operation"):
        get_operation(bad((200, b"{}")), name)


def test_a_redirect_is_refused(bad) -> None:
    asked: list[str] = []
    with pytest.raises(ServiceError, match=r"elsewhere\.example: refused") as caught:
        list_operations(bad((302, b""), asked=asked, Location="https://elsewhere.example/"))
    assert caught.value.reaction is Reaction.STOP
    assert len(asked) == 1


def test_a_restricted_quota_is_heeded_and_told(bad, caplog: pytest.LogCaptureFixture) -> None:
    from gee_s1ben.session.pacing import Pacer

    base, pacer = bad((200, b"{}"), x_earth_engine_quota_status="parallelism_restricted=true"), Pacer()
    connection = Connection(
        base.backend, base.url, "p", "", base.credentials, Transport(direct=True, told=pacer.quota), pacer
    )
    list_operations(connection)
    list_operations(connection)
    assert pacer.restricted
    assert caplog.text.count("restricted: one request at a time") == 1


@pytest.mark.parametrize("answer", [None, b"<html>", b"{}", b"[]", b'{"name": "x"}'])
def test_a_lost_answer_says_attach_and_is_not_sent_again(
    service, badly_answering, monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    import urllib.request

    real, sent = service(duration=waiting, renders=False), []

    def relay(handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        forward = urllib.request.Request(  # noqa: S310
            real.url + handler.path, body or None, {"Content-Type": "application/json"}, method=handler.command
        )
        with urllib.request.urlopen(forward) as response:  # noqa: S310
            content = response.read()
        if urlsplit(handler.path).path.endswith("image:export"):
            sent.append(json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)["requestId"])
            if answer is None:
                handler.close_connection = True
                handler.connection.close()
                return
            content = answer
        content = content.replace(real.url.encode(), url[0].encode())
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    url: list[str] = []
    url.append(badly_answering(relay))
    with connected(url[0], "embedded") as connection:
        with pytest.raises(ServiceError, match="it may have been started") as caught:
            start_export(connection, request())
        assert caught.value.reaction is Reaction.ATTACH
        assert caught.value.status in (None, 200)
        assert sent == [request().request_id]
        (operation,) = list_operations(connection)
        assert operation.description == request().description
