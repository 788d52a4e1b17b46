# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Sparse matrices
#
# **What you'll do**: store a matrix by its nonzeros, by hand; write the three products of a sparse layer over that
# storage; measure what the order of a batch in memory is worth; and find the density from which on a dense layer is
# faster.
#
# **What you'll learn**: what CSR is and what it costs, why a layer needs exactly three products, and why the place of a
# number in memory matters more than the number of operations.
#
# **What you'll need**: matrix products and a little NumPy. Nothing is downloaded. The cells run in about a minute;
# reading and the exercises take an hour.

# %%
import os

import matplotlib.pyplot as plt
import numba
import numpy as np
import sympy as sp
from scipy.sparse import csr_array

import nerva_py as nv
from nerva_py.doctor.timing import seconds
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.matrix import dot
from nerva_py.verify import WrittenMatrix, check_function

SHORT = os.environ.get("NERVA_TUTORIALS") == "short"  # smaller settings, for tests
rng = np.random.default_rng(0)

# %% [markdown]
# ## A matrix with holes
#
# The weight matrix $W$ of a layer has a row for each of its $K$ neurons and a column for each of its $D$ inputs. In a
# *sparse* layer most neurons are not connected to most inputs, so most entries of $W$ are zero, and stay zero. Here is
# a small one with 4 neurons, 5 inputs and 6 weights; the second neuron has no input at all.

# %%
A = np.array(
    [
        [0.0, 2.5, 0.0, 0.0, -1.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 3.0, 0.0],
        [0.0, 0.0, -2.0, 0.0, 0.5],
    ]
)

# %% [markdown]
# *Compressed sparse row* storage, CSR, walks through the matrix row by row and writes down three arrays:
#
# - `data`: the nonzero values, in the order in which they are met;
# - `indices`: the column of each of them;
# - `indptr`, the row pointers: where each row begins in the two other arrays, and, at last, where the last row ends.


# %%
def csr_by_hand(A):
    indptr, indices, data = [0], [], []
    for row in A:
        for column, value in enumerate(row):
            if value != 0:
                indices.append(column)
                data.append(value)
        indptr.append(len(data))
    return np.array(indptr), np.array(indices), np.array(data)


indptr, indices, data = csr_by_hand(A)
for k in range(len(A)):
    places = range(indptr[k], indptr[k + 1])
    print(
        f"row {k}: places {list(places)}:", ", ".join(f"{data[p]:+} in column {indices[p]}" for p in places) or "none"
    )


# %% [markdown]
# The same as a picture. The colours are those of the rows; follow one of them from the matrix to the arrays. The empty
# row has no colour in the arrays, but two equal row pointers.


# %%
def draw_csr(A, indptr, indices, data):
    colours = ["#4477aa", "#ee6677", "#228833", "#aa3377"]
    left, right = plt.subplots(1, 2, figsize=(9, 2.9), layout="constrained", width_ratios=(1, 1.7))[1]
    for (k, d), value in np.ndenumerate(A):
        box = {"facecolor": colours[k] if value else "white", "edgecolor": "0.7"}
        left.add_patch(plt.Rectangle((d, k), 1, 1, **box))
        left.text(d + 0.5, k + 0.5, f"{value:g}" if value else "", ha="center", va="center", color="white")
    left.set(
        xlim=(0, A.shape[1]), ylim=(A.shape[0], 0), aspect="equal", xlabel="column: input d", ylabel="row: neuron k"
    )
    left.set_xticks(np.arange(A.shape[1]) + 0.5, range(A.shape[1]))
    left.set_yticks(np.arange(A.shape[0]) + 0.5, range(A.shape[0]))
    rows = np.repeat(np.arange(len(A)), np.diff(indptr))
    for line, (name, array) in enumerate({"data": data, "indices": indices, "indptr": indptr}.items()):
        right.text(-0.2, line + 0.5, name, ha="right", va="center")
        for p, value in enumerate(array):
            colour = colours[rows[p]] if name != "indptr" else "0.35"
            right.add_patch(plt.Rectangle((p, line + 0.1), 1, 0.8, facecolor=colour, edgecolor="white"))
            right.text(p + 0.5, line + 0.5, f"{value:g}", ha="center", va="center", color="white")
    right.set(xlim=(-1.5, max(len(data), len(indptr)) + 0.1), ylim=(3.1, 0))
    right.set_axis_off()


