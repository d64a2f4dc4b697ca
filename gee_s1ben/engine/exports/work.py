"""What running an operation means: compute, write files, hand them to their destination."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.algorithms.image_bounds import pixel_bounds, whole_pixels
from gee_s1ben.engine.collector import paused_collector
from gee_s1ben.engine.evaluator import evaluate
from gee_s1ben.engine.exports.buckets import Buckets, check_object_name
from gee_s1ben.engine.exports.contents import Content, Contents
from gee_s1ben.engine.exports.drive import ROOT, Drive
from gee_s1ben.engine.exports.raster import check_pixels, shard_name, write_rasters
from gee_s1ben.engine.exports.request import CloudStorageDestination, ExportRequest
from gee_s1ben.engine.exports.room import full_disk_errors
from gee_s1ben.engine.expression import decode
from gee_s1ben.engine.features import FOOTPRINT, as_geometry
from gee_s1ben.engine.registry import Context
from gee_s1ben.engine.values import Image, Projection
from gee_s1ben.errors import EngineError

MEDIA_TYPE = "image/tiff"
Tell = Callable[[int, int], None]
"""Is told pixels done and pixels wanted, and may raise to stop the work."""


class StoppedError(Exception):
    """The operation was cancelled, or the service stops."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an operation computed, not yet where it shall be."""

    pixels: int
    files: tuple[tuple[str, Content], ...]
    """Names, and contents that nothing refers to yet."""


class Work(Protocol):
    """What the queue does with an operation; either part may raise ``EngineError`` to fail it."""

    def prepare(self, request: ExportRequest, tell: Tell) -> Prepared:
        """Compute; takes long, and holds no lock."""

    def deliver(self, request: ExportRequest, prepared: Prepared, now: float) -> tuple[str, ...]:
        """Put the files where they shall be, inside of the transaction that ends the operation; return its URIs."""

    def discard(self, prepared: Prepared) -> None:
        """Forget what is not delivered."""


@dataclass(frozen=True, slots=True)
class Exporting:
    """The work on Earth Engine: an image becomes GeoTIFF files in Drive or Cloud Storage."""

    context: Context
    contents: Contents
    buckets: Buckets
    drive: Drive
    renders: bool = True

    def prepare(self, request: ExportRequest, tell: Tell) -> Prepared:
        """Compute the files of a request.

        Raises
        ------
        EngineError
            The request cannot be computed as it is.
        FullDiskError
            There is no room on the disk; nothing is left of what was written.
        """
        destination = request.destination
        if isinstance(destination, CloudStorageDestination):
            check_object_name(f"{destination.prefix}-0000000000-0000000000.tif")
            if not self.buckets.exists(destination.bucket):
                raise EngineError(f"Unable to write to bucket {destination.bucket} (permission denied).")
        if not self.renders:
            if request.grid is not None:
                check_pixels(request.grid, request.max_pixels)
            return Prepared(request.grid.width * request.grid.height if request.grid else 0, ())
        image, grid = self._image(request)
        check_pixels(grid, request.max_pixels)
        with full_disk_errors():
            shards, only = write_rasters(image, grid, request.options, self.contents.new, tell)
            try:
                named = tuple(
                    (shard_name(destination.prefix, shard, only=only), self.contents.seal(shard.path))
                    for shard in shards
                )
            except BaseException:
                self.contents.remove(*(shard.path.name for shard in shards))
                raise
        return Prepared(grid.width * grid.height, named)

    def _image(self, request: ExportRequest) -> tuple[Image, Grid]:
        with paused_collector():
            image = evaluate(decode(request.expression), self.context)
        if not isinstance(image, Image):
            raise EngineError("The expression of an image export does not evaluate to an Image.")
        if not image.bands:
            raise EngineError("Image.select, argument 'input': Invalid type. The exported image has no bands.")
        if request.grid is not None:
            return image, request.grid
        projection, size = _own_pixels(image)
        return image, Grid(projection.crs, projection.transform, *size)

    def deliver(self, request: ExportRequest, prepared: Prepared, now: float) -> tuple[str, ...]:
        """Store the files; returns Earth Engine's links to a folder of Drive or of a bucket."""
        destination = request.destination
        if isinstance(destination, CloudStorageDestination):
            for name, content in prepared.files:
                self.buckets.put(destination.bucket, name, content, MEDIA_TYPE, now)
            folder, slash, _ = destination.prefix.rpartition("/")
            return (f"https://console.developers.google.com/storage/browser/{destination.bucket}/{folder}{slash}",)
        parent = ROOT if destination.folder is None else self.drive.folder(destination.folder, now)
        for name, content in prepared.files:
            self.drive.create(name, MEDIA_TYPE, parent, content, now)
        return (f"https://drive.google.com/#folders/{parent}",)

    def discard(self, prepared: Prepared) -> None:
        """Remove files that reached no destination."""
        self.contents.remove(*(content.id for _, content in prepared.files))


def _own_pixels(image: Image) -> tuple[Projection, tuple[int, int]]:
    """Return where an image's own pixels lie: those of its first band, or those that its footprint touches.

    Raises
    ------
    EngineError
        It is everywhere.
    """
    band = image.bands[0]
    if band.dimensions is not None:
        return band.projection, band.dimensions
    footprint = as_geometry(image.properties.get(FOOTPRINT))
    if footprint is None:
        raise EngineError("Unable to export unbounded image.")
    return whole_pixels(band.projection, pixel_bounds(footprint, band.projection))
