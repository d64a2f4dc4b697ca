"""Sentinel-1 patches to match Sentinel-2's: BigEarthNet-S1 and its kin, made with one command."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gee_s1ben.dataset.stored import Dataset, open_dataset

__all__ = ["Dataset", "__version__", "open_dataset"]
__version__ = "0.1.0"

_HOMES = {"Dataset": "gee_s1ben.dataset.stored", "open_dataset": "gee_s1ben.dataset.stored"}


def __getattr__(name: str) -> Any:
    """Load what the package offers when it is first asked for; to import the package alone stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
