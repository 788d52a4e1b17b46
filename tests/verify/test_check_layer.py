"""`check_layer`: right layers are proved for every size, wrong ones are told what is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp

from nerva_py.equations import activations, batch_norm, dropout, softmax
from nerva_py.equations.activation_layer import activation_layer
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.errors import NervaError
from nerva_py.matrix import (
    Outer,
    apply,
    column_repeat,
    columns_mean,
    columns_sum,
    dot,
    elements_sum,
    hadamard,
    ones,
    row_repeat,
    rows_sum,
)
from nerva_py.matrix.scalars import exp, tanh, where
from nerva_py.verify import Derivatives, check_layer

X = {"inputs": {"X": ("N", "D")}}
LINEAR = {**X, "parameters": {"W": ("K", "D"), "b": (1, "K")}}
SQUARE = {**X, "parameters": {"W": ("D", "D")}}
NORM = {**X, "parameters": {"gamma": (1, "D"), "beta": (1, "D")}}


def swish(x, beta=1):
    return x / (1 + exp(-beta * x))


def swish_derivative(x, beta=1):
    s = 1 / (1 + exp(-beta * x))
    return s + beta * x * s * (1 - s)


def swish_derivative_by_beta(x, beta):
    s = 1 / (1 + exp(-beta * x))
    return x * x * s * (1 - s)


def relu(x):
    return where(x <= 0, 0, x)


def step(x):
    return where(x > 0, 1, 0)


def gelu(x):
    return 0.5 * x * (1 + tanh(0.7978845608 * (x + 0.044715 * x**3)))


def gelu_derivative(x):
    t = tanh(0.7978845608 * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * 0.7978845608 * (1 + 3 * 0.044715 * x**2)


def element_wise(f, derivative):
    """A layer that applies f, and its backward function."""
    return lambda X: apply(f, X), lambda X, DY: hadamard(DY, apply(derivative, X))


def normalized_backward(X, gamma, beta, DY):
    _, Z, _, variance = batch_norm.batch_norm(X, gamma, beta, 1e-5)
    return batch_norm.batch_norm_backward(Z, variance, gamma, DY, 1e-5)


def activated_backward(X, W, b, DY):
    return linear_backward(X, W, activations.ReLU().backward(DY, linear(X, W, b)))


def split_backward(X, W, b, DY):
    """The batch in two halves, of which the gradient of W is a sum of two terms."""
    half = DY / 2
    return half @ W + half @ W, Outer(half, X) + Outer(half, X), columns_sum(DY)


RIGHT = {
    "linear": (linear, lambda X, W, DY: linear_backward(X, W, DY), LINEAR),
    "a dictionary": (linear, lambda X, W, DY: dict(zip(["DX", "DW", "b"], linear_backward(X, W, DY), strict=True)), LINEAR),
    "Swish": (*element_wise(swish, swish_derivative), X),
    "GELU, with decimals": (*element_wise(gelu, gelu_derivative), X),
    "ReLU, by cases": (*element_wise(relu, step), X),
    "an Outer of two terms": (linear, split_backward, LINEAR),
    "an Outer for the input": (lambda X, W: W @ X, lambda X, W, DY: (Outer(W, DY), DY @ X.T), {
        "inputs": {"X": ("D", "N")}, "parameters": {"W": ("K", "D")},
    }),
    "an Outer for a number": (
        lambda X, c: c * X,
        lambda X, c, DY: (c * DY, Outer(rows_sum(hadamard(X, DY)), ones(X, X.shape[0], 1))),
        {**X, "parameters": {"c": ()}},
    ),
    "dropout on weights": (
        lambda X, W, b, R: dropout.dropout_linear(X, W, b, R),
        lambda X, W, DY, R: (*dropout.dropout_linear_backward(X, W, DY, R), hadamard(W, DY.T @ X)),
        {**X, "parameters": {**LINEAR["parameters"], "R": ("K", "D")}},
    ),
    "ReLU, the library's": (
        lambda X, W, b: activation_layer(X, W, b, activations.ReLU()), activated_backward, LINEAR,
    ),
    "residual": (lambda X, W: X + X @ W.T, lambda X, W, DY: (DY + DY @ W, DY.T @ X), SQUARE),
    "softmax, with Y": (softmax.softmax, lambda Y, DY: softmax.softmax_backward(Y, DY), X),
    "batch norm": (lambda X, gamma, beta: batch_norm.batch_norm(X, gamma, beta, 1e-5)[0], normalized_backward, NORM),
    "a constant with a default": (lambda X, c=3: c * X, lambda DY, c=3: c * DY, X),
    "a number as parameter": (
        lambda X, beta: apply(swish, X, beta),
        lambda X, beta, DY: (hadamard(DY, apply(swish_derivative, X, beta)), dot(DY, apply(swish_derivative_by_beta, X, beta))),
        {**X, "parameters": {"beta": ()}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_for_all_sizes(name):
    forward, backward, shapes = RIGHT[name]
    report = check_layer(forward, backward, **shapes)
    assert report
    assert all(verdict.all_sizes for verdict in report), report
    assert str(report["X"]) == str(report["DX"]) == "✓ DX is right: proved for all sizes"


def test_functions_without_a_name():
    """Two functions by cases that are both called <lambda> are not taken for one."""
    layer = element_wise(lambda x: where(x <= 0, x / 10, x), lambda x: where(x <= 0, 0.1, 1))
    assert check_layer(*layer, **X)["X"].all_sizes


def test_sizes_that_are_numbers():
    shapes = {"inputs": {"X": (2, 3)}, "parameters": {"W": (4, 3), "b": (1, 4)}}
    report = check_layer(linear, lambda X, W, DY: linear_backward(X, W, DY), **shapes)
    assert [str(verdict) for verdict in report] == [f"✓ D{name} is right: proved for these sizes" for name in "XWb"]


def test_at_a_kink_either_side_is_right_and_elsewhere_not():
    def step_with_zero(x):
        return where(x < 0, 0, 1)

    def other_step(x):
        return where(x < 1, 0, 1)

    assert check_layer(*element_wise(relu, step_with_zero), **X)["X"].all_sizes
    assert not check_layer(*element_wise(relu, other_step), **X)


def test_undefined_functions():
    f, g = sp.Function("f"), sp.Function("g")
    derivatives = Derivatives()
    derivatives.declare(f, g)
    report = check_layer(*element_wise(f, g), **X, derivatives=derivatives)
    assert str(report["X"]).endswith("for all sizes, with the derivatives as they are declared; not tried on numbers")
    report = check_layer(*element_wise(f, f), **X, derivatives=derivatives)
    assert not report
    assert str(report).startswith("? DX is not decided")


# ------------------------------------------------------------------------------------------------------------- wrong layers


def wrong(forward, backward, shapes, name="W"):
    """The text of the verdict on a wrong gradient."""
    report = check_layer(forward, backward, **shapes)
    assert not report
    assert not report[name].right
    assert str(report[name]).startswith(f"✗ D{name} is wrong\n")
    return str(report[name])


def gradients(**changes):
    """A backward function of the linear layer with changed gradients, that of W as a matrix."""

    def backward(X, W, b, DY):
        DX, DW, Db = linear_backward(X, W, DY)
        right = {"X": DX, "W": DW.on(W), "b": Db}
        return {name: changes.get(name, lambda D: D)(D) for name, D in right.items()}

    return backward


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda D: -D, "its sign is wrong: it is −1 times the right one"),
        (lambda D: 2 * D, "it is 2 times the right one"),
        (lambda D: 0 * D, "it is zero"),
        (
            lambda D: D.T,
            "it is the transpose of the right one: its shape is 1×2, that of W is 2×1 (D = 1, K = 2, N = 3)",
        ),
        (columns_sum, "the shape does not fit: its shape is 1×1, that of W is 2×1"),
        (lambda D: None, "backward returns None in its place"),
        (lambda D: 0.5, "backward returns float 0.5 in its place, not a matrix"),
        (lambda D: D + D[0, 0] * D, "entry (1, 1) with D = 1, K = 2, N = 3"),
    ],
)
def test_one_wrong_gradient(change, message):
    report = check_layer(linear, gradients(W=change), **LINEAR)
    assert message in str(report["W"])
    assert [verdict.name for verdict in report if verdict.problem is not None] == ["W"]


@pytest.mark.parametrize(
    ("outer", "message"),
    [
        (lambda X, DY: Outer(-DY, X), "its sign is wrong: it is −1 times the right one"),
        (lambda X, DY: Outer(DY, X) + Outer(DY, X), "it is 2 times the right one"),
        (
            lambda X, DY: Outer(X, DY),
            "it is the transpose of the right one: its shape is 1×2, that of W is 2×1 (D = 1, K = 2, N = 3)",
        ),
        (lambda X, DY: Outer(X, X), "the shape does not fit: its shape is 1×1, that of W is 2×1"),
    ],
)
def test_a_wrong_product_that_waits(outer, message):
    text = wrong(linear, lambda X, W, DY: (DY @ W, outer(X, DY), columns_sum(DY)), LINEAR)
    assert message in text


def test_a_mask_that_does_not_belong_there():
    text = wrong(linear, lambda X, W, DY: (DY @ W, Outer(DY, X, W), columns_sum(DY)), LINEAR)
    assert "      but is     W_11*(DY_11*X_11 + DY_21*X_21 + DY_31*X_31)" in text


def test_the_size_that_is_missing_or_too_much():
    assert "it is N times the right one" in wrong(columns_mean, lambda X, DY: row_repeat(DY, X.shape[0]), X, "X")
    assert "it is 1/N times the right one" in wrong(
        columns_sum, lambda X, DY: row_repeat(DY, X.shape[0]) / X.shape[0], X, "X"
    )


def test_a_transpose_of_a_square_matrix():
    text = wrong(lambda X, W: X @ W.T, lambda X, W, DY: (DY @ W, X.T @ DY), SQUARE)
    assert "it is the transpose of the right one\n" in text
    assert "entry (1, 2) with D = 2, N = 3" in text  # with D = 1 it cannot be seen


def test_gradients_in_the_wrong_order():
    def backward(X, W, b, DY):
        DX, DW, Db = linear_backward(X, W, DY)
        return DW, DX, Db  # a product that waits, where a matrix is claimed, is looked at, too

    report = check_layer(linear, backward, **LINEAR)
    assert "it is DW: its shape is 2×1" in str(report["X"])
    assert "it is DX: its shape is 3×1" in str(report["W"])


def test_a_missing_term_and_a_factor():
    assert "a term is missing: DY_11\n" in wrong(
        lambda X, W: X + X @ W.T, lambda X, W, DY: (DY @ W, DY.T @ X), SQUARE, "X"
    )
    shapes = {**X, "parameters": {"tau": ()}}
    text = wrong(lambda X, tau: X / tau, lambda X, tau, DY: (DY, -dot(DY, X) / tau**2), shapes, "X")
    assert "it is tau times the right one" in text


def test_the_sign_of_one_term():
    text = wrong(lambda X, W: X + X @ W.T, lambda X, W, DY: (DY - DY @ W, DY.T @ X), SQUARE, "X")
    assert text.splitlines() == [
        "✗ DX is wrong",
        "    the sign of a term is wrong: -DY_11*W_11",
        "    entry (1, 1) with D = 1, N = 2",
        "      should be  DY_11*(W_11 + 1)",
        "      but is     -DY_11*W_11 + DY_11",
        "    for example -0.52 and not 0.12 at DY_11 = -1/5, W_11 = 8/5",
    ]


def test_the_numbers_show_it():
    def backward(X, DY):
        s = apply(lambda x: 1 / (1 + exp(-x)), X)
        return hadamard(DY, s - hadamard(hadamard(X, s), apply(lambda x: 1 - x, s)))

    problem = check_layer(lambda X: apply(swish, X), backward, **X)["X"].problem
    right, given = (e.subs(problem.numbers).evalf() for e in (problem.expected, problem.given))
    assert abs(right - given) > 1e-6
    assert [float(text) for text in problem.values] == pytest.approx([float(right), float(given)], rel=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_softmax(sign):
    def backward(Y, DY):
        return hadamard(Y, DY + sign * column_repeat(rows_sum(hadamard(DY, Y)), Y.shape[1]))

    assert bool(check_layer(softmax.softmax, backward, **X)) == (sign == -1)


def test_batch_norm_with_one_wrong_sign():
    def backward(X, gamma, beta, DY):
        DX, Dgamma, Dbeta = normalized_backward(X, gamma, beta, DY)
        return DX + 2 * row_repeat(columns_mean(DY), X.shape[0]), Dgamma, Dbeta

    report = check_layer(RIGHT["batch norm"][0], backward, **NORM)
    assert [verdict.right for verdict in report] == [False, True, True]
    assert len(max(str(report).splitlines(), key=len)) <= 120
    assert len(str(report).splitlines()) < 20  # long expressions are cut, what they are worth is not
    assert "for example " in str(report)


def test_a_gradient_that_is_right_by_accident_of_the_loss():
    """With L = Σ Y this one would pass."""
    assert not check_layer(lambda X: X, lambda X, DY: hadamard(DY, DY), **X)


# --------------------------------------------------------------------------------------- functions that cannot be checked


@pytest.mark.parametrize(
    ("forward", "backward", "shapes", "message"),
    [
        (lambda X, w, b: X, linear_backward, LINEAR, "unknown argument of forward 'w'; did you mean 'W'"),
        (linear, lambda X, W, dY: X, LINEAR, "unknown argument of backward 'dY'; did you mean 'DY'"),
        (lambda X, W: X, lambda DY: DY, LINEAR, "forward has no argument b"),
        (lambda X: (X, X), lambda DY: DY, X, "forward must return Y, a matrix, not a tuple of 2; return Y alone"),
        (
            lambda X: None,
            lambda DY: DY,
            X,
            "forward must return Y, a matrix, not None: does its last line lack a return",
        ),
        (lambda X: elements_sum(X), lambda DY: DY, X, "forward must return Y, a matrix, not Add"),
        (linear, lambda DY: None, LINEAR, "backward must return DX, DW, Db, not None"),
        (linear, lambda DY: (DY, DY), LINEAR, "backward returns 2 gradients; it must return 3: DX, DW, Db"),
        (linear, lambda DY: DY, LINEAR, "backward returns 1 gradient; it must return 3"),
        (linear, lambda DY: {"DX": DY, "DWW": DY, "Db": DY}, LINEAR, "unknown gradient returned by backward 'DWW'"),
        (linear, lambda DY: {"DX": DY, "b": DY}, LINEAR, "backward returns no DW"),
        (lambda X: X, lambda DY: DY, {"inputs": {"X": ("N",)}}, "the shape of X must be a pair such as"),
        (lambda X: X, lambda DY: DY, {"inputs": {"X": (0, 2)}}, "the shape of X must be a pair such as"),
        (lambda Y: Y, lambda DY: DY, {"inputs": {"Y": ("N", "D")}}, "give the input another name"),
        (lambda X: np.exp(X), lambda DY: DY, X, "use the functions of nerva_py.matrix, such as exp"),
        (lambda X: apply(math.exp, X), lambda DY: DY, X, "use the functions of nerva_py.matrix.scalars"),
        (lambda X: X * X, lambda DY: DY, X, "use hadamard"),
        (lambda X: X**2, lambda DY: DY, X, "hadamard(X, X)"),
        (lambda X, W, b: X @ W.T + b, lambda DY: DY, LINEAR, "row_repeat(b, N)"),
        (lambda X, W, b: X @ W, lambda DY: DY, LINEAR, "is the transpose B.T meant"),
        (lambda X: X - X.mean(axis=0), lambda DY: DY, X, "columns_mean(X)"),
        (lambda X: X - X.sum(axis=0), lambda DY: DY, X, "columns_sum(X)"),
        (lambda X: apply(lambda x: x * (x > 0), X), lambda DY: DY, X, "where(condition, a, b)"),
        (lambda X: X + 1, lambda DY: DY, X, "a matrix and a number cannot be added"),
        (lambda X: apply(lambda x: x if x > 0 else 0, X), lambda DY: DY, X, "where(condition, a, b)"),
        (lambda X: np.where(X > 0, X, 0), lambda DY: DY, X, "compare numbers, in a function that apply takes"),
        (linear, lambda X, W, DY: (DY @ W.T, DY, DY), LINEAR, "backward fails on matrices of symbols"),
        (linear, lambda X, W, DY: (DY @ W, Outer(DY, X.T), DY), LINEAR, "backward fails on matrices of symbols"),
    ],
)
def test_messages(forward, backward, shapes, message):
    with pytest.raises(NervaError) as error:
        check_layer(forward, backward, **shapes)
    assert message in str(error.value)


def test_the_traceback_of_a_failing_function_is_kept():
    with pytest.raises(NervaError) as error:
        check_layer(lambda X: X @ X, lambda DY: DY, **X)
    assert type(error.value.__cause__).__name__ == "ShapeError"


def test_what_has_no_meaning_for_symbolic_sizes():
    def forward(X):
        total = X
        for _ in range(X.shape[0]):
            total = total + X
        return total

    report = check_layer(forward, lambda X, DY: (X.shape[0] + 1) * DY, **X)
    assert not report
    assert (
        str(report)
        .replace("\n      ", " ")
        .startswith(
            "? DX is not decided\n    forward fails on matrices of symbolic size: TypeError: N is no number here"
        )
    )
