"""What the packed forms have in common."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gee_s1ben.dataset.contents import ReadPatch
from gee_s1ben.dataset.patch_facts import known_facts
from gee_s1ben.errors import InputError


@dataclass(frozen=True, slots=True)
class PackPlan:
    """What goes into a pack; the same dataset gives the same."""

    patches: int
    """How many patches."""
    block: int
    """Patches of a shard, and of a step after which a stopped job continues."""
    polarisations: tuple[str, ...]
    """Rasters of each patch, in the dataset's order."""
    shape: tuple[int, int]
    """(rows, columns) of each raster."""
    patch_bytes: int
    """Bytes of a patch's pixels."""
    stamp: Mapping[str, Any]
    """What the pack says of itself: program, format, dataset, fingerprint."""


class PackWriter(Protocol):
    """Writes one pack. What :meth:`append` has returned from is kept if the job is killed."""

    @property
    def done(self) -> int:
        """Patches that stand; the next to be appended is the one with this number."""
        ...

    def append(self, patches: Sequence[ReadPatch]) -> None:
        """Write the next block: as many patches as the plan says, fewer only at the end.

        Raises
        ------
        OSError
            The disk is full, read-only or failing.
        """
        ...

    def finish(self) -> None:
        """Close the pack; it is complete."""
        ...

    def abandon(self) -> None:
        """Close the files of a pack that is not complete."""
        ...


class OpenWriter(Protocol):
    """Opens the writer of a form, on an empty folder or one that a killed job left."""

    def __call__(self, folder: Path, plan: PackPlan) -> PackWriter:
        """Open; the folder exists."""
        ...


class ReadStamp(Protocol):
    """Reads what a finished pack says of itself."""

    def __call__(self, folder: Path) -> Mapping[str, Any] | None:
        """Return its stamp, or None where the folder is no such pack."""
        ...


@dataclass(frozen=True, slots=True)
class PackFormat:
    """One packed form."""

    name: str
    """As the command line has it."""
    libraries: tuple[str, ...]
    """What it is written with; parts of the ``packed`` extra."""
    block: int
    """Patches of a shard unless asked otherwise."""
    open: OpenWriter
    """Its writer."""
    read_stamp: ReadStamp
    """Its stamp."""


def library(name: str) -> Any:
    """Import a library of the ``packed`` extra.

    Raises
    ------
    InputError
        It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"this form needs {error.name}, which is not installed: pip install 'gee-s1ben[packed]'"
        ) from None


def row_metadata(patch: ReadPatch) -> dict[str, Any]:
    """What is known of a patch, as plain JSON; loaders get it beside the pixels."""
    return known_facts(patch) | {"transform": list(patch.grid.transform)}
