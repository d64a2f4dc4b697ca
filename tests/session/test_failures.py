"""What the errors of the services become."""

from __future__ import annotations

import json

import ee
import google.api_core.exceptions
import google.auth.exceptions
import googleapiclient.errors
import httplib2
import pytest

from gee_s1ben.errors import AccessError, CatalogError, Reaction, ServiceError
from gee_s1ben.session.failures import as_service_error, header_of, reaction_to_operation, readable, status_of

# The sentences of Earth Engine, Drive and Cloud Storage as they are known, and what helps against each.
KNOWN = [
    ("Project 7 is not registered to use Earth Engine.", 403, Reaction.STOP, "code.earthengine.google.com/register"),
    ("Earth Engine API has not been used in project 7 before or it is disabled.", 403, Reaction.STOP, "register"),
    (
        "Google Drive API has not been used in project 7 before or it is disabled.",
        403,
        Reaction.STOP,
        "enable that API",
    ),
    ("You are not signed up for Earth Engine", 403, Reaction.STOP, "register"),
    ("('invalid_grant: Token has been expired or revoked.', {})", None, Reaction.STOP, "earthengine authenticate"),
    ("Caller does not have required permission to use project x.", 403, Reaction.STOP, "roles"),
    ("whatever", 401, Reaction.STOP, "earthengine authenticate"),
    ("whatever", 403, Reaction.STOP, "roles"),
    ("Request had insufficient authentication scopes.", 403, Reaction.STOP, "--force"),
    ("Too Many Requests: the request rate or concurrency limit was exceeded.", 429, Reaction.SLOW_DOWN, "in_flight"),
    ("Too many concurrent aggregations.", 400, Reaction.SLOW_DOWN, "in_flight"),
    ("whatever", 429, Reaction.SLOW_DOWN, "in_flight"),
    ("User Rate Limit Exceeded", 403, Reaction.SLOW_DOWN, "in_flight"),
    ("Earth Engine capacity exceeded.", 400, Reaction.RETRY, "run again"),
    ("An internal error has occurred. Please try again.", 500, Reaction.RETRY, "run again"),
    ("whatever", 500, Reaction.RETRY, "run again"),
    (
        "An internal error has occurred in the embedded Earth Engine service (KeyError).",
        500,
        Reaction.FAIL,
        "fault of gee_s1ben",
    ),
    ("whatever", 502, Reaction.RETRY, "run again"),
    ("Service Unavailable", 503, Reaction.RETRY, "run again"),
    ("User memory limit exceeded.", 400, Reaction.SMALLER, "lower export.window_px"),
    ("Execution failed; out of memory.", 400, Reaction.SMALLER, "lower export.window_px"),
    ("Computation timed out.", 400, Reaction.SMALLER, "lower export.window_px"),
    (
        "Total request size (60000000 bytes) must be less than or equal to 50331648 bytes.",
        400,
        Reaction.SMALLER,
        "window_px",
    ),
    ("Computed value is too large.", 400, Reaction.FAIL, "export.transport"),
    (
        "Too many tasks already in the queue (3000). Please wait for some of them to complete.",
        400,
        Reaction.HOLD,
        "poll",
    ),
    ("Too many tasks already in the queue (3000).", 429, Reaction.HOLD, "poll"),
    ("Request payload size exceeds the limit: 10485760 bytes.", 400, Reaction.FAIL, "graph"),
    ("Export too large: specified 5 pixels (max: 4).", 400, Reaction.FAIL, "report"),
    (
        "Exported bands must have compatible data types; found inconsistent types: Float32 and Byte.",
        400,
        Reaction.FAIL,
        "report",
    ),
    ("Image.select: Band pattern 'VH' did not match any bands.", 400, Reaction.ABSENT, "radar.polarisations"),
    ("Image.select: applied to an Image with no bands.", 400, Reaction.ABSENT, "radar.polarisations"),
    (
        "Image.load: Image asset 'A/B' not found (does not exist or caller does not have access).",
        404,
        Reaction.FAIL,
        "check",
    ),
    ("Not enough space in Google Drive.", 403, Reaction.PAUSE, "make room"),
    ("The user's Drive storage quota has been exceeded.", 403, Reaction.PAUSE, "make room"),
    ("Service Accounts do not have storage quota.", 403, Reaction.STOP, "gcs"),
    (
        "A different Operation was already started with the given request_id.",
        400,
        Reaction.ATTACH,
        "token",
    ),
    ("me@x does not have storage.objects.list access to the Google Cloud Storage bucket.", 403, Reaction.STOP, "role"),
    ("The specified bucket does not exist.", 404, Reaction.STOP, "export.bucket"),
    ("No such object: b/o", 404, Reaction.FAIL, "No such object"),
    ("Something never seen", 400, Reaction.FAIL, "Something never seen"),
]


def client_error(message: str, status: int | None, reason: str = "") -> BaseException:
    """An error as Earth Engine's client raises it: the status is left in the context."""
    if status is None:
        return ee.EEException(message)
    told = {"error": {"message": message, "errors": [{"reason": reason}]}}
    try:
        try:
            raise googleapiclient.errors.HttpError(  # noqa: TRY301
                httplib2.Response({"status": str(status), "retry-after": "7"}), json.dumps(told).encode()
            )
        except googleapiclient.errors.HttpError:
            raise ee.EEException(message)  # noqa: B904  # as the client does
    except ee.EEException as error:
        return error


