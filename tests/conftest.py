"""Fixtures that every room's tests may use."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import hypothesis
import pytest

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

HERE = Path(__file__).parent
SHARED_DATA = HERE.parent.parent / "shared" / "data"

# Independent implementations that tests compare with; not part of the package.
sys.path.insert(0, str(HERE / "reference"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--live", action="store_true", help="also run the tests that need Google's Earth Engine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    no_data = pytest.mark.skip(reason=f"real data is not there: {SHARED_DATA.name} folder absent beside the project")
    no_live = pytest.mark.skip(reason="needs Google's Earth Engine: run with --live and credentials")
    for item in items:
        if "shared_data" in item.keywords and not SHARED_DATA.is_dir():
            item.add_marker(no_data)
        if "live" in item.keywords and not config.getoption("--live"):
            item.add_marker(no_live)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; use with the mark ``shared_data``."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real data is not there")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def logging_as_it_is() -> None:
    """Commands set logging up for a terminal, those of fixtures too; no test must find it so."""
    logging.getLogger().setLevel(logging.WARNING)
    for name in ("gee_s1ben", "googleapiclient", "google.auth", "urllib3", "rasterio"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def quick_connections() -> None:
    """Nothing where the client is not loaded: many tests do without it."""
    if "ee" in sys.modules:
        from remembering_client import remember

        remember()


EeOn = Callable[[Path], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def ee_on() -> EeOn:
    """Start the embedded service over a catalog and connect the real client to it."""

    @contextmanager
    def connected_to(catalog: Path) -> Iterator[str]:
        from gee_s1ben.engine.service import serving
        from gee_s1ben.session.connection import connected

        with serving(catalog) as url, connected(url, "embedded"):
            yield url

    return connected_to


@pytest.fixture
def ee_session(ee_on: EeOn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real client on an embedded service with an empty catalog: enough to build graphs."""
    from gee_s1ben.engine.catalog import Catalog

    path = tmp_path_factory.mktemp("empty") / "catalog"
    Catalog.create(path)
    with ee_on(path) as url:
        yield url
