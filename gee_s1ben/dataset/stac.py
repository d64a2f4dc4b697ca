"""A static STAC catalog of a dataset, made with pystac: a collection, a catalog a target, an item a patch or a pass.

STAC 1.1.0 with the sar, sat, view, projection, raster, file and processing extensions, in the versions that pystac
knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pystac
from pystac.extensions.file import FileExtension
from pystac.extensions.sar import SarExtension
from pystac.extensions.sat import SatExtension
from pystac.extensions.view import ViewExtension

from gee_s1ben.dataset.contents import Contents
from gee_s1ben.dataset.manifest import PROVENANCE
from gee_s1ben.dataset.patch_facts import PatchFacts
from gee_s1ben.dataset.stac_items import PARQUET, PROCESSING, PassGroup, pass_item, patch_item, spanned
from gee_s1ben.dataset.wording import collection_id, description, lineage, software, title
from gee_s1ben.domain.antimeridian import Extent

ItemKind = Literal["patch", "tile"]
"""What an item stands for: a patch, or all patches that a target got from one pass."""


def stac_path(root: Path) -> Path:
    """Folder of the catalog."""
    return root / PROVENANCE / "stac"


class StacWriter:
    """Writes the catalog into an empty folder, a target after the other, so that memory holds the links of one."""

    def __init__(self, folder: Path, contents: Contents, kind: ItemKind) -> None:
        self._folder, self._contents, self._kind = folder, contents, kind
        self._target: str | None = None
        self._hrefs: list[tuple[str, str]] = []
        self._groups: dict[str, PassGroup] = {}
        self._targets: list[str] = []
        self._extent = Extent()
        self._span: tuple[datetime, datetime] | None = None
        self._summaries: dict[str, set[Any]] = {
            "platform": set(),
            "sat:orbit_state": set(),
            "sat:relative_orbit": set(),
        }
        self._angles: tuple[float, float] | None = None
        self.items = 0

    def append(self, one: PatchFacts) -> None:
        """Add a patch; patches come in order of target."""
        row = one.patch.row
        if row.target != self._target:
            self._close_target()
            self._target = row.target
        self._extent.add(one.bbox)
        self._span = spanned(self._span, one.sensed)
        self._summaries["platform"].add(one.platform)
        self._summaries["sat:orbit_state"].add(row.orbit_direction)
        self._summaries["sat:relative_orbit"].add(row.relative_orbit)
        if (angle := row.incidence_angle) is not None:
            least, most = self._angles or (angle, angle)
            self._angles = min(least, angle), max(most, angle)
        if self._kind == "patch":
            href = f"{row.row:02d}/{row.name}.json"
            self._write_item(patch_item(one, self._contents), href, up="../../", catalog="../catalog.json")
        else:
            self._groups.setdefault(row.pass_key, PassGroup(one)).add(one)

    def finish(self, table: Path) -> None:
        """Write the collection, which links the table of patches, and close."""
        self._close_target()
        self._write("collection.json", self._collection(table))

    def _close_target(self) -> None:
        if self._target is None:
            return
        for key, group in sorted(self._groups.items()):
            item = pass_item(self._target, key, group, self._contents)
            self._write_item(item, f"{item.id}.json", up="../", catalog="catalog.json")
        self._groups.clear()
        target = pystac.Catalog(self._target, f"{title(self._contents)} for {self._target}.")
        for rel, href in (("root", "../collection.json"), ("parent", "../collection.json")):
            target.add_link(pystac.Link(rel, href, pystac.MediaType.JSON))
        text = _plain(target)
        text["links"] += [
            {"rel": "item", "href": f"./{href}", "type": "application/geo+json", "title": name}
            for name, href in self._hrefs
        ]
        self._write(f"{self._target}/catalog.json", text)
        self._hrefs.clear()
        self._targets.append(self._target)

    def _write_item(self, item: pystac.Item, href: str, *, up: str, catalog: str) -> None:
        collection = f"{up}collection.json"
        item.collection_id = collection_id(self._contents)
        for rel, to in (("root", collection), ("collection", collection), ("parent", catalog)):
            item.add_link(pystac.Link(rel, to, pystac.MediaType.JSON))
        self._write(f"{self._target}/{href}", _plain(item))
        self._hrefs.append((item.id, href))
        self.items += 1

    def _write(self, href: str, value: Mapping[str, Any]) -> None:
        # All of it lies in a folder that appears when it is complete, so no file has to be written with care.
        path = self._folder / href
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")

    def _collection(self, table: Path) -> dict[str, Any]:
        contents = self._contents
        extent = pystac.Extent(
            pystac.SpatialExtent([list(self._extent.box)]), pystac.TemporalExtent([list(self._span or (None, None))])
        )
        collection = pystac.Collection(
            collection_id(contents),
            description(contents),
            extent,
            title=title(contents),
            license="other",
            keywords=["sentinel-1", "sar", "bigearthnet", "patches", *(["simulated"] if contents.simulated else [])],
            providers=_providers(contents),
        )
        collection.summaries = pystac.Summaries(
            {name: sorted(values) for name, values in self._summaries.items()}
            | {"sar:polarizations": [list(contents.polarisations)], "processing:software": [software(contents)]}
        )
        collection.stac_extensions = [
            SarExtension.get_schema_uri(),
            SatExtension.get_schema_uri(),
            FileExtension.get_schema_uri(),
            PROCESSING,
        ]
        if self._angles is not None:
            collection.summaries.add("view:incidence_angle", pystac.RangeSummary(*self._angles))
            collection.stac_extensions.append(ViewExtension.get_schema_uri())
        collection.add_link(pystac.Link("root", "./collection.json", pystac.MediaType.JSON))
        collection.add_asset(
            "patches", _file_asset(table, "../patches.parquet", PARQUET, ["metadata"], "Table of patches")
        )
        for name, media, about in (
            ("manifest.sha256", "text/plain", "SHA-256 of every file outside provenance/"),
            ("dataset.json", "application/json", "From what it was made"),
        ):
            path = contents.root / PROVENANCE / name
            collection.add_asset(name.partition(".")[0], _file_asset(path, f"../{name}", media, ["metadata"], about))
        text = _plain(collection)
        text["links"] += [
            {"rel": "child", "href": f"./{target}/catalog.json", "type": "application/json", "title": target}
            for target in self._targets
        ]
        return text


def _providers(contents: Contents) -> list[pystac.Provider]:
    maker = pystac.Provider(
        "gee-s1ben",
        "The program that made the patches.",
        [pystac.ProviderRole.PROCESSOR],
        extra_fields={"processing:lineage": lineage(contents), "processing:software": software(contents)},
    )
    if contents.simulated:
        return [maker]
    source = pystac.Provider(
        "Copernicus", "European Union, ESA.", [pystac.ProviderRole.PRODUCER], "https://sentinels.copernicus.eu"
    )
    return [source, maker]


def _file_asset(path: Path, href: str, media: str, roles: list[str], about: str) -> pystac.Asset:
    return pystac.Asset(href, about, media_type=media, roles=roles, extra_fields={"file:size": path.stat().st_size})


def _plain(value: pystac.STACObject) -> dict[str, Any]:
    return value.to_dict(include_self_link=False, transform_hrefs=False)