@pytest.mark.parametrize(("message", "status", "reaction", "words"), KNOWN)
def test_known_failures(message: str, status: int | None, reaction: Reaction, words: str) -> None:
    error = as_service_error(client_error(message, status), "looking for scenes")
    assert isinstance(error, ServiceError)
    assert isinstance(error, AccessError) == (reaction is Reaction.STOP)
    assert error.reaction is reaction
    assert error.status == status
    assert str(error).startswith("looking for scenes: ")
    assert words in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "reason", ["rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED".replace("_", "")]
)
def test_a_rate_limit_is_known_by_its_reason_too(reason: str) -> None:
    error = as_service_error(client_error("Forbidden", 403, reason), "x")
    assert isinstance(error, ServiceError)
    assert error.reaction is Reaction.SLOW_DOWN


@pytest.mark.parametrize(
    ("message", "reaction"),
    [
        ("User memory limit exceeded.", Reaction.SMALLER),
        ("Execution failed; out of memory.", Reaction.SMALLER),
        ("Image.select: Band pattern 'VH' did not match any bands.", Reaction.ABSENT),
        ("Image.load: Image asset 'A/B' not found (does not exist or caller does not have access).", Reaction.FAIL),
        ("Not enough space in Google Drive.", Reaction.PAUSE),
        ("An internal error has occurred.", Reaction.ANEW),
        ("Earth Engine capacity exceeded.", Reaction.ANEW),
        ("Something never seen", Reaction.ANEW),
        ("", Reaction.ANEW),
    ],
)
def test_failed_operations(message: str, reaction: Reaction) -> None:
    assert reaction_to_operation(message) is reaction


def test_what_does_not_reach_the_service_may_the_next_time() -> None:
    for error in (ConnectionResetError("x"), TimeoutError("y"), OSError("strange")):
        ours = as_service_error(error, "asking")
        assert isinstance(ours, ServiceError)
        assert ours.reaction is Reaction.RETRY


def test_trouble_of_the_token_service_is_not_the_users() -> None:
    busy = google.auth.exceptions.RefreshError("server_error", {}, retryable=True)  # type: ignore[no-untyped-call]
    gone = google.auth.exceptions.RefreshError("invalid_grant: Bad Request", {})  # type: ignore[no-untyped-call]
    away = google.auth.exceptions.TransportError("credentials: no route")  # type: ignore[no-untyped-call]
    reactions = [as_service_error(error, "x").reaction for error in (busy, gone, away)]  # type: ignore[attr-defined]
    assert reactions == [Reaction.RETRY, Reaction.STOP, Reaction.RETRY]


def test_cloud_storage_keeps_its_status_elsewhere() -> None:
    error = google.api_core.exceptions.from_http_status(503, "busy")
    assert status_of(error) == 503
    ours = as_service_error(error, "x")
    assert isinstance(ours, ServiceError)
    assert (ours.status, ours.reaction) == (503, Reaction.RETRY)


def test_the_address_is_not_what_the_service_said() -> None:
    address = "https://storage.googleapis.com/storage/v1/b/quota-connection/o?alt=json"
    errors = (
        googleapiclient.errors.HttpError(
            httplib2.Response({"status": "404"}), b'{"error": {"message": "nothing there"}}', uri=address
        ),
        google.api_core.exceptions.NotFound(f"GET {address}: nothing there"),
    )
    for error in errors:
        ours = as_service_error(error, "x")
        assert isinstance(ours, ServiceError)
        assert (ours.status, ours.reaction) == (404, Reaction.FAIL)
        assert "quota-connection" not in str(ours)
        assert "nothing there" in str(ours)


def test_a_page_of_html_is_classed_by_its_status() -> None:
    page = "<!DOCTYPE html><html><body>Your quota of permission is not registered</body></html>"
    errors = (
        googleapiclient.errors.HttpError(httplib2.Response({"status": "503"}), page.encode()),
        google.api_core.exceptions.from_http_status(503, page),
    )
    for error in errors:
        ours = as_service_error(error, "x")
        assert isinstance(ours, ServiceError)
        assert (ours.status, ours.reaction) == (503, Reaction.RETRY)
        assert "registered" not in str(ours)


def test_headers_are_found() -> None:
    assert header_of(client_error("slow down", 429), "retry-after") == "7"
    assert header_of(client_error("slow down", 429), "date") is None
    assert header_of(ValueError("x"), "retry-after") is None


def test_our_own_errors_stay() -> None:
    error = CatalogError("a line")
    assert as_service_error(error, "x") is error


def test_long_text_of_several_lines_becomes_one_short_line() -> None:
    error = as_service_error(ee.EEException("a\nb\n" + "c" * 5000), "x")
    assert "\n" not in str(error)
    assert len(str(error)) < 1000


@pytest.mark.parametrize(
    "secret",
    [
        "ya29.a0AfH6SMB_canary-canary",
        "Authorization: Bearer canary.canary",
        "refresh_token=1//canary-canary-canary",
        '{"access_token": "canarycanary"}',
        '"refresh_token": "canarycanary"',
        "https://x/?key=canarycanary&y=1",
        "https://x/o?X-Goog-Signature=canarycanary&y=1",
        "https://x/o?X-Goog-Credential=canarycanary",
        "https://user:canary@example.org/x",
        "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----",
    ],
)
def test_no_secret_passes(secret: str) -> None:
    assert "canary" not in readable(ee.EEException(f"before {secret} after"))
