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
# # One neuron to one layer
#
# **What you'll do**: compute what one neuron answers to one picture; then what ten neurons answer to it; then what ten
# neurons answer to 1437 pictures at once. The last of these is one line, and it is the line that the library executes.
#
# **What you'll learn**: to look at shapes before you look at numbers; why a sample is a row and a neuron is a row, too;
# what $Y = X W^\top + \mathbf{1}_N\, b$ says; why a layer needs an activation function.
#
# **What you'll need**: a little Python and NumPy, the product of two matrices. Nothing is downloaded. The cells take
# less than half a minute; reading them and doing the exercises, about an hour.

# %%
import inspect
import time

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp

import nerva_py as nv
from nerva_py.equations.activations import ReLU
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.matrix import row_repeat
from nerva_py.verify import IndexedMatrix, WrittenMatrix, check_function, concrete

# %% [markdown]
# ## One picture, one neuron
#
# The data are handwritten digits, 8 × 8 pixels each. A picture is a *sample*, and its 64 pixels are its *features*.

# %%
data = nv.load_dataset("digits")
X = data.Xtrain / 16.0  # the pixels are 0, ..., 16; now they are numbers from 0 to 1
t = data.Ttrain  # the digit that each picture shows
print(data.describe())
X.shape, t.shape

# %% [markdown]
# A *neuron* has a weight for each feature and one number more, its bias. It multiplies each feature $x_d$ with its
# weight $w_d$, adds up, and adds the bias:
#
# $$y = \sum_{d=1}^{D} x_d\, w_d + b .$$
#
# A large answer $y$ means: this sample is like my weights. So weights can be made by hand. Here is a neuron that is to
# tell zeros from all other digits. Its weights are the mean picture of a zero minus the mean picture of the others, and
# its bias is chosen so that the point half-way between these two pictures gets the answer 0.

# %%
zero, others = X[t == 0].mean(axis=0), X[t != 0].mean(axis=0)
w = zero - others
b = -w @ (zero + others) / 2
x = X[np.flatnonzero(t == 0)[0]]  # the first zero of the data

y = 0.0
for d in range(64):
    y += x[d] * w[d]
y += b
assert y > 0
float(y)

# %% [markdown]
# The answer to a zero is positive. The same for all pictures, and the weights as a picture of their own:

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
image = left.imshow(w.reshape(8, 8), cmap="RdBu_r", vmin=-0.8, vmax=0.8)
left.set(title="the 64 weights", xlabel="column of pixels", ylabel="line of pixels")
figure.colorbar(image, ax=left, label="weight")
answers = X @ w + b
bins = np.linspace(answers.min(), answers.max(), 40)
right.hist(answers[t == 0], bins, density=True, alpha=0.8, label="zeros", color="#4477aa")
right.hist(answers[t != 0], bins, density=True, alpha=0.8, label="other digits", color="#ee6677")
right.set(title="what the neuron answers", xlabel="y", ylabel="density of the pictures")
right.legend()
found = np.mean((answers > 0) == (t == 0))
print(f"the sign of y is right for {found:.1%} of the pictures")
assert found > 0.95

# %% [markdown]
# A zero has ink (red) around and none (blue) in the middle. One neuron, 65 numbers, made without any training.
#
# ## Shapes first
#
# Above, `x` and `w` were *vectors*: arrays with one axis. From now on everything is a **matrix**, with rows and
# columns, and before a line of code is written, its shapes are. This costs nothing and finds most mistakes. What goes
# wrong without it: here are five answers and five targets, and somebody wants the mean squared error.

# %%
answer = np.array([[0.1], [0.9], [0.2], [0.8], [0.4]])  # a column, (5, 1)
target = np.array([0.0, 1.0, 0.0, 1.0, 0.0])  # a vector, (5,)
difference = answer - target
print("shape of the difference:", difference.shape)
computed, right = np.mean(difference**2), np.mean((answer[:, 0] - target) ** 2)
print(f"mean squared error: {computed:.3f}, but it is {right:.3f}")
assert difference.shape == (5, 5)

