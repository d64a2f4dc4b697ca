"""Rows 57 to 61, as far as a service or a destination is hostile; files are in the tests of their rooms."""

from __future__ import annotations

import ast
import json
import logging
from pathlib import Path

import fault_effects as effects
import pytest
import yaml
from fault_arena import Arena
from fault_bearer import Bearer
from fault_remote import Bucket, DriveFolder

import gee_s1ben
from gee_s1ben.config import load_config
from gee_s1ben.errors import AccessError, ConfigError, GeeS1benError, NamingError, ServiceError

JOBS = 3


def outside(arena: Arena) -> set[str]:
    """All files around the arena that are not its own."""
    return {str(path) for path in arena.folder.parent.rglob("*") if arena.folder not in path.parents}


@pytest.mark.row(57)
@pytest.mark.parametrize("transport", ["gcs", "drive"])
def test_hostile_names_at_a_destination(new_arena, report, transport: str) -> None:
    arena = new_arena(transport, seconds=30)
    arena.poll()
    arena.world.now += 600
    (arena.folder.parent / "journal").touch()
    before = {path for path in outside(arena) if "exports of" not in path}
    descriptions = [one["metadata"]["description"] for one in arena.operations()]
    ends = (
        "/../../../evil.tif",
        "\\..\\..\\evil.tif",
        "-0000000000-0000000000.tif/../../evil.tif",
        "x" * 200 + ".tif",
        "",
    )
    for description in descriptions:
        for end in ends:
            if transport == "gcs":
                Bucket(arena).put(f"gee_s1ben/{description}{end}", b"evil")
            else:
                parents = DriveFolder(arena).files()[0]["parents"]
                DriveFolder(arena).put(f"{description}{end}", parents, b"evil")
    arena.export()
    assert arena.finish().findings == ()
    assert arena.identical()
    assert len(arena.operations()) == JOBS
    assert {path for path in outside(arena) if "exports of" not in path} == before
    assert not [path for path in arena.folder.rglob("*") if "evil" in path.name]
    report("objects with such names beside our own are passed over, and no remote name becomes a path", arena)


@pytest.mark.row(57)
@pytest.mark.parametrize("name", ["../x", "S2A\0", "S2A_MSIL2A_" + "7" * 289])
def test_hostile_names_of_products(name: str, report) -> None:
    from gee_s1ben.domain.naming import S2ProductName

    with pytest.raises(NamingError) as failed:
        S2ProductName.parse(name)
    assert "\0" not in str(failed.value)
    assert len(str(failed.value)) < 600
    report("names of products and patches that break the naming rules are refused before they touch a path")


@pytest.mark.row(58)
def test_no_other_archives_than_zip_files_of_areas_are_unpacked(report) -> None:
    """What does not unpack cannot slip, link or swell; zip files of areas are tried in tests/footprints."""
    unpackers = {"zipfile", "tarfile", "shutil.unpack_archive", "bz2.decompress", "lzma"}
    found = set()
    for path in Path(gee_s1ben.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {(alias.name, path.name) for alias in node.names if alias.name in unpackers}
            elif isinstance(node, ast.ImportFrom) and node.module in unpackers:
                found.add((node.module, path.name))
            elif isinstance(node, ast.Attribute) and node.attr in ("unpack_archive", "extractall", "extract"):
                found.add((node.attr, path.name))
    assert found == {("zipfile", "area_files.py")}
    report("zip files of areas into numbered folders, within limits (tests/footprints); no other archive is unpacked")


@pytest.mark.row(59)
@pytest.mark.parametrize("route", ["operations", "export", "storage.list"])
def test_deep_json_of_a_service(new_arena, report, route: str) -> None:
    arena = new_arena("gcs", seconds=30)
    arena.proxy.play(route, effects.answer(200, b"[" * 200_000), (1,))
    arena.export()
    assert arena.finish().findings == ()
    assert arena.identical()
    assert len(arena.operations()) == JOBS
    report("200,000 levels of JSON from a service: no answer, asked again (pickles and XML: tests/footprints)", arena)


@pytest.mark.row(59)
@pytest.mark.parametrize(
    "text", ["tiles:\n  - !!python/object/apply:os.system [ls]\n", "tiles: " + "[" * 100_000], ids=["tag", "deep"]
)
def test_hostile_configuration(tmp_path: Path, text: str, report) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError):
        load_config(tmp_path / "config.yaml")
    report("tags and depth in YAML: one line that names it")


@pytest.mark.row(60)
def test_canary_secrets(arena: Arena, report, caplog: pytest.LogCaptureFixture) -> None:
    canaries = ("CANARYrefresh", "CANARYsecret", "CANARYaccess", "CANARYkey")
    bearer = Bearer(arena)
    bearer.credentials._refresh_token, bearer.credentials._client_secret = canaries[:2]
    answered = {"access_token": "CANARYaccess", "expires_in": 3600, "token_type": "Bearer"}
    bearer.gives(effects.answer(200, json.dumps(answered).encode()))
    # A service that repeats in its error what it was sent.
    echo = effects.error(
        401, "Invalid credentials: Authorization: Bearer CANARYaccess, key=CANARYkey, refresh_token=CANARYrefresh"
    )
    arena.proxy.rules[0].effect = echo
    logging.getLogger("gee_s1ben").addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.DEBUG), pytest.raises(GeeS1benError) as failed:
            arena.fetch(credentials=bearer.credentials)
    finally:
        logging.getLogger("gee_s1ben").removeHandler(caplog.handler)
    assert arena.proxy.count("token") >= 1
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("gee_s1ben"))
    kept = b"".join(path.read_bytes() for path in arena.folder.rglob("*") if path.is_file())
    for canary in canaries:
        assert canary not in str(failed.value)
        assert canary not in ours
        assert canary.encode() not in kept
    report("four of them, repeated by the service in its error: none in error, log, ledger or workspace")


@pytest.mark.row(61)
def test_plain_http_goes_nowhere_but_here(tmp_path: Path, report) -> None:
    from gee_s1ben.session.connection import connected

    with pytest.raises(ServiceError, match="plain http"), connected("http://192.0.2.1:8080", "p"):
        pass
    config = {
        "embedded": {"url": "http://192.0.2.1:8080"},
        "tiles": [{"tile": "33UUP", "acquired": "2017-06-13T10:10:31Z"}],
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigError, match=r"embedded\.url"):
        load_config(tmp_path / "config.yaml")
    report("plain http to another machine is refused, by configuration and by connection")


@pytest.mark.row(61)
@pytest.mark.parametrize(("change", "mode"), [({}, 0o644), ({"token_uri": "https://evil.example/token"}, 0o600)])
def test_keys_that_are_not_used(tmp_path: Path, report, change: dict[str, str], mode: int) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from gee_s1ben.session.credentials import find_credentials

    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = {
        "type": "service_account",
        "client_email": "a@b",
        "private_key": private.decode(),
        "token_uri": "https://oauth2.googleapis.com/token",
        **change,
    }
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key))
    path.chmod(mode)
    with pytest.raises(AccessError, match=r"chmod 600|tokens at a place"):
        find_credentials({"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    report("a key that everybody may read, and one that asks for tokens elsewhere: refused")
