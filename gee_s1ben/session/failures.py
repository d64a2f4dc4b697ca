"""What the errors of Earth Engine, Drive and Cloud Storage mean, and what helps, in one table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import google.auth.exceptions
import googleapiclient.errors

from gee_s1ben.errors import AccessError, GeeS1benError, Reaction, ServiceError


@dataclass(frozen=True, slots=True)
class Failure:
    """One row: how an error is known, what helps, and what the user is told."""

    text: str
    """A regular expression sought in the message, case not minded."""
    reaction: Reaction
    """What helps."""
    advice: str
    """What to do about it."""
    statuses: tuple[int, ...] = ()
    """Statuses that make the row hold without its text."""


FAILURES = (
    Failure(
        # Before the rows that ask again: what our own service could not do it will not do the next time either.
        r"internal error has occurred in the embedded earth engine service",
        Reaction.FAIL,
        "this is a fault of gee_s1ben: please report it with this line",
    ),
    Failure(
        r"different operation was already started|already started with the given request_id",
        Reaction.ATTACH,
        "it was started before: run again, and it is found by its token",
    ),
    Failure(
        r"too many tasks already in the queue",
        Reaction.HOLD,
        "the queue is full: poll until it drains",
    ),
    Failure(
        r"disk of the exports folder is full",
        Reaction.HOLD,
        "make room where the embedded service keeps its exports: they go on by themselves",
    ),
    Failure(
        r"service accounts do not have storage quota",
        Reaction.STOP,
        "a service account has no space in Drive: set export.transport to gcs or direct, or sign in as a user",
    ),
    Failure(
        r"not enough space in google drive|storageQuotaExceeded|(drive|user'?s).{0,20}storage quota|drive is full",
        Reaction.PAUSE,
        "make room in Google Drive, then retry; the other destinations go on",
    ),
    Failure(
        r"drive api has not been used|cloud storage.{0,10} api has not been used",
        Reaction.STOP,
        "enable that API for the project at https://console.cloud.google.com/apis/library, then run again",
    ),
    Failure(
        r"not signed up|is not registered|not been used in project|registered to use Earth Engine",
        Reaction.STOP,
        "register the project at https://code.earthengine.google.com/register and enable the Earth Engine API",
    ),
    Failure(
        r"no project|project.{0,20}(not found|was not given)|project= argument",
        Reaction.STOP,
        "name a Google Cloud project: 'project:' in the configuration, or EARTHENGINE_PROJECT",
    ),
    Failure(
        r"insufficient authentication scopes|ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        Reaction.STOP,
        "the sign-in does not cover the destination: run 'earthengine authenticate --force' and allow all it asks",
    ),
    Failure(
        r"(memory|memory limit|memory capacity) exceeded|out of memory|computation timed out|too complex",
        Reaction.SMALLER,
        "lower export.window_px and run again; what was fetched is kept",
    ),
    Failure(
        r"total request size|pixel grid dimensions",
        Reaction.SMALLER,
        "lower export.window_px",
    ),
    Failure(
        r"payload size|expression (is )?too (large|big)",
        Reaction.FAIL,
        "the graph of this pass is too large to be sent: set radar.speckle.filter to none, or leave the pass out",
        (413,),
    ),
    Failure(
        r"computed value (is )?too large",
        Reaction.FAIL,
        "set export.transport to drive or gcs",
    ),
    Failure(
        r"export too large|compatible data types",
        Reaction.FAIL,
        "this is a fault of gee_s1ben's planning: please report it with this line",
    ),
    Failure(
        r"rate ?limit|too many (requests|concurrent)|concurrency limit|quota ?exceeded|quota",
        Reaction.SLOW_DOWN,
        "the service is busy: run again later, or lower export.in_flight; what was fetched is kept",
        (429,),
    ),
    Failure(
        r"did not match any bands|with no bands",
        Reaction.ABSENT,
        "a scene lacks a band that was asked for: check radar.polarisations",
    ),
    Failure(
        r"asset '.*' not found|does not exist or caller does not have access",
        Reaction.FAIL,
        "check the collection's id and that the account may read it",
    ),
    Failure(
        r"specified bucket does not exist|bucket.{0,80}not found",
        Reaction.STOP,
        "check export.bucket: it must be there before the work starts",
    ),
    Failure(
        r"storage\.(objects|buckets)\.\w+",
        Reaction.STOP,
        "the account needs the role Storage Object User on export.bucket",
    ),
    Failure(
        r"invalid_grant|authorize access|credentials|reauth|unauthenticated",
        Reaction.STOP,
        "sign in again with 'earthengine authenticate'",
        (401,),
    ),
    Failure(
        r"capacity exceeded|please try again|timed out|no (whole )?answer|connection|refused|reset|unavailable"
        r"|internal error|cut off",
        Reaction.RETRY,
        "check the network and run again; what was fetched is kept",
        (408, 500, 502, 503, 504),
    ),
    Failure(
        r"permission|forbidden",
        Reaction.STOP,
        "the account needs the roles Earth Engine Resource Viewer and Service Usage Consumer on the project",
        (403,),
    ),
)
"""The first row that holds decides."""

_SECRETS = re.compile(
    r"ya29\.[\w.-]+|1//[\w-]{10,}|(?i:bearer)\s+[\w.~+/-]+=*"
    r"|(?<=://)[^/\s@]+@"
    r"|(?i:(?:access_|refresh_|id_)?token|key|secret|password|signature|credential)[\"']?\s*[=:]\s*[\"']?[^\s\"'&,}]+"
    r"|-----BEGIN [^-]*PRIVATE KEY-----.*?(?:-----END [^-]*-----|$)",
    re.DOTALL,
)

_ADDRESS = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE|HEAD) https?://\S+ ?")
_PAGE = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_LONGEST = 600


def as_service_error(error: BaseException, what: str) -> GeeS1benError:
    """Return the error of ours that an exception of a client stands for.

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
    message = readable(_said(error) or (f"status {status}" if status else type(error).__name__))
    if isinstance(error, google.auth.exceptions.GoogleAuthError) and _passes(error):
        return ServiceError(
            f"{what}: {message} — the place that gives tokens is busy: run again", status, Reaction.RETRY
        )
    failure = failure_of(" ".join((message, *_reasons(error))), status)
    if failure is None:
        # What did not even reach the service may reach it the next time.
        reaction = Reaction.RETRY if isinstance(error, OSError) else Reaction.FAIL
        return ServiceError(f"{what}: {message}", status, reaction)
    kind = AccessError if failure.reaction is Reaction.STOP else ServiceError
    return kind(f"{what}: {message.rstrip('.')} — {failure.advice}", status, failure.reaction)


