"""Where a patch lies and what lies beside it, in BigEarthNet v1 and v2."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Literal, Protocol

import pyproj

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S1PatchName, check_image_index
from gee_s1ben.errors import InputError

LayoutVersion = Literal["v1", "v2"]

_END_OF_GEOGCS = re.compile(r',AUTHORITY\["EPSG","[0-9]+"\]\],PROJECTION\[')


@dataclass(frozen=True, slots=True)
class PatchRecord:
    """What is known of a patch when it is written."""

    name: S1PatchName
    """Its name, after the scene that covers most of it."""
    grid: Grid
    """Its exact grid."""
    scene: str
    """Full name (``system:index``) of the scene it is named after."""
    scenes: tuple[str, ...]
    """Full names of all scenes with pixels in it."""
    s2_patch: str
    """Name of the corresponding Sentinel-2 patch."""
    acquired: datetime
    """Start of the scene, UTC."""
    target_key: str
    """The target it belongs to, ``33UUP_20170613T101031``."""
    col: int
    """Column in the target, from the west."""
    row: int
    """Row in the target, from the north."""
    labels: tuple[str, ...] = ()
    """Land-cover classes of the 43-class nomenclature, where known."""

    def __post_init__(self) -> None:
        for scene in (self.scene, *self.scenes):
            check_image_index(scene)
        if self.scene not in self.scenes:
            raise InputError(f"patch {self.name}: scene {self.scene} is not among its sources")
        if self.acquired.utcoffset() != timedelta(0):
            raise InputError(f"patch {self.name}: the time {self.acquired!r} is not in UTC")
        if (self.col, self.row) != (self.name.col, self.name.row):
            raise InputError(f"patch {self.name}: column {self.col}, row {self.row} contradict its name")


class Layout(Protocol):
    """Paths and companions of a patch."""

    @property
    def version(self) -> LayoutVersion:
        """The BigEarthNet version it follows."""
        ...

    @property
    def top(self) -> str:
        """Folder under the dataset's root that holds all patch folders."""
        ...

    def parent(self, name: S1PatchName) -> str:
        """Folder that holds the folder of a patch, relative to the dataset's root."""
        ...

    def folder(self, name: S1PatchName) -> PurePosixPath:
        """Folder of a patch, relative to the dataset's root."""
        ...

    def companions(self, record: PatchRecord) -> Mapping[str, bytes]:
        """Files that stand beside the rasters, by name."""
        ...

    def files(self, name: S1PatchName, polarisations: Iterable[str]) -> tuple[str, ...]:
        """Names of all files of a patch folder, sorted."""
        ...


def raster_name(name: S1PatchName, polarisation: str) -> str:
    """File name of one polarisation of a patch."""
    return f"{name}_{polarisation}.tif"


@dataclass(frozen=True, slots=True)
class LayoutV1:
    """``BigEarthNet-S1-v1.0/<s1_name>/`` with two rasters and a JSON file."""

    version: LayoutVersion = "v1"
    top: str = "BigEarthNet-S1-v1.0"

    def parent(self, name: S1PatchName) -> str:  # noqa: ARG002  the protocol's
        """Folder that holds the folder of a patch, relative to the dataset's root: the same for all."""
        return self.top

    def folder(self, name: S1PatchName) -> PurePosixPath:
        """Folder of a patch, relative to the dataset's root."""
        return PurePosixPath(self.top, str(name))

    def companions(self, record: PatchRecord) -> Mapping[str, bytes]:
        """``<s1_name>_labels_metadata.json``."""
        return {_metadata_name(record.name): metadata_json(record).encode("ascii")}

    def files(self, name: S1PatchName, polarisations: Iterable[str]) -> tuple[str, ...]:
        """Names of all files of a patch folder, sorted."""
        return tuple(sorted([*(raster_name(name, item) for item in polarisations), _metadata_name(name)]))


@dataclass(frozen=True, slots=True)
class LayoutV2:
    """``BigEarthNet-S1/<scene>/<s1_name>/`` with nothing but rasters."""

    version: LayoutVersion = "v2"
    top: str = "BigEarthNet-S1"

    def parent(self, name: S1PatchName) -> str:
        """Folder that holds the folder of a patch, relative to the dataset's root: one for each scene."""
        return f"{self.top}/{name.scene}"

    def folder(self, name: S1PatchName) -> PurePosixPath:
        """Folder of a patch, relative to the dataset's root."""
        return PurePosixPath(self.top, name.scene, str(name))

    def companions(self, record: PatchRecord) -> Mapping[str, bytes]:  # noqa: ARG002  the protocol's
        """Return no files."""
        return {}

    def files(self, name: S1PatchName, polarisations: Iterable[str]) -> tuple[str, ...]:
        """Names of all files of a patch folder, sorted."""
        return tuple(sorted(raster_name(name, item) for item in polarisations))


def layout(version: LayoutVersion) -> Layout:
    """Return the layout of a BigEarthNet version.

    Raises
    ------
    InputError
        There is no such version.
    """
    if version == "v1":
        return LayoutV1()
    if version == "v2":
        return LayoutV2()
    raise InputError(f"there is no layout {version!r}, only v1 and v2")


def metadata_json(record: PatchRecord) -> str:
    """Text of a v1 patch's ``_labels_metadata.json``: one line, without a newline, keys as published.

    ``lly`` is the published slip for ``lry``; readers expect it.
    """
    west, south, east, north = (json.dumps(_plain(value)) for value in record.grid.bounds)
    # Part by part, because the projection, most of the text and the same for a whole zone, is made only once.
    return (
        f'{{"labels": {json.dumps(record.labels)}, '
        f'"coordinates": {{"ulx": {west}, "uly": {north}, "lrx": {east}, "lly": {south}}}, '
        f'"projection": {_projection_json(record.grid.crs)}, '
        f'"corresponding_s2_patch": {json.dumps(record.s2_patch)}, "scene_source": {json.dumps(record.scene)}, '
        f'"acquisition_time": "{record.acquired.replace(tzinfo=None, microsecond=0).isoformat()}"}}'
    )


def _metadata_name(name: S1PatchName) -> str:
    return f"{name}_labels_metadata.json"


def _plain(value: float) -> int | float:
    """A whole number of metres is written without a decimal point, as published."""
    return int(value) if float(value).is_integer() else float(value)


@lru_cache(maxsize=64)
def _projection_json(crs: str) -> str:
    """WKT1, quoted, as published: with the axes of the geographic part, which PROJ leaves out."""
    try:
        wkt = str(pyproj.CRS.from_user_input(crs).to_wkt("WKT1_GDAL"))
    except pyproj.exceptions.CRSError as error:
        raise InputError(f"the coordinate reference system {crs[:80]!r} has no WKT1 form") from error
    axes = ',AXIS["Latitude",NORTH],AXIS["Longitude",EAST]'
    return json.dumps(_END_OF_GEOGCS.sub(lambda end: axes + end[0], wkt, count=1))
