"""Refuse what a web page or another machine's name may send to a loopback port, and what takes too long to send.

A browser lets any page send requests to ``127.0.0.1``: simple ones at once, others after a preflight, and after a name
that resolves to 127.0.0.1 (DNS rebinding) the page may even read the answers. The official clients send none of the
headers by which a browser tells of a page, so each is checked and nothing has to be configured. No answer ever carries
a CORS header.
"""

from __future__ import annotations

import re
import time
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gee_s1ben.engine.service.failures import failure
from gee_s1ben.errors import EngineError

BODY_S: Final = 30.0
"""A request's body has to arrive within this; 10 MiB take milliseconds on a loopback interface."""
SEND_S: Final = 60.0
"""No part of an answer may wait longer for the client to take it."""
HELD_BYTES: Final = 256 * 2**20
"""All bodies together that have not been answered yet."""

_HOST: Final = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.IGNORECASE)
_OWN_SITES: Final = frozenset({"same-origin", "none"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SIMPLE_TYPES: Final = frozenset({"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"})
"""What a page may send anywhere without asking (the Fetch standard's CORS-safelisted content types)."""
_OVERRIDE: Final = "x-http-method-override"
"""Clients send a GET with a long query as a form; a page may not set this header without asking."""


class LoopbackGuard:
    """ASGI middleware of every service on a loopback port: who may ask, and how long asking may take."""

    def __init__(
        self, app: ASGIApp, *, body_s: float = BODY_S, send_s: float = SEND_S, held_bytes: int = HELD_BYTES
    ) -> None:
        self._app = app
        self._body_s = body_s
        self._send_s = send_s
        self._held_bytes = held_bytes
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is refused, and hand on all others with their deadlines."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        exchange = _Exchange(self, has_body(headers), receive, send)
        try:
            await (refusal(scope["method"], headers) or self._app)(scope, exchange.receive, exchange.send)
        finally:
            self._held -= exchange.held

    def hold(self, size: int) -> None:
        """Count a part of a body that has come.

        Raises
        ------
        EngineError
            All bodies together have become too large.
        """
        self._held += size
        if self._held > self._held_bytes:
            raise EngineError("Too Many Requests: The requests under way are too large together.", status=429)

    @property
    def deadlines(self) -> tuple[float, float]:
        """Seconds for a body to come, and for a part of an answer to be taken."""
        return self._body_s, self._send_s


class _Exchange:
    """One request and its answer."""

    def __init__(self, guard: LoopbackGuard, awaited: bool, receive: Receive, send: Send) -> None:
        self.held = 0
        self._guard = guard
        self._awaited = awaited
        self._receive, self._send = receive, send
        body_s, self._send_s = guard.deadlines
        self._until = time.monotonic() + body_s

    async def receive(self) -> Message:
        if not self._awaited:
            return await self._receive()
        try:
            with anyio.fail_after(max(self._until - time.monotonic(), 0)):
                message = await self._receive()
        except TimeoutError as error:
            raise EngineError("Request Timeout: The body of the request did not arrive in time.", status=408) from error
        size = len(message.get("body", b""))
        self.held += size
        self._awaited = bool(message.get("more_body"))
        self._guard.hold(size)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._awaited:
            # What is left of the body is not worth waiting for.
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        with anyio.fail_after(self._send_s):
            await self._send(message)


def has_body(headers: Headers) -> bool:
    """Whether a request comes with a body, by its headers."""
    return headers.get("content-length", "0").strip() != "0" or "transfer-encoding" in headers


def refusal(method: str, headers: Headers) -> Response | None:
    """Return the answer to a request that is none of an official client's or of the service's own pages.

    Parameters
    ----------
    method : str
        The request's.
    headers : Headers
        The request's.
    """
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        return failure(400, "Invalid host header: this service answers to 127.0.0.1 and localhost only.")
    if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in headers.getlist("origin")):
        return failure(403, "Cross-origin request refused: pages of other origins may not use this service.")
    if not _OWN_SITES.issuperset(site.strip().lower() for site in headers.getlist("sec-fetch-site")):
        return failure(403, "Cross-site request refused: pages of other sites may not use this service.")
    kinds = {kind.partition(";")[0].strip().lower() for kind in headers.getlist("content-type")}
    if method in _WITH_BODY and _OVERRIDE not in headers and has_body(headers) and not kinds.isdisjoint(_SIMPLE_TYPES):
        return failure(415, "Unsupported content type: send application/json, or the type of what is uploaded.")
    return None
