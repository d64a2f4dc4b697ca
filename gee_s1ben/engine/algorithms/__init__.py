"""The algorithms, one family a file.

Adding one is one edit: a function decorated with :func:`gee_s1ben.engine.registry.algorithm`, in a module of this
package. Its parameters are the signature's arguments; ``tests/engine/test_registry.py`` holds them against it.
"""
