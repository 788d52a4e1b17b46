"""A small stand-in for nerva-numpy, which is on no package index: the names, arguments and shapes that its adapter uses.

Like the original it keeps `delta_x` of each optimizer, sums the loss over a batch and has biases of shape (1, K).
"""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import numpy as np


def modules() -> dict[str, ModuleType]:
    """Name -> module, for `sys.modules`."""
    contents = {
        "nerva_numpy": {},
        "nerva_numpy.activation_functions": {"ReLUActivation": ReLUActivation},
        "nerva_numpy.datasets": {"to_one_hot": to_one_hot},
        "nerva_numpy.layers": {"ActivationLayer": ActivationLayer, "LinearLayer": LinearLayer},
        "nerva_numpy.loss_functions": {"StableSoftmaxCrossEntropyLossFunction": StableSoftmaxCrossEntropyLossFunction},
        "nerva_numpy.multilayer_perceptron": {"MultilayerPerceptron": MultilayerPerceptron},
    }
    found = {}
    for name, names in contents.items():
        found[name] = ModuleType(name)
        vars(found[name]).update(names)
    return found


def to_one_hot(T: np.ndarray, K: int) -> np.ndarray:
    return np.eye(K, dtype=np.float32)[T]


class ReLUActivation:
    def __call__(self, Z: np.ndarray) -> np.ndarray:
        return np.maximum(Z, 0)

    def gradient(self, Z: np.ndarray) -> np.ndarray:
        return np.where(Z > 0, 1, 0)


class Momentum:
    """Nesterov's, of one parameter, in place."""

    def __init__(self, x: np.ndarray, mu: float):
        self.x, self.mu, self.delta_x = x, mu, np.zeros_like(x)

    def update(self, Dx: np.ndarray, eta: float) -> None:
        self.delta_x[...] = self.mu * self.delta_x - eta * Dx
        self.x += self.mu * self.delta_x - eta * Dx


class LinearLayer:
    def __init__(self, D: int, K: int):
        self.W, self.b = np.zeros((K, D), np.float32), np.zeros((1, K), np.float32)

    def set_optimizer(self, spec: str) -> None:
        assert spec.startswith("Nesterov(mu=")
        mu = float(spec.removeprefix("Nesterov(mu=").rstrip(")"))
        self.optimizer = SimpleNamespace(optimizers=[Momentum(self.W, mu), Momentum(self.b, mu)])

    def feedforward(self, X: np.ndarray) -> np.ndarray:
        self.X = X
        return X @ self.W.T + self.b

    def backpropagate(self, Y: np.ndarray, DY: np.ndarray) -> np.ndarray:
        self.gradients = DY.T @ self.X, DY.sum(axis=0, keepdims=True)
        return DY @ self.W

    def optimize(self, eta: float) -> None:
        for optimizer, gradient in zip(self.optimizer.optimizers, self.gradients, strict=True):
            optimizer.update(gradient, eta)


class ActivationLayer(LinearLayer):
    def __init__(self, D: int, K: int, act: ReLUActivation):
        super().__init__(D, K)
        self.act = act

    def feedforward(self, X: np.ndarray) -> np.ndarray:
        self.Z = super().feedforward(X)
        return self.act(self.Z)

    def backpropagate(self, Y: np.ndarray, DY: np.ndarray) -> np.ndarray:
        return super().backpropagate(Y, DY * self.act.gradient(self.Z))


class StableSoftmaxCrossEntropyLossFunction:
    def __call__(self, Y: np.ndarray, T: np.ndarray) -> float:
        return float(-(T * np.log(self._softmax(Y))).sum())

    def gradient(self, Y: np.ndarray, T: np.ndarray) -> np.ndarray:
        return self._softmax(Y) - T

    @staticmethod
    def _softmax(Y: np.ndarray) -> np.ndarray:
        E = np.exp(Y - Y.max(axis=1, keepdims=True))
        return E / E.sum(axis=1, keepdims=True)


class MultilayerPerceptron:
    def __init__(self, layers: list[LinearLayer]):
        self.layers = layers

    def feedforward(self, X: np.ndarray) -> np.ndarray:
        for layer in self.layers:
            X = layer.feedforward(X)
        return X

    def backpropagate(self, Y: np.ndarray, DY: np.ndarray) -> None:
        for layer in reversed(self.layers):
            DY = layer.backpropagate(Y, DY)

    def optimize(self, eta: float) -> None:
        for layer in self.layers:
            layer.optimize(eta)
