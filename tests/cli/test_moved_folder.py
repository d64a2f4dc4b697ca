"""A job's folder may be moved, with its catalog or away from it, between any two stages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import Command, Write

from gee_s1ben.config import load_config
from gee_s1ben.pipeline.match import match_digest


def test_a_moved_folder_goes_on(command: Command, write: Write, tmp_path: Path, catalog: Path) -> None:
    path = write()
    folder = path.parent
    (folder / "catalog").symlink_to(catalog)
    path.write_text(path.read_text().replace(f"{folder}/dataset", "dataset").replace(str(catalog), "catalog"))
    for stage in ("match", "plan", "fetch", "run"):
        ended = command(stage, "--config", path, "--json")
        assert ended.code == 0, ended.err
        folder = Path(shutil.move(folder, tmp_path / f"after-{stage}"))
        path = folder / "config.yaml"
    made = ended.data["patches"]
    assert made == command("verify", "--config", path, "--json").data["right"] > 0
    ended = command("assemble", "--config", path, "--json")
    assert (ended.data["patches"], ended.data["kept"]) == (made, made)


@pytest.mark.parametrize("written", ["catalog", "../shared/catalog", "/data/catalog"])
def test_what_a_plan_remembers_of_its_catalog(tmp_path: Path, written: str) -> None:
    """Two folders with one configuration."""
    digests = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        text = f"embedded: {{catalog: {written}}}\ntiles: [{{tile: 33UUP, acquired: 2017-06-13T10:10:31Z}}]\n"
        (folder / "config.yaml").write_text(text)
        digests.append(match_digest(load_config(folder / "config.yaml")))
    assert digests[0] == digests[1]
    other = match_digest(load_config(tmp_path / "first" / "config.yaml", ["embedded.catalog=other"]))
    assert other != digests[0]
