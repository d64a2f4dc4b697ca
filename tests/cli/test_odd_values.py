"""Values that no program expects are refused in one line, and what the system says of a file is no fault of ours."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import Command, Write

from gee_s1ben.cli import app as commands
from gee_s1ben.config import load_config
from gee_s1ben.domain.scene import Scene
from gee_s1ben.domain.tile import MOST_PATCHES
from gee_s1ben.engine.catalog.properties import complete
from gee_s1ben.errors import CatalogError, ConfigError, GeeS1benError, InputError

GRID = (
    "tiles=[{{name: a, crs: 'EPSG:32633', transform: [10, 0, 0, 0, -10, 0], width: {0}, height: {0}, "
    "acquired: 2017-06-13T10:10:31Z{1}}}]"
)
HUGE = "0x" + "f" * 9000
VALUES = [
    "", "~", ".nan", ".inf", "-1", "1e400", "9" * 400, "9" * 5000, HUGE, f"[0, {HUGE}]", "/", "//", "..", "~nosuch/x",
    "a" * 5000, '"a\\0b"', '"\\ud800"', "[]", "{}", "[[[1]]]", "0001-01-01T00:00:00+10:00", "\x1b[31m",
]  # fmt: skip
KEYS = [
    "preset", "backend", "embedded.catalog", "embedded.exports", "embedded.url", "project", "tiles",
    "match.window_days", "match.platforms", "match.collection", "radar.polarisations", "radar.speckle.filter",
    "export.transport", "export.window_px", "export.bucket", "export.budget_eecu_hours", "dataset.path",
    "dataset.layout", "dataset.patch_px", "dataset.tables", "dataset.fill", "dataset.min_valid", "workspace", "a.b",
]  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("tiles: [{tile: 33UUP, acquired: 2017-06-13T10:10:31Z}]\n")
    return path


def refusal(config: Path, text: str) -> str:
    """Why a value is refused; empty where it is taken."""
    try:
        assert load_config(config, [text]).workspace_path.name
    except GeeS1benError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("key", KEYS)
def test_a_value_is_taken_or_refused(config: Path, key: str) -> None:
    for value in VALUES:
        said = refusal(config, f"{key}={value}")
        assert "\n" not in said
        assert len(said) < 6000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset.path=/", "dataset.path: must be a folder of its own, not /"),
        ("dataset.path=~nosuch/x", "dataset.path: ~nosuch is no user of this machine"),
        (GRID.format(1_000_000, ""), "1000000 × 1000000 pixels are more than 4e\\+09"),
        (GRID.format(1_000_000, ", patches: {columns: [0, 0], rows: [0, 0]}"), "are more than"),
        ("dataset.patch_px=1", f"patches are more than {MOST_PATCHES:,}"),
        ("tiles=[{tile: 33UUP, acquired: 0001-01-01T00:00:00Z}]", "is not a day of 1970 to 2200"),
        ("tiles=[{tile: 33UUP, acquired: 9999-12-31T23:59:59-10:00}]", "beyond the calendar"),
    ],
)
def test_what_is_wrong_is_said(config: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(config, [text])


def test_the_largest_grid(config: Path) -> None:
    assert len(load_config(config, [GRID.format(63_000, "")]).targets()[0].block) == 525**2


@pytest.mark.parametrize("orbit", [10**399, 2**63, 1_000_000, -1])
def test_orbit_numbers(orbit: int) -> None:
    ring = ((12.0, 47.0), (14.0, 47.0), (14.0, 49.0), (12.0, 47.0))
    when = datetime(2017, 6, 13, tzinfo=UTC)
    for numbers in ((orbit, 1), (1, orbit)):
        with pytest.raises(InputError, match="orbit"):
            Scene("C/a", "a", when, "A", *numbers, "ascending", ("VV",), ring)
    if abs(orbit) >= 2**63:
        given = {"system:time_start": 0, "relativeOrbitNumber_start": [{"deep": orbit}]}
        with pytest.raises(CatalogError, match="beyond 64 bits"):
            complete("C/a", given, ["VV"])


def test_a_file_that_vanished_between_two_looks(
    command: Command, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanished(*_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/data/x.tif")

    monkeypatch.setattr("gee_s1ben.cli.running.match", vanished)
    ended = command("match", "--config", write())
    assert (ended.code, ended.out) == (2, "")
    assert "/data/x.tif is not there any more: another program removed or renamed it; run again" in ended.err


def test_names_of_files_that_cannot_be(command: Command, tmp_path: Path) -> None:
    for name in ("x" * 5000, "9" * 400, "a\udcff"):
        ended = command("verify", tmp_path / name)
        assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
    assert commands._about_file(OSError("no file in it")) is None
