"""``gee-s1ben --help`` answers at once because nothing heavy is loaded on the way."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "ee", "geopandas", "google", "googleapiclient", "matplotlib", "numpy", "pandas", "pyarrow", "pyproj", "pystac",
    "rasterio", "shapely", "starlette", "uvicorn",
}  # fmt: skip

LOADED = "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)"
HELP = "sys.argv = ['gee-s1ben', *{words}, '--help']\ntry: main()\nexcept SystemExit as ended: assert not ended.code\n"


def loaded_by(script):
    program = f"import json, sys\n{script}\n{LOADED}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    return set(json.loads(ended.stderr.splitlines()[-1])), ended.stdout


def test_importing_the_command_line_loads_nothing_heavy():
    loaded, _ = loaded_by("import gee_s1ben.cli")
    assert "gee_s1ben" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("words", [[], ["run"], ["engine", "serve"], ["catalog", "add"]])
def test_help_loads_nothing_heavy(words):
    loaded, printed = loaded_by("from gee_s1ben.cli import main\n" + HELP.format(words=words))
    assert "Usage" in printed
    assert loaded & HEAVY == set()
