"""`check_function`: right functions pass, wrong ones are told what is wrong, in the order in which it is found."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from nerva_py import SparseWeight
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.errors import NervaError
from nerva_py.matrix import Outer, hadamard, product_on
from nerva_py.verify import check_backward, check_function
from nerva_py.verify.check_function import SIZES

LINEAR = {"X": ("N", "D"), "W": ("K", "D"), "b": (1, "K")}
BACKWARD = {"X": ("N", "D"), "W": ("K", "D"), "DY": ("N", "K")}


def test_a_right_function():
    def mine(X, W, b):
        return np.array([[sum(x * w for x, w in zip(row, unit, strict=True)) for unit in W] for row in X]) + b

    check = check_function(mine, linear, LINEAR)
    assert check
    assert check.answered
    assert str(check) == "✓ mine is right for N, D, K in (2, 3, 4), (1, 3, 2), (3, 1, 2), (3, 2, 1), (5, 4, 3)"
    assert repr(check) == str(check)


def test_not_answered():
    def mine(X, W, b):
        return None  # your answer

    check = check_function(mine, linear, LINEAR, hint="think")
    assert not check
    assert not check.answered
    assert str(check) == "not answered yet: `mine` returns None"


def wrong_linear(X, W, b):
    return X @ W + b


def transposed(X, W, b):
    return linear(X, W, b).T


def no_bias(X, W, b):
    return X @ W.T


def negative(X, W, b):
    return -linear(X, W, b)


def doubled(X, W, b):
    return 2 * linear(X, W, b)


def first_row(X, W, b):
    Y = linear(X, W, b).copy()
    Y[1:] += b
    return Y


def flat(X, W, b):
    return linear(X, W, b).ravel()


def too_many(X, W):
    return X


def words(X, W, b):
    return "X @ W.T"


def ragged(X, W, b):
    return [[1.0], [1.0, 2.0]]


def two(X, W, b):
    return linear(X, W, b), W


def in_place(X, W, b):
    X *= 2
    return linear(X / 2, W, b)


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (wrong_linear, ["raises ValueError", "at N=2, D=3, K=4", "with X = [[", "W = [["]),
        (transposed, ["has shape (4, 2), but (2, 4) is expected at N=2, D=3, K=4 (it is the transpose)"]),
        (no_bias, ["has entry (0, 0) = ", ", expected ", "at N=2, D=3, K=4"]),
        (negative, ["the sign of all entries is wrong"]),
        (doubled, ["it is 2 times the right one, and N is that number"]),
        (first_row, ["has entry (1, 0) = ", "4 of 8 entries are wrong"]),
        (flat, ["has shape (8,), but (2, 4) is expected", "reshape"]),
        (too_many, ["raises TypeError", "2 positional arguments but 3 were given"]),
        (words, ["returns str 'X @ W.T', but an array of shape (2, 4) is expected"]),
        (ragged, ["returns list [[1.0], [1.0, 2.0]]"]),
        (two, ["returns tuple ("]),
        (in_place, ["returns what it should, but modifies its argument X"]),
    ],
)
def test_a_wrong_function(function, told):
    check = check_function(function, linear, LINEAR, hint="rows are samples")
    assert not check
    assert check.answered
    for part in (f"✗ {function.__name__} ", *told):
        assert part in str(check)
    assert str(check).endswith("\n    hint: rows are samples")


def test_several_values():
    assert check_function(linear_backward, linear_backward, BACKWARD)
    third = check_function(lambda X, W, DY: (DY @ W, DY.T @ X, DY.sum(axis=0)), linear_backward, BACKWARD)
    assert "a wrong value 3 of 3: has shape (4,), but (1, 4) is expected" in str(third)
    one = check_function(lambda X, W, DY: (DY @ W,), linear_backward, BACKWARD)
    assert "must return 3 values, not 1 at N=2" in str(one)
    assert "must return 3 values, not an array of shape (2, 3)" in str(
        check_function(lambda X, W, DY: DY @ W, linear_backward, BACKWARD)
    )
    none = check_function(lambda X, W, DY: (DY @ W, None, None), linear_backward, BACKWARD)
    assert none.answered
    assert "a wrong value 2 of 3: returns None, but an array of shape (4, 3) is expected" in str(none)


def outer_backward(X, W, DY):
    return DY @ W, Outer(DY, X), DY.sum(axis=0, keepdims=True)


def array_backward(X, W, DY):
    return DY @ W, DY.T @ X, DY.sum(axis=0, keepdims=True)


def test_a_product_that_waits():
    """The answer and what it is compared with may be an `Outer` or its values."""
    for mine in (outer_backward, array_backward):
        for reference in (linear_backward, array_backward):
            assert check_function(mine, reference, BACKWARD), mine
    assert check_function(lambda DY, X: Outer(DY, X), lambda DY, X: DY.T @ X, {"DY": ("N", "K"), "X": ("N", "D")})
    assert check_function(lambda X, W, DY: [*outer_backward(X, W, DY)], linear_backward, BACKWARD)


@pytest.mark.parametrize(
    ("outer", "told"),
    [
        (lambda X, DY: Outer(X, DY), "2 of 3: has shape (3, 4), but (4, 3) is expected at N=2, D=3, K=4 (it is the transpose)"),
        (lambda X, DY: Outer(-DY, X), "(the sign of all entries is wrong)"),
        (lambda X, DY: Outer(DY, X) + Outer(DY, X), "(it is 2 times the right one, and N is that number)"),
        (lambda X, DY: Outer(DY, X.T), "raises ValueError"),
        (lambda X, DY: None, "2 of 3: returns None, but an array of shape (4, 3) is expected"),
    ],
)  # fmt: skip
def test_a_wrong_product_that_waits(outer, told):
    check = check_function(
        lambda X, W, DY: (DY @ W, outer(X, DY), DY.sum(axis=0, keepdims=True)), linear_backward, BACKWARD
    )
    assert told in str(check)


def test_a_product_that_waits_for_a_sparse_matrix():
    """Then the values on its support are wanted, also where another argument has the same shape."""
    inputs = {
        "X": (4, 5),
        "W": lambda rng: SparseWeight.random((4, 5), density=0.4, rng=rng, dtype=np.float64),
        "DY": (4, 4),
    }

    def on_the_support(X, W, DY):
        return DY @ W, product_on(W, DY.T, X).csr, DY.sum(axis=0, keepdims=True)

    assert check_function(on_the_support, linear_backward, inputs)
    assert check_function(outer_backward, linear_backward, inputs)
    assert "12 of 20 entries are wrong" in str(check_function(array_backward, linear_backward, inputs))


def test_wrong_at_some_sizes_only():
    """The first size at which something is wrong is named."""
    check = check_function(lambda X: X.squeeze(), lambda X: X, {"X": ("N", "D")})
    assert "has shape (3,), but (1, 3) is expected at N=1, D=3" in str(check)
    assert check.arguments["X"].shape == (1, 3)


def test_numbers():
    def half(x):
        return x / 2

    assert str(check_function(half, half, {"x": ()})) == "✓ half is right"
    assert "returns " in str(check_function(lambda x: x, half, {"x": ()}))
    assert "has shape (1,), but () is expected" in str(check_function(lambda x: np.array([x / 2]), half, {"x": ()}))
    count = check_function(lambda X: X.shape[0], len, {"X": ("N", 2)})
    assert str(count).endswith("is right for N in 2, 1, 3, 5")


def test_values_and_callables():
    labels = {"t": lambda rng: rng.integers(0, 4, 6), "K": 4}

    def one_hot(t, K):
        return np.eye(K)[t]

    assert check_function(one_hot, one_hot, labels)
    assert not check_function(lambda t, K: np.eye(K)[::-1][t], one_hot, labels)
    fixed = np.arange(4.0)

    def sorted_in_place(x):
        x.sort()
        return x

    assert "modifies its argument x" in str(check_function(sorted_in_place, np.sort, {"x": fixed[::-1]}))
    assert (fixed == np.arange(4.0)).all()  # what the caller gave is never given to the function


def test_other_results():
    assert check_function(lambda x: "a", lambda x: "a", {"x": ()})
    assert "returns 'b', expected 'a'" in str(check_function(lambda x: "b", lambda x: "a", {"x": ()}))
    assert check_function(lambda x: True, lambda x: True, {"x": ()})
    assert "returns 0, expected 1" in str(check_function(lambda x: False, lambda x: True, {"x": ()}))


def test_sparse_matrices():
    W = lambda rng: SparseWeight.random((4, 5), density=0.4, rng=rng)  # noqa: E731
    assert check_function(lambda W: W.csr, lambda W: W, {"W": W})
    assert not check_function(lambda W: 2 * W.csr, lambda W: W, {"W": W})
    A = scipy.sparse.csr_array(np.eye(3))

    def doubled_in_place(A):
        A.data *= 2
        return A.toarray() / 2

    assert "modifies its argument A" in str(check_function(doubled_in_place, lambda A: A, {"A": A}))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(value):
    same = lambda X: np.full_like(X, value)  # noqa: E731
    assert check_function(same, same, {"X": (2, 2)})
    assert "expected" in str(check_function(same, lambda X: X, {"X": (2, 2)}))
    assert "expected" in str(check_function(lambda X: X, same, {"X": (2, 2)}))


def test_tolerance():
    assert check_function(lambda X: X * (1 + 1e-9), lambda X: X, {"X": ("N", "D")})
    check = check_function(lambda X: X * (1 + 1e-5), lambda X: X, {"X": ("N", "D")})
    assert "1.00001 times" in str(check)
    a, b = str(check).split("= ")[1].split(" at ")[0].split(", expected ")
    assert a != b  # enough digits to see a difference
    assert check_function(lambda X: X * (1 + 1e-5), lambda X: X, {"X": ("N", "D")}, rtol=1e-3)


def test_long_arguments_are_kept_not_shown():
    check = check_function(lambda X: -X, lambda X: X, {"X": (40, 40)})
    assert "in the `arguments` of this check" in str(check)
    assert check.arguments["X"].shape == (40, 40)


def test_the_seed():
    one, same, other = (check_function(lambda X: -X, lambda X: X, {"X": (2, 2)}, seed=seed) for seed in (1, 1, 2))
    assert str(one) == str(same) != str(other)


def test_the_sizes_tell_axes_apart():
    assert all(len(set(sizes)) == len(sizes) for sizes in SIZES)
    assert all(any(sizes[axis] == 1 for sizes in SIZES) for axis in range(3))


@pytest.mark.parametrize("shape", [("N", -1), ("N", 1.5), ("not a name",)])
def test_a_shape_that_is_none(shape):
    with pytest.raises(NervaError, match="the shape of X"):
        check_function(lambda X: X, lambda X: X, {"X": shape})


def test_too_many_sizes():
    with pytest.raises(NervaError, match="at most 6"):
        check_function(lambda X: X, lambda X: X, {"X": tuple("ABCDEFG")})


# ------------------------------------------------------------------------------------------------------------ backward

PARTS = {"A": ("N", "D"), "B": ("N", "D")}


def right_backward(A, B, DY):
    return hadamard(DY, B), hadamard(DY, A)


def swapped_backward(A, B, DY):
    return hadamard(DY, A), hadamard(DY, B)


def product_backward(A, B, DY):
    return DY * B, DY * A


def no_backward(A, B, DY):
    return None


def half_backward(A, B, DY):
    return hadamard(DY, B), None


def no_forward(A, B):
    return None


def test_check_backward():
    check = check_backward(hadamard_of, right_backward, PARTS)
    assert check
    assert check.name == "right_backward"
    assert "✓ DA is right: proved for all sizes" in str(check)


def hadamard_of(A, B):
    return hadamard(A, B)


@pytest.mark.parametrize(
    ("backward", "told"),
    [
        (swapped_backward, "it is DB"),
        (product_backward, "✗ product_backward: backward fails"),
        (half_backward, "backward returns None in its place"),
    ],
)
def test_a_wrong_backward(backward, told):
    check = check_backward(hadamard_of, backward, PARTS, hint="the product rule")
    assert not check
    assert check.answered
    assert told in str(check)
    assert str(check).endswith("\n    hint: the product rule")


@pytest.mark.parametrize(("forward", "backward"), [(hadamard_of, no_backward), (no_forward, right_backward)])
def test_an_unanswered_backward(forward, backward):
    check = check_backward(forward, backward, PARTS, hint="think")
    assert not check
    assert not check.answered
    name = "no_forward" if forward is no_forward else "no_backward"
    assert str(check) == f"not answered yet: `{name}` returns None"
