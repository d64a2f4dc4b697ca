"""Every error this package raises on purpose.

::

    GeeS1benError
    ├── InputError                 something the user gave is wrong; exit code 2
    │   ├── ConfigError            config.yaml: a key, named with its line
    │   ├── NamingError            a name that breaks the naming rules it claims to follow
    │   ├── CatalogError           a scene or a catalog on disk that cannot be used
    │   ├── RasterError            a raster that is unreadable, truncated or not on its grid
    │   └── WorkspaceError         a folder held by another run, or holding something else
    ├── StorageError               the disk: full, read-only, failing
    ├── ServiceError               Earth Engine answered with an error (or not at all)
    │   └── AccessError            only the user can fix it: credentials, registration, permission
    └── EngineError                the embedded service refuses a graph; becomes Earth Engine's JSON error
        └── UnknownAlgorithmError  an algorithm that the embedded service does not have

An error's text is one line that says what is wrong, where, and what to do about it.
"""

from __future__ import annotations


class GeeS1benWarning(UserWarning):
    """Something odd that did not stop the work."""


class GeeS1benError(Exception):
    """Base of all errors of this package; its text is meant for the user."""

    exit_code = 2


class InputError(GeeS1benError):
    """Something the user gave is wrong."""


class ConfigError(InputError):
    """A missing, unknown or broken key of ``config.yaml``."""


class NamingError(InputError):
    """A name that breaks the naming rules it claims to follow."""


class CatalogError(InputError):
    """A scene or a catalog on disk that cannot be used."""


class RasterError(InputError):
    """A raster that is unreadable, truncated or not on the grid it should have."""


class WorkspaceError(InputError):
    """A folder that another run holds, or that holds something else."""


class StorageError(GeeS1benError):
    """The disk is full, read-only or failing."""


class ServiceError(GeeS1benError):
    """Earth Engine answered with an error, or did not answer.

    Parameters
    ----------
    message : str
        What was asked, what came back, and what to do.
    status : int or None
        The HTTP status, where there was one.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class AccessError(ServiceError):
    """Credentials, registration or permission: only the user can fix it."""


class EngineError(GeeS1benError):
    """The embedded service refuses a graph, as Earth Engine would.

    Parameters
    ----------
    message : str
        Earth Engine's own sentence where one is known.
    status : int
        The HTTP status of the answer.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class UnknownAlgorithmError(EngineError):
    """An algorithm that the embedded service does not have."""
