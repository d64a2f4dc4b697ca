"""Every naming rule of BigEarthNet v1 and v2 and of the products behind it.

Each kind of name is a frozen value. ``str(name)`` formats it and ``Kind.parse(text)`` reads it; the two are inverse
to each other, so a text that is accepted is given back exactly. Names become folders and files: a text is matched
whole, in ASCII and with its length capped, before anything else is done with it.

Sources: the Sentinel-1 and Sentinel-2 user guides of ESA ("Naming conventions"), and the published tables of
BigEarthNet-MM v1.0 and BigEarthNet v2.0.
"""

from gee_s1ben.domain.naming.old_sentinel2 import S2GranuleName, S2OldProductName
from gee_s1ben.domain.naming.patches import S1PatchName, S2PatchNameV1, S2PatchNameV2, check_target_name
from gee_s1ben.domain.naming.sentinel1 import S1ProductName, check_image_index, relative_orbit, scene_label
from gee_s1ben.domain.naming.sentinel2 import S2ProductName
from gee_s1ben.domain.naming.spellings import TileName, padded_tile, read_tile_name
from gee_s1ben.domain.naming.text import format_stamp

__all__ = [
    "S1PatchName",
    "S1ProductName",
    "S2GranuleName",
    "S2OldProductName",
    "S2PatchNameV1",
    "S2PatchNameV2",
    "S2ProductName",
    "TileName",
    "check_image_index",
    "check_target_name",
    "format_stamp",
    "padded_tile",
    "read_tile_name",
    "relative_orbit",
    "scene_label",
]
