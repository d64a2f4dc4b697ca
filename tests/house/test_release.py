"""Version, changelog and licence say the same."""

import re
import tomllib
from pathlib import Path

import gee_s1ben

ROOT = Path(__file__).resolve().parents[2]


def test_the_changelog_ends_at_the_version():
    versions = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions
    assert versions[0] == gee_s1ben.__version__


def test_the_changelog_says_what_is_coming_first():
    headings = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"


def test_the_licence_is_the_one_declared():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["license"]
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith(f"{declared} License")
