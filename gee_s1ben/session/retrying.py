"""Asking again, in the one place where that is done: the clients' own attempts are all set to one.

What is asked again is decided by :mod:`.failures`; how long is waited, here: as long as the service says, else longer
and longer with jitter (M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015), and never past a
deadline for all attempts together.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import ee
import google.api_core.exceptions
import google.auth.exceptions
import google.cloud.storage.exceptions
import googleapiclient.errors
import requests
import tenacity

from gee_s1ben.errors import Reaction, ServiceError
from gee_s1ben.session.failures import as_service_error, header_of, readable, status_of
from gee_s1ben.session.pacing import Pacer

_Result = TypeVar("_Result")
_LONG_SECONDS = 10.0
_log = logging.getLogger(__name__)


class UnusableAnswerError(Exception):
    """A good status, but not what was asked for; asking again may help."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is asked again for one thing."""

    seconds: float = 600.0
    """All attempts and waits together; no wait reaches beyond it."""
    unusable: int = 3
    """How often an answer that cannot be used is asked for."""
    first_seconds: float = 0.5
    """Longest wait after the first attempt; twice as long after each further one."""
    longest_seconds: float = 60.0
    """No wait is longer, unless the service asks for it."""
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


PATIENCE = Patience()
"""Looked up whenever something is asked, so that it can be replaced."""

EXPECTED = (
    ee.EEException,
    googleapiclient.errors.Error,
    google.api_core.exceptions.GoogleAPICallError,
    google.auth.exceptions.GoogleAuthError,
    google.cloud.storage.exceptions.InvalidResponse,
    google.cloud.storage.exceptions.DataCorruption,
    requests.exceptions.RequestException,
    OSError,
    ServiceError,
    UnusableAnswerError,
    # What escapes the clients from answers that are not what they should be.
    AttributeError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the clients raise when a service fails."""

_MALFORMED = (UnusableAnswerError, AttributeError, KeyError, RecursionError, TypeError, ValueError)
_PASSING = frozenset({Reaction.RETRY, Reaction.SLOW_DOWN})


class _Failed(Exception):  # noqa: N818 - carries an error to where it is raised
    """An attempt that failed, with what is known of it."""

    def __init__(self, error: ServiceError, wait: float | None, *, malformed: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait
        self.malformed = malformed


def asked(
    ask: Callable[[], _Result], what: str, *, pacer: Pacer | None = None, seconds: float | None = None
) -> _Result:
    """Ask a service for something, and again while that can help.

    Parameters
    ----------
    ask : callable
        Asks once; raises what the clients raise, or :class:`UnusableAnswerError`.
    what : str
        What is being done, for the user.
    pacer : Pacer, optional
        Each attempt takes a slot of it, and gives it back while waiting.
    seconds : float, optional
        Less patience than :data:`PATIENCE` has; 0 asks once.

    Raises
    ------
    ServiceError
        It did not help; ``reaction`` says what may.
    """
    patience = PATIENCE
    most = patience.seconds if seconds is None else min(seconds, patience.seconds)
    start = patience.clock()
    pause = patience.pause if pacer is None or patience.pause is not time.sleep else pacer.pause
    malformed = 0

    def attempt() -> _Result:
        nonlocal malformed
        try:
            return _once(ask, what, pacer)
        except _Failed as failed:
            malformed += failed.malformed
            raise

    def over(state: tenacity.RetryCallState) -> bool:
        return malformed >= patience.unusable or patience.clock() - start + state.upcoming_sleep > most

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, _Failed) and error.error.reaction in _PASSING
        ),
        wait=lambda state: _wait(state, patience),
        stop=over,
        sleep=pause,
        before_sleep=_tell,
        reraise=True,
    )
    try:
        return attempts(attempt)
    except _Failed as failed:
        error, tries = failed.error, int(attempts.statistics.get("attempt_number", 1))
        if failed.malformed:
            raise _unusable(error, what, tries) from error.__cause__
        if error.reaction in _PASSING and tries > 1:
            seconds = patience.clock() - start
            raise type(error)(
                f"{error} (asked {tries} times in {seconds:.0f} s)", error.status, error.reaction
            ) from error.__cause__
        raise error from error.__cause__


def _once(ask: Callable[[], _Result], what: str, pacer: Pacer | None) -> _Result:
    if pacer is None:
        try:
            return ask()
        except EXPECTED as error:
            raise _failed(error, what) from error
    with pacer.slot() as begun:
        try:
            result = ask()
        except EXPECTED as error:
            failed = _failed(error, what)
            if failed.error.reaction is Reaction.SLOW_DOWN:
                pacer.slower(begun)
            raise failed from error
        pacer.faster()
        return result


def _failed(error: Exception, what: str) -> _Failed:
    malformed = _is_malformed(error)
    if malformed:
        ours: object = ServiceError(readable(error), 200, Reaction.RETRY)
    else:
        ours = as_service_error(error, what)
    if not isinstance(ours, ServiceError):
        raise ours if isinstance(ours, BaseException) else error
    if ours is not error:
        ours.__cause__ = error
    return _Failed(ours, _retry_after(error), malformed=malformed)


def _is_malformed(error: Exception) -> bool:
    """Whether an answer came whose status was good and whose content was not."""
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return True
    if isinstance(error, requests.exceptions.RequestException | google.auth.exceptions.GoogleAuthError | ServiceError):
        return False
    status = status_of(error)
    return isinstance(error, _MALFORMED) or (status is not None and 200 <= status < 300)


def _unusable(error: ServiceError, what: str, tries: int) -> ServiceError:
    times = f", {tries} times" if tries > 1 else ""
    return ServiceError(f"{what}: the answer is not what was asked for{times}: {error}", 200, Reaction.RETRY)


def _wait(state: tenacity.RetryCallState, patience: Patience) -> float:
    longest = min(patience.longest_seconds, patience.first_seconds * 2.0 ** min(state.attempt_number - 1, 30))
    jittered = random.uniform(longest / 2, longest)  # noqa: S311 - no secret
    error = state.outcome.exception() if state.outcome is not None else None
    asked_for = error.wait if isinstance(error, _Failed) else None
    return jittered if asked_for is None else max(jittered, asked_for)


def _tell(state: tenacity.RetryCallState) -> None:
    if state.upcoming_sleep >= _LONG_SECONDS and state.outcome is not None:
        _log.warning("asking again in %.0f s: %s", state.upcoming_sleep, state.outcome.exception())


def _retry_after(error: BaseException) -> float | None:
    """Seconds that the service asks to wait: a number, or a date by its own clock."""
    value = header_of(error, "retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value)
        date = header_of(error, "date")
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None
