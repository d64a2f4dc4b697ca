"""What Earth Engine's errors become."""

from __future__ import annotations

import ee
import pytest

from gee_s1ben.errors import AccessError, CatalogError, ServiceError
from gee_s1ben.session.failures import as_service_error, readable


@pytest.mark.parametrize(
    ("message", "kind", "words"),
    [
        ("Project 7 is not registered to use Earth Engine.", AccessError, "code.earthengine.google.com/register"),
        ("('invalid_grant: Token has been expired or revoked.', {})", AccessError, "earthengine authenticate"),
        ("Caller does not have required permission to use project x.", AccessError, "roles"),
        (
            "Image.load: Image asset 'A/B' not found (does not exist or caller does not have access).",
            ServiceError,
            "check",
        ),
        ("User memory limit exceeded.", ServiceError, "lower export.window_px"),
        ("Computation timed out.", ServiceError, "lower export.window_px"),
        (
            "Total request size (60000000 bytes) must be less than or equal to 50331648 bytes.",
            ServiceError,
            "window_px",
        ),
        ("Too many concurrent aggregations.", ServiceError, "export.in_flight"),
        ("Image.select: Band pattern 'VH' did not match any bands.", ServiceError, "radar.polarisations"),
        ("Something never seen", ServiceError, "Something never seen"),
    ],
)
def test_known_failures(message: str, kind: type[ServiceError], words: str) -> None:
    error = as_service_error(ee.EEException(message), "looking for scenes")
    assert type(error) is kind
    assert str(error).startswith("looking for scenes: ")
    assert words in str(error)


def test_status_comes_from_the_context() -> None:
    class Response:
        status = 429

    class HttpError(Exception):
        resp = Response()

    try:
        try:
            raise HttpError  # noqa: TRY301
        except HttpError:
            raise ee.EEException("slow down")  # noqa: B904  # as the client does
    except ee.EEException as error:
        mapped = as_service_error(error, "x")
    assert isinstance(mapped, ServiceError)
    assert mapped.status == 429
    assert "in_flight" in str(mapped)


def test_our_own_errors_pass() -> None:
    error = CatalogError("broken")
    assert as_service_error(error, "x") is error


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer CANARY.abc-123",
        '{"access_token": "CANARY"}',
        "https://x/?key=CANARY&alt=json",
        "refresh_token=CANARY",
        "ya29.CANARY",
        "-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----",
    ],
)
def test_no_secret_is_shown(text: str) -> None:
    shown = str(as_service_error(ee.EEException(f"failed with {text} at the end"), "x"))
    assert "CANARY" not in shown
    assert "failed with" in shown


def test_one_line_of_bounded_length() -> None:
    text = readable(RuntimeError("a\nb\t c" + "x" * 5000))
    assert text.startswith("a b c")
    assert len(text) < 700
