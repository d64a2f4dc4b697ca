"""What a web page, another name or a slow sender may do to the service: nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from gee_s1ben.engine.service import serving
from gee_s1ben.engine.service.answering import read_body
from gee_s1ben.engine.service.connections import BoundedProtocol
from gee_s1ben.engine.service.failures import failure_of
from gee_s1ben.engine.service.guard import LoopbackGuard
from gee_s1ben.errors import EngineError

ONE = json.dumps({"expression": {"result": "0", "values": {"0": {"constantValue": 1}}}})
COMPUTE = "/v1/projects/embedded/value:compute"
JSON = {"Content-Type": "application/json"}

PAGES: dict[str, tuple[str, dict[str, str], int]] = {
    "a page's simple request": ("POST", {"Origin": "https://evil.example", "Content-Type": "text/plain"}, 403),
    "the same as JSON": ("POST", {"Origin": "https://evil.example", **JSON}, 403),
    "a page of a file or a sandbox": ("POST", {"Origin": "null", **JSON}, 403),
    "another port of this machine": ("POST", {"Origin": "http://127.0.0.1:1", **JSON}, 403),
    "an origin that begins alike": ("POST", {"Origin": "http://127.0.0.1:{port}.evil.example", **JSON}, 403),
    "an encrypted page": ("POST", {"Origin": "https://127.0.0.1:{port}", **JSON}, 403),
    "a picture or a link on a page": ("GET", {"Sec-Fetch-Site": "cross-site"}, 403),
    "a page of another port": ("GET", {"Sec-Fetch-Site": "same-site"}, 403),
    "a preflight": ("OPTIONS", {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}, 403),
    "a form": ("POST", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "a form with files": ("POST", {"Content-Type": "Multipart/Form-Data; boundary=x"}, 415),
    "text": ("POST", {"Content-Type": "text/plain;charset=UTF-8"}, 415),
    "a name that leads here": ("POST", {"Host": "evil.example:{port}", **JSON}, 400),
    "a name that begins alike": ("POST", {"Host": "localhost.evil.example", **JSON}, 400),
    "no name": ("POST", {"Host": "", **JSON}, 400),
}
OWN: dict[str, tuple[str, dict[str, str]]] = {
    "a client": ("POST", JSON),
    "a client that says no type": ("POST", {}),
    "another name of this machine": ("POST", {"Host": "LOCALHOST:{port}", **JSON}),
    "a page of its own": ("POST", {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin", **JSON}),
    "an address that was typed": ("GET", {"Sec-Fetch-Site": "none"}),
}


def ask(url: str, method: str, headers: dict[str, str], path: str = COMPUTE, body: str = ONE) -> tuple[int, Any, Any]:
    """Send exactly these headers, and return status, headers and JSON of the answer."""
    address = urlsplit(url)
    with closing(HTTPConnection(address.netloc, timeout=20)) as connection:
        connection.putrequest(method, path if method == "POST" else "/v1/projects/p/operations", skip_host=True)
        for name, value in {"Host": address.netloc, **headers}.items():
            connection.putheader(name, value.format(port=address.port))
        if method == "POST":
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode() if method == "POST" else None)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), json.loads(answer.read())


@pytest.mark.parametrize(("method", "headers", "status"), PAGES.values(), ids=PAGES)
def test_what_a_page_may_not(service_url: str, method: str, headers: dict[str, str], status: int) -> None:
    found, told, answer = ask(service_url, method, headers)
    assert found == answer["error"]["code"] == status
    assert "\n" not in answer["error"]["message"]
    assert not [name for name in told if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(("method", "headers"), OWN.values(), ids=OWN)
def test_what_clients_and_own_pages_may(service_url: str, method: str, headers: dict[str, str]) -> None:
    found, told, answer = ask(service_url, method, headers)
    assert (found, answer) == (200, {"result": 1} if method == "POST" else {})
    assert not [name for name in told if name.lower().startswith("access-control-")]


def test_a_page_plants_no_export_and_no_file(small_catalog: Path, tmp_path: Path) -> None:
    from gee_s1ben.engine.exports import QueueSettings

    with serving(small_catalog, exports=tmp_path / "exports", settings=QueueSettings(buckets=("a-bucket",))) as url:
        page = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}
        for path in ("/v1/projects/p/image:export", "/upload/storage/v1/b/a-bucket/o?uploadType=media&name=planted"):
            assert ask(url, "POST", page, path, "{}")[0] == 403
        assert ask(url, "GET", {})[2] == {}
        with closing(HTTPConnection(urlsplit(url).netloc, timeout=20)) as connection:
            connection.request("GET", "/storage/v1/b/a-bucket/o")
            assert json.loads(connection.getresponse().read()) == {"kind": "storage#objects"}


def test_two_hosts_are_refused(service_url: str) -> None:
    address = urlsplit(service_url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as plain:  # type: ignore[arg-type]
        plain.sendall(f"GET / HTTP/1.1\r\nHost: {address.netloc}\r\nHost: evil.example\r\n\r\n".encode())
        assert plain.recv(100).startswith(b"HTTP/1.1 400 ")


def unfinished(url: str) -> socket.socket:
    """Send a request whose body never comes to an end."""
    address = urlsplit(url)
    plain = socket.create_connection((address.hostname, address.port), timeout=20)  # type: ignore[arg-type]
    head = f"POST {COMPUTE} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 1000\r\n\r\n"
    plain.sendall(head.encode() + b'{"expression": ')
    return plain


def test_unfinished_requests_keep_nobody_from_computing(service_url: str) -> None:
    with ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(unfinished(service_url))
        time.sleep(0.1)
        assert ask(service_url, "POST", JSON)[::2] == (200, {"result": 1})


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, small_catalog: Path) -> Iterator[str]:
    """A service that waits only a fifth of a second, and takes eight connections."""
    monkeypatch.setattr(LoopbackGuard, "deadlines", (0.2, 0.2))
    monkeypatch.setattr(BoundedProtocol, "headers_s", 0.2)
    monkeypatch.setattr(BoundedProtocol, "max_connections", 8)
    with serving(small_catalog) as url:
        yield url


def rest(plain: socket.socket) -> bytes:
    """Read to the end of a connection."""
    content = b""
    try:
        while part := plain.recv(65536):
            content += part
    except ConnectionResetError:
        pass
    return content


def test_a_body_that_does_not_come_ends_the_request_and_the_connection(hasty: str) -> None:
    with unfinished(hasty) as plain:
        answer = rest(plain)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("start", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_headers_that_do_not_come_end_the_connection(hasty: str, start: bytes) -> None:
    address = urlsplit(hasty)
    with socket.create_connection((address.hostname, address.port), timeout=20) as plain:  # type: ignore[arg-type]
        plain.sendall(start)
        for _ in range(3):  # a byte now and then does not help
            time.sleep(0.05)
            plain.sendall(start[:1])
        assert rest(plain) == b""


def test_a_second_request_has_to_come_in_time_as_well(hasty: str) -> None:
    address = urlsplit(hasty)
    with socket.create_connection((address.hostname, address.port), timeout=20) as plain:  # type: ignore[arg-type]
        asked = f"GET /v1/projects/p/operations HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
        plain.sendall(asked)
        assert plain.recv(65536).startswith(b"HTTP/1.1 200 ")
        time.sleep(0.3)  # idle is not slow
        plain.sendall(asked + asked[:10])
        assert rest(plain).count(b"HTTP/1.1 200 ") == 1


def test_more_connections_close_the_idle_one(hasty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "headers_s", 20.0)
    address = urlsplit(hasty)
    with ExitStack() as stack:
        plain = [stack.enter_context(socket.create_connection((address.hostname, address.port))) for _ in range(8)]  # type: ignore[arg-type]
        time.sleep(0.05)
        assert ask(hasty, "POST", JSON)[0] == 200
        plain[0].settimeout(5)
        assert rest(plain[0]) == b""
        plain[1].settimeout(0.05)
        with pytest.raises(TimeoutError):
            plain[1].recv(1)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        body = await read_body(Request(scope, receive))
        answer: Response = JSONResponse(len(body))
    except EngineError as error:
        answer = failure_of(error)
    await answer(scope, receive, send)


def test_all_bodies_together_are_bounded() -> None:
    """One body of 60 bytes of 100 is fine, two at a time are not, and what was answered counts no more."""
    guard = LoopbackGuard(echo, held_bytes=100)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(b"host", b"localhost"), (b"content-length", b"60")],
    }
    statuses: list[int] = []

    async def exchange(wait: anyio.Event) -> None:
        parts: list[Message] = [{"type": "http.request", "body": bytes(59), "more_body": True}]

        async def receive() -> Message:
            if parts:
                return parts.pop()
            await wait.wait()
            return {"type": "http.request", "body": b"1", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await guard(dict(scope), receive, send)

    async def together() -> None:
        for count in (1, 2, 1):
            wait = anyio.Event()
            async with anyio.create_task_group() as group:
                for _ in range(count):
                    group.start_soon(exchange, wait)
                await anyio.sleep(0.01)
                wait.set()

    anyio.run(together)
    assert statuses == [200, 429, 200, 200]


def test_an_answer_that_nobody_takes_is_given_up() -> None:
    guard = LoopbackGuard(JSONResponse({}), send_s=0.05)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}

    async def never(_: Message) -> None:
        await anyio.sleep(60)

    async def nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    with pytest.raises(TimeoutError):
        anyio.run(guard, scope, nothing, never)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_call_that_holds_the_interpreter_does_not_outlive_the_stop(number: int) -> None:
    """A loop in C without an end: no handler of Python's runs any more."""
    program = (
        "import collections, itertools, signal\nfrom gee_s1ben.engine.service.hard_stop import hard_stop\n"
        f"signal.signal({int(number)}, lambda *_: None)\n"
        "with hard_stop(0.8):\n    print('ready', flush=True)\n"
        "    collections.deque(itertools.repeat(0), maxlen=0)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.1)
        asked = time.monotonic()
        process.send_signal(number)
        assert process.wait(10) == -signal.SIGKILL
        assert time.monotonic() - asked < 3
