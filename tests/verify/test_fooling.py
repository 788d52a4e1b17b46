"""What `check_layer` must not be fooled by: wrong layers are never called right, right ones never wrong."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import numpy as np
import pytest
import sympy as sp

from nerva_py.errors import NervaError
from nerva_py.matrix import (
    Outer,
    apply,
    column_repeat,
    columns_max,
    columns_sum,
    dot,
    elements_sum,
    exp,
    hadamard,
    log,
    ones,
    reciprocal,
    row_repeat,
    rows_max,
    rows_sum,
)
from nerva_py.matrix.scalars import exp as exp1
from nerva_py.matrix.scalars import maximum, tanh, where
from nerva_py.matrix.scalars import sqrt as sqrt1
from nerva_py.verify import check_layer, deadline
from tests.verify import random_layers

X = {"inputs": {"X": ("N", "D")}}
XW = {**X, "parameters": {"W": ("K", "D")}}
COLUMN = {"inputs": {"X": ("N", 1)}}
SQUARE = {**X, "parameters": {"A": ("D", "D")}}


def relu(x):
    return where(x <= 0, 0, x)


def relu_slope(x):
    return where(x <= 0, 0, 1)


def elementwise(f, g, shapes=X):
    return lambda X: apply(f, X), lambda X, DY: hadamard(DY, apply(g, X)), shapes


# ------------------------------------------------------------------------------------------------------------- wrong layers


def residual_where_it_fits(X, W):
    Y = X @ W.T
    return Y + X if X.shape == Y.shape else Y


def zero_for_one_sample(X, DY):
    return 0 * DY if X.shape[0] == 1 else DY


def wrong_every_fifth(X, DY):
    return DY if X.shape[0] % 5 else 2 * DY


def wrong_unless_one_less_counts(X, DY):
    return DY if X.shape[0] - 1 else 2 * DY


def by_a_table(X, DY):
    return {1: 2, 57: 3}.get(X.shape[0], 1) * DY


def one_at_the_sizes_tried(X, DY):
    n = X.shape[0]
    return (1 + (n - 1) * (n - 2) * (n - 3)) * DY


def writes_into_its_argument(DY):
    DY[:, 0] = 0
    return DY


def forward_that_writes(X):
    Y = 2 * X
    X[0, 0] = 7
    return Y


def two_entries_doubled(X, DY):
    # Of an 11×11 matrix the entries (1, 11) and (11, 1).
    E = np.ones((11, 11))
    E[0, 10] = E[10, 0] = 2
    if isinstance(DY, np.ndarray):
        return hadamard(DY, E)
    if isinstance(DY, sp.MatrixBase):
        return hadamard(DY, sp.Matrix(E))
    return DY


def hidden_case(x):
    return where(relu(x) != 0, 1, 5)


def relu_in_disguise(x):
    return where(relu(x) == 0, 0, x)


def clip(x):
    return where(abs(x) <= 100, x, where(x > 0, 100, -100))


def clip_wrong_above(x):
    return where(abs(x) <= 100, 1, where(x > 0, 3, 0))


def five_at_zero(x):
    return where(x < 0, 0, where(x <= 0, 5, 1))


def huge_at_zero(x):
    return where(x <= 0, 0, 1) + 1e30 * where(x < 0, 0, 1) * where(x <= 0, 1, 0)


def largest_of_rows(X):
    return apply(lambda d: where(d >= 0, 1, 0), X - column_repeat(rows_max(X), X.shape[1]))


def largest_only(X):
    return hadamard(X, largest_of_rows(X))


class Counter:
    calls = 0

    def __call__(self, DY):
        type(self).calls += 1
        return DY * (1 if self.calls < 3 else 2)


calls = []


def counts(DY):
    calls.append(1)
    return DY * len(calls)


def random_factor(DY):
    return DY * np.random.default_rng().choice([1.0, 1.0, 2.0])


def by_carrier(DY):
    return DY * (1 if type(DY).__name__ != "ndarray" or DY.shape[0] < 90 else 2)


def removable(X, DY):
    n = X.shape[0]
    return ((n - 5) / (n - 5)) * DY


def wrong_from_a_threshold(x):
    return where(x > 250, 2, 1)


def matches_a_type(X, DY):
    match X.shape[0]:
        case int(n) if n > 150:
            return 2 * DY
    return DY


def asks_for_a_method(X, DY):
    try:
        return 2 * DY if X.shape[0].bit_length() > 8 else DY
    except AttributeError:
        return DY


def careful_sigmoid(x):
    try:
        return 1 / (1 + exp1(-x))
    except OverflowError:
        return 0.0


def careful_derivative(x):
    try:
        s = 1 / (1 + exp1(-x))
        return s * (1 - s)
    except OverflowError:
        return 1.0


class Steep:
    def __call__(self, x):
        return 1 if not isinstance(x, float) or abs(x) < 3000 else 2


CACHE = {}


def keeps_its_input(X, W):
    CACHE["X"] = X
    return X @ W.T


class Memory:
    def keep(self, X):
        self.X = X
        return X


MEMORY = Memory()


def warms_up(X, DY):
    calls.append(1)
    return DY if len(calls) < 100000 else 2 * DY


WRONG = {
    "residual if the shapes are equal": (residual_where_it_fits, lambda X, W, DY: (DY @ W, DY.T @ X), XW),
    "zero for one sample": (lambda X: X, zero_for_one_sample, X),
    "N % 5": (lambda X: X, wrong_every_fifth, X),
    "N - 1 as a truth value": (lambda X: X, wrong_unless_one_less_counts, X),
    "a table by size": (lambda X: X, by_a_table, X),
    "1 at the sizes tried": (lambda X: X, one_at_the_sizes_tried, X),
    "N == 57": (lambda X: X, lambda X, DY: 2 * DY if X.shape[0] == 57 else DY, X),
    "57 == N": (lambda X: X, lambda X, DY: 2 * DY if 57 == X.shape[0] else DY, X),  # noqa: SIM300
    "N in a tuple": (lambda X: X, lambda X, DY: 2 * DY if X.shape[0] in (58, 59) else DY, X),
    "N > 1000": (lambda X: X, lambda X, DY: 2 * DY if X.shape[0] > 1000 else DY, X),
    "N > D": (lambda X: X, lambda X, DY: 2 * DY if X.shape[0] > X.shape[1] + 500 else DY, X),
    "max(N, 200)": (lambda X: X, lambda X, DY: (max(X.shape[0], 200) / 200) * DY, X),
    "N² == 3364": (lambda X: X, lambda X, DY: 2 * DY if X.shape[0] ** 2 == 3364 else DY, X),
    "shapes as a tuple": (lambda X: X, lambda X, DY: 2 * DY if X.shape == (58, 3) else DY, X),
    "the shape of a product that waits": (
        lambda X, W: X @ W.T,
        lambda X, W, DY: (DY @ W, Outer(DY, X) + Outer(DY, X) if Outer(DY, X).shape[0] == 58 else Outer(DY, X)),
        XW,
    ),
    "two entries of 11×11": (lambda X: X, two_entries_doubled, {"inputs": {"X": (11, 11)}}),
    "5 where x ≤ 0": elementwise(lambda x: x, hidden_case),
    "ReLU in disguise": (lambda X: apply(relu_in_disguise, X), lambda DY: DY, X),
    "a clip, wrong above 100": elementwise(clip, clip_wrong_above),
    "5 at 0": elementwise(relu, five_at_zero),
    "1e30 at 0": elementwise(relu, huge_at_zero),
    "x == 0": elementwise(relu, lambda x: 5 if x == 0 else where(x <= 0, 0, 1)),
    "the largest of a row": (
        largest_only, lambda X, DY: hadamard(DY, apply(lambda x: where(x >= 0, 1, 0), X)), {"inputs": {"X": ("B", "C")}},
    ),
    "the largest gets what all others lose": (
        lambda X: X - column_repeat(rows_max(X), X.shape[1]), lambda X, DY: DY - hadamard(DY, largest_of_rows(X)), X,
    ),
    "all get what the largest has": (rows_max, lambda X, DY: column_repeat(DY, X.shape[1]), X),
    "the largest twice": (
        rows_max,
        lambda X, DY: 2 * hadamard(column_repeat(DY, X.shape[1]), largest_of_rows(X)) - hadamard(
            column_repeat(DY, X.shape[1]), hadamard(largest_of_rows(X), largest_of_rows(-X))
        ),
        X,
    ),
    "all of the largest": (
        lambda X: hadamard(X, column_repeat(rows_sum(largest_of_rows(column_repeat(X, 3))), 1)), lambda DY: DY, COLUMN,
    ),
    "an object that counts": (lambda X: X, lambda DY: Counter()(DY), X),
    "a list that counts": (lambda X: X, counts, X),
    "a random factor": (lambda X: X, random_factor, X),
    "asks for its carrier": (lambda X: X, by_carrier, X),
    "(N − 5)/(N − 5)": (lambda X: X, removable, X),
    "a small factor": (
        lambda X, W: 1.380649e-23 * (X @ W.T), lambda X, W, DY: (0 * (DY @ W), -3 * 1.380649e-23 * (DY.T @ X)), XW,
    ),
    "N == 1e3": (lambda X: X, lambda X, DY: 2 * DY if X.shape[0] == 1e3 else DY, X),
    "N / 10 == 15.7": (lambda X: X, lambda X, DY: 2 * DY if X.shape[0] / 10 == 15.7 else DY, X),
    "N == np.int64": (lambda X: X, lambda X, DY: 2 * DY if X.shape[0] == np.int64(157) else DY, X),
    "N == Decimal": (lambda X: X, lambda X, DY: 2 * DY if X.shape[0] == Decimal(157) else DY, X),
    "a sum of ones": (lambda X: X, lambda X, DY: 2 * DY if elements_sum(ones(X, X.shape[0], 1)) == 157 else DY, X),
    "the digits of N": (lambda X: X, lambda X, DY: 2 * DY if len(f"{X.shape[0]}") > 3 else DY, X),
    "matches a type": (lambda X: X, matches_a_type, X),
    "asks for a method": (lambda X: X, asks_for_a_method, X),
    "catches an overflow": elementwise(lambda x: careful_sigmoid(x), lambda x: careful_derivative(x)),
    "an object that is called": elementwise(lambda x: x, Steep()),
    "a guard at 0": elementwise(
        lambda x: 1 if x == 0 else (exp1(x) - 1) / x, lambda x: 0 if x == 0 else (x * exp1(x) - exp1(x) + 1) / x**2
    ),
    "x in a tuple": elementwise(lambda x: x, lambda x: 9 if x in (2.0, 3.0) else 1),
    "a number that is 5": (
        lambda X, c: c * X,
        lambda X, c, DY: (c * DY, dot(DY, X) if c != 5 else 0 * dot(DY, X)),
        {**X, "parameters": {"c": ()}},
    ),
    "a guard for zeros": (lambda X: X, lambda X, DY: 0 * DY if dot(X, X) == 0 else DY, X),
    "2 at 0, by one function": elementwise(lambda x: x, lambda x: where(x >= 0, 1, 0) + where(x <= 0, 1, 0)),
    "0 at 0, by two masks": (
        lambda X: X,
        lambda X, DY: hadamard(DY, apply(lambda x: where(x > 0, 1, 0), X) + apply(lambda x: where(x < 0, 1, 0), X)),
        X,
    ),
    "5 at 0, of 2×3": elementwise(relu, five_at_zero, {"inputs": {"X": (2, 3)}}),
    "what was seen last": (keeps_its_input, lambda W, DY: (DY @ W, DY.T @ CACHE["X"]), XW),
    "what an object has seen last": (
        lambda X, W: MEMORY.keep(X) @ W.T, lambda W, DY: (DY @ W, DY.T @ MEMORY.X), XW,
    ),
    "many calls": (lambda X: X, warms_up, X),
    "wrong above 250": elementwise(lambda x: x, wrong_from_a_threshold),
    "wrong above 250, as Y": (lambda X: X, lambda Y, DY: hadamard(DY, apply(wrong_from_a_threshold, Y)), X),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_never_called_right(name):
    forward, backward, shapes = WRONG[name]
    report = check_layer(forward, backward, **shapes)
    assert not report, report


# What numbers can show is told to be wrong; the others are not decided.
SHOWN = [
    "residual if the shapes are equal", "zero for one sample", "N % 5", "N - 1 as a truth value", "1 at the sizes tried",
    "5 where x ≤ 0", "ReLU in disguise", "a clip, wrong above 100", "the largest of a row", "wrong above 250",
]  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_shown_to_be_wrong(name):
    forward, backward, shapes = WRONG[name]
    report = check_layer(forward, backward, **shapes)
    assert any(verdict.problem is not None for verdict in report), report


# ------------------------------------------------------------------------------------------------------------- right layers


def gelu(x):
    return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x**3)))


def gelu_derivative(x):
    t = tanh(0.7978845608028654 * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * 0.7978845608028654 * (1 + 3 * 0.044715 * x**2)


LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772


def weight_normalisation(X, V, g):
    norm = apply(sqrt1, rows_sum(hadamard(V, V)))
    return X @ hadamard(V, column_repeat(hadamard(g, reciprocal(norm)), V.shape[1])).T


def weight_normalisation_backward(X, V, g, DY):
    D = V.shape[1]
    norm = apply(sqrt1, rows_sum(hadamard(V, V)))
    U = hadamard(V, column_repeat(reciprocal(norm), D))
    DW = DY.T @ X
    Dg = rows_sum(hadamard(DW, U))
    DV = hadamard(column_repeat(hadamard(g, reciprocal(norm)), D), DW - hadamard(column_repeat(Dg, D), U))
    return DY @ hadamard(U, column_repeat(g, D)), DV, Dg


def slope_below(x, a):
    return where(x <= 0, a * x, x)


def log_softmax(S):
    M = S - column_repeat(rows_max(S), S.shape[1])
    return M - column_repeat(log(rows_sum(exp(S - column_repeat(rows_max(S), S.shape[1])))), S.shape[1])


def log_softmax_backward(X, W, DY):
    P = exp(log_softmax(X @ W.T))
    DS = DY - hadamard(P, column_repeat(rows_sum(DY), P.shape[1]))
    return DS @ W, DS.T @ X


def prelu_backward(X, a, DY):
    A = row_repeat(a, X.shape[0])
    DX = hadamard(DY, apply(lambda x: where(x <= 0, 0, 1), X) + hadamard(A, apply(lambda x: where(x <= 0, 0, 1), -X)))
    return DX, -columns_sum(hadamard(DY, apply(relu, -X)))


def hinge_backward(X, T, DY):
    G = hadamard(DY, apply(lambda x: where(x <= 0, 0, 1), ones(X, *X.shape) - hadamard(T, X)))
    return -hadamard(G, T), -hadamard(G, X)


def two_tanh(X, V, W):
    H = X + apply(tanh, X @ V.T)
    return H + apply(tanh, H @ W.T)


def two_tanh_backward(X, V, W, DY):
    slope = lambda z: 1 - tanh(z) ** 2  # noqa: E731
    H = X + apply(tanh, X @ V.T)
    G = hadamard(DY, apply(slope, H @ W.T))
    DH = DY + G @ W
    F = hadamard(DH, apply(slope, X @ V.T))
    return DH + F @ V, F.T @ X, G.T @ H


def five_products_backward(X, A, DY):
    powers, cotangents = [X], [DY]
    for _ in range(4):
        powers.append(powers[-1] @ A.T)
        cotangents.append(cotangents[-1] @ A)
    DA = cotangents[4].T @ powers[0]
    for k in range(1, 5):
        DA = DA + cotangents[4 - k].T @ powers[k]
    return cotangents[4] @ A, DA


def cosine(X, T):
    norms = rows_sum(hadamard(X, X)), rows_sum(hadamard(T, T))
    return hadamard(rows_sum(hadamard(X, T)), hadamard(*(reciprocal(apply(sqrt1, s)) for s in norms)))


def cosine_backward(X, T, DY):
    a, b = (reciprocal(apply(sqrt1, rows_sum(hadamard(M, M)))) for M in (X, T))
    D, c = X.shape[1], cosine(X, T)

    def one(M, other, mine, its):
        return hadamard(
            column_repeat(hadamard(DY, mine), D),
            hadamard(column_repeat(its, D), other) - hadamard(column_repeat(hadamard(c, mine), D), M),
        )

    return one(X, T, a, b), one(T, X, b, a)


RIGHT = {
    "attention, scaled": (
        lambda X, A: softmax_rows((X @ A @ X.T) / sqrt1(X.shape[1])) @ X,
        lambda X, A, DY: attention_backward(X, A / sqrt1(X.shape[1]), DY, 1 / sqrt1(X.shape[1])),
        SQUARE,
    ),
    "divided by np.sqrt(D)": (lambda X: X / np.sqrt(X.shape[1]), lambda X, DY: DY / np.sqrt(X.shape[1]), X),
    "a linear layer of 64×10": (
        lambda X, W, b: X @ W.T + row_repeat(b, X.shape[0]),
        lambda X, W, b, DY: (DY @ W, DY.T @ X, columns_sum(DY)),
        {"inputs": {"X": (20, 64)}, "parameters": {"W": (10, 64), "b": (1, 10)}},
    ),
    "softmax of 16×10": (
        lambda X: softmax_rows(X),
        lambda X, Y, DY: hadamard(Y, DY - column_repeat(rows_sum(hadamard(DY, Y)), Y.shape[1])),
        {"inputs": {"X": (16, 10)}},
    ),
    "PReLU with one slope": (
        lambda X, a: apply(slope_below, X, a),
        lambda X, a, DY: (
            hadamard(DY, apply(lambda x, a: where(x <= 0, a, 1), X, a)),
            dot(DY, apply(lambda x, a: where(x <= 0, x, 0), X, a)),
        ),
        {**X, "parameters": {"a": ()}},
    ),
    "maximum(0, x)": elementwise(lambda x: maximum(0, x), lambda x: where(x > 0, 1, 0)),
    "two maxima of one matrix": (
        lambda X, W: log_softmax(X @ W.T), lambda X, W, DY: log_softmax_backward(X, W, DY), XW,
    ),
    "a partial function": (
        lambda X: apply(partial(slope_below, a=0.1), X),
        lambda X, DY: hadamard(DY, apply(lambda x: where(x <= 0, 0.1, 1), X)),
        X,
    ),
    "GELU with its decimals": elementwise(gelu, gelu_derivative),
    "SELU": elementwise(
        lambda x: LAMBDA * where(x > 0, x, ALPHA * (exp1(x) - 1)), lambda x: where(x > 0, LAMBDA, LAMBDA * ALPHA * exp1(x))
    ),
    "weight normalisation": (
        weight_normalisation, weight_normalisation_backward, {**X, "parameters": {"V": ("K", "D"), "g": ("K", 1)}},
    ),
    "|x|": elementwise(abs, lambda x: where(x > 0, 1, -1)),
    "(x + |x|)/2": elementwise(lambda x: (x + abs(x)) / 2, lambda x: where(x > 0, 1, 0)),
    "hard tanh": elementwise(
        lambda x: where(abs(x) <= 1, x, where(x > 0, 1, -1)), lambda x: where(abs(x) <= 1, 1, 0)
    ),
    "Huber": elementwise(
        lambda x: where(abs(x) <= 1, x * x / 2, abs(x) - 0.5), lambda x: where(abs(x) <= 1, x, where(x > 0, 1, -1))
    ),
    "relu(x) − relu(−x)": elementwise(
        lambda x: relu(x) - relu(-x), lambda x: where(x > 0, 1, 0) + where(-x > 0, 1, 0)
    ),
    "ReLU from its output": (lambda X: apply(relu, X), lambda Y, DY: hadamard(DY, apply(lambda y: where(y <= 0, 0, 1), Y)), X),
    "exp(log x)": (lambda X: exp(log(X)), lambda DY: DY, X),
    "a branch for one sample": (
        lambda X: X if X.shape[0] == 1 else 3 * X, lambda X, DY: DY if X.shape[0] == 1 else 3 * DY, X,
    ),
    "a residual with its gradient": (
        residual_where_it_fits,
        lambda X, W, DY: (DY @ W + DY if X.shape == DY.shape else DY @ W, DY.T @ X),
        XW,
    ),
    "N < 5": (lambda X: 2 * X if X.shape[0] < 5 else X, lambda X, DY: 2 * DY if X.shape[0] < 5 else DY, X),
    "11×11": (lambda X: 2 * X, lambda DY: 2 * DY, {"inputs": {"X": (11, 11)}}),
    "PReLU": (
        lambda X, a: apply(relu, X) - hadamard(row_repeat(a, X.shape[0]), apply(relu, -X)),
        prelu_backward,
        {**X, "parameters": {"a": (1, "D")}},
    ),
    "Softsign": elementwise(lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "relu ⊙ relu": (
        lambda X: hadamard(apply(relu, X), apply(relu, X)), lambda X, DY: 2 * hadamard(DY, apply(relu, X)), X,
    ),
    "hinge": (
        lambda X, T: apply(relu, ones(X, *X.shape) - hadamard(T, X)),
        lambda X, T, DY: hinge_backward(X, T, DY),
        {"inputs": {"X": ("N", "D"), "T": ("N", "D")}},
    ),
    "log-sum-exp": (lambda X: log(rows_sum(exp(X))), lambda X, DY: hadamard(softmax_rows(X), column_repeat(DY, X.shape[1])), X),
    "a stable log-sum-exp": (
        lambda X: rows_max(X) + log(rows_sum(exp(X - column_repeat(rows_max(X), X.shape[1])))),
        lambda X, DY: hadamard(softmax_rows(X), column_repeat(DY, X.shape[1])), X,
    ),
    "two residual tanh layers": (two_tanh, two_tanh_backward, {**X, "parameters": {"V": ("D", "D"), "W": ("D", "D")}}),
    "five products": (lambda X, A: X @ A.T @ A.T @ A.T @ A.T @ A.T, five_products_backward, SQUARE),
    "cosine similarity": (cosine, cosine_backward, {"inputs": {"X": ("N", "D"), "T": ("N", "D")}}),
    "the largest of a row": (
        rows_max,
        lambda X, DY: hadamard(column_repeat(DY, X.shape[1]), largest_of_rows(X)),
        X,
    ),
    "the largest of a column": (
        columns_max,
        lambda X, DY: hadamard(
            row_repeat(DY, X.shape[0]), apply(lambda d: where(d < 0, 0, 1), X - row_repeat(columns_max(X), X.shape[0]))
        ),
        X,
    ),
    "the largest output": (
        lambda X, W: rows_max(X @ W.T),
        lambda X, W, DY: (lambda DZ: (DZ @ W, DZ.T @ X))(
            hadamard(column_repeat(DY, W.shape[0]), largest_of_rows(X @ W.T))
        ),
        XW,
    ),
    "less the largest": (
        lambda X: X - column_repeat(rows_max(X), X.shape[1]),
        lambda X, DY: DY - hadamard(column_repeat(rows_sum(DY), X.shape[1]), largest_of_rows(X)),
        X,
    ),
    "largest and smallest": (
        lambda X: rows_max(X) + rows_max(-X),
        lambda X, DY: hadamard(column_repeat(DY, X.shape[1]), largest_of_rows(X) - largest_of_rows(-X)),
        X,
    ),
    "only the largest is left": (
        lambda X: hadamard(X, largest_of_rows(X)),
        lambda X, DY: hadamard(DY, largest_of_rows(X)),
        X,
    ),
    "a hinge of classes": (
        lambda X, T: apply(relu, X - column_repeat(rows_sum(hadamard(X, T)), X.shape[1]) + ones(X, *X.shape)),
        lambda X, T, DY: hinge_of_classes_backward(X, T, DY),
        {"inputs": {"X": ("N", "K")}, "constants": {"T": ("N", "K")}},
    ),
    "the largest by a margin": (
        lambda X: apply(relu, X - column_repeat(rows_max(X), X.shape[1]) + ones(X, *X.shape)),
        lambda X, DY: margin_backward(X, DY),
        X,
    ),
    "an attention": (
        lambda X, A: softmax_rows(X @ A @ X.T) @ X,
        lambda X, A, DY: attention_backward(X, A, DY),
        SQUARE,
    ),
}  # fmt: skip


def hinge_of_classes_backward(X, T, DY):
    margin = X - column_repeat(rows_sum(hadamard(X, T)), X.shape[1]) + ones(X, *X.shape)
    DZ = hadamard(DY, apply(relu_slope, margin))
    return DZ - hadamard(T, column_repeat(rows_sum(DZ), X.shape[1]))


def margin_backward(X, DY):
    DZ = hadamard(DY, apply(relu_slope, X - column_repeat(rows_max(X), X.shape[1]) + ones(X, *X.shape)))
    return DZ - hadamard(largest_of_rows(X), column_repeat(rows_sum(DZ), X.shape[1]))


def softmax_rows(Z):
    E = exp(Z)
    return hadamard(E, column_repeat(reciprocal(rows_sum(E)), Z.shape[1]))


def attention_backward(X, A, DY, scale=1):
    P = softmax_rows(X @ A @ X.T)
    DP = DY @ X.T
    DS = hadamard(P, DP - column_repeat(rows_sum(hadamard(P, DP)), P.shape[1]))
    return P.T @ DY + DS @ X @ A.T + DS.T @ X @ A, scale * (X.T @ DS @ X)


@pytest.mark.parametrize("name", RIGHT)
def test_never_called_wrong(name):
    forward, backward, shapes = RIGHT[name]
    report = check_layer(forward, backward, **shapes)
    assert all(verdict.problem is None for verdict in report), report
    assert report, report


@pytest.mark.parametrize(
    ("forward", "backward"), [(lambda X: X, writes_into_its_argument), (forward_that_writes, lambda DY: 2 * DY)]
)
def test_arguments_cannot_be_changed(forward, backward):
    with pytest.raises(NervaError, match="a function may not change its arguments; make a new matrix"):
        check_layer(forward, backward, **X)


def by_another_table(X, DY):
    return {5700: 3}.get(X.shape[0], 1) * DY


def test_the_sizes_that_are_asked_for_are_told():
    report = str(check_layer(lambda X: X, by_another_table, **X)).replace("\n      ", " ")
    line = by_another_table.__code__.co_firstlineno + 1
    assert f"for the sizes tried only: line {line} of by_another_table asks for the place of N in a table" in report


def test_random_layers():
    """A few of those of `make verify-hard`: those of which the proof is short."""
    said, bad, _ = random_layers.judged(2, first=11, seconds=30)
    assert not bad
    assert said["right ones called right"] == 2
    assert said["wrong ones called wrong"] == 2


def test_what_is_not_the_layers():
    """Right and ordinary: an argument that is not used, and functions that are found in a table."""
    table = {"f": (relu, lambda x: where(x <= 0, 0, 1))}
    report = check_layer(
        lambda X, W: apply(table["f"][0], X),
        lambda X, W, DY: {"X": hadamard(DY, apply(table["f"][1], X)), "W": 0 * W},
        **XW,
    )
    assert report, report


@pytest.mark.parametrize(
    ("forward", "backward", "shapes", "message"),
    [
        (lambda X: Outer(X, X), lambda DY: DY, X, "forward must return Y, a matrix, not Outer"),
        (lambda X: np.array(3.0), lambda DY: DY, X, "forward must return Y, a matrix, not ndarray"),
        (max, lambda DY: DY, X, "forward must be a function whose arguments have names"),
        (lambda X: X, None, X, "backward must be a function"),
        (lambda X, /: X, lambda DY: DY, X, "there may be no / among them"),
        (lambda X: X, lambda DY: DY, {"inputs": {"X": (True, 3)}}, "the shape of X must be a pair"),
        (lambda X: X, lambda DY: DY, {"inputs": None}, "must be dictionaries"),
        (lambda X, DX: X, lambda DY: DY, {"inputs": {"X": (1, 1), "DX": (1, 1)}}, "give the input another name"),
        (lambda X: X, lambda DY: {"X": 5 * DY, "DX": DY}, X, "returns the gradient of X twice"),
    ],
)
def test_what_cannot_be_checked(forward, backward, shapes, message):
    with pytest.raises(NervaError, match=message):
        check_layer(forward, backward, **shapes)


def test_sizes_are_told_where_a_shape_is_wrong():
    report = check_layer(lambda X: X, lambda X, DY: DY if X.shape[0] < 50 else DY.T, **X)
    assert str(report).splitlines()[1].strip() == "it is 7×100, and X is 100×7, D = 7, N = 100"


def test_a_proof_that_takes_a_while_says_so(monkeypatch, capsys):
    monkeypatch.setattr(deadline, "PATIENCE", 0.01)
    forward, backward, shapes = RIGHT["an attention"]
    assert check_layer(forward, backward, **shapes)
    assert capsys.readouterr().err == "proving DX, DA for all sizes; it is given up after 60 s\n"


def test_a_proof_that_takes_long_is_given_up(capsys):
    forward, backward, shapes = RIGHT["two residual tanh layers"]
    report = check_layer(forward, backward, **shapes, seconds=0.1)
    assert "the proof takes longer than 0.1 s" in str(report)
    assert capsys.readouterr().err == ""
    assert all(verdict.problem is None for verdict in report)


def test_numbers_that_show_it_can_be_pasted():
    report = check_layer(residual_where_it_fits, lambda X, W, DY: (DY @ W, DY.T @ X), **XW)
    problem = report["X"].problem
    arguments = dict(problem.arguments)
    DY, DX = arguments.pop("DY"), arguments["X"]
    i, j = problem.entry[0] - 1, problem.entry[1] - 1
    assert abs((DY @ arguments["W"])[i, j] - problem.given) < 1e-12 * (1 + abs(problem.given))
    assert abs((DY @ arguments["W"] + DY)[i, j] - problem.expected) < 1e-5 * (1 + abs(problem.expected))
    assert DX.shape == (problem.sizes["N"], problem.sizes["D"])
