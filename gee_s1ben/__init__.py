"""Sentinel-1 patches to match Sentinel-2's: BigEarthNet-S1 and its kin, made with one command."""

__version__ = "0.1.0"
