"""The service's drive through the unmodified Drive client."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import google.auth.credentials
import pytest
import requests
from exports_client import CONSTANT, SMALL, drive, drive_body, ended, folder_of
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaInMemoryUpload, MediaIoBaseDownload
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.engine.exports import QueueSettings
from gee_s1ben.engine.exports.drive_query import where, word_starts
from gee_s1ben.engine.service import serving
from gee_s1ben.engine.service.fields import selected
from gee_s1ben.errors import EngineError
from gee_s1ben.session.connection import connected

HTTP = requests.Session()
HTTP.trust_env = False
FOLDER = "application/vnd.google-apps.folder"
DATA = os.urandom(50_000)


class Clock:
    now = 1_500_000_000.0

    def __call__(self) -> float:
        type(self).now += 1.5
        return self.now


@pytest.fixture(scope="module")
def served(small_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("drive") / "exports"
    with serving(small_catalog, exports=folder, settings=QueueSettings(clock=Clock())) as url:
        yield url, folder


@pytest.fixture(scope="module")
def client(served: tuple[str, Path]) -> Any:
    return drive(served[0])


def make(client: Any, name: str, mime_type: str | None = None, parent: str | None = None, **fields: Any) -> Any:
    body = {"name": name, **({"mimeType": mime_type} if mime_type else {}), **({"parents": [parent]} if parent else {})}
    return client.files().create(body=body, **fields).execute()


def upload(url: str, name: str, data: bytes, parent: str = "root") -> Any:
    """Upload with the client, whose document alone says where uploads go."""
    place = "discovery_cache/documents/drive.v3.json"
    document = json.loads(package_files("googleapiclient").joinpath(place).read_text(encoding="utf-8"))
    document["rootUrl"] = f"{url}/"
    anonymous = google.auth.credentials.AnonymousCredentials()  # type: ignore[no-untyped-call]
    client = build_from_document(document, credentials=anonymous, client_options={"api_endpoint": f"{url}/drive/v3/"})
    media = MediaInMemoryUpload(data, mimetype="image/tiff")
    return client.files().create(body={"name": name, "parents": [parent]}, media_body=media, fields="*").execute()


def names(client: Any, query: str, **options: Any) -> list[str]:
    return [file["name"] for file in client.files().list(q=query, **options).execute()["files"]]


def status(error: pytest.ExceptionInfo[HttpError]) -> tuple[int, str]:
    return error.value.resp.status, error.value.error_details[0]["reason"]


def test_a_file_and_its_checksums(client: Any, served: tuple[str, Path]) -> None:
    file = upload(served[0], "file.tif", DATA)
    assert file["size"] == str(len(DATA))
    assert file["mimeType"] == "image/tiff"
    assert file["md5Checksum"] == hashlib.md5(DATA, usedforsecurity=False).hexdigest()
    assert file["sha256Checksum"] == hashlib.sha256(DATA).hexdigest()
    assert client.files().get(fileId=file["id"]).execute() == {
        "kind": "drive#file", "id": file["id"], "name": "file.tif", "mimeType": "image/tiff",
    }  # fmt: skip
    assert client.files().get(fileId=file["id"], fields="size,trashed").execute() == {
        "size": str(len(DATA)), "trashed": False,
    }  # fmt: skip


def test_media_in_ranges(client: Any, served: tuple[str, Path]) -> None:
    file = upload(served[0], "ranges.tif", DATA)
    assert client.files().get_media(fileId=file["id"]).execute() == DATA
    stream = io.BytesIO()
    download = MediaIoBaseDownload(stream, client.files().get_media(fileId=file["id"]), chunksize=7000)
    finished = False
    while not finished:
        _, finished = download.next_chunk()
    assert stream.getvalue() == DATA
    request = client.files().get_media(fileId=file["id"])
    request.headers["range"] = "bytes=100-199"
    assert request.execute() == DATA[100:200]
    empty = make(client, "empty")
    stream = io.BytesIO()
    download = MediaIoBaseDownload(stream, client.files().get_media(fileId=empty["id"]))
    assert download.next_chunk()[1]
    assert stream.getvalue() == b""


def test_names_are_not_unique(client: Any) -> None:
    folder = make(client, "twins", FOLDER)["id"]
    first, second = (make(client, "same", parent=folder)["id"] for _ in range(2))
    assert first != second
    query = f"'{folder}' in parents and name = 'same'"
    assert names(client, query) == ["same", "same"]
    client.files().delete(fileId=first).execute()
    assert client.files().list(q=query).execute()["files"][0]["id"] == second
    with pytest.raises(HttpError) as error:
        client.files().delete(fileId=first).execute()
    assert status(error) == (404, "notFound")


def test_folders_go_with_all_that_is_in_them(client: Any, served: tuple[str, Path]) -> None:
    before = folder_of(served[1] / "files")
    outer = make(client, "outer", FOLDER)["id"]
    inner = make(client, "inner", FOLDER, outer)["id"]
    leaf = upload(served[0], "leaf.tif", DATA, inner)["id"]
    assert client.files().get(fileId=leaf, fields="parents").execute() == {"parents": [inner]}
    assert len(folder_of(served[1] / "files")) == len(before) + 1
    client.files().delete(fileId=outer).execute()
    for id_ in (outer, inner, leaf):
        with pytest.raises(HttpError) as error:
            client.files().get(fileId=id_).execute()
        assert status(error) == (404, "notFound")
    assert folder_of(served[1] / "files") == before


def test_searching(client: Any) -> None:
    folder = make(client, "search", FOLDER)["id"]
    for name in ("a-s1ben-12-x.tif", "b_s1ben-12-y.tif", "it's \\ odd", "Zebra"):
        make(client, name, parent=folder)
    inside = f"'{folder}' in parents and "
    assert names(client, f"{inside}name contains 's1ben-12'") == ["a-s1ben-12-x.tif", "b_s1ben-12-y.tif"]
    assert names(client, f"{inside}name contains 'zeb'") == ["Zebra"]
    assert names(client, f"{inside}name contains 'ebra'") == []
    assert names(client, f"{inside}name = 'it\\'s \\\\ odd'") == ["it's \\ odd"]
    assert names(client, f"{inside}not name contains 'a' and not name = 'Zebra'") == ["b_s1ben-12-y.tif", "it's \\ odd"]
    assert names(client, f"{inside}(name = 'Zebra' or name contains 'b_')", orderBy="name desc") == [
        "b_s1ben-12-y.tif", "Zebra",
    ]  # fmt: skip
    assert names(client, f"mimeType = '{FOLDER}' and name = 'search' and 'root' in parents") == ["search"]
    assert names(client, f"{inside}modifiedTime < '2017-01-01T00:00:00'") == []
    assert len(names(client, f"{inside}createdTime >= '2017-01-01T00:00:00+00:00'")) == 4
    for wrong in (
        "name",
        "name == 'a'",
        "name = 'a",
        "name = 'a' and",
        "('a' in parents",
        "size > 5",
        "fullText = 'a'",
    ):
        with pytest.raises(HttpError) as error:
            names(client, wrong)
        assert status(error) == (400, "invalid")


def test_pages(client: Any) -> None:
    folder = make(client, "pages", FOLDER)["id"]
    for number in range(7):
        make(client, f"{number}", parent=folder)
    request = client.files().list(q=f"'{folder}' in parents", pageSize=3, fields="nextPageToken,files(name)")
    found, sizes = [], []
    while request is not None:
        answer = request.execute()
        assert set(answer) <= {"nextPageToken", "files"}
        sizes.append(len(answer["files"]))
        found += [file["name"] for file in answer["files"]]
        request = client.files().list_next(request, answer)
    assert (sizes, found) == ([3, 3, 1], [f"{number}" for number in range(7)])


def test_the_bin(client: Any) -> None:
    file = make(client, "binned")["id"]
    renamed = client.files().update(fileId=file, body={"trashed": True, "name": "still here"}, fields="*").execute()
    assert (renamed["trashed"], renamed["name"]) == (True, "still here")
    assert names(client, "name = 'still here' and trashed = false") == []
    assert names(client, "name = 'still here' and trashed = true") == ["still here"]


def test_about(client: Any) -> None:
    quota = client.about().get(fields="storageQuota(limit,usage)").execute()["storageQuota"]
    assert int(quota["limit"]) > int(quota["usage"]) >= 0
    with pytest.raises(HttpError, match="'fields' parameter is required"):
        client.about().get().execute()


def test_exports_go_to_the_folder_that_was_modified_last(small_catalog: Path, tmp_path: Path) -> None:
    import ee

    settings = QueueSettings(clock=Clock())
    with serving(small_catalog, exports=tmp_path / "exports", settings=settings) as url, connected(url, "embedded"):
        client = drive(url)
        inner = make(client, "target", FOLDER, make(client, "somewhere", FOLDER)["id"])["id"]
        outer = make(client, "target", FOLDER)["id"]

        def export(prefix: str, folder: str | None) -> str:
            (operation,) = ended(ee, ee.data.exportImage("", drive_body(CONSTANT, prefix, folder, grid=SMALL))["name"])
            uri: str = operation["metadata"]["destinationUris"][0]
            return uri.rpartition("/")[2]

        assert export("one", "target") == outer
        make(client, "touched", parent=inner)
        assert export("two", "target") == inner
        assert names(client, f"'{inner}' in parents") == ["touched", "two.tif"]
        new = export("three", "new/er")
        assert client.files().get(fileId=new, fields="name,parents").execute()["name"] == "new/er"
        assert export("four", "new/er") == new
        root = client.files().get(fileId="root").execute()["id"]
        assert export("five", None) == root
        for _ in range(2):
            export("again", "target")
        assert names(client, "name = 'again.tif'") == ["again.tif", "again.tif"]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "files/..%2f..%2fetc", 404), ("GET", "files/%00", 404), ("GET", "files?pageSize=0x10", 400),
        ("GET", "files?pageSize=2000", 400), ("GET", "files?pageToken=-1", 400), ("GET", "files?orderBy=id;drop", 400),
        ("GET", "files?fields=files(", 400), ("GET", "files?fields=%00", 400), ("DELETE", "files/root", 403),
        ("GET", "files/root?alt=media", 403), ("PUT", "files/root", 404),
    ],
)  # fmt: skip
def test_requests_that_make_no_sense(served: tuple[str, Path], method: str, path: str, code: int) -> None:
    answer = HTTP.request(method, f"{served[0]}/drive/v3/{path}", timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (code, code)


@pytest.mark.parametrize("body", [{"name": ""}, {"name": "a\0b"}, {"name": "\ud800"}, {"name": 5}, {"parents": ["no"]}])
def test_files_that_cannot_be_made(served: tuple[str, Path], body: dict[str, Any]) -> None:
    answer = HTTP.post(f"{served[0]}/drive/v3/files", json=body, timeout=30)
    assert answer.status_code == (404 if "parents" in body else 400)


@given(st.text(max_size=80))
def test_any_query_is_read_or_refused(text: str) -> None:
    try:
        condition, values = where(text, {})
    except EngineError:
        return
    assert condition.count("?") == len(values)
    assert "'" not in condition


@given(st.recursive(st.just("name = 'a'"), lambda inner: inner.map(lambda one: f"(not {one})"), max_leaves=200))
def test_deep_queries_do_not_overflow(text: str) -> None:
    where(text, {})
    with pytest.raises(EngineError):
        where("(" * 10_000 + text, {})


def test_words() -> None:
    assert word_starts("HelloWorld", "hello")
    assert not word_starts("HelloWorld", "World")
    assert word_starts("hello_World", "world")


def test_fields() -> None:
    answer = {"a": 1, "b": {"c": 2, "d": {"e": 3, "f": 4}}, "g": [{"h": 5, "i": 6}]}
    assert selected(answer, "*") == answer
    assert selected(answer, "a, b(d/e), g/h") == {"a": 1, "b": {"d": {"e": 3}}, "g": [{"h": 5}]}
    assert selected(answer, "g(h,i),z") == {"g": [{"h": 5, "i": 6}]}
    for wrong in ("", "a,", "a(", "a()", "a)b", "a b", "(" * 3000, "a(" * 30):
        with pytest.raises(EngineError):
            selected(answer, wrong)


def test_times_are_told_to_the_millisecond(client: Any) -> None:
    file = make(client, "timed", fields="createdTime,modifiedTime")
    created = datetime.fromisoformat(file["createdTime"])
    assert created.tzinfo == UTC
    assert (
        file["createdTime"] == file["modifiedTime"] == f"{created:%Y-%m-%dT%H:%M:%S}.{created.microsecond // 1000:03d}Z"
    )
