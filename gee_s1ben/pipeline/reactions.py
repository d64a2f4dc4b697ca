"""What to do about a job, from how its operations stand: a table and a pure function.

What an error's text means is :mod:`gee_s1ben.session.failures`' to say; here stands what follows for the job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gee_s1ben.domain.plural import plural
from gee_s1ben.errors import Reaction
from gee_s1ben.ledger import Cause, Standing

MOST_ANEW = 1
"""Attempts that follow a failure of the service: it has tried five times itself."""
MOST_DIVISION = 2
"""A raster that is too large for the service's memory is asked for in halves each way, once."""
MOST_PAUSED = 20
"""Attempts that follow a full destination; each waits until the destination says that it has room."""


class Do(StrEnum):
    """What follows for a job."""

    WAIT = "wait"
    SEND = "send"
    """Pieces are written down and not known to be out: send them, with the ids they have."""
    LAND = "land"
    """Every piece succeeded: bring the files down."""
    AGAIN = "again"
    """Another attempt."""
    ABSENT = "absent"
    FAIL = "fail"
    CANCEL = "cancel"
    """It is cancelled."""


@dataclass(frozen=True, slots=True)
class Piece:
    """How the operation of a piece stands."""

    standing: Standing
    reaction: Reaction = Reaction.FAIL
    """What helps against its failure, where it failed."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides what follows for a submitted job."""

    pieces: Sequence[Piece]
    """Of the latest attempt."""
    division: int = 1
    anew: int = 0
    """Attempts since the user's last word that followed a failure of the service."""
    paused: int = 0
    """Attempts since the user's last word that followed a full destination."""
    cancelling: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows, and why."""

    do: Do
    reason: str = ""
    cause: Cause = Cause.ANEW
    """Of the other attempt."""
    division: int = 1
    """Of the other attempt."""
    pause: bool = False
    """Nothing is to be submitted to the destination until it takes something again."""


_AFTER_FAILURE: Mapping[Reaction, Do | Cause] = {
    Reaction.ABSENT: Do.ABSENT,
    Reaction.FAIL: Do.FAIL,
    Reaction.STOP: Cause.PAUSED,
    Reaction.PAUSE: Cause.PAUSED,
    Reaction.SMALLER: Cause.SMALLER,
    Reaction.ANEW: Cause.ANEW,
    Reaction.RETRY: Cause.ANEW,
    Reaction.SLOW_DOWN: Cause.ANEW,
    Reaction.HOLD: Cause.ANEW,
    Reaction.ATTACH: Cause.ANEW,
}
"""What a failed operation comes to; where several pieces failed, the first of this order that one of them names."""


def decide(situation: Situation) -> Decision:
    """Say what follows for a submitted job. Whatever is not known for certain is waited for."""
    standings = [piece.standing for piece in situation.pieces]
    if standings and all(standing is Standing.SUCCEEDED for standing in standings):
        return Decision(Do.LAND)  # also where cancelling came too late
    failed = [piece for piece in situation.pieces if piece.standing is Standing.FAILED]
    if situation.cancelling:
        over = {Standing.FAILED, Standing.CANCELLED, Standing.GONE, Standing.SUCCEEDED}
        return Decision(Do.CANCEL, "cancelled") if over.issuperset(standings) else Decision(Do.WAIT)
    if failed:
        return _after_failure(situation, failed)
    if Standing.GONE in standings:
        reason = "the service does not know the operation any more, and its files are not there"
        return _anew(situation, reason)
    if Standing.CANCELLED in standings:
        return Decision(Do.CANCEL, "cancelled at the service, not from here")
    return Decision(Do.SEND) if Standing.INTENDED in standings else Decision(Do.WAIT)


def _after_failure(situation: Situation, failed: Sequence[Piece]) -> Decision:
    order = list(_AFTER_FAILURE)
    worst = min(failed, key=lambda piece: order.index(piece.reaction))
    what, reason = _AFTER_FAILURE[worst.reaction], worst.error or "failed without a word"
    if what is Do.ABSENT or what is Do.FAIL:
        return Decision(what, reason)
    if what is Cause.SMALLER:
        if situation.division >= MOST_DIVISION:
            return Decision(Do.FAIL, f"{reason} (in {situation.division}×{situation.division} pieces as well)")
        return Decision(Do.AGAIN, reason, Cause.SMALLER, MOST_DIVISION)
    if what is Cause.PAUSED:
        if situation.paused >= MOST_PAUSED:
            return Decision(Do.FAIL, f"{reason} ({plural(situation.paused + 1, 'time')})", pause=True)
        return Decision(Do.AGAIN, reason, Cause.PAUSED, situation.division, pause=True)
    return _anew(situation, reason)


def _anew(situation: Situation, reason: str) -> Decision:
    if situation.anew >= MOST_ANEW:
        return Decision(Do.FAIL, f"{reason} ({plural(situation.anew + 1, 'attempt')})")
    return Decision(Do.AGAIN, reason, Cause.ANEW, situation.division)


def since_retry(causes: Sequence[Cause], cause: Cause) -> int:
    """How many of a job's attempts were begun for a cause since the user last asked for one."""
    count = 0
    for one in reversed(causes):
        if one is Cause.RETRY:
            break
        count += one is cause
    return count
