"""Which texts may name images and bands: they become folders and files."""

from __future__ import annotations

import re

from gee_s1ben.domain.naming import S1ProductName
from gee_s1ben.errors import CatalogError, NamingError

_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,159}")
"""No leading dot, hence neither ``..`` nor hidden files; with a suffix it still fits a file name's 255 bytes."""
_LONGEST_ID = 600
S1_GRD = "COPERNICUS/S1_GRD"
_PUBLIC = "projects/earthengine-public/assets/"
_COLLECTION = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_-]*(/[A-Za-z0-9_-]+)*")
_ENDINGS = re.compile(r"(?:\.(?:safe|zip|tar|tif|tiff))+$", re.IGNORECASE)
_BAND = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")


def spelled_image_id(text: str) -> str:
    """Return the id that a text means: a Sentinel-1 product may be a path, and end in ``.SAFE``, ``.zip`` or ``/``.

    Such a product gets into ``COPERNICUS/S1_GRD`` unless a collection is named. Other texts come back as they are, but
    for quotes and the folder of Earth Engine's public assets around them.
    """
    id_or_path = text.strip(" \t\r\n\"'").rstrip("/").removeprefix(_PUBLIC)
    before, _, last = id_or_path.rpartition("/")
    name = _ENDINGS.sub("", last)
    try:
        S1ProductName.parse(name)
    except NamingError:
        return id_or_path
    return f"{before if _COLLECTION.fullmatch(before) else S1_GRD}/{name}"


def split_image_id(image_id: str) -> tuple[str, str]:
    """Split an image's id into its collection's id and its ``system:index``.

    Raises
    ------
    CatalogError
        It is not two or more of ``A-Z a-z 0-9 _ . -`` separated by ``/``.
    """
    segments = image_id.split("/")
    if len(segments) < 2 or len(image_id) > _LONGEST_ID or not all(map(_fits, segments)):
        raise CatalogError(
            f"{image_id[:120]!a} is not an image id: give <collection>/<index> of A-Z a-z 0-9 _ . and -, "
            "such as COPERNICUS/S1_GRD/my_scene"
        )
    return "/".join(segments[:-1]), segments[-1]


def check_collection_id(collection_id: str) -> str:
    """Return a collection's id if it is safe as a folder.

    Raises
    ------
    CatalogError
        It is not one or more of ``A-Z a-z 0-9 _ . -`` separated by ``/``.
    """
    if len(collection_id) > _LONGEST_ID or not all(map(_fits, collection_id.split("/"))):
        raise CatalogError(f"{collection_id[:120]!a} is not a collection id, such as COPERNICUS/S1_GRD")
    return collection_id


def check_band_names(names: list[str]) -> list[str]:
    """Return the names of an image's bands if they are safe as files and all different.

    Raises
    ------
    CatalogError
        There are none, two are equal, or one is not made of ``A-Z a-z 0-9 _ . -``.
    """
    if not names:
        raise CatalogError("an image needs at least one band: give its GeoTIFFs")
    for name in names:
        if not _BAND.fullmatch(name):
            raise CatalogError(f"{name[:120]!a} cannot name a band: use 1 to 100 of A-Z a-z 0-9 _ . and -")
    # File systems that ignore case would put both into one file.
    lowered = [name.lower() for name in names]
    twice = sorted({name for name in names if lowered.count(name.lower()) > 1})
    if twice:
        raise CatalogError(f"band {', '.join(twice)} is given more than once: every band needs a name of its own")
    return names


def _fits(segment: str) -> bool:
    return _SEGMENT.fullmatch(segment) is not None and not segment.lower().endswith(".json")
