"""The dataset on disk: patches, their layouts, provenance tables and verification."""
