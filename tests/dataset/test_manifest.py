from __future__ import annotations

import hashlib
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.dataset.manifest import (
    AbsentRow,
    PatchRow,
    absent_path,
    manifest_path,
    patches_path,
    read_absent,
    read_manifest,
    read_patches,
)
from gee_s1ben.dataset.recording import Recording, record_target
from gee_s1ben.errors import InputError, StorageError

TARGETS = ("33UUP_20170613T101031", "33UUP_20170614T101031", "grid-a_20170613T101031")


def patch(target, col, row, scene="S1A_IW_GRDH_1SDV_20170613T165043", dt_hours=6.6697):
    tile = target.partition("_")[0]
    return PatchRow(
        name=f"{scene}_{tile}_{col}_{row}", s2_patch=f"s2_{col}_{row}", target=target, col=col, row=row, scene=scene,
        pass_key="S1A_017018", relative_orbit=146, orbit_direction="ascending", dt_hours=dt_hours,
    )  # fmt: skip


def files_of(row):
    folder = f"BigEarthNet-S1/{row.scene}/{row.name}"
    return [
        (f"{folder}/{row.name}_{p}.tif", hashlib.sha256(f"{row.name}{p}".encode()).hexdigest()) for p in ("VV", "VH")
    ]


def state(root):
    return list(read_manifest(root)), list(read_patches(root)), list(read_absent(root))


places = st.tuples(st.integers(0, 12), st.integers(0, 2))
scenes = st.sampled_from(["S1A_IW_GRDH_1SDV_20170613T165043", "S1B_IW_GRDH_1SDV_20170612T165809"])
recordings = st.lists(
    st.tuples(st.sampled_from(TARGETS), st.dictionaries(places, scenes | st.just("absent"), max_size=8), st.randoms()),
    max_size=6,
)


