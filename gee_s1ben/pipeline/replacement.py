"""A dataset in place of another: the old one stands aside until the new one is complete, and comes back otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gee_s1ben.dataset.atomic import PARTIAL_PREFIX, storage_errors
from gee_s1ben.dataset.carried_facts import METADATA_NAME
from gee_s1ben.dataset.layout import layout
from gee_s1ben.dataset.layout_tables import split_list_name
from gee_s1ben.dataset.manifest import PROVENANCE
from gee_s1ben.dataset.published_tables import SPLITS
from gee_s1ben.errors import GeeS1benError

ASIDE = ".replaced"
"""Folder in a dataset's root with the dataset that is being replaced."""

_DISCARDED = f"{PARTIAL_PREFIX}{ASIDE.removeprefix('.')}"
_PARTS = (layout("v1").top, layout("v2").top, METADATA_NAME, *map(split_list_name, SPLITS), PROVENANCE)
"""All that a dataset has in its root. What says whose it is goes last and comes back first."""


def set_aside(root: Path) -> None:
    """Move a dataset out of the way, so that another can be made in its place.

    If one stands aside already, its replacement was never completed, and it is that replacement which goes.

    Raises
    ------
    StorageError
        The disk is read-only or failing.
    """
    aside = root / ASIDE
    with storage_errors(root):
        if (aside / PROVENANCE).exists():
            for name in _PARTS:
                _remove(root / name)
            return
        aside.mkdir(exist_ok=True)
        for name in _PARTS:
            if (root / name).exists():
                _remove(aside / name)
                (root / name).rename(aside / name)


@contextmanager
def replacing(root: Path) -> Iterator[None]:
    """Complete what replaces a dataset that was set aside, in this call or in one that was stopped.

    When the block ends well, the old dataset is removed. When it is refused, what was made of the new one is removed,
    and the old one stands in its place again; a kill leaves both, and the next call goes on.

    Raises
    ------
    StorageError
        The disk is read-only or failing.
    """
    try:
        yield
    except GeeS1benError:
        with storage_errors(root):
            _bring_back(root)
        raise
    aside = root / ASIDE
    if aside.exists():
        with storage_errors(root):
            # Renamed first: one of which a part is gone must never come back.
            _remove(root / _DISCARDED)
            _remove(aside.rename(root / _DISCARDED))


def _bring_back(root: Path) -> None:
    aside = root / ASIDE
    if not aside.exists():
        return
    if (aside / PROVENANCE).exists():  # it went last: all that is in its place now belongs to the new one
        for name in _PARTS:
            _remove(root / name)
    for name in reversed(_PARTS):
        if (aside / name).exists():
            _remove(root / name)
            (aside / name).rename(root / name)
    aside.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
