"""Which algorithms the embedded engine has.

An algorithm is a function registered under its Earth Engine name::

    @algorithm("Number.add")
    def add(left: float, right: float) -> float: ...

- Its parameters are the signature's arguments, by name and in order. A name that Python reserves (``and``, ``from``) or
  that would hide a builtin (``list``, ``filter``) may carry one trailing underscore.
- A default of the signature is the parameter's default; a default that JSON writes as an object or a list (a
  projection, an error margin) is ``None`` in Python, and the evaluator passes its value.
- Arguments arrive coerced to the signature's types; a missing optional argument arrives as its default.
- An argument of type ``Algorithm`` arrives as a Python callable that takes the function's arguments by position.
- A function whose first parameter is called ``context`` is given the :class:`Context` of the evaluation.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gee_s1ben.engine.signatures import Signature, signatures
from gee_s1ben.errors import UnknownAlgorithmError

if TYPE_CHECKING:
    from gee_s1ben.engine.catalog import Catalog

CONTEXT_PARAMETER: Final = "context"
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_registered: dict[str, Callable[..., Any]] = {}


@dataclass(frozen=True, slots=True)
class Context:
    """What an evaluation may look at beside its graph."""

    catalog: Catalog
    """The local scenes."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A registered algorithm, ready to be called."""

    name: str
    signature: Signature
    function: Callable[..., Any]
    parameters: tuple[str, ...]
    """The function's parameter for each of the signature's arguments."""
    takes_context: bool


def algorithm(*names: str) -> Callable[[FunctionT], FunctionT]:
    """Register a function as the algorithm of these names (more than one for aliases)."""

    def register(function: FunctionT) -> FunctionT:
        for name in names:
            if name in _registered:
                raise ValueError(f"algorithm {name} is registered twice: {_registered[name]!r} and {function!r}")
            _registered[name] = function
        return function

    return register


@cache
def load_all() -> Mapping[str, Algorithm]:
    """Import every module of ``engine/algorithms`` and return what they registered, by name."""
    package = importlib.import_module("gee_s1ben.engine.algorithms")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return {name: _bind(name, function) for name, function in sorted(_registered.items())}


def lookup(name: str) -> Algorithm:
    """Find the algorithm of this name.

    Raises
    ------
    UnknownAlgorithmError
        It is not there; the message says what exists nearby and how to add it.
    """
    algorithms = load_all()
    if name in algorithms:
        return algorithms[name]
    near = difflib.get_close_matches(name, algorithms, n=3, cutoff=0.6)
    nearby = f" Nearby: {', '.join(near)}." if near else ""
    if name not in signatures():
        raise UnknownAlgorithmError(f"Unknown algorithm '{name}': Earth Engine has none of this name.{nearby}")
    raise UnknownAlgorithmError(
        f"Algorithm '{name}' is not implemented by the embedded Earth Engine service.{nearby} "
        f'To add it, write a function decorated with @algorithm("{name}") in gee_s1ben/engine/algorithms, '
        "or use backend: earthengine."
    )


def argument_name(parameter: str) -> str:
    """Return the signature's name for a function's parameter: ``list_`` is ``list``."""
    return parameter.removesuffix("_")


def _bind(name: str, function: Callable[..., Any]) -> Algorithm:
    if name not in signatures():
        raise ValueError(f"@algorithm({name!r}): Earth Engine has no algorithm of this name")
    parameters = tuple(inspect.signature(function).parameters)
    takes_context = parameters[:1] == (CONTEXT_PARAMETER,)
    return Algorithm(
        name=name,
        signature=signatures()[name],
        function=function,
        parameters=parameters[1:] if takes_context else parameters,
        takes_context=takes_context,
    )
