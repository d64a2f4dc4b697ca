"""An HTTP proxy on loopback that stands before a service and plays faults by a script, and keeps count.

It knows nothing of the package: sockets, threads, h11. A *rule* says which requests an *effect* is played on; what no
rule wants is handed to the service and its answer handed back. See :mod:`fault_effects` for the effects.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

import h11

ROUTES: Final = {
    "discovery": r"GET /\$discovery/rest",
    "algorithms": r"GET /v1/projects/[^/]+/algorithms",
    "value": r"POST /v1/projects/[^/]+/value:compute",
    "pixels": r"POST /v1/projects/[^/]+/image:computePixels",
    "export": r"POST /v1/projects/[^/]+/image:export",
    "cancel": r"POST /v1/projects/[^/]+/operations/[^/]+:cancel",
    "operations": r"GET /v1/projects/[^/]+/operations",
    "operation": r"GET /v1/projects/[^/]+/operations/[^/]+",
    "asset": r"GET /v1/projects/[^/]+/assets/.+",
    "token": r"POST /token",
    "storage.media": r"GET /download/storage/v1/b/[^/]+/o/[^/]+",
    "storage.upload": r"POST /upload/storage/v1/b/[^/]+/o",
    "storage.delete": r"DELETE /storage/v1/b/[^/]+/o/[^/]+",
    "storage.list": r"GET /storage/v1/b/[^/]+/o",
    "storage.object": r"GET /storage/v1/b/[^/]+/o/[^/]+",
    "storage.permissions": r"GET /storage/v1/b/[^/]+/iam/testPermissions",
    "storage.bucket": r"GET /storage/v1/b/[^/]+",
    "drive.list": r"GET /drive/v3/files",
    "drive.media": r"GET /drive/v3/files/[^/]+ media",
    "drive.object": r"GET /drive/v3/files/[^/]+",
    "drive.delete": r"DELETE /drive/v3/files/[^/]+",
    "drive.create": r"POST /(upload/)?drive/v3/files",
    "drive.about": r"GET /drive/v3/about",
}
"""What a request is for, by its method and path."""

_HOP_BY_HOP: Final = {"connection", "content-length", "transfer-encoding", "keep-alive"}
_ROUTES: Final = {name: re.compile(pattern) for name, pattern in ROUTES.items()}


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    number: int
    """From 1, in the order of arrival."""
    route: str
    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in lower case."""
    body: bytes
    at: float
    """Seconds of the monotonic clock."""

    def header(self, name: str) -> str | None:
        """Return the value of a header, or None."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name.encode()), None)

    @property
    def query(self) -> dict[str, list[str]]:
        """The query by name."""
        return parse_qs(urlsplit(self.target).query)


@dataclass(frozen=True)
class Answer:
    """One answer: as the service gave it, or made up."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header, or None."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class Hung(Exception):  # noqa: N818 - what happened, not what went wrong
    """The exchange is over without an answer: the connection is gone."""


