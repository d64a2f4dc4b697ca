"""Metadata XML as plain texts: no DOCTYPE, no entities, a cap on size and on the length of what is taken out."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError  # only types and the error; parsing is defusedxml's

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from gee_s1ben.errors import InputError
from gee_s1ben.footprints.unpickling import read_capped

MAX_BYTES = 8_000_000
"""The metadata of an old product with all its granules have about one megabyte."""
_DEEPEST = 200
"""Elements in one another; those of metadata are about ten."""
_LONGEST_LIST = 200_000


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file; elements are found by their local names, wherever they stand."""

    path: Path
    element: Element

    @property
    def root(self) -> str:
        """Local name of the outermost element."""
        return _local(self.element)

    def text(self, *names: str) -> str:
        """Text of the first element of the first name that there is.

        Raises
        ------
        InputError
            There is none.
        """
        for name in names:
            for element in self._named(name):
                return (element.text or "").strip()
        raise InputError(f"{self.path} has no {' or '.join(names)}")

    def numbers(self, name: str, within: tuple[str, str, str] | None = None) -> list[float]:
        """Numbers in the first element of a name.

        Parameters
        ----------
        name : str
            The element's.
        within : tuple of str, optional
            Name, attribute and value of an element that it must stand in.

        Raises
        ------
        InputError
            There is no such element, or something in it is no finite number.
        """
        start = self.element
        if within:
            start = next((one for one in self._named(within[0]) if one.get(within[1]) == within[2]), Element("none"))
        found = next((one for one in start.iter() if _local(one) == name), None)
        if found is None:
            raise InputError(f"{self.path} has no {name}")
        words = (found.text or "")[:_LONGEST_LIST].split()
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            numbers = [math.nan]
        if not all(map(math.isfinite, numbers)):
            raise InputError(f"{self.path}: {name} holds something that is no number")
        return numbers

    def attributes(self, name: str) -> Iterator[str]:
        """Yield every value of an attribute."""
        for element in self.element.iter():
            if (value := element.get(name)) is not None:
                yield value

    def _named(self, name: str) -> Iterator[Element]:
        return (one for one in self.element.iter() if _local(one) == name)


def read_document(path: Path, most: int = MAX_BYTES) -> Document:
    """Parse an XML file of at most so many bytes.

    Raises
    ------
    InputError
        It cannot be read, is too large, is no XML, or has a DOCTYPE.
    """
    content = read_capped(path, most)
    try:
        return Document(path, _root(content))
    except DefusedXmlException as error:
        raise InputError(f"{path} is refused: it has a DOCTYPE or entities, which metadata do not need") from error
    except (ParseError, ValueError, LookupError) as error:
        raise InputError(f"{path} is no readable XML: {' '.join(str(error).split())[:120]}") from error


def _root(content: bytes) -> Element:
    """Parse a text element by element, so that one that is nested too deeply ends early: a deep tree kills Python."""
    depth = 0
    root: Element | None = None
    for event, element in iterparse(io.BytesIO(content), events=("start", "end"), forbid_dtd=True):
        root = element if root is None else root
        depth += 1 if event == "start" else -1
        if depth > _DEEPEST:
            raise ValueError(f"its elements are nested deeper than {_DEEPEST}")
    if root is None:
        raise ValueError("it has no element")
    return root


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
