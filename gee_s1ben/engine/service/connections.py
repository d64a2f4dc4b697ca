"""Connections of the service: how many there may be, and how long one may take to say what it wants."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS: Final = 512
"""One more closes the one that has been idle longest."""
HEADERS_S: Final = 30.0
"""From the first byte of a request, or from the connection, to the end of the request's headers."""


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 whose requests have to begin in time; uvicorn's own waits for ever."""

    max_connections = MAX_CONNECTIONS
    headers_s = HEADERS_S

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._headers_timer: asyncio.TimerHandle | None = None
        self._last_s = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, and let go of another where there are too many."""
        super().connection_made(transport)
        self._await_headers()
        if len(self.connections) > self.max_connections:
            idle = [one for one in self.connections if isinstance(one, BoundedProtocol) and one is not self]
            idle = [one for one in idle if one.cycle is None or one.cycle.response_complete]
            min(idle, key=lambda one: one._last_s, default=self)._abort()  # noqa: SLF001 - of the same class

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        self._last_s = self.loop.time()
        super().data_received(data)
        self._time_headers()

    def on_response_complete(self) -> None:
        """Take up what has come of the next request."""
        super().on_response_complete()
        self._time_headers()

    def _time_headers(self) -> None:
        """Let the time run while the headers of a request have come in part."""
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._await_headers()
        else:
            self._forget_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._forget_headers()
        super().connection_lost(exc)

    def _await_headers(self) -> None:
        if self._headers_timer is None:
            self._headers_timer = self.loop.call_later(self.headers_s, self._abort)

    def _forget_headers(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _abort(self) -> None:
        self.transport.abort()
