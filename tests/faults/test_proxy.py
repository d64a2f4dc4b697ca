"""The proxy itself: it does to a plain service what it says, or the rows would prove nothing."""

from __future__ import annotations

import gzip
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import fault_effects as effects
import pytest
from fault_proxy import FaultProxy, route_of

BODY = b'{"value": "' + b"x" * 4000 + b'"}'


class Plain(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    done: list[str]

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        type(self).done.append(f"{self.command} {self.path} {body.decode()}")
        self.send_response(200)
        self.send_header("content-length", str(len(BODY)))
        self.send_header("x-mine", "1")
        self.end_headers()
        self.wfile.write(BODY)

    do_GET = do_POST = answer  # noqa: N815

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    Plain.done = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with FaultProxy(f"http://127.0.0.1:{server.server_address[1]}") as proxy:
        yield proxy
    server.shutdown()
    server.server_close()


def ask(
    proxy: FaultProxy, method: str = "GET", path: str = "/v1/projects/p/operations", body: bytes | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=5)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_what_no_rule_wants_passes(proxy: FaultProxy) -> None:
    connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=5)
    for text in (b"a", b"b"):  # twice on one connection
        connection.request("POST", "/v1/projects/p/image:export", text)
        answer = connection.getresponse()
        assert (answer.status, answer.read(), answer.getheader("x-mine")) == (200, BODY, "1")
    connection.close()
    assert Plain.done == ["POST /v1/projects/p/image:export a", "POST /v1/projects/p/image:export b"]
    assert (proxy.count("export"), proxy.count()) == (2, 2)
    assert [asked.body for asked in proxy.asked] == [b"a", b"b"]


def test_a_rule_wants_what_it_says(proxy: FaultProxy) -> None:
    rule = proxy.play("operations", effects.error(503, "no"), (2, 3), lambda asked: asked.query.get("a") != ["1"])
    codes = [ask(proxy, path=f"/v1/projects/p/operations?a={a}")[0] for a in (1, 2, 1, 2, 2, 2)]
    assert codes == [200, 200, 200, 503, 503, 200]
    assert (rule.seen, rule.played, len(Plain.done)) == (4, 2, 4)
    assert ask(proxy, path="/elsewhere")[0] == 200


@pytest.mark.parametrize(("effect", "reached"), [(effects.reset_before, 0), (effects.reset_after, 1)])
def test_resets(proxy: FaultProxy, effect: effects.Effect, reached: int) -> None:
    proxy.play("*", effect)
    with pytest.raises(ConnectionResetError):
        ask(proxy)
    assert len(Plain.done) == reached


def test_ends_that_are_too_soon(proxy: FaultProxy) -> None:
    proxy.play("*", effects.cut_short(), (1,))
    proxy.play("*", effects.ended_by_eof(), (1,))
    proxy.play("*", effects.truncated_gzip, (1,))
    with pytest.raises(http.client.IncompleteRead):
        ask(proxy)
    assert ask(proxy) == (200, BODY[: len(BODY) // 2])
    with pytest.raises(EOFError):
        gzip.decompress(ask(proxy)[1])


def test_slow_ones_are_counted_together(proxy: FaultProxy) -> None:
    proxy.play("*", effects.late(0.3))
    threads = [threading.Thread(target=ask, args=(proxy,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert proxy.most_in_flight == {"*": 5, "operations": 5}


def test_black_hole_and_drip(proxy: FaultProxy) -> None:
    proxy.play("operations", effects.black_hole)
    proxy.play("value", effects.drip(0.001, 100))
    connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=0.2)
    connection.request("GET", "/v1/projects/p/operations")
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    assert Plain.done == []
    assert ask(proxy, "POST", "/v1/projects/p/value:compute", b"") == (200, BODY)


def test_altered(proxy: FaultProxy) -> None:
    proxy.play("*", effects.altered(lambda value: {"length": len(value["value"])}), (1,))
    proxy.play("*", effects.corrupted(effects.flip_bit), (1,))
    assert ask(proxy) == (200, b'{"length": 4000}')
    changed = ask(proxy)[1]
    assert len(changed) == len(BODY)
    assert sum(a != b for a, b in zip(changed, BODY, strict=True)) == 1


@pytest.mark.parametrize(
    ("line", "route"),
    [
        ("POST /v1/projects/embedded/image:export", "export"),
        ("GET /v1/projects/embedded/operations?pageSize=500", "operations"),
        ("GET /v1/projects/embedded/operations/ABC", "operation"),
        ("POST /v1/projects/embedded/operations/ABC:cancel?alt=json", "cancel"),
        ("GET /storage/v1/b/bucket/o/a%2Fb.tif?alt=media", "storage.media"),
        ("GET /download/storage/v1/b/bucket/o/a%2Fb.tif?alt=media", "storage.media"),
        ("GET /storage/v1/b/bucket/o?prefix=a", "storage.list"),
        ("GET /drive/v3/files/id?alt=media", "drive.media"),
        ("GET /drive/v3/files/id?fields=id", "drive.object"),
        ("GET /elsewhere", "other"),
    ],
)
def test_routes(line: str, route: str) -> None:
    assert route_of(*line.split()) == route
