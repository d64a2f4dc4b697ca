"""What tests of exports share: requests, waiting, and Google's own clients on the embedded service."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import google.auth.credentials
import numpy as np
import rasterio

GRID = {
    "crsCode": "EPSG:32633",
    "affineTransform": {"scaleX": 10, "translateX": 399_000, "scaleY": -10, "translateY": 5_501_000},
    "dimensions": {"width": 700, "height": 600},
}
"""Ten times as fine as the small scenes, and beginning outside of the first: a part is masked."""
PIXELS = 700 * 600
CONSTANT = {
    "result": "0",
    "values": {
        "0": {
            "functionInvocationValue": {
                "functionName": "Image.constant",
                "arguments": {"value": {"constantValue": 7}},
            }
        }
    },
}
SMALL = {**GRID, "dimensions": {"width": 4, "height": 3}}


def storage_body(expression: Any, prefix: str = "pre/fix", bucket: str = "bucket-a", **options: Any) -> dict[str, Any]:
    """An ``ExportImageRequest`` to Cloud Storage; options that are not GeoTIFF's go to the request."""
    return _body(expression, {"cloudStorageDestination": {"bucket": bucket, "filenamePrefix": prefix}}, options)


def drive_body(
    expression: Any, prefix: str = "prefix", folder: str | None = "exports", **options: Any
) -> dict[str, Any]:
    """An ``ExportImageRequest`` to Drive."""
    destination = {"filenamePrefix": prefix, **({"folder": folder} if folder else {})}
    return _body(expression, {"driveDestination": destination}, options)


def _body(expression: Any, destination: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    geotiff = {
        name: options.pop(name)
        for name in ("tileDimensions", "tileSize", "skipEmptyFiles", "cloudOptimized", "noData")
        if name in options
    }
    return {
        "expression": expression,
        "description": "description",
        "grid": GRID,
        "maxPixels": {"value": str(PIXELS)},
        "fileExportOptions": {"fileFormat": "GEO_TIFF", **destination, "geoTiffOptions": geotiff},
        **options,
    }


def ended(ee: Any, *names: str) -> list[dict[str, Any]]:
    """Wait until operations are over; return them as the client tells of them."""
    for _ in range(6000):
        found = [ee.data.getOperation(name) for name in names]
        if all(one.get("done") for one in found):
            return found
        time.sleep(0.01)
    raise AssertionError(f"still not over: {found}")


def storage(url: str) -> Any:
    """The google-cloud-storage client."""
    from google.cloud import storage as cloud_storage

    return cloud_storage.Client(project="embedded", credentials=_anonymous(), client_options={"api_endpoint": url})


def drive(url: str) -> Any:
    """The Drive client, by the discovery document that it ships."""
    from googleapiclient.discovery import build

    return build(
        "drive",
        "v3",
        credentials=_anonymous(),
        static_discovery=True,
        client_options={"api_endpoint": f"{url}/drive/v3/"},
    )


def _anonymous() -> Any:
    return google.auth.credentials.AnonymousCredentials()  # type: ignore[no-untyped-call]


def pasted(files: dict[str, bytes], shape: tuple[int, int, int], fill: float = np.nan) -> np.ndarray:
    """Paste files together by their georeferencing alone; each pixel may be written once."""
    west, north = GRID["affineTransform"]["translateX"], GRID["affineTransform"]["translateY"]  # type: ignore[index]
    whole = np.full(shape, fill, np.float32)
    times = np.zeros(shape[1:], int)
    for data in files.values():
        with rasterio.MemoryFile(data) as memory, memory.open() as file:
            assert file.crs == "EPSG:32633"
            assert (file.transform.a, file.transform.e) == (10, -10)
            col, row = (file.transform.c - west) / 10, (north - file.transform.f) / 10
            assert (col, row) == (int(col), int(row))
            place = np.s_[int(row) : int(row) + file.height, int(col) : int(col) + file.width]
            whole[(slice(None), *place)] = file.read()
            times[place] += 1
    assert times.max() <= 1
    return whole


def folder_of(path: Path) -> set[str]:
    """The files below a folder, by their relative paths."""
    return {one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file()}
