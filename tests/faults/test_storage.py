"""Rows 41 to 49: files at the destination that are late, twice, short, another's, or not what was asked for."""

from __future__ import annotations

from typing import Any

import fault_effects as effects
import pytest
from fault_arena import Arena
from fault_proxy import Exchange
from fault_remote import EMPTY, WRONG, Bucket, DriveFolder

from gee_s1ben.dataset.manifest import read_patches
from gee_s1ben.errors import AccessError, ServiceError

JOBS = 3
ONE = "S1A_017011"
"""A pass, and so one of the jobs."""


def delivered(arena: Arena, operations: int = JOBS) -> None:
    assert arena.finish().findings == ()
    assert arena.identical()
    assert len(arena.operations()) == operations


def exported(arena: Arena) -> None:
    """Let all operations succeed, and nothing be brought down yet."""
    arena.poll()
    arena.world.now += 600
    assert {one["metadata"]["state"] for one in arena.operations()} == {"SUCCEEDED"}


@pytest.mark.row(41)
@pytest.mark.parametrize("content", ["same", "other"])
def test_duplicates_in_drive(new_arena, report, content: str) -> None:
    arena = new_arena("drive", seconds=30)
    exported(arena)
    drive = DriveFolder(arena)
    mine = drive.files()
    assert len(mine) == JOBS
    for file in mine:
        bytes_ = drive.get(file["id"])
        drive.put(file["name"], file["parents"], bytes_ if content == "same" else b"another's " + bytes_)
        drive.put(file["name"].replace("-1-0.tif", "-7-0.tif"), file["parents"], b"of another attempt")
        drive.put(f"copy of {file['name']}", file["parents"], b"a copy")
    arena.export()
    if content == "same":
        delivered(arena)
        report("other files beside each, one of them of its name and content: one download each", arena)
    else:
        delivered(arena, 2 * JOBS)
        report("two that differ under one name are not guessed between: a new attempt, under another name", arena)


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports of more than 256 pixels come in shards."""
    monkeypatch.setattr("gee_s1ben.session.exports.LONGEST_FILE_PX", 256)


def without(name: str, end: str) -> effects.Effect:
    def alter(answer: Any) -> Any:
        items = answer.get("items", [])
        return {**answer, "items": [one for one in items if not (name in one["name"] and one["name"].endswith(end))]}

    return effects.altered(alter)


@pytest.mark.row(42)
def test_shards(new_arena, small_files, report) -> None:
    arena = new_arena("gcs", seconds=30)
    arena.export()
    assert len(Bucket(arena).names()) == 2 * JOBS
    delivered(arena)
    report("whole ones are put together: pixels equal", arena)


@pytest.mark.row(42)
def test_missing_shard(new_arena, small_files, report) -> None:
    arena = new_arena("gcs", seconds=30)
    arena.proxy.play("storage.list", without(ONE, "-0000000256-0000000000.tif"))
    done = arena.export(every=300)
    assert (done["failed"], len(arena.windows())) == (1, JOBS - 1)
    arena.proxy.forget()
    from gee_s1ben.pipeline.exporting import retry

    with arena.exporting() as context:
        retry(context.ledger, context.ledger.jobs())
    arena.export()
    delivered(arena, JOBS + 1)
    report("a missing one is waited for, then the job fails; nothing of it was taken", arena)


@pytest.mark.row(42)
def test_late_shard(new_arena, small_files, report) -> None:
    arena = new_arena("gcs", seconds=30)
    arena.proxy.play("storage.list", without(ONE, "-0000000256-0000000000.tif"), range(1, 12))
    arena.export()
    delivered(arena)
    report("one that is late is waited for", arena)


@pytest.mark.row(42)
@pytest.mark.parametrize("place", ["0000000512-0000000000", "0000000000-0000000256", "0000000001-0000000000"])
def test_extra_shard(new_arena, small_files, report, place: str) -> None:
    arena = new_arena("gcs", seconds=30)
    exported(arena)
    bucket = Bucket(arena)
    name = next(name for name in bucket.names() if ONE in name)
    bucket.put(f"{name[: -len('-0000000000-0000000000.tif')]}-{place}.tif", bucket.get(name))
    arena.export()
    delivered(arena, JOBS + 1)
    report("an extra one: the attempt is refused, the next one is whole", arena)


@pytest.mark.row(43)
def test_drive_is_full(new_arena, report) -> None:
    arena = new_arena("drive", seconds=30, settings={"drive_bytes": 1_300_000})
    other = new_arena("gcs", seconds=30)
    DriveFolder(arena).put("filler", ["root"], bytes(700_000))  # there is room for one of three
    with pytest.raises(ServiceError, match=r"(?i)space|room|storage"):
        arena.export()
    landed = len(arena.windows())
    assert 1 <= landed < JOBS
    sent = len(arena.operations())
    arena.poll(5, apart=3600)
    assert JOBS <= len(arena.operations()) == sent  # nothing is sent to a place that takes nothing
    other.export()
    delivered(other)
    for file in DriveFolder(arena).files():
        if file["name"] == "filler":
            DriveFolder(arena).delete(file["id"])
    arena.export()
    assert arena.finish().findings == ()
    assert arena.identical()
    report(
        f"{landed} of {JOBS} landed, the rest held until there was room; another destination went on",
        arena,
    )


@pytest.mark.row(44)
@pytest.mark.parametrize("how", ["refused", "not granted"])
def test_bucket_that_may_not_be_written(new_arena, report, how: str) -> None:
    arena = new_arena("gcs", seconds=30)
    text = "someone@example.org does not have storage.objects.create access to the Google Cloud Storage bucket."
    effect = effects.error(403, text) if how == "refused" else effects.answer(200, b'{"permissions": []}')
    for route in ("storage.permissions", "storage.bucket", "storage.list", "storage.object"):
        arena.proxy.play(route, effect)
    with pytest.raises(AccessError, match="Storage Object"):
        arena.export()
    assert arena.proxy.count("export") == 0
    arena.proxy.forget()
    arena.export()
    delivered(arena)
    report("0 operations started; the role that is missing is named", arena)


@pytest.mark.row(45)
@pytest.mark.parametrize(("transport", "route"), [("gcs", "storage.media"), ("drive", "drive.media")])
def test_flipped_bit(new_arena, report, transport: str, route: str) -> None:
    arena = new_arena(transport, seconds=30)
    rule = arena.proxy.play(route, effects.corrupted(effects.flip_bit), (1, 3))
    arena.export()
    delivered(arena)
    assert rule.played == 2
    report("found by the checksum, brought down again (a direct answer has no checksum but TLS's)", arena)


@pytest.mark.row(45)
def test_flipped_bit_for_ever(new_arena) -> None:
    arena = new_arena("gcs", seconds=30)
    arena.proxy.play("storage.media", effects.corrupted(effects.flip_bit))
    with pytest.raises(ServiceError):
        arena.export()
    assert arena.windows() == []
    assert len(arena.operations()) == JOBS


def whole_in_place_of_a_range(exchange: Exchange) -> None:
    """Answer 200 and everything, whatever range was asked for."""
    from dataclasses import replace

    headers = tuple((name, value) for name, value in exchange.asked.headers if name != b"range")
    exchange.asked = replace(exchange.asked, headers=headers)
    exchange.send(exchange.forward())


@pytest.mark.row(46)
@pytest.mark.parametrize(("transport", "route"), [("gcs", "storage.media"), ("drive", "drive.media")])
def test_range_is_ignored(new_arena, report, transport: str, route: str) -> None:
    arena = new_arena(transport, seconds=30)
    cut = arena.proxy.play(route, effects.cut_short(), (1,))
    ignoring = arena.proxy.play(route, whole_in_place_of_a_range, when=lambda asked: asked.header("range") is not None)
    arena.export()
    delivered(arena)
    assert (cut.played, ignoring.played) == (1, 1)
    report("the file is begun anew and not put together wrongly", arena)


@pytest.mark.row(46)
@pytest.mark.parametrize(("transport", "route"), [("gcs", "storage.media"), ("drive", "drive.media")])
def test_range_is_heeded(new_arena, report, transport: str, route: str) -> None:
    arena = new_arena(transport, seconds=30)
    arena.proxy.play(route, effects.cut_short(), (1,))
    arena.export()
    delivered(arena)
    ranges = [asked.header("range") for asked in arena.proxy.asked if asked.route == route]
    assert len([one for one in ranges if one and not one.startswith("bytes=0-")]) == 1
    report("where it is heeded, only the rest is asked for", arena)


@pytest.mark.row(47)
def test_overwritten_mid_download(new_arena, report) -> None:
    arena = new_arena("gcs", seconds=30)
    exported(arena)
    bucket = Bucket(arena)

    def overwrite() -> None:
        bucket.alter(ONE, lambda content: content[:-1000] + b"x" * 1000)

    arena.proxy.play(
        "storage.media", effects.after_doing(overwrite, effects.cut_short()), (1,), lambda asked: ONE in asked.target
    )
    arena.export()
    assert arena.finish().findings == ()
    assert arena.identical()
    assert len(arena.operations()) <= JOBS + 1
    report("the halves of two versions are never put together; what was overwritten is not taken", arena)


@pytest.mark.row(47)
def test_overwritten_mid_download_in_drive(new_arena, report) -> None:
    import requests

    arena = new_arena("drive", seconds=30)
    exported(arena)
    drive = DriveFolder(arena)
    (file,) = [file for file in drive.files() if ONE in file["name"]]

    def overwrite() -> None:
        content = drive.get(file["id"])
        requests.patch(
            f"{arena.upstream}/upload/drive/v3/files/{file['id']}",
            params={"uploadType": "media"},
            data=content[:-1000] + b"x" * 1000,
            timeout=30,
        ).raise_for_status()

    arena.proxy.play(
        "drive.media",
        effects.after_doing(overwrite, effects.cut_short()),
        (1,),
        lambda asked: file["id"] in asked.target,
    )
    arena.export()
    assert arena.finish().findings == ()
    assert arena.identical()
    assert len(arena.operations()) <= JOBS + 1
    report("the same in Drive", arena)


@pytest.mark.row(48)
@pytest.mark.parametrize("what", WRONG)
def test_file_that_is_not_what_was_asked_for(new_arena, report, what: str) -> None:
    arena = new_arena("gcs", seconds=30)
    exported(arena)
    assert Bucket(arena).alter(ONE, WRONG[what]) == 1
    arena.export()
    delivered(arena, JOBS + 1)
    report("each refused, and one band, no GeoTIFF and a zero-filled tail as well: a new attempt", arena)


@pytest.mark.row(48)
def test_file_that_is_never_what_was_asked_for(new_arena, report) -> None:
    arena = new_arena("gcs", seconds=30)
    for _ in range(3):
        exported(arena)
        Bucket(arena).alter(ONE, WRONG["half-pixel shift"])
        arena.poll()
    assert sorted(arena.states()) == ["failed", "landed", "landed"]
    assert len(arena.operations()) == JOBS + 1
    report("one that is refused twice fails its job, and the others are there")


@pytest.mark.row(48)
@pytest.mark.parametrize("what", WRONG)
def test_direct_answer_that_is_not_what_was_asked_for(arena: Arena, report, what: str) -> None:
    arena.proxy.play("pixels", effects.corrupted(WRONG[what]), (1,))
    assert arena.fetch() == (JOBS, 0)
    assert arena.finish().findings == ()
    assert arena.identical()
    report("direct: asked again; its answers have no checksum, a last row of zeros tells that a tail is missing", arena)


@pytest.mark.row(49)
@pytest.mark.parametrize("what", EMPTY)
def test_file_without_data(new_arena, report, what: str) -> None:
    arena = new_arena("gcs", seconds=30)
    exported(arena)
    assert Bucket(arena).alter(ONE, EMPTY[what]) == 1
    done = arena.export()
    assert (done["landed"], done["absent"]) == (JOBS, 1)
    verified = arena.finish()
    assert (verified.findings, verified.right, verified.absent) == ((), 9, 0)
    assert sum(row.passed_over != "" for row in read_patches(arena.folder / "dataset")) == 3
    report("its 3 patches from their next pass, with the reason", arena)


@pytest.mark.row(49)
@pytest.mark.parametrize("what", EMPTY)
def test_direct_answer_without_data(arena: Arena, report, what: str) -> None:
    arena.proxy.play("pixels", effects.corrupted(EMPTY[what]), (2,))
    arena.fetch()
    verified = arena.finish()
    assert (verified.findings, verified.right, verified.absent) == ((), 9, 0)
    report("direct: the same", arena)
