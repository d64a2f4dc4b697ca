"""``config.yaml`` to a frozen, validated model. Nothing below this room reads it."""

from gee_s1ben.config.model import PIXEL_REQUEST_BYTES, Config
from gee_s1ben.config.reading import load_config, load_service
from gee_s1ben.config.targets import BlockSettings, GridTarget, ProductTarget, TileTarget

__all__ = [
    "PIXEL_REQUEST_BYTES",
    "BlockSettings",
    "Config",
    "GridTarget",
    "ProductTarget",
    "TileTarget",
    "load_config",
    "load_service",
]
