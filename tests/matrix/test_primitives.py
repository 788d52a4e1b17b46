"""Every primitive on every carrier against a formula in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.sparse import csr_array

from nerva_py import matrix
from nerva_py.engine import SparseBatch, batch_layout
from nerva_py.equations.activation_layer import activation_layer
from nerva_py.equations.linear import linear
from nerva_py.errors import ShapeError
from nerva_py.matrix import apply, primitives
from nerva_py.matrix import dense as reference
from nerva_py.matrix.dispatch import Primitive
from nerva_py.matrix.scalars import exp, log, scalar_function, sqrt, tanh, where
from nerva_py.sparse import DenseWeight, SparseWeight
from tests.samples import DTYPES, assert_close, batch

RNG = np.random.default_rng(1)
X = RNG.uniform(0.5, 2, (3, 4))
Y = RNG.standard_normal((3, 4))
SQUARE = RNG.standard_normal((3, 3))
ROW, COLUMN = RNG.standard_normal((1, 4)), RNG.standard_normal((3, 1))
W, B = RNG.standard_normal((2, 4)), RNG.standard_normal((1, 2))


@scalar_function
def cubic(x, a, b):
    """a x³ + b"""
    return a * x * x * x + b


# name -> (arguments, the same in NumPy)
CASES = {
    "hadamard": ((X, Y), X * Y),
    "apply": ((cubic, Y, 2.0, -1.0), 2 * Y**3 - 1),
    "hadamard_apply": ((X, cubic, Y, 2.0, -1.0), X * (2 * Y**3 - 1)),
    "exp": ((Y,), np.exp(Y)),
    "log": ((X,), np.log(X)),
    "sqrt": ((X,), X**0.5),
    "reciprocal": ((X,), 1 / X),
    "inv_sqrt": ((X, 0.25), (X + 0.25) ** -0.5),
    "log_sigmoid": ((Y,), np.log(1 / (1 + np.exp(-Y)))),
    "row_repeat": ((ROW, 3), np.ones((3, 1)) @ ROW),
    "column_repeat": ((COLUMN, 4), COLUMN @ np.ones((1, 4))),
    "columns_sum": ((X,), np.ones((1, 3)) @ X),
    "rows_sum": ((X,), X @ np.ones((4, 1))),
    "columns_max": ((Y,), Y.max(axis=0)[None, :]),
    "rows_max": ((Y,), Y.max(axis=1)[:, None]),
    "columns_mean": ((X,), np.ones((1, 3)) @ X / 3),
    "rows_mean": ((X,), X @ np.ones((4, 1)) / 4),
    "elements_sum": ((X,), np.ones((1, 3)) @ X @ np.ones((4, 1))),
    "dot": ((X, Y), np.trace(X.T @ Y)),
    "diag": ((SQUARE,), np.array([[SQUARE[i, i]] for i in range(3)])),
    "Diag": ((ROW,), np.eye(4) * ROW),
    "zeros": ((X, 2, 5), np.zeros((2, 5))),
    "ones": ((X, 2, 5), np.ones((2, 5))),
    "identity": ((X, 3), np.eye(3)),
    "product_on": ((W, Y[:2, :3].T[:2], X[:2]), Y[:2, :3].T[:2] @ X[:2]),
    "stack_rows": ((X, Y, ROW), np.concatenate([X, Y, ROW])),
    # Equations of which some carriers have an implementation of their own.
    "linear": ((X, W, B), X @ W.T + B),
    "activation_layer": ((X, W, B, lambda Z: apply(cubic, Z, 2.0, -1.0)), 2 * (X @ W.T + B) ** 3 - 1),
}
EQUATIONS = {"linear": linear, "activation_layer": activation_layer}
# Those that change an argument, draw at random, or give a support: below, or in test_outer.py.
APART = {"updated", "draw_mask", "largest_products", "column_maxima"}


def called(name: str):
    return EQUATIONS[name] if name in EQUATIONS else getattr(matrix, name)


def converted(arguments, convert):
    return [convert(argument) if isinstance(argument, np.ndarray) else argument for argument in arguments]


def numbers(result) -> np.ndarray:
    """A matrix or number of any carrier as float64."""
    return np.array(result, dtype=np.float64)


def test_every_primitive_is_tested():
    table = {name for name, value in vars(primitives).items() if isinstance(value, Primitive)}
    assert set(CASES) - set(EQUATIONS) | APART == table


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_on_numpy_arrays(name, dtype, order):
    arguments, expected = CASES[name]
    result = called(name)(*converted(arguments, lambda A: np.array(A, dtype, order=order)))
    assert_close(numbers(result), expected if np.ndim(result) else expected.item(), dtype)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_element_type_is_kept(name, dtype):
    arguments, _ = CASES[name]
    result = called(name)(*converted(arguments, lambda A: batch_layout(A.astype(dtype))))
    assert result.dtype == dtype


@pytest.mark.parametrize("name", CASES)
def test_on_sympy_matrices(name):
    arguments, expected = CASES[name]
    result = called(name)(*converted(arguments, sp.Matrix))
    assert isinstance(result, sp.MatrixBase) or np.ndim(expected) == 0 or np.size(expected) == 1
    assert_close(numbers(result), expected if isinstance(result, sp.MatrixBase) else expected.item())


@pytest.mark.parametrize("name", CASES)
def test_arguments_are_not_changed(name):
    arguments, _ = CASES[name]
    given = converted(arguments, lambda A: batch_layout(A.copy()))
    before = converted(given, np.copy)
    called(name)(*given)
    for argument, copy in zip(given, before, strict=True):
        if isinstance(argument, np.ndarray):
            np.testing.assert_array_equal(argument, copy)


@pytest.mark.parametrize("name", ["row_repeat", "column_repeat"])
def test_a_repeat_costs_no_memory(name):
    arguments, _ = CASES[name]
    assert np.shares_memory(getattr(matrix, name)(*arguments), arguments[0])


@pytest.mark.parametrize("x", [COLUMN, np.repeat(COLUMN, 2, 0)[::2], COLUMN[:0]], ids=["whole", "with gaps", "empty"])
def test_a_repeat_is_for_reading(x):
    for repeated in (matrix.column_repeat(x, 4), matrix.row_repeat(x.T, 4).T, matrix.column_repeat(x, 0)):
        np.testing.assert_array_equal(repeated, np.tile(x, (1, repeated.shape[1])))
        with pytest.raises(ValueError, match="read-only"):
            repeated[...] = 1
        with pytest.raises(ValueError, match="read-only"):
            repeated += 1


def test_symbols_stay_symbols():
    x, y, a = sp.symbols("x y a", real=True)
    row = sp.Matrix([[x, y]])
    assert matrix.dot(row, row) == x**2 + y**2
    assert apply(cubic, row, a, 0) == sp.Matrix([[a * x**3, a * y**3]])
    assert matrix.inv_sqrt(row, a)[0] == 1 / sp.sqrt(x + a)
    assert matrix.columns_max(row.T)[0] == sp.Max(x, y)


def test_product_on_leaves_structural_zeros_of_a_sympy_matrix():
    x, w = sp.symbols("x w")
    weight = sp.Matrix([[w, 0], [0, w]])
    A, other = sp.Matrix([[x, 1], [1, x]]), sp.Matrix([[1, 2], [3, 4]])
    assert matrix.product_on(weight, A, other) == sp.Matrix([[x + 3, 0], [0, 2 + 4 * x]])


# ------------------------------------------------------------------------------------------------- updates and masks


@scalar_function
def decay(theta, g, eta):
    """θ − η g"""
    return theta - eta * g


@scalar_function
def three_states(theta, g, a, b, c, eta, mu):
    """θ − η a′ + b′ c′ with a′ = μ a + g, b′ = b + 1, c′ = c θ"""
    a_new, b_new, c_new = mu * a + g, b + 1, c * theta
    return theta - eta * a_new + b_new * c_new, a_new, b_new, c_new


def expected_update(theta, g, states):
    """`three_states` with η = 0.5, μ = 0.25."""
    a, b, c = states
    a_new, b_new, c_new = 0.25 * a + g, b + 1, c * theta
    return theta - 0.5 * a_new + b_new * c_new, a_new, b_new, c_new


CARRIERS = {
    "array": lambda A: A,
    "sparse": SparseWeight.from_dense,
    "dense": DenseWeight,
}


def vector(M) -> np.ndarray:
    return M.reshape(-1) if isinstance(M, np.ndarray) else M.data


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 4), (70, 90)], ids=["small", "several blocks"])
def test_updated_is_the_function_of_each_number_in_place(carrier, dtype, shape, rng):
    array = rng.standard_normal(shape) * (rng.random(shape) < 0.8)
    matrix_ = carrier(array.astype(dtype))
    G = matrix_.copy() if isinstance(matrix_, np.ndarray) else matrix_.like(matrix_.data * 2)
    states = [rng.standard_normal(vector(matrix_).size).astype(dtype) for _ in range(3)]
    theta, g = vector(matrix_).copy(), vector(G).copy()
    plain, stepped = theta - dtype(0.5) * g, expected_update(theta, g, [state.copy() for state in states])
    result, none = matrix.updated(decay, matrix_, G, (), (0.5,))
    assert result is matrix_
    assert len(none) == 0
    assert_close(vector(matrix_), plain)
    vector(matrix_)[...] = theta
    result, new = matrix.updated(three_states, matrix_, G, states, (0.5, 0.25))
    assert result is matrix_
    assert all(one is other for one, other in zip(new, states, strict=True))
    for actual, expected in zip((vector(matrix_), *states), stepped, strict=True):
        assert actual.dtype == dtype
        assert_close(actual, expected)
    assert np.array_equal(vector(G), g)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_compiled_is_the_definition_on_arrays(dtype, rng):
    """Plain NumPy, which runs where there is no compiler."""
    W_, G, *states = (rng.standard_normal((3, 4)).astype(dtype) for _ in range(5))
    copies = W_.copy(), [state.copy().reshape(-1) for state in states]
    reference.updated(three_states, copies[0], G, copies[1], (0.5, 0.25))
    matrix.updated(three_states, W_, G, [state.reshape(-1) for state in states], (0.5, 0.25))
    assert_close(W_, copies[0])
    assert_close(np.array(states).reshape(3, -1), copies[1], dtype)
    for name in ("apply", "hadamard_apply", "columns_sum", "stack_rows"):
        arguments, expected = CASES[name]
        definition = getattr(reference, name, None) or getattr(matrix, name).definition
        assert_close(definition(*arguments), expected)
    masks = [
        draw(np.random.default_rng(3), np.zeros((40, 6), dtype), 0.3)
        for draw in (reference.draw_mask, matrix.draw_mask)
    ]
    assert np.array_equal(*masks)


def test_updated_on_symbols():
    """Not in place; a structural zero is no weight."""
    w, g, s, eta, mu = sp.symbols("w g s eta mu")
    W_ = sp.Matrix([[w, 0]])
    new, states = matrix.updated(three_states, W_, sp.Matrix([[g, g]]), [sp.Matrix([[s, 0]])] * 3, (eta, mu))
    assert sp.Matrix([[w, 0]]) == W_
    assert new == sp.Matrix([[w - eta * (mu * s + g) + (s + 1) * s * w, 0]])
    assert states == (sp.Matrix([[mu * s + g, 0]]), sp.Matrix([[s + 1, 0]]), sp.Matrix([[s * w, 0]]))


MASKED = {
    **CARRIERS,
    "sparse batch": lambda A: SparseBatch.from_csr(csr_array(A)),
}


@pytest.mark.parametrize("carrier", MASKED.values(), ids=MASKED)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rate", [0.25, 0.6])
def test_a_mask_is_0_or_what_makes_up_for_it(carrier, dtype, rate, rng):
    like = carrier(rng.standard_normal((60, 70)).astype(dtype))
    R = matrix.draw_mask(np.random.default_rng(1), like, rate)
    assert type(R) is type(like)
    assert R.shape == like.shape
    assert R.dtype == dtype
    values = R.values if isinstance(R, SparseBatch) else vector(R)
    kept = values[values != 0]
    assert_close(kept, np.full(kept.size, 1 / (1 - rate)))
    assert kept.size / values.size == pytest.approx(1 - rate, abs=0.04)
    product = matrix.hadamard(like, R)
    assert type(product) is type(like)
    again = matrix.draw_mask(np.random.default_rng(1), like, rate)
    assert np.array_equal(again.values if isinstance(R, SparseBatch) else vector(again), values)


def test_a_mask_of_symbols_is_drawn_where_there_are_elements():
    class Symbols:
        def __init__(self):
            self.drawn = []

        def symbol(self):
            self.drawn.append(sp.Symbol(f"r{len(self.drawn)}"))
            return self.drawn[-1]

    rng, w = Symbols(), sp.Symbol("w")
    R = matrix.draw_mask(rng, sp.Matrix([[w, 0], [1, w]]), 0.5)
    r = rng.drawn
    assert sp.Matrix([[r[0], 0], [r[1], r[2]]]) == R


# --------------------------------------------------------------------------------------------- a user's own function


def softplus_plain(x, sharpness):
    """Without any decorator, as a user writes it."""
    return log(1 + exp(sharpness * x)) / sharpness


@pytest.mark.parametrize("dtype", DTYPES)
def test_apply_takes_a_users_function_of_numbers(dtype, rng):
    Z = batch(rng, 5, 3, dtype)
    result = apply(softplus_plain, Z, 2)
    assert result.dtype == dtype
    assert_close(result, np.log(1 + np.exp(2 * Z)) / 2)


def test_the_same_function_runs_on_a_number_an_array_and_a_symbol():
    x = sp.Symbol("x", real=True)
    assert softplus_plain(0.5, 2.0) == pytest.approx(float(apply(softplus_plain, np.array([[0.5]]), 2.0)[0, 0]))
    assert sp.simplify(softplus_plain(x, 2) - sp.log(1 + sp.exp(2 * x)) / 2) == 0


@pytest.mark.parametrize(
    ("function", "expected"), [(exp, np.exp), (log, np.log), (sqrt, np.sqrt), (tanh, np.tanh)], ids=lambda f: f.__name__
)
def test_functions_of_numbers(function, expected):
    assert function(0.75) == pytest.approx(expected(0.75))
    assert_close(apply(function, np.array([[0.75]])), expected([[0.75]]))
    assert float(function(sp.Rational(3, 4))) == pytest.approx(expected(0.75))


@pytest.mark.parametrize("parameters", [(1, 2), (1.0, 2), (np.float32(1), np.float64(2))])
def test_parameters_may_be_any_numbers(parameters, rng):
    Z = batch(rng, 3, 2, np.float32)
    result = apply(cubic, Z, *parameters)
    assert result.dtype == np.float32
    assert_close(result, Z**3 + 2)


def nested(x, a):
    return where(x <= 0, where(x <= -1, -a, a * x), where(x >= 1, a, x))


def test_conditions_may_be_nested(rng):
    Z = batch(rng, 40, 3)
    expected = np.where(Z <= 0, np.where(Z <= -1, -2.5, 2.5 * Z), np.where(Z >= 1, 2.5, Z))
    assert_close(apply(nested, Z, 2.5), expected)
    x = sp.Symbol("x", real=True)
    assert [nested(x, 3).subs(x, value) for value in (-2, sp.Rational(-1, 2), sp.Rational(1, 2), 2)] == [
        -3,
        sp.Rational(-3, 2),
        sp.Rational(1, 2),
        3,
    ]


# ------------------------------------------------------------------------------------------------------------ layouts


@pytest.mark.parametrize("make", [np.ascontiguousarray, np.asfortranarray, lambda A: np.repeat(A, 2, 1)[:, ::2]])
@pytest.mark.parametrize("N", [1, 2, 33])
def test_results_of_elementwise_functions_do_not_depend_on_the_layout(make, N, rng):
    A, Z = rng.standard_normal((2, N, 7))
    expected = Z * (2 * A**3 - 1)
    assert_close(matrix.hadamard_apply(make(Z), cubic, make(A), 2, -1), expected)


def test_hadamard_apply_refuses_matrices_of_different_shapes():
    with pytest.raises(ShapeError, match=r"A \(3, 4\) and X \(5, 4\)"):
        matrix.hadamard_apply(np.ones((3, 4)), cubic, np.ones((5, 4)), 1, 1)


def test_hadamard_of_sparse_weights_is_on_their_support():
    V = SparseWeight.from_dense(np.array([[1.0, 0, 2], [0, 3, 0]]))
    assert_close(matrix.hadamard(V, V.like(V.data + 1)).toarray(), [[2.0, 0, 6], [0, 12, 0]])
