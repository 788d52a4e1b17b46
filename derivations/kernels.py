r"""# The kernels

What runs in the end is a loop compiled by Numba. The loop is a Python function too, `kernel.py_func`, and it does not ask what its
numbers are: here it runs on arrays of SymPy symbols, and what it leaves in its output is compared with the equation. So the very loop that
is compiled is executed symbolically: with its unrolled part and its remainder, with empty rows and columns, for batch sizes that are a
multiple of nothing.

The compiler may reorder a sum (`fastmath` allows it, NaN and infinity excepted), which changes rounding, not the equation.

The next chapters are about the kernels that make batches, about those that change a topology, and about those of
a sparse X.
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np
import sympy as sp
from scipy.sparse import csr_array

import nerva_py
from derivations.book import KERNEL, NotProved, claim
from nerva_py.engine import blas, elementwise, layout, rows
from nerva_py.engine.compiling import Kernel
from nerva_py.equations import activations, updates
from nerva_py.errors import MissingBackendError
from nerva_py.sparse import Support, dense_weight
from nerva_py.sparse.kernels import compiled

# Numbers of nonzeros of a row: none, fewer than the four that are taken at a time, as many, more; one fewer than a multiple
# of four, in the midst and at the end.
COUNTS = (0, 3, 15, 8, 11, 17, 7)

# N, the number of nonzeros of each row, how many columns, and whether rows and columns then change places.
PATTERNS = {
    f"rows of {', '.join(map(str, COUNTS))} nonzeros": (3, COUNTS, 19, False),
    f"columns of {', '.join(map(str, COUNTS))} nonzeros": (2, COUNTS, 19, True),
    "no nonzero at all": (2, (0, 0, 0), 4, False),
    "one sample": (1, (2, 0, 9), 12, False),
}

CUTS = ((1, 1), (2, 1), (2, 3))  # into parts of rows, and into blocks of columns


def symbols(name: str, *shape: int) -> np.ndarray:
    """An array of free symbols."""
    array = np.empty(shape, object)
    for index in np.ndindex(shape):
        array[index] = sp.Symbol(f"{name}_{'_'.join(map(str, index))}", real=True)
    return array


def garbage(*shape: int) -> np.ndarray:
    """An output array before a kernel has written to it."""
    return symbols("garbage", *shape)


def sparse(pattern: str) -> tuple[int, Support, np.ndarray, np.ndarray]:
    """N, the support, symbols for its values, and W with them as a dense array."""
    N, counts, D, transposed = PATTERNS[pattern]
    columns = [np.sort(np.random.default_rng(k).permutation(D - 1)[:n] + (n < D - 1)) % D for k, n in enumerate(counts)]
    indices = np.concatenate([np.sort(c) for c in columns]).astype(np.int32)
    matrix = csr_array((np.ones(indices.size), indices, np.concatenate(([0], np.cumsum(counts)))), (len(counts), D))
    support = Support.from_csr(csr_array(matrix.T) if transposed else matrix)
    data = symbols("w", support.nnz)
    W = np.full(support.shape, sp.Integer(0), object)
    W[np.repeat(np.arange(len(W)), np.diff(support.indptr)), support.indices] = data
    return N, support, data, W


def same(computed: np.ndarray, expected: np.ndarray) -> None:
    """Every element is the same polynomial (or expression) as expected."""
    for index in np.ndindex(expected.shape):
        left, right = sp.sympify(computed[index]), sp.sympify(expected[index])
        if left != right and sp.expand(left - right) != 0:
            raise NotProved(f"element {index}: should be {expected[index]}, is {computed[index]}")


def loop(kernel: Kernel, **names: Any) -> Callable[..., None]:
    """The kernel's Python function with other values of what it finds at the level of its file: a small block size."""
    f = kernel.py_func
    return FunctionType(f.__code__, {**f.__globals__, **names}, f.__name__, f.__defaults__, f.__closure__)


