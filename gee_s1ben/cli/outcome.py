"""What a command ends with, and how that is shown: text for people, one JSON object for machines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from gee_s1ben.domain.printable import on_one_line, printable

DONE, FINDINGS, BAD_INPUT, UNEXPECTED = 0, 1, 2, 70
NOT_YET = 124
"""The code that timeout(1) ends with."""


class Terminated(KeyboardInterrupt):  # an interrupt, not an error
    """SIGTERM."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a command that ran."""

    data: Mapping[str, Any]
    """For ``--json``."""
    lines: Sequence[str] = field(default=())
    """For people."""
    code: int = DONE


def show(outcome: Outcome, *, as_json: bool) -> None:
    """Print an outcome on stdout."""
    text = json.dumps(outcome.data, ensure_ascii=False) if as_json else "\n".join(outcome.lines)
    if text:
        _print(text)


def show_error(kind: str, message: str, *, as_json: bool) -> None:
    """Print an error: one line on stderr, and with ``--json`` one object on stdout."""
    say(f"error: {on_one_line(message)}")
    if as_json:
        _print(json.dumps({"error": {"type": kind, "message": message}}, ensure_ascii=False))


def say(text: str) -> None:
    """Print a line on stderr, where everything goes that is not the outcome."""
    try:
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()
    except (BrokenPipeError, ValueError):
        pass


def leave(code: int, message: str) -> NoReturn:
    """Stop now, whatever threads still wait for an answer; nothing is being written by them."""
    say(message)
    os._exit(code)


def _print(text: str) -> None:
    text = printable(text)
    try:
        try:
            sys.stdout.write(text + "\n")
        except UnicodeEncodeError:  # a terminal of another encoding
            sys.stdout.write(text.encode("ascii", "backslashreplace").decode("ascii") + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has left; without this the interpreter complains once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
