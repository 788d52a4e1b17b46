"""The gradient check accepts right gradients, notices wrong ones, and leaves the network alone."""

from __future__ import annotations

import numpy as np
import pytest

import nerva_py as nv
from nerva_py import threads
from nerva_py.equations.losses import LOSSES, Loss
from nerva_py.errors import NervaError
from nerva_py.training import GradientCheck
from nerva_py.training.gradient_check import _error, check_gradients


def small() -> nv.MLP:
    layers = "HyperbolicTangent;BatchNormalization;SReLU;Dropout(0.2);Linear"
    return nv.mlp(layers, [8, 12, 9, 3], layer_densities=[0.3, 0.6, 1.0], dropouts=[0.1, 0, 0], seed=1)


@pytest.mark.parametrize("loss", ["SoftmaxCrossEntropy", "SquaredError", "MeanSquaredError", "BinaryCrossEntropy"])
def test_right_gradients(loss: str) -> None:
    network = small()
    before = [parameter.vector.copy() for parameter in network.parameters()]
    errors = check_gradients(network, nv.load_dataset("mini"), LOSSES[loss], 50)
    assert [e.name for e in errors] == ["W1", "b1", "gamma1", "beta1", "W2", "b2", "srelu2", "W3", "b3"]
    assert errors[4].numbers == 65  # those under the mask
    assert max(e.error for e in errors) < 1e-6
    assert network.dtype == np.float32
    assert all(np.array_equal(old, now.vector) for old, now in zip(before, network.parameters(), strict=True))


def test_a_wrong_gradient_is_noticed() -> None:
    right = LOSSES["SquaredError"]
    wrong = Loss("wrong", right.samples, lambda Y, T: 1.01 * right.gradient(Y, T))
    errors = check_gradients(small(), nv.load_dataset("mini"), wrong, 50)
    assert min(e.error for e in errors if e.name.startswith("W")) > 0.005


@pytest.mark.parametrize("step", [0.0, -1e-6, float("nan"), float("inf")])
def test_impossible_steps(step: float) -> None:
    with pytest.raises(NervaError, match="step"):
        check_gradients(small(), nv.load_dataset("mini"), LOSSES["SquaredError"], 50, step)


KINKED = [
    "ReLU;ReLU;Linear",
    "LeakyReLU(0.1);AllReLU(0.6);Linear",
    "ReLU;BatchNormalization;SReLU;Linear",
    "AllReLU(-0.6);ReLU;Linear",
]


def kinked(seed: int) -> tuple[nv.MLP, nv.data.Dataset]:
    """A network with kinks, and samples of which many numbers, whole features or whole samples are 0."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((40, 8)).astype(np.float32)
    if seed % 4 == 1:
        X[:, rng.random(8) < 0.5] = 0
    if seed % 4 == 2:
        X[rng.random(40) < 0.5] = 0
    if seed % 4 == 3:
        X = np.round(X)
    data = nv.from_arrays(X, rng.integers(0, 3, 40), num_classes=3)
    return nv.mlp(KINKED[seed // 4 % 4], [8, 12, 9, 3], overall_density=0.6, seed=seed), data


def test_kinks_are_no_errors_and_one_percent_is_found() -> None:
    """Also with steps so long that they go over many kinks; over 1,000 seeds there was none, see CHANGELOG.md."""
    right = LOSSES["SoftmaxCrossEntropy"]
    wrong = Loss("wrong", right.samples, lambda Y, T: 1.01 * right.gradient(Y, T))
    tolerance = GradientCheck().tolerance
    with threads.limited(1):  # so small networks gain nothing by another
        for seed in range(32):
            network, data = kinked(seed)
            for step in (1e-6, 1e-4):
                assert max(e.error for e in check_gradients(network, data, right, 40, step, 4)) < tolerance, seed
            assert max(e.error for e in check_gradients(network, data, wrong, 40, 1e-6, 4)) > 2 * tolerance, seed


def test_a_gradient_that_is_wrong_at_one_weight_is_found() -> None:
    """Where a kink is, too: between its slopes everything is right, beside them nothing is."""
    network, data = kinked(3)
    layer = network.layers[0]

    class Wrong(type(layer)):  # type: ignore[misc]
        def backward(self, tape: object, DY: object, needs_DX: bool = True) -> tuple[object, tuple[object, ...]]:
            DX, (DW, Db, *rest) = super().backward(tape, DY, needs_DX)
            return DX, (DW, 1.01 * Db, *rest)

    layer.__class__ = Wrong
    with threads.limited(1):
        errors = [e.error for e in check_gradients(network, data, LOSSES["SoftmaxCrossEntropy"], 40)]
    assert errors[1] > 0.005
    assert max(errors[:1] + errors[2:]) < 1e-6


def test_a_check_on_the_fly_finds_one_percent() -> None:
    network, data = kinked(0)
    right = LOSSES["SoftmaxCrossEntropy"]
    wrong = Loss("wrong", right.samples, lambda Y, T: 1.01 * right.gradient(Y, T))
    nv.train(network, data, loss=right, epochs=2, batch_size=20, callbacks=[GradientCheck(1, numbers=4)], seed=1)
    with pytest.raises(NervaError, match=r"step 1 of epoch 1: the gradient D.* differs from differences by 0\.0"):
        nv.train(network, data, loss=wrong, epochs=1, batch_size=20, callbacks=[GradientCheck(1, numbers=4)], seed=1)


@pytest.mark.parametrize(("derivative", "wrong"), [(0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (1.5, 0.5), (-1.01, 0.01)])
def test_exactly_at_a_kink_every_slope_between_is_right(derivative: float, wrong: float) -> None:
    theta = np.zeros(1)
    error = _error(lambda: abs(float(theta[0])), 0.0, theta, 0, derivative, 1e-6, 1.0)
    assert error == pytest.approx(wrong, abs=1e-6)
    assert theta[0] == 0
