"""What is opened as a GeoTIFF, and what is not: files of other drivers, files beside it, bombs, pipes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from gee_s1ben.errors import RasterError
from gee_s1ben.storage.files import read_regular
from gee_s1ben.storage.geotiff import open_geotiff, open_geotiff_bytes

PLACE = Affine(10, 0, 500_000, 0, -10, 6_000_000)


def write(path: Path, value: float = 3.0, side: int = 16, **profile: Any) -> Path:
    options = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "float32", "crs": "EPSG:32630"}
    with rasterio.open(path, "w", transform=PLACE, **options | profile) as file:
        file.write(np.full((file.count, side, side), value, file.dtypes[0]))
    return path


def vrt_of(path: Path, kind: str = "Float32") -> str:
    return (
        f'<VRTDataset rasterXSize="16" rasterYSize="16"><VRTRasterBand dataType="{kind}" band="1"><SimpleSource>'
        f"<SourceFilename>{path}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )


def test_a_geotiff_is_read_as_it_is(tmp_path: Path) -> None:
    with open_geotiff(write(tmp_path / "a.tif")) as file:
        assert (file.read(1) == 3).all()
    with open_geotiff_bytes((tmp_path / "a.tif").read_bytes(), "it") as file:
        assert (file.read(1) == 3).all()


@pytest.mark.parametrize("kind", ["vrt", "png", "text", "empty", "pipe", "folder", "absent", "link to vrt"])
def test_what_is_no_geotiff_is_refused(tmp_path: Path, kind: str) -> None:
    secret, path = write(tmp_path / "secret.tif"), tmp_path / "x.tif"
    if kind == "vrt":
        path.write_text(vrt_of(secret))
    elif kind == "png":
        write(path, 3, driver="PNG", dtype="uint8")
    elif kind == "text":
        path.write_text("root:x:0:0")
    elif kind == "empty":
        path.touch()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link to vrt":
        (tmp_path / "y.vrt").write_text(vrt_of(secret))
        path.symlink_to(tmp_path / "y.vrt")
    with pytest.raises(RasterError) as caught:
        open_geotiff(path)
    assert "\n" not in str(caught.value)
    if path.is_file():
        with pytest.raises(RasterError), open_geotiff_bytes(path.read_bytes(), "it"):
            pass


def test_gdals_own_spellings_are_file_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.tif")
    monkeypatch.chdir(tmp_path)
    for name in ("GTIFF_DIR:1:a.tif", "/vsicurl/http://127.0.0.1:9/a.tif", f"/vsizip/{tmp_path}/a.zip/a.tif"):
        with pytest.raises(RasterError, match="exist"):
            open_geotiff(Path(name))


def test_files_beside_it_are_not_read(tmp_path: Path) -> None:
    path, mask = write(tmp_path / "x.tif"), write(tmp_path / "mask.tif", 0, dtype="uint8")
    (tmp_path / "x.tif.msk").write_text(vrt_of(mask, "Byte"))
    (tmp_path / "x.tif.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><NoDataValue>3</NoDataValue></PAMRasterBand></PAMDataset>'
    )
    (tmp_path / "x.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    with rasterio.open(path) as file:  # which shows that GDAL would
        assert not file.read_masks(1).any()
    with open_geotiff(path) as file:
        assert file.nodata is None
        assert file.read_masks(1).all()
        assert file.transform == PLACE
        assert file.files == [str(path)]


def test_metadata_that_name_other_overviews_are_refused(tmp_path: Path) -> None:
    secret, path = write(tmp_path / "secret.tif", 7), write(tmp_path / "x.tif")
    with rasterio.open(path, "r+") as file:
        file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(secret))
    with rasterio.open(path) as file:  # which shows that GDAL would read it
        assert (file.read(1, out_shape=(4, 4)) == 7).all()
    with pytest.raises(RasterError, match="overviews"):
        open_geotiff(path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"width": 60_000, "height": 60_000, "BIGTIFF": "YES"}, "60000×60000 pixels"),
        ({"width": 40, "height": 40, "count": 300}, "300 bands"),
        ({"width": 40, "height": 40, "blockxsize": 4096, "blockysize": 4096}, "blocks of 4096×4096"),
        ({"width": 40, "height": 40, "count": 200, "blockxsize": 512, "blockysize": 512}, "blocks of 512×512"),
    ],
)
def test_bombs_are_refused_before_a_pixel_is_decoded(tmp_path: Path, declared: dict[str, Any], words: str) -> None:
    path = tmp_path / "bomb.tif"
    options = {"count": 1, "dtype": "float32", "tiled": True, "SPARSE_OK": True, "compress": "deflate"}
    with rasterio.open(path, "w", driver="GTiff", interleave="pixel", **options | declared):
        pass
    with pytest.raises(RasterError, match=words):
        open_geotiff(path, most_px=120 * 120)
    if "blocks" not in words:
        with pytest.raises(RasterError, match=words):
            open_geotiff(path)


def test_only_regular_files_within_a_limit_are_read(tmp_path: Path) -> None:
    path, pipe = tmp_path / "file", tmp_path / "pipe"
    path.write_bytes(b"12345")
    os.mkfifo(pipe)
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(RasterError, match="5 bytes, where at most 4"):
        read_regular(path, 4)
    with pytest.raises(RasterError, match="no regular file"):
        read_regular(pipe)
    with pytest.raises(OSError, match="No such file"):
        read_regular(tmp_path / "absent")
