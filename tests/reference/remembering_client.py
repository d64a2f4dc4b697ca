"""The client's functions, made once for each list of algorithms instead of at each connection.

At each connection the client asks for the list of algorithms, makes a thousand functions of it and writes the
documentation of each: seventy milliseconds, which a command spends once, and tests a thousand times. The request stays,
and another answer gives other functions.
"""

from __future__ import annotations

import functools
import json
from typing import Any
from unittest import mock


@functools.cache
def remember() -> None:
    """Let the client of this process, and of those forked from it, remember its functions."""
    from ee import _cloud_api_utils, data
    from ee.apifunction import ApiFunction

    convert, initialize, describe = _cloud_api_utils.convert_algorithms, ApiFunction.initialize, ApiFunction.__str__
    lists: list[tuple[Any, Any]] = []  # what is in here is never freed, so that an id stays one thing's
    functions: dict[int, dict[str, Any]] = {}

    def described(of: Any) -> str:
        if "described" not in vars(of):
            of.described = describe(of)
        return str(of.described)

    def converted(answer: Any) -> Any:
        signatures = next((signatures for known, signatures in lists if known == answer), None)
        if signatures is None:
            signatures = convert(answer)
            lists.append((answer, signatures))
        return signatures

    def initialized(cls: Any) -> None:
        if cls._api:
            return
        signatures = data.getAlgorithms()
        if id(signatures) not in functions:
            with mock.patch.object(data, "getAlgorithms", return_value=signatures):
                initialize()
            functions[id(signatures)] = cls._api
        cls._api = functions[id(signatures)]

    _cloud_api_utils.convert_algorithms = converted
    ApiFunction.initialize = classmethod(initialized)
    ApiFunction.__str__ = described


def prepare() -> None:
    """Remember the list that the embedded service answers, for processes that are forked from this one."""
    from ee import _cloud_api_utils, data
    from ee.apifunction import ApiFunction

    from gee_s1ben.engine.signatures import algorithms_document

    remember()
    signatures = _cloud_api_utils.convert_algorithms(json.loads(algorithms_document()))
    with mock.patch.object(data, "getAlgorithms", return_value=signatures):
        ApiFunction.initialize()
    for function in ApiFunction._api.values():
        str(function)
    ApiFunction.reset()
