"""Telling somebody who is not at the terminal that work has ended, failed or stopped.

Where to comes from the environment alone, since such addresses hold secrets: they stand in no configuration, ledger or
log. Sending is Apprise's, which knows mail, chats and push services by one kind of URL each.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gee_s1ben.domain.plural import plural
from gee_s1ben.ledger import JobState

VARIABLE = "GEE_S1BEN_NOTIFY"
"""One Apprise URL, or several with spaces between them."""

_GOOD = (JobState.LANDED, JobState.DONE, JobState.ABSENT)
_BAD = (JobState.FAILED, JobState.CANCELLED)
_OPEN = (JobState.PLANNED, JobState.SUBMITTED, JobState.EXPORTED)

Counts = Mapping[JobState, int]


@dataclass(frozen=True, slots=True)
class Tidings:
    """Something worth telling."""

    title: str
    body: str


TEST = Tidings("gee-s1ben: a test", "'gee-s1ben doctor --notify' sent this: messages arrive.")


def tidings(before: Counts, after: Counts, what: str) -> Tidings | None:
    """Return what one poll changed that is worth telling: the end of everything, or jobs that failed.

    Parameters
    ----------
    before, after : mapping of JobState to int
        How many jobs were in each state, and are.
    what : str
        Whose jobs they are, such as the dataset's name.
    """
    still = sum(after.get(state, 0) for state in _OPEN)
    good = sum(after.get(state, 0) for state in _GOOD)
    failed, new = after.get(JobState.FAILED, 0), after.get(JobState.FAILED, 0) - before.get(JobState.FAILED, 0)
    ended = not still and any(before.get(state, 0) for state in _OPEN)
    if ended and not any(after.get(state, 0) for state in _BAD):
        return Tidings(f"{what}: all done ({plural(good, 'job')})", "'gee-s1ben run' makes the dataset of them.")
    if ended:
        cancelled = after.get(JobState.CANCELLED, 0)
        return Tidings(
            f"{what}: nothing is left to wait for, {plural(failed, 'job')} failed",
            f"{plural(good, 'job')} done, {cancelled} cancelled. 'gee-s1ben status' says why they failed.",
        )
    if new > 0:
        return Tidings(
            f"{what}: {plural(new, 'job')} failed", f"{still} still at work. 'gee-s1ben status' says why they failed."
        )
    return None


def stopped(error: Exception, what: str) -> Tidings:
    """Return that work has stopped, and why; an error's text holds no secrets."""
    return Tidings(f"{what}: stopped", str(error))


def notify(told: Tidings | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Send tidings to where the environment says, if it does.

    Returns
    -------
    str or None
        What is wrong, where they could not be sent; never the address.
    """
    addresses = environment.get(VARIABLE, "").split()
    if told is None or not addresses:
        return None
    sender, problem = _sender(addresses)
    if sender is None:
        return problem
    sent = [place.notify(title=told.title, body=told.body) for place in sender]
    if not all(sent):
        problem = (
            f"{VARIABLE}: {len(sent) - sum(map(bool, sent))} of {plural(len(addresses), 'address')} took no message "
            f"({told.title}); check the addresses with the 'apprise' command"
        )
    return problem


def check_addresses(environment: Mapping[str, str] = os.environ) -> str | None:
    """Find out, without sending anything, whether Apprise can read every address.

    Returns
    -------
    str or None
        What is wrong; never the address.
    """
    return _sender(environment.get(VARIABLE, "").split())[1]


def _sender(addresses: Sequence[str]) -> tuple[Any, str | None]:
    """Return Apprise with the addresses that it can use, None without it, and what is wrong."""
    try:
        import apprise
    except ImportError:
        return None, f"{VARIABLE} is set, but Apprise is not installed: pip install 'gee-s1ben[notifications]'"
    # Apprise logs addresses that it cannot use, whole.
    logging.getLogger("apprise").disabled = True
    sender = apprise.Apprise()
    usable = [sender.add(address) for address in addresses]
    if all(usable):
        return sender, None
    numbers = ", ".join(str(number) for number, good in enumerate(usable, start=1) if not good)
    return sender, f"{VARIABLE}: Apprise cannot use address {numbers} of {len(addresses)}"


def addresses(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many places the environment names."""
    return len(environment.get(VARIABLE, "").split())
