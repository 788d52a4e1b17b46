"""nerva_py: truly sparse layers with one of its backends; a layer of density 1 is dense."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
from own_step import own_run

from nerva_py.data import from_arrays, gather, one_hot
from nerva_py.engine import one_blas_thread, workspace
from nerva_py.equations.losses import SoftmaxCrossEntropy
from nerva_py.network import MLP, LinearLayer
from nerva_py.network.outputs import make_output
from nerva_py.sparse import SparseWeight, get_backend
from nerva_py.sparse.storage import stored

from . import Contender
from .problem import Problem


def require(backend: str = "numba") -> None:
    get_backend(backend)


class NervaPy(Contender):
    """The step that `nerva_py.train` takes, in the two contexts that it takes it in."""

    def __init__(self, problem: Problem, backend: str = "numba"):
        data = from_arrays(problem.X, problem.T, num_classes=problem.num_classes)
        self.data = replace(data, scale=problem.scale, shift=problem.shift)
        last = len(problem.weights) - 1
        layers = []
        for i, (W, b) in enumerate(zip(problem.weights, problem.biases, strict=True)):
            output, sparse = make_output("Linear" if i == last else "ReLU"), SparseWeight.from_scipy(W)
            layers.append(LinearLayer(stored(sparse.support, sparse.data, backend), b.copy(), output))
        self.network = MLP(layers)
        self.run = own_run(self.network, self.data, problem.learning_rate, f"Nesterov({problem.momentum})")

    def running(self) -> ExitStack:
        stack = ExitStack()
        stack.enter_context(workspace())
        stack.enter_context(one_blas_thread)
        return stack

    def step(self, rows: np.ndarray) -> Any:
        self.run.step(self.run.batch(rows))
        return self.run.outputs, rows

    def loss(self, result: Any) -> float:
        Y, rows = result
        return float(SoftmaxCrossEntropy(Y, one_hot(self.data.Ttrain[rows], Y.shape[1]))) / len(rows)

    def predict(self, X: np.ndarray) -> np.ndarray:
        if X.dtype != self.data.Xtrain.dtype:
            return self.network.predict(X, len(X))
        # The bytes are normalised and transposed in one pass, as in training.
        return self.network.evaluate(gather(X, np.arange(len(X)), self.data.scale, self.data.shift))

    def nbytes(self) -> dict[str, int]:
        weights = [layer.W.value for layer in self.network.linear_layers]
        values = sum(W.data.nbytes for W in weights)
        sparse = [W for W in weights if isinstance(W, SparseWeight)]
        biases = sum(layer.b.value.nbytes for layer in self.network.linear_layers)
        return {
            "weights": values,
            "indices": sum(W.support.nbytes for W in sparse),
            "biases": biases,
            "gradients": values + biases,  # in memory that the workspace keeps for the next step
            "velocities": sum(vector.nbytes for one in self.network.parameters() for vector in one.states),
        }
