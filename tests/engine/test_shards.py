"""Exports in several files become one image."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from affine import Affine

from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.engine.catalog.shards import expand
from gee_s1ben.errors import RasterError

NAME = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
ABOUT = {"orbitProperties_pass": "ASCENDING"}
ROWS, COLS = (0, 40, 70), (0, 30, 60, 65)
"""Where the files begin, and the whole ends."""
WHOLE = np.random.default_rng(7).normal(-12, 3, (2, ROWS[-1], COLS[-1])).astype(np.float32)
TRANSFORM = Affine(10, 0, 384004.25, 0, -10, 5342407.5)

Write = Callable[..., list[Path]]


def write(
    folder: Path,
    name: str = "scene",
    values: npt.NDArray[Any] = WHOLE,
    bands: tuple[str, ...] = ("VV", "VH"),
    **other: Any,
) -> list[Path]:
    """Write an export in six files, as Earth Engine names them."""
    folder.mkdir(exist_ok=True)
    paths = []
    for row, below in pairwise(ROWS):
        for col, right in pairwise(COLS):
            path = folder / f"{name}-{row:010d}-{col:010d}.tif"
            one(path, values[:, row:below, col:right], row, col, bands, **other)
            paths.append(path)
    return paths


def one(
    path: Path, values: npt.NDArray[Any], row: int, col: int, bands: tuple[str, ...] = ("VV", "VH"), **other: Any
) -> None:
    settings = {"crs": "EPSG:32633", "transform": TRANSFORM @ Affine.translation(col, row), "nodata": None} | other
    with rasterio.open(
        path, "w", driver="GTiff", dtype=values.dtype, count=len(values), height=values.shape[1], width=values.shape[2],
        **settings,
    ) as file:  # fmt: skip
        file.write(values)
        file.descriptions = bands


def add(folder: Path, rasters: list[Path], **properties: Any) -> dict[str, npt.NDArray[Any]]:
    catalog = Catalog.create(folder / "catalog")
    image = catalog.add(f"COPERNICUS/S1_GRD/{NAME}", ABOUT | properties, rasters, overwrite=True)
    found = {}
    for band in image.bands:
        assert band.grid.transform == tuple(TRANSFORM)[:6]
        with rasterio.open(band.path) as file:
            found[band.name] = file.read(1)
    return found


@pytest.mark.parametrize("given", ["all", "backwards", "one", "folder"])
def test_the_files_of_an_export_are_one_image(tmp_path: Path, given: str) -> None:
    paths = write(tmp_path / "export")
    rasters = {"all": paths, "backwards": paths[::-1], "one": paths[3:4], "folder": [tmp_path / "export"]}[given]
    found = add(tmp_path, rasters)
    assert list(found) == ["VV", "VH"]
    assert np.array_equal(np.stack(list(found.values())), WHOLE)


def test_an_export_for_each_band(tmp_path: Path) -> None:
    paths = [
        *write(tmp_path / "export", "s_VV", WHOLE[:1], ("",)),
        *write(tmp_path / "export", "s_VH", WHOLE[1:], ("",)),
    ]
    found = add(tmp_path, paths)
    assert np.array_equal(found["VV"], WHOLE[0])
    assert np.array_equal(found["VH"], WHOLE[1])


def test_masked_pixels_stay_masked_across_files(tmp_path: Path) -> None:
    values = WHOLE.copy()
    values[:, 35:50, 25:40] = -9999
    found = add(tmp_path, write(tmp_path / "export", values=values, nodata=-9999))
    assert np.array_equal(np.isnan(found["VH"]), values[1] == -9999)
    assert np.array_equal(found["VH"][values[1] != -9999], WHOLE[1][values[1] != -9999])


def test_pixels_are_read_by_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a strip of the whole image is in memory at once, however few files may be open."""
    from gee_s1ben.engine.catalog import rasters, shards, source

    heights = []
    read = shards.ShardedDataset.read

    def counted(self: shards.ShardedDataset, index: int, window: Any) -> Any:
        heights.append(window.height)
        return read(self, index, window)

    monkeypatch.setattr(rasters, "BLOCK_PX", 16)
    monkeypatch.setattr(source, "BLOCK_PX", 16)
    monkeypatch.setattr(shards, "_MOST_OPEN", 2)
    monkeypatch.setattr(shards.ShardedDataset, "read", counted)
    assert np.array_equal(add(tmp_path, write(tmp_path / "export"))["VV"], WHOLE[0])
    assert max(heights) == 16
    assert sum(heights) % (2 * ROWS[-1]) == 0


