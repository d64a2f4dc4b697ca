"""A part of work that several processes or machines share without talking to each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Self, TypeVar

from gee_s1ben.errors import InputError

Item = TypeVar("Item")

_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Shard:
    """The i-th of n parts, ``i/n``; a cluster's array job of n tasks has one for each."""

    index: int
    """From 1."""
    count: int
    """How many parts there are."""

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count <= _MOST:
            raise InputError(f"shard {self.index}/{self.count}: the first is 1/n and the last n/n, n at most {_MOST}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``i/n``.

        Raises
        ------
        InputError
            It is not two numbers, or not 1 ≤ i ≤ n.
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if found is None:
            raise InputError(f"a shard is written i/n, such as 3/8, not {text[:40]!r}")
        return cls(int(found[1]), int(found[2]))

    def part(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield this part of a sequence: every n-th item, so that the parts are of one size within one item.

        The parts of the same sequence are disjoint, and together they are all of it.
        """
        return islice(items, self.index - 1, None, self.count)
