"""The service over HTTP: what the unmodified client asks, limits, and errors."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import requests

from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.engine.service import serve_forever, serving
from gee_s1ben.engine.service.application import create_application
from gee_s1ben.errors import InputError

HTTP = requests.Session()
HTTP.trust_env = False  # a proxy of the environment is not for loopback

ID = "COPERNICUS/S1_GRD/A_first"
GRID = {
    "crsCode": "EPSG:32633",
    "affineTransform": {"scaleX": 100, "translateX": 400_000, "scaleY": -100, "translateY": 5_500_000},
    "dimensions": {"width": 64, "height": 64},
}


def truth(band: str) -> np.ndarray:
    rows, cols = np.mgrid[0:64, 0:64]
    return np.float32(-10 - (band == "VH") * 7 + rows / 100 + cols / 1000)


def constant(value: Any) -> dict[str, Any]:
    return {"result": "0", "values": {"0": {"constantValue": value}}}


def compute(url: str, body: Any, **options: Any) -> requests.Response:
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    return HTTP.post(f"{url}/v1/projects/embedded/value:compute", data=data, timeout=30, **options)


def error_of(response: requests.Response) -> tuple[int, str, str]:
    error = response.json()["error"]
    assert error["code"] == response.status_code
    return error["code"], error["status"], error["message"]


@pytest.mark.parametrize("file_format", ["NUMPY_NDARRAY", "NPY", "GEO_TIFF"])
def test_pixels_come_back_as_they_are_in_the_file(client: Any, file_format: str) -> None:
    ee = client
    answer = ee.data.computePixels({"expression": ee.Image(ID), "fileFormat": file_format, "grid": GRID})
    if file_format == "GEO_TIFF":
        with rasterio.MemoryFile(answer) as memory, memory.open() as file:
            assert file.descriptions == ("VV", "VH")
            assert file.crs == "EPSG:32633"
            assert tuple(file.transform)[:6] == (100, 0, 400_000, 0, -100, 5_500_000)
            assert file.dtypes == ("float32", "float32")
            arrays = {name: file.read(i) for i, name in enumerate(file.descriptions, start=1)}
    else:
        array = answer if file_format == "NUMPY_NDARRAY" else np.load(io.BytesIO(answer))
        assert array.dtype == np.dtype([("VV", "<f4"), ("VH", "<f4")])
        arrays = {name: array[name] for name in array.dtype.names}
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, truth(name))


def test_masked_pixels_are_zero_and_bands_can_be_chosen(client: Any) -> None:
    ee = client
    window = {**GRID, "affineTransform": {**GRID["affineTransform"], "translateX": 399_900}}
    array = ee.data.computePixels(
        {"expression": ee.Image(ID), "fileFormat": "NUMPY_NDARRAY", "grid": window, "bandIds": ["VH"]}
    )
    assert array.dtype.names == ("VH",)
    assert (array["VH"][:, 0] == 0).all()
    np.testing.assert_array_equal(array["VH"][:, 1:], truth("VH")[:, :-1])


def test_without_a_grid_the_bands_own_pixels_are_meant(client: Any) -> None:
    ee = client
    array = ee.data.computePixels({"expression": ee.Image(ID).select("VV"), "fileFormat": "NUMPY_NDARRAY"})
    np.testing.assert_array_equal(array["VV"], truth("VV"))
    with pytest.raises(ee.EEException, match="has no grid of its own"):
        ee.data.computePixels({"expression": ee.Image(1), "fileFormat": "NPY"})


@pytest.mark.parametrize(
    ("width", "height", "message"),
    [
        (2896, 4345, r"^Total request size \(50332480 bytes\) must be less than or equal to 50331648 bytes\.$"),
        (32769, 1, r"^Pixel grid dimensions \(32769x1\) must be less than or equal to 32768\.$"),
        (0, 5, r"is empty"),
    ],
)
def test_what_is_too_large_is_refused(client: Any, width: int, height: int, message: str) -> None:
    ee = client
    grid = {**GRID, "dimensions": {"width": width, "height": height}}
    with pytest.raises(ee.EEException, match=message):
        ee.data.computePixels({"expression": ee.Image(ID).select(0), "fileFormat": "NPY", "grid": grid})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"fileFormat": "PNG"}, "fileFormat 'PNG' is not implemented"),
        ({"fileFormat": "NPY", "grid": {"crsCode": "EPSG:32633"}}, "'grid' needs crsCode or crsWkt"),
        ({"fileFormat": "NPY", "grid": {**GRID, "crsCode": "EPSG:1"}}, "EPSG:1"),
        ({"fileFormat": "NPY", "bandIds": ["VX"]}, r"^Image\.select: Band pattern 'VX' did not match any bands\."),
        ({"fileFormat": "NPY", "visualizationOptions": {"ranges": []}}, "visualizationOptions"),
    ],
)
def test_requests_for_pixels_that_cannot_be_met(client: Any, params: dict[str, Any], message: str) -> None:
    ee = client
    with pytest.raises(ee.EEException, match=message):
        ee.data.computePixels({"expression": ee.Image(ID), "grid": GRID, **params})


def test_bands_of_different_types_do_not_fit_one_geotiff(client: Any) -> None:
    ee = client
    mixed = ee.Image(ID).select(0).addBands(ee.Image(1).toDouble())
    with pytest.raises(ee.EEException, match=r"^Exported bands must have compatible data types; .*Float32 and Float64"):
        ee.data.computePixels({"expression": mixed, "fileFormat": "GEO_TIFF", "grid": GRID})


def test_assets(client: Any) -> None:
    ee = client
    asset = ee.data.getAsset(ID)
    assert asset["type"] == "IMAGE"
    assert asset["name"] == f"projects/earthengine-public/assets/{ID}"
    assert (asset["id"], asset["startTime"]) == (ID, "2017-06-13T00:00:00Z")
    assert asset["geometry"]["type"] == "Polygon"
    assert asset["properties"]["instrumentMode"] == "IW"
    assert [band["id"] for band in asset["bands"]] == ["VV", "VH"]
    assert asset["bands"][0]["dataType"] == {"precision": "FLOAT"}
    assert asset["bands"][0]["grid"]["dimensions"] == {"width": 64, "height": 64}
    assert asset["bands"][0]["grid"]["affineTransform"]["translateX"] == 400_000
    assert ee.data.getAsset("COPERNICUS/S1_GRD")["type"] == "IMAGE_COLLECTION"
    with pytest.raises(ee.EEException, match=r"^Asset 'projects/earthengine-public/assets/NO/SUCH' does not exist"):
        ee.data.getAsset("NO/SUCH")
    assert ee.data.getInfo("NO/SUCH") is None


def test_listing_assets(client: Any) -> None:
    ee = client
    parent = "COPERNICUS/S1_GRD"

    def listed(**params: Any) -> list[str]:
        return [image["id"][-6:] for image in ee.data.listImages({"parent": parent, **params})["images"]]

    assert listed() == ["_first", "second", "_third"]
    assert listed(startTime="2017-06-14T00:00:00Z", endTime="2017-06-15T00:00:00Z") == ["second"]
    assert listed(properties=["orbitProperties_pass=ASCENDING", "relativeOrbitNumber_start>=105"]) == ["_third"]
    assert listed(region={"type": "Point", "coordinates": [13.63, 49.63]}) == ["_first", "second"]
    assert listed(view="BASIC") == listed()
    page = ee.data.listAssets({"parent": parent, "pageSize": 2})
    assert len(page["assets"]) == 2
    rest = ee.data.listAssets({"parent": parent, "pageSize": 2, "pageToken": page["nextPageToken"]})
    assert [asset["id"] for asset in page["assets"] + rest["assets"]] == [
        asset["id"] for asset in ee.data.listAssets(parent)["assets"]
    ]
    assert "nextPageToken" not in rest
    assert [asset["id"] for asset in ee.data.listAssets("COPERNICUS")["assets"]] == [parent]
    with pytest.raises(ee.EEException, match="does not exist"):
        ee.data.listAssets("NO/SUCH")
    with pytest.raises(ee.EEException, match="Invalid filter"):
        listed(filter="whatever")


def test_a_get_that_is_too_long_arrives_as_a_post(client: Any) -> None:
    ee = client
    clause = 'startTime >= "2017-06-14T00:00:00Z"'
    long_filter = " AND ".join([clause] * 80)
    assert len(long_filter) > 2048
    assert len(ee.data.listImages({"parent": "COPERNICUS/S1_GRD", "filter": long_filter})["images"]) == 2


def test_an_asset_that_is_not_there(client: Any) -> None:
    ee = client
    with pytest.raises(
        ee.EEException,
        match=r"^Image\.load: Image asset 'X/y' not found \(does not exist or caller does not have access\)\.$",
    ):
        ee.Image("X/y").getInfo()


def test_an_algorithm_that_is_not_there(client: Any) -> None:
    ee = client
    with pytest.raises(ee.EEException, match=r"^Algorithm 'HoughTransform' is not implemented"):
        ee.Algorithms.HoughTransform(ee.Image(1)).getInfo()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "Invalid JSON payload received"),
        ("[]", "expected an object"),
        ("{}", "Invalid expression"),
        (b"\xff\xfe", "Invalid JSON payload received"),
        ("[" * 200_000, "nests too deeply"),
        ({"expression": {"result": "0", "values": {}}}, "there is no value '0'"),
    ],
)
def test_bodies_that_cannot_be_read(service_url: str, body: Any, message: str) -> None:
    code, status, text = error_of(compute(service_url, body))
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert message in text


def test_a_payload_that_is_too_large(service_url: str) -> None:
    expected = (400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 10485760 bytes.")
    assert error_of(compute(service_url, b" " * 10_485_761)) == expected
    bomb = gzip.compress(b" " * 50_000_000)
    assert error_of(compute(service_url, bomb, headers={"Content-Encoding": "gzip"})) == expected

    def chunks() -> Any:
        for _ in range(12):
            yield b" " * 1_000_000

    response = HTTP.post(f"{service_url}/v1/projects/p/value:compute", data=chunks(), timeout=30)
    assert error_of(response) == expected


def test_a_gzipped_body(service_url: str) -> None:
    body = gzip.compress(json.dumps({"expression": constant([1, "a"])}).encode())
    assert compute(service_url, body, headers={"Content-Encoding": "gzip"}).json() == {"result": [1, "a"]}
    code, _, message = error_of(compute(service_url, b"no gzip", headers={"Content-Encoding": "gzip"}))
    assert (code, message) == (400, "Invalid request: its body is not gzip, as its header says.")


def test_a_route_that_is_not_there(service_url: str) -> None:
    response = HTTP.post(f"{service_url}/v1/projects/embedded/image:export", json={}, timeout=30)
    code, status, message = error_of(response)
    assert (code, status) == (404, "NOT_FOUND")
    assert "POST /v1/projects/embedded/image:export" in message


def test_other_hosts_are_refused(service_url: str) -> None:
    response = HTTP.get(f"{service_url}/v1/projects/p/algorithms", headers={"Host": "evil.example"}, timeout=30)
    assert response.status_code == 400


def test_answers_do_not_wait_for_the_network(service_url: str) -> None:
    seconds = []
    for _ in range(9):
        started = time.perf_counter()
        HTTP.get(f"{service_url}/v1/projects/p/operations", timeout=30)
        seconds.append(time.perf_counter() - started)
    # Nagle's algorithm against delayed acknowledgements costs every request 40 ms; a busy machine only some of them.
    assert min(seconds) < 0.03


class SlowCatalog:
    """A catalog whose images take until they are released."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.entered = threading.Semaphore(0)
        self.broken = False

    def get(self, _: str) -> None:
        self.entered.release()
        self.release.wait(20)
        if self.broken:
            raise KeyError("/home/user/secret")

    def collection_ids(self) -> tuple[str, ...]:
        return ()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A service of two requests at a time over a slow catalog."""
    catalog = SlowCatalog()
    monkeypatch.setattr(Catalog, "open", classmethod(lambda *_: catalog))
    monkeypatch.setattr(
        "gee_s1ben.engine.service.application.create_application", lambda opened: create_application(opened, 2)
    )
    with serving(tmp_path) as url:
        yield catalog, url
        catalog.release.set()


LOAD = {
    "expression": {
        "result": "0",
        "values": {
            "0": {
                "functionInvocationValue": {"functionName": "Image.load", "arguments": {"id": {"constantValue": "x"}}}
            }
        },
    }
}


def test_too_many_requests_at_once_are_turned_away(slow: Any) -> None:
    catalog, url = slow
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(compute, url, LOAD) for _ in range(2)]
        assert all(catalog.entered.acquire(timeout=10) for _ in waiting)
        assert error_of(compute(url, {"expression": constant(1)}))[:2] == (429, "RESOURCE_EXHAUSTED")
        # What is no computation is answered all the same: the event loop is free.
        assert HTTP.get(f"{url}/v1/projects/p/operations", timeout=5).ok
        catalog.release.set()
        assert [future.result().status_code for future in waiting] == [404, 404]
    assert compute(url, {"expression": constant(1)}).json() == {"result": 1}


def test_an_error_that_nobody_expected_keeps_its_secrets(slow: Any) -> None:
    catalog, url = slow
    catalog.broken = True
    catalog.release.set()
    code, status, message = error_of(compute(url, LOAD))
    assert (code, status) == (500, "INTERNAL")
    assert message == "An internal error has occurred in the embedded Earth Engine service (KeyError)."


def test_a_port_that_is_taken(small_catalog: Path) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with (
            pytest.raises(InputError, match=rf"cannot listen on 127\.0\.0\.1:{port}: .*--port"),
            serving(small_catalog, port),
        ):
            pass


def test_a_catalog_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no catalog"):
        serve_forever(tmp_path / "nowhere")


@pytest.mark.parametrize(("number", "returncode"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_serving_until_a_signal(small_catalog: Path, number: int, returncode: int) -> None:
    program = (
        "import sys, pathlib\nfrom gee_s1ben.engine.service import serve_forever\n"
        "try: serve_forever(pathlib.Path(sys.argv[1]))\nexcept KeyboardInterrupt: sys.exit(130)"
    )
    command = [sys.executable, "-c", program, str(small_catalog)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert HTTP.get(f"{url}/v1/projects/p/operations", timeout=10).json() == {}
        process.send_signal(number)
        assert process.wait(10) == returncode
