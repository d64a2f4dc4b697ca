"""Drive's search terms: ``'<folder id>' in parents and name contains 'x' and trashed = false``, and so on, as SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gee_s1ben.errors import EngineError

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z]+)|(?P<sign><=|>=|!=|=|<|>|\(|\)))", re.DOTALL
)
_COMPARISONS: Final = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_TEXTS: Final = {"name": "name", "mimeType": "mime_type"}
_TIMES: Final = {"modifiedTime": "modified", "createdTime": "created"}
_MAX_TOKENS: Final = 500
_MAX_DEPTH: Final = 50

_Condition = tuple[str, tuple[Any, ...]]


def word_starts(text: str, wanted: str) -> bool:
    """Whether a word of a text starts so, in whatever case: Drive's ``contains`` of names."""
    return re.search(rf"(?<![^\W_]){re.escape(wanted)}", text, re.IGNORECASE) is not None


QUERY_FUNCTIONS: Final[Mapping[str, tuple[Callable[..., Any], int]]] = {"word_starts": (word_starts, 2)}
"""What SQLite has to know, by name, with the number of arguments."""


def where(query: str, aliases: Mapping[str, str]) -> _Condition:
    """Return the condition of a search, and its values.

    Parameters
    ----------
    query : str
        Drive's ``q``; empty finds everything.
    aliases : mapping
        Other names of folders, such as ``root``.

    Raises
    ------
    EngineError
        It cannot be read, or asks for something that the embedded service does not have.
    """
    if not query.strip():
        return "1", ()
    reader = _Reader(query, aliases)
    condition = reader.either(0)
    if reader.peek() is not None:
        raise reader.error()
    return condition


class _Reader:
    """Reads a query from left to right; ``not`` binds closest, then ``and``, then ``or``."""

    def __init__(self, query: str, aliases: Mapping[str, str]) -> None:
        self._aliases = aliases
        self._query = query
        self._tokens: list[tuple[str, str]] = []
        self._place = 0
        position = 0
        while query[position:].strip():
            found = _TOKEN.match(query, position)
            if found is None or len(self._tokens) == _MAX_TOKENS:
                raise self.error()
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            position = found.end()

    def error(self) -> EngineError:
        """Return what Drive says of a query that it cannot read."""
        return EngineError(f"Invalid Value: q ({self._query[:200]})")

    def peek(self) -> str | None:
        """Return the next token without taking it."""
        return self._tokens[self._place][1] if self._place < len(self._tokens) else None

    def either(self, depth: int) -> _Condition:
        """Read terms joined by ``or``."""
        condition = self._both(depth)
        while self.peek() == "or":
            self._take()
            other = self._both(depth)
            condition = f"({condition[0]} OR {other[0]})", condition[1] + other[1]
        return condition

    def _both(self, depth: int) -> _Condition:
        condition = self._term(depth)
        while self.peek() == "and":
            self._take()
            other = self._term(depth)
            condition = f"({condition[0]} AND {other[0]})", condition[1] + other[1]
        return condition

    def _term(self, depth: int) -> _Condition:
        if depth > _MAX_DEPTH:
            raise self.error()
        kind, token = self._take()
        if token == "not":  # noqa: S105 - a word of the language
            text, values = self._term(depth + 1)
            return f"NOT {text}", values
        if token == "(":  # noqa: S105
            condition = self.either(depth + 1)
            if self._take()[1] != ")":
                raise self.error()
            return condition
        if kind == "string":
            return self._member(_unquoted(token))
        return self._comparison(token)

    def _member(self, value: str) -> _Condition:
        if (self._take()[1], self._take()[1]) != ("in", "parents"):
            raise self.error()
        return "parent = ?", (self._aliases.get(value, value),)

    def _comparison(self, field: str) -> _Condition:
        operator = self._take()[1]
        kind, token = self._take()
        if field == "trashed" and kind == "word" and token in ("true", "false") and operator in ("=", "!="):
            return f"trashed {_COMPARISONS[operator]} ?", (int(token == "true"),)  # noqa: S105
        if kind != "string":
            raise self.error()
        value = _unquoted(token)
        if field == "name" and operator == "contains":
            return "word_starts(name, ?)", (value,)
        if field == "mimeType" and operator == "contains":
            return "instr(mime_type, ?)", (value,)
        if field in _TEXTS and operator in ("=", "!="):
            return f"{_TEXTS[field]} {_COMPARISONS[operator]} ?", (value,)
        if field in _TIMES and operator in _COMPARISONS:
            return f"{_TIMES[field]} {_COMPARISONS[operator]} ?", (self._time(value),)
        raise self.error()

    def _time(self, text: str) -> float:
        try:
            time = datetime.fromisoformat(text)
        except ValueError as error:
            raise self.error() from error
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()

    def _take(self) -> tuple[str, str]:
        if self._place == len(self._tokens):
            raise self.error()
        self._place += 1
        return self._tokens[self._place - 1]


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)