def product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """A B, by its definition."""
    result = np.full((A.shape[0], B.shape[1]), sp.Integer(0), object)
    for i, j in np.ndindex(result.shape):
        result[i, j] = sp.Add(*(A[i, k] * B[k, j] for k in range(A.shape[1])))
    return result


def tilings(N: int) -> list[list[tuple[int, int]]]:
    """Ways to cut a batch into tiles (first sample, number of vectors); a "vector" of symbols has two."""
    whole = [(0, -(-N // rows.SYMBOLS))]
    return [whole, [(start, 1) for start in range(0, N, rows.SYMBOLS)]]


@claim("affine: Y = X Wᵀ + 1 b, whatever the tiles; {case}", KERNEL, cases=PATTERNS)
def test_affine(pattern: str) -> None:
    N, support, data, W = sparse(pattern)
    X, b = symbols("x", N, W.shape[1]), symbols("b", W.shape[0])
    for (count, blocks), tiles in itertools.product(CUTS, tilings(N)):
        Y = garbage(N, W.shape[0])
        for start, vectors in tiles:
            run = compiled.affine(vectors).py_func
            run(support.parts(count), support.blocks(blocks), support.indices, data, X, b, (), Y, start)
        same(Y, product(X, W.T) + b)


@claim("affine with an activation: Y = f(X Wᵀ + 1 b); {case}", KERNEL, cases=PATTERNS)
def test_affine_apply(pattern: str) -> None:
    N, support, data, W = sparse(pattern)
    X, b = symbols("x", N, W.shape[1]), symbols("b", W.shape[0])
    f, parameters = activations.LeakyReLU().function, sp.symbols("a:1")
    for (count, blocks), tiles in itertools.product(CUTS, tilings(N)):
        Y = garbage(N, W.shape[0])
        for start, vectors in tiles:
            run = compiled.affine(vectors, f, 1).py_func
            run(support.parts(count), support.blocks(blocks), support.indices, data, X, b, parameters, Y, start)
        expected = product(X, W.T) + b
        same(Y, _mapped(lambda z: f(z, *parameters), expected))


@claim("product: DX = DY W, whatever the tiles; {case}", KERNEL, cases=PATTERNS)
def test_product(pattern: str) -> None:
    N, support, data, W = sparse(pattern)
    DY, csc = symbols("y", N, W.shape[0]), support.transposed[1:]
    for (count, blocks), tiles in itertools.product(CUTS, tilings(N)):
        DX = garbage(N, W.shape[1])
        for start, vectors in tiles:
            run = compiled.product(vectors).py_func
            run(support.parts(count, True), support.blocks(blocks, True), *csc, data, DY, DX, start)
        same(DX, product(DY, W))


@claim("weight_gradient: DW = DYᵀ X on the support, whatever the tiles; {case}", KERNEL, cases=PATTERNS)
def test_weight_gradient(pattern: str) -> None:
    N, support, _, W = sparse(pattern)
    X, DY = symbols("x", N, W.shape[1]), symbols("y", N, W.shape[0])
    for (count, blocks), tiles in itertools.product(CUTS, tilings(N)):
        gradient = garbage(support.nnz)
        for start, vectors in tiles:
            run = compiled.weight_gradient(vectors, start > 0).py_func
            run(support.parts(count), support.blocks(blocks), support.indices, DY, X, gradient, start)
        same(gradient, _on(support, product(DY.T, X)))


def _on(support: Support, matrix: np.ndarray) -> np.ndarray:
    """The values of a matrix on a support."""
    values: np.ndarray = matrix[np.repeat(np.arange(support.shape[0]), np.diff(support.indptr)), support.indices]
    return values


def _mapped(f: Callable[[Any], Any], matrix: np.ndarray) -> np.ndarray:
    """f of each element."""
    result = np.empty(matrix.shape, object)
    for index in np.ndindex(matrix.shape):
        result[index] = f(matrix[index])
    return result


@claim("affine_single: y = f(x Wᵀ + b), and without f; {case}", KERNEL, cases=PATTERNS)
def test_affine_single(pattern: str) -> None:
    _, support, data, W = sparse(pattern)
    x, b = symbols("x", W.shape[1]), symbols("b", W.shape[0])
    srelu, names = activations.SReLU().function, sp.symbols("a t b u")
    for f, parameters in ((None, ()), (srelu, names)):
        y = garbage(W.shape[0])
        run = compiled.affine_single(f, len(parameters), True).py_func
        run(support.parts(2), support.indptr, support.indices, data, x, b, parameters, y)
        z = (product(x[None], W.T) + b)[0]
        same(y, z if f is None else _mapped(lambda z, f=f, p=parameters: f(z, *p), z))


@claim("affine_row: y = x Wᵀ + b of a dense W", KERNEL, "3×5")
def test_affine_row() -> None:
    x, W, b, y = symbols("x", 5), symbols("w", 3, 5), symbols("b", 3), garbage(3)
    dense_weight.affine_row.py_func(x, W, b, y)
    same(y[None], product(x[None], W.T) + b)


@claim("copy_transposed: Y = X", KERNEL, "4×5, tiles of 2")
def test_copy_transposed() -> None:
    X, Y = symbols("x", 4, 5), garbage(4, 5)
    loop(layout.copy_transposed, TILE=2)(X, Y)
    same(Y, X)
    X, Y = symbols("x", 3, 5), garbage(3, 5)
    loop(layout.copy_transposed, TILE=2)(X, Y)
    same(Y, X)


@claim("columns_sum: 1ᵀ X", KERNEL, "3×5")
def test_columns_sum() -> None:
    X, total = symbols("x", 3, 5), garbage(5)
    elementwise.columns_sum.py_func(X, total)
    same(total, X.sum(axis=0))


@claim(
    "apply: f(X) for {case}", KERNEL, "2×3", cases=(activations.Sigmoid(), activations.SReLU(*sp.symbols("a t b u")))
)
def test_apply(f: activations.Activation) -> None:
    X, Y = symbols("x", 2, 3), garbage(2, 3)
    elementwise.apply_kernel(f.function, len(f.parameters)).py_func(X, f.parameters, Y)
    _same_values(Y, X, lambda x: f.function(x, *f.parameters))


@claim("hadamard_apply: A ⊙ f(X) for {case}", KERNEL, "2×3",
       cases=(activations.HyperbolicTangent(), activations.LeakyReLU(sp.Symbol("a"))))  # fmt: skip
def test_hadamard_apply(f: activations.Activation) -> None:
    A, X, Y = symbols("a", 2, 3), symbols("x", 2, 3), garbage(2, 3)
    elementwise.hadamard_apply_kernel(f.derivative, len(f.parameters)).py_func(A, X, f.parameters, Y)
    expected = np.empty((2, 3), object)
    for index in np.ndindex(2, 3):
        expected[index] = A[index] * f.derivative(X[index], *f.parameters)
    if (expected != Y).any():
        raise NotProved(f"{Y} is not {expected}")


UPDATES = {
    "gradient descent, no state": (updates.gradient_descent, 0, 2),
    "Nesterov, one state": (updates.nesterov, 1, 3),
    "Adam, two states": (updates.adam, 2, 7),
    "SMET, three states": (updates.smet, 3, 8),
}
STATES = ("m", "v", "age")


@claim("update: θ and its state in place; {case}", KERNEL, "5 numbers in blocks of 2", cases=UPDATES)
def test_update(name: str) -> None:
    update, states, constants = UPDATES[name]
    vectors = [symbols(name, 5) for name in ("theta", "g", *STATES[:states])]
    values = sp.symbols(f"c:{constants}", positive=True)
    before = [vector.copy() for vector in vectors]
    loop(elementwise.update_kernel(update, states, constants), BLOCK=2)(*vectors[:2], tuple(vectors[2:]), values)
    for p in range(5):
        expected: Any = update(*(vector[p] for vector in before), *values)
        after = [vectors[0][p], *(vector[p] for vector in vectors[2:])]
        if after != (list(expected) if states else [expected]) or vectors[1][p] != before[1][p]:
            raise NotProved(f"{name}: {after} is not {expected}")


BLOCKS = {
    "5 columns, blocks of 2": (4, 5, 4),
    "2 columns, blocks of 2 rows": (5, 2, 2),
    "3 columns, blocks of 3×2": (4, 3, 3),
    "3 columns, no rows": (0, 3, 1),
}


def with_blocks(kernel: Kernel, height: int, **names: Any) -> Callable[..., None]:
    return loop(kernel, COLUMNS=2, block_height=lambda M, N: height, **names)


@claim("matmul and matmul_bias: blocks of A B (+ 1 b); {case}", KERNEL, cases=BLOCKS)
def test_matmul(case: str) -> None:
    """What stands in for BLAS here is its definition, C = A B."""
    M, N, height = BLOCKS[case]
    A, B, b = symbols("a", M, 3), symbols("b", 3, N), symbols("c", N)
    C = garbage(M, N)
    with_blocks(blas.matmul, height)(0, A, B, C)
    same(C, product(A, B))
    C = garbage(M, N)
    with_blocks(blas.matmul_bias, height)(0, A, B, b, C)
    same(C, product(A, B) + b)


def sparse_arguments(kernel: str) -> tuple[Any, ...]:
    """Three parts of a matrix with rows, or columns, of very different length; the output is the last."""
    by_column = kernel == "product"
    N, support, data, W = sparse(list(PATTERNS)[int(by_column)])
    K, D = W.shape
    parts, bounds = support.parts(3, by_column), support.blocks(2, by_column)
    if kernel == "affine":
        return parts, bounds, support.indices, data, symbols("x", N, D), symbols("b", K), (), garbage(N, K)
    if kernel == "product":
        return parts, bounds, *support.transposed[1:], data, symbols("y", N, K), garbage(N, D)
    if kernel == "weight_gradient":
        return parts, bounds, support.indices, symbols("y", N, K), symbols("x", N, D), garbage(support.nnz)
    return parts, support.indptr, support.indices, data, symbols("x", D), symbols("b", K), (), garbage(K)


# Each for all of a batch of three at once.
SPARSE_LOOPS: dict[str, tuple[Kernel, tuple[Any, ...]]] = {
    "affine": (compiled.affine(2), (0,)),
    "product": (compiled.product(2), (0,)),
    "weight_gradient": (compiled.weight_gradient(2), (0,)),
    "affine_single": (compiled.affine_single(None, 0, True), ()),
}


def update_arguments(name: str) -> tuple[Any, ...]:
    _, states, constants = UPDATES[name]
    return (
        symbols("g", 5),
        tuple(symbols(name, 5) for name in STATES[:states]),
        sp.symbols(f"c:{constants}"),
        garbage(5),
    )


def update_loop(name: str) -> Any:
    """The loop with its output, θ, at the end."""
    kernel = elementwise.update_kernel(*UPDATES[name])
    return lambda prange: lambda g, states, c, theta: loop(kernel, BLOCK=2, prange=prange)(theta, g, states, c)


# A loop, given what takes the place of `prange`; and its arguments, the output last.
LOOPS: dict[str, tuple[Callable[[Any], Callable[..., None]], Callable[[], tuple[Any, ...]]]] = {
    **{
        name: (
            partial(lambda k, last, prange: lambda *a: loop(k, prange=prange)(*a, *last), kernel, last),
            partial(sparse_arguments, name),
        )
        for name, (kernel, last) in SPARSE_LOOPS.items()
    },
    "columns_sum": (
        lambda prange: loop(elementwise.columns_sum, prange=prange),
        lambda: (symbols("x", 3, 5), garbage(5)),
    ),
    **{f"update, {name}": (update_loop(name), partial(update_arguments, name)) for name in UPDATES},
    "copy_transposed": (
        lambda prange: loop(layout.copy_transposed, TILE=2, prange=prange),
        lambda: (symbols("x", 3, 5), garbage(3, 5)),
    ),
    "affine_row": (
        lambda prange: loop(dense_weight.affine_row, prange=prange),
        lambda: (symbols("x", 5), symbols("w", 3, 5), symbols("b", 3), garbage(3)),
    ),
    **{
        f"{kernel.__name__}: {case}": (
            lambda prange, kernel=kernel, height=height: with_blocks(kernel, height, prange=prange),
            lambda M=M, N=N, bias=bias: (0, symbols("a", M, 3), symbols("b", 3, N), *bias(N), garbage(M, N)),
        )
        for kernel, bias in ((blas.matmul, lambda N: ()), (blas.matmul_bias, lambda N: (symbols("c", N),)))
        for case, (M, N, height) in BLOCKS.items()
        if M
    },
}


@claim("No two iterations of a parallel loop write one element, and together they write all: {case}", KERNEL,
       "3 blocks or parts", cases=LOOPS)  # fmt: skip
def test_parallel_writes(name: str) -> None:
    """So the threads cannot get in each other's way, and the result does not depend on how many there are."""
    (writers,) = writes(*LOOPS[name])
    if (writers != 1).any():
        raise NotProved(f"{name}: the elements are written by so many iterations: {writers.tolist()}")


def writes(
    with_prange: Callable[[Any], Callable[..., None]], arguments: Callable[[], tuple[Any, ...]], outputs: int = 1
) -> list[np.ndarray]:
    """How many iterations of a parallel loop change each element of each output; these are the last of the arguments."""
    iterations: list[int] = []

    def all_of_them(n: int) -> range:
        iterations.append(n)
        return range(n)

    with_prange(all_of_them)(*arguments())
    writers = [np.zeros(output.shape, int) for output in arguments()[-outputs:]]
    for k in range(iterations[0]):
        given = arguments()
        before = [output.copy() for output in given[-outputs:]]
        with_prange(lambda n, k=k: [k])(*given)
        for count, old, output in zip(writers, before, given[-outputs:], strict=True):
            count += old != output
    return writers


PROVED = {
    "columns_sum", "columns_sum_serial", "matmul", "matmul_bias", "affine_row", "copy_transposed",
    # in the next chapter
    "gather_bytes", "gather_values", "gather_images", "mark_labels",
    # in the one after it
    "free_columns", "block_bounds", "find", "merge", "move", "transpose", "mark", "unset_columns", "largest_products",
    # and after that
    "gather_rows", "sort_by_digit", "different_columns", "affine_sparse_input", "weight_gradient_sparse_input",
    "dense_affine_sparse_input", "dense_weight_gradient_sparse_input", "largest_products_sparse_input",
}  # fmt: skip


@claim("Every kernel of the package has its claim in this chapter or the next three", KERNEL, "all")
def test_no_kernel_is_forgotten() -> None:
    """Those that are made for a function of numbers or a number of samples are there by their makers."""
    found = set()
    for module in pkgutil.walk_packages(nerva_py.__path__, "nerva_py."):
        if module.name.startswith(("nerva_py.cli", "nerva_py.__main__")):
            continue
        try:
            members = vars(importlib.import_module(module.name))
        except MissingBackendError:  # a module that exists for an optional package alone
            continue
        found |= {name for name, member in members.items() if isinstance(member, Kernel)}
    if found != PROVED:
        raise NotProved(f"kernels without a claim: {found - PROVED}; claims without a kernel: {PROVED - found}")


def _same_values(Y: np.ndarray, X: np.ndarray, f: Any) -> None:
    for index in np.ndindex(X.shape):
        if Y[index] != f(X[index]):
            raise NotProved(f"element {index}: should be {f(X[index])}, is {Y[index]}")
