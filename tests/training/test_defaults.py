"""Defaults that a paper or another library fixes, against their source; and what weight decay is for."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.equations import activations
from nerva_py.matrix import Outer
from nerva_py.network import BatchNormLayer
from nerva_py.topology import methods
from nerva_py.training import optimizers


def defaults(function) -> dict[str, object]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


@pytest.mark.parametrize(
    ("function", "source", "expected"),
    [
        (optimizers.GradientDescent, "PyTorch's SGD", {"weight_decay": 0.0}),
        (optimizers.Momentum, "arXiv:2511.11918", {"mu": 0.9, "weight_decay": 0.0}),
        (optimizers.Nesterov, "arXiv:2511.11918", {"mu": 0.9, "weight_decay": 0.0}),
        (optimizers.Adam, "arXiv:1412.6980; PyTorch's Adam",
         {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0}),
        (optimizers.AdamW, "PyTorch's AdamW",
         {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01}),
        (methods.SET, "arXiv:1707.04780: ζ = 0.3, after every epoch, to the end",
         {"zeta": 0.3, "every": "1 epoch", "stop": 1.0, "grow_weights": "Xavier"}),
        (methods.RigL, "arXiv:1911.11134: α = 0.3, ΔT = 100, T_end = 0.75 T",
         {"alpha": 0.3, "every": 100, "stop": 0.75, "batches": 1}),
        (BatchNormLayer, "PyTorch's BatchNorm1d", {"epsilon": 1e-5, "momentum": 0.1, "dtype": np.float32}),
        (activations.LeakyReLU, "PyTorch's LeakyReLU", {"alpha": 0.01}),
        (activations.AllReLU, "arXiv:2102.01732", {"alpha": 0.6, "position": None}),
    ],
    ids=lambda value: getattr(value, "__name__", None) or "",
)  # fmt: skip
def test_defaults(function, source, expected):
    assert defaults(function) == expected, source


@pytest.mark.parametrize("optimizer", ["GradientDescent", "Momentum", "Nesterov", "Adam", "AdamW", "SMET"])
def test_weight_decay_is_for_weights_alone(optimizer):
    """With a gradient of 0, a large λ changes W, and no bias, no γ and β, no parameter of SReLU."""
    network = nv.mlp("BatchNorm;SReLU;Linear", [5, 4, 3], overall_density=0.5, seed=1, dtype=np.float64)
    rng = np.random.default_rng(1)
    for parameter in network.parameters():
        if isinstance(parameter.value, np.ndarray):
            parameter.value[...] = rng.uniform(0.5, 1, parameter.value.shape)
    made = getattr(optimizers, optimizer)(weight_decay=0.5)
    before = {p: p.vector.copy() for p in network.parameters()}
    for layer in network.layers:
        for parameter in layer.parameters:
            parameter.begin(made.states)
        K, D = (layer.W.value.shape) if hasattr(layer, "W") else (1, 1)
        nothing = Outer(np.zeros((1, K)), np.zeros((1, D)))
        made.step(layer, [nothing if p.name == "W" else np.zeros_like(p.value) for p in layer.parameters], 0.1, 1)
    for parameter, old in before.items():
        assert (not np.array_equal(parameter.vector, old)) == (parameter.name == "W"), parameter.name
