"""Meddling with what lies at a destination, past the proxy and past the package."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import numpy as np
import rasterio
import requests
from fault_arena import BUCKET, Arena

FOLDER = "gee_s1ben"


class Bucket:
    """The objects of the arena's bucket."""

    def __init__(self, arena: Arena) -> None:
        self._url = arena.upstream

    def names(self) -> list[str]:
        """Names of all objects."""
        answer = requests.get(f"{self._url}/storage/v1/b/{BUCKET}/o", timeout=30).json()
        return [one["name"] for one in answer.get("items", [])]

    def get(self, name: str) -> bytes:
        """Content of an object."""
        answer = requests.get(
            f"{self._url}/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}", params={"alt": "media"}, timeout=30
        )
        answer.raise_for_status()
        return answer.content

    def put(self, name: str, content: bytes) -> None:
        """Store an object, in place of the one of this name."""
        requests.post(
            f"{self._url}/upload/storage/v1/b/{BUCKET}/o",
            params={"uploadType": "media", "name": name},
            data=content,
            headers={"content-type": "image/tiff"},
            timeout=30,
        ).raise_for_status()

    def delete(self, name: str) -> None:
        """Remove an object."""
        requests.delete(f"{self._url}/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}", timeout=30).raise_for_status()

    def alter(self, wanted: str, change: Callable[[bytes], bytes]) -> int:
        """Replace the objects whose names hold a text; return how many."""
        names = [name for name in self.names() if wanted in name]
        for name in names:
            self.put(name, change(self.get(name)))
        return len(names)


class DriveFolder:
    """The files of the arena's folder of Drive, whose names may repeat."""

    def __init__(self, arena: Arena) -> None:
        self._url = arena.upstream

    def files(self) -> list[dict[str, Any]]:
        """All files, folders left out."""
        found = requests.get(
            f"{self._url}/drive/v3/files",
            params={"fields": "files(id,name,parents,mimeType,size)", "pageSize": 1000},
            timeout=30,
        ).json()["files"]
        return [one for one in found if one["mimeType"] != "application/vnd.google-apps.folder"]

    def get(self, id_: str) -> bytes:
        """Content of a file."""
        answer = requests.get(f"{self._url}/drive/v3/files/{id_}", params={"alt": "media"}, timeout=30)
        answer.raise_for_status()
        return answer.content

    def put(self, name: str, parents: list[str], content: bytes) -> str:
        """Store one more file of this name; return its id."""
        metadata = json.dumps({"name": name, "parents": parents}).encode()
        body = b"--x\r\ncontent-type: application/json\r\n\r\n" + metadata
        body += b"\r\n--x\r\ncontent-type: image/tiff\r\n\r\n" + content + b"\r\n--x--"
        answer = requests.post(
            f"{self._url}/upload/drive/v3/files",
            params={"uploadType": "multipart"},
            data=body,
            headers={"content-type": "multipart/related; boundary=x"},
            timeout=30,
        )
        answer.raise_for_status()
        return str(answer.json()["id"])

    def delete(self, id_: str) -> None:
        """Remove a file."""
        requests.delete(f"{self._url}/drive/v3/files/{id_}", timeout=30).raise_for_status()


def rewritten(content: bytes, **changes: Any) -> bytes:
    """Return a GeoTIFF that differs in what is named.

    ``pixels`` (an array to an array), ``names``, and what rasterio calls the parts of a profile.
    """
    with rasterio.MemoryFile(content) as memory, memory.open() as file:
        pixels, profile, names = file.read(), file.profile, file.descriptions
    change = changes.pop("pixels", lambda array: array)
    names = changes.pop("names", names)
    pixels = change(pixels)
    profile.update(count=pixels.shape[0], height=pixels.shape[1], width=pixels.shape[2], **changes)
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(pixels.astype(profile["dtype"]))
            for number, name in enumerate(names, start=1):
                file.set_band_description(number, name)
        return bytes(memory.read())


def widened(content: bytes) -> bytes:
    """Return a raster with one column more."""
    return rewritten(content, pixels=lambda array: np.pad(array, ((0, 0), (0, 0), (0, 1)), mode="edge"))


def shifted(content: bytes) -> bytes:
    """Return a raster half a pixel further east."""
    with rasterio.MemoryFile(content) as memory, memory.open() as file:
        transform = file.transform
    return rewritten(content, transform=transform @ transform.translation(0.5, 0))


WRONG: dict[str, Callable[[bytes], bytes]] = {
    "121 × 120": widened,
    "half-pixel shift": shifted,
    "VV and VH swapped": lambda content: rewritten(content, names=("VH", "VV")),
    "one band": lambda content: rewritten(content, pixels=lambda array: array[:1], names=("VV",)),
    "wrong CRS": lambda content: rewritten(content, crs="EPSG:32632"),
    "wrong dtype": lambda content: rewritten(content, dtype="float64"),
    "no GeoTIFF": lambda content: b"not a raster" + content[12:],
    "zero-filled tail": lambda content: content[: len(content) // 2] + bytes(len(content) - len(content) // 2),
}
"""Files that are not what was asked for."""

EMPTY: dict[str, Callable[[bytes], bytes]] = {
    "all NaN": lambda content: rewritten(content, pixels=lambda array: np.full_like(array, np.nan)),
    "all zero": lambda content: rewritten(content, pixels=np.zeros_like),
    "all masked": lambda content: rewritten(content, pixels=lambda array: np.full_like(array, -9999), nodata=-9999),
}
"""Files of the right form without data."""
