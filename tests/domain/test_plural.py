"""Counts with their nouns."""

import pytest

from gee_s1ben.domain.plural import plural


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
