"""The edge to Earth Engine: connecting, computing values and pixels, and what its errors mean."""
