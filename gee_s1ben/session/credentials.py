"""Where a user's credentials and project are looked for, in the order that Earth Engine users expect."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ee
import google.oauth2.credentials
import google.oauth2.service_account

from gee_s1ben.errors import AccessError

PROJECT_VARIABLES = ("EARTHENGINE_PROJECT", "EE_PROJECT_ID", "GOOGLE_CLOUD_PROJECT")

_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105
_OLD_TOKEN_URI = "https://accounts.google.com/o/oauth2/token"  # noqa: S105
_SCOPES = (
    "https://www.googleapis.com/auth/earthengine",
    "https://www.googleapis.com/auth/cloud-platform",
)


def find_project(configured: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Find the project to bill: configured, or of the environment; an empty string counts as absent."""
    return configured or next((environment[name] for name in PROJECT_VARIABLES if environment.get(name)), None)


def find_credentials(environment: Mapping[str, str] = os.environ) -> Any:
    """Credentials for Google's service.

    ``EARTHENGINE_TOKEN`` (the JSON that ``earthengine authenticate`` stores), then a service account's key file in
    ``GOOGLE_APPLICATION_CREDENTIALS``, then what ``earthengine authenticate`` or gcloud left on this machine.

    Raises
    ------
    AccessError
        None are found, or they must not be used.
    """
    if token := environment.get("EARTHENGINE_TOKEN"):
        return _of_token(token)
    key = environment.get("GOOGLE_APPLICATION_CREDENTIALS")
    if key and (content := _service_account_key(Path(key))):
        wanted = environment.get("EARTHENGINE_SERVICE_ACCOUNT")
        if wanted and wanted != content.get("client_email"):
            raise AccessError(f"EARTHENGINE_SERVICE_ACCOUNT is {wanted}, but {key} is the key of another account")
        make: Any = google.oauth2.service_account.Credentials.from_service_account_info
        try:
            return make(content, scopes=_SCOPES)
        except ValueError:  # its text may quote the key
            raise AccessError(f"{key} holds no private key that can be used: make a new key of that account") from None
    try:
        found = ee.data.get_persistent_credentials()
    except ee.EEException as error:
        raise AccessError("no Earth Engine credentials on this machine: run 'earthengine authenticate'") from error
    if getattr(found, "token_uri", None) not in (None, _TOKEN_URI, _OLD_TOKEN_URI):
        raise AccessError(
            f"the credentials on this machine ask for tokens at a place other than {_TOKEN_URI}: not used; run "
            "'earthengine authenticate'"
        )
    return found


def _of_token(token: str) -> Any:
    try:
        stored = json.loads(token)
        refresh_token = stored["refresh_token"]
    except (ValueError, KeyError, TypeError):
        raise AccessError(
            "EARTHENGINE_TOKEN is not the JSON that 'earthengine authenticate' stores in ~/.config/earthengine"
        ) from None
    make: Any = google.oauth2.credentials.Credentials
    return make(
        None,
        refresh_token=refresh_token,
        token_uri=_TOKEN_URI,
        client_id=stored.get("client_id", ee.oauth.CLIENT_ID),
        client_secret=stored.get("client_secret", ee.oauth.CLIENT_SECRET),
        scopes=stored.get("scopes", _SCOPES),
        quota_project_id=stored.get("project"),
    )


def _service_account_key(path: Path) -> dict[str, Any] | None:
    """Read the key, or None when the file holds another kind of credentials."""
    try:
        content = json.loads(path.read_text("utf-8"))
        mode = path.stat().st_mode
    except (OSError, ValueError):
        raise AccessError(f"GOOGLE_APPLICATION_CREDENTIALS names {path}, which is not a readable JSON file") from None
    if not isinstance(content, dict):
        return None
    if mode & stat.S_IROTH and ("private_key" in content or "refresh_token" in content):
        raise AccessError(f"{path} holds a private key and can be read by everybody: run 'chmod 600 {path}' first")
    if content.get("type") != "service_account":
        return None
    if content.get("token_uri") != _TOKEN_URI:
        raise AccessError(f"{path} asks for tokens at a place other than {_TOKEN_URI}: not used")
    return content
