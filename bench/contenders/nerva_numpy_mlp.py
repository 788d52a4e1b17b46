"""nerva-numpy, the Nerva authors' own NumPy library (dense only), with its layers, loss and optimizer.

The mini-batch is gathered as in its `stochastic_gradient_descent`. Its ReLU derivative is an int64 array, which turns the
backward pass into float64; that is left as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from nerva_numpy.activation_functions import ReLUActivation
from nerva_numpy.datasets import to_one_hot
from nerva_numpy.layers import ActivationLayer, LinearLayer
from nerva_numpy.loss_functions import StableSoftmaxCrossEntropyLossFunction
from nerva_numpy.multilayer_perceptron import MultilayerPerceptron

from . import Contender
from .problem import Problem


class NervaNumPy(Contender):
    def __init__(self, problem: Problem):
        self.problem = problem
        self.X, self.T = problem.normalized(), problem.T
        layers = []
        for i, (W, b) in enumerate(zip(problem.weights, problem.biases, strict=True)):
            K, D = W.shape
            last = i == len(problem.weights) - 1
            layer = LinearLayer(D, K) if last else ActivationLayer(D, K, ReLUActivation())
            layer.W[...], layer.b[...] = W.toarray(), b[0]
            layer.set_optimizer(f"Nesterov(mu={problem.momentum})")
            layers.append(layer)
        self.model = MultilayerPerceptron(layers)
        self.criterion = StableSoftmaxCrossEntropyLossFunction()

    def step(self, rows: np.ndarray) -> Any:
        X, T = self.X[rows], to_one_hot(self.T[rows], self.problem.num_classes)
        Y = self.model.feedforward(X)
        self.model.backpropagate(Y, self.criterion.gradient(Y, T) / len(rows))
        self.model.optimize(self.problem.learning_rate)
        return Y, T

    def loss(self, result: Any) -> float:
        return float(self.criterion(*result)) / len(result[0])

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.model.feedforward(self.problem.normalized(X))

    def nbytes(self) -> dict[str, int]:
        weights = sum(layer.W.nbytes for layer in self.model.layers)
        biases = sum(layer.b.nbytes for layer in self.model.layers)
        both = sum(optimizer.delta_x.nbytes for layer in self.model.layers for optimizer in layer.optimizer.optimizers)
        return {"weights": weights, "biases": biases, "gradients": weights + biases, "velocities": both}