@given(recordings)
def test_the_tables_are_what_was_last_recorded_of_each_target(recordings):
    """Against dictionaries held in memory."""
    model_patches: dict[str, list[PatchRow]] = {}
    model_absent: dict[str, list[AbsentRow]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for target, content, random in recordings:
            before = {row.name for rows in model_patches.values() for row in rows}
            patches = [patch(target, *place, scene) for place, scene in content.items() if scene != "absent"]
            absent = [
                AbsentRow(target, *place, "s2", 'no pass, "really"') for place, s in content.items() if s == "absent"
            ]
            files = [file for row in patches for file in files_of(row)]
            for rows in (patches, absent, files):
                random.shuffle(rows)
            stale = record_target(root, target, files, patches, absent)
            model_patches[target], model_absent[target] = patches, absent
            now = {row.name for rows in model_patches.values() for row in rows}
            assert {str(name) for name in stale} == before - now

            found_files, found_patches, found_absent = state(root)
            all_patches = [row for rows in model_patches.values() for row in rows]
            assert found_files == sorted({file for row in all_patches for file in files_of(row)})
            assert found_patches == sorted(all_patches, key=lambda r: (r.target, r.row, r.col))
            assert found_absent == sorted(
                (row for rows in model_absent.values() for row in rows), key=lambda r: (r.target, r.row, r.col)
            )


def test_order_of_recording_does_not_matter(tmp_path):
    rows = {target: [patch(target, col, row) for col in range(3) for row in range(2)] for target in TARGETS}
    contents = []
    for run, order in (("a", TARGETS), ("b", TARGETS[::-1])):
        root = tmp_path / run
        for target in order:
            files = [file for row in rows[target] for file in files_of(row)]
            record_target(root, target, files, rows[target], [AbsentRow(target, 9, 9, "s2", "no pass covers it")])
        contents.append({path.name: path.read_bytes() for path in sorted((root / "provenance").iterdir())})
    assert contents[0] == contents[1]
    assert sorted(contents[0]) == ["absent.csv", "manifest.sha256", "patches.csv"]


def test_the_text_of_the_tables(tmp_path):
    row = patch(TARGETS[0], 70, 48)
    record_target(tmp_path, TARGETS[0], [("a b.tif", "0" * 64)], [row], [AbsentRow(TARGETS[0], 1, 2, "s2", "x, y")])
    assert manifest_path(tmp_path).read_bytes() == b"0" * 64 + b"  a b.tif\n"
    assert patches_path(tmp_path).read_bytes() == (
        b"name,corresponding_s2_patch,target,col,row,scenes,pass,relative_orbit,orbit_direction,dt_hours,filled_px,"
        b"incidence_angle,passed_over\n"
        b"S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48,s2_70_48,33UUP_20170613T101031,70,48,"
        b"S1A_IW_GRDH_1SDV_20170613T165043,S1A_017018,146,ascending,6.6697,,,\n"
    )
    assert absent_path(tmp_path).read_bytes() == (
        b'target,col,row,corresponding_s2_patch,reason\n33UUP_20170613T101031,1,2,s2,"x, y"\n'
    )


def test_tables_with_the_column_names_of_before(tmp_path):
    rows = [replace(patch(TARGETS[0], 1, 0), filled_px=7, incidence_angle=38.1234), patch(TARGETS[0], 2, 0)]
    gap = AbsentRow(TARGETS[0], 3, 0, "s2", "no pass")
    record_target(tmp_path, TARGETS[0], [], rows, [gap])
    now = patches_path(tmp_path).read_bytes(), absent_path(tmp_path).read_bytes()
    old = b"name,s2_patch,target,col,row,scene,pass_key,relative_orbit,direction,dt_hours,filled_px,incidence_angle\n"
    cells = (line.rpartition(b",")[0] for line in now[0].splitlines()[1:])  # what was passed over came later
    patches_path(tmp_path).write_bytes(old + b"".join(line + b"\n" for line in cells))
    absent_path(tmp_path).write_bytes(b"target,col,row,s2_patch,reason\n" + now[1].partition(b"\n")[2])
    assert (list(read_patches(tmp_path)), list(read_absent(tmp_path))) == (rows, [gap])
    record_target(tmp_path, TARGETS[1], [], [], [])
    assert (patches_path(tmp_path).read_bytes(), absent_path(tmp_path).read_bytes()) == now


@pytest.mark.parametrize(
    "change", [("name,", "name,name,"), ("dt_hours", "hours"), ("target,", ""), ("pass,", "pass_key,pass,")]
)
def test_headers_that_are_refused(tmp_path, change):
    record_target(tmp_path, TARGETS[0], [], [patch(TARGETS[0], 1, 0)], [])
    text = patches_path(tmp_path).read_text()
    patches_path(tmp_path).write_text(text.replace(*change, 1))
    with pytest.raises(InputError, match=r"patches\.csv: the header is not name,corresponding_s2_patch"):
        list(read_patches(tmp_path))


@pytest.mark.parametrize("lacking", [1, 2, 3])
def test_tables_of_before_there_were_the_last_columns(tmp_path, lacking):
    """Of the passes passed over, of the incidence angle before them, and of the count of filled pixels before that."""
    over = {"filled_px": 7, "incidence_angle": 38.1234, "passed_over": "S1A_017011: 3 of 14400 pixels have no data"}
    rows = [patch(TARGETS[0], 1, 0), replace(patch(TARGETS[1], 2, 0), **over)]
    record_target(tmp_path, TARGETS[0], [], rows[:1], [])
    lines = patches_path(tmp_path).read_text().splitlines()
    patches_path(tmp_path).write_text("".join(f"{line.rsplit(',', lacking)[0]}\n" for line in lines))
    assert list(read_patches(tmp_path)) == rows[:1]
    record_target(tmp_path, TARGETS[1], [], rows[1:], [])
    assert list(read_patches(tmp_path)) == rows
    patches_path(tmp_path).write_text(patches_path(tmp_path).read_text().partition(",7,38.1234")[0] + "\n")
    with pytest.raises(InputError, match="line 3: broken"):
        list(read_patches(tmp_path))


@given(recordings)
def test_targets_recorded_together_are_as_if_recorded_one_by_one(recordings):
    with tempfile.TemporaryDirectory() as folder:
        together, singly = Path(folder) / "a", Path(folder) / "b"
        last = {target: content for target, content, _ in recordings}
        half = len(last) // 2
        for some in (list(last.items())[:half], list(last.items())[half:]):
            with Recording(together) as recording:
                for target, content in some:
                    rows = [patch(target, *place, scene) for place, scene in content.items() if scene != "absent"]
                    files = [file for row in rows for file in files_of(row)]
                    gaps = [AbsentRow(target, *place, "s2", "r") for place, s in content.items() if s == "absent"]
                    recording.add(target, files, rows, gaps)
                    record_target(singly, target, files, rows, gaps)
                recording.finish()
        if last:
            assert tables(together) == tables(singly)


def tables(root):
    return {path.name: path.read_bytes() for path in (root / "provenance").iterdir()}


def test_nothing_is_changed_before_the_end(tmp_path):
    rows = [patch(TARGETS[0], col, 0) for col in range(3)]
    record_target(tmp_path, TARGETS[0], [file for row in rows for file in files_of(row)], rows, [])
    before = tables(tmp_path)
    seen = []

    def remove(name):
        seen.append(str(name))
        found = tables(tmp_path)
        assert {name: found[name] for name in before} == before
        raise KeyboardInterrupt

    with Recording(tmp_path) as recording:
        recording.add(TARGETS[0], files_of(rows[0]), rows[:1], [])
        with pytest.raises(KeyboardInterrupt):
            recording.finish(remove)
    assert seen == [rows[1].name]
    assert tables(tmp_path) == before
    assert len(record_target(tmp_path, TARGETS[0], files_of(rows[0]), rows[:1], [])) == 2
    with Recording(tmp_path) as recording:
        recording.add(TARGETS[0], [], [], [])
        with pytest.raises(InputError, match="comes twice"):
            recording.add(TARGETS[0], [], [], [])


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs a limit on the size of files")
def test_a_disk_without_room_for_the_tables(tmp_path):
    rows = [patch(TARGETS[0], col, row) for col in range(12) for row in range(60)]
    files = [file for row in rows for file in files_of(row)]
    record_target(tmp_path, TARGETS[0], files[:2], rows[:1], [])
    before = tables(tmp_path)
    child = os.fork()
    if not child:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            record_target(tmp_path, TARGETS[0], files, rows, [])
        except StorageError:
            os._exit(17)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
    assert tables(tmp_path) == before


def test_memory_does_not_follow_the_number_of_targets(tmp_path):
    """Peak of what Python allocates, which is most: forty targets take no more than ten."""
    peaks = []
    for count in (10, 40):
        tracemalloc.start()
        with Recording(tmp_path / str(count)) as recording:
            for number in range(count):
                key = f"{number:02d}UUP_20170613T101031"
                rows = [patch(key, col, row) for col in range(20) for row in range(20)]
                recording.add(key, [file for one in rows for file in files_of(one)], rows, [])
                del rows
            recording.finish()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_sha256sum_reads_the_manifest(tmp_path):
    files = []
    for name in ("b/x.tif", "a/y.tif"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(name.encode())
        files.append((name, hashlib.sha256(name.encode()).hexdigest()))
    record_target(tmp_path, TARGETS[0], files, [], [])
    command = ["sha256sum", "--strict", "-c", "provenance/manifest.sha256"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "a/y.tif").write_bytes(b"other")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_nothing_recorded_reads_as_nothing(tmp_path):
    assert state(tmp_path) == ([], [], [])


@pytest.mark.parametrize(
    "text",
    [
        "0" * 63 + "  a\n",
        "0" * 64 + "  a",
        "0" * 64 + "  /etc/passwd\n",
        "0" * 64 + "  a/../../b\n",
        "0" * 64 + "  b\n" + "0" * 64 + "  a\n",
        "\0\n",
    ],
)
def test_broken_manifests_are_refused(tmp_path, text):
    manifest_path(tmp_path).parent.mkdir()
    manifest_path(tmp_path).write_text(text)
    with pytest.raises(InputError, match=r"manifest.sha256, line [12]: "):
        list(read_manifest(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name\n",
        "target,col,row,s2_patch,reason\nt,1,2,s2\n",
        "target,col,row,s2_patch,reason\nt,1,two,s2,r\n",
        'target,col,row,s2_patch,reason\nt,1,2,s2,"r\n',
    ],
)
def test_broken_tables_are_refused_and_kept(tmp_path, text):
    absent_path(tmp_path).parent.mkdir()
    absent_path(tmp_path).write_text(text)
    with pytest.raises(InputError, match=r"absent\.csv"):
        list(read_absent(tmp_path))
    with pytest.raises(InputError, match=r"absent\.csv"):
        record_target(tmp_path, TARGETS[0], [], [], [])
    assert absent_path(tmp_path).read_text() == text


def test_rows_that_contradict_each_other(tmp_path):
    row = patch(TARGETS[0], 0, 0)
    for files, patches, absent in [
        ([], [row, row], []),
        ([], [row], [AbsentRow(TARGETS[0], 0, 0, "s2", "r")]),
        ([], [patch(TARGETS[1], 0, 0)], []),
        ([("a", "0" * 64), ("a", "1" * 64)], [], []),
    ]:
        with pytest.raises(InputError):
            record_target(tmp_path, TARGETS[0], files, patches, absent)
    assert not (tmp_path / "provenance").exists()
