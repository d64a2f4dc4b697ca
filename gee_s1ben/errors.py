"""Every error this package raises on purpose.

::

    GeeS1benError
    ├── InputError                 something the user gave is wrong; exit code 2
    │   ├── ConfigError            config.yaml: a key, named with its line
    │   ├── NamingError            a name that breaks the naming rules it claims to follow
    │   ├── CatalogError           a scene or a catalog on disk that cannot be used
    │   ├── RasterError            a raster that is unreadable, truncated or not on its grid
    │   │   └── IncompleteRasterError  files of it are missing, and may still come
    │   └── WorkspaceError         a folder held by another run, or holding something else
    ├── EmptyDatasetError          not one patch can be made of what was fetched; exit code 1
    ├── StorageError               the disk: full, read-only, failing
    │   └── LedgerError            the ledger is missing, or of another version
    │       └── BrokenLedgerError  the ledger is broken; it can be rebuilt
    ├── ServiceError               Earth Engine answered with an error (or not at all)
    │   └── AccessError            only the user can fix it: credentials, registration, permission
    └── EngineError                the embedded service refuses a graph; becomes Earth Engine's JSON error
        └── UnknownAlgorithmError  an algorithm that the embedded service does not have

An error's text is one line that says what is wrong, where, and what to do about it.
"""

from __future__ import annotations

from enum import StrEnum


class Reaction(StrEnum):
    """What helps against a failure of the service; :mod:`gee_s1ben.session.failures` says which helps against which."""

    RETRY = "retry"
    """Ask again after a while."""
    SLOW_DOWN = "slow down"
    """Ask again after a while, and fewer things at a time."""
    SMALLER = "smaller"
    """Ask for the halves, once."""
    HOLD = "hold"
    """The queue is full: submit nothing until it drains."""
    FAIL = "fail"
    """Asking again cannot help: this job fails, others go on."""
    ABSENT = "absent"
    """There is no such data: the absence is recorded, and not asked for again."""
    PAUSE = "pause"
    """The destination takes nothing now: pause it, others go on."""
    ANEW = "anew"
    """One more attempt with a new request id, and no other."""
    ATTACH = "attach"
    """It was started already: find the operation and go on with it."""
    STOP = "stop"
    """Only the user can fix it: stop."""


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


class IncompleteRasterError(RasterError):
    """Some of the files that a raster comes in are missing; they may be late."""


class WorkspaceError(InputError):
    """A folder that another run holds, or that holds something else."""


class EmptyDatasetError(GeeS1benError):
    """Not one patch can be made of what was fetched: nothing given was wrong, and there is no dataset."""

    exit_code = 1


class StorageError(GeeS1benError):
    """The disk is full, read-only or failing."""


class LedgerError(StorageError):
    """The ledger is missing, broken, or was written by another version."""


class BrokenLedgerError(LedgerError):
    """The ledger is not whole; it can be rebuilt from the operations and from what lies on disk."""


class ServiceError(GeeS1benError):
    """Earth Engine answered with an error, or did not answer.

    Parameters
    ----------
    message : str
        What was asked, what came back, and what to do.
    status : int or None
        The HTTP status, where there was one.
    reaction : Reaction
        What helps.
    """

    def __init__(self, message: str, status: int | None = None, reaction: Reaction = Reaction.FAIL) -> None:
        super().__init__(message)
        self.status = status
        self.reaction = reaction


class AccessError(ServiceError):
    """Credentials, registration or permission: only the user can fix it."""

    def __init__(self, message: str, status: int | None = None, reaction: Reaction = Reaction.STOP) -> None:
        super().__init__(message, status, reaction)


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
