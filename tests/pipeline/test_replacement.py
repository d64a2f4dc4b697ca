"""A dataset in place of another: killed or refused wherever it may be, one of the two stands in the end, whole."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

from gee_s1ben.errors import InputError
from gee_s1ben.pipeline.replacement import replacing, set_aside

OLD = {
    "provenance/dataset.json": "old",
    "provenance/patches.csv": "old",
    "metadata.parquet": "old",
    "bigearthnet-train.csv": "old",
    "BigEarthNet-S1-v1.0/patch/patch_VV.tif": "old",
}
NEW = {
    "provenance/dataset.json": "new",
    "BigEarthNet-S1/scene/patch/patch_VV.tif": "new",
    "metadata.parquet": "new",
}
MINE = {"notes.txt": "mine"}


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def content(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def make(root: Path, *, refused: bool) -> None:
    """What ``assemble --overwrite`` does, in small."""
    with replacing(root):
        record = root / "provenance/dataset.json"
        if record.exists() and record.read_text() != "new":
            set_aside(root)
        put(root, dict(list(NEW.items())[:2]))
        if refused:
            raise InputError("a window is broken")
        put(root, NEW)


class Kill(BaseException):
    """The process ends."""


@pytest.fixture
def killed_at(monkeypatch):
    """Let a process be killed before its n-th change to folders; True once it gets through."""

    def at(number, job):
        counter = itertools.count()

        def counted(function):
            def wrapped(*args, **kwargs):
                if next(counter) == number:
                    raise Kill
                return function(*args, **kwargs)

            return wrapped

        with monkeypatch.context() as patch:
            for owner, name in (
                (Path, "rename"),
                (Path, "unlink"),
                (Path, "rmdir"),
                (Path, "mkdir"),
                (shutil, "rmtree"),
            ):
                patch.setattr(owner, name, counted(getattr(owner, name)))
            try:
                job()
            except Kill:
                return False
            except InputError:
                pass
        return True

    return at


@pytest.mark.parametrize("first_refused", [False, True])
@pytest.mark.parametrize("then_refused", [False, True])
def test_killed_anywhere_and_called_again(tmp_path, killed_at, first_refused, then_refused):
    for number in itertools.count():
        root = tmp_path / f"{number}"
        put(root, OLD | MINE)
        through = killed_at(number, lambda root=root: make(root, refused=first_refused))
        left = content(root)
        if through:
            assert left == (OLD if first_refused else NEW) | MINE
            break
        aside = any(name.startswith(".replaced/") for name in left)
        complete = left.items() >= NEW.items() and not aside
        if not complete:  # of the old one nothing is lost
            assert all(text in (left.get(name), left.get(f".replaced/{name}")) for name, text in OLD.items())
        if then_refused:
            with pytest.raises(InputError):
                make(root, refused=True)
        else:
            make(root, refused=False)
        found = {name: text for name, text in content(root).items() if not name.startswith(".partial-")}
        assert found == (OLD if then_refused and not complete else NEW) | MINE
    assert number > 10


def test_a_third_one_before_the_second_was_complete(tmp_path, killed_at):
    """What stands aside is the last complete one."""
    put(tmp_path, OLD)
    set_aside(tmp_path)
    put(tmp_path, {"provenance/dataset.json": "second", "BigEarthNet-S1/scene/other/other_VV.tif": "second"})
    with pytest.raises(InputError):
        make(tmp_path, refused=True)
    assert content(tmp_path) == OLD
