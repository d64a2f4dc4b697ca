"""Connecting the Earth Engine client to Google's service or to the embedded one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import ee
import google.auth.credentials
import google.auth.exceptions

from gee_s1ben.config import Config
from gee_s1ben.engine.service import serving
from gee_s1ben.errors import AccessError, ServiceError
from gee_s1ben.session.credentials import PROJECT_VARIABLES, find_credentials, find_project
from gee_s1ben.session.failures import as_service_error
from gee_s1ben.session.transport import Transport, is_loopback

GOOGLE_URL = "https://earthengine.googleapis.com"


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the client is connected to."""

    backend: Literal["embedded", "earthengine"]
    url: str
    project: str
    client_version: str


@contextmanager
def connect(config: Config) -> Iterator[Connection]:
    """Connect the client for the time of a ``with`` block.

    Raises
    ------
    AccessError
        No project or no credentials, or Google does not accept them.
    ServiceError
        The service cannot be reached.
    CatalogError
        The embedded service cannot read its catalog.
    """
    if config.backend == "embedded":
        with serving(config.embedded.catalog) as url, connected(url, "embedded") as connection:
            yield connection
        return
    project = find_project(config.project)
    if project is None:
        raise AccessError(
            f"no Google Cloud project: write 'project:' in the configuration or set {PROJECT_VARIABLES[0]}"
        )
    with connected(GOOGLE_URL, project, find_credentials()) as connection:
        yield connection


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
    transport = Transport(direct=local)
    ee.Reset()
    if local:
        # At start the client fetches a list of deprecated assets from a public bucket, without a deadline. A catalog of
        # one's own has none, and an embedded service must not need the network: a list that is there is not fetched.
        ee.deprecation.deprecated_assets = {"": ee.deprecation.DeprecatedAsset("", None, None, None)}
    try:
        ee.Initialize(
            credentials or anonymous(),
            url=url,
            project=project,
            http_transport=transport,
        )
    except (ee.EEException, google.auth.exceptions.GoogleAuthError, OSError, ServiceError) as error:
        raise as_service_error(error, f"connecting to Earth Engine at {url}") from error
    except Exception as error:
        if type(error).__module__.startswith("googleapiclient"):  # discovery's errors escape as they are
            raise as_service_error(error, f"connecting to Earth Engine at {url}") from error
        raise
    try:
        yield Connection("embedded" if local else "earthengine", url, project, str(ee.__version__))
    finally:
        ee.Reset()
        transport.close()
