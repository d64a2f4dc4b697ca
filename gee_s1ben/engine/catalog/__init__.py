"""Local scenes: a static STAC catalog of Cloud-Optimized GeoTIFFs with Earth Engine's properties.

On disk::

    catalog.json
    COPERNICUS/S1_GRD/collection.json            one STAC Collection for an Earth Engine collection
    COPERNICUS/S1_GRD/<index>/<index>.json       one STAC Item for an image
    COPERNICUS/S1_GRD/<index>/VV.tif             one Cloud-Optimized GeoTIFF for a band

An image exists once its collection links to it, and that link is written last: whatever interrupts an ``add`` before
leaves files that nobody reads and that the next ``add`` of the image replaces.
"""

from gee_s1ben.engine.catalog.documents import read_properties
from gee_s1ben.engine.catalog.records import BandRecord, ImageRecord
from gee_s1ben.engine.catalog.store import Catalog

__all__ = ["BandRecord", "Catalog", "ImageRecord", "read_properties"]
