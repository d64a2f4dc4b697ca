"""The published pairs of BigEarthNet: every patch of v1 and v2 with its Sentinel-1 scene."""

from gee_s1ben.published.stored import SNOW_OR_CLOUD, V1, V2, Choice, Pair, Pairs, PublishedScene, choice, pairs

__all__ = ["SNOW_OR_CLOUD", "V1", "V2", "Choice", "Pair", "Pairs", "PublishedScene", "choice", "pairs"]
