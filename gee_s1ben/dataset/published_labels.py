"""Labels of BigEarthNet v1, which stand in a JSON file beside each patch."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from gee_s1ben.dataset.labels import CLASSES_43, check_labels
from gee_s1ben.domain.naming import S1PatchName, S2PatchNameV1
from gee_s1ben.domain.tile import PATCH_PX, tile_grid
from gee_s1ben.errors import InputError, NamingError
from gee_s1ben.storage.files import read_regular

Found = tuple[tuple[int, int], str | None, tuple[str, ...]]
"""(column, row), name of the Sentinel-2 patch, labels."""

_SUFFIX = "_labels_metadata.json"
_SAME_PRODUCT = timedelta(seconds=10)
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class LabelFolder:
    """A folder of v1 patches, each a folder with its JSON."""

    path: Path
    """The folder."""
    mission: str
    """``S1`` or ``S2``."""

    def of_target(self, tile: str, acquired: datetime, known: Mapping[tuple[int, int], str | None]) -> Iterator[Found]:
        """Yield the labels of the patches of a tile at a time.

        Parameters
        ----------
        tile : str
            MGRS name.
        acquired : datetime
            Start of the Sentinel-2 datatake, UTC.
        known : mapping of (column, row) to str or None
            Names of the Sentinel-2 patches by other tables; those of a Sentinel-2 folder are found by them only,
            because they carry no tile.

        Raises
        ------
        InputError
            A JSON is broken or contradicts its own name, or a label is none of the 43 classes.
        """
        if self.mission == "S2":
            for cell, name in sorted(known.items()):
                path = self.path / str(name) / f"{name}{_SUFFIX}"
                if name is not None and path.exists():
                    yield cell, name, _labels(path, _read(path))
            return
        with os.scandir(self.path) as entries:
            names = sorted(entry.name for entry in entries if f"_{tile}_" in entry.name)
        for text in names:
            found = self._s1_labels(text, tile, acquired)
            if found is not None:
                yield found

    def _s1_labels(self, text: str, tile: str, acquired: datetime) -> Found | None:
        path = self.path / text / f"{text}{_SUFFIX}"
        try:
            s1 = S1PatchName.parse(text)
            if s1.tile != tile or not path.exists():
                return None
            content = _read(path)
            s2 = S2PatchNameV1.parse(str(content.get("corresponding_s2_patch")))
        except NamingError as error:
            raise InputError(f"{path}: {error}") from error
        if abs(s2.acquired - acquired) > _SAME_PRODUCT:
            return None
        west, _, _, north = tile_grid(tile).window(s1.col * PATCH_PX, s1.row * PATCH_PX, PATCH_PX, PATCH_PX).bounds
        corner = content.get("coordinates")
        if (s1.col, s1.row) != (s2.col, s2.row) or not isinstance(corner, dict):
            raise InputError(f"{path}: it belongs to {s2}, which is not where its folder says")
        if (corner.get("ulx"), corner.get("uly")) != (west, north):
            raise InputError(f"{path}: its corner {corner.get('ulx')}, {corner.get('uly')} is not that of {text}")
        return (s1.col, s1.row), str(s2), _labels(path, content)


def find_label_folders(path: Path) -> Iterator[LabelFolder]:
    """Yield the folders of v1 patches with labels: ``path`` itself or those directly in it."""
    for folder in (path, *sorted(entry for entry in path.iterdir() if entry.is_dir())):
        with os.scandir(folder) as entries:
            for entry in islice(entries, 100):
                if entry.name[:2] in ("S1", "S2") and Path(entry.path, f"{entry.name}{_SUFFIX}").exists():
                    yield LabelFolder(folder, entry.name[:2])
                    break


def _read(path: Path) -> dict[str, Any]:
    try:
        data = read_regular(path, _LONGEST)
        if len(data) > _LONGEST:
            raise ValueError(f"longer than {_LONGEST} bytes")  # noqa: TRY301
        content = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: unreadable or no JSON ({' '.join(str(error).split())[:120]})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a JSON object")
    return content


def _labels(path: Path, content: Mapping[str, Any]) -> tuple[str, ...]:
    labels = content.get("labels")
    if not isinstance(labels, list):
        raise InputError(f"{path}: no list of labels")
    return check_labels(labels, CLASSES_43, str(path))
