"""Counts with their nouns, and shares in percent."""

import pytest

from gee_s1ben.domain.plural import percent, plural


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (0, "pass", "0 passes"), (1, "pass", "1 pass"), (2, "pass", "2 passes"), (2, "patch", "2 patches"),
        (1, "day", "1 day"), (3, "day", "3 days"), (2, "query", "2 queries"), (2, "STAC item", "2 STAC items"),
        (2, "box", "2 boxes"), (1200, "scene", "1200 scenes"),
    ],
)  # fmt: skip
def test_plural(count: int, noun: str, text: str) -> None:
    assert plural(count, noun) == text


def test_grouped() -> None:
    assert plural(12345, "file", grouped=True) == "12,345 files"


@pytest.mark.parametrize(
    ("part", "whole", "text", "finer"),
    [
        (0, 400, "0 %", "0.0 %"), (1, 8281, "<1 %", "<0.1 %"), (25, 8281, "<1 %", "0.3 %"),
        (229, 400, "57 %", "57.2 %"), (8256, 8281, ">99 %", "99.7 %"),
        (8280, 8281, ">99 %", ">99.9 %"), (400, 400, "100 %", "100.0 %"),
    ],
)  # fmt: skip
def test_only_all_is_a_hundred_percent(part: int, whole: int, text: str, finer: str) -> None:
    assert (percent(part / whole), percent(part / whole, 1)) == (text, finer)


def test_a_share_that_is_whole_but_for_rounding_is_whole() -> None:
    assert percent(1 - 1e-12, 1) == "100.0 %"
