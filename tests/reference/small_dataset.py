"""A small dataset on disk as this program leaves one, written with rasterio, csv and hashlib alone."""

import csv
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import rasterio

WEST, NORTH = 399960.0, 5400000.0  # upper left corner of tile 33UUP... any corner would do
SCENES = {
    "S1A_017018": "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC",
    "S1B_006020": "S1B_IW_GRDH_1SDV_20170612T165937_20170612T170004_006020_00A918_2A6A",
}
ORBITS = {"S1A_017018": (146, "ascending", 6.6814), "S1B_006020": (44, "descending", 17.1817)}
HEADER = [
    "name", "corresponding_s2_patch", "target", "col", "row", "scenes", "pass", "relative_orbit", "orbit_direction",
    "dt_hours", "filled_px", "incidence_angle", "passed_over",
]  # fmt: skip
OLD_HEADER = [
    "name",
    "s2_patch",
    "target",
    "col",
    "row",
    "scene",
    "pass_key",
    "relative_orbit",
    "direction",
    "dt_hours",
]
LABELS = (["Pastures", "Beaches, dunes, sands"], [], ["Urban fabric"])


@dataclass
class Small:
    root: Path
    layout: str
    pixels: dict = field(default_factory=dict)
    """Name to polarisation to array."""
    rows: list = field(default_factory=list)
    folders: dict = field(default_factory=dict)
    """Name to folder, relative to the root."""


def label(scene):
    return scene[:32]


def raster(path, array, crs, west, north, spacing=10.0, **profile):
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = array.shape
    transform = rasterio.Affine(spacing, 0, west, 0, -spacing, north)
    options = {"count": 1, "dtype": "float32", "crs": crs, "transform": transform, **profile}
    with rasterio.open(path, "w", driver="GTiff", width=width, height=height, **options) as file:
        file.write(array, 1)


def speckled(seed, size, smooth=2):
    """Something like a patch in dB: gamma speckle, a little correlated, on a slope."""
    rng = np.random.default_rng(seed)
    power = rng.gamma(4.4, 1 / 4.4, (size + smooth - 1, size + smooth - 1))
    power = np.lib.stride_tricks.sliding_window_view(power, (smooth, smooth)).mean(axis=(2, 3))
    ground = 10 ** (-1.2 + 0.4 * np.linspace(0, 1, size)[None, :] + 0.2 * np.linspace(0, 1, size)[:, None])
    return (10 * np.log10(power * ground)).astype(np.float32)


def make(
    root,
    layout="v2",
    columns=3,
    rows=2,
    size=120,
    targets=("33UUP_20170613T101031",),
    polarisations=("VV", "VH"),
    simulated=False,
    crs="EPSG:32633",
    corner=(WEST, NORTH),
    scenes=SCENES,
    angles=False,
    labels=False,
):
    """Write a dataset of ``columns`` × ``rows`` patches for each target; the first column is of another pass.

    Without ``angles`` its table of patches has the names and columns of before. With ``labels`` there is a
    ``metadata.parquet``, which knows nothing of the second column but the names.
    """
    small = Small(root, layout)
    top = "BigEarthNet-S1" if layout == "v2" else "BigEarthNet-S1-v1.0"
    for target in sorted(targets):
        tile = target.partition("_")[0]
        for row in range(rows):
            for col in range(columns):
                key = "S1B_006020" if col == 0 else "S1A_017018"
                scene = scenes[key]
                name = f"{label(scene)}_{tile}_{col}_{row}"
                folder = f"{top}/{label(scene)}/{name}" if layout == "v2" else f"{top}/{name}"
                west, north = corner[0] + 10 * size * col, corner[1] - 10 * size * row
                if name not in small.pixels:
                    small.folders[name] = folder
                    small.pixels[name] = {}
                    for number, polarisation in enumerate(polarisations):
                        array = speckled(hash_of(name) + number, size) - 7 * number
                        small.pixels[name][polarisation] = array
                        raster(root / folder / f"{name}_{polarisation}.tif", array, crs, west, north)
                    if layout == "v1":
                        path = root / folder / f"{name}_labels_metadata.json"
                        path.write_text(json.dumps({"labels": [], "scene_source": scene}))
                orbit, direction, hours = ORBITS[key]
                s2_patch = f"S2A_MSIL2A_{target.partition('_')[2]}_N9999_R022_T{tile}_{col:02d}_{row:02d}"
                over = "S1A_017011: 3 of 14400 pixels have no data" if col == 1 else ""
                more = ["0", f"{38 + col / 10:.4f}", over] if angles else []
                small.rows.append(
                    [name, s2_patch, target, col, row, scene, key, orbit, direction, f"{hours:.4f}", *more]
                )
    provenance = root / "provenance"
    provenance.mkdir(parents=True, exist_ok=True)
    if labels:
        pq.write_table(pa.Table.from_pylist([carried(row) for row in small.rows]), root / "metadata.parquet")
    write_manifest(root)
    header = HEADER if angles else OLD_HEADER
    table(provenance / "patches.csv", header, small.rows)
    reason = "S1A_017018: 1058 of 14400 pixels have no data"
    lacking = [[target, columns, 0, f"S2A_T{target}_{columns}_0", reason] for target in sorted(targets)]
    table(provenance / "absent.csv", ["target", "col", "row", "s2_patch", "reason"], lacking)
    record = {
        "made_by": "gee-s1ben 0.1.0",
        "simulated": simulated,
        "plan": "0123456789abcdef" * 4,
        "layout": layout,
        "patch_px": size,
        "backend": "embedded" if simulated else "earthengine",
        "earthengine_client": "1.7.50",
        "collection": "COPERNICUS/S1_GRD",
        "match": {"window_days": 6.0, "directions": ["ascending", "descending"]},
        "radar": {
            "polarisations": list(polarisations),
            "border_noise": True,
            "speckle": {"filter": "refined_lee"},
            "resampling": "bilinear",
        },
        "targets": sorted(targets),
    }
    (provenance / "dataset.json").write_text(json.dumps(record, indent=2) + "\n")
    return small


def carried(row):
    """What ``metadata.parquet`` says of a row of the table of patches."""
    known = row[3] != 1
    return {
        "patch_id": row[1], "labels": LABELS[row[3] % 3], "split": "test" if known else None,
        "country": "Österreich" if known else None, "s1_name": row[0], "s2v1_name": f"v1_{row[3]}" if known else None,
        "contains_seasonal_snow": False if known else None, "contains_cloud_or_shadow": True if known else None,
        "season": "Summer" if known else None,
    }  # fmt: skip


def hash_of(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def write_manifest(root):
    paths = sorted(str(path.relative_to(root)) for path in root.glob("BigEarthNet*/**/*") if path.is_file())
    lines = [f"{hashlib.sha256((root / path).read_bytes()).hexdigest()}  {path}\n" for path in paths]
    (root / "provenance" / "manifest.sha256").write_text("".join(lines))


def table(path, header, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
