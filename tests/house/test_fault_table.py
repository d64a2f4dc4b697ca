"""The table of faults in the docs has the matrix's rows, each of them tested, and nothing in it went wrong."""

import re
from pathlib import Path

from fault_matrix import ROWS, Seen, Zeros, rows_of, table

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"


def test_rows_are_the_matrixs():
    assert rows_of(PAGE.read_text(encoding="utf-8")) == ROWS
    assert list(ROWS) == list(range(1, 62))


def test_every_row_says_what_was_seen_and_counts_zeros():
    rows = re.findall(r"^\| (\d+) \| .+? \| (.+) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(ROWS)
    assert [number for number, seen, _ in rows if not seen.strip() or "not tested" in seen] == []
    assert {zeros for _, _, zeros in rows} <= {"0 / 0 / 0", "–"}
    assert [number for number, _, zeros in rows if zeros == "–" and int(number) <= 56] == []


def test_every_row_has_a_test():
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "faults").glob("test_*.py"))
    marked = {int(number) for numbers in re.findall(r"mark\.row\(([\d, ]+)\)", tests) for number in numbers.split(",")}
    assert marked == set(ROWS)


def test_what_is_written_is_read_back():
    page = table({1: [Seen("a", Zeros(0, 0, 0)), Seen("b", Zeros(0, 1, 2)), Seen("a")], 2: [Seen("c")]})
    assert rows_of(page) == ROWS
    assert "| 1 | 429 three times, recovers | a; b | 0 / 1 / 2 |" in page
    assert "| 2 | 429 for ever, stops resumable | c | – |" in page
    assert "| 3 | Retry-After honoured | not tested | – |" in page
