"""What can go wrong with an answer, as effects for :class:`fault_proxy.FaultProxy`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from fault_proxy import Answer, Effect, Exchange

JSON = (("content-type", "application/json; charset=UTF-8"),)
HTML = (("content-type", "text/html; charset=UTF-8"),)
PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>This network asks you to sign in.</body></html>"

_NAMES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
          429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}  # fmt: skip


def error(status: int, message: str, reason: str | None = None, headers: tuple[tuple[str, str], ...] = ()) -> Effect:
    """Answer with an error in the shape of Google's interfaces, without asking the service."""
    body: dict[str, Any] = {"code": status, "message": message, "status": _NAMES.get(status, "UNKNOWN")}
    if reason:
        body["errors"] = [{"reason": reason, "message": message, "domain": "usageLimits"}]
    return answer(status, json.dumps({"error": body}).encode(), JSON + headers)


def answer(status: int, body: bytes = b"", headers: tuple[tuple[str, str], ...] = JSON) -> Effect:
    """Answer with anything, without asking the service."""
    return lambda exchange: exchange.send(Answer(status, headers, body))


def page(status: int) -> Effect:
    """Answer with a page of HTML."""
    return answer(status, PAGE, HTML)


def in_turn(*effects: Effect) -> Effect:
    """Play one effect after the other, over and over."""
    played = 0

    def next_one(exchange: Exchange) -> None:
        nonlocal played
        played += 1
        effects[(played - 1) % len(effects)](exchange)

    return next_one


def pass_on(exchange: Exchange) -> None:
    """Do nothing odd."""
    exchange.send(exchange.forward())


def reset_before(exchange: Exchange) -> None:
    """Cut the connection before the service has heard of the request."""
    exchange.reset()


def reset_after(exchange: Exchange) -> None:
    """Cut the connection when the service has done what it was asked for."""
    exchange.forward()
    exchange.reset()


def black_hole(exchange: Exchange) -> None:
    """Never answer."""
    exchange.wait()


def late(seconds: float) -> Effect:
    """Answer late."""

    def wait(exchange: Exchange) -> None:
        found = exchange.forward()
        exchange.wait(seconds)
        exchange.send(found)

    return wait


def drip(pause: float, size: int = 1) -> Effect:
    """Answer a few bytes at a time, never silent for long."""

    def drip_on(exchange: Exchange) -> None:
        found = exchange.forward()
        exchange.send(found, head_only=True)
        for start in range(0, len(found.body), size):
            exchange.wait(pause)
            exchange.send_raw(found.body[start : start + size])

    return drip_on


def cut_short(keep: float = 0.5) -> Effect:
    """Say the right length, send a part, close."""

    def cut(exchange: Exchange) -> None:
        found = exchange.forward()
        exchange.send(found, head_only=True)
        exchange.send_raw(found.body[: int(len(found.body) * keep)])
        exchange.end()

    return cut


def ended_by_eof(keep: float = 0.5) -> Effect:
    """Say no length, send a part, close: HTTP takes it for the whole."""

    def cut(exchange: Exchange) -> None:
        found = exchange.forward()
        exchange.send_raw(_head(found, "connection: close") + found.body[: int(len(found.body) * keep)])
        exchange.end()

    return cut


def truncated_gzip(exchange: Exchange) -> None:
    """Send a part of the compressed answer, under the length of that part."""
    found = exchange.forward()
    content = gzip.compress(_plain(found))
    headers = tuple((name, value) for name, value in found.headers if name.lower() != "content-encoding")
    cut = content[: len(content) // 2]
    exchange.send(Answer(found.status, (*headers, ("content-encoding", "gzip")), cut))


def redirect(to: str, status: int = 302) -> Effect:
    """Send the client elsewhere."""
    return answer(status, b"", (("location", to),))


def wrong_length(extra: int) -> Effect:
    """Say another length than the body has, and close."""

    def lie(exchange: Exchange) -> None:
        found = exchange.forward()
        exchange.send_raw(_head(found, f"content-length: {len(found.body) + extra}") + found.body)
        exchange.end()

    return lie


def altered(alter: Callable[[Any], Any]) -> Effect:
    """Alter the JSON of the service's answer; None leaves it as it was altered in place."""

    def change(exchange: Exchange) -> None:
        found = exchange.forward()
        if found.status != 200:
            exchange.send(found)
            return
        value = json.loads(_plain(found))
        result = alter(value)
        body = json.dumps(value if result is None else result).encode()
        headers = tuple((name, text) for name, text in found.headers if name.lower() != "content-encoding")
        exchange.send(Answer(found.status, headers, body))

    return change


def corrupted(corrupt: Callable[[bytes], bytes]) -> Effect:
    """Alter the bytes of the service's answer."""

    def change(exchange: Exchange) -> None:
        found = exchange.forward()
        body = corrupt(_plain(found)) if found.status in (200, 206) else _plain(found)
        headers = tuple((name, text) for name, text in found.headers if name.lower() != "content-encoding")
        exchange.send(Answer(found.status, headers, body))

    return change


def with_header(name: str, value: str) -> Effect:
    """Add a header to the service's answer."""

    def add(exchange: Exchange) -> None:
        found = exchange.forward()
        exchange.send(Answer(found.status, (*found.headers, (name, value)), found.body))

    return add


def after_doing(act: Callable[[], object], then: Effect = pass_on) -> Effect:
    """Do something to the world, then go on with another effect."""

    def do(exchange: Exchange) -> None:
        act()
        then(exchange)

    return do


def flip_bit(content: bytes, place: float = 0.6) -> bytes:
    """Return the same length with one bit of it flipped."""
    at = int(len(content) * place)
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def _plain(found: Answer) -> bytes:
    return gzip.decompress(found.body) if found.header("content-encoding") == "gzip" else found.body


def _head(found: Answer, *more: str) -> bytes:
    skipped = {"connection", "content-length", "transfer-encoding"}
    lines = [f"HTTP/1.1 {found.status} Scripted"]
    lines += [f"{name}: {value}" for name, value in found.headers if name.lower() not in skipped]
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1")
