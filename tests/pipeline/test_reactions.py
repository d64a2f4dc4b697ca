"""What follows for a job from how its operations stand: row by row, and what must hold whatever they do."""

from __future__ import annotations

import dataclasses
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gee_s1ben.errors import Reaction
from gee_s1ben.ledger import FINAL, Cause, Standing
from gee_s1ben.pipeline.reactions import (
    MOST_DIVISION,
    MOST_PAUSED,
    Decision,
    Do,
    Piece,
    Situation,
    decide,
    since_retry,
)
from gee_s1ben.session.failures import reaction_to_operation


def one(standing: Standing, error: str = "", **others: Any) -> Situation:
    reaction = reaction_to_operation(error) if error else Reaction.FAIL
    return Situation([Piece(standing, reaction, error)], **others)


def failed(error: str, **others: Any) -> Situation:
    return one(Standing.FAILED, error, **others)


MEMORY = "User memory limit exceeded."
INTERNAL = "Internal error."
NO_BAND = "Image.select: Band pattern 'VH' did not match any bands. Available bands: [VV]"
NO_ASSET = "Image asset 'COPERNICUS/S1_GRD/x' not found (does not exist or caller does not have access)."
DRIVE_FULL = "Not enough space in Google Drive."

ROWS = [
    (one(Standing.INTENDED), Do.SEND, None),
    (one(Standing.PENDING), Do.WAIT, None),  # for days, if need be
    (one(Standing.RUNNING), Do.WAIT, None),
    (one(Standing.UNKNOWN), Do.WAIT, None),
    (one(Standing.CANCELLING), Do.WAIT, None),
    (one(Standing.SUCCEEDED), Do.LAND, None),
    (one(Standing.SUCCEEDED, cancelling=True), Do.LAND, None),
    (one(Standing.CANCELLED), Do.CANCEL, None),
    (one(Standing.CANCELLED, cancelling=True), Do.CANCEL, None),
    (one(Standing.RUNNING, cancelling=True), Do.WAIT, None),
    (one(Standing.INTENDED, cancelling=True), Do.WAIT, None),
    (failed(INTERNAL, cancelling=True), Do.CANCEL, None),
    (failed(MEMORY), Do.AGAIN, (Cause.SMALLER, 2)),
    (failed("Execution failed; out of memory."), Do.AGAIN, (Cause.SMALLER, 2)),
    (failed(MEMORY, division=2), Do.FAIL, None),
    (failed(INTERNAL), Do.AGAIN, (Cause.ANEW, 1)),
    (failed("something that nobody has seen before"), Do.AGAIN, (Cause.ANEW, 1)),
    (failed(INTERNAL, division=2), Do.AGAIN, (Cause.ANEW, 2)),
    (failed(INTERNAL, anew=1), Do.FAIL, None),
    (failed(MEMORY, anew=1), Do.AGAIN, (Cause.SMALLER, 2)),
    (failed(NO_BAND), Do.ABSENT, None),
    (failed(NO_ASSET), Do.FAIL, None),
    (failed(DRIVE_FULL), Do.AGAIN, (Cause.PAUSED, 1)),
    (failed(DRIVE_FULL, paused=MOST_PAUSED), Do.FAIL, None),
    (one(Standing.GONE), Do.AGAIN, (Cause.ANEW, 1)),
    (one(Standing.GONE, anew=1), Do.FAIL, None),
]


@pytest.mark.parametrize(("situation", "do", "again"), ROWS)
def test_row(situation: Situation, do: Do, again: tuple[Cause, int] | None) -> None:
    decision = decide(situation)
    assert decision.do is do
    if again is not None:
        assert (decision.cause, decision.division) == again
    if do in (Do.FAIL, Do.ABSENT, Do.CANCEL, Do.AGAIN):
        assert decision.reason
    error = situation.pieces[0].error
    assert decision.reason.startswith(error) or situation.cancelling


def test_a_full_destination_is_paused_and_others_are_not() -> None:
    assert decide(failed(DRIVE_FULL)).pause
    assert not any(decide(failed(error)).pause for error in (MEMORY, INTERNAL, NO_ASSET, NO_BAND))


def test_where_pieces_fail_in_several_ways_the_one_that_cannot_be_helped_decides() -> None:
    def pieces(*errors: str) -> Situation:
        return Situation([Piece(Standing.FAILED, reaction_to_operation(text), text) for text in errors], division=2)

    assert decide(pieces(INTERNAL, NO_ASSET, MEMORY)).do is Do.FAIL
    assert decide(pieces(INTERNAL, NO_BAND, NO_ASSET)).do is Do.ABSENT
    assert decide(pieces(INTERNAL, MEMORY)).do is Do.FAIL  # smaller was tried
    assert decide(pieces(INTERNAL, DRIVE_FULL)).cause is Cause.PAUSED


def test_the_users_word_starts_the_count_again() -> None:
    causes = [Cause.FIRST, Cause.ANEW, Cause.RETRY, Cause.SMALLER]
    assert since_retry(causes, Cause.ANEW) == 0
    assert since_retry([*causes, Cause.ANEW], Cause.ANEW) == 1
    assert since_retry([Cause.FIRST, Cause.ANEW], Cause.ANEW) == 1
    assert since_retry([], Cause.ANEW) == 0


def situations() -> st.SearchStrategy[Situation]:
    piece = st.builds(Piece, st.sampled_from(Standing), st.sampled_from(Reaction), st.sampled_from(["", "an error"]))
    return st.builds(
        Situation,
        pieces=st.lists(piece, min_size=1, max_size=4),
        division=st.sampled_from([1, 2]),
        anew=st.integers(0, 2),
        paused=st.integers(0, MOST_PAUSED + 1),
        cancelling=st.booleans(),
    )


@given(situations())
def test_another_attempt_only_after_one_that_is_known_to_have_ended(situation: Situation) -> None:
    decision = decide(situation)
    standings = {piece.standing for piece in situation.pieces}
    if decision.do is Do.AGAIN:
        assert standings & {Standing.FAILED, Standing.GONE}
        assert not situation.cancelling
    if standings <= {Standing.PENDING, Standing.RUNNING, Standing.UNKNOWN, Standing.CANCELLING}:
        assert decision == Decision(Do.WAIT)
    assert (decision.do is Do.LAND) == (standings == {Standing.SUCCEEDED})
    assert decision.division <= MOST_DIVISION
    if situation.cancelling and not standings <= FINAL:
        assert decision.do is Do.WAIT


@given(situations(), st.data())
def test_attempts_come_to_an_end(situation: Situation, data: st.DataObject) -> None:
    """However the attempts fail: so many of each kind, and no more."""
    situation = dataclasses.replace(situation, division=1, anew=0, paused=0, cancelling=False)
    attempts = 1
    while decide(situation).do is Do.AGAIN:
        decision = decide(situation)
        attempts += 1
        reaction = data.draw(st.sampled_from(Reaction))
        situation = Situation(
            [Piece(Standing.FAILED, reaction, "an error")] * decision.division**2,
            decision.division,
            situation.anew + (decision.cause is Cause.ANEW),
            situation.paused + (decision.cause is Cause.PAUSED),
        )
    assert attempts <= 1 + 1 + 1 + MOST_PAUSED
