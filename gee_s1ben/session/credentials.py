"""Where a user's credentials and project are looked for, in the order that Earth Engine users expect."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ee
import google.auth._cloud_sdk
import google.auth.exceptions
import google.oauth2.credentials
import google.oauth2.service_account

from gee_s1ben.errors import AccessError, Reaction, ServiceError
from gee_s1ben.session.failures import readable
from gee_s1ben.session.key_files import read_key_file

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
    ServiceError
        They cannot be tried: there is no network.
    """
    if token := environment.get("EARTHENGINE_TOKEN"):
        return _of_token(token)
    key = environment.get("GOOGLE_APPLICATION_CREDENTIALS")
    if key and (content := _service_account_key(Path(key), environment)):
        wanted = environment.get("EARTHENGINE_SERVICE_ACCOUNT")
        if wanted and wanted != content.get("client_email"):
            raise AccessError(f"EARTHENGINE_SERVICE_ACCOUNT is {wanted}, but {key} is the key of another account")
        make: Any = google.oauth2.service_account.Credentials.from_service_account_info
        try:
            return make(content, scopes=_SCOPES)
        except ValueError:  # its text may quote the key
            raise AccessError(f"{key} holds no private key that can be used: make a new key of that account") from None
    _check_stored(environment)
    try:
        found = ee.data.get_persistent_credentials()
    except ee.EEException as error:
        raise AccessError("no Earth Engine credentials on this machine: run 'earthengine authenticate'") from error
    except google.auth.exceptions.GoogleAuthError as error:  # the client tries what it has found
        raise _not_signed_in(error) from error
    if getattr(found, "token_uri", None) not in (None, _TOKEN_URI, _OLD_TOKEN_URI):
        raise AccessError(
            f"the credentials on this machine ask for tokens at a place other than {_TOKEN_URI}: not used; run "
            "'earthengine authenticate'"
        )
    return found


def _check_stored(environment: Mapping[str, str]) -> None:
    """Look at the files of which the client takes the first that there is.

    Raises
    ------
    AccessError
        It must not be used.
    """
    stored: Any = ee.oauth.get_credentials_path
    default: Any = google.auth._cloud_sdk.get_application_default_credentials_path  # noqa: SLF001
    for path in (stored(), environment.get("GOOGLE_APPLICATION_CREDENTIALS"), default()):
        try:
            content = read_key_file(Path(path), environment) if path else {}
        except FileNotFoundError:
            continue
        if content.get("refresh_token") or content.get("type"):
            return


def _not_signed_in(error: google.auth.exceptions.GoogleAuthError) -> ServiceError:
    """Return why stored credentials gave no token: mostly that there is no network."""
    if isinstance(error, google.auth.exceptions.TransportError):
        found = error.args[0] if error.args else error
        reason = getattr(found, "reason", None)
        told = type(reason or found).__name__
        return ServiceError(
            f"signing in: Google's place for tokens does not answer ({told}) — check the network and run again",
            reaction=Reaction.RETRY,
        )
    return AccessError(f"signing in: {readable(error)} — run 'earthengine authenticate'")


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


def _service_account_key(path: Path, environment: Mapping[str, str]) -> dict[str, Any] | None:
    """Read the key, or None when the file holds another kind of credentials."""
    try:
        content = read_key_file(path, environment)
    except FileNotFoundError:
        raise AccessError(f"GOOGLE_APPLICATION_CREDENTIALS names {path}, which is not there") from None
    if content.get("type") != "service_account":
        return None
    if content.get("token_uri") != _TOKEN_URI:  # such keys are made with this one alone
        raise AccessError(f"{path} asks for tokens at a place other than {_TOKEN_URI}: not used")
    return content
