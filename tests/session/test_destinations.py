"""Drive and Cloud Storage by one suite: with the real clients, against the embedded service."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import google.oauth2.credentials
import google.oauth2.service_account
import pytest
import requests
from destination_bench import CONTENT, DESCRIPTION, KINDS, NAME, Kind, Store, config, connection

from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.engine.exports import QueueSettings
from gee_s1ben.engine.service import serving
from gee_s1ben.errors import AccessError, Reaction, ServiceError, StorageError
from gee_s1ben.session.destinations import Destination, Downloaded, downloading, open_destination


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def store(kind: Kind, tmp_path: Path) -> Iterator[Store]:
    Catalog.create(tmp_path / "catalog")
    with serving(
        tmp_path / "catalog", exports=tmp_path / "exports", settings=QueueSettings(buckets=["a-bucket"])
    ) as url:
        yield Store(kind, url)


@pytest.fixture
def destination(kind: Kind, store: Store) -> Iterator[Destination]:
    with open_destination(config(kind), connection(store.url)) as opened:
        yield opened


def test_what_an_export_request_says(kind: Kind, destination: Destination) -> None:
    assert destination.options("d") == {
        "drive": {"driveDestination": {"folder": "gee_s1ben", "filenamePrefix": "d"}},
        "gcs": {"cloudStorageDestination": {"bucket": "a-bucket", "filenamePrefix": "a/prefix/d"}},
    }[kind]  # fmt: skip


def test_a_good_destination_passes(destination: Destination) -> None:
    destination.check()
    destination.check()
    assert destination.find(DESCRIPTION) == []


def test_nothing_there_yet(store: Store, destination: Destination) -> None:
    assert destination.find(DESCRIPTION) == []
    store.put(NAME)
    assert [file.name for file in destination.find(DESCRIPTION)] == [NAME]


def test_only_files_of_the_token_are_found(store: Store, destination: Destination) -> None:
    shards = [f"{DESCRIPTION}-0000000000-{col:010d}.tif" for col in (0, 256)]
    others = [
        f"{DESCRIPTION}.tif.aux.xml",
        f"{DESCRIPTION}0.tif",  # piece 00
        f"{DESCRIPTION[:-1]}1.tif",
        DESCRIPTION.replace("12345678", "87654321") + ".tif",
        f"{DESCRIPTION}-1.tif",
        f"copy of {NAME}",
    ]
    for name in [*shards, *others]:
        store.put(name, name.encode())
    assert [file.name for file in destination.find(DESCRIPTION)] == shards


def test_hostile_names_are_never_found(store: Store, destination: Destination) -> None:
    for end in ("/../../../etc/passwd.tif", "\\..\\x.tif", "%2e%2e.tif", "-0000000000-0000000256/x.tif"):
        store.put(f"{DESCRIPTION}{end}")
    assert destination.find(DESCRIPTION) == []


def test_a_file_comes_down_whole_and_goes_when_asked(
    kind: Kind, store: Store, destination: Destination, tmp_path: Path
) -> None:
    store.put(NAME)
    (file,) = destination.find(DESCRIPTION)
    assert file.size == len(CONTENT)
    down = tmp_path / "down" / "here.tif"
    assert destination.download(file, down) == Downloaded(down, len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), 0)
    assert down.read_bytes() == CONTENT
    assert list(down.parent.iterdir()) == [down]
    destination.remove(file)
    assert destination.find(DESCRIPTION) == []
    destination.remove(file)
    assert destination.download(file, down).resumed == len(CONTENT)  # it is here
    with pytest.raises(ServiceError, match="overwritten or removed") as caught:
        destination.download(file, tmp_path / "other.tif")
    assert caught.value.reaction is Reaction.RETRY


def test_what_a_killed_download_left_is_continued(
    store: Store, destination: Destination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(NAME)
    (file,) = destination.find(DESCRIPTION)
    part = tmp_path / f"x.tif.{downloading._version(file)}.part"
    part.write_bytes(CONTENT[:200_000])
    stale = tmp_path / "x.tif.0123456789abcdef.part"
    stale.write_bytes(b"of another version")
    done = destination.download(file, tmp_path / "x.tif")
    assert done.resumed == 200_000
    assert (tmp_path / "x.tif").read_bytes() == CONTENT
    assert not part.exists()
    assert not stale.exists()


def test_what_a_killed_download_left_is_not_believed(store: Store, destination: Destination, tmp_path: Path) -> None:
    store.put(NAME)
    (file,) = destination.find(DESCRIPTION)
    for left in (b"x" * 200_000, b"x" * 300_001, b"x" * 400_000):
        (tmp_path / f"x.tif.{downloading._version(file)}.part").write_bytes(left)
        (tmp_path / "x.tif").unlink(missing_ok=True)
        destination.download(file, tmp_path / "x.tif")
        assert (tmp_path / "x.tif").read_bytes() == CONTENT


def test_one_that_was_overwritten_is_refused(
    kind: Kind, store: Store, destination: Destination, tmp_path: Path
) -> None:
    store.put(NAME)
    (file,) = destination.find(DESCRIPTION)
    if kind == "drive":  # names are not unique there: another file changes nothing
        store.put(NAME, CONTENT[::-1])
        destination.download(file, tmp_path / "x.tif")
        assert (tmp_path / "x.tif").read_bytes() == CONTENT
        return
    store.put(NAME, CONTENT[::-1])
    with pytest.raises(ServiceError, match="overwritten or removed") as caught:
        destination.download(file, tmp_path / "x.tif")
    assert caught.value.reaction is Reaction.RETRY
    assert not (tmp_path / "x.tif").exists()
    destination.remove(file)  # the one that was found is gone: the new one stays
    assert len(destination.find(DESCRIPTION)) == 1


def test_a_full_disk_is_found_before_anything_is_asked(
    store: Store, destination: Destination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(NAME)
    (file,) = destination.find(DESCRIPTION)
    monkeypatch.setattr(downloading, "SPARE_BYTES", 1 << 60)
    with pytest.raises(StorageError, match="free some space"):
        destination.download(file, tmp_path / "x.tif")
    assert not (tmp_path / "x.tif").exists()


def test_no_folder_to_bring_it_to(store: Store, destination: Destination, tmp_path: Path) -> None:
    store.put(NAME)
    (file,) = destination.find(DESCRIPTION)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        destination.download(file, tmp_path / "file" / "x.tif")


def test_twins_in_drive(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "catalog")
    with serving(tmp_path / "catalog", exports=tmp_path / "exports") as url:
        store = Store("drive", url)
        with open_destination(config("drive"), connection(url)) as drive:
            store.put(NAME)
            store.put(NAME)
            (file,) = drive.find(DESCRIPTION)  # either will do
            store.put(NAME, b"something else")
            with pytest.raises(ServiceError, match="not guessed") as caught:
                drive.find(DESCRIPTION)
            assert caught.value.reaction is Reaction.ANEW
            assert drive.find(DESCRIPTION, [f"https://drive.google.com/file/d/{file.id}/view"]) == [file]
            drive.remove(file)


def test_folders_of_one_name_in_drive(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "catalog")
    with serving(tmp_path / "catalog", exports=tmp_path / "exports") as url:
        store = Store("drive", url)
        store.put(NAME)
        files = f"{url}/drive/v3/files"
        (first,) = requests.get(files, params={"q": "name = 'gee_s1ben'"}, timeout=30).json()["files"]
        body = {"name": "gee_s1ben", "mimeType": "application/vnd.google-apps.folder"}
        other = requests.post(files, json=body, timeout=30).json()
        with open_destination(config("drive"), connection(url)) as drive:
            assert [file.name for file in drive.find(DESCRIPTION)] == [NAME]
            assert len(drive.find(DESCRIPTION, [f"https://drive.google.com/#folders/{first['id']}"])) == 1
            assert drive.find(DESCRIPTION, [f"https://drive.google.com/#folders/{other['id']}"]) == []


def test_a_bucket_that_is_not_there_is_found_before_any_work(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "catalog")
    settings = QueueSettings(buckets=["another"])
    with (
        serving(tmp_path / "catalog", exports=tmp_path / "exports", settings=settings) as url,
        open_destination(config("gcs"), connection(url)) as bucket,
        pytest.raises(AccessError, match="bucket"),
    ):
        bucket.check()


def test_a_full_drive_is_found_before_any_work(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "catalog")
    settings = QueueSettings(drive_bytes=1000)
    with serving(tmp_path / "catalog", exports=tmp_path / "exports", settings=settings) as url:
        Store("drive", url).put("something", b"x" * 1000)
        with (
            open_destination(config("drive"), connection(url)) as drive,
            pytest.raises(ServiceError, match="Not enough space in Google Drive") as caught,
        ):
            drive.check()
        assert caught.value.reaction is Reaction.PAUSE


def test_no_bucket_named() -> None:
    with (
        pytest.raises(AccessError, match="bucket"),
        open_destination(config("gcs", bucket=None), connection("http://x")),
    ):
        pass


def test_service_accounts_have_no_room_in_drive() -> None:
    account = google.oauth2.service_account.Credentials.__new__(google.oauth2.service_account.Credentials)
    with (
        pytest.raises(AccessError, match="gcs or direct"),
        open_destination(config("drive"), connection("http://127.0.0.1:1", account)),
    ):
        pass
