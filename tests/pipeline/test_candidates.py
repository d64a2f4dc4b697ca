"""Few requests, none over the limits, and the same answer whatever they are cut into."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from gee_s1ben.config import Config, load_config
from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.errors import AccessError, ServiceError
from gee_s1ben.pipeline import candidates
from gee_s1ben.pipeline.candidates import find_candidates

TILES = ["33UUP", "33UVP", "32TMT", "29SNB", "35VPK", "34TCR", "36VVQ", "31UER"]
NOON = datetime(2017, 6, 13, 12, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    tiles = [
        {"tile": tile, "acquired": f"{NOON + timedelta(days=3 * day):%Y-%m-%dT%H:%M:%SZ}"}
        for day in range(5)
        for tile in TILES
    ]
    (tmp_path / "config.yaml").write_text(json.dumps({"tiles": tiles}))
    return load_config(tmp_path / "config.yaml")


@pytest.fixture
def served(tmp_path: Path, ee_on: Callable[[Path], Any]) -> Iterator[None]:
    """Some sixty scenes of six degrees over Europe."""
    catalog = Catalog.create(tmp_path / "catalog")
    for number in range(60):
        lon, lat = -12 + 7 * (number % 6), 36 + 3 * (number // 6)
        path = tmp_path / "scene.tif"
        with rasterio.open(
            path, "w", driver="GTiff", width=4, height=4, count=1, dtype="float32", crs="EPSG:4326",
            transform=rasterio.Affine(1.5, 0, lon, 0, -1.5, lat + 6),
        ) as file:  # fmt: skip
            file.write(np.full((1, 4, 4), -10, np.float32))
        properties = {
            "system:time_start": round((NOON + timedelta(hours=7 * number - 60)).timestamp() * 1000),
            "instrumentMode": "IW", "orbitProperties_pass": "ASCENDING", "platform_number": "AB"[number % 2],
            "orbitNumber_start": number + 1, "relativeOrbitNumber_start": number % 175 + 1,
            "transmitterReceiverPolarisation": ["VV", "VH"] if number % 7 else ["VV"],
        }  # fmt: skip
        catalog.add(f"COPERNICUS/S1_GRD/s{number:02}", properties, [path], band_names=["VV"])
    with ee_on(tmp_path / "catalog"):
        yield


def found(config: Config, **options: Any) -> dict[str, list[str]]:
    return {
        key: [scene["system:index"] for scene in scenes]
        for key, scenes in sorted(find_candidates(config, config.targets(), **options).items())
    }


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the requests that are made, in bytes."""
    sizes: list[int] = []
    ask = candidates.compute_value

    def compute(graph: Any, what: str) -> Any:
        sizes.append(len(candidates.serialized(graph)))
        return ask(graph, what)

    monkeypatch.setattr(candidates, "compute_value", compute)
    return sizes


@pytest.mark.usefixtures("served")
def test_the_answer_is_the_same_however_it_is_cut(
    config: Config, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = found(config)
    assert len(asked) == 1
    assert len(whole) > 20
    assert {index for scenes in whole.values() for index in scenes}.isdisjoint(f"s{n:02}" for n in range(0, 60, 7))
    for name, value, requests in (("PAGE", 3, 4), ("MOST_TARGETS", 9, 5), ("MOST_BYTES", 20_000, 2)):
        asked.clear()
        with monkeypatch.context() as patch:
            patch.setattr(candidates, name, value)
            assert found(config) == whole
        assert len(asked) >= requests, name
        assert name != "MOST_BYTES" or max(asked) <= 20_000


@pytest.mark.usefixtures("served")
def test_scenes_that_a_rule_excludes_are_found_when_asked_for(config: Config) -> None:
    excluded = {index for scenes in found(config, excluded=True).values() for index in scenes}
    assert excluded
    assert excluded <= {f"s{number:02}" for number in range(0, 60, 7)}


def keys_of(graph: Any) -> list[str]:
    return [value for value in _strings(json.loads(candidates.serialized(graph))) if value[5:6] == "_"]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _strings(child)


@pytest.mark.parametrize(
    "refusal",
    [
        "Computed value too large.",
        "Request payload size exceeds the limit: 10485760 bytes.",
        "User memory limit exceeded.",
        "Collection query aborted after accumulating over 5000 elements.",
    ],
)
def test_what_is_too_much_is_halved(
    config: Config, ee_session: str, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    sizes: list[int] = []

    def compute(graph: Any, what: str) -> list[dict[str, Any]]:
        keys = keys_of(graph)
        sizes.append(len(keys))
        if len(keys) > 12:
            raise ServiceError(f"{what}: {refusal}", 400)
        return [{"system:index": "one", "targets": keys}]

    monkeypatch.setattr(candidates, "compute_value", compute)
    assert found(config) == {target.key: ["one"] for target in sorted(config.targets(), key=lambda one: one.key)}
    assert sizes == [40, 20, 10, 10, 20, 10, 10]


@pytest.mark.parametrize(
    ("error", "requests"),
    [
        (ServiceError("looking for scenes: no such thing", 410), 1),
        (AccessError("looking for scenes: the payload is too large for you", 403), 1),
        (ServiceError("looking for scenes: Computed value too large", 400), 7),  # 40, 20, 10, 5, 2, 1
    ],
)
def test_what_halving_does_not_help_is_told(
    config: Config, ee_session: str, monkeypatch: pytest.MonkeyPatch, error: ServiceError, requests: int
) -> None:
    made = []

    def compute(graph: Any, what: str) -> Sequence[Any]:
        made.append(what)
        raise error

    monkeypatch.setattr(candidates, "compute_value", compute)
    with pytest.raises(type(error), match=str(error)):
        find_candidates(config, config.targets())
    assert len(made) <= requests


@pytest.mark.parametrize("answer", [{"type": "x"}, [7], [{"no": "targets"}], [{"targets": None}], "text"])
def test_an_answer_that_is_none_is_an_error(
    config: Config, ee_session: str, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(candidates, "compute_value", lambda *_: answer)
    with pytest.raises(ServiceError, match="the answer is not a list"):
        find_candidates(config, config.targets())
