"""A network as a tree, and back: layers, weights in the form in which they are stored, statistics, the dropout generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nerva_py.errors import DataError, NervaError
from nerva_py.network import MLP, ActivationLayer, BatchNormLayer, DropoutLayer, Layer, LinearLayer
from nerva_py.network.mlp import first_not_finite
from nerva_py.network.outputs import OUTPUTS, Output, Pointwise
from nerva_py.network.snapshot import Snapshot
from nerva_py.sparse import DenseWeight, SparseWeight, Support, Weight
from nerva_py.sparse.support import index_dtype

from . import fields

Tree = dict[str, Any]


def network_tree(network: MLP) -> Tree:
    """Everything from which `build_network` makes the same network. Arrays are not copied.

    Raises NervaError for layers and activations that are not nerva_py's own, and for numbers that are not finite.
    """
    if (name := first_not_finite(network)) is not None:
        raise NervaError(f"{name} has values that are not finite; such a network is not saved")
    layers = [_layer_tree(number, layer) for number, layer in enumerate(network.layers, 1)]
    return {"layers": layers}


def build_network(tree: Any, backend: str | None = None) -> MLP:
    """The network; `backend` computes sparse products, by default the one that the network had. Raises DataError."""
    layers = [_layer(one, backend) for one in fields.items(tree, "layers")]
    widths = None
    for layer in layers:
        inputs = _inputs(layer)
        if widths is not None and inputs is not None and inputs != widths:
            raise DataError(f"malformed: a layer of {inputs} inputs follows {widths} outputs")
        widths = layer.W.value.shape[0] if isinstance(layer, LinearLayer) else inputs or widths
    try:
        network = MLP(layers)
    except NervaError as error:
        raise DataError(f"malformed: {error}") from None
    dtypes = {parameter.value.dtype for parameter in network.parameters()}
    if len(dtypes) != 1:
        raise DataError(f"malformed: its parameters are of {', '.join(sorted(map(str, dtypes)))}; one type is needed")
    return network


def described(network: MLP) -> list[Tree]:
    """What must agree if one network is to take the place of another: kinds, functions, rates; not sizes and weights."""
    return [
        {key: value for key, value in _layer_tree(number, layer).items() if not _is_content(value)}
        for number, layer in enumerate(network.layers, 1)
    ]


# ------------------------------------------------------------------------------------------------------------- writing


def _is_content(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (isinstance(value, dict) and "storage" in value)


def _layer_tree(number: int, layer: Any) -> Tree:
    if type(layer) is LinearLayer:
        tree = {"kind": "linear", "output": _output_tree(number, layer.output), "dropout": layer.dropout}
        tree |= {"W": weight_tree(layer.W.value), "b": layer.b.value}
        return tree | {parameter.name: parameter.value for parameter in layer.output.parameters}
    if type(layer) is BatchNormLayer:
        tree = {"kind": "batch norm", "epsilon": layer.epsilon, "momentum": layer.momentum}
        tree |= {"gamma": layer.gamma.value, "beta": layer.beta.value}
        return tree | {"mean": layer.mean, "variance": layer.variance}
    if type(layer) is DropoutLayer:
        return {"kind": "dropout", "rate": layer.rate}
    if type(layer) is ActivationLayer:
        return {"kind": "activation", "output": _output_tree(number, layer.output)}
    raise NervaError(f"layer {number} is a {type(layer).__name__}, which a checkpoint cannot hold")


def _output_tree(number: int, output: Output) -> Tree:
    parameters = list(output.f.parameters) if isinstance(output, Pointwise) else []
    tree = {"name": output.name, "parameters": [float(p) for p in parameters]}
    again = OUTPUTS.get(output.name, lambda *parameters: None)(*parameters)
    same = type(again) is type(output) and (not isinstance(again, Pointwise) or again.f == output.f)  # type: ignore[attr-defined]
    if not same:
        raise NervaError(
            f"layer {number} has the output {output.name!r} of your own, which a checkpoint cannot hold, as it would have "
            f"to hold code; {', '.join(OUTPUTS)} can be saved"
        )
    return tree


def snapshot_tree(taken: Snapshot) -> Tree:
    """A snapshot, from which `build_snapshot` makes the same one."""
    values = [{"array": value} if isinstance(value, np.ndarray) else weight_tree(value) for value in taken.values]
    return {"values": values, "buffers": taken.buffers}


def weight_tree(W: Weight) -> Tree:
    if isinstance(W, SparseWeight):
        support = W.support
        tree: Tree = {"storage": "csr", "shape": list(W.shape), "backend": W.backend.name}
        return tree | {"indptr": support.indptr, "indices": support.indices, "data": W.data}
    if W.mask is None:
        return {"storage": "dense", "shape": list(W.shape), "array": W.array}
    return {"storage": "masked", "shape": list(W.shape), "array": W.array, "mask": np.packbits(W.mask.reshape(-1))}


# ------------------------------------------------------------------------------------------------------------- reading


def build_snapshot(tree: Any, network: MLP) -> Snapshot:
    """A snapshot of that network. Raises DataError."""
    saved, buffers = fields.items(tree, "values"), fields.items(tree, "buffers")
    backend = next((p.value.backend.name for p in network.parameters() if isinstance(p.value, SparseWeight)), None)
    values = [
        build_weight(one, backend) if "storage" in one else fields.array(one, "array", np.shape(one["array"]), "f")
        for one in saved
    ]
    kinds = [isinstance(parameter.value, np.ndarray) for parameter in network.parameters()]
    names = [set(layer.buffers) for layer in network.layers]
    if [isinstance(value, np.ndarray) for value in values] != kinds or [set(one) for one in buffers] != names:
        raise DataError("malformed: a kept network that is not of this kind")
    return Snapshot(
        values, [{name: fields.array(one, name, np.shape(one[name]), "f") for name in one} for one in buffers]
    )


def _inputs(layer: Layer) -> int | None:
    if isinstance(layer, LinearLayer):
        return int(layer.W.value.shape[1])
    return layer.mean.size if isinstance(layer, BatchNormLayer) else None


def _layer(tree: Any, backend: str | None) -> Layer:
    kind = fields.text(tree, "kind")
    if kind not in _KINDS:
        raise DataError(f"malformed: a layer of kind {kind!r}; known are {', '.join(_KINDS)}")
    try:
        return _KINDS[kind](tree, backend)
    except DataError:
        raise
    except NervaError as error:  # a rate or an ε that is out of range
        raise DataError(f"malformed: {error}") from error


def _linear(tree: Any, backend: str | None) -> LinearLayer:
    W = build_weight(fields.field(tree, "W"), backend)
    output = _output(fields.field(tree, "output"))
    b = fields.array(tree, "b", (1, W.shape[0]), "f")
    layer = LinearLayer(W, b, output, fields.number(tree, "dropout"))
    for parameter in output.parameters:
        parameter.value = fields.array(tree, parameter.name, parameter.value.shape, "f")
    return layer


def _batch_norm(tree: Any, backend: str | None) -> BatchNormLayer:
    gamma = fields.array(tree, "gamma", (1, np.size(fields.field(tree, "gamma"))), "f")
    layer = BatchNormLayer(gamma.size, gamma.dtype, fields.number(tree, "epsilon"), fields.number(tree, "momentum"))
    layer.gamma.value = gamma
    layer.beta.value = fields.array(tree, "beta", gamma.shape, "f")
    layer.mean, layer.variance = (fields.array(tree, key, gamma.shape, "f") for key in ("mean", "variance"))
    if layer.mean.dtype != gamma.dtype or layer.variance.dtype != gamma.dtype or not gamma.size:
        raise DataError("malformed: parts of a batch normalisation are of different types")
    return layer


def _dropout(tree: Any, backend: str | None) -> DropoutLayer:
    return DropoutLayer(fields.number(tree, "rate"))


def _activation(tree: Any, backend: str | None) -> ActivationLayer:
    return ActivationLayer(_output(fields.field(tree, "output")))


_KINDS: dict[str, Callable[[Any, str | None], Layer]] = {
    "linear": _linear, "batch norm": _batch_norm, "dropout": _dropout, "activation": _activation
}  # fmt: skip


def _output(tree: Any) -> Output:
    name = fields.text(tree, "name")
    parameters = fields.items(tree, "parameters")
    if name not in OUTPUTS or not all(type(p) in (int, float) for p in parameters):
        raise DataError(f"malformed: the output {name!r}; known are {', '.join(OUTPUTS)}")
    try:
        return OUTPUTS[name](*parameters)
    except TypeError as error:
        raise DataError(f"malformed: the output {name!r} with parameters {parameters} ({error})") from None


def build_weight(tree: Any, backend: str | None) -> Weight:
    storage = fields.text(tree, "storage")
    K, D = fields.sizes(tree, "shape", 2)
    if storage == "csr":
        return _sparse(tree, (K, D), backend)
    if storage not in ("dense", "masked"):
        raise DataError(f"malformed: weights stored as {storage!r}; csr, dense and masked are known")
    array = fields.array(tree, "array", (K, D), "f")
    if storage == "dense":
        return DenseWeight(array)
    mask = np.unpackbits(fields.array(tree, "mask", (-(-K * D // 8),), "u").astype(np.uint8), count=K * D)
    return DenseWeight(array, mask.reshape(K, D))


def _sparse(tree: Any, shape: tuple[int, int], backend: str | None) -> SparseWeight:
    """A CSR matrix of which nothing is believed: kernels follow its indices without looking."""
    K, D = shape
    indices = fields.array(tree, "indices", None, "i")
    indptr = fields.array(tree, "indptr", (K + 1,), "i").astype(np.int64)
    data = fields.array(tree, "data", indices.shape, "f")
    if indptr[0] != 0 or indptr[-1] != indices.size or (np.diff(indptr) < 0).any():
        raise DataError(f"malformed: indptr must rise from 0 to the number of weights, {indices.size}")
    if indices.size:
        if not 0 <= indices.min() <= indices.max() < D:
            raise DataError(f"malformed: indices from {indices.min()} to {indices.max()}; 0 to {D - 1} are allowed")
        rises = np.diff(indices) > 0
        starts = indptr[1:-1]
        rises[starts[(starts > 0) & (starts < indices.size)] - 1] = True  # from one row to the next it may fall
        if not rises.all():
            raise DataError("malformed: the indices of a row must rise")
    dtype = index_dtype(indices.size, K, D)
    support = Support(shape, indptr.astype(dtype), indices.astype(dtype, copy=False))
    return SparseWeight(support, data, backend or fields.text(tree, "backend"))
