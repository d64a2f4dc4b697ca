"""Decoding the serialized graph."""

from __future__ import annotations

from typing import Any

import pytest

from gee_s1ben.engine.expression import MAX_DEPTH, check_payload, decode
from gee_s1ben.errors import EngineError


def expression(values: dict[str, Any], result: str = "0") -> dict[str, Any]:
    return {"result": result, "values": values}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"functionInvocationValue": {"functionName": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (None, "expected an object"),
        ({"result": 0, "values": {}}, "expected an object"),
        (expression({}), "there is no value '0'"),
        (expression({"0": {"valueReference": "1"}}), "there is no value '1'"),
        (expression({"0": {"valueReference": "0"}}), "value '0' refers to itself"),
        (
            expression({"0": call("If", condition={"valueReference": "1"}), "1": {"valueReference": "0"}}),
            "refers to itself",
        ),
        (
            expression({"0": {"functionDefinitionValue": {"argumentNames": [], "body": "0"}}}),
            "refers to itself",
        ),
        (expression({"0": {}}), "unknown kind"),
        (expression({"0": 5}), "unknown kind"),
        (expression({"0": {"novelValue": 1}}), "unknown kind"),
        (expression({"0": {"integerValue": "1e3"}}), "is not an integer"),
        (expression({"0": {"bytesValue": "not base64!"}}), "base64"),
        (expression({"0": {"arrayValue": {"values": {}}}}), "'values' is not a list"),
        (expression({"0": {"functionInvocationValue": {"arguments": {}}}}), "either 'functionName'"),
        (
            expression({"0": {"functionInvocationValue": {"functionName": "A", "functionReference": "0"}}}),
            "either 'functionName'",
        ),
    ],
)
def test_a_malformed_graph_is_refused(payload: Any, message: str) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        decode(payload)
    assert caught.value.status == 400


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"constantValue": 1}
    for _ in range(depth):
        value = {"arrayValue": {"values": [value]}}
    return expression({"0": value})


def test_values_nest_up_to_the_limit() -> None:
    decode(nested(MAX_DEPTH - 1))
    with pytest.raises(EngineError, match="nest more than"):
        decode(nested(MAX_DEPTH))


def test_a_long_chain_of_references_is_decoded() -> None:
    length = 50_000
    values: dict[str, Any] = {str(i): {"valueReference": str(i + 1)} for i in range(length)}
    values[str(length)] = {"constantValue": 1}
    decoded = decode(expression(values))
    assert len(decoded.values) == length + 1


def test_values_that_nothing_needs_are_dropped() -> None:
    decoded = decode(expression({"0": {"constantValue": 1}, "unused": {"constantValue": 2}}))
    assert list(decoded.values) == ["0"]


def test_free_arguments_are_those_that_no_function_inside_binds() -> None:
    decoded = decode(
        expression(
            {
                "0": {"functionDefinitionValue": {"argumentNames": ["outer"], "body": "1"}},
                "1": call("List.map", baseAlgorithm={"valueReference": "2"}, list={"argumentReference": "outer"}),
                "2": {"functionDefinitionValue": {"argumentNames": ["inner"], "body": "3"}},
                "3": call("Number.add", left={"argumentReference": "inner"}, right={"argumentReference": "outer"}),
            }
        )
    )
    assert decoded.free_arguments == {
        "0": frozenset(),
        "1": {"outer"},
        "2": {"outer"},
        "3": {"inner", "outer"},
    }


def test_the_payload_limit_is_earth_engines() -> None:
    check_payload(10_485_760)
    with pytest.raises(EngineError, match=r"^Request payload size exceeds the limit: 10485760 bytes\.$"):
        check_payload(10_485_761)
