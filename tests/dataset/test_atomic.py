from __future__ import annotations

import ctypes
import errno
import os
import sys

import pytest

from gee_s1ben.dataset import atomic
from gee_s1ben.dataset.atomic import PARTIAL_PREFIX, atomic_write, storage_errors, sweep_partial, sync_file_system
from gee_s1ben.dataset.layout import layout
from gee_s1ben.dataset.writer import PatchWriter
from gee_s1ben.errors import StorageError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "new" / "file"
    with atomic_write(path) as partial:
        partial.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"
    with atomic_write(path) as partial:
        partial.write_text("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two"
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_stood_there_stays_when_the_block_fails(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(error), atomic_write(path) as partial:  # noqa: PT012
        partial.write_text("half")
        raise error
    assert names(tmp_path) == ["file"]
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission"),
        (errno.EIO, "disk failed"),
        (errno.EBUSY, "busy"),
    ],
)
def test_disk_errors_are_one_clear_line(tmp_path, monkeypatch, number, words):
    def fail(_):
        raise OSError(number, os.strerror(number))

    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=words) as caught, atomic_write(path) as partial:
        partial.write_text("new")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["file"]
    assert path.read_text() == "old"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this platform")  # noqa: PTH110
def test_a_disk_that_is_really_full(tmp_path):
    with pytest.raises(StorageError, match="disk is full"), atomic_write(tmp_path / "file") as partial:  # noqa: PT012
        partial.symlink_to("/dev/full")
        partial.write_text("x")
    assert names(tmp_path) == []


def test_a_file_where_a_folder_is_needed(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(StorageError, match="a file stands where"), atomic_write(tmp_path / "a" / "b"):
        pass


def test_other_errors_pass(tmp_path):
    with pytest.raises(ValueError, match="mine"), storage_errors(tmp_path):
        raise ValueError("mine")


def test_sweep_takes_only_what_is_unfinished(tmp_path):
    (tmp_path / f"{PARTIAL_PREFIX}1-x").write_text("half")
    (tmp_path / f"{PARTIAL_PREFIX}2").mkdir()
    (tmp_path / f"{PARTIAL_PREFIX}2" / "y").write_text("half")
    (tmp_path / f"{PARTIAL_PREFIX}3").symlink_to(tmp_path / "kept", target_is_directory=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "z").write_text("whole")
    assert sweep_partial(tmp_path) == 3
    assert names(tmp_path) == ["kept"]
    assert names(tmp_path / "kept") == ["z"]
    assert sweep_partial(tmp_path / "nowhere") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has syncfs")
def test_a_disk_that_fails_when_it_is_flushed_is_told(tmp_path, monkeypatch):
    assert sync_file_system(tmp_path)

    def fail(_descriptor):
        ctypes.set_errno(errno.EIO)
        return -1

    monkeypatch.setattr(atomic, "_syncfs", lambda: fail)
    with pytest.raises(StorageError, match="disk failed"):
        PatchWriter(tmp_path, layout("v2")).flush()
    monkeypatch.setattr(atomic, "_syncfs", lambda: None)
    flushed = []
    monkeypatch.setattr(os, "sync", lambda: flushed.append("all"))
    PatchWriter(tmp_path, layout("v2")).flush()
    assert flushed == ["all"]
