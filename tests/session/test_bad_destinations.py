"""Drive and Cloud Storage by one suite: with the real clients, against a server that answers badly."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import google.oauth2.credentials
import google.oauth2.service_account
import google_crc32c
import pytest
from destination_bench import CONTENT, DESCRIPTION, KINDS, NAME, Kind, config, connection, send

from gee_s1ben.errors import AccessError, Reaction, ServiceError
from gee_s1ben.session import retrying
from gee_s1ben.session.destinations import Downloaded, RemoteFile, downloading, open_destination


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


Flaw = Callable[[BaseHTTPRequestHandler, int], bool]
"""Answers a request for the file's content from an offset on, or says False: then it is answered well."""


class Flawed:
    """A destination whose one file comes badly."""

    def __init__(self, kind: Kind, badly_answering: Callable[..., str]) -> None:
        self.kind = kind
        self.flaws: list[Flaw] = []
        self.offsets: list[int] = []
        self.metadata = b"{}"
        self.url = badly_answering(self._answer)
        md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
        checksum: Any = google_crc32c.Checksum
        crc32c = base64.b64encode(checksum(CONTENT).digest()).decode()
        if kind == "drive":
            self.file = RemoteFile("1abc", NAME, len(CONTENT), md5, "", "rev-1")
            self.metadata = (
                f'{{"id": "1abc", "name": "x", "size": "{len(CONTENT)}", "md5Checksum": "{md5}", '
                '"headRevisionId": "rev-1"}'
            ).encode()
        else:
            self.file = RemoteFile(f"a/prefix/{NAME}", NAME, len(CONTENT), "", crc32c, "17")

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        if "alt=media" not in urlsplit(handler.path).query:
            send(handler, self.metadata)
            return
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.offsets.append(start)
        if self.flaws and self.flaws.pop(0)(handler, start):
            return
        if start:
            end = len(CONTENT) - 1
            send(handler, CONTENT[start:], 206, Content_Range=f"bytes {start}-{end}/{len(CONTENT)}")
        else:
            send(handler, CONTENT)

    def download(self, path: Path) -> Downloaded:
        with open_destination(config(self.kind), connection(self.url)) as destination:
            return destination.download(self.file, path)


@pytest.fixture
def flawed(kind: Kind, badly_answering, monkeypatch: pytest.MonkeyPatch) -> Flawed:
    monkeypatch.setattr(retrying, "PATIENCE", retrying.Patience(pause=lambda _: None, seconds=30))
    return Flawed(kind, badly_answering)


