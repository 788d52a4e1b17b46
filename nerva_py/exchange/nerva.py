"""Nerva's weight files: an npz file with dense `W1` (K, D), `b1`, `W2`, `b2`, ... (and ours, which may hold CSR arrays)."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from nerva_py.errors import NervaError
from nerva_py.files import write_atomically
from nerva_py.network import MLP, BatchNormLayer, LinearLayer, mlp
from nerva_py.network.weights_io import layer_sizes, load_weights

from .arguments import checked_network


def from_nerva(
    path: str | PathLike[str],
    layers: str | Sequence[str],
    *,
    drop_zeros: bool = True,
    dtype: DTypeLike = np.float32,
    backend: str = "numba",
) -> MLP:
    """The network whose weights are in the file: those of `nerva` or of `save_weights`.

    `layers`: "ReLU;ReLU;Linear" as in `mlp`, which no weight file tells; the sizes are those of the file. Of a layer that is
    stored as a dense array the nonzeros are the support, and one without any zero is dense; with `drop_zeros=False`, for
    files of `save_weights`, all of its positions are weights. Raises DataError and NervaError.
    """
    sizes = layer_sizes(path)
    with np.load(path, allow_pickle=False) as file:
        stored_dense = [f"W{number}" in file.files for number in range(1, len(sizes))]
    network = mlp(
        layers,
        sizes,
        # The file decides which weights exist: a layer that stands for a sparse one has none before.
        layer_densities=[float(dense and not drop_zeros) for dense in stored_dense],
        weights="Zero",
        dtype=dtype,
        backend=backend,
    )
    load_weights(path, network, backend)
    return network


def to_nerva(network: MLP, path: str | PathLike[str]) -> None:
    """Write the weights as Nerva reads them: dense `Wl` (K, D) and `bl` (K,), l = 1, 2, ...

    A kept weight of value 0 cannot be told from an absent one in such a file, and needs K·D numbers a layer; `save_weights`
    keeps both the support and the memory small. Raises NervaError for layers that the file has no place for.
    """
    for layer in checked_network(network).layers:
        if isinstance(layer, BatchNormLayer) or (isinstance(layer, LinearLayer) and layer.output.parameters):
            raise NervaError(f"Nerva's files hold weights and biases only, not all of {network!r}; see save_weights")
    arrays: dict[str, np.ndarray] = {}
    for number, layer in enumerate(network.linear_layers, 1):
        arrays[f"W{number}"], arrays[f"b{number}"] = layer.W.value.toarray(), layer.b.value[0]
    write_atomically(Path(path), lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
