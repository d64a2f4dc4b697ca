"""What every request of every Google client passes: no plain http, no redirect, a deadline for the whole answer.

The clients' own transports wait for ever at start, let a slow drip of bytes pass any deadline, follow a redirect to
another host with the bearer token, take a truncated gzip for a whole one, and write an answer that ignores a range
where the range should go. This adapter is mounted in every session that carries credentials, be it for Earth Engine,
Drive, Cloud Storage or their tokens.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from gee_s1ben.errors import Reaction, ServiceError

CONNECT_SECONDS = 20.0
"""To open a connection."""
REQUEST_SECONDS = 360.0
"""For a whole answer: the service itself gives up on an interactive request after five minutes."""
QUOTA_HEADER = "x-earth-engine-quota-status"
"""Earth Engine says here that a project has used up its month's compute."""
CONNECTIONS = 40
"""Kept open at once: as many as Earth Engine allows requests in flight."""

UNPACKED_BYTES = 256 << 20
"""The most that a compressed answer may unpack to; five times what Earth Engine answers at most."""

_CHUNK_BYTES = 1 << 20
_GZIP = zlib.MAX_WBITS | 16
_RANGE = re.compile(r"bytes=(\d+)-")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class RangeIgnoredError(ConnectionError):
    """A part of a file was asked for, and the whole came."""


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def guard(session: requests.Session, adapter: GuardedAdapter, *, direct: bool) -> None:
    """Let every request of a session pass an adapter.

    Parameters
    ----------
    session : requests.Session
        Whose requests.
    adapter : GuardedAdapter
        The adapter.
    direct : bool
        Pay no heed to proxies and ``.netrc`` of the environment: for a service on loopback.
    """
    session.trust_env = not direct
    session.mount("http://", adapter)
    session.mount("https://", adapter)


class GuardedAdapter(requests.adapters.HTTPAdapter):
    """Sends the requests of a session, and refuses what no answer is worth.

    Parameters
    ----------
    seconds : float, optional
        Deadline of a whole answer, where the request itself names none; :data:`REQUEST_SECONDS` unless told.
    told : callable, optional
        Is told the value of :data:`QUOTA_HEADER`, which no client sees then.
    """

    def __init__(self, seconds: float | None = None, told: Callable[[str], object] | None = None) -> None:
        super().__init__(pool_connections=4, pool_maxsize=CONNECTIONS)
        self._seconds = seconds
        self._told = told

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send a request; the deadline covers its body as well.

        Raises
        ------
        ServiceError
            A redirect, or a request that would go unencrypted to another machine.
        RangeIgnoredError
            The whole file came in the place of a part.
        requests.exceptions.RequestException
            No whole answer, or none in time.
        """
        url = str(request.url)
        if not url.startswith("https://") and not is_loopback(url):
            raise ServiceError(
                f"refused to send a request unencrypted to {urlsplit(url).hostname}: use https", None, Reaction.STOP
            )
        seconds = _total(timeout) or self._seconds or REQUEST_SECONDS
        deadline = time.monotonic() + seconds
        response = super().send(request, stream, (CONNECT_SECONDS, seconds), verify, cert, proxies)
        try:
            self._look_at(request, response)
        except BaseException:
            response.close()
            raise
        response.raw = _Body(response, deadline, seconds)
        return response

    def _look_at(self, request: requests.PreparedRequest, response: requests.Response) -> None:
        if response.is_redirect:
            raise ServiceError(
                f"{urlsplit(str(request.url)).hostname} sent the request on to "
                f"{urlsplit(response.headers['location']).hostname}: refused; is a proxy in the way?",
                response.status_code,
                Reaction.STOP,
            )
        if QUOTA_HEADER in response.headers:
            status = response.headers.pop(QUOTA_HEADER)
            if self._told is not None:
                self._told(status)
        asked = _RANGE.match(str(request.headers.get("range", "")))
        if asked and int(asked[1]) and response.status_code == 200:
            raise RangeIgnoredError("a part of a file was asked for, and the whole came")
        if asked and response.status_code == 206:
            came = _CONTENT_RANGE.match(response.headers.get("content-range", ""))
            if came is None or came[1] != asked[1]:
                raise requests.exceptions.ConnectionError("the answer holds another part of the file")


class _Body:
    """The body of an answer, in the place of urllib3's: with a deadline, and whole or an error."""

    def __init__(self, response: requests.Response, deadline: float, seconds: float) -> None:
        self._raw = response.raw
        self._encoding = response.headers.get("content-encoding", "identity").lower()
        self._deadline = deadline
        self._seconds = seconds

    def stream(self, amt: int = _CHUNK_BYTES, decode_content: bool = False) -> Iterator[bytes]:
        """Yield what arrives as it arrives: a slow drip must not hide from the deadline."""
        unpacker = zlib.decompressobj(wbits=_GZIP) if decode_content and self._encoding == "gzip" else None
        unpacked = 0
        try:
            while chunk := self._raw.read1(max(amt, 1 << 16), decode_content=False):
                if time.monotonic() > self._deadline:
                    raise requests.exceptions.ReadTimeout(f"no whole answer within {self._seconds:.0f} s")
                if unpacker is None:
                    yield chunk
                    continue
                while chunk and not unpacker.eof:
                    part = unpacker.decompress(chunk, _CHUNK_BYTES)
                    unpacked += len(part)
                    if unpacked > UNPACKED_BYTES:
                        raise ServiceError(
                            f"an answer unpacks to more than {UNPACKED_BYTES >> 20} MiB: refused", None, Reaction.FAIL
                        )
                    yield part
                    chunk = unpacker.unconsumed_tail
        except urllib3.exceptions.TimeoutError as error:
            raise requests.exceptions.ReadTimeout(f"no whole answer within {self._seconds:.0f} s") from error
        except (urllib3.exceptions.HTTPError, zlib.error) as error:
            raise requests.exceptions.ConnectionError(str(error)) from error
        if unpacker is not None and not unpacker.eof:  # urllib3 takes a truncated gzip for a whole one
            raise requests.exceptions.ConnectionError("the answer was cut off")

    def read(self, *_: Any, decode_content: bool = False, **__: Any) -> bytes:
        """Read the whole body."""
        return b"".join(self.stream(decode_content=decode_content))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def _total(timeout: Any) -> float | None:
    """Return the deadline that a request names: what it would wait for each read."""
    read = timeout[1] if isinstance(timeout, tuple) else timeout
    return float(read) if isinstance(read, int | float) else None
