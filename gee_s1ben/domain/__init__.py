"""Values of the field: names, grids, tiles, scenes and passes. Frozen, checked when made, and without I/O."""
