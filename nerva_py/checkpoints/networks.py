"""A network as a tree, and back: layers, weights in the form in which they are stored, statistics, the dropout generator."""

from __future__ import annotations

import functools
import inspect
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nerva_py.errors import DataError, NervaError
from nerva_py.network import MLP, ActivationLayer, Layer, LinearLayer, Parameter
from nerva_py.network.building import BETWEEN
from nerva_py.network.mlp import first_not_finite
from nerva_py.network.outputs import OUTPUTS, Output, Pointwise, as_output
from nerva_py.network.snapshot import Snapshot
from nerva_py.parts import find
from nerva_py.sparse import BACKENDS, DenseWeight, SparseWeight, Support, Weight
from nerva_py.sparse.storage import backend_name

from . import fields

Tree = dict[str, Any]
KINDS = ChainMap[str, Any]({"Linear": LinearLayer, "Activation": ActivationLayer}, BETWEEN)


def network_tree(network: MLP) -> Tree:
    """Everything from which `build_network` makes the same network. Arrays are not copied.

    Raises NervaError for layers and activations of your own that are not registered, and for numbers that are not finite.
    """
    if (name := first_not_finite(network)) is not None:
        raise NervaError(f"{name} has values that are not finite; such a network is not saved")
    return {"layers": [_layer_tree(number, layer) for number, layer in enumerate(network.layers, 1)]}


def build_network(tree: Any, backend: str | None = None) -> MLP:
    """The network; `backend` computes sparse products, by default the one that the network had. Raises DataError."""
    try:
        return _network(fields.items(tree, "layers"), backend)
    except DataError:
        raise
    except NervaError as error:
        raise DataError(f"malformed: {error}") from error


def _network(trees: list[Any], backend: str | None) -> MLP:
    weights = [_weight_of(one, backend) for one in trees]
    inputs: list[int] = []  # of each layer: what a layer between linear ones is made for
    first = next((W for W in weights if W is not None), None)
    if first is None:
        raise DataError("malformed: no layer with weights")
    D = first.shape[1]
    for W in weights:
        inputs.append(D)
        if W is not None and W.shape[1] != D:
            raise DataError(f"malformed: a layer of {W.shape[1]} inputs follows {D} outputs")
        D = D if W is None else W.shape[0]
    places = [
        {"D": D, "dtype": first.dtype, "position": sum(W is not None for W in weights[:n])}
        for n, D in enumerate(inputs)
    ]
    network = MLP([_layer(one, W, place) for one, W, place in zip(trees, weights, places, strict=True)])
    arrays = [p.value for p in network.parameters()] + [getattr(one, b) for one in network.layers for b in one.buffers]
    if len(dtypes := {array.dtype for array in arrays}) != 1:
        raise DataError(f"malformed: its parameters are of {', '.join(sorted(map(str, dtypes)))}; one type is needed")
    return network


def described(network: MLP) -> list[Tree]:
    """What must agree if one network is to take the place of another: kinds, functions, rates; not sizes and weights."""
    trees = [_layer_tree(number, layer) for number, layer in enumerate(network.layers, 1)]
    return [
        {"kind": tree["kind"], **{k: v for k, v in tree["arguments"].items() if not _is_content(v)}} for tree in trees
    ]


# ------------------------------------------------------------------------------------------------------------- writing