draw_csr(A, indptr, indices, data)

# %% [markdown]
# SciPy's `csr_array` holds the same arrays, and so does the library's `SparseWeight`, which puts compiled products on
# top of them. It keeps positions and values apart: the positions are a `Support`, which a weight matrix shares with its
# gradient and with its momentum.

# %%
W = nv.SparseWeight.from_dense(A)
print(W)
print(W.support)
for ours, scipys, theirs in zip((indptr, indices, data), ("indptr", "indices", "data"), (W.csr,) * 3, strict=True):
    assert np.array_equal(ours, getattr(csr_array(A), scipys))
    assert np.array_equal(ours, getattr(theirs, scipys))

# %% [markdown]
# ## What it costs to store
#
# A weight takes 4 bytes for its value (`float32`) and 4 for its column (`int32`); a row pointer takes 4. A dense array
# takes 4 bytes a position. So with $n$ nonzeros
#
# $$\text{CSR: } 8n + 4(K + 1) \text{ bytes}, \qquad \text{dense: } 4 K D \text{ bytes},$$
#
# and CSR is smaller as long as less than about half of the positions are used.

# %%
K, D = 512, 1024
print("density    weights      CSR, bytes    share of dense")
for density in (1, 0.5, 0.1, 0.01, 0.001):
    weight = nv.SparseWeight.random((K, D), density, rng)
    assert weight.nbytes == 8 * weight.nnz + 4 * (K + 1)
    print(f"{density:7} {weight.nnz:10,} {weight.nbytes:15,} {weight.nbytes / (4 * K * D):17.4f}")

# %% [markdown]
# At 99.9 % sparsity the row pointers are no longer negligible, but the whole matrix takes 0.3 % of the memory. That is
# why a layer with $600{,}000 \times 600{,}000$ positions, 1.4 terabytes as a dense array, can be trained on a laptop.
#
# ## Three products
#
# A linear layer maps a batch $X$ of $N$ samples, one a row, to $Y$. This formula is not typed here: it is what the
# library's `linear`, the function that trains, returns when it is called with matrices of which only the names are
# known.

# %%
size = dict(zip("NDK", sp.symbols("N D K"), strict=True))
symbolic = {
    name: WrittenMatrix(text, size.get(rows, 1), size[columns])
    for name, text, rows, columns in (
        ("X", "X", "N", "D"),
        ("W", "W", "K", "D"),
        ("b", "b", "1", "K"),
        ("DY", "DY", "N", "K"),
    )
}
linear(symbolic["X"], symbolic["W"], symbolic["b"])

# %% [markdown]
# Write $\mathrm{D}Y$ for the gradient of the loss with respect to $Y$. The backward pass needs the gradients with
# respect to the input, so that the layer before can go on,

# %%
DX, DW, Db = linear_backward(symbolic["X"], symbolic["W"], symbolic["DY"])
DX

# %% [markdown]
# and with respect to the weights,

# %%
DW.on(symbolic["W"])

# %% [markdown]
# So a layer needs three products: with $W^\top$, with $W$, and one whose *result* has the shape of $W$. In the last one
# lies the point of sparse training. $\mathrm{D}Y^\top X$ has an entry for each of the $K D$ positions, but only those
# where a weight exists are wanted: the gradient lives **on the support of $W$**, and nothing else is computed. That is
# why `linear_backward` returns an `Outer`, a product that waits: it keeps the two factors, of $N (K + D)$ numbers, and
# computes what it is asked for. `DW.on(W)` asks for the values on the support. The dense gradient exists only as a
# question, and nobody asks it.
#
# Over CSR all three are the same two loops, around one line that differs.


