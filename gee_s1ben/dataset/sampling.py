"""A part of many things, drawn in one pass and the same every time."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def sample(items: Iterable[Item], count: int | None, seed: int = 0) -> Iterable[Item]:
    """Draw ``count`` of the items without replacement, each as likely as any other, in their order.

    Memory holds the sample only. Source: algorithm R, J. Vitter, "Random sampling with a reservoir" (1985).

    Parameters
    ----------
    items : iterable
        What to draw from.
    count : int or None
        How many; all of them if there are fewer, or if None.
    seed : int
        The same seed draws the same sample.
    """
    if count is None:
        return items
    generator = random.Random(seed)  # noqa: S311  not for secrets
    drawn: list[tuple[int, Item]] = []
    for place, item in enumerate(items):
        if place < count:
            drawn.append((place, item))
        elif (slot := generator.randint(0, place)) < count:
            drawn[slot] = place, item
    return [item for _, item in sorted(drawn, key=lambda entry: entry[0])]
