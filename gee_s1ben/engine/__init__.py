"""The embedded Earth Engine: evaluates the client's serialized graphs over local scenes.

``expression`` decodes a graph, ``evaluator`` computes it with the functions of ``algorithms/`` (found by ``registry``,
held against ``signatures``), ``description`` says the result the way Earth Engine's JSON says it, and ``service/``
carries all of it over HTTP. Nothing here imports the Earth Engine client.
"""
