"""What all kinds of names share: matching a text that may be hostile, and times."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from gee_s1ben.errors import NamingError

LONGEST = 160
"""Longest text that is looked at; the longest name of these rules is about half of that."""
STAMP = r"[0-9]{8}T[0-9]{6}"
"""Pattern of a time as the missions write it."""
TILE = r"[0-9]{2}[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V]"
"""Pattern of an MGRS tile."""


def shown(text: str) -> str:
    """Quote a text that may be hostile, on one short line."""
    return ascii(text if len(text) <= LONGEST else text[:60] + "…")


def matched(pattern: re.Pattern[str], text: str, what: str) -> re.Match[str]:
    """Match a whole text.

    Raises
    ------
    NamingError
        It is too long, not ASCII, or breaks the rule; the message says that it is not ``what``.
    """
    found = pattern.fullmatch(text) if len(text) <= LONGEST and text.isascii() else None
    if found is None:
        raise NamingError(f"{shown(text)} is not {what}")
    return found


def check_formats(name: object, pattern: re.Pattern[str]) -> None:
    """Hold a value against the rule that its text must follow.

    Raises
    ------
    NamingError
        The text breaks it.
    """
    if not pattern.fullmatch(str(name)):
        raise NamingError(f"{shown(str(name))} breaks the rule of a {type(name).__name__}")


def check_utc(*moments: datetime) -> None:
    """Check that times can be written as the missions do.

    Raises
    ------
    NamingError
        One is not in UTC, or not in whole seconds.
    """
    for moment in moments:
        if moment.utcoffset() != timedelta(0) or moment.microsecond:
            raise NamingError(f"a name holds UTC times in whole seconds, not {moment!r}")


def format_stamp(moment: datetime) -> str:
    """Format a UTC moment as the missions do: ``20170613T165043``."""
    # Field by field: strftime is several times slower, and a year below 1000 loses its zeros on some platforms.
    return (
        f"{moment.year:04d}{moment.month:02d}{moment.day:02d}T{moment.hour:02d}{moment.minute:02d}{moment.second:02d}"
    )


def parse_stamp(stamp: str, text: str) -> datetime:
    """Read what :func:`format_stamp` writes; ``text`` is the whole name, for the message.

    Raises
    ------
    NamingError
        There is no such time.
    """
    try:
        return datetime(
            int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8]), int(stamp[9:11]), int(stamp[11:13]), int(stamp[13:]),
            tzinfo=UTC,
        )  # fmt: skip
    except ValueError as error:
        raise NamingError(f"{shown(text)} holds an impossible time, {stamp}: {error}") from error
