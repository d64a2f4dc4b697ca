"""Text of files and services, made fit for a terminal, a line of a report, or a Markdown page."""

from __future__ import annotations

import re
from typing import Any, Final

_UNFIT: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, of which a terminal obeys some; newline and tab are left
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"  # no width, line separators, and what turns the direction
    "\ud800-\udfff]"  # halves of a pair: bytes of a file name that are not UTF-8
)
_MARKDOWN: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'", "[": "\\[", "]": "\\]", "*": "\\*", "|": "\\|", "\n": " "}
)


def printable(text: str) -> str:
    r"""Write control characters out as ``\u001b``, which is JSON's way too; newlines and tabs stay."""
    return _UNFIT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def on_one_line(text: str) -> str:
    """Return :func:`printable` text without newlines and tabs."""
    return printable(re.sub(r"[\t\n\r]+", " ", text))


def markdown(value: Any) -> Any:
    """Escape a text, or all texts of lists and mappings, so that it neither formats nor links nor holds HTML."""
    if isinstance(value, str):
        return on_one_line(value).translate(_MARKDOWN)
    if isinstance(value, dict):
        return {markdown(key): markdown(entry) for key, entry in value.items()}
    return [markdown(entry) for entry in value] if isinstance(value, list) else value
