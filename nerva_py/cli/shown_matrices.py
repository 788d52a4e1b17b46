"""Matrices as text: those of a network for --info, those of each step for --debug. Of large ones the corners are shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.console import Console

from nerva_py.matrix import Outer
from nerva_py.network import MLP
from nerva_py.network.mlp import parameter_names
from nerva_py.training import Callback, Order, Run

from .options import Options


class MatrixLines(Callback):
    """For each layer of each step: what the forward pass has kept, the parameters before the update, and the gradients."""

    order = Order.WRITES

    def __init__(self, console: Console, options: Options):
        self.console = console
        self.options = options
        self.step = 0

    def on_gradients(self, run: Run, layer: Any, tape: Any, gradients: tuple[Any, ...]) -> None:
        if run.t != self.step:
            self.step = run.t
            self.console.print(f"\nepoch {run.epoch} batch {run.step_of_epoch + 1}, from the last layer to the first")
        alike = [one for one in run.network.layers if type(one) is type(layer)]
        number = next(i for i, one in enumerate(alike, 1) if one is layer)  # as in `parameter_names`
        kept = tape._asdict() if hasattr(tape, "_asdict") else {"tape": tape}
        named = [(name, value) for name, value in kept.items() if hasattr(value, "shape")]
        for parameter, gradient in zip(layer.parameters, gradients, strict=True):
            on = gradient.on(parameter.value) if isinstance(gradient, Outer) else gradient
            named += [(parameter.name, parameter.value), (f"D{parameter.name}", on)]
        for name, matrix in named:
            self.console.print(
                "\n".join(lines(f"{name}{number}", matrix, self.options.decimals, self.options.edgeitems))
            )


def network_lines(network: MLP, options: Options) -> Iterator[str]:
    """Every parameter."""
    for name, parameter in zip(parameter_names(network), network.parameters(), strict=True):
        yield from lines(name, parameter.value, options.decimals, options.edgeitems)


def lines(name: str, matrix: Any, decimals: int, edgeitems: int) -> list[str]:
    """The matrix under its name and shape; of more than 2·edgeitems rows or columns the first and the last ones."""
    K, D = matrix.shape
    corners = _part(matrix, _ends(K, edgeitems), _ends(D, edgeitems))
    text = np.array2string(
        corners, precision=decimals, floatmode="fixed", suppress_small=True, edgeitems=edgeitems, threshold=0,
        max_line_width=10_000,
    )  # fmt: skip
    stored = f", {matrix.nnz:,} stored" if hasattr(matrix, "nnz") else ""
    return [f"{name} {K}×{D}{stored}", *text.splitlines()]


def _ends(count: int, edgeitems: int) -> np.ndarray:
    """The first and the last positions, and one between them, in the place of which NumPy prints dots."""
    if count <= 2 * edgeitems:
        return np.arange(count)
    return np.r_[: edgeitems + 1, count - edgeitems : count]


def _part(matrix: Any, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """These rows and columns as an array; no more of a sparse matrix is made dense."""
    if hasattr(matrix, "csr"):  # a sparse weight or a sparse batch
        part: np.ndarray = matrix.csr[rows][:, columns].toarray()
        return part
    array: np.ndarray = getattr(matrix, "array", matrix)
    return array[np.ix_(rows, columns)]
