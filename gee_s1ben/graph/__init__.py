"""Graphs: pure functions from Earth Engine objects to Earth Engine objects. Nothing here asks a service anything."""
