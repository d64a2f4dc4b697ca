"""Every registered function is held against the client's signature of its algorithm."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from gee_s1ben.engine import registry
from gee_s1ben.engine.registry import algorithm, argument_name, load_all, lookup
from gee_s1ben.engine.signatures import client_file, signatures
from gee_s1ben.errors import InputError, UnknownAlgorithmError


@pytest.mark.parametrize("name", sorted(load_all()))
def test_parameters_are_the_signatures_arguments(name: str) -> None:
    registered = lookup(name)
    parameters = list(inspect.signature(registered.function).parameters.values())[registered.takes_context :]
    arguments = registered.signature.arguments
    assert [argument_name(p.name) for p in parameters] == [a.name for a in arguments]
    for parameter, argument in zip(parameters, arguments, strict=True):
        assert (parameter.default is not inspect.Parameter.empty) == argument.optional, argument.name
        if argument.optional:
            structured = isinstance(argument.default, dict | list)
            assert parameter.default == (None if structured else argument.default), argument.name


def test_an_algorithm_that_is_missing_is_named_with_its_neighbours() -> None:
    with pytest.raises(UnknownAlgorithmError, match=r"'Collection\.fliter'.*Nearby: .*Collection\.filter"):
        lookup("Collection.fliter")


def test_an_algorithm_of_earth_engine_that_we_lack_says_how_to_add_it() -> None:
    name = "HoughTransform"
    assert name in signatures()
    with pytest.raises(UnknownAlgorithmError, match=r'not implemented.*@algorithm\("HoughTransform"\)'):
        lookup(name)


def test_a_name_cannot_be_registered_twice() -> None:
    load_all()
    with pytest.raises(ValueError, match=r"List\.size is registered twice"):
        algorithm("List.size")(lambda list_: list_)


def test_the_engine_never_imports_the_client() -> None:
    program = (
        "import sys; from gee_s1ben.engine.registry import load_all; import gee_s1ben.engine.service; load_all(); "
        "sys.exit('ee' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_missing_client_file_says_what_to_install() -> None:
    with pytest.raises(InputError, match=r"does not ship ee/tests/no-such\.json.*pip install"):
        client_file("no-such.json")


def test_signatures_keep_the_element_type() -> None:
    (argument,) = [a for a in signatures()["Image.select"].arguments if a.name == "bandSelectors"]
    assert (argument.type, argument.element_type) == ("List", "Object")
    assert registry.argument_name("list_") == "list"
