"""How the requests of googleapiclient travel: with deadlines, and to nobody else; see :mod:`.guarding`.

This transport is handed to ``ee.Initialize(http_transport=...)`` for both services, and to the Drive client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import httplib2  # type: ignore[import-untyped]
import requests

from gee_s1ben.session.guarding import GuardedAdapter, guard, is_loopback

__all__ = ["Sink", "Transport", "is_loopback"]


class Sink(Protocol):
    """Takes a body as it arrives."""

    def write(self, chunk: bytes, /) -> object:
        """Take what has arrived."""


class Transport:
    """What googleapiclient asks of a transport, over a requests session.

    Parameters
    ----------
    direct : bool
        Pay no heed to proxies and ``.netrc`` of the environment: for a service on loopback.
    seconds : float, optional
        The deadline of a whole answer.
    told : callable, optional
        Is told what Earth Engine says about the project's quota.
    """

    def __init__(
        self, *, direct: bool = False, seconds: float | None = None, told: Callable[[str], object] | None = None
    ) -> None:
        self._session = requests.Session()
        guard(self._session, GuardedAdapter(seconds, told), direct=direct)

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> tuple[httplib2.Response, bytes]:
        """Send one request; errors are of the kinds that googleapiclient knows.

        Raises
        ------
        ConnectionError, TimeoutError
            No whole answer, or none in time.
        ServiceError
            A redirect, or a request that would go unencrypted to another machine.
        """
        return self._send(uri, method, body, {**(headers or {}), "accept-encoding": "gzip"})

    def to(self, sink: Sink, seconds: float) -> _Pouring:
        """Return a transport for the content of one file: it goes to ``sink`` as it arrives, and not into memory.

        Parameters
        ----------
        sink : Sink
            Gets the body of a good answer to a request for a file's content; all other bodies are returned as ever.
        seconds : float
            The deadline of that answer.
        """
        return _Pouring(self, sink, seconds)

    def _send(
        self,
        uri: str,
        method: str,
        body: Any,
        headers: Mapping[str, str],
        sink: Sink | None = None,
        seconds: float | None = None,
    ) -> tuple[httplib2.Response, bytes]:
        try:
            with self._session.request(
                method, uri, data=body, headers=dict(headers), timeout=seconds, allow_redirects=False, stream=True
            ) as response:
                content = b""
                if sink is None or not response.ok:
                    content = response.content
                else:
                    for chunk in response.iter_content(1 << 20):
                        sink.write(chunk)
        except requests.exceptions.Timeout as error:
            raise TimeoutError(_plain(error)) from error
        except requests.exceptions.RequestException as error:
            raise ConnectionError(_plain(error)) from error
        answer = httplib2.Response({**response.headers, "status": str(response.status_code)})
        answer.reason = response.reason or str(response.status_code)
        return answer, content

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class _Pouring:
    """A transport whose one answer goes to a sink."""

    def __init__(self, transport: Transport, sink: Sink, seconds: float) -> None:
        self._transport = transport
        self._sink = sink
        self._seconds = seconds

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> tuple[httplib2.Response, bytes]:
        """Send one request; credentials are refreshed through here as well."""
        if method != "GET" or "alt=media" not in uri:
            return self._transport.request(uri, method, body, headers)
        # Not gzip: a range counts the bytes of the file, not of what is sent.
        headers = {**(headers or {}), "accept-encoding": "identity"}
        return self._transport._send(uri, method, body, headers, self._sink, self._seconds)  # noqa: SLF001

    def close(self) -> None:
        """Leave the connections to their owner."""


def _plain(error: Exception) -> str:
    """What happened, without the address and the pool of connections that urllib3 tells of."""
    return str(getattr(error.args[0] if error.args else error, "reason", None) or error)