# %%
def product_with_transpose(indptr, indices, data, X):
    """Y = X Wᵀ"""
    Y = np.zeros((len(X), len(indptr) - 1))
    for k in range(len(indptr) - 1):
        for p in range(indptr[k], indptr[k + 1]):
            Y[:, k] += data[p] * X[:, indices[p]]
    return Y


def product(indptr, indices, data, DY, D):
    """DX = DY W"""
    DX = np.zeros((len(DY), D))
    for k in range(len(indptr) - 1):
        for p in range(indptr[k], indptr[k + 1]):
            DX[:, indices[p]] += data[p] * DY[:, k]
    return DX


def product_on_support(indptr, indices, DY, X):
    """The values of DYᵀ X on the support of W"""
    DW = np.zeros(len(indices))
    for k in range(len(indptr) - 1):
        for p in range(indptr[k], indptr[k + 1]):
            DW[p] = DY[:, k] @ X[:, indices[p]]
    return DW


# %% [markdown]
# Each visits each weight once and spends $2N$ operations on it, a multiplication and an addition a sample: $2 N n$
# operations where a dense product takes $2 N K D$. At a density of 0.01 that is a hundredth of the work. (How much of
# it arrives as time, we shall see.) They agree with the library's functions:

# %%
N = 3
X, DY, b = rng.standard_normal((N, 5)), rng.standard_normal((N, 4)), np.zeros((1, 4))
Y = linear(X, W, b)
DX, DW, Db = linear_backward(X, W, DY)
DW = DW.on(W)
assert np.allclose(product_with_transpose(indptr, indices, data, X), Y)
assert np.allclose(product(indptr, indices, data, DY, 5), DX)
assert np.allclose(product_on_support(indptr, indices, DY, X), DW.data)
print("gradient on the support:", DW.data.round(3))
print("of all positions:\n", (DY.T @ X).round(3))

# %% [markdown]
# ### A law that ties them together
#
# For matrices of one shape, write $\langle A, B \rangle = \sum_{ij} A_{ij} B_{ij}$. Then
#
# $$\langle \mathrm{D}Y, X W^\top \rangle = \langle \mathrm{D}Y\, W, X \rangle = \langle \mathrm{D}Y^\top X, W \rangle ,$$
#
# because each of the three is $\sum_{n,k,d} (\mathrm{D}Y)_{nk} W_{kd} X_{nd}$. A wrong kernel nearly always breaks one
# of these equalities, whatever the numbers are, and nobody has to know the right result. The tests of the library check
# the law for every kernel.

# %%
three = [dot(DY, Y), dot(DX, X), float(DW.data @ W.data)]
print(three)
assert np.allclose(three, three[0])

# %% [markdown]
# ### A second view
#
# Look at the innermost line of `product` again: it *adds* to column `indices[p]` of DX, and several rows of $W$ add to
# the same column. Two threads that work on different rows would write to one place at the same time. So the library
# keeps a second set of indices, the matrix by columns (CSC), with which DX is computed column by column, too. The
# values are not copied: `perm` says where each one stands in `data`.

# %%
indptr_T, indices_T, perm = W.support.transposed
for d in range(5):
    places = slice(indptr_T[d], indptr_T[d + 1])
    print(f"column {d}: rows {indices_T[places].tolist()}, values {W.data[perm[places]].tolist()}")
    assert np.array_equal(W.data[perm[places]], A[indices_T[places], d])

# %% [markdown]
# ## Where the numbers lie
#
# All three loops run along the *batch*: for each weight $w_{kd}$, column $d$ of $X$ is read, one number of each sample.
# A NumPy array lies in memory row by row, sample after sample, so these numbers are $D$ places apart. Memory comes to
# the processor in *cache lines* of 64 bytes, which is 16 such numbers: for every number that is needed, 15 are fetched
# in vain. And the vector instructions, which multiply 8 or 16 numbers at once, want numbers that are neighbours.
#
# The cure is not another loop but another place for the numbers: store the batch feature by feature. The matrix is
# still called $X$, has the same shape and the same entries, and no equation changes. Only its *strides* do, the
# distances in bytes from one sample to the next and from one feature to the next.

