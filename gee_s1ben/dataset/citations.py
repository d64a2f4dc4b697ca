"""What a user of a dataset has to cite, as BibTeX: only what the dataset was made with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gee_s1ben.dataset.contents import Contents


@dataclass(frozen=True, slots=True)
class Citation:
    """One work."""

    key: str
    """BibTeX key."""
    kind: str
    """BibTeX entry type."""
    why: str
    """What it was used for."""
    fields: Mapping[str, str]
    """BibTeX fields, in order."""


_SENTINEL_1 = Citation(
    "torres2012sentinel1",
    "article",
    "the mission",
    {
        "author": "Torres, Ramon and Snoeij, Paul and Geudtner, Dirk and others",
        "title": "{GMES} {Sentinel-1} mission",
        "journal": "Remote Sensing of Environment",
        "volume": "120",
        "pages": "9--24",
        "year": "2012",
        "doi": "10.1016/j.rse.2011.05.028",
    },
)
_EARTH_ENGINE = Citation(
    "gorelick2017google",
    "article",
    "the service that holds and processed the scenes",
    {
        "author": "Gorelick, Noel and Hancher, Matt and Dixon, Mike and Ilyushchenko, Simon and Thau, David and "
        "Moore, Rebecca",
        "title": "{Google} {Earth} {Engine}: Planetary-scale geospatial analysis for everyone",
        "journal": "Remote Sensing of Environment",
        "volume": "202",
        "pages": "18--27",
        "year": "2017",
        "doi": "10.1016/j.rse.2017.06.031",
    },
)
_REFINED_LEE = Citation(
    "lee1981refined",
    "article",
    "the speckle filter",
    {
        "author": "Lee, Jong-Sen",
        "title": "Refined filtering of image noise using local statistics",
        "journal": "Computer Graphics and Image Processing",
        "volume": "15",
        "number": "4",
        "pages": "380--389",
        "year": "1981",
        "doi": "10.1016/S0146-664X(81)80018-4",
    },
)
_BIGEARTHNET_MM = Citation(
    "sumbul2021bigearthnetmm",
    "article",
    "the patches' names and layout",
    {
        "author": r"Sumbul, Gencer and de Wall, Arne and Kreuziger, Tristan and Marcelino, Filipe and Costa, Hugo and "
        r"Benevides, Pedro and Caetano, M{\'a}rio and Demir, Beg{\"u}m and Markl, Volker",
        "title": "{BigEarthNet-MM}: A large-scale, multimodal, multilabel benchmark archive for remote sensing image "
        "classification and retrieval",
        "journal": "IEEE Geoscience and Remote Sensing Magazine",
        "volume": "9",
        "number": "3",
        "pages": "174--180",
        "year": "2021",
        "doi": "10.1109/MGRS.2021.3089174",
    },
)
_REBEN = Citation(
    "clasen2024reben",
    "misc",
    "the layout of version 2",
    {
        "author": "Clasen, Kai Norman and Hackel, Leonard and Burgert, Tom and Sumbul, Gencer and "
        r"Demir, Beg{\"u}m and Markl, Volker",
        "title": "{reBEN}: Refined {BigEarthNet} dataset for remote sensing image analysis",
        "year": "2024",
        "eprint": "2407.03653",
        "archiveprefix": "arXiv",
    },
)
_DATASHEETS = Citation(
    "gebru2021datasheets",
    "article",
    "the form of the datasheet",
    {
        "author": r"Gebru, Timnit and Morgenstern, Jamie and Vecchione, Briana and Vaughan, Jennifer Wortman and "
        r"Wallach, Hanna and {Daum{\'e} III}, Hal and Crawford, Kate",
        "title": "Datasheets for datasets",
        "journal": "Communications of the ACM",
        "volume": "64",
        "number": "12",
        "pages": "86--92",
        "year": "2021",
        "doi": "10.1145/3458723",
    },
)


def citations(contents: Contents) -> tuple[Citation, ...]:
    """Return what has to be cited, in order of weight."""
    return tuple(_chosen(contents, contents.record.get("radar") or {}))


def _chosen(contents: Contents, radar: Mapping[str, Any]) -> Iterator[Citation]:
    if not contents.simulated:
        yield _SENTINEL_1
        if contents.record.get("backend") == "earthengine":
            yield _EARTH_ENGINE
        elif str(contents.record.get("collection", "")).startswith("COPERNICUS/"):
            yield replace(_EARTH_ENGINE, why="the collection that the scenes are named after")
    yield _BIGEARTHNET_MM
    if contents.form.version == "v2":
        yield _REBEN
    if (radar.get("speckle") or {}).get("filter") == "refined_lee":
        yield _REFINED_LEE
    yield _DATASHEETS


def acknowledgement(contents: Contents, years: tuple[int, int]) -> str | None:
    """Return the notice that the licence of Copernicus Sentinel data asks for; None where the scenes are simulated.

    Source: Legal notice on the use of Copernicus Sentinel Data and Service Information.
    """
    if contents.simulated:
        return None
    first, last = years
    span = str(first) if first == last else f"{first}–{last}"
    return f"Contains modified Copernicus Sentinel data {span}."


def bibtex(entries: tuple[Citation, ...]) -> str:
    """Write citations as a BibTeX file; what each was used for stands in ``note``."""
    return "\n".join(_entry(entry) for entry in entries)


def _entry(entry: Citation) -> str:
    fields = {**entry.fields, "note": f"Cited for {entry.why}"}
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{entry.kind}{{{entry.key},\n{lines}}}\n"
