"""Properties in the forms that people have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from gee_s1ben.engine.catalog import Catalog, read_properties
from gee_s1ben.engine.catalog.property_forms import image_properties
from gee_s1ben.errors import CatalogError

NAME = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
ID = f"COPERNICUS/S1_GRD/{NAME}"
MS = 1497372643000
FLAT = {
    "system:index": NAME, "system:time_start": MS, "instrumentMode": "IW", "orbitNumber_start": 17018,
    "relativeOrbitNumber_start": 146, "orbitProperties_pass": "ASCENDING", "platform_number": "A",
    "transmitterReceiverPolarisation": ["VV", "VH"], "resolution_meters": 10,
}  # fmt: skip
DOUBLE = {"type": "PixelType", "precision": "double"}
IMAGE = {
    "type": "Image", "id": ID, "version": 7,
    "bands": [{"id": "VV", "data_type": DOUBLE}, {"id": "VH", "data_type": DOUBLE}], "properties": FLAT,
}  # fmt: skip
OTHER = IMAGE | {"id": f"{ID[:-4]}0000", "properties": FLAT | {"system:index": f"{NAME[:-4]}0000", "x": 1}}
STAMPED = FLAT | {
    # What geemap's image_props makes of the same image.
    "system:time_start": "2017-06-13 16:50:43", "system:time_end": "2017-06-13 16:50:43", "IMAGE_DATE": "2017-06-13",
    "NOMINAL_SCALE": 10, "system:asset_size": "4068.315129 MB", "system:id": ID, "system:band_names": ["VV", "VH"],
}  # fmt: skip
ASSET = {
    # As ee.data.getAsset has it.
    "type": "IMAGE", "name": f"projects/earthengine-public/assets/{ID}", "id": ID, "startTime": "2017-06-13T16:50:43Z",
    "bands": [{"id": "VV", "dataType": {"precision": "DOUBLE"}}, {"id": "VH", "dataType": {"precision": "DOUBLE"}}],
    "properties": {key: value for key, value in FLAT.items() if not key.startswith("system:")},
}  # fmt: skip
STAC = {
    "type": "Feature", "stac_version": "1.0.0", "id": NAME, "bbox": [0, 0, 1, 1],
    "properties": {
        "datetime": "2017-06-13T16:50:55.500Z", "start_datetime": "2017-06-13T16:50:43Z", "platform": "sentinel-1a",
        "sat:orbit_state": "ascending", "sat:relative_orbit": 146, "sat:absolute_orbit": 17018,
        "sar:instrument_mode": "IW", "sar:polarizations": ["VV", "VH"],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        FLAT,
        IMAGE,
        [IMAGE],
        [[FLAT]],
        ASSET,
        STAMPED,
        STAC,
        {"properties": FLAT},
        {"type": "Feature", "id": NAME, "geometry": None, "properties": FLAT},
        {"type": "ImageCollection", "id": "COPERNICUS/S1_GRD", "bands": [], "features": [OTHER, IMAGE]},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "id": "0", "properties": FLAT}]},
        {"images": [OTHER, ASSET]},
        FLAT | {"system:time_start": "2017-06-13T18:50:43+02:00"},
        FLAT | {"system:time_start": {"type": "Date", "value": MS}},
        FLAT | {"system:time_start": str(MS), "orbitNumber_start": "17018", "relativeOrbitNumber_start": "146.0"},
        {key: value for key, value in FLAT.items() if key != "relativeOrbitNumber_start"},
    ],
)
def test_every_form_says_the_same(value: Any) -> None:
    found = image_properties(value, ID, "file")
    found = found.get("properties", found)
    wanted = {key: value for key, value in FLAT.items() if not key.startswith("system:index")}
    if value is STAC:
        del wanted["resolution_meters"]
    assert {key: found.get(key) for key in wanted} == wanted


@pytest.mark.parametrize("value", [IMAGE, ASSET, [OTHER, IMAGE], STAMPED])
def test_an_image_is_added_from_each(tmp_path: Path, value: Any) -> None:
    raster, about = tmp_path / "raster.tif", tmp_path / "about.json"
    about.write_text(json.dumps(value), "utf-8-sig")
    with rasterio.open(
        raster, "w", driver="GTiff", dtype="float32", count=2, width=4, height=3, crs="EPSG:32633",
        transform=Affine(10, 0, 384000, 0, -10, 5342400),
    ) as file:  # fmt: skip
        file.write(np.full((2, 3, 4), -10, np.float32))
    image = Catalog.create(tmp_path / "catalog").add(ID, about, [raster])
    assert [band.name for band in image.bands] == ["VV", "VH"]
    assert image.properties["system:time_start"] == MS
    assert "x" not in image.properties
    # Earth Engine computes in double where it says so, whatever the export was narrowed to.
    assert {band.data_type for band in image.bands} == {"float" if value is STAMPED else "double"}


def test_what_looks_like_a_number_and_is_a_text_stays_one() -> None:
    about = FLAT | {"GRD_Post_Processing_software_version": "003.20", "sliceProductFlag": "true"}
    assert image_properties(about, ID, "file") == about


def test_a_footprint_beside_the_properties_is_taken() -> None:
    ring = {"type": "Polygon", "coordinates": [[[13, 48], [14, 48], [14, 49], [13, 48]]]}
    found = image_properties({"type": "Feature", "geometry": ring, "properties": FLAT}, ID, "file")
    assert found["system:footprint"] == ring


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "holds no image"),
        ({"type": "ImageCollection", "features": []}, "holds no image"),
        ({"type": "ImageCollection", "bands": []}, "none of its images"),
        ([OTHER, OTHER | {"id": "x"}], f"2 images, of which none is '{NAME}': {NAME[:-4]}0000, {NAME[:-4]}0000"),
        ([IMAGE, IMAGE], "of which 2 is"),
        ([FLAT | {"system:index": str(number)} for number in range(9)], "and 4 more"),
        ([1], "one JSON object"),
        ("text", "one JSON object"),
        ([[[[[FLAT]]]]], "one JSON object"),
        (FLAT | {"system:time_start": "13.06.2017"}, "not milliseconds since 1970 UTC or a date and time"),
        (FLAT | {"system:time_start": "2017-06-13"}, "not milliseconds"),
        (FLAT | {"system:time_start": "1497372643"}, "not milliseconds"),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(value: Any, words: str) -> None:
    with pytest.raises(CatalogError) as caught:
        image_properties(value, ID, "file")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_what_python_prints_is_named(tmp_path: Path) -> None:
    path = tmp_path / "about.json"
    path.write_text(str(FLAT))
    with pytest.raises(CatalogError, match=r"json\.dump"):
        read_properties(path)
