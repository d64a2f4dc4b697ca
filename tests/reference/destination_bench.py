"""Destinations on an embedded service or on any server, and files put there as exports would be."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal
from urllib.parse import quote

import google.auth.credentials
import requests

from gee_s1ben.config.model import Config
from gee_s1ben.session.connection import Connection
from gee_s1ben.session.transport import Transport

Kind = Literal["drive", "gcs"]
KINDS: tuple[Kind, ...] = ("drive", "gcs")

CONTENT = os.urandom(300_001)
DESCRIPTION = "33UUP_20170613T101031-S1A_017022-c000000_r000000_1200x1200-s1ben-12345678-0123456789abcdef-1-0"
NAME = f"{DESCRIPTION}.tif"


def connection(url: str, credentials: Any = None) -> Connection:
    anonymous: Any = google.auth.credentials.AnonymousCredentials
    return Connection("embedded", url, "embedded", "", credentials or anonymous(), Transport(direct=True))


def config(kind: Kind, **export: Any) -> Config:
    return Config.model_validate(
        {
            "tiles": [{"tile": "33UUP", "acquired": "2017-06-13T10:10:31Z"}],
            "export": {"transport": kind, "bucket": "a-bucket", "prefix": "a/prefix", **export},
        }
    )


class Store:
    """An embedded service, and files put there as its exports would be."""

    def __init__(self, kind: Kind, url: str) -> None:
        self.kind = kind
        self.url = url

    def put(self, name: str, content: bytes = CONTENT, folder: str = "gee_s1ben") -> None:
        if self.kind == "gcs":
            address = f"{self.url}/upload/storage/v1/b/a-bucket/o?uploadType=media&name={quote(f'a/prefix/{name}', '')}"
            requests.post(address, data=content, timeout=30).raise_for_status()
            return
        files = f"{self.url}/drive/v3/files"
        found = requests.get(files, params={"q": f"name = '{folder}'"}, timeout=30).json()["files"]
        if not found:
            body = {"name": folder, "mimeType": "application/vnd.google-apps.folder"}
            found = [requests.post(files, json=body, timeout=30).json()]
        body = {"name": name, "parents": [found[0]["id"]]}
        parts = (
            b"--x\r\nContent-Type: application/json\r\n\r\n"
            + json.dumps(body).encode()
            + b"\r\n--x\r\nContent-Type: image/tiff\r\n\r\n"
            + content
            + b"\r\n--x--\r\n"
        )
        answer = requests.post(
            f"{self.url}/upload/drive/v3/files?uploadType=multipart",
            data=parts,
            headers={"Content-Type": "multipart/related; boundary=x"},
            timeout=30,
        )
        answer.raise_for_status()


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
