"""Key files of every type that Google's client reads: who may read them, and where they send their secrets.

A key file says itself where its tokens are asked for, and Google's client believes it: a file from elsewhere could have
a subject token, a refresh token or a signature sent to anybody. Google's own advice is to check such files before they
are used (*Validate credential configurations from external sources*, cloud.google.com/docs/authentication).
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gee_s1ben.errors import AccessError

EXECUTABLES_VARIABLE: Final = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES"
"""Google's own: set to 1 where a key file may run a program."""

_TYPES: Final = (
    "service_account",
    "authorized_user",
    "external_account",
    "external_account_authorized_user",
    "impersonated_service_account",
)
_GOOGLE: Final = re.compile(
    r"accounts\.google\.com|www\.googleapis\.com|(?:oauth2|sts|iamcredentials)(?:\.mtls)?\.googleapis\.com"
    r"|(?:sts|iamcredentials)\.[a-z0-9-]+\.rep\.googleapis\.com"
)
"""Hosts that Google gives tokens at."""
_METADATA: Final = ("metadata.google.internal", "fd00:ec2::254")
_MOST_BYTES: Final = 1 << 20


def read_key_file(path: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Read a key file, after a look at who may read it and whom it sends its secrets to.

    Parameters
    ----------
    path : Path
        JSON of one of the types that Google's client knows, or what ``earthengine authenticate`` stores.
    environment : mapping
        Where :data:`EXECUTABLES_VARIABLE` is looked for.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    AccessError
        It cannot be read, others than its owner can read it, or it must not be used. The text holds no secrets.
    """
    try:
        # Not blocking: in the place of a file there may be a pipe that nobody writes to.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except (OSError, ValueError):
        raise AccessError(f"the key file {path} cannot be read: check its permissions") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise AccessError(f"the key file {path} is not a file")
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise AccessError(f"the key file {path} can be used by others than its owner: run 'chmod 600 {path}' first")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(_MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    try:
        content = json.loads(data) if len(data) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise AccessError(f"the key file {path} is not a readable JSON file: make a new one")
    _check(path, content, environment)
    return content


def _check(path: Path, content: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    if "type" not in content:  # what 'earthengine authenticate' stores: places in it are not heeded
        return
    for part in (content, content.get("source_credentials")):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind is not None and kind not in _TYPES:
            raise AccessError(f"{path} is a key of a type that is not used here; these are: {', '.join(_TYPES)}")
    for name, value in _fields(content):
        field = name.rpartition(".")[2]
        own = name.rpartition(".credential_source.")[0] or name.startswith("credential_source.")
        if field == "executable" and environment.get(EXECUTABLES_VARIABLE) != "1":
            raise AccessError(
                f"{path} runs a program for its tokens ({name}): not used unless {EXECUTABLES_VARIABLE}=1"
            )
        if field == "universe_domain" and value != "googleapis.com":
            raise AccessError(f"{path} is for another cloud than googleapis.com ({name}): not used")
        if not re.search(r"(?:^|_)ur[il]$", field) or value is None:
            continue
        if own and not _gives_subject_tokens(value):
            raise AccessError(f"{path} asks for its own token unencrypted ({name}): not used")
        if not own and not _is_googles(value):
            raise AccessError(f"{path} asks for tokens at a place that is not Google's ({name}): not used")


def _fields(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every field, nested ones as ``outer.inner``."""
    for key, value in content.items():
        yield f"{prefix}{key}", value
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, dict):
                yield from _fields(entry, f"{prefix}{key}.")


def _is_googles(url: object) -> bool:
    """Whether a URL is of a place where Google gives tokens."""
    try:
        parts = urlsplit(str(url))
        port = parts.port
    except ValueError:
        return False
    host = parts.netloc.removesuffix(":443")  # with a name or password in it, it is no host of the list
    return parts.scheme == "https" and port in (None, 443) and _GOOGLE.fullmatch(host) is not None


def _gives_subject_tokens(url: object) -> bool:
    """Whether a token of one's own may be asked for at a URL: encrypted, or of the machine's own cloud."""
    try:
        parts = urlsplit(str(url))
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    try:
        near = ip_address(host).is_link_local or ip_address(host).is_loopback
    except ValueError:
        near = host == "localhost"
    return parts.scheme == "http" and (near or host in _METADATA)
