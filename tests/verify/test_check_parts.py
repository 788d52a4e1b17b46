"""An activation and a loss that are written apart from a layer."""

from __future__ import annotations

import pytest

from nerva_py.equations import activations
from nerva_py.equations.losses import LOSSES
from nerva_py.matrix import apply, hadamard, ones, rows_sum
from nerva_py.matrix.scalars import exp, where
from nerva_py.verify import check_activation, check_layer, check_loss


@pytest.mark.parametrize(
    "f",
    [
        activations.ReLU(), activations.LeakyReLU(0.1), activations.AllReLU(0.6, 0), activations.TReLU(0.5),
        activations.Sigmoid(), activations.HyperbolicTangent(), activations.SReLU(0.1, -0.5, 0.3, 0.8),
    ],
    ids=lambda f: f.name,
)  # fmt: skip
def test_the_librarys_activations(f):
    assert str(check_activation(f.function, f.derivative, *f.parameters)) == "✓ DX is right: proved for all sizes"


def test_a_wrong_derivative():
    def swish(x, beta):
        return x / (1 + exp(-beta * x))

    def wrong(x, beta):
        s = 1 / (1 + exp(-beta * x))
        return s - beta * x * s * (1 - s)

    report = check_activation(swish, wrong, 1.5)
    assert not report
    assert str(report).startswith("✗ DX is wrong")


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if not loss.averaged])
def test_the_librarys_losses(name):
    loss = LOSSES[name]
    report = check_loss(loss.samples, loss.gradient)
    assert all(verdict.problem is None for verdict in report), report
    assert report, report


def squared_errors(Y, T):
    return rows_sum(hadamard(Y - T, Y - T))


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        (lambda Y, T: Y - T, "it is 1/2 times the right one"),
        (lambda Y, T: 2 * (T - Y), "its sign is wrong"),
        (lambda Y, T: 2 * (Y - T) / Y.shape[0], "it is 1/N times the right one"),
        (lambda Y, T: 2 * Y, "entry (1, 1)"),
    ],
)
def test_a_wrong_gradient_of_a_loss(gradient, message):
    report = check_loss(squared_errors, gradient)
    assert str(report).startswith("✗ DY is wrong")
    assert message in str(report)


def test_a_loss_whose_samples_are_mixed():
    """Of the sum over the batch the gradient would be right."""

    def mixed(Y, T):
        return rows_sum(columns_of_ones(Y) @ hadamard(Y, Y)) / Y.shape[0]

    def columns_of_ones(Y):
        return ones(Y, Y.shape[0], Y.shape[0])

    assert not check_loss(mixed, lambda Y, T: 2 * Y)


def test_constants_have_no_gradient():
    report = check_layer(
        lambda X, M: hadamard(X, M),
        lambda M, DY: hadamard(DY, M),
        inputs={"X": ("N", "D")},
        constants={"M": ("N", "D")},
    )
    assert [verdict.name for verdict in report] == ["X"]
    assert report
    hinge = check_loss(
        lambda Y, T: rows_sum(apply(lambda x: where(x <= 0, 0, x), ones(Y, *Y.shape) - hadamard(T, Y))),
        lambda Y, T: -hadamard(T, apply(lambda x: where(x <= 0, 0, 1), ones(Y, *Y.shape) - hadamard(T, Y))),
    )
    assert hinge, hinge
