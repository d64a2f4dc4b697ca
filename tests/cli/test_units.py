"""From numbers of another kind than decibels to a dataset, through the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from gee_s1ben.cli.app import run as command
from gee_s1ben.dataset.stored import open_dataset

NAME = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
CORNER = (348_000, 5_352_000)


@pytest.fixture
def power(tmp_path: Path) -> np.ndarray:
    """A scene of 48×48 pixels in linear power, written as a GeoTIFF without band names."""
    values = np.random.default_rng(1).gamma(4.4, 0.09 / 4.4, (2, 48, 48)).astype(np.float32)
    with rasterio.open(
        tmp_path / "s.tif", "w", driver="GTiff", width=48, height=48, count=2, dtype="float32", crs="EPSG:32633",
        transform=rasterio.Affine(10, 0, CORNER[0], 0, -10, CORNER[1]),
    ) as file:  # fmt: skip
        file.write(values)
    (tmp_path / "p.json").write_text(
        json.dumps({"orbitProperties_pass": "ASCENDING", "relativeOrbitNumber_start": 146})
    )
    (tmp_path / "config.yaml").write_text(
        f"tiles: [{{name: here, crs: EPSG:32633, transform: [10, 0, {CORNER[0]}, 0, -10, {CORNER[1]}], width: 48, "
        "height: 48, acquired: 2017-06-13T10:10:31Z}]\n"
        "radar: {border_noise: false, speckle: {filter: none}, resampling: nearest}\n"
        "dataset: {path: out, patch_px: 48}\n"
    )
    return values


def add(folder: Path, collection: str, *said: str) -> int:
    return command(
        ["catalog", "add", "--catalog", str(folder / "catalog"), "--id", f"{collection}/{NAME}", "--bands", "VV,VH",
         "--properties", str(folder / "p.json"), *said, str(folder / "s.tif"), "-q"]
    )  # fmt: skip


def test_linear_power_becomes_decibels_and_the_dataset_says_so(power: np.ndarray, tmp_path: Path) -> None:
    assert add(tmp_path, "COPERNICUS/S1_GRD_FLOAT") == 0
    sets = ["--set", "match.collection=COPERNICUS/S1_GRD_FLOAT"]
    assert command(["run", "--config", str(tmp_path / "config.yaml"), "-q", *sets]) == 0
    dataset = open_dataset(tmp_path / "out")
    (patch,) = dataset
    for band, values in zip(("VV", "VH"), power, strict=True):
        np.testing.assert_allclose(dataset.read(patch)[band], 10 * np.log10(values), atol=1e-5)
    assert command(["describe", str(tmp_path / "out"), "-q"]) == 0
    texts = [(tmp_path / "out" / "provenance" / "datasheet.md").read_text()]
    texts += [path.read_text() for path in (tmp_path / "out").rglob("*_0_0.json")]
    assert len(texts) == 2
    assert all("From COPERNICUS/S1_GRD_FLOAT: linear power," in text for text in texts)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["COPERNICUS/S1_GRD"], "look like linear power"),
        (["COPERNICUS/S1_GRD", "--units", "amplitude"], "--units is decibel or linear, not 'amplitude'"),
        (["COPERNICUS/S1_GRD", "--nodata", "zero"], "--nodata is a number or none, not 'zero'"),
        (["COPERNICUS/S1_GRD", "--units", "linear", "--nodata", "none"], None),
    ],
)
def test_what_is_said_of_numbers(
    power: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str | None
) -> None:
    assert add(tmp_path, *arguments) == (0 if words is None else 2)
    error = capsys.readouterr().err
    assert error.count("\n") == (0 if words is None else 1)
    assert words is None or words in error
    assert (tmp_path / "catalog" / "COPERNICUS").exists() == (words is None)


def test_the_unit_of_a_collection_of_ones_own_is_asked_for(
    power: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = ["--set", "match.collection=projects/x/assets/s1"]
    assert command(["run", "--config", str(tmp_path / "config.yaml"), "-q", *sets]) == 2
    assert "set match.units to decibel or linear" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
