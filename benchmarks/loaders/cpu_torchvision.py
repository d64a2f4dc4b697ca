"""Run a program where torch is a CPU build and torchvision's only wheel is the one for CUDA.

Beside such a torch torchvision's compiled operators do not load, and its import then fails for want of their
declarations. Declaring them lets it import; nothing that reads a dataset calls them::

    python benchmarks/loaders/cpu_torchvision.py benchmarks/loaders/with_torchgeo.py out/BigEarthNet
"""

from __future__ import annotations

import runpy
import sys

import torch

OPERATORS = ("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")


def main() -> None:
    """Declare the operators, then run the program."""
    library = torch.library.Library("torchvision", "DEF")  # has to live as long as the program
    for name in ("nms", "qnms", *OPERATORS, *(f"_{name}_backward" for name in OPERATORS)):
        library.define(f"{name}(Tensor a, Tensor b) -> Tensor")
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
