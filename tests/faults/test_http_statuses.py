"""Rows 1 to 10: what the service answers instead of pixels, and who may ask."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import fault_effects as effects
import pytest
from fault_arena import Arena
from fault_bearer import Bearer

from gee_s1ben.errors import AccessError, ServiceError

WINDOWS = 3
TOO_MANY = effects.error(429, "Too Many Requests: the request rate or concurrency limit was exceeded.")


def recovered(arena: Arena) -> int:
    """Fetch and finish to the clean dataset; return how many requests for pixels that took."""
    assert arena.fetch() == (WINDOWS, 0)
    assert arena.finish().findings == ()
    assert arena.identical()
    return arena.proxy.count("pixels")


@pytest.mark.row(1)
def test_too_many_requests_three_times(arena: Arena, report) -> None:
    arena.proxy.play("pixels", TOO_MANY, range(1, 4))
    assert recovered(arena) == WINDOWS + 3
    report(f"{WINDOWS} windows in {WINDOWS + 3} requests, each refused one asked again", arena)


@pytest.mark.row(2)
def test_too_many_requests_for_ever(arena: Arena, report) -> None:
    rule = arena.proxy.play("pixels", TOO_MANY, range(2, 10**6))
    with pytest.raises(ServiceError, match=r"(?i)too many requests.*run again later.*kept"):
        arena.fetch()
    assert len(arena.windows()) == 1
    refused = rule.played
    assert WINDOWS <= refused <= 60
    arena.proxy.forget()
    assert arena.fetch() == (WINDOWS - 1, 1)
    assert arena.proxy.count("pixels") == WINDOWS - 1
    assert arena.finish().findings == ()
    assert arena.identical()
    report(f"stops with 1 of {WINDOWS} windows kept; the next run asks for the other {WINDOWS - 1}", arena)


@pytest.mark.row(2)
def test_too_many_requests_for_the_angles(arena: Arena, report) -> None:
    """For ever, and then once: no window is lost, and only the angles that are missing are asked for again."""
    angles = sorted((arena.workspace.path / "angles").rglob("*.tif"))
    for path in angles:
        path.unlink()
    arena.proxy.play("pixels", TOO_MANY, range(WINDOWS + 2, 10**6))
    with pytest.raises(ServiceError, match=r"(?i)too many requests.*run again later.*kept"):
        arena.fetch()
    assert len(arena.windows()) == WINDOWS
    arena.proxy.forget()
    arena.proxy.play("pixels", TOO_MANY, (1,))
    assert arena.fetch() == (0, WINDOWS)
    assert arena.proxy.count("pixels") == 1 + len(angles) - 1
    assert arena.finish().findings == ()
    assert arena.identical()
    report(f"the same for incidence angles: of {len(angles)} one is kept, the next run asks for the others", arena)


@pytest.mark.row(3)
def test_retry_after(arena: Arena, report, waits) -> None:
    said = effects.error(429, "Too Many Requests", headers=(("retry-after", "17"),))
    arena.proxy.play("pixels", said, (1,))
    assert recovered(arena) == WINDOWS + 1
    assert [wait for wait in waits if wait >= 17]
    assert max(waits) < 60
    report("asked for 17 s of patience, waited 17 s or a little more before asking again", arena)


@pytest.mark.row(3)
def test_retry_after_a_date(arena: Arena, report, waits) -> None:
    when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    arena.proxy.play("pixels", effects.error(503, "unavailable", headers=(("retry-after", when),)), (1,))
    assert recovered(arena) == WINDOWS + 1
    assert [wait for wait in waits if wait >= 30]
    report("a date is understood as well", arena)


@pytest.mark.row(4)
def test_mixed_server_errors(arena: Arena, report) -> None:
    codes = (500, 502, 503, 500, 503, 502)
    rule = arena.proxy.play(
        "pixels", effects.in_turn(*(effects.error(code, "Please try again.") for code in codes)), range(1, 7)
    )
    assert recovered(arena) == WINDOWS + rule.played == WINDOWS + 6
    report("six errors of three kinds, six requests more", arena)


@pytest.mark.row(5)
def test_page_of_a_server_error(arena: Arena, report) -> None:
    arena.proxy.play("pixels", effects.page(503), (1, 2))
    assert recovered(arena) == WINDOWS + 2
    report("asked again; its text is not taken for Earth Engine's", arena)


@pytest.mark.row(5)
def test_page_for_ever_is_told_by_its_status(arena: Arena) -> None:
    arena.proxy.play("pixels", effects.page(503))
    with pytest.raises(ServiceError) as failed:
        arena.fetch()
    assert failed.value.status == 503
    assert not isinstance(failed.value, AccessError)  # the page asks to sign in
    assert "<html" not in str(failed.value).lower()


@pytest.mark.row(6)
def test_rate_limit_as_403(arena: Arena, report) -> None:
    limit = effects.error(403, "Rate Limit Exceeded", "rateLimitExceeded")
    arena.proxy.play("pixels", limit, (1, 2))
    assert recovered(arena) == WINDOWS + 2
    report("asked again, though it is a 403", arena)


@pytest.mark.row(7)
@pytest.mark.parametrize("route", ["algorithms", "pixels"])
def test_not_registered(arena: Arena, report, route: str) -> None:
    text = "Project embedded is not registered to use Earth Engine."
    arena.proxy.play(route, effects.error(403, text))
    with pytest.raises(AccessError, match=r"register the project at https://"):
        arena.fetch(in_flight=1)
    assert arena.proxy.count(route) == 1
    arena.proxy.forget()
    recovered(arena)
    report("one request, at the start or for pixels, then stop with the address to register at", arena)


FRESH = effects.answer(200, json.dumps({"access_token": "fresh", "expires_in": 3600, "token_type": "Bearer"}).encode())


@pytest.mark.row(8)
def test_expired_token(arena: Arena, report) -> None:
    bearer = Bearer(arena)
    bearer.gives(FRESH)
    assert arena.fetch(credentials=bearer.credentials) == (WINDOWS, 0)
    assert arena.finish().findings == ()
    assert arena.proxy.count("token") == 1
    report("401, one refresh, the same request again", arena)


@pytest.mark.row(9)
def test_revoked_grant(arena: Arena, report) -> None:
    bearer = Bearer(arena)
    bearer.gives(
        effects.answer(400, b'{"error": "invalid_grant", "error_description": "Token has been expired or revoked."}')
    )
    with pytest.raises(AccessError, match="sign in again with 'earthengine authenticate'") as failed:
        arena.fetch(credentials=bearer.credentials)
    assert arena.proxy.count("token") == 1
    assert not {"stale", "refresh", "secret"} & set(str(failed.value).split())
    arena.proxy.forget()
    recovered(arena)
    report("one request for a token, then stop: sign in again", arena)


@pytest.mark.row(10)
def test_token_endpoint_is_down(arena: Arena, report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.auth._exponential_backoff.time", SimpleNamespace(sleep=lambda _: None))
    bearer = Bearer(arena)
    bearer.gives(effects.error(503, "backend error"), effects.page(503), FRESH)
    assert arena.fetch(credentials=bearer.credentials) == (WINDOWS, 0)
    assert arena.finish().findings == ()
    assert arena.proxy.count("token") == 3
    report("two 503, then a token: three requests for it", arena)
