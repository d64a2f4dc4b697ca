"""The catalog on disk: what is in it, and how images get into it and out of it."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gee_s1ben.domain.unit import Unit
from gee_s1ben.engine.catalog import items
from gee_s1ben.engine.catalog.documents import (
    Signature,
    check_properties,
    read_object,
    read_properties,
    signature,
    storage,
    sweep,
    sync,
    write_object,
)
from gee_s1ben.engine.catalog.footprint import footprint
from gee_s1ben.engine.catalog.identifiers import check_collection_id, split_image_id
from gee_s1ben.engine.catalog.numbers import NoData
from gee_s1ben.engine.catalog.properties import catalog_id, complete, flatten, time_of
from gee_s1ben.engine.catalog.property_forms import image_properties
from gee_s1ben.engine.catalog.rasters import WrittenBand, read_numbers, survey, write_band
from gee_s1ben.engine.catalog.records import ImageRecord, confined, read_image
from gee_s1ben.engine.collector import paused_collector
from gee_s1ben.errors import CatalogError

_log = logging.getLogger(__name__)

_INCOMING = ".incoming-"
PIXELS = "catalog:crc32"
"""The property that holds the checksums of an image's pixels."""


class Catalog:
    """A folder of local scenes; make one with :meth:`open` or :meth:`create`.

    What is read is kept, and read again when its file changes: a service sees images that are added while it runs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._root = str(self.path)
        self._indexes: dict[str, tuple[Signature, frozenset[str]]] = {}
        self._images: dict[str, tuple[Signature, ImageRecord]] = {}
        self._left_out: dict[str, str] = {}
        """Image → why it cannot be read, as it was said last."""
        self._swept = False

    @classmethod
    def open(cls, path: Path) -> Catalog:
        """Open a catalog.

        Raises
        ------
        CatalogError
            There is none.
        """
        if not (path / "catalog.json").is_file():
            raise CatalogError(
                f"{path} holds no catalog of scenes (no catalog.json): make one with 'gee-s1ben catalog add' or "
                "'gee-s1ben simulate'"
            )
        read_object(path / "catalog.json")
        return cls(path)

    @classmethod
    def create(cls, path: Path) -> Catalog:
        """Open a catalog, and make an empty one first where there is none.

        Raises
        ------
        StorageError
            The folder cannot be written.
        """
        if not (path / "catalog.json").exists():
            with storage(path):
                path.mkdir(parents=True, exist_ok=True)
            catalog = cls(path)
            catalog._swept = True  # there are no collections yet
            with catalog._locked():
                if not (path / "catalog.json").exists():
                    write_object(path / "catalog.json", items.catalog_object())
        return cls.open(path)

    def collection_ids(self) -> tuple[str, ...]:
        """Ids of the collections that hold images, sorted.

        Raises
        ------
        CatalogError
            ``catalog.json`` is broken, or names what is no collection of the catalog.
        """
        found = _linked(self.path, self.path / "catalog.json", "child", "/collection.json")
        return tuple(sorted(check_collection_id(collection_id) for collection_id in found))

    def images(self, collection_id: str) -> Iterator[ImageRecord]:
        """Yield the images of a collection sorted by ``system:index``, as Earth Engine does; none if it is unknown.

        An image whose item is broken is left out, with a warning: it stops none of the others.

        Raises
        ------
        CatalogError
            The collection is broken.
        """
        records = []
        with paused_collector():
            for index in sorted(self._indexes_of(collection_id)):
                try:
                    records.append(self._image(collection_id, index))
                except CatalogError as error:
                    self._warn_of(f"{collection_id}/{index}", error)
        yield from records

    def get(self, image_id: str) -> ImageRecord | None:
        """Return an image, or None if the catalog does not have it.

        Raises
        ------
        CatalogError
            Its item is broken.
        """
        try:
            collection_id, index = split_image_id(image_id)
        except CatalogError:
            return None
        return self._image(collection_id, index) if index in self._indexes_of(collection_id) else None

    def add(
        self,
        image_id: str,
        properties: Mapping[str, Any] | Path,
        rasters: Sequence[Path],
        *,
        band_names: Sequence[str] | None = None,
        nodata: NoData | None = None,
        units: Unit | None = None,
        overwrite: bool = False,
    ) -> ImageRecord:
        """Add an image; it is there whole or not at all.

        Parameters
        ----------
        image_id : str
            Asset id that it gets, such as ``COPERNICUS/S1_GRD/<product name>``; a scene's ``.SAFE`` is left out.
        properties : mapping or Path
            Earth Engine's properties, as ``getInfo`` gives them or flat, or the JSON file that holds them.
        rasters : sequence of Path
            GeoTIFFs, all bands in one or one a band. They may be a cut-out of the image.
        band_names : sequence of str, optional
            Names of the bands in the order of the rasters.
        nodata : float or "none", optional
            Number in the rasters that stands for no data, beside what their tags say; ``none``: none does, and exact
            zeros of backscatter are data. If it is left out, these are looked at.
        units : str, optional
            What the numbers of backscatter are, ``decibel`` or ``linear`` power, after scale and offset; they are
            converted into what the collection has. If it is left out, they must look like that.
        overwrite : bool
            Whether to replace an image that is there.

        Returns
        -------
        ImageRecord
            The image as the catalog has it.

        Raises
        ------
        CatalogError
            The id, the properties or the names of the bands cannot be used, or the image is there already.
        RasterError
            A raster is unreadable, truncated or not georeferenced, or its numbers are not what the collection has.
        StorageError
            The disk is full, read-only or failing.
        """
        image_id = catalog_id(image_id)
        collection_id, index = split_image_id(image_id)
        if isinstance(properties, Path):
            properties = read_properties(properties, image_id)
        else:
            properties = image_properties(properties, image_id, image_id)
            check_properties(properties, image_id)
        flat, hints = flatten(properties)
        with self._locked():
            self._check_free(image_id, collection_id, index, overwrite=overwrite)
            sources = survey([Path(raster) for raster in rasters], band_names, hints)
            ready = complete(image_id, flat, [source.name for source in sources])
            sources = read_numbers(sources, collection_id, nodata=nodata, units=units)
            with self._incoming() as folder:
                written = [write_band(source, folder) for source in sources]
                self._commit(image_id, ready, written)
        return self._image(collection_id, index)

    def remove(self, image_id: str) -> None:
        """Remove an image and its files; nothing happens if the catalog does not have it.

        Raises
        ------
        CatalogError
            The id is none, or the collection is broken.
        StorageError
            The disk is read-only or failing.
        """
        collection_id, index = split_image_id(image_id)
        with self._locked():
            path = self._collection_path(collection_id)
            if index not in self._indexes_of(collection_id):
                return
            collection = read_object(path)
            links = [link for link in collection["links"] if link.get("href") != items.item_href(index)]
            write_object(path, collection | {"links": links})
            with storage(path.parent / index):
                shutil.rmtree(path.parent / index)

    def _commit(self, image_id: str, properties: dict[str, Any], written: Sequence[WrittenBand]) -> None:
        collection_id, index = split_image_id(image_id)
        # The incidence angles come on a coarse grid that is larger than the image.
        parts = [band.valid for band in written if band.source.name != "angle" or len(written) == 1]
        valid = [part for part in parts if part is not None]
        if not valid:
            raise CatalogError(f"{image_id}: the rasters have no valid pixel")
        ring = footprint(properties.get("system:footprint"), valid, image_id)
        given = properties.get("system:footprint") or {}
        if given.get("type") != "LinearRing" or given.get("coordinates") != ring:
            properties["system:footprint"] = {"type": "LinearRing", "coordinates": ring}
        # What is made of an image is known again by its properties: other pixels must be another image.
        properties[PIXELS] = " ".join(f"{band.source.name}:{band.crc32:08x}" for band in written)
        folder = self.path / collection_id / index
        item_path = folder / f"{index}.json"
        names = _free_names(folder, written, replacing=index in self._indexes_of(collection_id))
        by_file = dict(zip(names, written, strict=True))
        item = items.item_object(collection_id, properties, time_of(properties, image_id), ring, by_file)
        with storage(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for name, band in by_file.items():
                sync(band.path)
                band.path.replace(folder / name)
            sync(folder)
        write_object(item_path, item)
        self._link(collection_id, item)
        with storage(folder):
            for stale in folder.glob("*.tif"):
                if stale.name not in by_file:
                    stale.unlink()

    def _link(self, collection_id: str, item: dict[str, Any]) -> None:
        path = self._collection_path(collection_id)
        root = read_object(self.path / "catalog.json")
        href = f"./{collection_id}/collection.json"
        if all(link.get("href") != href for link in root["links"]):
            link = {"rel": "child", "href": href, "type": "application/json"}
            write_object(path, items.collection_object(collection_id, item))
            write_object(self.path / "catalog.json", root | {"links": [*root["links"], link]})
        write_object(path, items.linked(read_object(path), item))

    def _check_free(self, image_id: str, collection_id: str, index: str, *, overwrite: bool) -> None:
        if index in self._indexes_of(collection_id) and not overwrite:
            raise CatalogError(f"{image_id} is in the catalog already: replace it with --overwrite")
        if (self.path / image_id / "collection.json").exists():
            raise CatalogError(f"{image_id} is a collection of this catalog and cannot be an image as well")
        for parent in Path(collection_id).parents[:-1] if "/" in collection_id else ():
            self._check_no_image(parent)
        self._check_no_image(Path(collection_id))

    def _check_no_image(self, folder: Path) -> None:
        if (self.path / folder / f"{folder.name}.json").exists():
            raise CatalogError(f"{folder} is an image of this catalog and cannot be a collection as well")

    def _collection_path(self, collection_id: str) -> Path:
        return self.path / check_collection_id(collection_id) / "collection.json"

    def _indexes_of(self, collection_id: str) -> frozenset[str]:
        try:
            path = self._collection_path(collection_id)
        except CatalogError:
            return frozenset()
        seen = signature(path)
        if seen is None:
            return frozenset()
        kept = self._indexes.get(collection_id)
        if kept is None or kept[0] != seen:
            indexes = frozenset(href.split("/")[0] for href in _linked(self.path, path, "item", ".json"))
            kept = self._indexes[collection_id] = seen, indexes
        return kept[1]

    def _image(self, collection_id: str, index: str) -> ImageRecord:
        image_id = f"{collection_id}/{index}"
        path = f"{self._root}/{image_id}/{index}.json"
        seen = signature(path)
        kept = self._images.get(image_id)
        if kept is None or kept[0] != seen or seen is None:
            split_image_id(image_id)
            kept = self._images[image_id] = seen or (0, 0, 0), read_image(Path(path), self.path)
        return kept[1]

    def _warn_of(self, image_id: str, error: CatalogError) -> None:
        """Say why an image is left out; again only when the reason is another."""
        if self._left_out.get(image_id) != str(error):
            self._left_out[image_id] = str(error)
            _log.warning("%s is left out of its collection: %s", image_id, error)

    @contextlib.contextmanager
    def _incoming(self) -> Iterator[Path]:
        """A folder inside the catalog, so that a rename suffices; those of killed runs are swept."""
        with storage(self.path):
            for leftover in self.path.glob(f"{_INCOMING}*"):
                shutil.rmtree(leftover)
            folder = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self.path))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what killed writers left beside the catalog's documents; the lock is held."""
        if not self._swept:
            self._swept = True
            with storage(self.path):
                for folder in (self.path, *(self.path / collection for collection in self.collection_ids())):
                    sweep(folder)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time change the catalog; the lock falls when its process does."""
        import fcntl

        with storage(self.path):
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._sweep()
            yield
        finally:
            os.close(handle)


def _linked(root: Path, path: Path, rel: str, ending: str) -> list[str]:
    """Targets of the links of a kind, without their leading ``./`` and their ending."""
    confined(path, root)
    try:
        hrefs = [str(link["href"]) for link in read_object(path)["links"] if link["rel"] == rel]
    except (KeyError, TypeError) as error:
        raise CatalogError(f"{path} is not a STAC object with links: make the catalog again") from error
    return [href.removeprefix("./").removesuffix(ending) for href in hrefs]


def _free_names(folder: Path, written: Sequence[WrittenBand], *, replacing: bool) -> list[str]:
    """File names beside those in use: an image that is being replaced stays readable until it is."""
    for version in range(1, 10_000):
        names = [f"{band.source.name}{f'.{version}' * (version > 1)}.tif" for band in written]
        if not replacing or not any((folder / name).exists() for name in names):
            return names
    raise CatalogError(f"{folder} is full of old rasters: remove them")
