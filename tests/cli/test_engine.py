"""``engine serve`` as another program sees it."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import ee
import pytest
from command_line import start

from gee_s1ben.session.connection import connected


@pytest.mark.parametrize("as_json", [False, True])
def test_first_line_is_the_address(catalog: Path, as_json: bool) -> None:
    process = start("engine", "serve", "--catalog", catalog, *(["--json"] if as_json else []))
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = json.loads(line)["url"] if as_json else line.rstrip("\n")
        assert url.startswith("http://127.0.0.1:")
        with connected(url, "embedded"):
            assert ee.ImageCollection("COPERNICUS/S1_GRD").size().getInfo() >= 5
    finally:
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert time.monotonic() - asked < 6
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
