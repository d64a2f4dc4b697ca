"""The discovery document: the client's own, brought to where and what this service is."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

from gee_s1ben.engine.signatures import discovery_document

VERSION: Final = "v1"
_SHIPPED_VERSION: Final = "v1alpha"
_MISSING_PARAMETERS: Final = {"filter": "string", "view": "string"}
"""What ``listAssets`` takes by its documentation, and the shipped document lacks."""


@lru_cache(maxsize=8)
def discovery(base_url: str) -> bytes:
    """Return the document for a service at a base URL."""
    document = _renamed(discovery_document())
    document.update(rootUrl=f"{base_url}/", baseUrl=f"{base_url}/", servicePath="", version=VERSION)
    document["id"] = f"earthengine:{VERSION}"
    document.pop("mtlsRootUrl", None)
    listing = document["resources"]["projects"]["resources"]["assets"]["methods"]["listAssets"]["parameters"]
    for name, type_ in _MISSING_PARAMETERS.items():
        listing.setdefault(name, {"description": "", "location": "query", "type": type_})
    return json.dumps(document).encode()


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with its version in all paths."""
    text = json.dumps(document).replace(f'"{_SHIPPED_VERSION}/', f'"{VERSION}/')
    renamed: dict[str, Any] = json.loads(text)
    return renamed