def _is_content(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (isinstance(value, dict) and "storage" in value)


def _layer_tree(number: int, layer: Layer) -> Tree:
    """By what the layer is made again: its kind and arguments; then its other parameters, and its buffers."""
    kind = next((name for name, known in KINDS.items() if known is type(layer)), None)
    if kind is None:
        raise NervaError(
            f"layer {number} is a {type(layer).__name__}, which a checkpoint cannot hold before it has a name: "
            f'nerva_py.register("layer", {type(layer).__name__})'
        )
    try:
        arguments = {name: _value_tree(value) for name, value in layer.arguments().items()}
    except (AttributeError, NervaError) as error:
        raise NervaError(f"layer {number}, {kind}, cannot be saved: {error}") from error
    buffers = {name: getattr(layer, name) for name in layer.buffers}
    return {
        "kind": kind,
        "arguments": arguments,
        "parameters": [_value_tree(p) for p in _others(layer)],
        "buffers": buffers,
    }


def _others(layer: Layer) -> list[Parameter]:
    """The parameters of a layer that are not arguments of its constructor."""
    given = [value for value in layer.arguments().values() if isinstance(value, Parameter)]
    return [parameter for parameter in layer.parameters if not any(parameter is one for one in given)]


def _value_tree(value: Any) -> Any:
    """An argument of a layer or an output. Raises NervaError for what a file cannot hold."""
    if isinstance(value, Parameter):
        return _value_tree(value.value)
    if isinstance(value, Output):
        return _output_tree(value)
    if isinstance(value, Weight):
        return weight_tree(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return [_value_tree(one) for one in value]
    if value is None or isinstance(value, bool | int | float | str | np.ndarray):
        return value
    raise NervaError(
        f"a checkpoint cannot hold {value!r}; numbers, texts, lists, arrays and registered activations can be"
    )


def _output_tree(output: Output) -> Tree:
    """A registered class, or a registered function of which the same activation comes again."""
    arguments = {key: _value_tree(value) for key, value in output.arguments().items()}
    if (name := next((name for name, known in OUTPUTS.items() if known is type(output)), None)) is not None:
        return {"name": name, "arguments": arguments}
    tree = {"name": output.name, "arguments": arguments}
    try:
        same = isinstance(output, Pointwise) and getattr(_output(tree, {}), "f", None) == output.f
    except DataError:
        same = False
    if not same:
        raise NervaError(
            f"its output {output.name!r} is of your own, which a checkpoint cannot hold before it has a name, as it would "
            'have to hold code: nerva_py.register("activation", ...)'
        )
    return tree


def snapshot_tree(taken: Snapshot) -> Tree:
    """A snapshot, from which `build_snapshot` makes the same one."""
    values = [{"array": value} if isinstance(value, np.ndarray) else weight_tree(value) for value in taken.values]
    return {"values": values, "buffers": taken.buffers}


def weight_tree(W: Weight) -> Tree:
    tree: Tree = {"shape": list(W.shape), "backend": backend_name(W)}
    if isinstance(W, SparseWeight):
        return tree | {"storage": "csr", "indptr": W.support.indptr, "indices": W.support.indices, "data": W.data}
    return tree | {"storage": "dense", "array": W.array}


# ------------------------------------------------------------------------------------------------------------- reading


def build_snapshot(tree: Any, network: MLP) -> Snapshot:
    """A snapshot of that network. Raises DataError."""
    saved, buffers = fields.items(tree, "values"), fields.items(tree, "buffers")
    backend = backend_name(network.linear_layers[0].W.value)
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


def _weight_of(tree: Any, backend: str | None) -> Weight | None:
    """The weight matrix of a layer; None of one that has none."""
    arguments = fields.field(tree, "arguments")
    return build_weight(arguments["W"], backend) if isinstance(arguments, dict) and "W" in arguments else None


def _layer(tree: Any, W: Weight | None, place: Tree) -> Layer:
    kind, given = fields.text(tree, "kind"), fields.field(tree, "arguments")
    known = _found("layer", kind, KINDS)
    inner = place if W is None else place | {"D": W.shape[0]}  # of an output
    given = {name: W if name == "W" else _value(given, name, inner) for name in given}
    layer = _made(kind, KINDS[known], given, place)
    others, saved = _others(layer), fields.items(tree, "parameters")
    buffers = fields.field(tree, "buffers")
    if len(others) != len(saved) or set(buffers) != set(layer.buffers):
        raise DataError(f"malformed: a layer {kind!r} with other parameters or buffers")
    for parameter, value in zip(others, saved, strict=True):
        if isinstance(value, dict):
            value = build_weight(value, None)
            if value.shape != parameter.value.shape:
                raise DataError(f"malformed: {parameter.name} has shape {value.shape}, not {parameter.value.shape}")
            parameter.value = value
        else:
            parameter.value = fields.array({parameter.name: value}, parameter.name, parameter.value.shape, "f")
    for name in layer.buffers:
        setattr(layer, name, fields.array(buffers, name, getattr(layer, name).shape, "f"))
    return layer


def _value(tree: Tree, name: str, place: Tree) -> Any:
    """An argument as the constructor takes it."""
    value = tree[name]
    if isinstance(value, np.ndarray):
        return fields.array(tree, name, value.shape, "fiub")
    return _output(value, place) if isinstance(value, dict) else value


def _output(tree: Any, place: Tree) -> Output:
    name, arguments = fields.text(tree, "name"), fields.field(tree, "arguments")
    known = _found("output", name, OUTPUTS)
    if all(
        key.isdigit() for key in arguments
    ):  # the numbers of an activation, in their order: its place has done its part
        return as_output(_made(name, functools.partial(OUTPUTS[known], *arguments.values()), {}, {}))
    return as_output(_made(name, OUTPUTS[known], arguments, place))


def _found(what: str, name: str, registry: Mapping[str, Any]) -> str:
    try:
        return find(what, name, registry)
    except NervaError as error:
        raise DataError(
            f"{error}. A part of your own must be registered first: import its module, or --import MODULE"
        ) from None


def _made(name: str, factory: Callable[..., Any], arguments: Tree, place: Tree) -> Any:
    """What the factory makes of the arguments of the file and of the place in the network. Raises DataError."""
    try:
        wanted = {key: place[key] for key in inspect.signature(factory).parameters if key in place}
        return factory(**wanted | arguments)
    except (
        TypeError,
        ValueError,
        AttributeError,
        MemoryError,
    ) as error:  # a rate or an ε that is out of range, among others
        raise DataError(f"malformed: {name} with {', '.join(arguments) or 'no arguments'}: {error}") from error


def build_weight(tree: Any, backend: str | None) -> Weight:
    storage = fields.text(tree, "storage")
    backend = _found("backend", backend or fields.text(tree, "backend"), BACKENDS)
    K, D = fields.sizes(tree, "shape", 2)
    if storage == "csr":
        return _sparse(tree, (K, D), backend)
    if storage == "dense":
        return DenseWeight(fields.array(tree, "array", (K, D), "f"), backend)
    raise DataError(f"malformed: weights stored as {storage!r}; csr and dense are known")


def _sparse(tree: Any, shape: tuple[int, int], backend: str) -> SparseWeight:
    """A CSR matrix of which nothing is believed: kernels follow its indices without looking."""
    indices = fields.array(tree, "indices", None, "i")
    indptr = fields.array(tree, "indptr", (shape[0] + 1,), "i")
    data = fields.array(tree, "data", indices.shape, "f")
    try:
        support = Support(shape, indptr, indices)
    except NervaError as error:
        raise DataError(f"malformed: {error}") from None
    return SparseWeight(support, data, backend)
