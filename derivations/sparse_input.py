r"""# Sparse inputs

A sample of text has a hundred words out of a hundred thousand. $X$ is then stored by its nonzeros, and the linear layer is still the same
function: $Y = X W^\top + \mathbf{1}_N b$ and $\mathrm{D}W = \mathrm{D}Y^\top X$ on the support of $W$. Nothing new is to be differentiated,
because $X$ is not trained; what is new are the loops. They leave out what is zero,

$$y_{nk} = b_k + \sum_{d \,:\, x_{nd} \neq 0} x_{nd} w_{kd}, \qquad
  (\mathrm{D}W)_{kd} = \sum_{n \,:\, x_{nd} \neq 0} (\mathrm{D}Y)_{nk} x_{nd},$$

so only the columns of $W$ whose feature occurs in the batch are looked at, and the gradient of the others is exactly zero.

Here the loops run on symbols, as in the chapter on kernels, and are compared with the equation of the *dense* $X$ that has zeros where nothing
is stored. A batch is made by gathering rows of a CSR matrix and sorting their nonzeros by feature, digit by digit; that every pass is a stable
sort by its digit is shown for all short sequences, and for longer ones the passes together are compared with a sort.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product as tuples
from typing import Any

import numpy as np
import sympy as sp
from scipy.sparse import csr_array

from derivations.book import KERNEL, NotProved, claim
from derivations.kernels import PATTERNS, garbage, loop, product, same, sparse, symbols, writes
from derivations.topology import SMALL, bits_of, confirm, csr, largest_arguments, problem
from nerva_py.engine import SparseBatch, sparse_columns
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.sparse import DenseWeight, SparseWeight
from nerva_py.sparse.kernels import dense_sparse_input as dense_weights
from nerva_py.sparse.kernels import largest, sparse_input

# Which x_nd are stored: by n, d and the number of columns.
STORED: dict[str, Callable[[int, int, int], bool]] = {
    "features that do not occur, one sample empty": lambda n, d, D: n != 1 and (n + d) % 3 == 0 and d % 4 != 1,
    "the first and the last feature only": lambda n, d, D: d in (0, D - 1),
    "all stored": lambda n, d, D: True,
    "nothing stored": lambda n, d, D: False,
}
CASES = [(X, W) for X in STORED for W in PATTERNS]


def batch(pattern: str, N: int, D: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Features, starts, samples and symbols for the values; and X with them as a dense array."""
    nonzeros = [(d, n) for d in range(D) for n in range(N) if STORED[pattern](n, d, D)]
    values = symbols("x", len(nonzeros))
    X = np.full((N, D), sp.Integer(0), object)
    for (d, n), x in zip(nonzeros, values, strict=True):
        X[n, d] = x
    features = sorted({d for d, _ in nonzeros})
    starts = [sum(d < feature for d, _ in nonzeros) for feature in features] + [len(nonzeros)]
    integers = (np.array(a, int) for a in (features, starts, [n for _, n in nonzeros]))
    return [*integers, values], X


# ------------------------------------------------------------------------------------------------------- making a batch


@claim("gather_rows: the nonzeros of the rows, one row after another, times the scale; {case}", KERNEL, "3 of 4 rows",
       cases=("scale", "no scale"))  # fmt: skip
def test_gather_rows(case: str) -> None:
    indptr, indices = np.array([0, 2, 2, 5, 6]), np.array([1, 4, 0, 2, 3, 4])
    data, rows = symbols("x", 6), np.array([2, 1, 2])
    scale = symbols("s", 5 if case == "scale" else 0)
    columns, samples, values = garbage(6), garbage(6), garbage(6)
    starts = np.array([0, 3, 3, 6])
    sparse_columns.gather_rows.py_func(indptr, indices, data, rows, scale, starts, columns, samples, values)
    confirm("columns", columns, [0, 2, 3, 0, 2, 3], case)
    confirm("samples", samples, [0, 0, 0, 2, 2, 2], case)
    same(values, np.array([data[p] * (scale[indices[p]] if scale.size else 1) for p in (2, 3, 4, 2, 3, 4)]))


