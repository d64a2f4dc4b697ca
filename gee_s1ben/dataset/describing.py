"""Metadata that outlives the program: STAC, GeoParquet, a datasheet and citations, under ``<root>/provenance``."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from gee_s1ben.dataset.atomic import PARTIAL_PREFIX, atomic_write, storage_errors, sync
from gee_s1ben.dataset.citations import bibtex, citations
from gee_s1ben.dataset.contents import CheckedReader, Contents
from gee_s1ben.dataset.datasheet import datasheet
from gee_s1ben.dataset.manifest import PROVENANCE, read_absent, read_patches
from gee_s1ben.dataset.manifest_index import ManifestIndex
from gee_s1ben.dataset.patch_facts import PatchFacts, facts
from gee_s1ben.dataset.patch_table import PatchTable, table_path
from gee_s1ben.dataset.stac import ItemKind, StacWriter, stac_path
from gee_s1ben.dataset.totals import Totals
from gee_s1ben.errors import InputError

Advance = Callable[[int, int], None]
"""Told how many patches are done and how many there are."""


@dataclass(frozen=True, slots=True)
class Described:
    """What was written."""

    patches: int
    """Patches described."""
    items: int
    """STAC items."""
    table: Path
    """GeoParquet."""
    catalog: Path
    """STAC collection."""
    datasheet: Path
    """Markdown."""
    citations: Path
    """BibTeX."""


def describe(root: Path, *, items: ItemKind = "patch", advance: Advance | None = None) -> Described:
    """Describe a dataset from what stands on disk; every raster is read and compared with the manifest.

    What was there of an earlier description is replaced, each part as a whole. The same dataset gives the same bytes.
    Memory holds a row group of the table and the links of one target.

    Parameters
    ----------
    root : Path
        The dataset.
    items : str
        ``patch``: a STAC item a patch. ``tile``: one for all patches that a target got from one pass.
    advance : callable or None
        Told how far it is.

    Raises
    ------
    InputError
        There is no dataset, or one of its tables is broken.
    RasterError
        A patch is damaged.
    StorageError
        The disk is full, read-only or failing.
    """
    contents = Contents.open(root)
    total = sum(1 for _ in read_patches(root))
    if not total:
        raise InputError(f"{root} holds no patch to describe")
    provenance, table, catalog = root / PROVENANCE, table_path(root), stac_path(root)
    unfinished = provenance / f"{PARTIAL_PREFIX}{catalog.name}"
    totals = Totals()
    with storage_errors(provenance), ManifestIndex.open(root) as manifest, ExitStack() as stack:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        stack.callback(shutil.rmtree, unfinished, ignore_errors=True)
        stac = StacWriter(unfinished, contents, items)
        reader = CheckedReader(contents, manifest)
        with (
            atomic_write(table) as temporary,
            PatchTable(temporary, contents) as rows,
        ):
            named = _Fresh()
            for done, row in enumerate(read_patches(root), start=1):
                one = facts(reader.read(row))
                rows.append(one)  # one a pair, as the table of patches has it; all else once a patch
                if named.is_new(one):
                    totals.add(one)
                    stac.append(one)
                if advance is not None:
                    advance(done, total)
        stac.finish(table)
        _replace(unfinished, catalog)
        absent = Counter(_kind(row.reason) for row in read_absent(root))
        sheet = _text(provenance / "datasheet.md", datasheet(contents, totals, absent))
        works = _text(provenance / "citations.bib", bibtex(citations(contents)))
    return Described(total, stac.items, table, catalog / "collection.json", sheet, works)


class _Fresh:
    """Tells which patches have not come before, as :meth:`Contents.rows` does."""

    def __init__(self) -> None:
        self._tile = ""
        self._seen: set[str] = set()

    def is_new(self, one: PatchFacts) -> bool:
        tile = one.patch.row.target.rpartition("_")[0]
        if tile != self._tile:
            self._tile, self._seen = tile, set()
        fresh = one.patch.row.name not in self._seen
        self._seen.add(one.patch.row.name)
        return fresh


def _replace(unfinished: Path, folder: Path) -> None:
    old = folder.with_name(f"{PARTIAL_PREFIX}old-{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    unfinished.rename(folder)
    sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _text(path: Path, text: str) -> Path:
    with atomic_write(path) as temporary:
        temporary.write_text(text, "utf-8")
    return path


def _kind(reason: str) -> str:
    """Return a reason without what differs from patch to patch."""
    return re.sub(r"^S1[A-D]_[0-9]+[AD]?: ", "", re.sub(r"\d+ of \d+ pixels ha(?:ve|s)", "some pixels have", reason))
