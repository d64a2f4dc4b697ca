"""An operation as it stands, and as the service tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

_METADATA: Final = "type.googleapis.com/google.earthengine.v1.OperationMetadata"
_EMPTY: Final = "type.googleapis.com/google.protobuf.Empty"
_WHOLE: Final = 1.0


class State(StrEnum):
    """Where an operation stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class Code(StrEnum):
    """Errors of operations, as gRPC numbers them."""

    CANCELLED = "1"
    INVALID_ARGUMENT = "3"
    INTERNAL = "13"


@dataclass(frozen=True, slots=True)
class Operation:
    """One export, from its submission to its end."""

    number: int
    """In the order of submission."""
    id: str
    project: str
    description: str
    priority: int
    request_id: str | None
    digest: str
    created: float
    updated: float
    state: State = State.PENDING
    started: float | None = None
    ended: float | None = None
    attempt: int = 0
    """How often it was tried, this time included; 0 before the first."""
    progress: float = 0.0
    eecu_seconds: float | None = None
    error_code: Code | None = None
    error: str | None = None
    uris: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in the REST interface."""
        return f"projects/{self.project}/operations/{self.id}"

    def to_json(self) -> dict[str, Any]:
        """Return the ``Operation`` that the service answers with."""
        metadata: dict[str, Any] = {
            "@type": _METADATA,
            "state": str(self.state),
            "description": self.description,
            "priority": self.priority,
            "createTime": timestamp(self.created),
            "updateTime": timestamp(self.updated),
            "type": "EXPORT_IMAGE",
            "progress": self.progress,
            "stages": _stages(self.progress),
        }
        if self.started is not None:
            metadata["startTime"] = timestamp(self.started)
        if self.ended is not None:
            metadata["endTime"] = timestamp(self.ended)
        if self.attempt:
            metadata["attempt"] = self.attempt
        if self.eecu_seconds is not None:
            metadata["batchEecuUsageSeconds"] = self.eecu_seconds
        if self.uris:
            metadata["destinationUris"] = list(self.uris)
        answer: dict[str, Any] = {"name": self.name, "metadata": metadata}
        if self.state.final:
            answer["done"] = True
            if self.error is not None and self.error_code is not None:
                answer["error"] = {"code": int(self.error_code), "message": self.error}
            else:
                answer["response"] = {"@type": _EMPTY}
        return answer


def _stages(progress: float) -> list[dict[str, Any]]:
    return [
        {
            "displayName": "Create Local Files",
            "completeWorkUnits": round(progress, 4),
            "totalWorkUnits": "1",
            "description": "Computation of image tiles.",
        },
        {
            "displayName": "Write Files to Destination",
            "completeWorkUnits": 1 if progress >= _WHOLE else 0,
            "totalWorkUnits": "1",
            "description": "Upload of files to the specified destination.",
        },
    ]


def timestamp(seconds: float) -> str:
    """Return a time as the REST interfaces write it: RFC 3339 in UTC, with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
