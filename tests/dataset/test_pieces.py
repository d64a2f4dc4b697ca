"""Rasters in several files: put together they are the raster, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from gee_s1ben.dataset.pieces import PlacedFile, emptiness, encode_window_tif, open_pieces
from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import RasterError

BANDS = ("VV", "VH")
GRIDS = {
    "utm": Grid("EPSG:32633", (10.0, 0.0, 300_000.0, 0.0, -10.0, 5_900_040.0), 90, 70),
    "geographic": Grid("EPSG:4326", (8.983152841195e-05, 0, -0.43086040474, 0, -8.983152841195e-05, 38.98), 90, 70),
    "turned": Grid("EPSG:32633", (8.0, 6.0, 300_000.0, 6.0, -8.0, 5_900_040.0), 90, 70),
}  # fmt: skip
GRID = GRIDS["utm"]
VALUES = np.random.default_rng(3).normal(-12, 5, (2, 70, 90)).astype(np.float32)


def write(path: Path, values: np.ndarray, grid: Grid, names: Sequence[str] | None = BANDS, **profile: Any) -> None:
    with rasterio.open(
        path, "w", driver=profile.pop("driver", "GTiff"), height=values.shape[1], width=values.shape[2],
        count=len(values), dtype=values.dtype, crs=profile.pop("crs", grid.crs),
        transform=rasterio.Affine(*grid.transform), **profile,
    ) as file:  # fmt: skip
        file.write(values)
        if names:
            file.descriptions = tuple(names)


def shard(folder: Path, col: int, row: int, width: int, height: int, grid: Grid = GRID, **profile: Any) -> PlacedFile:
    path = folder / f"{col}-{row}.tif"
    write(path, VALUES[:, row : row + height, col : col + width], grid.window(col, row, width, height), **profile)
    return PlacedFile(path, path.name, col, row)


@st.composite
def cuts(draw: st.DrawFn, length: int) -> list[tuple[int, int]]:
    inner = sorted(draw(st.sets(st.integers(1, length - 1), max_size=4)))
    edges = [0, *inner, length]
    return list(zip(edges[:-1], np.diff(edges).tolist(), strict=True))


@settings(max_examples=40)
@given(cols=cuts(90), rows=cuts(70), data=st.data(), name=st.sampled_from(sorted(GRIDS)), tiled=st.booleans())
def test_however_it_is_cut_its_windows_are_the_rasters(
    tmp_path_factory: pytest.TempPathFactory,
    cols: list[tuple[int, int]],
    rows: list[tuple[int, int]],
    data: st.DataObject,
    name: str,
    tiled: bool,
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    profile = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"} if tiled else {}
    files = [
        shard(folder, col, row, width, height, GRIDS[name], **profile)
        for row, height in rows
        for col, width in cols
    ]  # fmt: skip
    files = data.draw(st.permutations(files))
    col, row = data.draw(st.tuples(st.integers(0, 89), st.integers(0, 69)))
    width, height = data.draw(st.tuples(st.integers(1, 90 - col), st.integers(1, 70 - row)))
    with open_pieces(files, GRIDS[name], BANDS) as whole:
        bands = whole.window(col, row, width, height)
    for index, band in enumerate(BANDS):
        np.testing.assert_array_equal(bands[band], VALUES[index, row : row + height, col : col + width])


def opened(files: Sequence[PlacedFile]) -> None:
    with open_pieces(files, GRID, BANDS) as whole:
        whole.window(0, 0, 90, 70)


@pytest.fixture
def halves(tmp_path: Path) -> list[PlacedFile]:
    return [shard(tmp_path, 0, 0, 50, 70), shard(tmp_path, 50, 0, 40, 70)]


def test_a_missing_shard(halves: list[PlacedFile]) -> None:
    with pytest.raises(RasterError, match="at least one is missing"):
        opened(halves[:1])
    with pytest.raises(RasterError, match="0 files with 0 of 6300"):
        opened([])


def test_an_extra_shard(halves: list[PlacedFile], tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="too many"):
        opened([*halves, halves[0]])
    with pytest.raises(RasterError, match="too many"):
        opened([*halves, shard(tmp_path, 20, 20, 10, 10)])


def test_a_gap_and_an_overlap_of_one_size(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="too many"):
        opened([shard(tmp_path, 0, 0, 50, 70), shard(tmp_path, 49, 0, 40, 70)])


def test_swapped_shards(halves: list[PlacedFile]) -> None:
    first, second = halves
    with pytest.raises(RasterError, match=r"off its place|reaches out"):
        opened([replace(first, path=second.path), replace(second, path=first.path)])


GOOD = {"values": VALUES, "grid": GRID}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"values": VALUES[:, :, :89]}, "at least one is missing"),
    ({"values": np.pad(VALUES, ((0, 0), (0, 1), (0, 0)))}, "reaches out"),
    ({"grid": GRID.window(1, 0, 90, 70)}, "off its place"),
    ({"grid": Grid(GRID.crs, (10.0, 0.0, 300_005.0, 0.0, -10.0, 5_900_040.0), 90, 70)}, "0.5 columns and 0 rows off"),
    ({"grid": Grid(GRID.crs, (10.0, 0.0, 300_000.0, 0.0, 10.0, 5_900_040.0), 90, 70)}, "off its place"),
    ({"grid": Grid(GRID.crs, (10.001, 0.0, 300_000.0, 0.0, -10.0, 5_900_040.0), 90, 70)}, "off its place"),
    ({"crs": "EPSG:32634"}, "coordinate reference system EPSG:32634"),
    ({"crs": None}, "coordinate reference system none"),
    ({"values": VALUES.astype(np.float64)}, "float64 instead of float32"),
    ({"names": ("VH", "VV")}, "bands VH, VV instead of VV, VH"),
    ({"names": ("VV", "angle")}, "bands VV, angle"),
    ({"values": VALUES[:1], "names": ("VV",)}, "1 band instead of 2"),
    ({"driver": "PNG", "values": VALUES.astype(np.uint8)}, "unreadable"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_what_is_not_what_was_asked_for(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    write(tmp_path / "x.tif", **{**GOOD, **change})
    with pytest.raises(RasterError) as caught:
        opened([PlacedFile(tmp_path / "x.tif", "x.tif", 0, 0)])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    write(tmp_path / "x.tif", **GOOD)
    opened([PlacedFile(tmp_path / "x.tif", "x.tif", 0, 0)])


@pytest.mark.parametrize("content", [b"", b"<html>", b"II*\0"])
def test_what_is_no_geotiff(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tif").write_bytes(content)
    with pytest.raises(RasterError, match=r"x\.tif: unreadable"):
        opened([PlacedFile(tmp_path / "x.tif", "x.tif", 0, 0)])


@pytest.mark.parametrize("profile", [{}, {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16}])
def test_a_truncated_file(tmp_path: Path, profile: dict[str, Any]) -> None:
    placed = shard(tmp_path, 0, 0, 90, 70, **profile)
    content = placed.path.read_bytes()
    placed.path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(RasterError, match="unreadable or truncated"):
        opened([placed])


@pytest.mark.parametrize("name", sorted(GRIDS))
def test_an_encoded_window_is_read_back(tmp_path: Path, name: str) -> None:
    grid = GRIDS[name]
    content = encode_window_tif(dict(zip(BANDS, VALUES, strict=True)), grid)
    assert content == encode_window_tif(dict(zip(BANDS, VALUES.copy(), strict=True)), grid)
    with rasterio.MemoryFile(content) as memory, memory.open() as file:
        np.testing.assert_array_equal(file.read(), VALUES)
        assert file.descriptions == BANDS
        assert tuple(file.transform)[:6] == pytest.approx(grid.transform, rel=1e-15)
        assert file.crs.to_string() == grid.crs


def part(value: float, one: float | None = None) -> np.ndarray:
    pixels = np.full((5, 5), value, np.float32)
    if one is not None:
        pixels[2, 2] = one
    return pixels


@pytest.mark.parametrize(
    ("vv", "vh", "reason"),
    [
        (part(-11), part(-18), ""),
        (part(0, -11), part(np.nan, -18), ""),
        (part(-9999, -11), part(-9999, -18), ""),
        (part(0), part(-18), "all pixels of VV are zero"),
        (part(-11), part(0), "all pixels of VH are zero"),
        (part(-11), part(np.nan), "all pixels of VH are NaN"),
        (part(-9999), part(-18), "all pixels of VV are without data"),
        (part(-11), part(-9999, np.nan), "all pixels of VH are without data"),
        (part(0, np.nan), part(-18), "all pixels of VV are without data"),
    ],
)
def test_emptiness(vv: np.ndarray, vh: np.ndarray, reason: str) -> None:
    assert emptiness({"VV": vv, "VH": vh}) == reason
