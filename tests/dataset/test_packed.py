"""The packed forms: read back with their own libraries, stopped anywhere, and refused where they do not belong."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
import small_dataset

from gee_s1ben.dataset.packed import FORMATS, pack
from gee_s1ben.errors import InputError, RasterError, WorkspaceError

LIBRARIES = {"zarr": ["zarr"], "webdataset": ["webdataset"], "lmdb": ["lmdb", "safetensors.numpy"]}
BLOCK = 4


@pytest.fixture(params=sorted(FORMATS))
def form(request):
    for library in LIBRARIES[request.param]:
        pytest.importorskip(library, reason="the extra 'packed' is not installed")
    return request.param


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return small_dataset.make(tmp_path_factory.mktemp("dataset"), columns=5, rows=2, angles=True, labels=True)


def read_zarr(path):
    import zarr

    group = zarr.open_group(path, mode="r")
    bands = group["backscatter"].attrs["bands"]
    pixels = group["backscatter"][:]
    assert pixels.dtype == np.float32
    return {str(name): dict(zip(bands, pixels[place], strict=True)) for place, name in enumerate(group["name"][:])}


def read_webdataset(path):
    import webdataset

    tars = sorted(str(tar) for tar in path.glob("*.tar"))
    samples = webdataset.WebDataset(tars, shardshuffle=False, empty_check=False).decode()
    return {sample["__key__"]: {name: sample[f"{name.lower()}.npy"] for name in ("VV", "VH")} for sample in samples}


def read_lmdb(path):
    import lmdb
    from safetensors.numpy import load

    with lmdb.open(str(path), readonly=True) as database, database.begin() as transaction:
        return {key.decode(): load(value) for key, value in transaction.cursor()}


READERS = {"zarr": read_zarr, "webdataset": read_webdataset, "lmdb": read_lmdb}


def check(form, path, small):
    found = READERS[form](path)
    assert sorted(found) == sorted(small.pixels)
    for name, folder in small.folders.items():
        assert sorted(found[name]) == ["VH", "VV"]
        for polarisation, array in found[name].items():
            with rasterio.open(small.root / folder / f"{name}_{polarisation}.tif") as file:
                assert array.dtype == np.float32
                assert np.ascontiguousarray(array).tobytes() == file.read(1).tobytes()


def test_every_pixel_comes_back_from_the_forms_own_library(form, small, tmp_path):
    told = []
    packed = pack(small.root, tmp_path / "pack", form, block=BLOCK, advance=lambda *numbers: told.append(numbers))
    assert (packed.patches, packed.kept) == (10, 0)
    assert packed.bytes == sum(file.stat().st_size for file in packed.path.rglob("*") if file.is_file())
    assert told == [(0, 10), (4, 10), (8, 10), (10, 10)]
    check(form, tmp_path / "pack", small)
    assert [entry.name for entry in tmp_path.iterdir()] == ["pack"]


def test_a_finished_pack_is_kept(form, small, tmp_path):
    pack(small.root, tmp_path / "pack", form)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "pack").rglob("*")}
    assert pack(small.root, tmp_path / "pack", form).kept == 10
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "pack").rglob("*")} == before


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_a_stopped_job_continues_after_the_last_whole_block(form, small, tmp_path, blocks):
    def stop(done, _total):
        if done == blocks * BLOCK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(small.root, tmp_path / "pack", form, block=BLOCK, advance=stop)
    assert not (tmp_path / "pack").exists()
    assert pack(small.root, tmp_path / "pack", form, block=BLOCK).kept == blocks * BLOCK
    check(form, tmp_path / "pack", small)


def test_a_stopped_job_of_another_dataset_is_not_continued(form, small, tmp_path):
    def stop(done, _total):
        if done:
            raise KeyboardInterrupt

    other = small_dataset.make(tmp_path / "other", columns=4, rows=2)
    with pytest.raises(KeyboardInterrupt):
        pack(other.root, tmp_path / "pack", form, block=BLOCK, advance=stop)
    assert pack(small.root, tmp_path / "pack", form, block=BLOCK).kept == 0
    check(form, tmp_path / "pack", small)


KILLED = """
import os, signal, sys, threading, time
from pathlib import Path
from gee_s1ben.dataset.packed import pack
pack(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], block=1)   # imports and warms everything
threading.Timer(float(sys.argv[5]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
while True:
    pack(Path(sys.argv[1]), Path(sys.argv[4]), sys.argv[3], block=1, overwrite=True)
    os.rename(sys.argv[4], sys.argv[4] + "-" + str(time.monotonic_ns()))
"""


@pytest.mark.parametrize("milliseconds", [7, 29])
def test_a_killed_job_leaves_a_whole_pack_or_none(form, small, tmp_path, milliseconds):
    paths = [str(small.root), str(tmp_path / "warm"), form, str(tmp_path / "pack"), str(milliseconds / 1000)]
    ended = subprocess.run([sys.executable, "-c", KILLED, *paths], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    for path in tmp_path.glob("pack*"):
        check(form, path, small)
    pack(small.root, tmp_path / "pack", form, block=1)
    check(form, tmp_path / "pack", small)


def test_a_damaged_patch_leaves_no_pack(form, small, tmp_path):
    shutil.copytree(small.root, tmp_path / "copy")
    name = small.rows[6][0]
    path = tmp_path / "copy" / small.folders[name] / f"{name}_VV.tif"
    data = bytearray(path.read_bytes())
    data[5000] ^= 4
    path.write_bytes(data)
    with pytest.raises(RasterError, match=name):
        pack(tmp_path / "copy", tmp_path / "pack", form, block=BLOCK)
    assert not (tmp_path / "pack").exists()


def test_what_is_no_pack_is_never_replaced(form, small, tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "thesis.tex").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="holds something else"):
            pack(small.root, tmp_path / "pack", form, overwrite=overwrite)
    assert (tmp_path / "pack" / "thesis.tex").read_text() == "precious"


def test_another_pack_is_replaced_only_when_asked(form, small, tmp_path):
    other = small_dataset.make(tmp_path / "other", columns=2, rows=1)
    pack(other.root, tmp_path / "pack", form)
    with pytest.raises(InputError, match="--overwrite"):
        pack(small.root, tmp_path / "pack", form)
    check(form, tmp_path / "pack", other)
    pack(small.root, tmp_path / "pack", form, overwrite=True)
    check(form, tmp_path / "pack", small)


def test_two_jobs_do_not_write_one_pack(form, small, tmp_path):
    def second(_done, _total):
        with pytest.raises(WorkspaceError, match="another process"):
            pack(small.root, tmp_path / "pack", form)

    pack(small.root, tmp_path / "pack", form, advance=second)
    check(form, tmp_path / "pack", small)


@pytest.mark.parametrize("where", ["", "BigEarthNet-S1", "BigEarthNet-S1/pack", "provenance"])
def test_a_pack_stays_out_of_the_dataset(form, small, where):
    with pytest.raises(InputError, match="inside the dataset"):
        pack(small.root, small.root / where, form)


def test_patches_of_two_sizes_are_refused(form, tmp_path):
    small = small_dataset.make(tmp_path / "data", columns=2, rows=1, size=16)
    name = small.rows[1][0]
    for polarisation in ("VV", "VH"):
        path = small.root / small.folders[name] / f"{name}_{polarisation}.tif"
        small_dataset.raster(path, small_dataset.speckled(1, 8), "EPSG:32633", 0, 0)
    small_dataset.write_manifest(small.root)
    with pytest.raises(RasterError, match="of one size"):
        pack(small.root, tmp_path / "pack", form)


def test_lmdb_is_as_rico_hdl_writes_it(small, tmp_path):
    lmdb = pytest.importorskip("lmdb")
    save = pytest.importorskip("safetensors.numpy").save
    pack(small.root, tmp_path / "pack", "lmdb")
    with lmdb.open(str(tmp_path / "pack"), readonly=True) as database, database.begin() as transaction:
        for name, bands in small.pixels.items():
            assert transaction.get(name.encode()) == save({"VV": bands["VV"], "VH": bands["VH"]}, metadata=None)
            assert transaction.get(name.encode()) == save({"VH": bands["VH"], "VV": bands["VV"]}, metadata=None)


def test_tars_are_the_same_bytes_each_time_and_carry_what_is_known(small, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    packs = [pack(small.root, tmp_path / name, "webdataset", block=BLOCK).path for name in ("one", "two")]
    contents = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in packs]
    assert contents[0] == contents[1]
    assert sorted(contents[0]) == ["pack.json", *(f"patches-{number:06d}.tar" for number in range(3))]
    tars = [str(path) for path in sorted(packs[0].glob("*.tar"))]
    samples = list(webdataset.WebDataset(tars, shardshuffle=False).decode())
    for sample, row in zip(samples, small.rows, strict=True):
        expected = known(row)
        transform = [10.0, 0.0, expected["ulx"], 0.0, -10.0, expected["uly"]]
        assert sample["json"] == expected | {"transform": transform}


def known(row):
    """All that is known of a patch, by the names that tables have."""
    west, north = small_dataset.WEST + 1200 * row[3], small_dataset.NORTH - 1200 * row[4]
    numbers = {"dt_hours": float(row[9]), "filled_px": int(row[10]), "incidence_angle": float(row[11])}
    carried = small_dataset.carried(row)
    del carried["patch_id"], carried["s1_name"]
    return (
        dict(zip(small_dataset.HEADER, row, strict=True)) | numbers | carried
        | {"scenes": [row[5]], "scene": row[5], "platform": f"sentinel-{row[6][1:3].lower()}", "crs": "EPSG:32633"}
        | {"ulx": west, "uly": north}
    )  # fmt: skip


def test_the_table_beside_an_lmdb_has_all_that_is_known(small, tmp_path):
    pytest.importorskip("lmdb")
    pytest.importorskip("safetensors")

    def stop(done, _total):
        if done == BLOCK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(small.root, tmp_path / "pack", "lmdb", block=BLOCK, advance=stop)
    pack(small.root, tmp_path / "pack", "lmdb", block=BLOCK)
    assert pq.read_table(tmp_path / "pack" / "patches.parquet").to_pylist() == [known(row) for row in small.rows]
    assert sorted(path.name for path in (tmp_path / "pack").iterdir()) == [
        "data.mdb", "lock.mdb", "pack.json", "patches.parquet",
    ]  # fmt: skip


def test_zarr_arrays_have_all_that_is_known_of_each_patch(small, tmp_path):
    zarr = pytest.importorskip("zarr")
    pack(small.root, tmp_path / "pack", "zarr", block=BLOCK)
    group = zarr.open_group(tmp_path / "pack", mode="r")
    rows = [known(row) for row in small.rows]
    assert {name for name, _ in group.arrays()} == {"backscatter", *rows[0]}
    for name in rows[0]:
        found = group[name][:].tolist()
        if name in ("labels", "scenes"):
            found = [json.loads(text) for text in found]
        unknown = -1 if name.startswith("contains") else ""
        assert found == [unknown if row[name] is None else row[name] for row in rows], name


def test_a_dataset_with_old_names_and_without_labels_is_packed(form, tmp_path):
    small = small_dataset.make(tmp_path / "old", columns=2, rows=1, size=8)
    pack(small.root, tmp_path / "pack", form, block=BLOCK)
    if form == "zarr":
        import zarr

        group = zarr.open_group(tmp_path / "pack", mode="r")
        assert group["filled_px"][:].tolist() == [-1, -1]
        assert np.isnan(group["incidence_angle"][:]).all()
        assert group["labels"][:].tolist() == ["[]", "[]"]


def test_a_zarr_chunk_is_a_patch_and_a_shard_a_file(small, tmp_path):
    zarr = pytest.importorskip("zarr")
    pack(small.root, tmp_path / "pack", "zarr", block=BLOCK)
    group = zarr.open_group(tmp_path / "pack", mode="r")
    array = group["backscatter"]
    assert (array.shape, array.chunks, array.shards) == ((10, 2, 120, 120), (1, 2, 120, 120), (4, 2, 120, 120))
    assert array.metadata.zarr_format == 3
    assert len([path for path in (tmp_path / "pack" / "backscatter" / "c").rglob("*") if path.is_file()]) == 3
    assert list(group["name"][:]) == [row[0] for row in small.rows]
    assert group.attrs["dataset"] == json.loads((small.root / "provenance" / "dataset.json").read_text())


def test_a_missing_library_says_what_to_install(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(InputError, match=r"gee-s1ben\[packed\]"):
        pack(small.root, tmp_path / "pack", "lmdb")
    assert not (tmp_path / "pack").exists()


def test_a_full_disk_is_one_clear_line(form, small, tmp_path, monkeypatch):
    from gee_s1ben.errors import StorageError

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("gee_s1ben.dataset.packed.packing._flush", full)
    with pytest.raises(StorageError, match="the disk is full"):
        pack(small.root, tmp_path / "pack", form)
    assert not (tmp_path / "pack").exists()
    monkeypatch.undo()
    pack(small.root, tmp_path / "pack", form)
    check(form, tmp_path / "pack", small)
