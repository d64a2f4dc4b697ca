"""Evaluating a graph: lazily, each value once, without recursion along chains of calls.

The evaluation of a node is a generator that asks for the values it needs; one loop with a stack of its own drives them,
so that a chain of ten thousand calls is no deeper for Python than one of ten. Only functions that algorithms call (the
body of a ``map``) start a loop of their own.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gee_s1ben.engine import coercion
from gee_s1ben.engine.expression import (
    ArgumentReference,
    Constant,
    DictionaryNode,
    Expression,
    FunctionDefinition,
    Invocation,
    ListNode,
    Node,
    ValueReference,
)
from gee_s1ben.engine.limits import Budget
from gee_s1ben.engine.registry import CONTEXT_PARAMETER, Algorithm, Context, lookup
from gee_s1ben.errors import EngineError, UnknownAlgorithmError

CONDITIONAL: Final = "If"
"""The one algorithm whose arguments are not all evaluated."""

_NAMES_ITS_ALGORITHM: Final = re.compile(r"Error in map|[A-Z]\w*(\.\w+)?(: |, (argument|property|key) )")


@dataclass(frozen=True, slots=True)
class Scope:
    """Arguments of a function's call, inside those of the functions around it, with the values computed there."""

    arguments: Mapping[str, Any]
    parent: Scope | None = None
    computed: dict[str, Any] = field(default_factory=dict)

    def argument(self, name: str) -> Any:
        """Return an argument of this call or of one around it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.arguments:
                return scope.arguments[name]
            scope = scope.parent
        raise EngineError(f"Invalid expression: there is no argument '{name}' here.")

    def owner(self, free: frozenset[str]) -> Scope:
        """Return the outermost scope in which a value that depends on these arguments stays the same."""
        scope = self
        while scope.parent is not None and not free.intersection(scope.arguments):
            scope = scope.parent
        return scope


_Steps = Generator[tuple[Node, Scope], Any, Any]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the user, with the scope it was defined in; algorithms call it."""

    evaluator: Evaluator
    definition: FunctionDefinition
    scope: Scope

    def __call__(self, *arguments: Any) -> Any:
        """Return the body's value for these arguments, given by position."""
        names = self.definition.argument_names
        if len(arguments) < len(names):
            raise EngineError(f"A function of {len(names)} arguments was called with {len(arguments)}.")
        return self.evaluator.call(self, dict(zip(names, arguments, strict=False)))


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates one expression in one context."""

    expression: Expression
    context: Context
    budget: Budget = field(default_factory=Budget)

    def result(self) -> Any:
        """Return the value of the expression.

        Raises
        ------
        EngineError
            With Earth Engine's message, or ours where theirs is unknown.
        """
        return self._run(ValueReference(self.expression.result), Scope({}))

    def call(self, function: Function, arguments: Mapping[str, Any]) -> Any:
        """Return the value of a user's function."""
        self.budget.count_call()
        return self._run(ValueReference(function.definition.body), Scope(arguments, function.scope))

    def _run(self, node: Node, scope: Scope) -> Any:
        stack: list[_Steps] = [self._steps(node, scope)]
        value: Any = None
        while stack:
            try:
                wanted = stack[-1].send(value)
            except StopIteration as finished:
                stack.pop()
                value = finished.value
            else:
                stack.append(self._steps(*wanted))
                value = None
        return value

    def _steps(self, node: Node, scope: Scope) -> _Steps:
        match node:
            case Constant(value):
                return value
            case ArgumentReference(name):
                return scope.argument(name)
            case ValueReference(key):
                owner = scope.owner(self.expression.free_arguments[key])
                if key not in owner.computed:
                    owner.computed[key] = yield self.expression.values[key], owner
                return owner.computed[key]
            case FunctionDefinition():
                return Function(self, node, scope)
            case ListNode(nodes):
                items = []
                for item in nodes:
                    items.append((yield item, scope))  # noqa: PERF401 - a yield has no place in a comprehension
                return self.budget.take(items)
            case DictionaryNode(mapping):
                return self.budget.take((yield from self._dictionary(mapping, scope)))
            case Invocation(algorithm=str(name)):
                return (yield from self._invoke(name, node.arguments, scope))
            case Invocation(function=str(reference)):
                return (yield from self._call_function(reference, node.arguments, scope))
        raise AssertionError(node)

    def _dictionary(self, nodes: Mapping[str, Node], scope: Scope) -> _Steps:
        values = {}
        for key, node in nodes.items():
            values[key] = yield node, scope
        return values

    def _call_function(self, reference: str, arguments: Mapping[str, Node], scope: Scope) -> _Steps:
        function = yield ValueReference(reference), scope
        values = yield from self._dictionary(arguments, scope)
        if not isinstance(function, Function):
            raise EngineError("Invalid expression: a 'functionReference' leads to something that is no function.")
        missing = set(function.definition.argument_names) - set(values)
        if missing:
            raise EngineError(f"Invalid expression: a function is called without its argument '{min(missing)}'.")
        self.budget.count_call()
        return (yield ValueReference(function.definition.body), Scope(values, function.scope))

    def _invoke(self, name: str, arguments: Mapping[str, Node], scope: Scope) -> _Steps:
        if name == CONDITIONAL:
            return (yield from self._choose(arguments, scope))
        algorithm = lookup(name)
        given = yield from self._dictionary(arguments, scope)
        return self.budget.take(call_algorithm(algorithm, given, self.context))

    def _choose(self, arguments: Mapping[str, Node], scope: Scope) -> _Steps:
        """Evaluate only the branch that is taken."""
        nothing = Constant(None)
        condition = yield arguments.get("condition", nothing), scope
        branch = "trueCase" if coercion.truth(condition) else "falseCase"
        return (yield arguments.get(branch, nothing), scope)


def call_algorithm(algorithm: Algorithm, given: Mapping[str, Any], context: Context) -> Any:
    """Call an algorithm with arguments by the signature's names, coerced to the signature's types.

    Raises
    ------
    EngineError
        An argument is missing, unknown or of the wrong type, or the algorithm refuses; the message names the algorithm.
    """
    name = algorithm.name
    unknown = set(given) - {argument.name for argument in algorithm.signature.arguments}
    if unknown:
        raise EngineError(f"{name}: Unrecognized argument '{min(unknown)}'.")
    values: dict[str, Any] = {CONTEXT_PARAMETER: context} if algorithm.takes_context else {}
    for parameter, argument in zip(algorithm.parameters, algorithm.signature.arguments, strict=True):
        value = given.get(argument.name)
        if value is None:
            if not argument.optional:
                raise EngineError(f"{name}: Parameter '{argument.name}' is required and may not be null.")
            value = argument.default
        if value is not None:
            value = coercion.coerce(value, argument.type, argument.element_type, f"{name}, argument '{argument.name}'")
        values[parameter] = value
    try:
        return algorithm.function(**values)
    except UnknownAlgorithmError:
        raise
    except EngineError as error:
        if _NAMES_ITS_ALGORITHM.match(str(error)):
            raise
        raise EngineError(f"{name}: {error}", error.status) from error
    except ArithmeticError as error:  # a date in the year 10^9, a number that no array holds
        raise EngineError(f"{name}: Computed value is out of range ({error}).") from error


def evaluate(expression: Expression, context: Context) -> Any:
    """Return the value of an expression."""
    return Evaluator(expression, context).result()
