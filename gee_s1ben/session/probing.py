"""Small questions that tell whether a service is there, and what time it is there."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

import ee
import requests

from gee_s1ben.errors import ServiceError
from gee_s1ben.session.computing import compute_value
from gee_s1ben.session.transport import is_loopback

SECONDS = 15.0
"""After which a server that has not told its time is given up."""


def server_time(url: str, seconds: float = SECONDS) -> datetime:
    """Return the time a server states in the ``Date`` header of any answer; no credentials are sent.

    Raises
    ------
    ServiceError
        No answer, or one without a time.
    """
    with requests.Session() as session:
        session.trust_env = not is_loopback(url)
        try:
            answer = session.head(url, timeout=seconds, allow_redirects=False)
        except requests.exceptions.RequestException as error:
            raise ServiceError(f"{url} does not answer ({type(error).__name__})") from error
    try:
        return parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError as error:
        raise ServiceError(f"{url} does not tell the time") from error


def check_computing() -> None:
    """Let the service compute the smallest thing there is.

    Raises
    ------
    ServiceError
        It refuses, fails, does not answer, or computes something else.
    """
    answer = compute_value(ee.Number(1).add(1), "computing 1 + 1")
    if answer != 2:
        raise ServiceError(f"computing 1 + 1 gave {answer!r}: is this Earth Engine?")
