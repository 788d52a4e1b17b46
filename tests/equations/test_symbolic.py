"""The executed equations are proved: SymPy derives each gradient, the very functions that the trainer calls give it.

The backward equations run on SymPy matrices here. A sparse W is one with structural zeros; its gradient is compared on its
support only, and is to be zero elsewhere.
"""

from __future__ import annotations

import pytest
import sympy as sp

from nerva_py.equations import activations, batch_norm, dropout, losses, softmax
from nerva_py.equations.activation_layer import activation_layer, activation_layer_backward
from nerva_py.equations.linear import linear, linear_backward
from tests.symbolic import assert_equal, gradient, matrix, vanishes

N, D, K = 2, 3, 4  # no two equal: a transpose or a wrong axis does not hide
EPSILON = sp.Symbol("epsilon", positive=True)
x, alpha = sp.symbols("x alpha", real=True)
SRELU = sp.symbols("a_l t_l a_r t_r", real=True)
X, b, DY = matrix("x", N, D), matrix("b", 1, K), matrix("dy", N, K)
SUPPORTS = {"dense": lambda k, d: True, "sparse": lambda k, d: (k + 2 * d) % 3 != 0, "empty row": lambda k, d: k != 1}
every_support = pytest.mark.parametrize("support", SUPPORTS.values(), ids=SUPPORTS)

ALL = [
    activations.ReLU(),
    activations.LeakyReLU(alpha),
    activations.AllReLU(alpha),
    activations.TReLU(alpha),
    activations.Sigmoid(),
    activations.HyperbolicTangent(),
    activations.SReLU(*SRELU),
]
every_activation = pytest.mark.parametrize("f", ALL, ids=lambda f: f.name)


# -------------------------------------------------------------------------------------------------------------- layers


@every_support
def test_linear_layer(support):
    W = matrix("w", K, D, support)
    Y = linear(X, W, b)
    for actual, variable in zip(linear_backward(X, W, DY), (X, W, b), strict=True):
        assert_equal(actual, gradient(Y, DY, variable))


@every_support
def test_activation_layer_of_any_function(support):
    """With f an undefined function: for all activations at once."""
    f, W = sp.Function("f"), matrix("w", K, D, support)
    any_f = activations.Activation("f", f, lambda z: sp.diff(f(x), x).subs(x, z).doit())
    Y, Z = activation_layer(X, W, b, any_f)
    for actual, variable in zip(activation_layer_backward(X, W, Z, DY, any_f), (X, W, b), strict=True):
        difference = (actual - gradient(Y, DY, variable)).doit()
        assert sp.simplify(difference) == sp.zeros(*variable.shape)


@every_support
def test_dropout_on_weights(support):
    W, R = matrix("w", K, D, support), matrix("r", K, D, support)
    Y = dropout.dropout_linear(X, W, b, R)
    for actual, variable in zip(dropout.dropout_linear_backward(X, W, DY, R), (X, W, b), strict=True):
        assert_equal(actual, gradient(Y, DY, variable))


def test_dropout_on_activations():
    R, DX = matrix("r", N, D), matrix("dx", N, D)
    assert_equal(dropout.dropout_backward(DX, R), gradient(dropout.dropout(X, R), DX, X))


@pytest.mark.parametrize(
    ("forward", "backward", "paper"),
    [
        (softmax.softmax, softmax.softmax_backward, softmax.softmax_backward_paper),
        (
            softmax.log_softmax,
            softmax.log_softmax_backward,
            lambda Y, DY: softmax.log_softmax_backward_paper(Z_SOFTMAX, DY),
        ),
    ],
    ids=["softmax", "log-softmax"],
)
def test_softmax_layers(forward, backward, paper):
    DY = matrix("dy", 2, 3)
    Y = forward(Z_SOFTMAX)
    expected = gradient(Y, DY, Z_SOFTMAX)
    assert_equal(backward(Y, DY), expected)
    assert_equal(paper(Y, DY), expected)


Z_SOFTMAX = matrix("z", 2, 3)


def test_the_stable_forms_are_the_definitions():
    assert_equal(softmax.softmax(Z_SOFTMAX), softmax.softmax_definition(Z_SOFTMAX))
    assert_equal(softmax.log_softmax(Z_SOFTMAX), softmax.log_softmax_definition(Z_SOFTMAX))


@pytest.mark.parametrize(
    ("forward", "jacobian"),
    [(softmax.softmax, softmax.softmax_jacobian), (softmax.log_softmax, softmax.log_softmax_jacobian)],
)
def test_jacobians_of_softmax(forward, jacobian):
    z = matrix("z", 1, 3)
    y = forward(z)
    rows = [gradient(y, sp.eye(3)[k, :], z) for k in range(3)]
    assert_equal(jacobian(z), sp.Matrix.vstack(*rows))


@pytest.mark.parametrize("epsilon", [EPSILON, 0], ids=["epsilon", "without epsilon"])
def test_batch_norm(epsilon):
    """N = 3: for two samples Z is ±1 whatever X, and DX = 0."""
    X, DY, gamma, beta = matrix("x", 3, 1), matrix("dy", 3, 1), matrix("gamma", 1, 1), matrix("beta", 1, 1)
    Y, Z, _, variance = batch_norm.batch_norm(X, gamma, beta, epsilon)
    gradients = batch_norm.batch_norm_backward(Z, variance, gamma, DY, epsilon)
    for actual, variable in zip(gradients, (X, gamma, beta), strict=True):
        assert_equal(actual, gradient(Y, DY, variable))
    assert_equal(gradients[0], batch_norm.batch_norm_input_gradient_paper(Z, variance, gamma, DY, epsilon))
    assert_equal(variance, batch_norm.variance_paper(X))


