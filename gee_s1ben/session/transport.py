"""How the Earth Engine client's requests travel: with deadlines, and to nobody else.

The client's own transport waits for ever at start, lets a slow drip of bytes pass any deadline, and follows a redirect
to another host with the bearer token. This one is handed to ``ee.Initialize(http_transport=...)`` for both services.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httplib2  # type: ignore[import-untyped]
import requests
import urllib3

from gee_s1ben.errors import ServiceError

CONNECT_SECONDS = 20.0
"""To open a connection."""
REQUEST_SECONDS = 360.0
"""For a whole answer: the service itself gives up on an interactive request after five minutes."""

_CHUNK_BYTES = 1 << 20
_GZIP = zlib.MAX_WBITS | 16


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Transport:
    """What googleapiclient asks of a transport, over a requests session.

    Parameters
    ----------
    direct : bool
        Pay no heed to proxies and ``.netrc`` of the environment: for a service on loopback.
    seconds : float
        The deadline of a whole answer.
    connections : int
        Connections kept open at once.
    """

    def __init__(self, *, direct: bool = False, seconds: float = REQUEST_SECONDS, connections: int = 40) -> None:
        self._session = requests.Session()
        self._session.trust_env = not direct
        adapter = requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=connections)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._seconds = seconds

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> tuple[httplib2.Response, bytes]:
        """Send one request; errors are of the kinds that googleapiclient tries again.

        Raises
        ------
        ConnectionError, TimeoutError
            No whole answer, or none in time.
        ServiceError
            A redirect, or a request that would go unencrypted to another machine.
        """
        if not uri.startswith("https://") and not is_loopback(uri):
            raise ServiceError(f"refused to send a request unencrypted to {urlsplit(uri).hostname}: use https")
        deadline = time.monotonic() + self._seconds
        try:
            with self._session.request(
                method,
                uri,
                data=body,
                headers={**(headers or {}), "accept-encoding": "gzip"},
                timeout=(CONNECT_SECONDS, self._seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.is_redirect:
                    raise ServiceError(
                        f"{urlsplit(uri).hostname} sent the request on to "
                        f"{urlsplit(response.headers['location']).hostname}: refused; is a proxy in the way?",
                        response.status_code,
                    )
                content = self._read(response, deadline)
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise TimeoutError(f"no answer within {self._seconds:.0f} s") from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, zlib.error) as error:
            raise ConnectionError(str(error)) from error
        return httplib2.Response({**response.headers, "status": str(response.status_code)}), content

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        chunks = []
        # What has arrived, not a full chunk: a slow drip must not hide from the deadline.
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
            chunks.append(chunk)
            if time.monotonic() > deadline:
                raise TimeoutError(f"no whole answer within {self._seconds:.0f} s")
        content = b"".join(chunks)
        if response.headers.get("content-encoding", "identity") == "identity":
            return content
        unpacker = zlib.decompressobj(wbits=_GZIP)
        content = unpacker.decompress(content)
        if not unpacker.eof:  # urllib3 takes a truncated gzip for a whole one
            raise ConnectionError("the answer was cut off")
        return content

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
