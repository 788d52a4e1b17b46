"""What a network needs: nonzeros and bytes of each layer, beside the dense network of the same sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nerva_py.network import MLP, DropoutLayer, Layer, LinearLayer
from nerva_py.sparse import DenseWeight, SparseWeight, plan
from nerva_py.training.optimizers import Optimizer

from .screen import aligned, size


@dataclass(frozen=True)
class LayerMemory:
    """One line of the table. `weights` are the bytes of the parameters with their indices, `training` those of gradients,
    optimizer state and the column view of the indices in addition. `dense_*` is the same for a dense layer."""

    name: str
    shape: str
    stored: str
    nonzeros: int
    positions: int
    weights: int
    training: int
    dense_weights: int
    dense_training: int


def layer_memory(
    network: MLP, optimizers: Mapping[Layer, Optimizer], sparse_input: bool = False, batch_size: int = 100
) -> list[LayerMemory]:
    """One entry for each layer of the network, activations apart. `sparse_input`: whether the samples are stored sparse. With
    very small batches large layers need no column view."""
    result = []
    for position, layer in enumerate(network.layers):
        # The gradient with respect to the network's input, which needs the column view, is not computed.
        inner = any(before.parameters for before in network.layers[:position])
        weights = training = dense_weights = dense_training = 0
        for parameter in layer.parameters:
            copies = 1 + optimizers[layer].states
            value = parameter.value
            numbers = parameter.vector.nbytes
            whole = value.nbytes if not isinstance(value, SparseWeight) else _csr_bytes(value)
            weights += whole
            training += whole + copies * numbers
            if isinstance(layer, LinearLayer) and parameter is layer.W:
                numbers = value.shape[0] * value.shape[1] * value.dtype.itemsize
                if layer.dropout:
                    training += value.data.nbytes
                # A product with a sparse batch, which only the first linear layer has, needs it, too.
                sparse_batch = sparse_input and layer is network.linear_layers[0]
                if isinstance(value, SparseWeight):
                    case = value.nnz, value.shape[1], batch_size
                    by_columns = layer.dropout or sparse_batch
                    if by_columns or (inner and not plan.scatters(*case)):
                        training += _csc_bytes(value)
            dense_weights += numbers
            dense_training += (1 + copies) * numbers
        result.append(
            LayerMemory(*_described(layer), *_counts(layer), weights, training, dense_weights, dense_training)
        )
    return result


def layer_table(entries: Sequence[LayerMemory], training: bool = True) -> list[str]:
    """The table that is shown before training: a line a layer, the total, and the dense network; of a network that is not
    trained without the column for training."""
    rows = [["", "layer", "size", "stored", "density", "nonzeros", "weights", "training"]]
    linear = 0
    for entry in entries:
        linear += bool(entry.positions)
        number = str(linear) if entry.positions else ""
        density = f"{entry.nonzeros / entry.positions:.4g}" if entry.positions else ""
        count = f"{entry.nonzeros:,}" if entry.positions else ""
        needed = (size(entry.weights), size(entry.training)) if entry.weights else ("", "")
        rows.append([number, entry.name, entry.shape, entry.stored, density, count, *needed])
    nonzeros, positions = sum(e.nonzeros for e in entries), sum(e.positions for e in entries)
    needed = (size(sum(e.weights for e in entries)), size(sum(e.training for e in entries)))
    rows.append(["", "total", "", "", f"{nonzeros / positions:.4g}", f"{nonzeros:,}", *needed])
    needed = (size(sum(e.dense_weights for e in entries)), size(sum(e.dense_training for e in entries)))
    rows.append(["", "dense network", "", "", "1", f"{positions:,}", *needed])
    return aligned(rows if training else [row[:-1] for row in rows], left=4)


def _described(layer: Any) -> tuple[str, str, str]:
    """Name, size, and how it is stored."""
    if isinstance(layer, LinearLayer):
        W = layer.W.value
        stored = "CSR" if W.sparse else "dense"
        rate = f", p={layer.dropout:g}" if layer.dropout else ""
        return layer.output.name + rate, f"{W.shape[1]} → {W.shape[0]}", stored
    rate = f", p={layer.rate:g}" if isinstance(layer, DropoutLayer) else ""
    widths = [str(parameter.value.shape[-1]) for parameter in layer.parameters]
    return layer.name + rate, *((widths[0], "dense") if widths else ("", ""))


def _counts(layer: Any) -> tuple[int, int]:
    """Nonzeros, and positions of the weight matrix."""
    if not isinstance(layer, LinearLayer):
        return 0, 0
    W: SparseWeight | DenseWeight = layer.W.value
    return W.nnz, W.shape[0] * W.shape[1]


def _csr_bytes(W: SparseWeight) -> int:
    return W.data.nbytes + W.support.indptr.nbytes + W.support.indices.nbytes


def _csc_bytes(W: SparseWeight) -> int:
    """Column pointers, row indices and the permutation of the values."""
    return (W.shape[1] + 1 + 2 * W.nnz) * W.support.indices.itemsize
