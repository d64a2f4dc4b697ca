"""YAML text to plain values, keeping the line on which every key stands.

Only the harmless part of YAML is read: mappings, lists and scalars. Anchors, aliases, tags, merge keys, duplicate keys,
several documents, deep nesting and large files are refused, each with its line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gee_s1ben.errors import ConfigError
from gee_s1ben.storage.files import read_regular

MAX_BYTES = 1_000_000
MAX_DEPTH = 12

Location = tuple[str | int, ...]
"""The way to a value: mapping keys and list indices."""


@dataclass
class LocatedValues:
    """Plain values and where each was written."""

    values: Any
    origins: dict[Location, str] = field(default_factory=dict)
    """Way to a value → ``config.yaml line 7`` or ``--set match.window_days``."""

    def origin(self, location: Location) -> str:
        """Where a value stands, or else the nearest thing around it that was written."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.origins:
                return self.origins[location[:length]]
        return ""


_LARGEST = 2**63


def read_located(path: Path) -> LocatedValues:
    """Read a YAML file of one mapping.

    Raises
    ------
    ConfigError
        The file is missing, unreadable, too large, or not the plain YAML that is accepted.
    """
    try:
        content = read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        raise ConfigError(
            f"there is no {path}: give the file with --config PATH, or copy the project's config.yaml"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_BYTES} bytes: that is not a configuration")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path.name} line {line}: not UTF-8 text; save the file as UTF-8") from error
    located = parse_located(text, path.name)
    if located.values is None:
        raise ConfigError(f"{path.name} line 1: the file is empty; at least 'tiles' is needed")
    if not isinstance(located.values, dict):
        raise ConfigError(f"{path.name} line 1: keys and values are expected, such as 'tiles: [...]'")
    return located


def parse_located(text: str, name: str) -> LocatedValues:
    """Parse YAML text; ``name`` is what the lines are counted in.

    Raises
    ------
    ConfigError
        Not the plain YAML that is accepted.
    """
    try:
        _refuse_the_unplain(text, name)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{name} line {mark.line + 1}" if mark else name
        raise ConfigError(f"{line}: not valid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from error
    located = LocatedValues(None, {(): name})
    if node is not None:
        located.values = _plain(node, (), name, located.origins)
    return located


def _refuse_the_unplain(text: str, name: str) -> None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = f"{name} line {event.start_mark.line + 1 if event.start_mark else 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise ConfigError(f"{line}: anchors (&) and aliases (*) are not accepted; write the value out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise ConfigError(f"{line}: the tag {tag!r} is not accepted; plain values only")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise ConfigError(f"{line}: a second document starts here; one file holds one configuration")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise ConfigError(f"{line}: nested more than {MAX_DEPTH} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _plain(node: yaml.Node, location: Location, name: str, origins: dict[Location, str]) -> Any:
    line = f"{name} line {node.start_mark.line + 1}"
    origins.setdefault(location, line)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_line = f"{name} line {key_node.start_mark.line + 1}"
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                raise ConfigError(f"{key_line}: a key must be a word, not {_shown(key_node)}")
            key = key_node.value
            if key in mapping:
                first = origins[(*location, key)]
                raise ConfigError(f"{key_line}: {_dotted((*location, key))} is given twice, first on {first}")
            origins[(*location, key)] = key_line
            mapping[key] = _plain(value_node, (*location, key), name, origins)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*location, index), name, origins) for index, child in enumerate(node.value)]
    try:
        value = yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, OverflowError, yaml.YAMLError) as error:
        raise ConfigError(f"{line}: {_shown(node)} cannot be read: {error}") from error
    if isinstance(value, int) and abs(value) >= _LARGEST:  # some are larger than Python would write out again
        raise ConfigError(f"{line}: {_shown(node)} cannot be read: it is beyond 64 bits")
    return value


def _shown(node: yaml.Node) -> str:
    return repr(node.value[:60]) if isinstance(node, yaml.ScalarNode) else "a list or a mapping"


def _dotted(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def dotted(location: Location) -> str:
    """``('tiles', 0, 'product')`` as ``tiles[0].product``."""
    return _dotted(location)


def override(located: LocatedValues, assignment: str) -> None:
    """Apply one ``key.path=value``; the value is YAML, as in the file.

    Raises
    ------
    ConfigError
        Not of that form, or the way leads through something that is not a mapping.
    """
    way, separator, text = assignment.partition("=")
    keys = way.strip().split(".")
    if not separator or not all(keys):
        raise ConfigError(f"--set {assignment!r}: write it as key.path=value, such as match.window_days=3")
    origin = f"--set {way.strip()}"
    parent = located.values
    for depth, key in enumerate(keys[:-1]):
        parent = parent.setdefault(key, {})
        if not isinstance(parent, dict):
            raise ConfigError(f"{origin}: {'.'.join(keys[: depth + 1])} is not a group of keys")
        located.origins.setdefault(tuple(keys[: depth + 1]), origin)
    location = tuple(keys)
    for known in [known for known in located.origins if known[: len(location)] == location]:
        del located.origins[known]
    parent[keys[-1]] = parse_located(text, origin).values
    located.origins[location] = origin
