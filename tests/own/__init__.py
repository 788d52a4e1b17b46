"""A package outside nerva_py with one part of each kind: a file each, with one line that registers it.

`nerva-py train --import tests.own ...` knows them. They are as short as such a part can be.
"""

from . import (
    activation,
    backend,
    decay,
    distribution,
    drop,
    growth,
    initializer,
    layer,
    loss,
    method,
    optimizer,
    output,
    schedule,
)

__all__ = [
    "activation", "backend", "decay", "distribution", "drop", "growth", "initializer", "layer", "loss", "method", "optimizer",
    "output", "schedule",
]  # fmt: skip
