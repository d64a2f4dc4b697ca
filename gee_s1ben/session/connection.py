"""Connecting the Earth Engine client to Google's service or to the embedded one."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import ee
import google.auth.credentials

from gee_s1ben.config import Config
from gee_s1ben.engine.service import serving
from gee_s1ben.errors import AccessError, Reaction, ServiceError
from gee_s1ben.session.credentials import PROJECT_VARIABLES, find_credentials, find_project
from gee_s1ben.session.pacing import Pacer
from gee_s1ben.session.retrying import asked
from gee_s1ben.session.transport import Transport, is_loopback

GOOGLE_URL = "https://earthengine.googleapis.com"
CONNECT_SECONDS = 90.0
"""So long is tried to connect, all attempts together."""
LISTENING_TRIES, LISTENING_PAUSE_SECONDS = 5, 0.2
"""A service on this machine that is being started has about a second to listen."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the client is connected to, and what it is connected with."""

    backend: Literal["embedded", "earthengine"]
    url: str
    project: str
    client_version: str
    credentials: Any = field(default=None, repr=False, compare=False)
    """Those of the client; anonymous ones on loopback."""
    transport: Transport | None = field(default=None, repr=False, compare=False)
    """What requests travel by: deadlines, no redirects, nothing unencrypted but to this machine."""
    pacer: Pacer = field(default_factory=Pacer, repr=False, compare=False)
    """How many requests may be in flight; knows whether the project's quota is used up."""


@contextmanager
def connect(config: Config) -> Iterator[Connection]:
    """Connect the client for the time of a ``with`` block.

    Raises
    ------
    AccessError
        No project or no credentials, or Google does not accept them.
    ServiceError
        The service cannot be reached.
    InputError
        The embedded service cannot read its catalog, or its exports folder is in use.
    """
    if config.backend == "embedded":
        if config.embedded.url is not None:
            with connected(config.embedded.url, "embedded") as connection:
                yield connection
            return
        # Only one service at a time may use the exports folder; who exports nothing leaves it to others.
        exports = None if config.export.transport == "direct" else config.embedded.exports
        with serving(config.embedded.catalog, exports=exports) as url, connected(url, "embedded") as connection:
            yield connection
        return
    project = find_project(config.project)
    if project is None:
        raise AccessError(
            f"no Google Cloud project: write 'project:' in the configuration or set {PROJECT_VARIABLES[0]}"
        )
    with connected(GOOGLE_URL, project, find_credentials()) as connection:
        yield connection


def _check_listening(url: str) -> None:
    """Find out at once that nothing listens on a port of this machine: waiting helps against a service that is busy.

    Raises
    ------
    ServiceError
        The port refuses connections.
    """
    parts = urlsplit(url)
    for left in reversed(range(LISTENING_TRIES)):
        try:
            socket.create_connection((parts.hostname, parts.port or 80), timeout=CONNECT_SECONDS).close()
        except ConnectionRefusedError:
            if not left:
                raise ServiceError(
                    f"nothing listens at {url} — start 'gee-s1ben engine serve', or correct embedded.url",
                    reaction=Reaction.STOP,
                ) from None
            time.sleep(LISTENING_PAUSE_SECONDS)
        except OSError:  # whatever else it is, the first request tells
            return
        else:
            return


@contextmanager
def connected(url: str, project: str, credentials: Any = None) -> Iterator[Connection]:
    """Connect the client to a service at ``url``; without credentials only on loopback.

    Raises
    ------
    ServiceError
        The service cannot be reached, or the URL is plain http to another machine.
    """
    local = is_loopback(url)
    if not local and not url.startswith("https://"):
        raise ServiceError(f"{url}: plain http is for this machine only; use https")
    if not local and credentials is None:
        raise AccessError(f"{url}: credentials are needed")
    anonymous: Any = google.auth.credentials.AnonymousCredentials
    credentials = credentials or anonymous()
    pacer = Pacer()
    transport = Transport(direct=local, told=pacer.quota)

    def initialize() -> None:
        ee.Reset()
        ee.data.setMaxRetries(0)  # what is tried again, and when, is decided in one place, and not here
        if local:
            # At start the client fetches a list of deprecated assets from a public bucket, without a deadline. A
            # catalog of one's own has none, and an embedded service must not need the network: a list that is there is
            # not fetched.
            ee.deprecation.deprecated_assets = {"": ee.deprecation.DeprecatedAsset("", None, None, None)}
        ee.Initialize(credentials, url=url, project=project, http_transport=transport)

    try:
        if local:
            _check_listening(url)
        asked(initialize, f"connecting to Earth Engine at {url}", seconds=CONNECT_SECONDS)
        backend: Literal["embedded", "earthengine"] = "embedded" if local else "earthengine"
        yield Connection(backend, url, project, str(ee.__version__), credentials, transport, pacer)
    finally:
        pacer.cancel()
        ee.Reset()
        transport.close()
