"""What killed runs left is swept, links in the place of lock files are not followed, and terminals obey no name."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest
from command_line import Command, Write

from gee_s1ben.cli.options import set_up_logging
from gee_s1ben.cli.outcome import Outcome, show, show_error
from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.engine.exports.database import Database
from gee_s1ben.errors import GeeS1benError, StorageError
from gee_s1ben.pipeline.workspace import Workspace


def test_the_workspace_is_swept_by_whoever_holds_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    with workspace.held():
        pass
    (workspace.path / "windows" / "abc").mkdir(parents=True)
    left = [
        workspace.path / ".partial-0123abcd-match.parquet",
        workspace.path / "windows" / "abc" / ".partial-0123abcd-x.tif",
        workspace.path / ".partial-0123abcd-quicklook_33UUP.png",
    ]
    kept = [
        workspace.path / "windows" / "abc" / "x.tif",
        workspace.path / ".partial-mine",
        workspace.path / ".partial-0123abcd-told.txt",
    ]
    for path in [*left, *kept]:
        path.write_text("x")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ".partial-0123abcd-x").write_text("x")
    (workspace.path / "link").symlink_to(outside)
    with workspace.held():
        assert not any(path.exists() for path in left)
        assert all(path.exists() for path in [*kept, outside / ".partial-0123abcd-x"])
    os.utime(kept[-1], (0, 0))
    with workspace.held():
        assert not kept[-1].exists()


def test_the_catalog_is_swept_by_whoever_writes_to_it(tmp_path: Path) -> None:
    catalog = Catalog.create(tmp_path / "catalog")
    left = catalog.path / ".writing-0123"
    left.write_text("x")
    with Catalog.open(catalog.path)._locked():
        assert not left.exists()


def test_lock_files_that_are_links_are_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    workspace = Workspace(tmp_path / "work")
    workspace.path.mkdir()
    (workspace.path / "gee-s1ben.workspace").symlink_to(precious)
    with pytest.raises(StorageError, match="cannot use the workspace"), workspace.held():
        pass
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "lock").symlink_to(precious)
    with pytest.raises(StorageError, match="cannot use the exports folder"):
        Database.open(tmp_path / "exports")
    catalog = Catalog.create(tmp_path / "catalog")
    (catalog.path / ".lock").unlink()
    (catalog.path / ".lock").symlink_to(precious)
    with pytest.raises(GeeS1benError, match="cannot write"), Catalog.open(catalog.path)._locked():
        pass
    assert precious.read_text() == "precious"


HOSTILE = "a\x1b[31mred\x9b1m\x07\u202egnp.\u2066\udcff\rb"
UNFIT = "\x1b\x9b\x07\u202e\u2066\udcff\r"


def test_what_is_echoed_holds_no_controls(capsys: pytest.CaptureFixture[str]) -> None:
    show(Outcome({"name": HOSTILE}, [HOSTILE, "second"]), as_json=False)
    show_error("InputError", HOSTILE + "\nx", as_json=True)
    show(Outcome({"name": HOSTILE}), as_json=True)
    set_up_logging()
    logging.getLogger("gee_s1ben.test").warning("%s", HOSTILE)
    out, err = capsys.readouterr()
    assert not set(UNFIT) & set(out + err)
    assert "a\\u001b[31mred" in out
    assert err.splitlines()[0].endswith("\\udcff b x")
    lines = out.splitlines()
    assert len(lines) == 4
    assert json.loads(lines[3]) == {"name": HOSTILE}  # escapes as JSON has them: nothing is lost


def test_a_hostile_argument_is_shown_without_its_controls(command: Command, write: Write) -> None:
    for arguments in (["status", HOSTILE], ["run", "--set", f"tiles={HOSTILE}"], ["run", "--set", HOSTILE], [HOSTILE]):
        ended = command(*arguments) if arguments == [HOSTILE] else command(*arguments, "--config", write())
        assert ended.code == 2, ended.err
        assert ended.err.count("\n") == 1
        assert not set(UNFIT) & set(ended.err)
