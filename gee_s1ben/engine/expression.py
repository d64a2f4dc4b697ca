"""The serialized graph that the client sends, as typed nodes.

An expression is a table of named values and the name of the result. A value may hold others in place or refer to them
by name, so a value that is used often is written (and evaluated) once.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from gee_s1ben.errors import EngineError

MAX_PAYLOAD_BYTES: Final = 10_485_760
MAX_DEPTH: Final = 200
"""How deep values may nest in place; the client stays below 100 and refers by name from there."""


_LONGEST_LONG: Final = 20
"""Digits of a 64-bit integer, and its sign."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A JSON value, an integer that a double cannot hold, or bytes."""

    value: Any


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list whose members are computed."""

    values: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class DictionaryNode:
    """A dictionary whose values are computed."""

    values: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A function of the user; its body is a named value."""

    argument_names: tuple[str, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call: of an algorithm by name, or of a named value that is a function."""

    algorithm: str | None
    function: str | None
    arguments: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class ArgumentReference:
    """An argument of a function around this value."""

    name: str


@dataclass(frozen=True, slots=True)
class ValueReference:
    """Another value of the table."""

    key: str


Node: TypeAlias = (
    Constant | ListNode | DictionaryNode | FunctionDefinition | Invocation | ArgumentReference | ValueReference
)


@dataclass(frozen=True, slots=True)
class Expression:
    """A decoded graph: every reference resolves, and none leads back to itself."""

    result: str
    values: Mapping[str, Node]
    free_arguments: Mapping[str, frozenset[str]]
    """The arguments of functions around it that each value depends on; a value without any is computed once."""


def check_payload(size: int) -> None:
    """Refuse a request that Earth Engine would find too large.

    Raises
    ------
    EngineError
        It is larger than 10 MiB.
    """
    if size > MAX_PAYLOAD_BYTES:
        raise EngineError(f"Request payload size exceeds the limit: {MAX_PAYLOAD_BYTES} bytes.")


def decode(payload: Any) -> Expression:
    """Decode the JSON of an expression.

    Raises
    ------
    EngineError
        It is malformed: an unknown kind of value, a name that is not there, a circle, or too deep.
    """
    match payload:
        case {"result": str(result), "values": dict(table)}:
            values = {key: _decode_node(value, MAX_DEPTH) for key, value in table.items()}
        case _:
            raise EngineError("Invalid expression: expected an object with 'result' and 'values'.")
    order = _topological_order(result, values)
    free: dict[str, frozenset[str]] = {}
    for key in order:
        free[key] = _free_arguments(values[key], free)
    return Expression(result, {key: values[key] for key in order}, free)


def _decode_node(payload: Any, depth: int) -> Node:
    if depth == 0:
        raise EngineError(f"Invalid expression: values nest more than {MAX_DEPTH} deep.")
    match payload:
        case {"constantValue": value}:
            return Constant(value)
        case {"integerValue": str() | int() as digits}:
            return Constant(_integer(digits))
        case {"bytesValue": str(text)}:
            return Constant(_bytes(text))
        case {"arrayValue": dict(array)}:
            return ListNode(tuple(_decode_node(item, depth - 1) for item in _member(array, "values", list)))
        case {"dictionaryValue": dict(dictionary)}:
            items = _member(dictionary, "values", dict).items()
            return DictionaryNode({key: _decode_node(value, depth - 1) for key, value in items})
        case {"functionDefinitionValue": {"argumentNames": list(names), "body": str(body)}}:
            return FunctionDefinition(tuple(str(name) for name in names), body)
        case {"functionInvocationValue": dict(call)}:
            return _decode_invocation(call, depth)
        case {"argumentReference": str(name)}:
            return ArgumentReference(name)
        case {"valueReference": str(key)}:
            return ValueReference(key)
    kinds = ", ".join(map(str, payload))[:80] if isinstance(payload, dict) else type(payload).__name__
    raise EngineError(f"Invalid expression: a value of an unknown kind ({kinds}).")


def _decode_invocation(call: Mapping[str, Any], depth: int) -> Invocation:
    arguments = _member(call, "arguments", dict)
    name, reference = call.get("functionName"), call.get("functionReference")
    if isinstance(name, str) == isinstance(reference, str):
        raise EngineError("Invalid expression: a call needs either 'functionName' or 'functionReference'.")
    return Invocation(name, reference, {key: _decode_node(value, depth - 1) for key, value in arguments.items()})


def _member(value: Mapping[str, Any], name: str, kind: type) -> Any:
    """Return a member of a JSON object; a missing one is empty, as protocol buffers write it."""
    member = value.get(name, kind())
    if not isinstance(member, kind):
        raise EngineError(f"Invalid expression: '{name}' is not a {kind.__name__}.")
    return member


def whole_number(digits: str) -> int | float:
    """Return a whole number of JSON: an integer of 64 bits, or what a double has of it.

    Raises
    ------
    ValueError
        It is no number.
    """
    number = int(digits) if len(digits) <= _LONGEST_LONG else float(digits)
    return number if -(2**63) <= number < 2**63 else float(number)


def _integer(digits: str | int) -> int | float:
    try:
        return whole_number(str(digits))
    except ValueError as error:
        raise EngineError(f"Invalid expression: '{str(digits)[:40]}' is not an integer.") from error


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EngineError("Invalid expression: a bytesValue is not base64.") from error


def _children(node: Node) -> Iterator[Node]:
    match node:
        case ListNode(values):
            yield from values
        case DictionaryNode(mapping):
            yield from mapping.values()
        case Invocation(arguments=arguments):
            yield from arguments.values()


def _references(node: Node) -> Iterator[str]:
    """Yield the names of the values that a node leads to; nesting in place is shallow, so this may recurse."""
    match node:
        case ValueReference(key):
            yield key
        case FunctionDefinition(body=body):
            yield body
        case Invocation(function=str(function)):
            yield function
    for child in _children(node):
        yield from _references(child)


def _topological_order(result: str, values: Mapping[str, Node]) -> list[str]:
    """Return the names that the result needs, each after all that it needs itself.

    Chains of references may be thousands long, so this walks with a stack of its own.
    """
    order: list[str] = []
    done: set[str] = set()
    open_: dict[str, Iterator[str]] = {}

    def enter(key: str) -> None:
        if key not in values:
            raise EngineError(f"Invalid expression: there is no value '{key}'.")
        if key in open_:
            raise EngineError(f"Invalid expression: value '{key}' refers to itself.")
        open_[key] = _references(values[key])

    enter(result)
    while open_:
        key = next(reversed(open_))
        child = next((other for other in open_[key] if other not in done), None)
        if child is None:
            del open_[key]
            done.add(key)
            order.append(key)
        else:
            enter(child)
    return order


def _free_arguments(node: Node, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    match node:
        case ArgumentReference(name):
            return frozenset({name})
        case ValueReference(key):
            return known[key]
        case FunctionDefinition(names, body):
            return known[body] - frozenset(names)
    own = known[node.function] if isinstance(node, Invocation) and node.function else frozenset[str]()
    return own.union(*(_free_arguments(child, known) for child in _children(node)))
