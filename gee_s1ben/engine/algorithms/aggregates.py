"""Aggregates of one property over a collection; null values do not count."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from gee_s1ben.engine.features import Collection, select
from gee_s1ben.engine.filters import comparable, is_number
from gee_s1ben.engine.ordering import identity, sort_key
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.errors import EngineError


@algorithm("AggregateFeatureCollection.array")
def array(collection: Collection, property: str) -> list[Any]:  # noqa: A002 - the signature's name
    """Return the values as a list."""
    values = (select(element, property) for element in collection.elements)
    return [value for value in values if value is not None]


@algorithm("AggregateFeatureCollection.first")
def first(collection: Collection, property: str) -> Any:  # noqa: A002 - the signature's name
    """Return the value of the first element."""
    return select(collection.elements[0], property) if collection.elements else None


@algorithm("AggregateFeatureCollection.count")
def count(collection: Collection, property: str) -> int:  # noqa: A002 - the signature's name
    """Count the values."""
    return len(array(collection, property))


@algorithm("AggregateFeatureCollection.count_distinct")
def count_distinct(collection: Collection, property: str) -> int:  # noqa: A002 - the signature's name
    """Count the different values."""
    return len({identity(value) for value in array(collection, property)})


@algorithm("AggregateFeatureCollection.histogram")
def histogram(collection: Collection, property: str) -> dict[str, int]:  # noqa: A002 - the signature's name
    """Count how often each value occurs."""
    return dict(sorted(Counter(str(value) for value in array(collection, property)).items()))


@algorithm("AggregateFeatureCollection.min")
def minimum(collection: Collection, property: str) -> Any:  # noqa: A002 - the signature's name
    """Return the least value."""
    return min(array(collection, property), key=sort_key, default=None)


@algorithm("AggregateFeatureCollection.max")
def maximum(collection: Collection, property: str) -> Any:  # noqa: A002 - the signature's name
    """Return the greatest value."""
    return max(array(collection, property), key=sort_key, default=None)


def _numeric(name: str, compute: Callable[[Sequence[float]], float | None]) -> None:
    @algorithm(f"AggregateFeatureCollection.{name}")
    def aggregate(collection: Collection, property: str) -> float | None:  # noqa: A002 - the signature's name
        values = [comparable(value) for value in array(collection, property)]
        if not all(is_number(value) for value in values):
            raise EngineError(f"AggregateFeatureCollection.{name}: Property '{property}' is not a number everywhere.")
        return compute(values)


def _if_enough(compute: Callable[[Sequence[float]], float], least: int) -> Callable[[Sequence[float]], float | None]:
    return lambda values: compute(values) if len(values) >= least else None


_numeric("sum", sum)
_numeric("product", math.prod)
_numeric("mean", _if_enough(statistics.fmean, 1))
_numeric("total_sd", _if_enough(statistics.pstdev, 1))
_numeric("total_var", _if_enough(statistics.pvariance, 1))
_numeric("sample_sd", _if_enough(statistics.stdev, 2))
_numeric("sample_var", _if_enough(statistics.variance, 2))