# %%
N, K, D, density = 100, 1024, 3072, 0.05
by_rows = rng.standard_normal((N, D), np.float32)
by_features = np.asfortranarray(by_rows)
for name, X in {"sample by sample": by_rows, "feature by feature": by_features}.items():
    print(f"{name:20s} shape {X.shape}, strides {X.strides}")
assert np.array_equal(by_rows, by_features)
assert by_rows.strides == (4 * D, 4)
assert by_features.strides == (4, 4 * N)

# %% [markdown]
# In the library, `nv.engine.batch_layout(X)` makes such a copy, and all layers, losses and optimizers pass batches on in
# this form. (The library's copy leaves a small gap after each feature, so that each begins at a cache line of its own.)
#
# How much is it worth? Here are two loops for $X W^\top$, compiled with Numba and otherwise plain. The first runs along
# the batch in its innermost loop. The second is what suits an array that lies sample by sample: for each sample, it
# gathers those inputs that the neuron is connected to.


# %%
@numba.njit(fastmath=True)
def along_the_batch(indptr, indices, data, X, Y):
    """Y = X Wᵀ: for each weight, all samples"""
    Y[:] = 0
    for k in range(indptr.size - 1):
        for p in range(indptr[k], indptr[k + 1]):
            w, x, y = data[p], X[:, indices[p]], Y[:, k]
            for i in range(len(x)):
                y[i] += w * x[i]


@numba.njit(fastmath=True)
def sample_by_sample(indptr, indices, data, X, Y):
    """Y = X Wᵀ: for each sample, all weights"""
    for i in range(len(X)):
        x = X[i]
        for k in range(indptr.size - 1):
            total = np.float32(0)
            for p in range(indptr[k], indptr[k + 1]):
                total += data[p] * x[indices[p]]
            Y[i, k] = total


# %% [markdown]
# Beside them stand SciPy's product and the library's. All but the last use one thread. The stopwatch `seconds` calls a
# function again and again and returns the shortest and the median time; notebook 9 says more about such figures.

# %%
W = nv.SparseWeight.random((K, D), density, rng)
S, csr, b = W.support, W.csr, np.zeros((1, K), np.float32)
results = {}


def run(loop, X, order):
    Y = np.empty((N, K), np.float32, order=order)
    return lambda: (loop(S.indptr, S.indices, W.data, X, Y), Y)[1]


library = nv.engine.batch_layout(by_rows)
contenders = {
    "our loop along the batch, X sample by sample": run(along_the_batch, by_rows, "C"),
    "our loop sample by sample, X sample by sample": run(sample_by_sample, by_rows, "C"),
    "our loop along the batch, X feature by feature": run(along_the_batch, by_features, "F"),
    "SciPy, X sample by sample: X @ W.T": lambda: by_rows @ csr.T,
    "SciPy, X feature by feature: (W @ X.T).T": lambda: (csr @ by_features.T).T,
    "nerva_py, one thread": lambda: linear(library, W, b),
    "nerva_py, all threads": lambda: linear(library, W, b),
}
expected = by_rows.astype(np.float64) @ W.toarray().T
for name, call in contenders.items():
    with nv.threads.limited(1 if name.endswith("one thread") else None):
        assert np.allclose(call(), expected, atol=1e-3)
        results[name] = 2e-9 * N * W.nnz / seconds(call, 0.05 if SHORT else 0.4)["minimum"]
for name, rate in results.items():
    print(f"{rate:7.2f} GFLOP/s  {name}")


# %%
def draw_rates(results):
    ax = plt.subplots(figsize=(8.4, 3.2), layout="constrained")[1]
    names = list(results)[::-1]
    colours = ["#228833" if "nerva" in name else "0.55" if "SciPy" in name else "#4477aa" for name in names]
    bars = ax.barh(names, [results[name] for name in names], color=colours)
    ax.bar_label(bars, fmt="%.3g", padding=3)
    ax.set_xlabel("billions of operations a second (GFLOP/s)")
    ax.spines[["top", "right"]].set_visible(False)


draw_rates(results)

