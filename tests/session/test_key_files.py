"""Key files of every type: whom they send secrets to, who may read them, and what the client makes of good ones."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import ee
import google.auth
import google.auth.exceptions
import pytest
import requests

from gee_s1ben.errors import AccessError, Reaction, ServiceError
from gee_s1ben.session.credentials import find_credentials
from gee_s1ben.session.key_files import read_key_file

USER = {"type": "authorized_user", "refresh_token": "CANARY", "client_id": "i", "client_secret": "CANARY"}
EXTERNAL = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "token_info_url": "https://sts.googleapis.com/v1/introspect",
    "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
    "a@p.iam.gserviceaccount.com:generateAccessToken",
    "credential_source": {"url": "http://169.254.169.254/metadata/identity", "headers": {"Metadata": "True"}},
}
EXTERNAL_USER = {
    "type": "external_account_authorized_user",
    "refresh_token": "CANARY",
    "client_id": "i",
    "client_secret": "CANARY",
    "token_url": "https://sts.europe-west1.rep.googleapis.com/v1/oauthtoken",
    "token_info_url": "https://sts.googleapis.com/v1/introspect",
    "revoke_url": "https://sts.googleapis.com/v1/revoke",
}
IMPERSONATED = {
    "type": "impersonated_service_account",
    "service_account_impersonation_url": EXTERNAL["service_account_impersonation_url"],
    "source_credentials": USER,
}
SERVICE = {
    "type": "service_account",
    "private_key": "CANARY",
    "client_email": "a@p.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
    "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/a%40p.iam.gserviceaccount.com",
    "universe_domain": "googleapis.com",
}
GOOD = [SERVICE, USER, EXTERNAL, EXTERNAL_USER, IMPERSONATED, {**IMPERSONATED, "source_credentials": EXTERNAL}]


def written(folder: Path, content: object, mode: int = 0o600) -> Path:
    path = folder / "key.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)
    return path


@pytest.mark.parametrize("content", GOOD, ids=lambda content: content["type"])
def test_what_google_makes_is_read(tmp_path: Path, content: dict[str, Any]) -> None:
    assert read_key_file(written(tmp_path, content)) == content


@pytest.mark.parametrize("content", GOOD, ids=lambda content: content["type"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_others_may_not_read_it(tmp_path: Path, content: dict[str, Any], mode: int) -> None:
    with pytest.raises(AccessError, match="chmod 600") as caught:
        read_key_file(written(tmp_path, content, mode))
    assert "CANARY" not in str(caught.value)


PLACES = [
    "http://sts.googleapis.com/v1/token",
    "https://evil.example/token",
    "https://sts.googleapis.com.evil.example/",
    "https://sts.googleapis.com@evil.example/",
    "https://evil.example/sts.googleapis.com",
    "https://sts.googleapis.com:8443/v1/token",
    "https://storage.googleapis.com/evil/token",
    "https://sts.evil.example.rep.googleapis.com.evil/",
    "//evil.example",
    "file:///etc/passwd",
    "",
    7,
]


@pytest.mark.parametrize("place", PLACES)
def test_places_that_are_not_googles(tmp_path: Path, place: object) -> None:
    """Every field of every type that names a place, nested ones too."""

    def variants(content: dict[str, Any]) -> list[dict[str, Any]]:
        found = [{**content, key: place} for key in content if key.endswith(("_uri", "_url"))]
        found += [{**content, "token_uri": place}, {**content, "some_new_url": place}]
        if "source_credentials" in content:
            found += [{**content, "source_credentials": inner} for inner in variants(content["source_credentials"])]
        return found

    for content in GOOD:
        for variant in variants(content):
            with pytest.raises(AccessError, match="not Google's") as caught:
                read_key_file(written(tmp_path, variant))
            assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"credential_source": {"url": "http://evil.example/"}}, "unencrypted"),
        ({"credential_source": {"url": "ftp://127.0.0.1/"}}, "unencrypted"),
        ({"credential_source": {"executable": {"command": "/bin/sh"}}}, "runs a program"),
        ({"credential_source": {"environment_id": "aws1", "region_url": "http://evil.example/"}}, "unencrypted"),
        ({"universe_domain": "evil.example"}, "another cloud"),
        ({"type": "gdch_service_account"}, "of a type"),
        ({"type": ["service_account"]}, "of a type"),
    ],
)
def test_other_ways_out(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    for content in (EXTERNAL | change, IMPERSONATED | {"source_credentials": EXTERNAL | change}):
        with pytest.raises(AccessError, match=message):
            read_key_file(written(tmp_path, content))


def test_a_program_may_run_where_google_is_told_so(tmp_path: Path) -> None:
    content = EXTERNAL | {"credential_source": {"executable": {"command": "/usr/bin/token"}}}
    assert read_key_file(written(tmp_path, content), {"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1"}) == content


def test_what_is_no_key_file(tmp_path: Path) -> None:
    for content in ("CANARY", "[]", "[" * 100_000, "\0", '"x"', " " * (1 << 21)):
        with pytest.raises(AccessError, match="JSON") as caught:
            read_key_file(written(tmp_path, content))
        assert "CANARY" not in str(caught.value)
    with pytest.raises(AccessError, match="not a file"):
        read_key_file(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(AccessError, match="not a file"):
        read_key_file(tmp_path / "pipe")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "True")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    return tmp_path


def stored(home: Path, where: str, content: object, mode: int = 0o600) -> Path:
    folder = home / where
    folder.mkdir(parents=True)
    path = written(folder, content, mode)
    return path.rename(folder / ("credentials" if "earthengine" in where else "application_default_credentials.json"))


def no_network(*_: Any, **__: Any) -> None:
    raise requests.exceptions.ConnectionError("[Errno -3] Temporary failure in name resolution")


def test_no_network_with_a_normal_sign_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(home, ".config/earthengine", {"refresh_token": "1//CANARY", "redirect_uri": "http://localhost:8085"})
    monkeypatch.setattr(requests.Session, "request", no_network)
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda _: None)
    with pytest.raises(ServiceError, match="check the network") as caught:
        find_credentials({})
    assert caught.value.reaction is Reaction.RETRY
    assert "\n" not in str(caught.value)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("where", [".config/earthengine", "gcloud"])
def test_stored_credentials_that_others_may_read(home: Path, where: str) -> None:
    stored(home, where, {"refresh_token": "CANARY", "client_id": "i", "client_secret": "s"} | USER, 0o644)
    with pytest.raises(AccessError, match="chmod 600"):
        find_credentials({})


def test_nobody_is_asked_before_the_file_was_looked_at(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's client sends the subject token while it looks for the project."""
    asked: list[str] = []

    def request(_: requests.Session, method: str, url: str, **__: Any) -> None:
        asked.append(f"{method} {url}")
        raise requests.exceptions.ConnectionError("no")

    monkeypatch.setattr(requests.Session, "request", request)
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda _: None)
    (home / "token").write_text("CANARY")
    evil = EXTERNAL | {"token_url": "http://evil.example/", "credential_source": {"file": str(home / "token")}}
    path = written(home, evil)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(AccessError, match="not Google's"):
        find_credentials({"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    assert asked == []
    written(home, evil | {"token_url": EXTERNAL["token_url"]})
    with pytest.raises(ServiceError) as caught:
        find_credentials({"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    assert "CANARY" not in str(caught.value)
    assert {line.split("/")[2] for line in asked} <= {"sts.googleapis.com", "cloudresourcemanager.googleapis.com"}


def test_broken_stored_credentials(home: Path) -> None:
    stored(home, ".config/earthengine", "{")
    with pytest.raises(AccessError, match="JSON"):
        find_credentials({})


def test_other_troubles_of_signing_in(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    def refused() -> None:
        raise google.auth.exceptions.MalformedError("Bad\nfile, token=CANARY")

    monkeypatch.setattr(ee.data, "get_persistent_credentials", refused)
    with pytest.raises(AccessError, match="earthengine authenticate") as caught:
        find_credentials({})
    assert "\n" not in str(caught.value)
    assert "CANARY" not in str(caught.value)
