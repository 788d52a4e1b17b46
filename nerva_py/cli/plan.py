"""`nerva-py doctor --layer`: which kernels a layer takes, and how many bytes."""

from __future__ import annotations

import re

from nerva_py.errors import NervaError
from nerva_py.sparse import plan

from .screen import aligned, make_console, size


def show(layer: str, density: float, batch_size: int) -> None:
    """Print the plan. Raises NervaError, which names the option."""
    match = re.fullmatch(r"\s*(\d+)\s*[x×,]\s*(\d+)\s*", layer)
    if not match or not int(match[1]) or not int(match[2]):
        raise NervaError(f"--layer must be neurons and inputs, such as 1024x3072, not {layer!r}")
    if not 0 <= density <= 1:
        raise NervaError(f"--density must be a number from 0 to 1, not {density}")
    if batch_size < 1:
        raise NervaError(f"--batch-size must be at least 1, not {batch_size}")
    K, D = int(match[1]), int(match[2])
    found = plan.of_layer(K, D, density, batch_size)
    rows = [
        ["weights", f"{found.stored}, {size(found.weights)}"],
        ["Y = X Wᵀ", found.Y],
        ["DX = DY W", found.DX],
        ["DW = DYᵀ X on the support", found.DW],
        [
            "training",
            f"{size(found.training)} more: gradient, a number of the optimizer for each weight, view by columns",
        ],
    ]
    console = make_console()
    console.print(f"W {K}×{D} of density {density:g}, batches of {batch_size}, float32", style="bold")
    console.print("\n".join(aligned(rows, left=2)))
