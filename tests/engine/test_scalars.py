"""Numbers, strings, lists, dictionaries and dates through the client, against plain Python."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.engine.registry import lookup


def answers(ee: Any, questions: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = ee.Dictionary(questions).getInfo()
    return found


def check(ee: Any, cases: dict[str, tuple[Any, Any]]) -> None:
    """Ask everything in one request and compare answer by answer."""
    found = answers(ee, {name: question for name, (question, _) in cases.items()})
    assert found == {name: wanted for name, (_, wanted) in cases.items()}


def test_numbers(client: Any) -> None:
    number = client.Number
    check(
        client,
        {
            "add": (number(1).add(2), 3),
            "divide": (number(5).divide(2), 2.5),
            "whole": (number(10).divide(2), 5),
            "by zero": (number(5).divide(0), 0),
            "mod": (number(-7).mod(3), -1),
            "pow": (number(2).pow(10), 1024),
            "compare": (number(2).gt(1), 1),
            "and": (number(2).And(0), 0),
            "round": (number(2.5).round(), 3),
            "round down": (number(-2.5).round(), -2),
            "toInt": (number(-2.7).toInt(), -2),
            "toByte": (number(300).toByte(), 255),
            "clamp": (number(5).clamp(0, 3), 3),
            "unitScale": (number(5).unitScale(0, 10), 0.5),
            "log10": (number(1000).log10(), 3),
            "no log": (number(0).log(), "-Infinity"),
            "no root": (number(-1).sqrt(), "NaN"),
            "format": (number(3.14159).format("%.2f m"), "3.14 m"),
            "padded": (number(42).format("%05d"), "00042"),
            "parse": (number.parse("ff", 16), 255),
            "bits": (number(6).bitwiseAnd(3), 2),
            "hypot": (number(3).hypot(4), 5),
        },
    )


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_arithmetic_is_pythons(left: float, right: float) -> None:
    assert lookup("Number.subtract").function(left, right) == left - right
    assert lookup("Number.atan2").function(left, right) == math.atan2(left, right)
    assert lookup("Number.lte").function(left, right) == (left <= right)


def test_strings(client: Any) -> None:
    string = client.String
    name = string("S1A_IW_GRDH_1SDV_20170613T165043")
    check(
        client,
        {
            "cat": (string("a").cat("b"), "ab"),
            "slice": (name.slice(-15), "20170613T165043"),
            "split": (name.split("_"), ["S1A", "IW", "GRDH", "1SDV", "20170613T165043"]),
            "characters": (string("abc").split(""), ["a", "b", "c"]),
            "match": (name.match(r"(S1[AB])_(..)"), ["S1A_IW", "S1A", "IW"]),
            "all matches": (string("a1b2").match(r"\d", "g"), ["1", "2"]),
            "no match": (string("a").match("b"), []),
            "replace": (string("a-b-c").replace("-", "+"), "a+b-c"),
            "replace all": (string("a-b-c").replace("(-)", "$1$1", "g"), "a--b--c"),
            "upper": (string("ab").toUpperCase(), "AB"),
            "length": (name.length(), 32),
            "index": (name.index("GRDH"), 7),
            "trim": (string(" a ").trim(), "a"),
            "equals": (string("a").equals("a"), True),
            "of number": (client.Algorithms.String(5.0), "5"),
            "json": (string.encodeJSON({"a": [1, 2.5]}), '{"a":[1,2.5]}'),
            "back": (string('{"a": null}').decodeJSON(), {"a": None}),
        },
    )


def test_lists(client: Any) -> None:
    ee = client
    items = ee.List([3, 1, 2, 1])
    check(
        client,
        {
            "get": (items.get(-1), 1),
            "size": (items.size(), 4),
            "add": (items.add("x"), [3, 1, 2, 1, "x"]),
            "cat": (items.cat([9]), [3, 1, 2, 1, 9]),
            "slice": (items.slice(1, 3), [1, 2]),
            "stepped": (items.slice(0, 4, 2), [3, 2]),
            "splice": (items.splice(1, 2, ["a"]), [3, "a", 1]),
            "sort": (items.sort(), [1, 1, 2, 3]),
            "sort by": (ee.List(["a", "b", "c"]).sort([3, 1, 2]), ["b", "c", "a"]),
            "distinct": (items.distinct(), [3, 1, 2]),
            "reverse": (items.reverse(), [1, 2, 1, 3]),
            "rotate": (items.rotate(1), [1, 3, 1, 2]),
            "zip": (items.zip(["a", "b"]), [[3, "a"], [1, "b"]]),
            "unzip": (ee.List([[1, 2], [3, 4]]).unzip(), [[1, 3], [2, 4]]),
            "flatten": (ee.List([1, [2, [3]]]).flatten(), [1, 2, 3]),
            "contains": (items.contains(2.0), True),
            "not contains": (items.contains("2"), False),
            "index": (items.indexOf(1), 1),
            "frequency": (items.frequency(1), 2),
            "remove": (items.remove(1), [3, 2, 1]),
            "remove all": (items.removeAll([1, 3]), [2]),
            "replace": (items.replaceAll(1, 7), [3, 7, 2, 7]),
            "insert": (items.insert(-1, 0), [3, 1, 2, 0, 1]),
            "set": (items.set(0, 0), [0, 1, 2, 1]),
            "swap": (items.swap(0, 2), [2, 1, 3, 1]),
            "sequence": (ee.List.sequence(0, 10, 5), [0, 5, 10]),
            "counted": (ee.List.sequence(0, 1, count=5), [0, 0.25, 0.5, 0.75, 1]),
            "open": (ee.List.sequence(2, step=3, count=3), [2, 5, 8]),
            "repeat": (ee.List.repeat("a", 2), ["a", "a"]),
            "join": (items.join("-"), "3-1-2-1"),
            "map": (items.map(lambda x: ee.Number(x).add(1)), [4, 2, 3, 2]),
            "filter": (items.filter(ee.Filter.gt("item", 1)), [3, 2]),
            "fraction": (ee.List.sequence(0, 1, 0.1).size(), 11),
        },
    )


def test_dictionaries(client: Any) -> None:
    ee = client
    dictionary = ee.Dictionary({"b": 2, "a": 1})
    check(
        client,
        {
            "keys": (dictionary.keys(), ["a", "b"]),
            "values": (dictionary.values(), [1, 2]),
            "some values": (dictionary.values(["b"]), [2]),
            "get": (dictionary.get("b"), 2),
            "default": (dictionary.get("c", 5), 5),
            "set": (dictionary.set("a", 7), {"a": 7, "b": 2}),
            "combine": (dictionary.combine({"a": 9, "c": 3}), {"a": 9, "b": 2, "c": 3}),
            "keep": (dictionary.combine({"a": 9}, False), {"a": 1, "b": 2}),
            "select": (dictionary.select(["a.*"]), {"a": 1}),
            "remove": (dictionary.remove(["a"]), {"b": 2}),
            "rename": (dictionary.rename(["a"], ["z"]), {"b": 2, "z": 1}),
            "map": (dictionary.map(lambda _, v: ee.Number(v).multiply(2)), {"a": 2, "b": 4}),
            "size": (dictionary.size(), 2),
            "contains": (dictionary.contains("a"), True),
            "from lists": (ee.Dictionary.fromLists(["x", "y"], [1, 2]), {"x": 1, "y": 2}),
            "type": (ee.Algorithms.ObjectType(dictionary), "Dictionary"),
            "equal": (ee.Algorithms.IsEqual([1, {"a": 1}], [1.0, {"a": 1}]), True),
        },
    )


def test_dates(client: Any) -> None:
    ee = client
    date = ee.Date("2017-06-13T16:50:43")
    millis = int(datetime(2017, 6, 13, 16, 50, 43, tzinfo=UTC).timestamp() * 1000)
    check(
        client,
        {
            "millis": (date.millis(), millis),
            "itself": (date, {"type": "Date", "value": millis}),
            "of python": (ee.Date(datetime(2017, 6, 13, 16, 50, 43, tzinfo=UTC)).millis(), millis),
            "format": (date.format("YYYY-MM-dd'T'HH:mm:ss"), "2017-06-13T16:50:43"),
            "compact": (date.format("YYYYMMdd'T'HHmmss"), "20170613T165043"),
            "words": (date.format("EEE, d MMMM yyyy"), "Tue, 13 June 2017"),
            "default": (date.format(), "2017-06-13T16:50:43.000"),
            "zone": (date.format("HH:mm", "Europe/Berlin"), "18:50"),
            "advance": (date.advance(-6, "day").format("MM-dd HH"), "06-07 16"),
            "month end": (ee.Date("2017-01-31").advance(1, "month").format("YYYY-MM-dd"), "2017-02-28"),
            "hours": (date.advance(1.5, "hour").difference(date, "minute"), 90),
            "difference": (ee.Date("2017-06-14").difference(ee.Date("2017-06-12"), "day"), 2),
            "get": (date.get("month"), 6),
            "day of year": (date.getRelative("day", "year"), 163),
            "range": (date.getRange("month"), {"type": "DateRange", "dates": [1496275200000, 1498867200000]}),
            "fraction": (ee.Date("2017-06-13T12:00").getFraction("day"), 0.5),
            "ymd": (ee.Date.fromYMD(2017, 6, 13).millis(), 1497312000000),
            "contains": (ee.DateRange("2017-06-13", "2017-06-14").contains(date), True),
            "excluded end": (ee.DateRange("2017-06-13", "2017-06-14").contains(ee.Date("2017-06-14")), False),
            "intersection": (
                ee.DateRange("2017-01-01", "2017-03-01").intersection(ee.DateRange("2017-02-01", "2018-01-01")).start(),
                {"type": "Date", "value": 1485907200000},
            ),
        },
    )
    with pytest.raises(ee.EEException, match=r"^Date: Bad date/time 'yesterday'"):
        ee.Date("yesterday").millis().getInfo()
    with pytest.raises(ee.EEException, match=r"^Date\.advance: Unknown unit 'fortnight'"):
        date.advance(1, "fortnight").getInfo()
