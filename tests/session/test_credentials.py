"""Where credentials and project come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ee
import google.oauth2.credentials
import pytest

from gee_s1ben.errors import AccessError
from gee_s1ben.session.credentials import find_credentials, find_project


def test_project() -> None:
    environment = {"EARTHENGINE_PROJECT": "", "EE_PROJECT_ID": "second", "GOOGLE_CLOUD_PROJECT": "third"}
    assert find_project("first", environment) == "first"
    assert find_project("", environment) == "second"
    assert find_project(None, {"GOOGLE_CLOUD_PROJECT": "third"}) == "third"
    assert find_project("", {}) is None


def test_token() -> None:
    token = {"refresh_token": "secret", "project": "p", "token_uri": "https://evil.example"}
    credentials = find_credentials({"EARTHENGINE_TOKEN": json.dumps(token)})
    assert credentials.refresh_token == "secret"
    assert credentials.token_uri == "https://oauth2.googleapis.com/token"
    with pytest.raises(AccessError) as caught:
        find_credentials({"EARTHENGINE_TOKEN": "CANARY"})
    assert "CANARY" not in str(caught.value)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "key.json"
    content = {
        "type": "service_account",
        "client_email": "me@p.iam.gserviceaccount.com",
        "private_key": private.decode(),
        "token_uri": "https://oauth2.googleapis.com/token",
        "project_id": "p",
    }
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    return path


def test_service_account(key: Path) -> None:
    environment = {"GOOGLE_APPLICATION_CREDENTIALS": str(key)}
    assert find_credentials(environment).service_account_email == "me@p.iam.gserviceaccount.com"
    with pytest.raises(AccessError, match="another account"):
        find_credentials(environment | {"EARTHENGINE_SERVICE_ACCOUNT": "you@p.iam.gserviceaccount.com"})


def test_world_readable_key_is_refused(key: Path) -> None:
    key.chmod(0o644)
    with pytest.raises(AccessError, match="chmod 600"):
        find_credentials({"GOOGLE_APPLICATION_CREDENTIALS": str(key)})


def test_foreign_token_address_is_refused(key: Path) -> None:
    content = json.loads(key.read_text()) | {"token_uri": "https://evil.example/token"}
    key.write_text(json.dumps(content))
    with pytest.raises(AccessError, match="not used"):
        find_credentials({"GOOGLE_APPLICATION_CREDENTIALS": str(key)})


def test_world_readable_refresh_token_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "user.json"
    path.write_text(json.dumps({"type": "authorized_user", "refresh_token": "CANARY", "client_id": "i"}))
    path.chmod(0o644)
    with pytest.raises(AccessError, match="chmod 600") as caught:
        find_credentials({"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    assert "CANARY" not in str(caught.value)


def test_foreign_token_address_of_stored_credentials_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    make: Any = google.oauth2.credentials.Credentials
    stored = make(None, refresh_token="CANARY", token_uri="https://evil.example/token", client_id="i")
    monkeypatch.setattr(ee.data, "get_persistent_credentials", lambda: stored)
    with pytest.raises(AccessError, match="not used") as caught:
        find_credentials({})
    assert "CANARY" not in str(caught.value)


def test_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "True")
    with pytest.raises(AccessError, match="earthengine authenticate"):
        find_credentials({})
