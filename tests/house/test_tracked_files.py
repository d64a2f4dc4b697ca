"""Nothing of one machine or one network gets into the project."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# put together here so that this file does not find itself
MACHINE_PATHS = [
    re.compile(r"(?<![\w.…}/])/" + place)
    for place in ("root" + r"/\w", "work" + r"/\w", r"home/(?!user\b)\w", "Users" + r"/\w")
]
REGISTRIES = [re.compile(host) for host in (r"pypi\." + "org", "pythonhosted" + r"\.org", r"--(extra-)?index" + "-url")]


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of the project's own files")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def texts():
    for path in tracked():
        if path.is_file():
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


@pytest.mark.parametrize("patterns", [MACHINE_PATHS, REGISTRIES], ids=["machine paths", "registries"])
def test_no_file_names_a_machine_or_a_registry(patterns):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if any(pattern.search(line) for pattern in patterns)
    ]
    assert found == []


def test_the_scan_finds_what_it_looks_for():
    for place in ("ro" + "ot/x.tif", "wo" + "rk/main", "ho" + "me/somebody/data", "Us" + "ers/somebody"):
        assert any(pattern.search(f"see /{place}") for pattern in MACHINE_PATHS)
    assert any(pattern.search("https://py" + "pi.org/simple") for pattern in REGISTRIES)
    assert not any(pattern.search("v1/projects/home/assets and https://host/home/x") for pattern in MACHINE_PATHS)


def test_no_file_is_large():
    large = [
        path.relative_to(ROOT).as_posix() for path in tracked() if path.is_file() and path.stat().st_size > 2_000_000
    ]
    assert large == []
