"""The service's buckets through the unmodified google-cloud-storage client."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
import requests
from exports_client import folder_of, storage
from google.api_core.exceptions import BadRequest, NotFound, PreconditionFailed
from google.cloud.storage.exceptions import DataCorruption
from hypothesis import given, settings
from hypothesis import strategies as st

from gee_s1ben.engine.exports import QueueSettings
from gee_s1ben.engine.service import serving

HTTP = requests.Session()
HTTP.trust_env = False
DATA = os.urandom(300_000)


@pytest.fixture(scope="module")
def served(small_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("storage") / "exports"
    with serving(small_catalog, exports=folder, settings=QueueSettings(buckets=("one", "two"))) as url:
        yield url, folder


@pytest.fixture(scope="module")
def client(served: tuple[str, Path]) -> Any:
    return storage(served[0])


def test_buckets(client: Any) -> None:
    assert client.bucket("one").exists()
    assert client.get_bucket("two").name == "two"
    wanted = ["storage.objects.list", "storage.objects.get", "storage.objects.delete"]
    assert client.bucket("one").test_iam_permissions(wanted) == wanted
    assert not client.bucket("three").exists()
    with pytest.raises(NotFound):
        client.get_bucket("three")
    with pytest.raises(NotFound):
        list(client.list_blobs("three"))
    with pytest.raises(NotFound):
        client.bucket("three").blob("a").upload_from_string(b"")


def test_an_object_and_its_checksums(client: Any) -> None:
    blob = client.bucket("one").blob("folder/object.bin")
    blob.upload_from_string(DATA, content_type="image/tiff", if_generation_match=0)
    blob.reload()
    assert blob.size == len(DATA)
    assert blob.content_type == "image/tiff"
    assert base64.b64decode(blob.md5_hash) == hashlib.md5(DATA, usedforsecurity=False).digest()
    assert int.from_bytes(base64.b64decode(blob.crc32c), "big") == google_crc32c.value(DATA)
    for checksum in ("md5", "crc32c", "auto"):
        assert blob.download_as_bytes(checksum=checksum) == DATA
    assert blob.download_as_bytes(raw_download=True) == DATA
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string(b"other", if_generation_match=0)


def test_ranges(client: Any, served: tuple[str, Path]) -> None:
    blob = client.bucket("one").blob("ranges")
    blob.upload_from_string(DATA)
    assert blob.download_as_bytes(start=0, end=0) == DATA[:1]
    assert blob.download_as_bytes(start=1000, end=1999) == DATA[1000:2000]
    assert blob.download_as_bytes(start=299_000) == DATA[299_000:]
    blob.chunk_size = 256 * 1024
    stream = io.BytesIO()
    blob.download_to_file(stream)
    assert stream.getvalue() == DATA
    with blob.open("rb") as file:
        file.seek(123_456)
        assert file.read(10) == DATA[123_456:123_466]
    media = f"{served[0]}/storage/v1/b/one/o/ranges?alt=media"
    last = HTTP.get(media, headers={"Range": "bytes=-5"}, timeout=30)
    assert (last.status_code, last.content) == (206, DATA[-5:])
    assert last.headers["content-range"] == "bytes 299995-299999/300000"
    beyond = HTTP.get(media, headers={"Range": "bytes=300000-"}, timeout=30)
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */300000")


def test_a_flipped_bit_is_noticed_by_the_client(client: Any, served: tuple[str, Path]) -> None:
    before = folder_of(served[1] / "files")
    blob = client.bucket("two").blob("flipped")
    blob.upload_from_string(DATA)
    (content,) = folder_of(served[1] / "files") - before
    data = bytearray(DATA)
    data[150_000] ^= 1
    (served[1] / "files" / content).write_bytes(data)
    with pytest.raises(DataCorruption):
        blob.download_as_bytes()
    assert blob.download_as_bytes(checksum=None) == data


def test_overwriting_makes_a_new_generation_and_the_old_one_is_gone(client: Any, served: tuple[str, Path]) -> None:
    bucket = client.bucket("two")
    bucket.blob("again").upload_from_string(b"first")
    first = bucket.get_blob("again")
    files = folder_of(served[1] / "files")
    bucket.blob("again").upload_from_string(b"second")
    second = bucket.get_blob("again")
    assert second.generation > first.generation
    assert len(folder_of(served[1] / "files")) == len(files)
    assert second.download_as_bytes(if_generation_match=second.generation) == b"second"
    with pytest.raises(PreconditionFailed):
        second.download_as_bytes(if_generation_match=first.generation)
    with pytest.raises(NotFound):
        bucket.blob("again", generation=first.generation).download_as_bytes()
    with pytest.raises(PreconditionFailed):
        second.delete(if_generation_match=first.generation)
    second.delete(if_generation_match=second.generation)
    assert bucket.get_blob("again") is None
    with pytest.raises(NotFound):
        bucket.delete_blob("again")


def test_listing(client: Any) -> None:
    names = [f"list/{letter}/{number}" for letter in "ab" for number in range(5)] + ["list/c", "listed"]
    for name in names:
        client.bucket("one").blob(name).upload_from_string(b"")
    assert [blob.name for blob in client.list_blobs("one", prefix="list/")] == sorted(names)[:-1]
    assert [blob.name for blob in client.list_blobs("one", prefix="list/", page_size=3)] == sorted(names)[:-1]
    pages = list(client.list_blobs("one", prefix="list/", page_size=4).pages)
    assert [page.num_items for page in pages] == [4, 4, 3]
    for size in (None, 1, 2):
        listing = client.list_blobs("one", prefix="list/", delimiter="/", page_size=size)
        assert [blob.name for blob in listing] == ["list/c"]
        assert listing.prefixes == {"list/a/", "list/b/"}
    assert not list(client.list_blobs("one", prefix="nothing"))
    (blob,) = client.list_blobs("one", prefix="list/c", fields="items(name,size),nextPageToken")
    assert (blob.name, blob.size, blob.md5_hash) == ("list/c", 0, None)
    assert [blob.name for blob in client.list_blobs("one", prefix="list/", max_results=2)] == names[:2]


@given(
    name=st.one_of(
        st.sampled_from(
            ["../../x", "..%2f..%2fx", "a//b", "/abs", "a/../b", "%00", "ü/日本", "a b+c?d#e&f=g", "x" * 1024]
        ),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), min_size=1, max_size=60),
    )
)
@settings(max_examples=60)
def test_any_name_is_only_a_name(name: str, client: Any, served: tuple[str, Path]) -> None:
    folder, bucket = served[1], client.bucket("two")
    if name in (".", "..") or len(name.encode()) > 1024:
        with pytest.raises(BadRequest):
            bucket.blob(name).upload_from_string(b"")
        return
    blob = bucket.blob(name)
    blob.upload_from_string(name.encode())
    assert name in [one.name for one in bucket.list_blobs(prefix=name)]
    # The client itself drops a leading or trailing "/.." of a path; what it asks for then is another name.
    if not {".", ".."} & set(name.split("/")):
        assert blob.download_as_bytes() == name.encode()
        blob.delete()
    below = folder_of(folder)
    assert all(one.startswith(("files/", "exports.sqlite", "lock")) and one.count("/") <= 1 for one in below)


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "", ".", "..", "x" * 1025])
def test_names_that_no_object_may_have(served: tuple[str, Path], name: str) -> None:
    answer = HTTP.post(
        f"{served[0]}/upload/storage/v1/b/one/o", params={"uploadType": "media", "name": name}, data=b"x", timeout=30
    )
    assert answer.status_code == 400
    assert "object name is not valid" in answer.json()["error"]["message"]


@pytest.mark.parametrize("bucket", ["..", "a", "UPPER", "a\0b", "x" * 300, "one%2f..%2ftwo"])
def test_names_that_no_bucket_may_have(small_catalog: Path, tmp_path: Path, bucket: str) -> None:
    with serving(small_catalog, exports=tmp_path / "exports") as url:
        answer = HTTP.get(f"{url}/storage/v1/b/{requests.utils.quote(bucket, safe='%')}/o", timeout=30)
        assert answer.status_code == 404
        body = json.loads(answer.content)
        assert body["error"]["code"] == 404


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("multipart/related", b""),
        ("multipart/related; boundary=x", b"no parts"),
        ("multipart/related; boundary=x", b"--x\r\n\r\n{}\r\n--x\r\n\r\nmedia"),
        ("multipart/related; boundary=x", b"--x\r\n\r\n{\r\n--x\r\n\r\nmedia\r\n--x--"),
    ],
)
def test_uploads_that_cannot_be_read(served: tuple[str, Path], content_type: str, data: bytes) -> None:
    url = f"{served[0]}/upload/storage/v1/b/one/o"
    params, headers = {"uploadType": "multipart"}, {"content-type": content_type}
    assert HTTP.post(url, params=params, data=data, headers=headers, timeout=30).status_code == 400
    assert HTTP.post(url, params={"uploadType": "resumable"}, data=b"", timeout=30).status_code == 400