def cut(handler: BaseHTTPRequestHandler, start: int) -> bool:
    """Half of what is left comes, then the connection ends."""
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Length", str(len(CONTENT) - start))
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
    handler.end_headers()
    handler.wfile.write(CONTENT[start : start + (len(CONTENT) - start) // 2])
    handler.close_connection = True
    return True


def short(handler: BaseHTTPRequestHandler, start: int) -> bool:
    """Half of what is left comes, and nothing says that it should be more."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(CONTENT[: len(CONTENT) // 2])
    handler.close_connection = True
    return True


def whole(handler: BaseHTTPRequestHandler, start: int) -> bool:
    """The range is not minded."""
    send(handler, CONTENT)
    return True


def another_range(handler: BaseHTTPRequestHandler, start: int) -> bool:
    send(handler, CONTENT[5:], 206, Content_Range=f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}")
    return True


def flipped(handler: BaseHTTPRequestHandler, start: int) -> bool:
    send(handler, CONTENT[:1000] + bytes([CONTENT[1000] ^ 1]) + CONTENT[1001:])
    return True


def zero_tail(handler: BaseHTTPRequestHandler, start: int) -> bool:
    send(handler, CONTENT[:200_000] + bytes(100_001))
    return True


def longer(handler: BaseHTTPRequestHandler, start: int) -> bool:
    send(handler, CONTENT + b"x")
    return True


def html(handler: BaseHTTPRequestHandler, start: int) -> bool:
    send(handler, b"<html>busy</html>")
    return True


def nothing(handler: BaseHTTPRequestHandler, start: int) -> bool:
    handler.send_response(204)
    handler.end_headers()
    return True


def busy(handler: BaseHTTPRequestHandler, start: int) -> bool:
    send(handler, b"<html>busy</html>", 503)
    return True


@pytest.mark.parametrize(
    ("flaws", "offsets"),
    [
        ([cut], [0, 150_000]),
        ([cut, cut], [0, 150_000, 225_000]),
        ([short], [0, 150_000]),
        ([cut, whole], [0, 150_000, 0]),
        ([cut, another_range], [0, 150_000, 150_000]),
        ([flipped], [0, 0]),
        ([zero_tail], [0, 0]),
        ([longer], [0, 0]),
        ([html], [0, 17]),
        ([busy, busy], [0, 0, 0]),
    ],
)
def test_a_file_that_comes_badly_at_first(
    flawed: Flawed, tmp_path: Path, flaws: list[Flaw], offsets: list[int]
) -> None:
    flawed.flaws = [*flaws]
    done = flawed.download(tmp_path / "x.tif")
    assert (tmp_path / "x.tif").read_bytes() == CONTENT
    assert done.sha256 == hashlib.sha256(CONTENT).hexdigest()
    # Seventeen bytes of HTML are a beginning like another, until the checksum says otherwise.
    assert flawed.offsets == (offsets if flaws != [html] else [0, 17, 0])
    assert [path.name for path in tmp_path.iterdir()] == ["x.tif"]


@pytest.mark.parametrize("flaw", [flipped, zero_tail, longer, html, nothing, short, busy])
def test_a_file_that_never_comes_well_is_never_taken(flawed: Flawed, tmp_path: Path, flaw: Flaw) -> None:
    flawed.flaws = [flaw] * 10_000
    with pytest.raises(ServiceError) as caught:
        flawed.download(tmp_path / "x.tif")
    assert caught.value.reaction is Reaction.RETRY
    assert not (tmp_path / "x.tif").exists()
    assert "\n" not in str(caught.value)


def test_a_file_without_a_checksum_is_refused(flawed: Flawed, tmp_path: Path) -> None:
    flawed.file = RemoteFile(flawed.file.id, NAME, len(CONTENT), "", "", "17")
    with pytest.raises(ServiceError, match="no checksum"):
        flawed.download(tmp_path / "x.tif")
    assert flawed.offsets == []


def test_overwritten_in_drive_while_it_comes(badly_answering, tmp_path: Path) -> None:
    flawed = Flawed("drive", badly_answering)
    flawed.metadata = flawed.metadata.replace(b"rev-1", b"rev-2")
    flawed.flaws = [flipped]
    with pytest.raises(ServiceError, match="overwritten") as caught:
        flawed.download(tmp_path / "x.tif")
    assert caught.value.reaction is Reaction.RETRY
    assert flawed.offsets == [0]
    assert not (tmp_path / "x.tif").exists()


def test_a_drip_does_not_pass_the_deadline_and_is_continued(
    flawed: Flawed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(downloading, "SLOWEST_BYTES_PER_S", 1e12)

    def drip(handler: BaseHTTPRequestHandler, start: int) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        for place in range(200):
            handler.wfile.write(CONTENT[place : place + 1])
            handler.wfile.flush()
            time.sleep(0.05)
        return True

    flawed.flaws = [drip]
    flawed.download(tmp_path / "x.tif")
    assert (tmp_path / "x.tif").read_bytes() == CONTENT
    assert 0 < flawed.offsets[1] < 200


def test_a_redirect_is_refused(flawed: Flawed, tmp_path: Path) -> None:
    def redirect(handler: BaseHTTPRequestHandler, start: int) -> bool:
        send(handler, b"", 302, Location="https://elsewhere.example/x")
        return True

    flawed.flaws = [redirect] * 9
    with pytest.raises(ServiceError, match=r"elsewhere\.example: refused") as caught:
        flawed.download(tmp_path / "x.tif")
    assert caught.value.reaction is Reaction.STOP
    assert len(flawed.offsets) == 1


def test_no_token_goes_anywhere_in_the_clear_or_into_an_error(kind: Kind, tmp_path: Path) -> None:
    make: Any = google.oauth2.credentials.Credentials
    with open_destination(config(kind), connection("http://storage.example", make("ya29.CANARY"))) as destination:
        for attempt in (destination.check, lambda: destination.find(DESCRIPTION)):
            with pytest.raises(ServiceError, match="use https") as caught:
                attempt()
            assert "CANARY" not in str(caught.value)


def test_a_list_that_does_not_end(kind: Kind, badly_answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "PATIENCE", retrying.Patience(pause=lambda _: None, seconds=30))
    item = f'{{"id": "1", "name": "a/prefix/{NAME}", "size": "3", "crc32c": "x", "generation": "7"}}'
    key = "files" if kind == "drive" else "items"
    page = f'{{"{key}": [{item}], "nextPageToken": "again"}}'.encode()
    url = badly_answering(lambda handler: send(handler, page, Content_Type="application/json"))
    with (
        open_destination(config(kind), connection(url)) as destination,
        pytest.raises(ServiceError, match="does not end") as caught,
    ):
        destination.find(DESCRIPTION)
    assert caught.value.reaction is Reaction.RETRY


@pytest.mark.parametrize(
    "answer", [b"<html>", b"", b"[]", b"{", b'{"items": 5, "files": 5}', b'{"items": [{}], "files": [{}]}']
)
def test_what_is_not_a_list_of_files(
    kind: Kind, badly_answering, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(retrying, "PATIENCE", retrying.Patience(pause=lambda _: None, seconds=30))
    url = badly_answering(lambda handler: send(handler, answer, Content_Type="application/json"))
    with open_destination(config(kind), connection(url)) as destination, pytest.raises(ServiceError) as caught:
        destination.find(DESCRIPTION)
    assert caught.value.reaction is Reaction.RETRY


def test_a_forbidden_bucket_is_found_before_any_work(badly_answering) -> None:
    refusal = b'{"error": {"code": 403, "message": "me does not have storage.buckets.get access to the bucket."}}'
    url = badly_answering(lambda handler: send(handler, refusal, 403, Content_Type="application/json"))
    with open_destination(config("gcs"), connection(url)) as bucket, pytest.raises(AccessError, match="role"):
        bucket.check()


def test_a_bucket_that_can_only_be_read(badly_answering) -> None:
    granted = b'{"permissions": ["storage.objects.get", "storage.objects.list"]}'
    url = badly_answering(lambda handler: send(handler, granted, Content_Type="application/json"))
    with (
        open_destination(config("gcs", remove_remote=True), connection(url)) as bucket,
        pytest.raises(AccessError, match=r"lacks storage\.objects\.create, storage\.objects\.delete — "),
    ):
        bucket.check()


@pytest.mark.parametrize(("kind", "most"), [("gcs", 1), ("drive", 2)])
def test_to_look_for_files_takes_few_requests(kind: Kind, most: int, badly_answering) -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        item = f'{{"id": "1", "name": "a/prefix/{NAME}", "size": "3", "crc32c": "x", "generation": "7"}}'
        item = item.replace("a/prefix/", "") if kind == "drive" else item
        send(
            handler,
            f'{{"{"files" if kind == "drive" else "items"}": [{item}]}}'.encode(),
            Content_Type="application/json",
        )

    with open_destination(config(kind), connection(badly_answering(answer))) as destination:
        assert len(destination.find(DESCRIPTION)) == 1
        assert len(asked) == most
        assert len(destination.find(DESCRIPTION)) == 1
        assert len(asked) == most + 1  # a folder of Drive is looked for once


def test_a_folder_that_somebody_else_shares_is_not_ours(badly_answering) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if "mimeType" in handler.path:
            files = '[{"id": "theirs", "ownedByMe": false}, {"id": "ours", "ownedByMe": true}]'
        else:
            assert "theirs" not in handler.path
            files = f'[{{"id": "1", "name": "{NAME}", "size": "3", "md5Checksum": "x"}}]'
        send(handler, f'{{"files": {files}}}'.encode(), Content_Type="application/json")

    with open_destination(config("drive"), connection(badly_answering(answer))) as drive:
        assert [file.id for file in drive.find(DESCRIPTION)] == ["1"]