def failure_of(message: str, status: int | None = None) -> Failure | None:
    """Return the row of the table that holds for a message, or None."""
    for failure in FAILURES:
        if re.search(failure.text, message, re.IGNORECASE) or status in failure.statuses:
            return failure
    return None


def reaction_to_operation(message: str) -> Reaction:
    """Return what helps against an operation that FAILED with this message.

    The service itself has tried five times by then: where trying again might have helped it gets one new attempt.
    """
    failure = failure_of(message)
    passing = (Reaction.RETRY, Reaction.SLOW_DOWN, Reaction.HOLD, Reaction.ATTACH)
    return Reaction.ANEW if failure is None or failure.reaction in passing else failure.reaction


def status_of(error: BaseException | None) -> int | None:
    """Find the HTTP status; Earth Engine's client leaves it only in the context of its exception."""
    for one in _chain(error):
        for status in (
            getattr(getattr(one, "resp", None), "status", None),
            getattr(getattr(one, "response", None), "status_code", None),
            getattr(one, "code", None),
        ):
            if isinstance(status, int):
                return int(status)
    return None


def header_of(error: BaseException | None, name: str) -> str | None:
    """Find a header of the answer that an exception of a client stands for."""
    for one in _chain(error):
        for headers in (getattr(one, "resp", None), getattr(getattr(one, "response", None), "headers", None)):
            value = headers.get(name) if headers is not None and hasattr(headers, "get") else None
            if isinstance(value, str):
                return value
    return None


def readable(error: BaseException | str) -> str:
    """Return the text of an error on one line, without secrets and of bounded length."""
    text = " ".join(_SECRETS.sub("[hidden]", str(error) or type(error).__name__).split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _said(error: BaseException) -> str:
    """What the service said, without the address that was asked: names in it must not pass for words of the service."""
    if isinstance(error, googleapiclient.errors.HttpError):
        return str(error.reason or "").strip()
    text = _ADDRESS.sub("", str(error))
    if _PAGE.search(text):  # of a proxy or a load balancer; what it says means nothing, its status does
        return ""
    return text or type(error).__name__


def _passes(error: BaseException) -> bool:
    """Whether a refused sign-in is the token service's trouble and not the user's."""
    if bool(getattr(error, "retryable", False)):
        return True
    return isinstance(error, google.auth.exceptions.TransportError)


def _reasons(error: BaseException) -> list[str]:
    """Words by which Google's services tell apart what has one status, such as ``rateLimitExceeded``."""
    contents = (getattr(one, "content", None) for one in _chain(error))
    content = next((one for one in contents if isinstance(one, bytes)), b"")
    try:
        told: Any = json.loads(content)["error"]
        rows = [*told.get("errors", ()), *told.get("details", ())]
        return [str(row["reason"]) for row in rows if isinstance(row, dict) and "reason" in row]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []
