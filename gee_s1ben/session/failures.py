"""What Earth Engine's errors mean for the user, in one table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gee_s1ben.errors import AccessError, GeeS1benError, ServiceError


@dataclass(frozen=True, slots=True)
class Failure:
    """One row: how an error is known, and what helps."""

    text: str
    """A regular expression sought in the message, case not minded."""
    advice: str
    """What to do about it."""
    kind: type[ServiceError] = ServiceError
    statuses: tuple[int, ...] = ()
    """Where given, the statuses that make the row hold without its text."""


FAILURES = (
    Failure(
        r"not signed up|is not registered|not been used in project|registered to use Earth Engine",
        "register the project at https://code.earthengine.google.com/register and enable the Earth Engine API",
        AccessError,
    ),
    Failure(
        r"no project|project.{0,20}(not found|was not given)|project= argument",
        "name a Google Cloud project: 'project:' in the configuration, or EARTHENGINE_PROJECT",
        AccessError,
    ),
    Failure(
        r"invalid_grant|authorize access|credentials|reauth|unauthenticated",
        "sign in again with 'earthengine authenticate'",
        AccessError,
        (401,),
    ),
    Failure(
        r"asset '.*' not found|does not exist or caller does not have access",
        "check the collection's id and that the account may read it",
    ),
    Failure(
        r"rate limit|too many (requests|concurrent)|quota|capacity exceeded|please try again",
        "the service is busy: run again later, or lower export.in_flight; what was fetched is kept",
        statuses=(429,),
    ),
    Failure(
        r"permission|forbidden",
        "the account needs the roles Earth Engine Resource Viewer and Service Usage Consumer on the project",
        AccessError,
        (403,),
    ),
    Failure(
        r"memory (limit|capacity) exceeded|out of memory|computation timed out|too complex",
        "lower export.window_px and run again; what was fetched is kept",
    ),
    Failure(
        r"total request size|payload size|too large",
        "lower export.window_px",
        statuses=(413,),
    ),
    Failure(
        r"did not match any bands|with no bands",
        "a scene lacks a band that was asked for: check radar.polarisations",
    ),
    Failure(
        r"timed out|no (whole )?answer|connection|refused|reset|unavailable|internal error",
        "check the network and run again; what was fetched is kept",
        statuses=(500, 502, 503, 504),
    ),
)

_SECRETS = re.compile(
    r"ya29\.[\w.-]+|1//[\w-]{10,}|(?i:bearer)\s+[\w.~+/-]+=*"
    r"|(?i:(?:access_|refresh_|id_)?token|key|secret|password)[\"']?\s*[=:]\s*[\"']?[^\s\"'&,}]+"
    r"|-----BEGIN [^-]*PRIVATE KEY-----.*?(?:-----END [^-]*-----|$)",
    re.DOTALL,
)

_LONGEST = 600


def as_service_error(error: BaseException, what: str) -> GeeS1benError:
    """Return the error of ours that an exception of the client stands for.

    Parameters
    ----------
    error : BaseException
        What the client raised.
    what : str
        What was being done, such as ``looking for scenes``.
    """
    if isinstance(error, GeeS1benError):
        return error
    status = status_of(error)
    message = readable(error)
    for failure in FAILURES:
        if re.search(failure.text, message, re.IGNORECASE) or status in failure.statuses:
            return failure.kind(f"{what}: {message.rstrip('.')} — {failure.advice}", status)
    return ServiceError(f"{what}: {message}", status)


def status_of(error: BaseException | None) -> int | None:
    """Find the HTTP status; the client leaves it only in the context of its exception."""
    while error is not None:
        status = getattr(getattr(error, "resp", None), "status", None)
        if isinstance(status, int):
            return status
        error = error.__cause__ or error.__context__
    return None


def readable(error: BaseException) -> str:
    """Return the text of an error on one line, without secrets and of bounded length."""
    text = " ".join(_SECRETS.sub("[hidden]", str(error) or type(error).__name__).split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