def test_what_was_taken_beside_is_said(tmp_path: Path) -> None:
    paths = write(tmp_path)
    write(tmp_path, "another")
    found, notes = expand(paths[:1])
    assert found == paths
    assert notes == [f"{paths[0]} is a part of an export: 5 more beside it are read ({paths[1].name} …)"]
    assert expand(paths) == (paths, [])


def test_a_folder_without_rasters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="without a GeoTIFF"):
        expand([tmp_path])


def _lost(paths: list[Path]) -> None:
    paths[4].unlink()


def _alone(paths: list[Path]) -> None:
    for path in paths[1:]:
        path.unlink()


def _other_crs(paths: list[Path]) -> None:
    one(paths[1], WHOLE[:, :40, 30:60], 0, 30, crs="EPSG:32632")


def _other_pixels(paths: list[Path]) -> None:
    one(paths[1], WHOLE[:, :40, 30:60], 0, 30, transform=TRANSFORM @ Affine.translation(30, 0) @ Affine.scale(2))


def _other_bands(paths: list[Path]) -> None:
    one(paths[1], WHOLE[:1, :40, 30:60], 0, 30, ("VV",))


def _bands_turned(paths: list[Path]) -> None:
    one(paths[1], WHOLE[:, :40, 30:60], 0, 30, ("VH", "VV"))


def _other_type(paths: list[Path]) -> None:
    one(paths[1], WHOLE[:, :40, 30:60].astype(np.float64), 0, 30)


def _other_nodata(paths: list[Path]) -> None:
    one(paths[1], WHOLE[:, :40, 30:60], 0, 30, nodata=0)


def _moved(paths: list[Path]) -> None:
    one(paths[1], WHOLE[:, :40, 30:60], 1, 30)


def _gap(paths: list[Path]) -> None:
    one(paths[1], WHOLE[:, :40, 30:59], 0, 30)


def _overlap(paths: list[Path]) -> None:
    one(paths[1], WHOLE[:, :41, 30:60], 0, 30)


def _truncated(paths: list[Path]) -> None:
    paths[2].write_bytes(paths[2].read_bytes()[:300])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_lost, "scene-0000000040-0000000030.tif of the export scene is missing"),
        (_alone, "every file but one"),
        (_other_crs, "coordinate reference system EPSG:32632, but scene-0000000000-0000000000.tif has EPSG:32633"),
        (_other_pixels, "pixels of"),
        (_other_bands, "bands of the types"),
        (_bands_turned, "the bands ('VH', 'VV')"),
        (_other_type, "float64"),
        (_other_nodata, "no-data values"),
        (_moved, "lies at row 1.00, column 30.00"),
        (_gap, "has 29 columns where 30 belong, it leaves a gap"),
        (_overlap, "has 41 rows where 40 belong, it overlaps"),
        (_truncated, "scene-0000000000-0000000060.tif"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_one_line(
    tmp_path: Path, spoil: Callable[[list[Path]], None], words: str
) -> None:
    paths = write(tmp_path / "export")
    spoil(paths)
    with pytest.raises(RasterError) as caught:
        add(tmp_path, [path for path in paths if path.exists()])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert Catalog.open(tmp_path / "catalog").collection_ids() == ()


def test_one_part_from_two_folders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="is given twice"):
        add(tmp_path, [*write(tmp_path / "a"), *write(tmp_path / "b")])
