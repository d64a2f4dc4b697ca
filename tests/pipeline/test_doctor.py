"""What is looked at before work starts, against states that are made on purpose."""

from __future__ import annotations

import importlib.metadata
import json
import os
import time
from pathlib import Path

import pytest

from gee_s1ben.config import Config, load_config
from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.engine.exports.settings import QueueSettings
from gee_s1ben.engine.service import serving
from gee_s1ben.pipeline import doctor
from gee_s1ben.pipeline.doctor import Check, Level
from gee_s1ben.pipeline.notifying import VARIABLE
from gee_s1ben.pipeline.workspace import Workspace
from gee_s1ben.session import probing

PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"


def configured(folder: Path, *overrides: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(f"tiles: [{PRODUCT}]\n", "utf-8")
    return load_config(path, overrides)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doctor") / "catalog"
    Catalog.create(folder)
    return folder


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_all_is_well(tmp_path: Path, catalog: Path) -> None:
    config = configured(tmp_path, f"embedded.catalog={catalog}", "export.transport=gcs", "export.bucket=bucket")
    checks = by_name(list(doctor.examine(config)))
    assert list(checks) == [
        "versions", "disk space", "folders", "notifications", "service", "clock", "operations", "destination", "budget",
    ]  # fmt: skip
    assert [check.name for check in checks.values() if check.level is Level.TODO] == []
    assert "gs://bucket/gee_s1ben" in checks["destination"].found
    assert not config.dataset.path.exists()


def test_a_bucket_that_may_not_be_written_to(tmp_path: Path, catalog: Path) -> None:
    with serving(catalog, exports=tmp_path / "exports", settings=QueueSettings(buckets=["mine"])) as url:
        places = (f"embedded.catalog={catalog}", f"embedded.url={url}", "export.transport=gcs")
        here = by_name(list(doctor.examine(configured(tmp_path, *places, "export.bucket=mine"))))
        assert here["destination"].level is Level.OK
        there = by_name(list(doctor.examine(configured(tmp_path, *places, "export.bucket=theirs"))))
        assert there["destination"].level is Level.TODO
        assert "theirs" in there["destination"].found + there["destination"].advice


def test_no_service(tmp_path: Path) -> None:
    checks = list(doctor.examine(configured(tmp_path)))  # no catalog
    assert checks[-1].name == "service"
    assert checks[-1].level is Level.TODO
    assert "catalog" in checks[-1].found


def test_versions() -> None:
    real = doctor.check_versions()
    assert real.level is Level.OK
    asked = ["numpy>=2", "other==1.5", "not-there>=1", 'extra-only>=9; extra == "x"']
    have = {"numpy": "1.26", "other": "1.5"}

    def version(name: str) -> str:
        try:
            return have[name]
        except KeyError:
            raise importlib.metadata.PackageNotFoundError(name) from None

    found = doctor.check_versions(lambda _name: asked, version)
    assert found.level is Level.TODO
    assert found.found == "numpy is 1.26 instead of >=2; not-there is missing"
    assert found.advice.startswith("pip install")

    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    assert doctor.check_versions(missing).level is Level.NOTE


@pytest.mark.parametrize(
    ("offset", "level"),
    [(0, Level.OK), (60, Level.NOTE), (-60, Level.NOTE), (86_400, Level.TODO), (-86_400, Level.TODO)],
)
def test_clock(offset: float, level: Level, catalog: Path) -> None:
    with serving(catalog) as url:
        found = doctor.check_clock(url, lambda: time.time() + offset)
    assert found.level is level
    if offset:
        assert ("ahead" in found.found) == (offset > 0)
    if level is Level.TODO:
        assert "set it" in found.advice


def test_a_clock_that_cannot_be_compared() -> None:
    found = doctor.check_clock("http://127.0.0.1:9")
    assert (found.level, found.name) == (Level.NOTE, "clock")


def test_disk_space(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (unknown,) = doctor.check_disk(config, lambda _path: 10**12)
    assert unknown.level is Level.NOTE
    assert "after 'plan'" in unknown.found


def test_disk_space_against_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr(doctor, "forecast", lambda *_: SimpleNamespace(owed=SimpleNamespace(bytes=10**9)))
    config = configured(tmp_path)
    (enough,) = doctor.check_disk(config, lambda _path: 3 * 10**9)
    assert enough.level is Level.OK
    (short,) = doctor.check_disk(config, lambda _path: 3 * 10**9 - 1)
    assert short.level is Level.TODO
    assert "free some space" in short.advice
    other = Path("/dev/shm")  # noqa: S108 - another disk, of which only the size is asked
    if other.is_dir() and other.stat().st_dev != tmp_path.stat().st_dev:
        config = configured(tmp_path, f"workspace={other / 'gee-s1ben-not-made'}")
        levels = [one.level for one in doctor.check_disk(config, lambda path: 2 * 10**9 if path == other else 10**9)]
        assert levels == [Level.OK, Level.OK]


def test_folders(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert "can be made" in doctor.check_workspace(config).found
    workspace = Workspace(config.workspace_path)
    with workspace.held():
        held = doctor.check_workspace(config)
        assert held.level is Level.NOTE
        assert f"in use by process {os.getpid()}" in held.found
    assert doctor.check_workspace(config).level is Level.OK
    foreign = configured(tmp_path, f"workspace={tmp_path / 'foreign'}")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").write_text("x")
    assert doctor.check_workspace(foreign).level is Level.TODO
    file = configured(tmp_path, f"workspace={tmp_path / 'config.yaml' / 'below'}")
    assert doctor.check_workspace(file).level is Level.TODO


def test_notifications(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.check_notifications({}).level is Level.OK
    found = doctor.check_notifications({VARIABLE: "json://canary json://canary"})
    assert found.level is Level.OK
    assert "2 addresses" in found.found
    assert "canary" not in repr(found)

    found = doctor.check_notifications({VARIABLE: "json://canary foo://canary"})
    assert (found.level, "canary" in repr(found)) == (Level.TODO, False)
    told: list[str] = []
    monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.send", lambda *_, title, **__: bool(told.append(title)))
    found = doctor.check_notifications({VARIABLE: "json://canary"}, send=True)
    assert (found.level, "canary" in repr(found), told) == (Level.TODO, False, ["gee-s1ben: a test"])
    monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.send", lambda *_, **__: True)
    found = doctor.check_notifications({VARIABLE: "json://canary"}, send=True)
    assert (found.level, found.found[:32]) == (Level.OK, "a test message was sent to 1 add")
    assert doctor.check_notifications({}, send=True).level is Level.TODO

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", missing)
    found = doctor.check_notifications({VARIABLE: "json://canary"})
    assert (found.level, "canary" in repr(found)) == (Level.TODO, False)
    assert "[notifications]" in found.advice


def test_project(tmp_path: Path) -> None:
    config = configured(tmp_path, "backend=earthengine")
    assert doctor.check_project(config, {}).level is Level.TODO
    assert doctor.check_project(config, {"EE_PROJECT_ID": "mine"}).found == "mine"


def service_account(folder: Path) -> Path:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "key.json"
    content = {
        "type": "service_account",
        "client_email": "robot@p.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
        "private_key": key.decode(),
    }
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    return path


def test_credentials(tmp_path: Path) -> None:
    key = service_account(tmp_path)
    environment = {"GOOGLE_APPLICATION_CREDENTIALS": str(key)}
    config = configured(tmp_path, "backend=earthengine", "export.transport=gcs", "export.bucket=bucket")
    assert doctor.check_credentials(config, environment) == Check(
        "credentials", Level.OK, "service account robot@p.iam.gserviceaccount.com"
    )
    drive = doctor.check_credentials(configured(tmp_path, "export.transport=drive"), environment)
    assert drive.level is Level.TODO
    assert "gcs" in drive.advice
    key.write_text(key.read_text().replace("PRIVATE KEY", "NO KEY"))
    broken = doctor.check_credentials(config, environment)
    assert broken.level is Level.TODO
    assert "make a new key" in broken.advice + broken.found
    key.chmod(0o644)
    open_to_all = doctor.check_credentials(config, environment)
    assert open_to_all.level is Level.TODO
    assert "chmod 600" in open_to_all.found + open_to_all.advice


def test_without_project_or_credentials_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EARTHENGINE_PROJECT", "EE_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", "EARTHENGINE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(doctor, "GOOGLE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(doctor, "connect", lambda _config: pytest.fail("it was asked"))
    checks = by_name(list(doctor.examine(configured(tmp_path, "backend=earthengine"))))
    assert checks["project"].level is Level.TODO
    assert checks["service"].level is Level.NOTE


def test_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(tmp_path)
    assert "after 'plan'" in doctor.check_budget(config).found


def test_a_service_that_computes_wrongly(monkeypatch: pytest.MonkeyPatch, ee_session: str) -> None:
    from gee_s1ben.errors import ServiceError

    probing.check_computing()
    monkeypatch.setattr(probing, "compute_value", lambda *_: 3)
    with pytest.raises(ServiceError, match="is this Earth Engine"):
        probing.check_computing()
