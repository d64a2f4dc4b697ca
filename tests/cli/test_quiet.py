"""With -q a command says nothing, unless something is wrong."""

from __future__ import annotations

import pytest
from command_line import Command, Write

from gee_s1ben.cli.app import _is_quiet


def test_a_quiet_run_says_nothing(command: Command, write: Write) -> None:
    path = write()
    for words in (["match"], ["plan"], ["run"], ["verify", "--quiet"]):
        ended = command(*words, "--config", path, "-q")
        assert (ended.code, ended.out, ended.err) == (0, "", "")
    (picked,) = (path.parent / "dataset").rglob("*44_44_VV.tif")
    picked.write_bytes(b"broken")
    ended = command("verify", "--config", path, "-q")
    assert ended.code == 1
    assert "1 finding" in ended.out
    assert command("verify", "--config", path, "-q", "--json").data["findings"]
    ended = command("run", "--config", path.parent / "none.yaml", "-q")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    ("argument", "quiet"), [("-q", 1), ("-vq", 1), ("-qv", 1), ("--quiet", 1), ("-c", 0), ("q", 0)]
)
def test_short_options_stand_together(argument: str, quiet: int) -> None:
    assert _is_quiet(["run", argument]) == bool(quiet)