@claim(
    "sort_by_digit: a stable sort by one digit of the column", KERNEL, "all four columns < 8, digits of 1 and 2 bits"
)
def test_sort_by_digit() -> None:
    for bits, shift in tuples((1, 2), (0, 1, 2)):
        for columns in tuples(range(8), repeat=4):
            given = np.array(columns), np.arange(4), symbols("x", 4)
            sorted_by = sorted(range(4), key=lambda q: columns[q] // 2**shift % 2**bits)
            outputs = garbage(4), garbage(4), garbage(4)
            counts = np.full(2**bits, -7)
            sparse_columns.sort_by_digit.py_func(shift, *given, counts, *outputs)
            for before, after in zip(given, outputs, strict=True):
                confirm("order", after, [before[q] for q in sorted_by], (columns, bits, shift))


@claim(
    "different_columns: the different ones of sorted columns, and where each begins",
    KERNEL,
    "all of up to five columns < 3",
)
def test_different_columns() -> None:
    for size in range(6):
        for columns in tuples(range(3), repeat=size):
            if list(columns) != sorted(columns):
                continue
            features, starts, count = np.full(size, -7), np.full(size + 1, -7), np.full(1, -7)
            sparse_columns.different_columns.py_func(np.array(columns, int), features, starts, count)
            different = sorted(set(columns))
            F = int(count[0])
            confirm("features", features[:F], different, columns)
            confirm("starts", starts[: F + 1], [*map(columns.index, different), size], columns)


@claim(
    "A batch is the rows of the CSR matrix: gathering and all passes together",
    KERNEL,
    "40 matrices of up to 2²³ columns",
)
def test_from_rows() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        M, D = int(rng.integers(1, 9)), int(rng.choice([1, 5, 2048, 2049, 2**22 + 3]))
        columns = [np.sort(rng.choice(D, min(D, int(rng.integers(0, 9))), replace=False)) for _ in range(M)]
        indptr = np.concatenate(([0], np.cumsum([c.size for c in columns])))
        data = rng.integers(1, 9, indptr[-1]).astype(float)
        A = csr_array((data, np.concatenate(columns), indptr), shape=(M, D))
        rows = rng.integers(0, M, 6)
        X = SparseBatch.from_rows(A, rows, np.float64)
        expected = sorted((int(d), n, float(A[[r], [d]][0])) for n, r in enumerate(rows) for d in columns[r])
        found = list(zip(X.columns().tolist(), X.samples.tolist(), X.values.tolist(), strict=True))
        confirm("nonzeros", found, expected, seed)
        confirm("features", X.features, sorted({d for d, *_ in expected}), seed)


# ------------------------------------------------------------------------------------------------------------- products


@claim(
    "first_from: the first place from which the indices are at least k",
    KERNEL,
    "all subsets of 0..5, all parts of them",
)
def test_first_from() -> None:
    for chosen in tuples((False, True), repeat=6):
        indices = np.flatnonzero(chosen)
        for start in range(indices.size + 1):
            for end, k in tuples(range(start, indices.size + 1), range(8)):
                expected = start + sum(int(i) < k for i in indices[start:end])
                confirm(
                    "place", [sparse_input.first_from(indices, start, end, k)], [expected], (indices, start, end, k)
                )


@claim("affine, sparse X and sparse W: Y = X Wᵀ + 1 b; X, W: {case}", KERNEL, cases=CASES)
def test_affine(case: tuple[str, str]) -> None:
    N, support, data, W = sparse(case[1])
    parts_of_X, X = batch(case[0], N, W.shape[1])
    b, Y = symbols("b", W.shape[0]), garbage(N, W.shape[0])
    for count in (1, 3):
        parts = support.parts(count)
        sparse_input.affine_sparse_input.py_func(parts, *support.transposed, data, *parts_of_X, b, Y)
        same(Y, product(X, W.T) + b)


@claim("weight_gradient, sparse X and sparse W: DW = DYᵀ X on the support; X, W: {case}", KERNEL, cases=CASES)
def test_weight_gradient(case: tuple[str, str]) -> None:
    N, support, _, W = sparse(case[1])
    parts_of_X, X = batch(case[0], N, W.shape[1])
    DY, gradient = symbols("y", N, W.shape[0]), garbage(support.nnz)
    rows = np.repeat(np.arange(W.shape[0]), np.diff(support.indptr))
    for count in (1, 3):
        parts = support.parts(count)
        sparse_input.weight_gradient_sparse_input.py_func(
            parts, support.indptr, *support.transposed, *parts_of_X, DY, gradient
        )
        same(gradient, product(DY.T, X)[rows, support.indices])


@claim("affine, sparse X and dense W: Y = X Wᵀ + 1 b; {case}", KERNEL, "3×5×4", cases=STORED)
def test_dense_affine(pattern: str) -> None:
    parts_of_X, X = batch(pattern, 3, 5)
    W, b, Y = symbols("w", 4, 5), symbols("b", 4), garbage(3, 4)
    dense_weights.dense_affine_sparse_input.py_func(*parts_of_X, W, b, Y)
    same(Y, product(X, W.T) + b)


@claim("weight_gradient, sparse X and dense W: DW = DYᵀ X; {case}", KERNEL, "3×5×4", cases=STORED)
def test_dense_weight_gradient(pattern: str) -> None:
    parts_of_X, X = batch(pattern, 3, 5)
    DY, DW = symbols("y", 3, 4), garbage(4, 5)
    dense_weights.dense_weight_gradient_sparse_input.py_func(*parts_of_X, DY, DW)
    same(DW, product(DY.T, X))


@claim("The linear layer that is trained on a sparse X agrees with the equation on SymPy's matrices: Y, DW, Db; W {case}", KERNEL,
       "5×9×6, float64", cases=("sparse", "dense"))  # fmt: skip
def test_the_executed_layer(form: str) -> None:
    """The same function on the two carriers, with small integers, whose products float64 holds exactly."""
    rng = np.random.default_rng(0)
    V = SparseWeight.random((6, 9), 0.4, rng, values=lambda S, rng: rng.integers(1, 9, S.nnz), dtype=np.float64)
    W: Any = V if form == "sparse" else DenseWeight(V.toarray())
    DY, b = (rng.integers(-8, 9, shape).astype(np.float64) for shape in ((5, 6), (1, 6)))
    array = rng.integers(1, 9, (5, 9)) * (rng.random((5, 9)) < 0.3)
    X = SparseBatch.from_csr(csr_array(array.astype(np.float64)))
    _, DW, Db = linear_backward(X, W, DY, False)
    numeric = linear(X, W, b), DW.on(W), Db
    exact_X, exact_W, exact_DY, exact_b = (sp.Matrix(A.astype(int).tolist()) for A in (array, V.toarray(), DY, b))
    if form == "dense":  # SymPy's matrix would take a zero for a position without a weight
        exact = (linear(exact_X, exact_W, exact_b), exact_DY.T * exact_X, sp.ones(1, 5) * exact_DY)
    else:
        _, DW, Db = linear_backward(exact_X, exact_W, exact_DY, False)
        exact = linear(exact_X, exact_W, exact_b), DW.on(exact_W), Db
    for name, A, B in zip(("Y", "DW", "Db"), numeric, exact, strict=True):
        if not np.array_equal(A if isinstance(A, np.ndarray) else A.toarray(), np.array(B.tolist(), dtype=float)):
            raise NotProved(f"{name}: {A} is not {B}")


# --------------------------------------------------------------------------------------------------- largest gradients


def largest_sparse_arguments(
    DY: Any, X: Any, stored: Any, rows: Any, count: int, block: int, parts: int, at_least: int
) -> Any:
    """As `gradient_growth` calls it: every column of X occurs, stored zeros included. The last seven hold garbage."""
    outputs = largest_arguments(DY, X, stored, rows, count, 1, parts, at_least)[-7:]
    N, D = X.shape
    nonzeros = [(d, n) for d in range(D) for n in range(N) if X[n, d] != 0 or n == 0]
    starts = np.array([*(sum(d < feature for d, _ in nonzeros) for feature in range(D)), len(nonzeros)])
    samples, values = np.array([n for _, n in nonzeros]), np.array([X[n, d] for d, n in nonzeros], X.dtype)
    return rows, *csr(stored, DY.shape[1]), DY, starts, samples, values, count, at_least, *outputs


@claim("largest_products of a sparse X: the largest |G| outside the support are among its candidates; {case}", KERNEL,
       "6×5 to 6×8, 60 cases", cases=("float32", "float64"))  # fmt: skip
def test_largest_products(dtype: str) -> None:
    with SMALL(), np.errstate(over="ignore"):  # of int64, in 2⁶³ − 1
        for seed in range(20):
            case = problem(seed, dtype)
            G = np.abs(case["DY"].T @ case["X"])
            for parts, least in ((1, None), (2, seed % 4 / 2), (3, None)):
                at_least = -1 if least is None else int(bits_of(least, dtype))
                arguments = largest_sparse_arguments(**case, parts=parts, at_least=at_least)
                largest.largest_products_sparse_input.py_func(*arguments)
                *_, keys, rows, columns, counts, _ = arguments
                found = {
                    (int(rows[i, p]), int(columns[i, p])): int(keys[i, p])
                    for p in range(parts)
                    for i in range(counts[p])
                }
                eligible = {
                    (k, d): int(bits_of(G[k, d], dtype))
                    for k in case["rows"].tolist()
                    for d in range(G.shape[1])
                    if (k, d) not in case["stored"] and (least is None or G[k, d] > least)
                }
                if len(found) != counts.sum() or not found.items() <= eligible.items():
                    raise NotProved(f"{seed}: {found} is not a part of {eligible}")
                first = [sorted(some, key=lambda x: (-some[x], x))[: case["count"]] for some in (found, eligible)]
                confirm("the largest", *first, (seed, parts, least))


# ----------------------------------------------------------------------------------------------------------- parallelism


def affine_arguments() -> tuple[Any, ...]:
    N, support, data, W = sparse(next(iter(PATTERNS)))
    parts_of_X, _ = batch("all stored", N, W.shape[1])
    K = W.shape[0]
    return support.parts(3), *support.transposed, data, *parts_of_X, symbols("b", K), garbage(N, K)


def weight_gradient_arguments() -> tuple[Any, ...]:
    N, support, _, W = sparse(next(iter(PATTERNS)))
    parts_of_X, _ = batch("features that do not occur, one sample empty", N, W.shape[1])
    DY = symbols("y", N, W.shape[0])
    return support.parts(3), support.indptr, *support.transposed, *parts_of_X, DY, garbage(support.nnz)


def dense_arguments(output: Any) -> tuple[Any, ...]:
    return (*batch("all stored", 3, 5)[0], *output)


def gather_arguments() -> tuple[Any, ...]:
    numbers = np.array([0, 2, 2, 5]), np.array([1, 4, 0, 2, 3]), symbols("x", 5), np.array([2, 1, 0]), symbols("s", 5)
    return *numbers, np.array([0, 3, 3, 5]), garbage(5), garbage(5), garbage(5)


# A kernel, its arguments, how many of the last of them it writes to, and how many of these are not workspace.
LOOPS: dict[str, tuple[Any, Callable[[], tuple[Any, ...]], int, slice]] = {
    "gather_rows": (sparse_columns.gather_rows, gather_arguments, 3, slice(None)),
    "affine_sparse_input": (sparse_input.affine_sparse_input, affine_arguments, 1, slice(None)),
    "weight_gradient_sparse_input": (
        sparse_input.weight_gradient_sparse_input,
        weight_gradient_arguments,
        1,
        slice(None),
    ),
    "dense_affine_sparse_input": (
        dense_weights.dense_affine_sparse_input,
        lambda: dense_arguments((symbols("w", 4, 5), symbols("b", 4), garbage(3, 4))),
        1,
        slice(None),
    ),
    "dense_weight_gradient_sparse_input": (
        dense_weights.dense_weight_gradient_sparse_input,
        lambda: dense_arguments((symbols("y", 3, 4), garbage(4, 5))),
        1,
        slice(None),
    ),
    "largest_products_sparse_input": (
        largest.largest_products_sparse_input,
        lambda: largest_sparse_arguments(**problem(2), parts=3, at_least=-1),
        7,
        slice(5, 6),
    ),
}


@claim("No two iterations of a parallel loop write one element: {case}", KERNEL, "3 rows or parts", cases=LOOPS)
def test_parallel_writes(name: str) -> None:
    """What is no workspace is written completely."""
    kernel, arguments, outputs, complete = LOOPS[name]
    with SMALL():
        found = writes(lambda prange: loop(kernel, prange=prange), arguments, outputs)
    for writers in found:
        if (writers > 1).any():
            raise NotProved(f"{name}: elements are written by so many iterations: {writers.tolist()}")
    for writers in found[complete]:
        if (writers != 1).any():
            raise NotProved(f"{name}: elements are not written: {writers.tolist()}")
