"""Windows that are not what they should be: refused in one line that names them, and what stands stays whole."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import rasterio
import small_job

from gee_s1ben.cli.app import run as command
from gee_s1ben.config import Config
from gee_s1ben.dataset.manifest import read_absent
from gee_s1ben.errors import StorageError, WorkspaceError
from gee_s1ben.ledger import JobState, Ledger
from gee_s1ben.pipeline.assemble import assemble
from gee_s1ben.pipeline.verify import verify
from gee_s1ben.pipeline.workspace import Workspace

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Config]:
    placed = small_job.fetched(tmp_path_factory.mktemp("damaged"))
    return lambda name: placed(name, "v2")


def again(**changes: object) -> Damage:
    """Write a window anew, with something else than it had."""

    def damage(path: Path) -> None:
        with rasterio.open(path) as file:
            profile, values, names = file.profile | {"driver": "GTiff"}, file.read(), file.descriptions
        transform = profile["transform"]
        given = dict(changes)
        if "shift" in given:
            profile["transform"] = transform @ rasterio.Affine.translation(*given.pop("shift"))
        names = given.pop("names", names)
        values = given.pop("values", lambda same: same)(values)
        profile |= {"count": len(values), "height": values.shape[1], "width": values.shape[2], **given}
        with rasterio.open(path, "w", **profile) as file:
            file.write(values.astype(profile["dtype"]))
            file.descriptions = names[: len(values)]

    return damage


def flip(path: Path) -> None:
    """Flip a bit of a pixel's exponent."""
    data = bytearray(path.read_bytes())
    data[-1000 // 4 * 4 - 1] ^= 0x40
    path.write_bytes(data)


def zero_header(path: Path) -> None:
    path.write_bytes(bytes(64) + path.read_bytes()[64:])


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a tenth of a pixel to the east": (again(shift=(0.1, 0)), "0.1 columns and 0 rows off"),
    "half a pixel up": (again(shift=(0, -0.5)), "0 columns and 0.5 rows off"),
    "another zone": (again(crs="EPSG:32632"), "EPSG:32632"),
    "doubles": (again(dtype="float64"), "float64"),
    "whole numbers": (again(dtype="int16", nodata=None), "int16"),
    "bands the other way": (again(names=("VH", "VV")), "named VH, VV"),
    "one band": (again(values=lambda bands: bands[:1]), "1 band,"),
    "a row less": (again(values=lambda bands: bands[:, :-1]), "pixels, where"),
    "linear power in place of decibels, far too much": (again(values=lambda bands: bands + 5000), "dB: the raster"),
    "cut off in its tags": (lambda path: path.write_bytes(path.read_bytes()[:-300]), "CRS none"),
    "cut off in its pixels": (lambda path: path.write_bytes(path.read_bytes()[:800]), "truncated"),
    "empty": (lambda path: path.write_bytes(b""), "unreadable or truncated"),
    "no header": (zero_header, "unreadable or truncated"),
    "a bit flipped": (flip, "SHA-256"),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_a_bad_window_is_refused(
    job: Callable[[str], Config], request: pytest.FixtureRequest, damage: Damage, words: str
) -> None:
    config = job(f"out-{request.node.callspec.indices['damage']}")
    workspace = Workspace(config.workspace_path)
    windows = sorted(workspace.path.glob("windows/*/*.tif"))
    assert len(windows) == 2
    check = windows[1].with_suffix(".sha256")
    before = {path: path.read_bytes() for path in (*windows, check)}
    try:
        damage(windows[1])
        if damage is not flip:  # what was wrong before its checksum was made is seen as well, and told better
            digest = hashlib.sha256(windows[1].read_bytes()).hexdigest()
            check.write_text(f"{digest}  {windows[1].name}\n")
        with pytest.raises(WorkspaceError) as caught:
            assemble(config, workspace, quiet=True)
        message = str(caught.value)
        assert message.startswith(f"{windows[1]} is broken: ")
        assert words in message
        assert "\n" not in message
        # The first window's patches stand, whole; of the second there is nothing, and no table yet.
        stand = list(config.dataset.path.rglob("*.tif"))
        assert len({path.parent for path in stand}) * 2 == len(stand)
        assert 0 < len(stand) < 10
        assert [path.name for path in (config.dataset.path / "provenance").iterdir()] == ["dataset.json"]
    finally:
        for path, data in before.items():
            path.write_bytes(data)
    assert assemble(config, workspace, quiet=True).written == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process of its own")
@pytest.mark.parametrize("most", [1000, 1500, 3000])
def test_files_that_may_not_grow(job: Callable[[str], Config], most: int) -> None:
    """As on a full disk: writing fails in a patch, in a record or in a table; then there is room again."""
    whole, config = job("whole"), job(f"narrow-{most}")
    assemble(whole, Workspace(whole.workspace_path), quiet=True)
    child = os.fork()
    if not child:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        try:
            assemble(config, Workspace(config.workspace_path), quiet=True)
        except StorageError as error:
            os._exit(17 if "\n" not in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
    assert not list(config.dataset.path.rglob(".partial-*"))
    assert assemble(config, Workspace(config.workspace_path), quiet=True).written == 5
    assert contents(config.dataset.path) == contents(whole.dataset.path)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_flipped_bit_is_fetched_again(job: Callable[[str], Config]) -> None:
    config = job("flipped")
    window = min(config.workspace_path.glob("windows/*/*.tif"))
    before = window.read_bytes()
    flip(window)
    arguments = ["--config", str(config.dataset.path.parent / "config.yaml"), "-q"]
    assert command(["assemble", *arguments, "--set", f"dataset.path={config.dataset.path}"]) == 2
    assert command(["fetch", *arguments]) == 0
    assert window.read_bytes() == before
    window.with_suffix(".sha256").unlink()
    flip(window)  # as after a kill between the two files
    with pytest.raises(WorkspaceError, match="has no checksum: run 'gee-s1ben fetch' first"):
        assemble(config, Workspace(config.workspace_path), quiet=True)
    assert command(["fetch", *arguments]) == 0
    assert window.read_bytes() == before
    assert command(["assemble", *arguments, "--set", f"dataset.path={config.dataset.path}"]) == 0


def test_windows_that_the_ledger_gave_up_are_absent_with_its_reason(job: Callable[[str], Config]) -> None:
    config = job("lacking")
    workspace = Workspace(config.workspace_path)
    windows = sorted(workspace.path.glob("windows/*/*.tif"))
    with Ledger.open(workspace.ledger_path) as ledger:
        jobs = {record.job.name: record.job.id for record in ledger.jobs()}
        ledger.move(jobs.values(), JobState.FAILED, "the service gave up")
    assert assemble(config, workspace, quiet=True).written == 5  # what is there counts
    content = windows[1].read_bytes()
    windows[1].unlink()
    some = assemble(config, workspace, quiet=True)
    assert 0 < some.written < 5
    rows = list(read_absent(config.dataset.path))
    assert len(rows) == 6 - some.written
    assert "S1A_017018: the service gave up" in {row.reason for row in rows}
    assert len(list(config.dataset.path.rglob("*.tif"))) == 2 * some.written
    assert verify(config, workspace, quiet=True).findings == ()
    first = windows[0].read_bytes()
    windows[0].unlink()
    with pytest.raises(WorkspaceError, match="not one patch can be made: S1A_017018: the service gave up"):
        assemble(config, workspace, quiet=True)
    windows[0].write_bytes(first)
    windows[1].write_bytes(content)
    assert assemble(config, workspace, quiet=True).written == 5
    with Ledger.open(workspace.ledger_path) as ledger:
        ledger.move(jobs.values(), JobState.LANDED)


def test_a_folder_that_holds_something_else(job: Callable[[str], Config]) -> None:
    config = job("taken")
    root = config.dataset.path
    root.mkdir()
    (root / "thesis.txt").write_text("mine")
    with pytest.raises(WorkspaceError, match="holds something else"):
        assemble(config, Workspace(config.workspace_path), quiet=True)
    assert contents(root) == {"thesis.txt": b"mine"}
    shutil.rmtree(root)
    root.write_bytes(b"mine")
    with pytest.raises(WorkspaceError, match="is a file"):
        assemble(config, Workspace(config.workspace_path), quiet=True)
    root.unlink()
