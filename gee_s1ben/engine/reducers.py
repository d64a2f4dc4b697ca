"""Reducers: from many samples of a pixel to a few numbers, written once for stacks of bands and for neighbourhoods.

A reducer asks its samples for sums, counts and extremes; the samples know how to build these. Masked samples do not
count. ``variance`` and ``stdDev`` are population statistics, the ``sample*`` ones divide by n − 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from gee_s1ben.engine.program import ProgramBuilder
from gee_s1ben.engine.values import DOUBLE, PixelType


class Samples(Protocol):
    """What is reduced at each pixel, as nodes of a program."""

    @property
    def builder(self) -> ProgramBuilder:
        """Where nodes are added."""

    def total(self, power: int) -> int:
        """Add the weighted sum of the samples' values to a power; power 0 sums the weights."""

    def total_scale(self) -> float:
        """Return what :meth:`total` still is to be multiplied by; a ratio of totals needs it not."""

    def count(self) -> int:
        """Add the number of samples that are not masked."""

    def extreme(self, operation: str) -> int:
        """Add the least (``min``) or greatest (``max``) sample that is not masked."""


Rule = Callable[[Samples], int]


@dataclass(frozen=True, slots=True)
class Output:
    """One result of a reducer."""

    name: str
    rule: Rule
    pixel_type: PixelType | None
    """None: the type of the input."""


@dataclass(frozen=True, slots=True)
class Reducer:
    """The results that are wanted of one input."""

    outputs: tuple[Output, ...]

    def combined(self, other: Reducer, prefix: str) -> Reducer:
        """Return a reducer with the results of both."""
        return Reducer(self.outputs + tuple(replace(o, name=prefix + o.name) for o in other.outputs))


def mean(samples: Samples) -> int:
    """Σwx / Σw."""
    return samples.builder.apply("divide", samples.total(1), samples.total(0))


def variance(samples: Samples) -> int:
    """Σwx² / Σw − mean², not below zero."""
    builder = samples.builder
    square = builder.apply("divide", samples.total(2), samples.total(0))
    centre = mean(samples)
    spread = builder.apply("subtract", square, builder.apply("multiply", centre, centre))
    return builder.apply("max", spread, builder.constant(0.0))


def _root(rule: Rule) -> Rule:
    return lambda samples: samples.builder.apply("sqrt", rule(samples))


def _sample_variance(samples: Samples) -> int:
    builder, weights = samples.builder, samples.total(0)
    freedom = builder.apply("subtract", weights, builder.constant(1.0))
    return builder.apply("divide", builder.apply("multiply", variance(samples), weights), freedom)


def _sum(samples: Samples) -> int:
    return samples.builder.apply("multiply", samples.total(1), samples.builder.constant(samples.total_scale()))


def _count(samples: Samples) -> int:
    return samples.count()


_RULES: dict[str, tuple[Rule, PixelType | None]] = {
    "mean": (mean, DOUBLE),
    "variance": (variance, DOUBLE),
    "stdDev": (_root(variance), DOUBLE),
    "sampleVariance": (_sample_variance, DOUBLE),
    "sampleStdDev": (_root(_sample_variance), DOUBLE),
    "sum": (_sum, DOUBLE),
    "count": (_count, PixelType("int", 0, 2**32 - 1)),
    "min": (lambda samples: samples.extreme("min"), None),
    "max": (lambda samples: samples.extreme("max"), None),
}
REDUCER_NAMES = tuple(_RULES)
"""The reducers there are, by Earth Engine's names."""
FILL = {"min": math.inf, "max": -math.inf}
"""What a masked sample counts as in a search for an extreme."""


def reducer(name: str) -> Reducer:
    """Return the reducer of an Earth Engine name out of :data:`REDUCER_NAMES`."""
    rule, pixel_type = _RULES[name]
    return Reducer((Output(_OUTPUT_NAMES.get(name, name), rule, pixel_type),))


_OUTPUT_NAMES = {"sampleVariance": "variance", "sampleStdDev": "stdDev"}
