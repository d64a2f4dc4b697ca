"""Columns of what is known of patches: one name, one type and one meaning in every table, pack and catalog."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, Generic, Literal, TypeVar

Kind = Literal["text", "texts", "whole", "number", "flag"]
"""``texts`` is a list; ``flag`` is true or false."""

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Column:
    """A column."""

    name: str
    kind: Kind
    about: str
    """What it says, in words."""
    attribute: str = ""
    """Where the value stands in its dataclass, if not under the column's name; texts stand there joined by spaces."""
    old_name: str | None = None
    """What tables of before called it."""
    optional: bool = False
    """Whether it may be unknown: null, or an empty cell of text."""

    def of(self, row: object) -> Any:
        """Return the value of a row."""
        value = getattr(row, self.attribute or self.name)
        if self.kind == "texts":
            return value.split() if isinstance(value, str) else list(value)
        return value

    @property
    def description(self) -> str:
        """What it says, and what it is where that is not known."""
        return f"{self.about}; null where it is not known" if self.optional else self.about

    def text(self, row: object) -> str:
        """Return the value of a row as a cell of text; numbers to four decimals, of hours a third of a second."""
        value = getattr(row, self.attribute or self.name)
        if value is None:
            return ""
        return f"{value:.4f}" if self.kind == "number" else str(value)


class RowFormat(Generic[_Row]):
    """How a dataclass of text and numbers stands in a table of text.

    Parameters
    ----------
    kind : type
        The dataclass.
    columns : sequence of Column
        One for each of its fields, in order.
    """

    def __init__(self, kind: type[_Row], columns: Sequence[Column]) -> None:
        attributes = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        if attributes != [column.attribute or column.name for column in columns]:
            raise TypeError(f"the columns are not the fields of {kind.__name__}: {', '.join(attributes)}")
        self._kind = kind
        self.columns = tuple(columns)
        self._default = {
            field.name: field.default
            for field in fields(kind)  # type: ignore[arg-type]
            if field.default is not MISSING
        }

    @property
    def header(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    def cells(self, row: _Row) -> list[str]:
        """Text of a row."""
        return [column.text(row) for column in self.columns]

    def reader(self, header: Sequence[str]) -> Callable[[Sequence[str]], _Row] | None:
        """Return what reads the rows under a header; None where it is none of such a table.

        Names of before count, and columns that have a default may be missing. What is returned raises ``ValueError``
        where a row has another number of cells than the header, or a cell is no number where one must be.
        """
        known = {name: column for column in self.columns for name in (column.name, column.old_name) if name}
        if any(name not in known for name in header):
            return None
        found = [known[name] for name in header]
        missing = {column.attribute or column.name for column in self.columns if column not in found}
        if len(set(found)) != len(found) or missing - self._default.keys():
            return None
        parts = [(column.attribute or column.name, _parser(column, self._default)) for column in found]

        def read(cells: Sequence[str]) -> _Row:
            if len(cells) != len(parts):
                raise ValueError(f"{len(cells)} cells under {len(parts)} names")
            return self._kind(**{name: parse(cell) for (name, parse), cell in zip(parts, cells, strict=True)})

        return read


def _parser(column: Column, default: dict[str, Any]) -> Callable[[str], Any]:
    kinds: dict[str, Callable[[str], Any]] = {"whole": _whole, "number": _finite}
    parse = kinds.get(column.kind)
    name = column.attribute or column.name
    if parse is None:
        return lambda cell: cell or default.get(name, "")
    return (lambda cell: parse(cell) if cell else default[name]) if name in default else parse


def _whole(cell: str) -> int:
    number = int(cell)
    if not -(2**31) <= number < 2**31:
        raise ValueError(f"{cell[:40]} is no number of this table")
    return number


def _finite(cell: str) -> float:
    number = float(cell)
    if not math.isfinite(number):
        raise ValueError(f"{cell[:40]} is no finite number")
    return number
