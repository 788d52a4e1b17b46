"""The changes that change nothing, each with the argument why; they survive, and rightly.

A key is `module.function: before -> after`. One that names no mutant any more is reported, and so is one that a proof rejects.
"""

from __future__ import annotations

_SAME_SHAPE = "All matrices that the function takes have one shape, or it could not be evaluated."
_DIAGONAL = "A square matrix and its transpose have one diagonal."
_SYMMETRIC = "1 1ᵀ and N I are symmetric."
_LIKE = "`like` says on which carrier the matrix is made, and Z and the variance are of one carrier."
_ALL_IN_ONE_PART = (
    "Part 0 is then all rows (parts[-1] is the number of rows) and every other part is empty: the same elements are written, "
    "each once, by one thread."
)
_ALL_IN_ONE_BLOCK = "Block 0 is then the whole row, as bounds[-1] is its end, and every other block is empty."
_ZERO = "0 is the same number, whatever type of zero the sum starts from."
_EMPTY_BLOCKS = "The blocks beyond the last one are empty slices, so they do nothing."
_LAST_BLOCK = "A slice ends where the array ends, so the last block may reach beyond it."
_LOOK = "Then the elements of more chunks are looked at one by one, where both conditions are tested again."
_RANKS = "Each rank is below the number of unset bits of its row, so q reaches its end before d does."

_UPDATES = ("engine.elementwise.update_kernel.update",)
_PRODUCTS = ("engine.blas.matmul", "engine.blas.matmul_bias")
_POSITIONS = ("sparse.kernels.positions.free_columns", "sparse.kernels.positions.find", "sparse.kernels.bits.mark")
_FEW = "sparse.kernels.few_samples"
_KERNELS = tuple(f"sparse.kernels.compiled.{name}.{name}" for name in ("affine", "product", "weight_gradient"))
_SPARSE_INPUT = tuple(f"sparse.kernels.sparse_input.{name}_sparse_input" for name in ("affine", "weight_gradient"))
_SQUARE = "(T − Y)² = (Y − T)²."
_RESIDUAL = "engine.rowwise.residual_kernel.residual"
_AFFINE, _PRODUCT, _GRADIENT = _KERNELS
_LAST = "It bounds only what is prefetched, which changes no result."
_COMMUTES = "w x = x w."
_SINGLE = ("sparse.kernels.compiled.affine_single.affine_single",)


def _more_blocks(size: str, block: str) -> tuple[str, ...]:
    """The changes of ⌈size / block⌉ that make it larger."""
    blocks = f"({size} + {block} - 1) // {block}"
    return (
        f"{blocks} -> ({size} + {block} - 1) * {block}",
        f"{blocks} -> {size} + {block} - 1",
        f"{size} + {block} - 1 -> {size} + {block} + 1",
        f"{size} + {block} - 1 -> {size} + {block}",
        f"{size} + {block} - 1 -> {size} + {block} - 0",
    )


def _swapped(place: str, first: str, second: str, function: str, before: str = "") -> str:
    """The key of two arguments in the other order."""
    return f"{place}: {function}({before}{first}, {second}) -> {function}({before}{second}, {first})"