# %%
first, second, third, *_ = results.values()
print(f"the same loop, X feature by feature: {third / first:.1f} times as fast")
print(f"against the best loop for X sample by sample: {third / max(first, second):.1f} times as fast")

# %% [markdown]
# Compare the first bar with the third. The two are the *same function*, called with the same numbers; only their order
# in memory differs. (With 3,072 features the wrong order is worse still: samples are 12,288 bytes apart, a multiple of
# 4,096, and all numbers at such distances compete for the same few places of the cache.) The second bar is the fairer
# rival, a loop that was written for its layout; it cannot use vector instructions well, because what it gathers is
# scattered. Between well-optimised codes, the same choice was worth a factor of five to seven on the machine on which
# the library was designed.
#
# The library's kernel is our loop along the batch with two improvements: it takes eight weights of a row at a time, so
# that each entry of $Y$ is loaded and stored once for eight weights, and it divides the rows among threads, so that
# each thread gets about as many weights.
#
# If you see other ratios on your machine, they are the right ones for your machine. Run the cells again: they also
# differ from one run to the next.
#
# ## When is dense better?
#
# A dense product does more operations, but it needs no indices, and the routine that does it (`sgemm` of the BLAS
# library) has been refined for decades. So at some density the lines must cross. Measured here are the three products of a
# training step of one layer, once in CSR and once in a dense array, which has a number at every position.

