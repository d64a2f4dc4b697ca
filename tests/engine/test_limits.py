"""What is too much for an evaluation is refused within seconds, and the service answers on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.engine.evaluator import evaluate
from gee_s1ben.engine.expression import decode, whole_number
from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.engine.limits import Budget
from gee_s1ben.engine.registry import Context, lookup
from gee_s1ben.errors import EngineError

SECONDS = 5.0
Node = dict[str, Any]


def constant(value: Any) -> Node:
    return {"constantValue": value}


def reference(key: str) -> Node:
    return {"valueReference": key}


def call(name: str, **arguments: Any) -> Node:
    nodes = {key: value if isinstance(value, dict) else constant(value) for key, value in arguments.items()}
    return {"functionInvocationValue": {"functionName": name, "arguments": nodes}}


def doubled(start: Node, step: Callable[[Node], Node], times: int = 60) -> dict[str, Any]:
    """Return the graph that puts a value into itself so many times; it is a few kilobytes."""
    values = {"0": start, **{str(time): step(reference(str(time - 1))) for time in range(1, times + 1)}}
    return {"result": str(times), "values": values}


def alone(node: Node) -> dict[str, Any]:
    return {"result": "0", "values": {"0": node}}


MANY: Node = call(
    "Collection",
    features={
        "arrayValue": {"values": [call("Feature", geometry=None, metadata={"a": number}) for number in range(2_500)]}
    },
)
DIFFERENT: Node = call("Filter.notEquals", leftField="a", rightField="a")
TANGLE = [[[number * 7919 % 1783 / 10, number * 5023 % 797 / 10] for number in range(300)]]

TOO_MUCH: dict[str, dict[str, Any]] = {
    "a string twice": doubled(constant("ab"), lambda last: call("String.cat", string1=last, string2=last)),
    "a string replaced by more": doubled(
        constant("aa"), lambda last: call("String.replace", input=last, regex="a", replacement="aaa", flags="g")
    ),
    "a string in its own JSON": doubled(
        constant('"'), lambda last: call("String.encodeJSON", object={"arrayValue": {"values": [last, last]}})
    ),
    "a list twice": doubled(constant([1, 2]), lambda last: call("List.cat", list=last, other=last)),
    "a list in itself": doubled(constant([1]), lambda last: {"arrayValue": {"values": [last, last]}}),
    "a list in itself by an algorithm": doubled(constant([1]), lambda last: call("List.repeat", value=last, count=2)),
    "a list spliced": doubled(constant([1]), lambda last: call("List.splice", list=last, start=0, count=0, other=last)),
    "a dictionary in itself": doubled(
        constant({"a": 1}),
        lambda last: call("Dictionary.fromLists", keys=["a", "b"], values=call("List.repeat", value=last, count=2)),
    ),
    "lists as deep as one likes": doubled(constant([1]), lambda last: call("List.repeat", value=last, count=1), 2_000),
    "a long sequence": alone(call("List.sequence", start=0, end=1_000_000_000)),
    "a sequence of many": alone(call("List.sequence", start=0, count=2_000_000_000)),
    "a sequence between two": alone(call("List.sequence", start=0, end=1, count=2_000_000_000)),
    "a sequence of tiny steps": alone(call("List.sequence", start=0, end=1, step=1e-300)),
    "many of one": alone(call("List.repeat", value=1, count=2_000_000_000)),
    "many joined": alone(
        call("List.join", list=call("List.repeat", value="x" * 1000, count=1_000_000), separator=", ")
    ),
    "a wide number": alone(call("Number.format", number=1, pattern="%999999999d")),
    "a precise number": alone(call("Number.format", number=1, pattern="%.999999999f")),
    "a number of a million digits": alone(call("Number.parse", input="f" * 1_000_000, radix=16)),
    "a wide kernel": alone(call("Kernel.square", radius=5000)),
    "an endless kernel": alone(call("Kernel.circle", radius=1e308)),
    "a wide kernel of one's own": alone(
        call("Kernel.fixed", weights=call("List.repeat", value=call("List.repeat", value=1, count=5000), count=5000))
    ),
    "a date beyond time": alone(call("Date.advance", date=call("Date", value=0), delta=1e300, unit="year")),
    "a time that is infinite": alone(call("Date.millis", date=call("Number.log", input=0))),
    "a time that is no number": alone(call("DateRange", start=call("Number.sqrt", input=-1))),
    "a CRS of half a character": alone(call("Projection.wkt", projection="\ud800")),
    "a number for a kernel": alone(call("Kernel.rotate", kernel=1, rotations=1)),
    "a number for a reducer": alone(call("Reducer.combine", reducer1=1, reducer2=2)),
    "a number for a filter": alone(call("List.filter", list=[1], filter=1)),
    "a pattern of a megabyte": alone(call("String.match", input="a", regex="a" * 1_000_000)),
    "a pattern that counts": alone(call("String.match", input="a", regex="((a{100}){100}){100}")),
    "a width behind zeros": alone(call("Number.format", number=1, pattern="%0000000000999999999d")),
    "a width that is none": alone(call("Number.format", number=1, pattern="%1.2.3d")),
    "a group taken many times": alone(
        call("String.replace", input="a" * 100_000, regex="(a*)", replacement="$1" * 10_000)
    ),
    "many groups taken": alone(
        call("String.replace", input="a" * 19_000, regex="(a)", replacement="$1" * 4_000, flags="g")
    ),
    "a pattern of many groups": alone(call("String.split", string="a" * 19_000, regex="()" * 2_000 + "a")),
    "a long string held many times": alone(call("List.repeat", value="x" * 100_000, count=100_000)),
    "a long key held many times": alone(call("List.repeat", value={"x" * 100_000: 1}, count=100_000)),
    "everything joined with everything": alone(
        call("Join.apply", join=call("Join.simple"), primary=MANY, secondary=MANY, condition=DIFFERENT)
    ),
    "keys by many patterns": alone(
        call(
            "Dictionary.select",
            input={f"k{number}": 1 for number in range(5_000)},
            selectors=[f"x.*{number}" for number in range(5_000)],
            ignoreMissing=True,
        )
    ),
    "a polygon that crosses itself": alone(
        call("Geometry.area", geometry=call("GeometryConstructors.Polygon", coordinates=TANGLE, evenOdd=True))
    ),
    "a pattern that looks back": alone(call("String.match", input="aa", regex=r"(a)\1")),
}


@pytest.mark.parametrize("graph", TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_is_too_much_is_refused_at_once(graph: dict[str, Any], small_catalog: Any) -> None:
    from gee_s1ben.engine.catalog import Catalog
    from gee_s1ben.engine.description import describe

    begun = time.monotonic()
    with pytest.raises(EngineError) as refused:
        describe(evaluate(decode(graph), Context(Catalog.open(small_catalog))))
    assert time.monotonic() - begun < SECONDS
    assert refused.value.status == 400
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("regex", "text"),
    [
        ("(a+)+$", "a" * 5000 + "b"),
        ("(a|a)+$", "a" * 5000 + "b"),
        ("(.*a){20}$", "a" * 5000 + "b"),
        ("(x+x+)+y", "x" * 5000),
    ],
)
@pytest.mark.parametrize("name", ["match", "split", "replace"])
def test_patterns_take_linear_time(regex: str, text: str, name: str) -> None:
    begun = time.monotonic()
    found = lookup(f"String.{name}").function(text, regex, *["-"] * (name == "replace"))
    assert time.monotonic() - begun < SECONDS
    assert found == {"match": [], "split": [text], "replace": text}[name]


def test_selectors_of_keys_and_bands_take_linear_time() -> None:
    begun = time.monotonic()
    key = "a" * 2000 + "b"
    assert lookup("Dictionary.select").function({key: 1, "c": 2}, ["(a+)+", "c"], True) == {"c": 2}
    image = lookup("Image.rename").function(lookup("Image.constant").function(1), [key])
    with pytest.raises(EngineError, match="did not match any bands"):
        lookup("Image.select").function(image, ["(a+)+"])
    assert time.monotonic() - begun < SECONDS


def java_long(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-200, 200))
def test_shifts_are_javas(left: int, right: int) -> None:
    assert lookup("Number.leftShift").function(left, right) == java_long(left << (right % 64))
    assert lookup("Number.rightShift").function(left, right) == left >> (right % 64)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_become_doubles_where_a_long_ends(left: int, right: int) -> None:
    for name, exact in (("add", left + right), ("subtract", left - right), ("multiply", left * right)):
        found = lookup(f"Number.{name}").function(left, right)
        assert found == (exact if java_long(exact) == exact else float(exact))
        assert type(found) is (int if java_long(exact) == exact else float)


def test_powers_are_doubles() -> None:
    power = lookup("Number.pow").function
    assert power(9, 400_000_000) == math.inf
    assert power(-9, 400_000_001) == math.inf  # OverflowError has no sign
    assert (power(2, 10), power(2, 62), power(2, -1), power(0.5, 2)) == (1024, 2.0**62, 0.5, 0.25)
    assert type(power(2, 10)) is int
    number: Any = 3
    for _ in range(100):
        number = lookup("Number.multiply").function(number, number)
    assert number == math.inf


@pytest.mark.parametrize(
    ("text", "number"),
    [("9223372036854775807", 2**63 - 1), ("9223372036854775808", 2.0**63), ("1" + "0" * 300, 1e300), ("-5", -5)],
)
def test_whole_numbers_of_a_request(text: str, number: float) -> None:
    found = whole_number(text)
    assert found == number
    assert type(found) is type(number)


def test_an_evaluation_is_bounded_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gee_s1ben.engine.limits.MAX_TOTAL", 1000)
    budget = Budget()
    for _ in range(10):
        assert budget.take([0] * 100) == [0] * 100
    with pytest.raises(EngineError, match=r"User memory limit exceeded\."):
        budget.take([0])


def test_calls_of_functions_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gee_s1ben.engine.limits.MAX_CALLS", 100)
    body = {"functionDefinitionValue": {"argumentNames": ["n"], "body": "1"}}
    values = {"1": call("Number.add", left={"argumentReference": "n"}, right=1), "2": body}

    def mapped(count: int) -> Any:
        numbers = call("List.sequence", start=1, end=count)
        graph = call("List.map", list=numbers, baseAlgorithm=reference("2"))
        return evaluate(decode({"result": "0", "values": {"0": graph, **values}}), Context(None))  # type: ignore[arg-type]

    assert mapped(100) == list(range(2, 102))
    with pytest.raises(EngineError, match="timed out"):
        mapped(101)


def test_matches_of_a_pattern_have_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gee_s1ben.engine.patterns._MOST_SECONDS", 0.1)
    with pytest.raises(EngineError, match="timed out"):
        lookup("String.match").function("a" * 1_000_000, "a.*b|a", "g")


def test_places_in_long_lists_are_found_in_linear_time() -> None:
    long, begun = list(range(100_000)), time.monotonic()
    assert lookup("List.indexOf").function(long, long) == -1
    assert lookup("List.frequency").function([*long, long], long) == 1
    assert lookup("List.replaceAll").function([1, long], long, 2) == [1, 2]
    assert time.monotonic() - begun < SECONDS


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_without_digits_are_formatted_as_java_casts_them(number: float) -> None:
    expected = {"nan": "0", "inf": str(2**63 - 1), "-inf": str(-(2**63))}
    assert lookup("Number.format").function(number, "%d") == expected[str(number)]


def test_an_evaluation_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gee_s1ben.engine.limits.MAX_SECONDS", -1.0)
    with pytest.raises(EngineError, match=r"Computation timed out\."):
        Budget().take(1)


@pytest.mark.parametrize("points", [1_000, 20_000])
def test_a_ring_that_crosses_itself_endlessly_is_refused_before_points_are_added(points: int) -> None:
    ring = tuple((float(7919 * n % 180), float(104729 * n % 80)) for n in range(points))
    geometry = Geometry("Polygon", ((*ring, ring[0]),))
    with pytest.raises(EngineError, match="cross each other too often"):
        geometry.shape("EPSG:4326", 10.0)


def test_a_line_that_needs_too_many_points_is_refused() -> None:
    line = tuple((float(90 * (n % 2)), float(n % 80)) for n in range(20_000))
    with pytest.raises(EngineError, match=r"too many edges \(\d+ > 1000000\)"):
        Geometry("LineString", line).shape("EPSG:4326", 10.0)