EQUIVALENT: dict[str, str] = {
    # -------------------------------------------------------------------------------------------------- rows in registers
    f"{_AFFINE}: bounds.shape[1] - 1 -> 1 - bounds.shape[1]": _LAST,
    f"{_AFFINE}: bounds.shape[1] - 1 -> -1": _LAST,
    f"{_AFFINE}: bounds.shape[1] - 1 -> bounds.shape[1] - 2": _LAST,
    f"{_AFFINE}: min(Y.shape[0], start + vectors * lanes(Y.dtype)) -> Y.shape[0]": (
        "The rows of Y from the tile's end on are written by the tiles that follow, whatever stood there."
    ),
    f"{_AFFINE}: Y.shape -> X.shape": "Both have as many rows as the batch has samples.",
    f"{_AFFINE}: Y.dtype -> X.dtype": "Both have the type of the layer.",
    f"{_AFFINE}: f is not None and block == blocks - 1 -> block == blocks - 1": "Without f, g is the identity.",
    _swapped(_AFFINE, "data[p]", "load(X, at(indices[p]), start, vectors)", "multiply_add", "row, "): _COMMUTES,
    _swapped(
        _PRODUCT, "data[at(perm[p])]", "load(DY, at(indices_T[p]), start, vectors)", "multiply_add", "row, "
    ): _COMMUTES,
    f"{_GRADIENT}: (end - first) % at(4) -> end - first": "All are then taken one at a time, in the same order.",
    _swapped(_GRADIENT, "dy", "load(X, at(indices[p]), start, vectors)", "inner"): _COMMUTES,
    **{
        _swapped("engine.rows.four_inner", "row", f"load(X, indices[p{i}], start, vectors)", "inner"): _COMMUTES
        for i in ("", " + 1", " + 2", " + 3")
    },
    # -------------------------------------------------------------------------------------------------- activations, softmax
    "equations.softmax.softmax_backward: Y.shape -> DY.shape": _SAME_SHAPE,
    "equations.softmax.softmax_backward_paper: Y.shape -> DY.shape": _SAME_SHAPE,
    "equations.softmax.softmax_backward_paper: DY @ Y.T -> (DY @ Y.T).T": _DIAGONAL,
    "equations.softmax.softmax_jacobian: Diag(y) -> Diag(y.T)": "Diag takes a row or a column.",
    "equations.softmax.log_softmax_backward: Y.shape -> DY.shape": _SAME_SHAPE,
    "equations.softmax.log_softmax_backward_paper: Z.shape -> DY.shape": _SAME_SHAPE,
    # -------------------------------------------------------------------------------------------------- batch normalization
    "equations.batch_norm.variance_paper: X - ones(X, N, N) @ X / N -> ones(X, N, N) @ X / N - X": (
        "R occurs only in Rᵀ R, in which its sign cancels."
    ),
    "equations.batch_norm.variance_paper: ones(X, N, N) -> ones(X, N, N).T": _SYMMETRIC,
    "equations.batch_norm.variance_paper: R.T @ R -> (R.T @ R).T": _DIAGONAL,
    "equations.batch_norm.batch_norm_input_gradient_paper: "
    "N * identity(Z, N) - ones(Z, N, N) -> (N * identity(Z, N) - ones(Z, N, N)).T": _SYMMETRIC,
    "equations.batch_norm.batch_norm_input_gradient_paper: identity(Z, N) -> identity(variance, N)": _LIKE,
    "equations.batch_norm.batch_norm_input_gradient_paper: ones(Z, N, N) -> ones(variance, N, N)": _LIKE,
    "equations.batch_norm.batch_norm_input_gradient_paper: Z.T @ DZ -> (Z.T @ DZ).T": _DIAGONAL,
    # ------------------------------------------------------------------------------------------------------ losses, schedules
    "equations.losses.Loss.__call__: Y.shape -> T.shape": _SAME_SHAPE,
    "equations.losses.Loss.mean_gradient: Y.shape -> T.shape": _SAME_SHAPE,
    "equations.losses.squared_error: Y - T -> T - Y": _SQUARE,
    "equations.losses.mean_squared_error: squared_error(Y, T) -> squared_error(T, Y)": _SQUARE,
    "equations.losses.mean_squared_error: Y.shape -> T.shape": _SAME_SHAPE,
    "equations.losses.mean_squared_error_gradient: Y.shape -> T.shape": _SAME_SHAPE,
    "equations.losses.mean_squared_error_gradient: Y.shape -> T.shape (2)": _SAME_SHAPE,
    "equations.losses.softmax_cross_entropy_gradient: Y.shape -> T.shape": _SAME_SHAPE,
    **{
        f"network.passes.softmax_residual: {change}": "Both matrices are alike there: of one shape and one type."
        for change in ("Y.shape -> T.shape", "Y.shape -> T.shape (2)", "Y.dtype -> T.dtype", "Y.size -> T.size")
    },
    "network.passes.softmax_residual: not alike -> alike": "The loop and the definition are equal; one is quicker.",
    "network.passes.softmax_residual: Y = batch_layout(Y) -> pass": "The loop gives the same in every layout.",
    **{
        f"network.passes.softmax_residual: Y.size > FEW -> Y.size {other} FEW": "Of two forms of one loop another is taken."
        for other in (">=", "<=")
    },
    "equations.losses.Loss.mean_gradient: Y.shape -> T.shape (2)": _SAME_SHAPE,
    **{
        f"equations.losses.Loss.mean_gradient: {change}": "Where the total is N, the factor N / total is 1."
        for change in ("total is None or total == N -> total is None", "total == N -> Y == N")
    },
    "equations.losses.half_squared_error: squared_error(Y, T) -> squared_error(T, Y)": _SQUARE,
    "equations.losses.negative_log_likelihood_gradient: Y.shape -> T.shape": _SAME_SHAPE,
    "equations.rates.time_based: range(1, i + 1) -> range(0, i + 1)": "The factor of k = 0 is 1 / (1 + 0 d) = 1.",
    # ------------------------------------------------------------------------------------------------------------- primitives
    **{
        f"matrix.dense.updated: -1 -> -2{place}": "NumPy takes any negative length for the one that follows."
        for place in ("", " (2)")
    },
    "matrix.dense.updated: True -> False": "An update returns one number for each state.",
    "matrix.dense.dropout_mask: rng.random(shape, np.float32) >= rate -> rng.random(shape, np.float32) > rate": (
        "A number that is drawn equals the rate once in 2²⁴ times, or never."
    ),
    **{
        f"matrix.outer.Outer.on: {change}": "`tree_sum` of a single term is that term."
        for change in (
            "values[0] if len(values) == 1 else tree_sum(values) -> tree_sum(values)",
            "len(values) == 1 -> len(values) == 0",
        )
    },
    "matrix.outer.Outer.stacked: len(self.terms) == 1 -> len(self.terms) == 0": "A single matrix is a stack of one.",
    "matrix.dense.stable_log_sigmoid: x <= 0 -> x < 0": "At x = 0 both branches are 0.",
    "matrix.dense.stable_log_sigmoid: x <= 0 -> x < 0 (2)": "At x = 0 both branches are 0.",
    # -------------------------------------------------------------------------------------------------------------- optimizers
    "equations.rates.rise: t < T -> t <= T": "At t = T both branches are 1.",
    **{
        f"equations.updates.smet: bias_correction_of_age({a}, age_new) -> bias_correction_of_age(age_new, {a})": (
            "(log β) τ = τ log β."
        )
        for a in ("log_beta1", "log_beta2")
    },
    "training.optimizers.Optimizer.step: True -> False": "There is one gradient for each parameter.",
    **{
        f"network.layers.{layer}Layer.backward: True -> False": "Without parameters, it gives DX whether it is needed or not."
        for layer in ("Activation", "Dropout")
    },
    "network.layers.DropoutLayer.forward: dropout.dropout(X, R) -> dropout.dropout(R, X)": "X ⊙ R = R ⊙ X.",
    **{
        f"network.outputs.from_inputs: {change}": "An output is the function that its activation is; only the latter can be fused."
        for change in (
            "output.f if isinstance(output, Pointwise) else output -> output",
            "isinstance(output, Pointwise) -> isinstance(X, Pointwise)",
        )
    },
    "network.mlp.MLP.gradients: True -> False": "There is one gradient for each parameter.",
    "network.mlp.MLP.store: True -> False": "There is one tape for each layer.",
    "training.optimizers._per_density: getattr(parameter.value, 'density', 1.0) -> getattr(parameter.value, 'density', 0.0)": (
        "What has no density then counts as empty, whose factor is 1, too."
    ),
    # ---------------------------------------------------------------------------------------------------------------- kernels
    **{f"{kernel}: part + 1 -> part - 1": _ALL_IN_ONE_PART for kernel in (*_KERNELS, *_SINGLE)},
    **{f"{kernel}: part + 1 -> part - 1": _ALL_IN_ONE_PART for kernel in (*_POSITIONS, *_SPARSE_INPUT)},
    f"{_SPARSE_INPUT[1]}: gradient.dtype -> indptr.dtype": _ZERO,
    **{f"{kernel}: block + 1 -> block - 1": _ALL_IN_ONE_BLOCK for kernel in _KERNELS},
    f"{_KERNELS[1]}: DX.dtype -> DY.dtype": _ZERO,
    "engine.elementwise.apply_kernel.apply: X.shape -> Y.shape": _SAME_SHAPE,
    "engine.elementwise.hadamard_apply_kernel.hadamard_apply: X.shape -> Y.shape": _SAME_SHAPE,
    **{f"{update}: {change}": _EMPTY_BLOCKS for update in _UPDATES for change in _more_blocks("theta.size", "BLOCK")},
    **{
        f"{product}: {change}": _EMPTY_BLOCKS
        for product in _PRODUCTS
        for change in (*_more_blocks("N", "COLUMNS"), *_more_blocks("M", "height"))
    },
    **{
        f"{product}: block_height(M, N) -> block_height(N, M)": "Blocks of any height make the same product, slower."
        for product in _PRODUCTS
    },
    **{f"{product}: min(M, i + height) -> i + height": _LAST_BLOCK for product in _PRODUCTS},
    f"{_PRODUCTS[0]}: min(N, j + COLUMNS) -> j + COLUMNS": _LAST_BLOCK,
    "sparse.kernels.positions.block_bounds: range(1, blocks) -> range(0, blocks)": (
        "The first column that is at least 0 is the first one, where the row begins."
    ),
    "sparse.kernels.bits.unset_columns: q < q_end and d < D -> q < q_end": _RANKS,
    "sparse.kernels.bits.unset_columns: d < D -> d <= D": _RANKS,
    "sparse.kernels.largest.keep_largest: keys.dtype -> rows.dtype": "The same number, in a type that is as wide or wider.",
    "sparse.kernels.largest.scan: False -> True": _LOOK,
    **{
        f"sparse.kernels.largest.scan: (key > threshold) & (key < marked) -> {after}": _LOOK
        for after in ("(key > threshold) | (key < marked)", "key > threshold", "key < marked")
    },
    "sparse.kernels.largest.scan: key > threshold -> key >= threshold": _LOOK,
    "sparse.kernels.largest.scan: key < marked -> key <= marked": _LOOK,
    **{f"{_RESIDUAL}: {change}": _EMPTY_BLOCKS for change in _more_blocks("N", "SAMPLES")},
    f"{_RESIDUAL}: Y.shape -> T.shape": _SAME_SHAPE,
    **{f"engine.layout.copy_transposed: {change}": _EMPTY_BLOCKS for change in _more_blocks("K", "TILE")},
    **{
        f"engine.layout.copy_transposed: {change}": "Tiles that overlap copy some elements twice."
        for change in ("range(0, N, TILE) -> range(0, N, TILE - 1)", "min(N, start + TILE) -> N")
    },
    f"{_RESIDUAL}: column(Y, 0) -> column(Y, 1)": "The maximum of all columns, whichever it begins with.",
    f"{_RESIDUAL}: maximum(largest[i], y[i]) -> maximum(y[i], largest[i])": "max(a, b) = max(b, a).",
    **{f"{_RESIDUAL}: Y.dtype -> T.dtype{place}": "Y and T have one element type." for place in ("", " (2)")},
    # ------------------------------------------------------------------------------------------------------- few samples
    **{
        f"{_FEW}.{kernel}: part + 1 -> part - 1": _ALL_IN_ONE_PART
        for kernel in ("affine.affine", "weight_gradient.weight_gradient")
    },
    f"{_FEW}.product.product: part + 1 -> part - 1 (2)": _ALL_IN_ONE_PART,
    **{f"{_FEW}.sum_parts.sum_parts: {change}": _EMPTY_BLOCKS for change in _more_blocks("D", "BLOCK")},
}