# %%
shape = (256, 512) if SHORT else (512, 1024)
densities = (0.05, 0.3, 0.8) if SHORT else (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
some_X, some_DY = (np.asfortranarray(rng.standard_normal((100, n)).astype(np.float32)) for n in shape[::-1])
no_bias = np.zeros((1, shape[0]), np.float32)


def three_products(W):
    linear(some_X, W, no_bias)
    _, DW, _ = linear_backward(some_X, W, some_DY)
    DW.on(W)  # the gradient is a question: its product is computed on the support


times = {"CSR": [], "dense": []}
with nv.engine.one_blas_thread:  # as in training
    for density in densities:
        some_W = nv.SparseWeight.random(shape, density, rng)
        for name, matrix in (("CSR", some_W), ("dense", nv.sparse.DenseWeight(some_W.toarray()))):
            measured = seconds(lambda matrix=matrix: three_products(matrix), 0.05 if SHORT else 0.25)
            times[name].append(measured["minimum"])

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for (name, column), style in zip(times.items(), ("o-", "s--"), strict=True):
    ax.plot(densities, [1e3 * t for t in column], style, label=name)
ax.set(xlabel="density", ylabel="milliseconds a training step", ylim=(0, None))
ax.set_title(f"one layer, {shape[1]} inputs, {shape[0]} neurons, batch of 100", fontsize="medium")
legend = ax.legend(frameon=False)

# %%
ratios = [sparse / dense for sparse, dense in zip(*times.values(), strict=True)]
for density, ratio in zip(densities, ratios, strict=True):
    print(f"density {density:4}: CSR takes {ratio:5.2f} times as long as dense")
slower = [density for density, ratio in zip(densities, ratios, strict=True) if ratio > 1]
print("CSR is the slower one, on this machine and for this layer, from density", slower[0] if slower else "1", "on")

# %% [markdown]
# On a quiet machine the line of CSR rises in proportion to the number of weights, and that of the dense array does not
# move. Where they cross depends on the machine, the size of the layer and the batch.
#
# The library does not choose by speed. What is zero is not stored: a layer that lacks a weight is kept in CSR, and one
# with a weight at every position as a dense array, behind the same interface. So the same seed gives the same bits on every
# machine, and a layer of density 0.8 costs what the line of CSR says:

# %%
wide = nv.mlp("ReLU;ReLU;Linear", [256, 512, 512, 64], layer_densities=[0.05, 0.8, 1.0], seed=1)
for layer in wide.linear_layers:
    print(f"density {layer.W.value.density:.2f}: {type(layer.W.value).__name__}")
assert [type(layer.W.value).__name__ for layer in wide.linear_layers] == ["SparseWeight", "SparseWeight", "DenseWeight"]

# %% [markdown]
# `nerva-py doctor` on the command line measures the products on your machine.
#
# ## Exercises
#
# Write the body of each function, run the cell, then run the check below it. It tries your function on several matrices
# and, if something is wrong, shows at which numbers.
#
# **1. Row pointers.** Return the array `indptr` of a matrix `A` (a NumPy array), with $K + 1$ entries.
#
# <details><summary>Hint</summary>
#
# The difference of two neighbouring row pointers is the number of nonzeros of a row. What is the inverse of taking
# differences?
#
# </details>


# %%
def row_pointers(A):
    return None  # your answer


# %%
def with_holes(rng):
    return np.round(rng.standard_normal((6, 5)), 2) * (rng.random((6, 5)) < 0.3)


check_function(row_pointers, lambda A: csr_array(A).indptr, {"A": with_holes})

# %% [markdown]
# **2. The third product.** Return the values of $\mathrm{D}Y^\top X$ on a support given by `indptr` and `indices`, in
# the order of the support, **without forming $\mathrm{D}Y^\top X$** and without a Python loop over the weights.
#
# <details><summary>Hint</summary>
#
# `np.repeat(np.arange(K), np.diff(indptr))` is the row of each weight. With it, and with `indices`, two arrays of shape
# (samples, weights) can be picked from DY and X; the answer is a sum over the samples.
#
# </details>


# %%
def gradient_on_support(DY, X, indptr, indices):
    return None  # your answer


# %%
def librarys_gradient(DY, X, indptr, indices):
    W = nv.SparseWeight(nv.Support((DY.shape[1], X.shape[1]), indptr, indices), np.zeros(len(indices)))
    return linear_backward(X, W, DY)[1].on(W).data


example = nv.Support.random((4, 3), 7, rng)
inputs = {"DY": ("N", 4), "X": ("N", 3), "indptr": example.indptr, "indices": example.indices}
check_function(gradient_on_support, librarys_gradient, inputs, hint="one number a weight, in the order of `indices`")

# %% [markdown]
# **3. By columns.** The CSC view of a support needs column pointers: where each column begins when the weights are
# sorted by column. Return these $D + 1$ numbers from `indices` and the number of columns alone.
#
# <details><summary>Hint</summary>
#
# Count how often each column occurs (`np.bincount` has a parameter `minlength`), then proceed as in exercise 1.
#
# </details>


# %%
def column_pointers(indices, D):
    return None  # your answer


# %%
def librarys_column_pointers(indices, D):
    return nv.Support((1, D), np.array([0, len(indices)]), indices).transposed[0]


inputs = {"indices": lambda rng: np.sort(rng.choice(9, 5, replace=False)), "D": 9}
check_function(column_pointers, librarys_column_pointers, inputs, hint="columns without weights count, too")

# %% [markdown]
# **4. Sorting out operations and bytes.** The product $X W^\top$ takes $2 N n$ operations. At the least it has to read
# `data` and `indices` once, $X$ once, and to write $Y$ once. Return the number of operations *a byte* of this, with 4
# bytes a number and row pointers neglected. (Notebook 9 builds on this figure.) Try it for $N = 1$ and for $N = 100$:
# what do you notice?
#
# <details><summary>Hint</summary>
#
# The bytes are $8 n + 4 N D + 4 N K$.
#
# </details>


# %%
def operations_per_byte(N, K, D, nnz):
    return None  # your answer


# %%
def counted(N, K, D, nnz):
    """From arrays that really have these sizes."""
    arrays = [
        np.empty(nnz, np.float32),
        np.empty(nnz, np.int32),
        np.empty((N, D), np.float32),
        np.empty((N, K), np.float32),
    ]
    return 2 * N * nnz / sum(array.nbytes for array in arrays)


inputs = {
    name: (lambda rng, most=most: int(rng.integers(1, most))) for name, most in (("N", 100), ("K", 50), ("D", 70))
}
check_function(operations_per_byte, counted, {**inputs, "nnz": lambda rng: int(rng.integers(1, 500))})

# %% [markdown]
# Solutions are in `tutorials/solutions/06_sparse_matrices.py`. Next: a network of such layers learns.
