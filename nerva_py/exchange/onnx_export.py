"""A network as an ONNX model, for other runtimes."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.files import write_atomically
from nerva_py.network import MLP, ActivationLayer, BatchNormLayer, DropoutLayer, LinearLayer
from nerva_py.network.outputs import TrainedSReLU

from .arguments import checked_network
from .masks import csr_of
from .packages import needed

OPSET, IR_VERSION = 17, 8  # of 2022, so that runtimes of some years read it
LIMIT = 2**31 - 2**20  # bytes of a protobuf message, without the graph itself
SIMPLE = {"ReLU": "Relu", "Sigmoid": "Sigmoid", "HyperbolicTangent": "Tanh"}
BY_ROWS = {"Softmax": "Softmax", "LogSoftmax": "LogSoftmax"}


def to_onnx(network: MLP, path: str | PathLike[str] | None = None, sparse: bool = False) -> Any:
    """The `onnx.ModelProto` of the network in evaluation mode, with input X (N, D) and output Y (N, K); N is free.

    With `path` it is also written there, whole or not at all. Weights are dense initializers; with `sparse` those of sparse
    layers are ONNX's `sparse_initializer` (COO), so that the file is small. onnxruntime reads both, and computes densely;
    other programs may know dense initializers only, as does the type inference of the onnx package itself.
    Numbers keep their type, but ONNX has slopes and the ε of batch normalisation in float32. Dropout, which only acts in
    training, is left out. There is no way back: use `save`. Raises NervaError.
    """
    onnx = needed("onnx", "to_onnx")
    graph = _Graph(sparse)
    value = "X"
    for number, layer in enumerate(checked_network(network).layers, 1):
        value = graph.add(layer, number, value)
    model = graph.model(value, network)
    if path is not None:
        write_atomically(Path(path), functools.partial(onnx.save_model, model))
    return model


class _Graph:
    """Nodes and initializers, collected layer by layer."""

    def __init__(self, sparse: bool):
        import onnx

        self.onnx = onnx
        self.sparse = sparse
        self.nodes: list[Any] = []
        self.dense_arrays: list[Any] = []
        self.sparse_arrays: list[Any] = []
        self.nbytes = 0

    def add(self, layer: Any, number: int, X: str) -> str:
        """The name of the layer's output."""
        if isinstance(layer, LinearLayer):
            W, b = self._weight(f"W{number}", layer.W.value), self._array(f"b{number}", layer.b.value[0])
            Z = self._node("Gemm", [X, W, b], f"Z{number}", transB=1)
            return self._activation(layer.output, Z, number)
        if isinstance(layer, ActivationLayer):
            return self._activation(layer.output, X, number)
        if isinstance(layer, BatchNormLayer):
            parts = {"gamma": layer.gamma.value, "beta": layer.beta.value, "mean": layer.mean, "var": layer.variance}
            names = [self._array(f"{name}{number}", part[0]) for name, part in parts.items()]
            return self._node("BatchNormalization", [X, *names], f"Y{number}", epsilon=layer.epsilon)
        if isinstance(layer, DropoutLayer):
            return X
        raise NervaError(f"network has a {type(layer).__name__}, for which there is no ONNX operator here")

    def _activation(self, output: Any, Z: str, number: int) -> str:
        Y = f"Y{number}"
        if output.name == "Linear":
            return Z
        if output.name in SIMPLE:
            return self._node(SIMPLE[output.name], [Z], Y)
        if output.name in BY_ROWS:
            return self._node(BY_ROWS[output.name], [Z], Y, axis=1)
        if output.name in ("LeakyReLU", "AllReLU"):
            return self._node("LeakyRelu", [Z], Y, alpha=float(output.f.parameters[0]))
        if output.name == "TReLU":
            low = self._node("Less", [Z, self._number(f"epsilon{number}", output.f.parameters[0])], f"low{number}")
            return self._node("Where", [low, self._number(f"zero{number}", 0), Z], Y)
        if isinstance(output, TrainedSReLU):
            return self._srelu(output, Z, number)
        raise NervaError(f"network has the activation {output.name}, for which there is no ONNX operator here")

    def _srelu(self, output: TrainedSReLU, Z: str, number: int) -> str:
        """Where(x ≤ t_l, t_l + a_l (x − t_l), Where(x ≥ t_r, t_r + a_r (x − t_r), x))"""
        numbers = zip(("al", "tl", "ar", "tr"), output.shape.value[0], strict=True)
        al, tl, ar, tr = (self._number(f"{name}{number}", value) for name, value in numbers)

        def line(side: str, a: str, t: str) -> str:
            distance = self._node("Sub", [Z, t], f"distance_{side}{number}")
            slope = self._node("Mul", [a, distance], f"slope_{side}{number}")
            return self._node("Add", [t, slope], f"line_{side}{number}")

        high = self._node("GreaterOrEqual", [Z, tr], f"high{number}")
        right = self._node("Where", [high, line("right", ar, tr), Z], f"right{number}")
        low = self._node("LessOrEqual", [Z, tl], f"low{number}")
        return self._node("Where", [low, line("left", al, tl), right], f"Y{number}")

    def _node(self, operator: str, inputs: Iterable[str], output: str, **attributes: Any) -> str:
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def _array(self, name: str, array: np.ndarray) -> str:
        self._count(array.nbytes)
        self.dense_arrays.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _number(self, name: str, value: float) -> str:
        return self._array(name, np.asarray(value, self.dtype))

    def _weight(self, name: str, W: Any) -> str:
        self.dtype = W.dtype
        if W.full or not self.sparse:
            self._count(W.shape[0] * W.shape[1] * W.dtype.itemsize, reserve=True)
            return self._array(name, W.toarray())
        csr = csr_of(W).tocoo()
        row, column = csr.coords
        places = row.astype(np.int64) * W.shape[1] + column
        self._count(csr.data.nbytes + places.nbytes)
        from_array = self.onnx.numpy_helper.from_array
        self.sparse_arrays.append(
            self.onnx.helper.make_sparse_tensor(
                from_array(csr.data, name), from_array(places, f"{name}_places"), W.shape
            )
        )
        return name

    def _count(self, nbytes: int, reserve: bool = False) -> None:
        """Refuse, before it is made, what protobuf cannot write."""
        if self.nbytes + nbytes > LIMIT:
            hint = "" if self.sparse else "; sparse=True stores only the weights that exist"
            raise NervaError(f"network has more than the 2 GiB of numbers that an ONNX file can hold{hint}")
        self.nbytes += 0 if reserve else nbytes

    def model(self, value: str, network: MLP) -> Any:
        helper = self.onnx.helper
        element = helper.np_dtype_to_tensor_dtype(network.dtype)
        tensor = functools.partial(helper.make_tensor_value_info, elem_type=element)
        D, K = network.sizes[0], network.sizes[-1]
        self._node("Identity", [value], "Y")
        graph = helper.make_graph(
            self.nodes,
            "MLP",
            [tensor("X", shape=["N", D])],
            [tensor("Y", shape=["N", K])],
            self.dense_arrays,
            sparse_initializer=self.sparse_arrays,
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="nerva_py")
        self.onnx.checker.check_model(model)
        return model
