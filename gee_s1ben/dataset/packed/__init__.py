"""The same patches in forms that training loaders stream: Zarr v3 shards, WebDataset tars, LMDB of safetensors."""

from gee_s1ben.dataset.packed.packing import FORMATS, Packed, pack

__all__ = ["FORMATS", "Packed", "pack"]
