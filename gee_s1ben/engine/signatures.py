"""The signatures of Earth Engine's algorithms, as the installed client ships them.

The client's package holds the list of all algorithms and the discovery document of the REST interface (both under
``ee/tests``). They are read as data: the client itself is never imported here.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from gee_s1ben.errors import InputError

ALGORITHMS_FILE: Final = "algorithms.json"
DISCOVERY_FILE: Final = "cloud_api_discovery_document.json"
NAME_PREFIX: Final = "algorithms/"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an algorithm."""

    name: str
    type: str
    """Its type without parameters: ``List`` for ``List<String>``."""
    element_type: str | None
    """The parameter of the type: ``String`` for ``List<String>``."""
    optional: bool
    default: Any
    """The JSON default; ``None`` where there is none."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What an algorithm takes and returns."""

    name: str
    returns: str
    arguments: tuple[Argument, ...]


def client_file(name: str) -> Path:
    """Where the installed client keeps one of its data files.

    Raises
    ------
    InputError
        The client is not installed, or this version of it does not ship the file.
    """
    spec = importlib.util.find_spec("ee")
    for location in (spec.submodule_search_locations or []) if spec else []:
        path = Path(location) / "tests" / name
        if path.is_file():
            return path
    raise InputError(
        f"the installed earthengine-api does not ship ee/tests/{name}, which the embedded service serves; "
        "install the version that pyproject.toml asks for: pip install 'earthengine-api~=1.7.50'"
    )


def algorithms_document() -> bytes:
    """Return the list of algorithms exactly as the client ships it (and as ``GET …/algorithms`` answers)."""
    return client_file(ALGORITHMS_FILE).read_bytes()


def discovery_document() -> dict[str, Any]:
    """Return the discovery document of the REST interface as the client ships it."""
    document: dict[str, Any] = json.loads(client_file(DISCOVERY_FILE).read_bytes())
    return document


@cache
def signatures() -> Mapping[str, Signature]:
    """All signatures by algorithm name (``Image.add``)."""
    entries = json.loads(algorithms_document())["algorithms"]
    parsed = (_parse_signature(entry) for entry in entries)
    return {signature.name: signature for signature in parsed}


def _parse_signature(entry: Mapping[str, Any]) -> Signature:
    return Signature(
        name=entry["name"].removeprefix(NAME_PREFIX),
        returns=_split_type(entry["returnType"])[0],
        arguments=tuple(_parse_argument(argument) for argument in entry.get("arguments", [])),
    )


def _parse_argument(entry: Mapping[str, Any]) -> Argument:
    outer, inner = _split_type(entry["type"])
    return Argument(
        name=entry["argumentName"],
        type=outer,
        element_type=inner,
        optional=bool(entry.get("optional", False)),
        default=entry.get("defaultValue"),
    )


def _split_type(text: str) -> tuple[str, str | None]:
    """``List<List<String>>`` into ``("List", "List<String>")``; ``<any>`` is ``Object``."""
    if text == "<any>":
        return "Object", None
    outer, bracket, rest = text.partition("<")
    return (outer, rest[:-1]) if bracket else (outer, None)
