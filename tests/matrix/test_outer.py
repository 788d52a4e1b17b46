"""`Outer`: a product that waits for its support. Each answer against the dense product in NumPy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from nerva_py.engine import SparseBatch
from nerva_py.equations import updates
from nerva_py.errors import DivergedError, NervaError
from nerva_py.matrix import Outer
from nerva_py.matrix.outer import tree_sum
from nerva_py.sparse import Support
from nerva_py.sparse.growth import free_count
from tests import naive
from tests.samples import DTYPES, assert_close, batch, dense, sparse
from tests.sparse.supports import assert_valid, positions, supports

pytestmark = pytest.mark.usefixtures("one_thread")

N, K, D = 6, 5, 8
WEIGHTS = {
    "sparse": lambda rng, dtype: sparse(rng, K, D, 0.5, dtype),
    "dense": lambda rng, dtype: dense(rng, K, D, dtype),
    "array": lambda rng, dtype: rng.standard_normal((K, D)).astype(dtype),
}
every_weight = pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)


def array(M) -> np.ndarray:
    return M if isinstance(M, np.ndarray) else M.toarray()


def stored(W) -> np.ndarray:
    """1 where W has a trained element."""
    return np.ones(W.shape) if isinstance(W, np.ndarray) else W.support.mask()


def mask_like(W, rng):
    """Elements 0 or 2, as dropout with rate 1/2 draws them."""
    if isinstance(W, np.ndarray):
        return rng.choice([0.0, 2.0], W.shape).astype(W.dtype)
    return W.like(rng.choice([0.0, 2.0], W.data.shape).astype(W.dtype))


def terms(rng, count: int, dtype, masks=(None,)) -> list[Outer]:
    """Of 1, 2, 3, ... samples."""
    return [Outer(batch(rng, n, K, dtype), batch(rng, n, D, dtype), masks[n % len(masks)]) for n in range(1, count + 1)]


# ------------------------------------------------------------------------------------------------- values on a support


@every_weight
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("masked", [False, True])
def test_on_a_support_it_is_the_sum_of_the_products(weight, dtype, count, masked, rng):
    """Σ (DZᵀ X) ⊙ R, like W; each term has a mask of its own, and some have none."""
    W = weight(rng, dtype)
    outers = terms(rng, count, dtype, (mask_like(W, rng), None, mask_like(W, rng)) if masked else (None,))
    total = sum(outers[1:], outers[0])
    expected = np.zeros((K, D))
    for ((DZ, X, R),) in (outer.terms for outer in outers):
        expected += naive.product_on(stored(W), DZ, X) * (1 if R is None else array(R))
    assert total.shape == (K, D)
    values = total.on(W)
    assert type(values) is type(W)
    assert_close(array(values), expected, dtype)


@every_weight
@pytest.mark.parametrize("masked", [False, True])
def test_on_a_support_the_terms_are_added_as_a_tree(weight, masked, rng):
    """Bit for bit: neighbours, then neighbours among the sums; from left to right other bits would come out."""
    W = weight(rng, np.float32)
    outers = terms(rng, 7, np.float32, (mask_like(W, rng), None) if masked else (None,))
    a, b, c, d, e, f, g = (array(outer.on(W)) for outer in outers)
    in_pairs = ((a + b) + (c + d)) + ((e + f) + g)
    assert np.array_equal(array(sum(outers[1:], outers[0]).on(W)), in_pairs)
    assert not np.array_equal(in_pairs, a + b + c + d + e + f + g)


def test_a_tree_of_halves_is_the_tree_of_all(rng):
    """So processes that hold 2ʲ neighbouring terms each can add up their own ones first."""
    numbers = list(rng.standard_normal((8, 1000)).astype(np.float32))
    expected = tree_sum(numbers)
    for each in (1, 2, 4):
        parts = [tree_sum(numbers[first : first + each]) for first in range(0, 8, each)]
        assert np.array_equal(tree_sum(parts), expected)
    assert not np.array_equal(sum(numbers), expected)


def test_a_sum_leaves_its_terms_alone(rng):
    one, other = terms(rng, 2, np.float64)
    total = one + other
    assert (len(one.terms), len(other.terms), len(total.terms)) == (1, 1, 2)


@every_weight
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("f", "states", "constants"),
    [
        (updates.gradient_descent, 0, (0.1, 0.01)),
        (updates.nesterov, 1, (0.1, 0.01, 0.9)),
        (updates.adam, 2, (0.1, 0.01, 0.9, 0.999, 1e-8, 0.1, 0.001)),
        (updates.smet, 3, (0.1, 0.01, 0.9, 0.999, 1e-8, float(np.log(0.9)), float(np.log(0.999)), 10.0)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_update_is_that_with_the_values(weight, dtype, count, f, states, constants, rng):
    """Bit for bit, whether or not the values are stored on the way; in place."""
    W = weight(rng, dtype)
    outers = terms(rng, count, dtype)
    total = sum(outers[1:], outers[0])
    vectors = [rng.uniform(0.5, 1, array(W).size if isinstance(W, np.ndarray) else W.data.size).astype(dtype)
               for _ in range(states)]  # fmt: skip
    theta = (W if isinstance(W, np.ndarray) else W.data).reshape(-1)
    g = total.on(W)
    expected = [theta.copy(), *(vector.copy() for vector in vectors)]
    from nerva_py.engine.elementwise import update_kernel

    flat = (g if isinstance(g, np.ndarray) else g.data).reshape(-1)
    update_kernel(f, states, len(constants))(expected[0], flat, tuple(expected[1:]), constants)
    result, new = total.update(f, W, vectors, constants)
    assert result is W
    for actual, one in zip((theta, *vectors), expected, strict=True):
        assert np.array_equal(actual, one)
    assert all(one is vector for one, vector in zip(new, vectors, strict=True))


def test_on_symbols():
    """The same class; a structural zero of W is outside its support, and a mask thins what is on it."""
    DZ, X = sp.Matrix(2, 2, sp.symbols("d:4")), sp.Matrix(2, 3, sp.symbols("x:6"))
    w, r = sp.symbols("w:3"), sp.symbols("r:3")
    W, R = sp.Matrix([[w[0], 0, w[1]], [0, w[2], 0]]), sp.Matrix([[r[0], 0, r[1]], [0, r[2], 0]])
    G = DZ.T * X
    on_W = sp.Matrix([[G[0, 0], 0, G[0, 2]], [0, G[1, 1], 0]])
    total = Outer(DZ, X) + Outer(DZ, X, R)
    assert total.shape == (2, 3)
    assert sp.expand(total.on(W) - on_W - on_W.multiply_elementwise(R)) == sp.zeros(2, 3)
    assert Outer(DZ, X).stacked() == (DZ, X)
    assert total.stacked() == (DZ.col_join(DZ), X.col_join(X))
    eta = sp.Symbol("eta")
    updated, states = Outer(DZ, X).update(updates.gradient_descent, W, (), (eta, 0))
    assert sp.expand(updated - (W - eta * on_W)) == sp.zeros(2, 3)
    assert states == ()


# --------------------------------------------------------------------------------------------------- everywhere else


def whole_numbers(rng, N: int, size: int, dtype, largest: int = 3) -> np.ndarray:
    """Products are exact, and ties are frequent."""
    return np.asfortranarray(rng.integers(-largest, largest + 1, (N, size)).astype(dtype))


KINDS = ("numbers", "sparse")


def samples(kind: str, rng, N: int, D: int, dtype):
    """X as a batch of that kind."""
    X = whole_numbers(rng, N, D, dtype)
    return X if kind == "numbers" else SparseBatch.from_csr(csr_array(X * (rng.random((N, D)) < 0.3)), dtype)


def numbers(X) -> np.ndarray:
    return X if isinstance(X, np.ndarray) else X.toarray()


@st.composite
def questions(draw, kinds=KINDS):
    """A support, one to three terms of one kind of batch, and a generator; K and D up to 20."""
    S = draw(supports(st.tuples(st.integers(1, 20), st.integers(1, 20))))
    rng, dtype = np.random.default_rng(draw(st.integers(0, 10**6))), draw(st.sampled_from(DTYPES))
    kind, sizes = draw(st.sampled_from(kinds)), draw(st.lists(st.integers(1, 12), min_size=1, max_size=3))
    outers = [Outer(whole_numbers(rng, n, S.shape[0], dtype), samples(kind, rng, n, S.shape[1], dtype)) for n in sizes]
    return S, sum(outers[1:], outers[0]), rng


def gradient(outer: Outer) -> np.ndarray:
    """Σ DZᵀ X, dense."""
    return sum(DZ.astype(float).T @ numbers(X) for DZ, X, _ in outer.terms)


def largest(G: np.ndarray, taken: set, count: int, rows: np.ndarray, columns: np.ndarray) -> list[tuple[int, int]]:
    """The obvious way: sort the free positions in the marked rows and columns by (−|g|, row, column)."""
    free = [(k, d) for k, d in naive.free(G.shape, taken) if rows[k] and columns[d]]
    return sorted(sorted(free, key=lambda position: (-abs(G[position]), position))[:count])


@given(questions(), st.sampled_from([0, 0.1, 0.5, 1]))
def test_the_largest_outside_a_support(question, part):
    """Ties go to the first row by row; several terms are one gradient."""
    S, outer, _ = question
    count = round(part * free_count(S))
    found = outer.largest(count, S)
    assert_valid(found)
    everywhere = np.ones(S.shape[0], bool), np.ones(S.shape[1], bool)
    assert positions(found) == largest(gradient(outer), set(positions(S)), count, *everywhere)


@given(questions(), st.sampled_from([0.2, 0.5, 1]), st.sampled_from([0, 0.1, 0.5, 1]), st.sampled_from("rcb"))
def test_the_largest_within_marked_rows_and_columns(question, share, part, given_):
    """Rows alone, columns alone, or both; none may be marked."""
    S, outer, rng = question
    rows, columns = (rng.random(size) < share for size in S.shape)
    asked = {"r": (rows, None), "c": (None, columns), "b": (rows, columns)}[given_]
    rows, columns = (np.ones(size, bool) if one is None else one for one, size in zip(asked, S.shape, strict=True))
    free = sum(rows[k] and columns[d] for k, d in naive.free(S.shape, set(positions(S))))
    count = round(part * free)
    found = outer.largest(count, S, *asked)
    assert_valid(found)
    assert positions(found) == largest(gradient(outer), set(positions(S)), count, rows, columns)


@pytest.mark.parametrize("asked", [{}, {"rows": np.arange(K) < 2}, {"columns": np.arange(D) < 2}], ids=str)
def test_more_than_are_free(asked, rng):
    (outer,) = terms(rng, 1, np.float64)
    free = K * D if not asked else 2 * (D if "rows" in asked else K)
    with pytest.raises(NervaError, match=f"from 0 to the number of free positions, {free}"):
        outer.largest(free + 1, Support.empty((K, D)), **asked)


def test_the_largest_are_found_without_masks(rng):
    """Growth looks at positions that have no weight, and so no mask."""
    W = sparse(rng, K, D, 0.3)
    DZ, X = batch(rng, N, K), batch(rng, N, D)
    nothing = W.like(np.zeros(W.nnz))
    plain, masked = Outer(DZ, X), Outer(DZ, X, nothing)
    assert not masked.on(W).data.any()
    assert masked.largest(7, W.support) == plain.largest(7, W.support)
    assert np.array_equal(masked.column_maxima(), plain.column_maxima())


@given(questions())
def test_the_largest_of_each_column(question):
    _, outer, _ = question
    maxima = outer.column_maxima()
    assert maxima.shape == outer.shape[1:]
    assert maxima.dtype == outer.terms[0].DZ.dtype
    assert np.array_equal(maxima, np.abs(gradient(outer)).max(axis=0))


def test_the_largest_of_each_column_a_few_rows_at_a_time(rng, monkeypatch):
    from nerva_py.sparse import gradient_growth

    (outer,) = terms(rng, 1, np.float64)
    expected = np.abs(gradient(outer)).max(axis=0)
    for rows in (1, 2, K):
        monkeypatch.setattr(gradient_growth, "BLOCK_ELEMENTS", rows * D)
        assert_close(outer.column_maxima(), expected)


def test_a_gradient_that_is_not_finite_is_noticed(rng):
    (outer,) = terms(rng, 1, np.float64)
    outer.terms[0].DZ[0, 2] = np.nan
    assert np.isnan(outer.column_maxima()).all()
    for asked in ({}, {"rows": np.arange(K) == 2}):
        with pytest.raises(DivergedError, match="not finite"):
            outer.largest(3, Support.empty((K, D)), **asked)


# ----------------------------------------------------------------------------------------------------------- stacked


@given(questions())
def test_stacked_it_is_one_product(question):
    """The rows of all terms, in their order; masks apart."""
    _, outer, _ = question
    DZ, X = outer.stacked()
    assert np.array_equal(DZ, np.concatenate([term.DZ for term in outer.terms]))
    assert np.array_equal(numbers(X), np.concatenate([numbers(term.X) for term in outer.terms]))
    assert DZ.strides[0] == DZ.itemsize or DZ.shape[0] == 1, "batch-contiguous"
    assert np.array_equal(DZ.astype(float).T @ numbers(X), gradient(outer))


def test_one_term_is_not_copied(rng):
    for kind in KINDS:
        DZ, X = batch(rng, N, K), samples(kind, rng, N, D, np.float64)
        assert Outer(DZ, X).stacked() == (DZ, X) if kind != "numbers" else Outer(DZ, X).stacked()[1] is X


def test_neighbours_are_added_first():
    """The tree in words: ((t₀ + t₁) + (t₂ + t₃)) + t₄"""
    assert tree_sum([f"{n}" for n in range(5)]) == "01234"

    class Sum:
        def __init__(self, text):
            self.text = text

        def __add__(self, other):
            return Sum(f"({self.text}{other.text})")

    trees = [tree_sum([Sum(str(n)) for n in range(count)]).text for count in range(1, 6)]
    assert trees == ["0", "(01)", "((01)2)", "((01)(23))", "(((01)(23))4)"]
    assert all(one != other for one, other in pairwise(trees))
