"""A small simulated catalog, and ways to run commands on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command, Ended, Write

PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
TEMPLATE = """\
embedded: {{catalog: {catalog}}}
tiles:
  - product: {product}
    patches: {{columns: [44, 46], rows: [44, 46]}}
export: {{window_px: {window_px}}}
dataset: {{path: {folder}/dataset, layout: {layout}}}
"""


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated scenes over the block of patches that the tests ask for."""
    from gee_s1ben.cli.app import run

    folder = tmp_path_factory.mktemp("simulated")
    config = folder / "config.yaml"
    config.write_text(
        TEMPLATE.format(catalog="catalog", product=PRODUCT, window_px=1920, folder=folder, layout="v2"), "utf-8"
    )
    assert run(["simulate", "--config", str(config), "-q"]) == 0
    return folder / "catalog"


@pytest.fixture
def write(tmp_path: Path, catalog: Path) -> Write:
    """Write a configuration and return its path; text replaces the usual one."""

    def write(name: str = "config.yaml", *, text: str | None = None, window_px: int = 1920, layout: str = "v2") -> Path:
        folder = tmp_path / Path(name).stem
        folder.mkdir(exist_ok=True)
        path = folder / "config.yaml"
        usual = TEMPLATE.format(catalog=catalog, product=PRODUCT, window_px=window_px, folder=folder, layout=layout)
        path.write_text(usual if text is None else text, "utf-8")
        return path

    return write


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process."""

    def command(*arguments: str | Path) -> Ended:
        from gee_s1ben.cli.app import run

        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Ended(code, captured.out, captured.err)

    return command
