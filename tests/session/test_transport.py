"""The transport against a server that misbehaves."""

from __future__ import annotations

import gzip
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gee_s1ben.errors import Reaction, ServiceError
from gee_s1ben.session import guarding
from gee_s1ben.session.transport import Transport, is_loopback

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def answering() -> Iterator[Callable[[Answer], str]]:
    servers = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answer(self)

            def do_POST(self) -> None:
                answer(self)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/x"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def reply(handler: BaseHTTPRequestHandler, body: bytes, length: int | None = None, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.send_header("X-Seen", handler.headers.get("X-Asked", ""))
    handler.end_headers()
    handler.wfile.write(body)


def test_whole_answer(answering) -> None:
    response, content = Transport(direct=True).request(
        answering(lambda handler: reply(handler, b"abc" * 10**6, status=503)), "POST", b"x", {"X-Asked": "yes"}
    )
    assert (response.status, response["x-seen"], content) == (503, "yes", b"abc" * 10**6)


def test_short_answer_is_a_broken_connection(answering) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, b"abc", length=1000)
        handler.close_connection = True

    with pytest.raises(ConnectionError):
        Transport(direct=True).request(answering(answer))


@pytest.mark.parametrize("cut", [0, 9])
def test_truncated_gzip_is_a_broken_connection(answering, cut: int) -> None:
    whole = bytes(range(256)) * 100

    def answer(handler: BaseHTTPRequestHandler) -> None:
        packed = gzip.compress(whole)
        body = packed[: len(packed) - cut]
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    url = answering(answer)
    if not cut:
        assert Transport(direct=True).request(url)[1] == whole
        return
    with pytest.raises(ConnectionError):
        Transport(direct=True).request(url)


def test_black_hole(answering) -> None:
    with pytest.raises(TimeoutError):
        Transport(direct=True, seconds=0.3).request(answering(lambda _: time.sleep(1.5)))


@pytest.mark.parametrize(
    ("header", "value", "drop"), [("Transfer-Encoding", "chunked", b"1\r\nx\r\n"), ("Content-Length", "1000", b"x")]
)
def test_drip_does_not_pass_the_deadline(answering, header: str, value: str, drop: bytes) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header(header, value)
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(drop)
            handler.wfile.flush()
            time.sleep(0.1)

    start = time.monotonic()
    with pytest.raises(TimeoutError):
        Transport(direct=True, seconds=0.5).request(answering(answer))
    assert time.monotonic() - start < 3


@pytest.mark.parametrize(("size", "taken"), [(3 << 20, True), ((3 << 20) + 1, False), (40 << 20, False)])
def test_what_an_answer_may_unpack_to(answering, monkeypatch: pytest.MonkeyPatch, size: int, taken: bool) -> None:
    content = gzip.compress(bytes(size), 9)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    monkeypatch.setattr(guarding, "UNPACKED_BYTES", 3 << 20)
    transport = Transport(direct=True)
    if taken:
        assert transport.request(answering(answer))[1] == bytes(size)
        return
    tracemalloc.start()
    with pytest.raises(ServiceError, match="unpacks to more than 3 MiB") as caught:
        transport.request(answering(answer))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.reaction is Reaction.FAIL
    assert peak < 20 << 20


def test_redirect_is_refused(answering) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "https://elsewhere.example/token")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with pytest.raises(ServiceError, match=r"elsewhere\.example: refused"):
        Transport(direct=True).request(answering(answer))


def test_nobody_there() -> None:
    with pytest.raises(ConnectionError):
        Transport(direct=True).request("http://127.0.0.1:1/x")


def test_plain_http_to_another_machine_is_refused() -> None:
    with pytest.raises(ServiceError, match="use https"):
        Transport().request("http://earthengine.example/v1")


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:80/", True),
        ("http://[::1]:80/", True),
        ("http://localhost/", True),
        ("http://127.0.0.1.example.org/", False),
        ("http://localhost.example.org/", False),
        ("http://127.0.0.1@example.org/", False),
        ("https://earthengine.googleapis.com", False),
        ("nonsense", False),
    ],
)
def test_loopback(url: str, local: bool) -> None:
    assert is_loopback(url) == local


def test_proxies_of_the_environment_are_not_asked_about_loopback(answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert Transport(direct=True).request(answering(lambda handler: reply(handler, b"ok")))[1] == b"ok"
