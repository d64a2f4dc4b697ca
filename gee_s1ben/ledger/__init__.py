"""The ledger: what is owed, what was asked for, and what came of it, in one SQLite file that people can read."""

from gee_s1ben.ledger.records import (
    ENDED,
    FINAL,
    OUT,
    Added,
    AttemptRecord,
    Cause,
    Event,
    FileRecord,
    Finished,
    Intended,
    JobRecord,
    JobState,
    OperationRecord,
    Owed,
    Seen,
    Standing,
)
from gee_s1ben.ledger.store import Ledger

__all__ = [
    "ENDED",
    "FINAL",
    "OUT",
    "Added",
    "AttemptRecord",
    "Cause",
    "Event",
    "FileRecord",
    "Finished",
    "Intended",
    "JobRecord",
    "JobState",
    "Ledger",
    "OperationRecord",
    "Owed",
    "Seen",
    "Standing",
]
