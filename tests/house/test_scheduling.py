"""The units and the crontab line that docs/exports.md shows are what systemd and cron read."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
UNITS = re.findall(r"^```ini\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
(CRONTAB,) = re.findall(r"^```crontab\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def parsed(unit):
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str
    parser.read_string(unit)
    return parser


def test_there_is_a_service_and_a_timer():
    service, timer = map(parsed, UNITS)
    assert service["Service"]["Type"] == "oneshot"
    assert service["Service"]["ExecStart"].split()[1:] == ["poll"]
    assert timer["Install"]["WantedBy"] == "timers.target"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_understands_the_units(tmp_path):
    home, runtime = tmp_path / "home", tmp_path / "run"
    program = home / "sentinel" / ".venv" / "bin" / "gee-s1ben"
    program.parent.mkdir(parents=True)
    runtime.mkdir(mode=0o700)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name, unit in zip(("service", "timer"), UNITS, strict=True):
        (tmp_path / f"gee-s1ben-poll.{name}").write_text(unit)
    environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime)}
    verified = subprocess.run(
        ["systemd-analyze", "--user", "verify", "--man=no", "./gee-s1ben-poll.service", "./gee-s1ben-poll.timer"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    # Unknown keys are warnings, with which it is content.
    said = [line for line in verified.stderr.splitlines() if "gee-s1ben-poll" in line]
    assert said == []
    assert verified.returncode == 0, verified.stderr


def test_the_crontab_line_is_five_times_and_a_command_of_ours():
    (line,) = CRONTAB.splitlines()
    *times, command = line.split(maxsplit=5)
    number = r"(\*|\d+(-\d+)?(,\d+(-\d+)?)*)(/\d+)?"
    assert all(re.fullmatch(number, one) for one in times)
    assert "%" not in command  # cron makes it a new line
    assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0
    from gee_s1ben.cli.app import app

    words = shlex.split(command.partition("&&")[2])
    assert Path(words[0]).name == "gee-s1ben"
    assert words[1] in typer.main.get_command(app).commands
