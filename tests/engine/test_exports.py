"""Exports through the unmodified Earth Engine client: pixels, files, operations, tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from exports_client import GRID, PIXELS, SMALL, drive, drive_body, ended, pasted, storage, storage_body

from gee_s1ben.engine.exports import QueueSettings
from gee_s1ben.engine.service import serving
from gee_s1ben.session.connection import connected

ID = "COPERNICUS/S1_GRD/A_first"
SHAPE = (2, 600, 700)


@pytest.fixture(scope="module")
def service(small_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """The client on a service that exports, and the service's address."""
    import ee

    folder = tmp_path_factory.mktemp("exports") / "exports"
    settings = QueueSettings(buckets=("bucket-a",))
    with serving(small_catalog, exports=folder, settings=settings) as url, connected(url, "embedded"):
        yield ee, url


def done(ee: Any, body: dict[str, Any], request_id: str = "") -> dict[str, Any]:
    (operation,) = ended(ee, ee.data.exportImage(request_id, body)["name"])
    return operation


def failed(ee: Any, body: dict[str, Any]) -> str:
    operation = done(ee, body)
    assert operation["metadata"]["state"] == "FAILED"
    assert operation["error"]["code"] == 3
    return str(operation["error"]["message"])


def objects(url: str, prefix: str) -> dict[str, bytes]:
    return {blob.name: blob.download_as_bytes() for blob in storage(url).list_blobs("bucket-a", prefix=prefix)}


def computed(ee: Any, image: Any, masked: float = np.nan) -> np.ndarray:
    """What computePixels says, with its zeros under the mask replaced."""
    array = ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": GRID})
    mask = ee.data.computePixels({"expression": image.mask(), "fileFormat": "NUMPY_NDARRAY", "grid": GRID})
    return np.stack([np.where(mask[name] > 0, array[name], np.float32(masked)) for name in array.dtype.names])


def test_one_file_with_the_pixels_that_compute_pixels_gives(service: Any) -> None:
    ee, url = service
    image = ee.Image(ID)
    operation = done(ee, storage_body(image, "whole/raster"))
    assert operation["metadata"]["destinationUris"] == [
        "https://console.developers.google.com/storage/browser/bucket-a/whole/"
    ]
    files = objects(url, "whole/")
    assert list(files) == ["whole/raster.tif"]
    expected = computed(ee, image)
    assert np.isnan(expected).any()
    assert np.isfinite(expected).any()
    np.testing.assert_array_equal(pasted(files, SHAPE), expected)
    with rasterio.MemoryFile(files["whole/raster.tif"]) as memory, memory.open() as file:
        assert file.descriptions == ("VV", "VH")
        assert file.dtypes == ("float32", "float32")
        assert file.nodata is None
        assert file.tags()["AREA_OR_POINT"] == "Area"


def test_shards_cover_the_raster_once_and_are_named_by_their_first_pixel(service: Any) -> None:
    ee, url = service
    image = ee.Image(ID)
    done(ee, storage_body(image, "shards/x", tileDimensions={"width": 512, "height": 256}))
    files = objects(url, "shards/")
    assert list(files) == [f"shards/x-{row:010d}-{col:010d}.tif" for row in (0, 256, 512) for col in (0, 512)]
    np.testing.assert_array_equal(pasted(files, SHAPE), computed(ee, image))


def test_pixels_do_not_depend_on_how_the_raster_is_cut(service: Any) -> None:
    ee, url = service
    image = ee.Image(ID).resample().reduceNeighborhood(ee.Reducer.mean(), ee.Kernel.square(2)).toFloat()
    done(ee, storage_body(image, "cut/whole"))
    done(ee, storage_body(image, "cut/pieces", tileDimensions={"width": 256, "height": 512}))
    whole, pieces = (pasted(objects(url, prefix), SHAPE) for prefix in ("cut/whole", "cut/pieces"))
    np.testing.assert_array_equal(whole, pieces)
    for col, row, width, height in ((0, 0, 120, 120), (129, 77, 333, 41), (419, 595, 281, 5)):
        affine = {**GRID["affineTransform"], "translateX": 399_000 + 10 * col, "translateY": 5_501_000 - 10 * row}
        window = {**GRID, "affineTransform": affine, "dimensions": {"width": width, "height": height}}
        array = ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": window})
        part = np.nan_to_num(whole[:, row : row + height, col : col + width])
        np.testing.assert_array_equal(part, np.stack([array[name] for name in array.dtype.names]))


def test_files_without_a_single_pixel_can_be_left_away(service: Any) -> None:
    ee, url = service
    far = {**GRID, "affineTransform": {**GRID["affineTransform"], "translateX": 399_000 - 2_560}}
    options = {"grid": far, "tileDimensions": {"width": 256, "height": 256}}
    done(ee, storage_body(ee.Image(ID), "all/x", **options))
    done(ee, storage_body(ee.Image(ID), "some/x", skipEmptyFiles=True, **options))
    everything, some = objects(url, "all/"), objects(url, "some/")
    assert len(everything) == 9
    empty = set()
    for name, data in everything.items():
        with rasterio.MemoryFile(data) as memory, memory.open() as file:
            if np.isnan(file.read()).all():
                empty.add(name.replace("all/", "some/"))
    assert 0 < len(empty) < 9
    assert set(some) == {name.replace("all/", "some/") for name in everything} - empty


