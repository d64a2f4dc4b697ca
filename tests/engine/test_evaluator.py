"""Evaluation: order, laziness, functions, and the messages of what goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from gee_s1ben.engine.evaluator import evaluate
from gee_s1ben.engine.expression import decode
from gee_s1ben.engine.registry import Context
from gee_s1ben.errors import EngineError


class CountingCatalog:
    """A catalog without images that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def get(self, image_id: str) -> None:
        self.asked[image_id] += 1

    def collection_ids(self) -> tuple[str, ...]:
        self.asked["collections"] += 1
        return ("EMPTY",)

    def images(self, _: str) -> Iterator[Any]:
        return iter(())


def run(values: dict[str, Any], catalog: Any = None) -> Any:
    return evaluate(decode({"result": "0", "values": values}), Context(catalog or CountingCatalog()))


def call(name: str, /, **arguments: Any) -> dict[str, Any]:
    encoded = {key: value if isinstance(value, dict) else {"constantValue": value} for key, value in arguments.items()}
    return {"functionInvocationValue": {"functionName": name, "arguments": encoded}}


def reference(key: str) -> dict[str, Any]:
    return {"valueReference": key}


def test_a_value_used_often_is_computed_once() -> None:
    catalog = CountingCatalog()
    size = call("Collection.size", collection=reference("1"))
    total = run(
        {"0": call("Number.add", left=size, right=size), "1": call("ImageCollection.load", id="EMPTY")}, catalog
    )
    assert total == 0
    assert catalog.asked == {"collections": 1}


def test_a_value_that_does_not_depend_on_the_argument_is_computed_once_for_all_elements() -> None:
    catalog = CountingCatalog()
    values = {
        "0": call("List.map", list=[1, 2, 3, 4], baseAlgorithm=reference("1")),
        "1": {"functionDefinitionValue": {"argumentNames": ["x"], "body": "2"}},
        "2": call("Number.add", left={"argumentReference": "x"}, right=reference("3")),
        "3": call("Collection.size", collection=call("ImageCollection.load", id="EMPTY")),
    }
    assert run(values, catalog) == [1, 2, 3, 4]
    assert catalog.asked == {"collections": 1}


def test_the_branch_that_is_not_taken_is_not_evaluated() -> None:
    catalog = CountingCatalog()
    missing = call("Image.load", id="none")
    assert run({"0": call("If", condition=1, trueCase="yes", falseCase=missing)}, catalog) == "yes"
    assert run({"0": call("If", condition="", trueCase=missing, falseCase="no")}, catalog) == "no"
    assert catalog.asked == {}
    with pytest.raises(EngineError, match="not found"):
        run({"0": call("If", condition=0, trueCase="yes", falseCase=missing)}, catalog)


def test_a_function_called_by_reference() -> None:
    values = {
        "0": {"functionInvocationValue": {"functionReference": "1", "arguments": {"x": {"constantValue": 4}}}},
        "1": {"functionDefinitionValue": {"argumentNames": ["x"], "body": "2"}},
        "2": call("Number.multiply", left={"argumentReference": "x"}, right={"argumentReference": "x"}),
    }
    assert run(values) == 16


def test_a_chain_of_ten_thousand_calls() -> None:
    length = 10_000
    values = {str(i): call("Number.add", left=reference(str(i + 1)), right=1) for i in range(length)}
    assert run({**values, str(length): {"constantValue": 0}}) == length


def test_an_integer_beyond_doubles_arrives_whole() -> None:
    assert run({"0": {"integerValue": "9007199254740993"}}) == 2**53 + 1


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (
            call("Number.add", left=1, right="a"),
            r"^Number\.add, argument 'right': Invalid type\. Expected type: Number\. Actual type: String\. .*: a$",
        ),
        (call("Number.add", left=1), r"^Number\.add: Parameter 'right' is required and may not be null\.$"),
        (call("Number.add", left=1, right=2, third=3), r"^Number\.add: Unrecognized argument 'third'\.$"),
        (
            call("List.get", list=[1, 2, 3], index=3),
            r"^List\.get: List index must be between 0 and 2, or between -3 and -1\. Found: 3\.$",
        ),
        (call("Number.parse", input="x"), r"^Number\.parse: Cannot parse 'x'"),
        (
            call("Dictionary.get", dictionary={"constantValue": {}}, key="k"),
            r"^Dictionary\.get: Dictionary does not contain key: 'k'\.$",
        ),
        (call("Filter.eq", leftField="a", leftValue=1), r"^Filter\.eq: Only one of 'leftField' and 'leftValue'"),
        ({"argumentReference": "x"}, r"there is no argument 'x'"),
        ({"functionInvocationValue": {"functionReference": "1"}}, "leads to something that is no function"),
    ],
)
def test_messages_name_the_algorithm(graph: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        run({"0": graph, "1": {"constantValue": 1}})


def test_functions_see_the_arguments_of_functions_around_them(client: Any) -> None:
    ee = client
    table = ee.List([1, 2, 3]).map(lambda a: ee.List([10, 20]).map(lambda b: ee.Number(a).multiply(b)))
    assert table.getInfo() == [[10, 20], [20, 40], [30, 60]]


def test_iterate_carries_the_result(client: Any) -> None:
    ee = client
    fibonacci = ee.List.sequence(1, 10).iterate(
        lambda _, known: ee.List(known).add(ee.Number(ee.List(known).get(-1)).add(ee.Number(ee.List(known).get(-2)))),
        [0, 1],
    )
    assert fibonacci.getInfo() == [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89]


def test_a_number_where_an_image_is_wanted_becomes_one(client: Any) -> None:
    ee = client
    doubled = ee.List([1.5]).map(lambda x: ee.Image(ee.Number(x)).bandNames()).getInfo()
    raw = ee.Image(ee.Dictionary({"a": 2.5}).get("a")).bandNames().getInfo()
    assert (doubled, raw) == ([["constant"]], ["constant"])