@dataclass
class Exchange:
    """A request that is being answered; what an effect is given."""

    asked: Asked
    proxy: FaultProxy
    client: socket.socket
    _upstream: _Upstream

    def forward(self) -> Answer:
        """Hand the request to the service and return what it answers."""
        return self._upstream.ask(self.asked)

    def send(self, answer: Answer, *, head_only: bool = False) -> None:
        """Send an answer with its right length."""
        head = [f"HTTP/1.1 {answer.status} Scripted"]
        head += [f"{name}: {value}" for name, value in answer.headers if name.lower() not in _HOP_BY_HOP]
        head += [f"content-length: {len(answer.body)}", "", ""]
        with self._or_hung():
            self.client.sendall("\r\n".join(head).encode("latin-1") + (b"" if head_only else answer.body))

    def send_raw(self, content: bytes) -> None:
        """Send bytes as they are."""
        with self._or_hung():
            self.client.sendall(content)

    def reset(self) -> None:
        """Cut the connection with a TCP reset."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.end()

    def end(self) -> None:
        """Close the connection."""
        raise Hung

    def wait(self, seconds: float | None = None) -> None:
        """Wait, no longer than the client waits or the proxy lives; with None, until then."""
        until = None if seconds is None else time.monotonic() + seconds
        self.client.settimeout(0.02)
        try:
            while until is None or time.monotonic() < until:
                if self.proxy.closing.is_set():
                    raise Hung
                with contextlib.suppress(TimeoutError):
                    if not self.client.recv(1, socket.MSG_PEEK):
                        raise Hung
                    time.sleep(0.02)
        except OSError:
            raise Hung from None
        finally:
            self.client.settimeout(None)

    @contextlib.contextmanager
    def _or_hung(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            raise Hung from None


Effect = Callable[[Exchange], None]


@dataclass
class Rule:
    """Which requests an effect is played on."""

    route: str
    effect: Effect
    occurrences: Container[int] | None = None
    """Which of the requests that match, counted from 1; None is all."""
    when: Callable[[Asked], bool] | None = None
    seen: int = field(default=0, init=False)
    played: int = field(default=0, init=False)
    """How often the effect was played."""

    def wants(self, asked: Asked) -> bool:
        """Count a request, and say whether it gets the effect."""
        if self.route not in ("*", asked.route) or (self.when and not self.when(asked)):
            return False
        self.seen += 1
        wanted = self.occurrences is None or self.seen in self.occurrences
        self.played += wanted
        return wanted


class FaultProxy:
    """A proxy before a service at ``upstream``; use as a context manager.

    Attributes
    ----------
    rules : list of Rule
        The first that wants a request has it.
    asked : list of Asked
        All requests.
    most_in_flight : Counter
        By route and for ``*``, how many were being answered at once at most.
    before : callable or None
        Called with every request before anything else is done with it.
    after : callable or None
        Called with every request when its answer is known and before a byte of it is sent.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.rules: list[Rule] = []
        self.asked: list[Asked] = []
        self.most_in_flight: Counter[str] = Counter()
        self.before: Callable[[Asked], None] | None = None
        self.after: Callable[[Asked], None] | None = None
        self.closing = threading.Event()
        self._in_flight: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._clients: set[socket.socket] = set()

    def __enter__(self) -> FaultProxy:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, name="fault-proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for client in self._clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)

    def play(
        self,
        route: str,
        effect: Effect,
        occurrences: Iterable[int] | None = None,
        when: Callable[[Asked], bool] | None = None,
    ) -> Rule:
        """Add a rule, and return it."""
        chosen = occurrences if occurrences is None or isinstance(occurrences, range) else frozenset(occurrences)
        rule = Rule(route, effect, chosen, when)
        self.rules.append(rule)
        return rule

    def count(self, route: str | None = None) -> int:
        """Return how many requests came, of one route or of all."""
        return sum(1 for asked in tuple(self.asked) if route in (None, asked.route))

    def forget(self) -> None:
        """Forget rules and counts."""
        with self._lock:
            self.rules.clear()
            self.asked.clear()
            self.most_in_flight.clear()
            self.before = self.after = None

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), name="fault-proxy-client", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        upstream = _Upstream(self)
        with self._lock:
            self._clients.add(client)
        left = b""
        try:
            while not self.closing.is_set():
                read = _read(client, left)
                if read is None:
                    return
                request, body, left = read
                self._answer(client, upstream, request, body)
        except (Hung, OSError, h11.ProtocolError):
            pass
        finally:
            with self._lock:
                self._clients.discard(client)
            client.close()
            upstream.close()

    def _answer(self, client: socket.socket, upstream: _Upstream, request: h11.Request, body: bytes) -> None:
        method, target = request.method.decode(), request.target.decode("latin-1")
        route = route_of(method, target)
        with self._lock:
            asked = Asked(
                len(self.asked) + 1, route, method, target, tuple(request.headers), body, time.monotonic()
            )  # fmt: skip
            self.asked.append(asked)
            for key in ("*", route):
                self._in_flight[key] += 1
                self.most_in_flight[key] = max(self.most_in_flight[key], self._in_flight[key])
            rule = next((rule for rule in self.rules if rule.wants(asked)), None)
        try:
            if self.before:
                self.before(asked)
            (rule.effect if rule else self._pass_on)(Exchange(asked, self, client, upstream))
        finally:
            with self._lock:
                for key in ("*", route):
                    self._in_flight[key] -= 1

    def _pass_on(self, exchange: Exchange) -> None:
        answer = exchange.forward()
        if self.after:
            self.after(exchange.asked)
        exchange.send(answer)


class _Upstream:
    """One connection to the service, opened when needed."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self._connection: http.client.HTTPConnection | None = None
        self._address = ""

    def ask(self, asked: Asked) -> Answer:
        for fresh in (False, True):
            if fresh or self._connection is None or self._address != self._proxy.upstream:
                self.close()
                self._address = self._proxy.upstream
                self._connection = http.client.HTTPConnection(urlsplit(self._address).netloc)
            try:
                return self._ask(self._connection, asked)
            except (OSError, http.client.HTTPException):
                self.close()
                if fresh:  # the service is down
                    raise Hung from None
        raise AssertionError

    @staticmethod
    def _ask(connection: http.client.HTTPConnection, asked: Asked) -> Answer:
        connection.putrequest(asked.method, asked.target, skip_host=True, skip_accept_encoding=True)
        for name, value in asked.headers:
            if name.decode() not in _HOP_BY_HOP:
                connection.putheader(name.decode(), value)
        if asked.body or asked.method in ("POST", "PUT", "PATCH"):
            connection.putheader("content-length", str(len(asked.body)))
        connection.endheaders(asked.body or None)
        response = connection.getresponse()
        return Answer(response.status, tuple(response.getheaders()), response.read())

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def route_of(method: str, target: str) -> str:
    """Return what a request is for, ``other`` where that is not known."""
    parts = urlsplit(target)
    line = f"{method} {parts.path}"
    media = parse_qs(parts.query).get("alt") == ["media"]
    if media and line.startswith("GET /storage/"):
        return "storage.media"
    if media and line.startswith("GET /drive/"):
        line += " media"
    return next((name for name, pattern in _ROUTES.items() if pattern.fullmatch(line)), "other")


def _read(client: socket.socket, left: bytes) -> tuple[h11.Request, bytes, bytes] | None:
    """Read one request with its body; None when the client has left."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    if left:
        connection.receive_data(left)
    request, body = None, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.receive_data(client.recv(1 << 18))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            return request, bytes(body), connection.trailing_data[0]
        else:
            return None