@pytest.mark.parametrize("cloud_optimized", [False, True])
def test_no_data_is_written_where_pixels_are_masked(service: Any, cloud_optimized: bool) -> None:
    ee, url = service
    prefix = f"no-data-{cloud_optimized}"
    done(ee, storage_body(ee.Image(ID), prefix, noData={"floatValue": -9999}, cloudOptimized=cloud_optimized))
    files = objects(url, prefix)
    np.testing.assert_array_equal(pasted(files, SHAPE), computed(ee, ee.Image(ID), -9999))
    with rasterio.MemoryFile(files[f"{prefix}.tif"]) as memory, memory.open() as file:
        assert file.nodata == -9999
        assert file.descriptions == ("VV", "VH")
        assert bool(file.overviews(1)) == cloud_optimized
        assert (file.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG") == cloud_optimized


def test_masked_integers_are_zero(service: Any) -> None:
    ee, url = service
    done(ee, storage_body(ee.Image(ID).select(0).gt(-100).multiply(5).toByte(), "integers"))
    with rasterio.MemoryFile(objects(url, "integers")["integers.tif"]) as memory, memory.open() as file:
        assert file.dtypes == ("uint8",)
        assert set(np.unique(file.read())) == {0, 5}


def test_an_export_says_what_the_issue_wants_to_know(service: Any) -> None:
    ee, _ = service
    with ee.data.workloadTagContext("tagged"):
        operation = done(ee, drive_body(ee.Image(ID), description="a-b.c:d,e;f_1", priority={"value": 7}))
    metadata = operation["metadata"]
    assert operation["done"] is True
    assert operation["response"]["@type"].endswith("Empty")
    assert re.fullmatch(r"projects/embedded/operations/[A-Z2-7]{24}", operation["name"])
    assert metadata["@type"] == "type.googleapis.com/google.earthengine.v1.OperationMetadata"
    assert (metadata["state"], metadata["type"], metadata["attempt"]) == ("SUCCEEDED", "EXPORT_IMAGE", 1)
    assert (metadata["description"], metadata["priority"], metadata["progress"]) == ("a-b.c:d,e;f_1", 7, 1)
    assert metadata["createTime"] <= metadata["startTime"] <= metadata["endTime"] == metadata["updateTime"]
    assert [stage["completeWorkUnits"] for stage in metadata["stages"]] == [1, 1]
    values = len(ee.serializer.encode(ee.Image(ID), for_cloud_api=True)["values"])
    assert metadata["batchEecuUsageSeconds"] == pytest.approx(PIXELS * values * 2e-8)


def test_tasks_of_the_client_run_unmodified(service: Any) -> None:
    ee, url = service
    image = ee.Image(ID)
    task = ee.batch.Export.image.toDrive(
        image, "to-drive", folder="tasks", crs="EPSG:32633", crsTransform=[100, 0, 400_500, 0, -100, 5_499_500],
        dimensions="20x10", fileNamePrefix="by-size", shardSize=256, fileDimensions=256,
    )  # fmt: skip
    assert task.status() == {"state": "UNSUBMITTED"}
    task.start()
    ended(ee, task.operation_name)
    status = task.status()
    assert (status["state"], status["description"], status["task_type"]) == ("COMPLETED", "to-drive", "EXPORT_IMAGE")
    assert not task.active()
    assert ee.batch.Task.list()[0].id == task.id
    found = drive(url).files().list(q="name = 'by-size.tif'", fields="files(id,parents)").execute()["files"]
    data = drive(url).files().get_media(fileId=found[0]["id"]).execute()
    with rasterio.MemoryFile(data) as memory, memory.open() as file:
        assert (file.width, file.height) == (20, 10)
        assert tuple(file.transform)[:6] == (100, 0, 400_500, 0, -100, 5_499_500)
        rows, cols = np.mgrid[5:15, 5:25]
        np.testing.assert_array_equal(file.read(1), np.float32(-10 + rows / 100 + cols / 1000))
    folder = drive(url).files().get(fileId=found[0]["parents"][0]).execute()
    assert folder["name"] == "tasks"
    assert status["destination_uris"] == [f"https://drive.google.com/#folders/{folder['id']}"]


def test_a_task_of_the_images_own_pixels(service: Any) -> None:
    ee, url = service
    task = ee.batch.Export.image.toCloudStorage(ee.Image(ID), "own", bucket="bucket-a", fileNamePrefix="own/pixels")
    task.start()
    ended(ee, task.operation_name)
    with rasterio.MemoryFile(objects(url, "own/")["own/pixels.tif"]) as memory, memory.open() as file:
        assert tuple(file.transform)[:6] == (100, 0, 400_000, 0, -100, 5_500_000)
        rows, cols = np.mgrid[0:64, 0:64]
        np.testing.assert_array_equal(file.read(2), np.float32(-17 + rows / 100 + cols / 1000))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maxPixels": {"value": str(PIXELS - 1)}},
         r"^Export too large: specified 420000 pixels \(max: 419999\)\. Specify higher maxPixels value if you intend "),
        ({"expression": "no such asset"},
         r"^Image\.load: Image asset 'X/y' not found \(does not exist or caller does not have access\)\.$"),
        ({"expression": "mixed"}, r"^Exported bands must have compatible data types; .*Float32 and Float64\.$"),
        ({"expression": "no bands"}, r"no bands"),
        ({"expression": "VX"}, r"^Image\.select: Band pattern 'VX' did not match any bands\."),
        ({"expression": "number"}, "does not evaluate to an Image"),
        ({"expression": "unbounded", "grid": None}, "unbounded image"),
        ({"grid": {**GRID, "crsCode": "EPSG:1"}}, "EPSG:1"),
        ({"bucket": "bucket-b"}, r"^Unable to write to bucket bucket-b \(permission denied\)\.$"),
        ({"expression": "byte", "noData": {"floatValue": 300}}, r"noData value 300 does not fit"),
    ],
)  # fmt: skip
def test_operations_fail_with_earth_engines_sentences(service: Any, change: dict[str, Any], message: str) -> None:
    ee, _ = service
    images = {
        "no such asset": ee.Image("X/y"),
        "mixed": ee.Image(ID).select(0).addBands(ee.Image(1).toDouble()),
        "no bands": ee.Image(ID).select([]),
        "VX": ee.Image(ID).select("VX"),
        "number": ee.Number(1),
        "unbounded": ee.Image(1),
        "byte": ee.Image(1).toByte(),
    }
    change = dict(change)
    image = images.get(change.pop("expression", ""), ee.Image(ID))
    assert re.search(message, failed(ee, storage_body(image, "failing", **change)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"description": "a b"}, "'description' does not match"),
        ({"description": "x" * 101}, "'description' does not match"),
        ({"requestId": "a_b"}, "'requestId' does not match"),
        ({"requestId": "a" * 61}, "'requestId' does not match"),
        ({"priority": {"value": 10_000}}, "'priority' has to be a whole number from 0 to 9999"),
        ({"maxPixels": {"value": "many"}}, "'maxPixels' has to be"),
        ({"grid": {"crsCode": "EPSG:32633"}}, "not a pixel grid"),
        ({"tileDimensions": {"width": 300, "height": 256}}, r"\(300x256\) have to be multiples of the tileSize"),
        ({"noData": {"floatValue": "much"}}, "'noData' is not a number"),
        ({"fileExportOptions": {"fileFormat": "TF_RECORD_IMAGE"}}, "no fileFormat but GEO_TIFF"),
        ({"fileExportOptions": {}}, "exactly one of driveDestination and cloudStorageDestination"),
        ({"fileExportOptions": None}, "only fileExportOptions"),
        ({"prefix": ""}, "'filenamePrefix' is missing"),
        ({"prefix": "a\x00b"}, "characters that no name may"),
        ({"prefix": "a" * 1000}, "too long"),
    ],
)  # fmt: skip
def test_requests_that_cannot_be_met_are_refused_at_once(service: Any, change: dict[str, Any], message: str) -> None:
    ee, _ = service
    change, before = dict(change), len(ee.data.listOperations())
    with pytest.raises(ee.EEException, match=message):
        ee.data.exportImage(change.pop("requestId", ""), storage_body(ee.Image(ID), **change))
    assert len(ee.data.listOperations()) == before


def test_names_that_try_to_escape_stay_names(service: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    ee, url = service
    base = tmp_path_factory.getbasetemp()
    for number, prefix in enumerate(("../../escaped", "/etc/escaped", "a/../../escaped", "..", "%2e%2e/escaped")):
        done(ee, storage_body(ee.Image(1), prefix, grid=SMALL, description=f"storage-{number}"))
        done(ee, drive_body(ee.Image(1), prefix, folder=f"../{prefix}", grid=SMALL, description=f"drive-{number}"))
        assert objects(url, prefix)[f"{prefix}.tif"][:2] == b"II"
        query = "name = '" + f"{prefix}.tif'"
        assert len(drive(url).files().list(q=query).execute()["files"]) == 1
    assert not list(base.rglob("*escaped*"))
    assert not Path("/etc/escaped.tif").exists()


def test_an_operation_that_is_not_there(service: Any) -> None:
    ee, _ = service
    for name in ("projects/embedded/operations/NOTHING", "projects/other/operations/NOTHING"):
        with pytest.raises(ee.EEException, match=r"^Operation 'projects/\w+/operations/NOTHING' not found\.$"):
            ee.data.getOperation(name)
        with pytest.raises(ee.EEException, match="not found"):
            ee.data.cancelOperation(name)