# %% [markdown]
# NumPy repeated the column and the vector until both were 5 × 5, and every answer met every target. No error, no
# warning, a wrong number. With matrices there is no such guess: a (5, 1) minus a (5, 1) is a (5, 1), and all else is to
# be refused.
#
# These are the names and shapes that this library, and the papers behind it, use throughout:
#
# | matrix | shape | what it is |
# |---|---|---|
# | $X$ | $(N, D)$ | $N$ samples, a row each; $D$ features |
# | $W$ | $(K, D)$ | $K$ neurons, a row each; a weight for every feature |
# | $b$ | $(1, K)$ | a bias for every neuron |
# | $Y$ | $(N, K)$ | the answer of every neuron to every sample |
#
# The one neuron and the one picture of before are the case $N = 1$, $K = 1$.

# %%
x, w, b = x.reshape(1, 64), w.reshape(1, 64), b.reshape(1, 1)
y_matrix = x @ w.T + b  # (1, 64) @ (64, 1) + (1, 1)
assert np.isclose(y_matrix[0, 0], y)
y_matrix.shape

# %% [markdown]
# ## One picture, ten neurons
#
# A *layer* is several neurons that look at the same sample. Neuron $k$ has the weights $w_{k1}, \ldots, w_{kD}$ and the
# bias $b_k$. Written below each other, the weights are a matrix $W$ of shape $(K, D)$, and
#
# $$y_k = \sum_{d=1}^{D} x_d\, w_{kd} + b_k \qquad\text{for } k = 1, \ldots, K .$$
#
# The sum runs over the *second* index of both $x$ (which is $(1, D)$) and $W$. In a matrix product the sum runs over
# the second index of the left factor and the *first* of the right one, so $W$ has to be transposed:
# $y = x\, W^\top + b$, with shapes $(1, D)\,(D, K) + (1, K)$.
#
# Again, a layer made by hand. Neuron $k$ is to answer how near $x$ is to the mean picture $m_k$ of the digit $k$. The
# squared distance is $\lVert x - m_k \rVert^2 = \lVert x \rVert^2 - 2\, x\, m_k^\top + \lVert m_k \rVert^2$. Its first
# term is the same for all $k$, so the nearest mean is the one with the largest
#
# $$y_k = x\, m_k^\top - \tfrac12 \lVert m_k \rVert^2 ,$$
#
# and that is a neuron with the weights $m_k$ and the bias $-\tfrac12 \lVert m_k \rVert^2$. "Find the nearest of ten
# pictures" *is* a linear layer.

# %%
W = np.stack([X[t == k].mean(axis=0) for k in range(10)])  # (10, 64)
b = -0.5 * (W * W).sum(axis=1).reshape(1, 10)  # (1, 10)
y = x @ W.T + b  # (1, 64) @ (64, 10) + (1, 10)
print("answers:", np.round(y, 1))
print("the largest is that of the digit", y.argmax())
assert y.shape == (1, 10)
assert y.argmax() == 0

