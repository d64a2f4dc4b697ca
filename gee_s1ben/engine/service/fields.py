"""Partial answers: the ``fields`` of Google's REST interfaces, such as ``nextPageToken,files(id,name)``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gee_s1ben.errors import EngineError

_TOKEN: Final = re.compile(r"\s*([A-Za-z0-9_*]+|[(),/])\s*")
_MAX_LENGTH: Final = 2000

_Tree = dict[str, Any]
"""Names of members to what is wanted of them; empty: everything."""


def selected(answer: Mapping[str, Any], fields: str) -> Any:
    """Return of an answer the members that ``fields`` names.

    Raises
    ------
    EngineError
        ``fields`` cannot be read.
    """
    tokens: list[str] = []
    position = 0
    while position < len(fields):
        found = _TOKEN.match(fields, position)
        if found is None or len(fields) > _MAX_LENGTH:
            raise EngineError(f"Invalid field selection {fields[:100]}")
        tokens.append(found[1])
        position = found.end()
    tree, rest = _members(tokens, 0, 0)
    if rest != len(tokens):
        raise EngineError(f"Invalid field selection {fields[:100]}")
    return _pruned(answer, tree)


def _members(tokens: list[str], place: int, depth: int) -> tuple[_Tree, int]:
    tree: _Tree = {}
    while place < len(tokens) and tokens[place] not in "(),/" and depth < 20:
        branch = tree.setdefault(tokens[place], {})
        place += 1
        while place + 1 < len(tokens) and tokens[place] == "/" and tokens[place + 1] not in "(),/":
            branch = branch.setdefault(tokens[place + 1], {})
            place += 2
        if place < len(tokens) and tokens[place] == "(":
            inner, place = _members(tokens, place + 1, depth + 1)
            if place >= len(tokens) or tokens[place] != ")" or not inner:
                raise EngineError("Invalid field selection: a parenthesis is not closed, or empty")
            branch.update(inner)
            place += 1
        if place >= len(tokens) or tokens[place] != ",":
            return tree, place
        place += 1
    raise EngineError("Invalid field selection: a name is missing")


def _pruned(value: Any, tree: _Tree) -> Any:
    if not tree or "*" in tree:
        return value
    if isinstance(value, Mapping):
        return {key: _pruned(member, tree[key]) for key, member in value.items() if key in tree}
    if isinstance(value, list | tuple):
        return [_pruned(member, tree) for member in value]
    return value
