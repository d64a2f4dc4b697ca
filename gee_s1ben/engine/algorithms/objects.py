"""Choosing and comparing values of any kind."""

from __future__ import annotations

from typing import Any

from gee_s1ben.engine.coercion import ErrorMargin, truth, type_name
from gee_s1ben.engine.ordering import identity
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.errors import EngineError


@algorithm("If")
def choose(condition: Any = None, trueCase: Any = None, falseCase: Any = None) -> Any:
    """Return one of two values; the evaluator computes only the one that is taken."""
    return trueCase if truth(condition) else falseCase


@algorithm("IsEqual")
def is_equal(left: Any = None, right: Any = None) -> bool:
    """Whether two values are equal."""
    return identity(left) == identity(right)


@algorithm("ObjectType")
def object_type(value: Any = None) -> str:
    """Return the name of a value's type."""
    return type_name(value)


@algorithm("ErrorMargin")
def error_margin(value: float | None = None, unit: str = "meters") -> ErrorMargin:
    """Say how far off a result may be."""
    if unit not in {"meters", "projected", "infinite"}:
        raise EngineError(f"ErrorMargin: Unknown unit '{unit[:40]}'.")
    return ErrorMargin(0.0 if value is None else value, unit)