def test_batch_norm_does_not_mix_features():
    """Which carries the proof for one feature to any number of them."""
    X, gamma, beta = matrix("x", 3, 2), matrix("gamma", 1, 2), matrix("beta", 1, 2)
    Y, Z, _, variance = batch_norm.batch_norm(X, gamma, beta, EPSILON)
    DX, Dgamma, Dbeta = batch_norm.batch_norm_backward(Z, variance, gamma, matrix("dy", 3, 2), EPSILON)
    for result in (Y, DX, Dgamma, Dbeta):
        for j in range(2):
            assert all(str(symbol).endswith(str(j)) for symbol in result[:, j].free_symbols - {EPSILON})


def test_batch_norm_in_evaluation():
    X, DY = matrix("x", 2, 3), matrix("dy", 2, 3)
    gamma, beta, mean, variance = (matrix(name, 1, 3) for name in ("gamma", "beta", "mu", "sigma"))
    Y = batch_norm.batch_norm_evaluation(X, gamma, beta, mean, variance, EPSILON)
    gradients = batch_norm.batch_norm_evaluation_backward(X, gamma, mean, variance, DY, EPSILON)
    for actual, variable in zip(gradients, (X, gamma, beta), strict=True):
        assert_equal(actual, gradient(Y, DY, variable))


# --------------------------------------------------------------------------------------------------------- activations


def branches(value) -> list[tuple[sp.Expr, sp.Basic]]:
    """(expression, condition) of each branch, of nested cases too."""
    return list(sp.piecewise_fold(value).args) if isinstance(value, sp.Piecewise) else [(value, sp.true)]


def assert_derivative(function, derivative, variable) -> None:
    """On each branch, and the branches are the same."""
    for (value, condition), (claimed, same) in zip(branches(function), branches(derivative), strict=True):
        assert condition == same
        assert vanishes(sp.diff(value, variable) - claimed)


@every_activation
def test_derivatives_of_activations(f):
    assert_derivative(f.function(x, *f.parameters), f.derivative(x, *f.parameters), x)


AL, TL, AR, TR = SRELU
below, above = sp.symbols("p q", positive=True)
REGIONS = {
    "x ≤ t_l": {x: TL - below},
    "t_l < x < t_r": {x: TL + below, TR: TL + below + above},
    "t_l < t_r ≤ x": {x: TL + below + above, TR: TL + below},
    "t_r ≤ t_l < x": {x: TL + below, TR: TL - above},
}


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_parameters_of_srelu(region):
    parts = (activations.srelu_al, activations.srelu_tl, activations.srelu_ar, activations.srelu_tr)
    for part, parameter in zip(parts, SRELU, strict=True):
        expected = sp.diff(activations.srelu(x, *SRELU), parameter)
        difference = (part(x, *SRELU) - expected).subs(region, simultaneous=True)
        assert sp.simplify(difference) == 0


# -------------------------------------------------------------------------------------------------------------- losses


@pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=losses.LOSSES)
def test_losses(loss):
    Y, T = matrix("y", 2, 3), matrix("t", 2, 3)
    value, one = sp.Matrix([[loss(Y, T)]]), sp.eye(1)
    assert_equal(loss.gradient(Y, T), gradient(value, one, Y))


# ------------------------------------------------------------------------------------------------- the checks themselves

W = matrix("w", K, D)
DZ = matrix("dy", 2, 3)


def wrong_batch_norm():
    """Without the last term of DX; with L = Σ Y nobody would notice."""
    X, DY, gamma, beta = matrix("x", 3, 1), matrix("dy", 3, 1), sp.Matrix([[1]]), sp.Matrix([[0]])
    Y, Z, _, variance = batch_norm.batch_norm(X, gamma, beta, EPSILON)
    DX, _, _ = batch_norm.batch_norm_backward(Z, variance, gamma, DY, EPSILON)
    last = Z * (Z.T * DY) / sp.sqrt(variance[0] + EPSILON) / 3
    assert_equal(DX + last, gradient(Y, DY, X))


def wrong_softmax(sign):
    Y = softmax.softmax(Z_SOFTMAX)
    inner = sp.Matrix(2, 3, lambda i, _: sum(DZ[i, k] * Y[i, k] for k in range(3)))
    assert_equal(Y.multiply_elementwise(DZ + sign * inner), gradient(Y, DZ, Z_SOFTMAX))


WRONG = {
    "linear, a sign": lambda: assert_equal(-DY * W, gradient(linear(X, W, b), DY, X)),
    "linear, a factor": lambda: assert_equal(2 * DY.T * X, gradient(linear(X, W, b), DY, W)),
    "linear, a transpose": lambda: assert_equal(X.T * DY, gradient(linear(X, W, b), DY, W)),
    "softmax, a sign": lambda: wrong_softmax(+1),
    "softmax, a term": lambda: wrong_softmax(0),
    "batch norm, a term": wrong_batch_norm,
    "a maximum that matters": lambda: assert_equal(softmax.rows_max(Z_SOFTMAX), sp.zeros(2, 1)),
    "a derivative": lambda: assert_derivative(activations.sigmoid(x), activations.sigmoid(x), x),
    "a branch": lambda: assert_derivative(activations.relu(x), 1 - activations.relu_derivative(x), x),
}


def test_what_is_made_wrong_below_is_right():
    wrong_softmax(-1)


@pytest.mark.parametrize("mistake", WRONG.values(), ids=WRONG)
def test_mistakes_are_found(mistake):
    with pytest.raises(AssertionError):
        mistake()