# %%
figure, axes = plt.subplots(2, 5, figsize=(8, 3.6), layout="constrained")
figure.suptitle("The weights of ten neurons: a row of W each")
for k, ax in enumerate(axes.flat):
    ax.imshow(W[k].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    ax.set(title=f"row {k} of W", xticks=[], yticks=[])

# %% [markdown]
# ## All pictures at once
#
# $N$ samples below each other are $X$, of shape $(N, D)$. Row $i$ of $X W^\top$ is the answer of all neurons to sample
# $i$, and to each of these rows the same $b$ has to be added. The matrix of $N$ rows that are all equal to $b$ is
# $\mathbf{1}_N\, b$, a column of $N$ ones times a row:
#
# $$Y = X W^\top + \mathbf{1}_N\, b, \qquad y_{ik} = \sum_{d=1}^{D} x_{id}\, w_{kd} + b_k .$$
#
# This is the whole linear layer. First as anyone would write it who reads the sum aloud:


# %%
def linear_by_loops(X, W, b):
    """Y, entry by entry."""
    N, D, K = X.shape[0], X.shape[1], W.shape[0]
    Y = np.empty((N, K))
    for i in range(N):  # for each sample
        for k in range(K):  # for each neuron
            Y[i, k] = b[0, k]
            for d in range(D):  # for each feature
                Y[i, k] += X[i, d] * W[k, d]
    return Y


# %% [markdown]
# And this is how the library writes it:

# %%
print(inspect.getsource(linear))

# %% [markdown]
# `row_repeat(b, N)` is $\mathbf{1}_N\, b$. The line that begins with `@primitive` says that a kind of matrix may bring a
# faster way of its own to compute the same; what stands below it is the definition. Are loops and formula the same?
# `check_function` calls both with random matrices of several sizes, all of them different, and compares. You will meet
# it again in the exercises.

# %%
check = check_function(linear_by_loops, linear, {"X": ("N", "D"), "W": ("K", "D"), "b": (1, "K")})
assert check
check

# %% [markdown]
# They answer the same; they do not take the same time. (What is printed depends on your machine.)

# %%
start = time.perf_counter()
Y = linear_by_loops(X[:200], W, b)
loops = time.perf_counter() - start
linear(X[:200], W, b)  # the first call of a compiled function takes longer
start = time.perf_counter()
Y = linear(X[:200], W, b)
matrices = time.perf_counter() - start
print(f"200 pictures: {1000 * loops:.1f} ms with loops, {1000 * matrices:.3f} ms in matrix form")

# %% [markdown]
# The matrix form is not another calculation: it is the same multiplications and additions, handed over in one piece to
# code that knows how to do them fast. That is why this library writes everything for a batch, never for one sample.
#
# How good is "the nearest of ten mean pictures" on pictures that had no part in the means?

# %%
Y = linear(data.Xtest / 16.0, W, b)
accuracy = np.mean(Y.argmax(axis=1) == data.Ttest)
print(f"{accuracy:.1%} of {len(Y)} test pictures are recognised")
assert accuracy > 0.85

# %% [markdown]
# ### What about $\mathbf{1}_N\, b$: is it made?
#
# Not on a computer. `row_repeat` returns a view: an array that claims to have $N$ rows, all of which lie in the same
# memory. So formulas can contain repeated rows and columns freely.

# %%
repeated = row_repeat(b, 5)
print("shape", repeated.shape, " distance between rows in memory:", repeated.strides[0], "bytes")
assert repeated.strides[0] == 0
assert np.array_equal(repeated, np.ones((5, 1)) @ b)

# %% [markdown]
# ## Why rows are samples
#
# Many books have samples as columns: $X$ is $(D, N)$, and $Y = W X + b\, \mathbf{1}_N^\top$. Each convention is the
# transpose of the other, since $(X W^\top)^\top = W X^\top$; neither is wrong. Rows are chosen here because
#
# - a table of data has a line for each sample, and so have files, data frames, scikit-learn and PyTorch;
# - NumPy's first axis is the row, so `X[3]` is a sample, `X[:100]` a batch, and `len(X)` is $N$;
# - a row of $W$ is a neuron. In a *sparse* layer most weights do not exist, and a row then is the list of inputs that
#   the neuron has.
#
# Mixing the two is the classic mistake. Then the shapes do not fit, if you are lucky. If $N = D = K$, they do.
#
# Three facts about rows that we will need. **Samples do not know of each other**: row $i$ of $Y$ depends on row $i$ of
# $X$ alone. So a batch can be cut, shuffled, or taken one by one, and nothing changes.

# %%
rng = np.random.default_rng(0)
order = rng.permutation(len(X))
assert np.allclose(linear(X[order], W, b), linear(X, W, b)[order])
assert np.allclose(linear(X[:1], W, b), linear(X, W, b)[:1])

# %% [markdown]
# **Neurons do not know of each other** either: column $k$ of $Y$ depends on row $k$ of $W$ and on $b_k$ alone.

# %%
assert np.allclose(linear(X, W[2:5], b[:, 2:5]), linear(X, W, b)[:, 2:5])

# %% [markdown]
# And **how a matrix is written is not how it is stored**. $X$ is $(N, D)$ in every formula. NumPy puts the numbers of a
# row side by side in memory; the library, where speed matters, those of a column, because a sparse product then runs
# along the batch. `strides` are the distances in bytes from one row to the next, and from one column to the next. (100
# numbers of 8 bytes are 800; the library leaves a few unused, so that each column begins at a round address.)

# %%
for kind, batch in (("NumPy", X[:100].copy()), ("library", nv.engine.batch_layout(X[:100]))):
    print(
        f"{kind:8} {batch.shape}: next sample after {batch.strides[0]} bytes, next feature after {batch.strides[1]} bytes"
    )
assert batch.strides[0] == batch.itemsize
assert np.array_equal(batch, X[:100])

# %% [markdown]
# ## One equation, many kinds of matrices
#
# `linear` contains no loop, no `np.`, and no test of a type. So it works on everything that can be multiplied and
# added. On matrices of *symbols*:

# %%
linear(concrete.matrix("x", 2, 3), concrete.matrix("w", 2, 3), concrete.matrix("b", 1, 2))

# %% [markdown]
# On matrices of which only the *formula* is known, and what it returns is its own formula (so this one was not typed,
# but printed by the function that is executed):

# %%
N, D, K = sp.symbols("N D K", integer=True, positive=True)
linear(WrittenMatrix("X", N, D), WrittenMatrix("W", K, D), WrittenMatrix("b", 1, K))

# %% [markdown]
# On matrices whose *sizes* are symbols, which is how equations are proved for every size (notebook 5):

# %%
i, k = sp.symbols("i k", integer=True)
linear(IndexedMatrix.symbol("X", N, D), IndexedMatrix.symbol("W", K, D), IndexedMatrix.symbol("b", 1, K)).entry(i, k)

# %% [markdown]
# And on a *sparse* $W$, most of whose weights do not exist: they are not stored, not multiplied, and not trained. Here
# one weight in ten exists. Its gradient, which is the subject of the next notebook, is asked for at the same places
# only: `DW.on(W_sparse)`.

# %%
W_sparse = nv.SparseWeight.random((10, 64), density=0.1, rng=rng)
X_batch, DY = X[:5].astype(np.float32), np.ones((5, 10), np.float32)
Y = linear(X_batch, W_sparse, np.zeros((1, 10), np.float32))
DX, DW, Db = linear_backward(X_batch, W_sparse, DY)
DW = DW.on(W_sparse)
stored = W_sparse.toarray() != 0
print("weights:", W_sparse.nnz, "of", stored.size, " numbers in the gradient:", DW.nnz)
assert W_sparse.nnz == DW.nnz == 64
assert np.allclose(Y, X_batch @ W_sparse.toarray().T, atol=1e-5)
assert np.allclose(DW.toarray(), np.where(stored, DY.T @ X_batch, 0), atol=1e-5)

# %% [markdown]
# ## From one layer to a network
#
# The answers of one layer can be the features of the next. But two linear layers are no more than one:
# $(X W_1^\top)\, W_2^\top = X\, (W_2 W_1)^\top$. So between them each number goes through a function $f$ that is not
# linear, the *activation function*. The most common one is ReLU, $f(z) = \max(0, z)$. With it, a network of two layers
# is
#
# $$Z = X W_1^\top + \mathbf{1}_N\, b_1, \qquad H = f(Z), \qquad Y = H W_2^\top + \mathbf{1}_N\, b_2 .$$

# %%
W1, b1 = rng.standard_normal((16, 64)), rng.standard_normal((1, 16))
W2, b2 = rng.standard_normal((10, 16)), rng.standard_normal((1, 10))
f = ReLU()

Z = linear(X, W1, b1)  # (N, 64) -> (N, 16)
H = f(Z)
Y = linear(H, W2, b2)  # (N, 16) -> (N, 10)
Y.shape

# %% [markdown]
# That is all that the library's network does. Here it is made of the same matrices:

# %%
network = nv.exchange.from_scipy([W1, W2], [b1[0], b2[0]], "ReLU;Linear")
assert np.allclose(network.predict(X), Y)
network

# %% [markdown]
# How its weights are found is the subject of the notebooks that follow. First [their
# gradients](02_backpropagation_without_autograd.ipynb).
#
# ## Exercises
#
# In each exercise replace `return None` by your answer and run the check below it. It tells you what is wrong, and at
# which input. You may use NumPy and everything that was imported above.
#
# **1. The other convention.** With samples as columns, $X$ is $(D, N)$, $W$ is $(K, D)$ and $b$ is $(K, 1)$. Return
# $Y$, of shape $(K, N)$.
#
# <details><summary>Hint</summary>
# Shapes first: which product of W and X is (K, N)? The bias of neuron k belongs into row k, so NumPy repeats it along
# the columns by itself.
# </details>


# %%
def linear_columns(X, W, b):
    return None  # your answer


# %%
check_function(
    linear_columns,
    lambda X, W, b: linear(X.T, W, b.T).T,
    {"X": ("D", "N"), "W": ("K", "D"), "b": ("K", 1)},
    hint="Y is (K, N): which product of W and X has this shape?",
)

# %% [markdown]
# **2. Two layers are one.** $H = X W_1^\top + \mathbf{1}_N b_1$ and $Y = H W_2^\top + \mathbf{1}_N b_2$, without an
# activation function. Return the weights and the bias, as a pair `W, b`, of the one layer with
# $Y = X W^\top + \mathbf{1}_N b$. Shapes: $W_1$ is $(H, D)$, $W_2$ is $(K, H)$.
#
# <details><summary>Hint</summary>
# Put the first equation into the second one and multiply out. What becomes of the row b₁ is what the second layer does
# to it.
# </details>


# %%
def combined_layer(W1, b1, W2, b2):
    return None  # your answer


# %%
check_function(
    combined_layer,
    lambda W1, b1, W2, b2: (W2 @ W1, linear(b1, W2, b2)),
    {"W1": ("H", "D"), "b1": (1, "H"), "W2": ("K", "H"), "b2": (1, "K")},
    hint="(X W₁ᵀ + 1 b₁) W₂ᵀ + 1 b₂ = X (W₂ W₁)ᵀ + 1 (...)",
)

# %% [markdown]
# **3. A bias is a weight.** Some books have no bias: they give every sample one feature more, which is always 1. Return
# the pair $\tilde X$ of shape $(N, D + 1)$ and $\tilde W$ of shape $(K, D + 1)$, with the new feature *last*, such that
# $\tilde X \tilde W^\top = X W^\top + \mathbf{1}_N b$.
#
# <details><summary>Hint</summary>
# <code>np.hstack([A, B])</code> puts two matrices with equally many rows beside each other.
# </details>


# %%
def bias_as_weight(X, W, b):
    return None  # your answer


# %%
check_function(
    bias_as_weight,
    lambda X, W, b: (np.hstack([X, np.ones((len(X), 1))]), np.hstack([W, b.T])),
    {"X": ("N", "D"), "W": ("K", "D"), "b": (1, "K")},
    hint="b is a row (1, K), but in W̃ it becomes the last column, (K, 1)",
)

# %% [markdown]
# **4. All distances, without a loop.** $X$ is $(N, D)$, the rows of $M$, $(K, D)$, are $K$ points. Return the matrix
# $(N, K)$ of the squared distances $\lVert x_i - m_k \rVert^2$, using a matrix product.
#
# <details><summary>Hint</summary>
# Multiply out, as in "One picture, ten neurons". The sum of squares of each row is <code>(X * X).sum(axis=1,
# keepdims=True)</code>, a column (N, 1); of M you need a row (1, K).
# </details>


# %%
def squared_distances(X, M):
    return None  # your answer


# %%
check_function(
    squared_distances,
    lambda X, M: ((X[:, None, :] - M[None, :, :]) ** 2).sum(axis=2),
    {"X": ("N", "D"), "M": ("K", "D")},
    hint="‖x‖² is a column (N, 1), −2 X Mᵀ is (N, K), ‖m‖² is a row (1, K)",
)
