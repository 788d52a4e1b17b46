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
# # Batch normalisation, completely
#
# **What you'll do**: take batch normalisation apart into four steps so small that each derivative is a line; prove each
# of them; put them together, and simplify, until you arrive at the three terms that the library executes. Then use it:
# in training, and in evaluation, where it is another function.
#
# **What you'll learn**: how to derive the backward function of *any* layer, by cutting it into pieces; what the
# gradient of a normalised layer looks like; what the $\epsilon$ is for; why a network behaves differently while it is
# trained.
#
# **What you'll need**: notebooks 1 and 2 ($\mathrm{D}Y$, `check_layer`). Nothing is downloaded. The cells take about a
# minute; reading them and doing the exercises, two hours.

# %%

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp

import nerva_py as nv
from nerva_py import plots
from nerva_py.equations.batch_norm import (
    batch_norm,
    batch_norm_backward,
    batch_norm_evaluation,
    running_average,
    standardize,
)
from nerva_py.matrix import columns_mean, columns_sum, hadamard, inv_sqrt, ones, row_repeat
from nerva_py.verify import IndexedMatrix, WrittenMatrix, check_backward, check_function, check_layer, equal, latex

rng = np.random.default_rng(4)

# %% [markdown]
# ## What it does
#
# Two features of 300 people: height in centimetres, and body fat as a fraction. They live on scales that differ by a
# factor of 200, and far from 0. A step of gradient descent that is right for one of them is wrong for the other. Batch
# normalisation brings each feature, that is each *column* of $X$, to mean 0 and variance 1, over the samples of the
# batch.

# %%
common = rng.standard_normal((300, 1))
X = np.hstack([170 + 10 * common, 0.25 + 0.05 * (0.6 * common + 0.8 * rng.standard_normal((300, 1)))])
epsilon = 1e-5
Z, mean, variance = standardize(X, epsilon)
print("mean", mean, " variance", variance)

figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained")
for ax, points, name in ((left, X, "X"), (right, Z, "Z")):
    ax.plot(points[:, 0], points[:, 1], ".", color="#4477aa", alpha=0.6)
    ax.set(title=name, xlabel="feature 1", ylabel="feature 2")
    ax.grid(alpha=0.25)
right.set_aspect("equal")
assert np.allclose(Z.mean(axis=0), 0)
assert np.allclose(Z.std(axis=0), 1, atol=0.01)
assert np.isclose(np.corrcoef(X.T)[0, 1], np.corrcoef(Z.T)[0, 1])

# %% [markdown]
# It is shifted and stretched along the axes; the relation between the two features stays as it was. The steps, with $N$
# samples and $D$ features:
#
# $$
# \begin{aligned}
# R &= X - \mathbf{1}_N\, \mu & \mu &= \tfrac1N \mathbf{1}_N^\top X && \text{subtract the mean of each column} \\
# Z &= \big(\mathbf{1}_N\, (\Sigma + \epsilon)^{-1/2}\big) \odot R & \Sigma &= \tfrac1N \mathbf{1}_N^\top (R \odot R) && \text{divide by its standard deviation} \\
# Y &= (\mathbf{1}_N\, \gamma) \odot Z + \mathbf{1}_N\, \beta &&&& \text{scale and shift}
# \end{aligned}
# $$
#
# $\mu$ and $\Sigma$ are rows $(1, D)$. So are $\gamma$ and $\beta$, which are trained: with them the layer can undo
# what it has done, if that is better. The tiny number $\epsilon$ keeps a column of variance 0 from being divided by 0.
#
# **A difference to the linear layer**: there, samples did not know of each other. Here, every sample contributes to the
# mean, so every row of $Y$ depends on every row of $X$. This is what makes the derivative interesting.
#
# ## Cut it into steps
#
# To derive a backward function, write the forward function as a chain of steps, each of which is so simple that its
# derivative is obvious. Then walk back through the chain. Where a matrix was used twice, add what comes back from both
# uses.
#
# ### Step 1: centring
#
# $R = X - \mathbf{1}_N \mu$. An entry $x_{ij}$ is used directly, in $r_{ij}$; and, divided by $N$ and with a minus
# sign, in all $N$ entries of its column. So
# $(\mathrm{D}X)_{ij} = (\mathrm{D}R)_{ij} - \tfrac1N \sum_k (\mathrm{D}R)_{kj}$. That is again centring! We write both
# functions, with the functions of `nerva_py.matrix`, and let them be proved:


# %%
def centre(X):
    return X - row_repeat(columns_mean(X), X.shape[0])


def centre_backward(X, DY):
    return DY - row_repeat(columns_mean(DY), X.shape[0])


report = check_layer(centre, centre_backward, inputs={"X": ("N", "D")})
assert report["X"].all_sizes
report

# %% [markdown]
# ### Step 2: the variance
#
# $\Sigma = \tfrac1N \mathbf{1}_N^\top (R \odot R)$ is a row; its gradient $\mathrm{D}\Sigma$ is a row, too.
# $\partial \Sigma_j / \partial r_{ij} = \tfrac2N r_{ij}$, so
# $\mathrm{D}R = \tfrac2N\, R \odot (\mathbf{1}_N\, \mathrm{D}\Sigma)$. (Summed forwards, repeated backwards.)


# %%
def variance_of(R):
    return columns_mean(hadamard(R, R))


def variance_backward(R, DY):
    N = R.shape[0]
    return 2 * hadamard(R, row_repeat(DY, N)) / N


report = check_layer(variance_of, variance_backward, inputs={"R": ("N", "D")})
assert report["R"].all_sizes
report

# %% [markdown]
# ### Step 3: one over the standard deviation
#
# $s = (\Sigma + \epsilon)^{-1/2}$, entry by entry, has the derivative
# $-\tfrac12 (\Sigma + \epsilon)^{-3/2} = -\tfrac12 s^3$. So
# $\mathrm{D}\Sigma = -\tfrac12\, s \odot s \odot s \odot \mathrm{D}s$.


# %%
def inverse_root(v):
    return inv_sqrt(v, epsilon)


def inverse_root_backward(v, DY):
    s = inverse_root(v)
    return -hadamard(hadamard(s, hadamard(s, s)), DY) / 2


report = check_layer(inverse_root, inverse_root_backward, inputs={"v": (1, "D")})
assert report["v"].all_sizes
report

# %% [markdown]
# ### Step 4: the product
#
# $Z = R \odot (\mathbf{1}_N\, s)$. The product rule, twice; $s$ is repeated forwards, so its gradient is summed.


# %%
def multiply(R, s):
    return hadamard(R, row_repeat(s, R.shape[0]))


def multiply_backward(R, s, DY):
    return hadamard(DY, row_repeat(s, R.shape[0])), columns_sum(hadamard(DY, R))


report = check_layer(multiply, multiply_backward, inputs={"R": ("N", "D"), "s": (1, "D")})
assert report["R"].all_sizes
assert report["s"].all_sizes
report

# %% [markdown]
# ### Back through the chain
#
# $R$ is used twice: in the variance, and in the product. The whole of it:


# %%
def standardized(X):
    R = centre(X)
    return multiply(R, inverse_root(variance_of(R)))


def standardized_backward(X, DY):
    R = centre(X)
    v = variance_of(R)
    s = inverse_root(v)
    DR_product, Ds = multiply_backward(R, s, DY)
    Dv = inverse_root_backward(v, Ds)
    DR_variance = variance_backward(R, Dv)
    return centre_backward(X, DR_product + DR_variance)


report = check_layer(standardized, standardized_backward, inputs={"X": ("N", "D")})
assert report["X"].all_sizes
report

# %% [markdown]
# It is right, for every batch size and every number of features. This is how an automatic differentiator would do it,
# and one could stop here.
#
# ## Simplify
#
# The chain makes nine matrices of the size of $X$. On paper most of them cancel. Take one column and drop its index,
# with $\sigma = \Sigma + \epsilon$, so that $z_i = \sigma^{-1/2} r_i$.
#
# 1. Steps 4, 3 and 2 in one line:
#    $$\mathrm{D}r_i = \sigma^{-1/2}\, \mathrm{D}z_i \;+\; \tfrac2N r_i \cdot \big({-\tfrac12}\big)\, \sigma^{-3/2} \sum_k \mathrm{D}z_k\, r_k .$$
# 2. Collect a factor $\sigma^{-1/2}$. What is left in the second term is $\sigma^{-1} r_i r_k$, and that is $z_i z_k$:
#    $$\mathrm{D}r_i = \sigma^{-1/2} \Big( \mathrm{D}z_i - \tfrac1N z_i \sum_k z_k\, \mathrm{D}z_k \Big) .$$
# 3. Step 1 subtracts the mean over $i$. As $\sum_i z_i = 0$, the mean of the second term is 0, and only that of the
#    first is left:
#    $$\mathrm{D}x_i = \sigma^{-1/2} \Big( \mathrm{D}z_i - \tfrac1N \sum_k \mathrm{D}z_k - \tfrac1N z_i \sum_k z_k\, \mathrm{D}z_k \Big) .$$
#
# Step 2 used $\epsilon$ as it is: nothing was neglected. After the simplification $X$, $R$ and $s$ are not needed any
# more, only $Z$ and $\Sigma$. This is what the library executes (printed from the function, with
# $\mathrm{D}Z = (\mathbf{1}_N \gamma) \odot \mathrm{D}Y$ put in):

# %%
N, D, eps = sp.symbols("N D epsilon", positive=True)
Z_, DY_ = WrittenMatrix("Z", N, D), WrittenMatrix(r"\mathrm{D}Y", N, D)
Sigma_, gamma_ = WrittenMatrix(r"\Sigma", 1, D), WrittenMatrix(r"\gamma", 1, D)
DX_, Dgamma_, Dbeta_ = latex(batch_norm_backward, Z_, Sigma_, gamma_, DY_, eps)
WrittenMatrix(rf"\mathrm{{D}}X = {DX_}", N, D)

# %%
WrittenMatrix(rf"\mathrm{{D}}\gamma = {Dgamma_}, \qquad \mathrm{{D}}\beta = {Dbeta_}", 1, D)

# %% [markdown]
# Is the long chain equal to the short form? On matrices of symbolic size, `equal` returns the difference of the two in
# normal form. An empty one means: equal, for all $N$ and $D$.

# %%
N, D = sp.symbols("N D", integer=True, positive=True)
X_, DY_ = IndexedMatrix.symbol("X", N, D), IndexedMatrix.symbol("DY", N, D)
Z_, _, Sigma_ = standardize(X_, epsilon)
short, _, _ = batch_norm_backward(Z_, Sigma_, ones(X_, 1, D), DY_, epsilon)
assert equal(standardized(X_), Z_) == {}
assert equal(standardized_backward(X_, DY_), short) == {}
equal(standardized_backward(X_, DY_), short)

# %% [markdown]
# And the library's layer as a whole, scale and shift included:


# %%
def normalised(X, gamma, beta):
    return batch_norm(X, gamma, beta, epsilon)[0]


def normalised_backward(X, gamma, beta, DY):
    _, Z, _, variance = batch_norm(X, gamma, beta, epsilon)
    return batch_norm_backward(Z, variance, gamma, DY, epsilon)


NORM = {"inputs": {"X": ("N", "D")}, "parameters": {"gamma": (1, "D"), "beta": (1, "D")}}
report = check_layer(normalised, normalised_backward, **NORM)
assert all(verdict.all_sizes for verdict in report)
report

# %% [markdown]
# ## What the gradient looks like
#
# Adding a constant to a column of $X$ does not change $Y$. So no loss can depend on it, and the gradient has no
# component in this direction: each column of $\mathrm{D}X$ adds up to 0. Multiplying a centred column with a constant
# does not change $Y$ either, if $\epsilon = 0$. So then $\mathrm{D}X$ is perpendicular to $Z$, too. The mean term and
# the last term do nothing but subtract these two components from $\mathrm{D}Z$.

# %%
X, DY = rng.standard_normal((8, 3)), rng.standard_normal((8, 3))
gamma, beta = rng.standard_normal((1, 3)), rng.standard_normal((1, 3))
_, Z, _, variance = batch_norm(X, gamma, beta, 0.0)
DX, _, _ = batch_norm_backward(Z, variance, gamma, DY, 0.0)
print("sums of the columns of DX:    ", DX.sum(axis=0))
print("sums of the columns of Z ⊙ DX:", (Z * DX).sum(axis=0))
assert np.allclose(DX.sum(axis=0), 0)
assert np.allclose((Z * DX).sum(axis=0), 0)

# %% [markdown]
# Of $N$ numbers in a column, two are lost: a batch of two samples has nothing left. With $N = 2$ and $\epsilon = 0$
# each column of $Z$ is $+1$ and $-1$, whatever $X$ is (unless the two are equal), and the gradient is zero. With
# $N = 1$, $Z$ is 0. Batch normalisation needs batches.

# %%
Z, _, variance = standardize(X[:2], 0.0)
print(Z)
assert np.allclose(abs(Z), 1)
assert np.allclose(batch_norm_backward(Z, variance, gamma, DY[:2], 0.0)[0], 0)

# %% [markdown]
# ## Two numerical points
#
# **The same $\epsilon$ in both directions.** If it is left out on the way back, because it is small, the error is small
# only where the variance is large:

# %%
for deviation in (1.0, 0.01, 0.001):
    X = deviation * rng.standard_normal((50, 1))
    DY, one = rng.standard_normal((50, 1)), np.ones((1, 1))
    Z, _, variance = standardize(X, 1e-5)
    right, _, _ = batch_norm_backward(Z, variance, one, DY, 1e-5)
    without, _, _ = batch_norm_backward(Z, variance, one, DY, 0.0)
    error = abs(without - right).max() / abs(right).max()
    print(f"standard deviation {deviation:5}: relative error {error:.1e}")
assert error > 1  # at 0.001

# %% [markdown]
# **The variance in two passes.** The formula $\Sigma = \tfrac1N \sum x^2 - \mu^2$ needs one pass over the data and no
# $R$. It is right on paper, and in float32 it is useless for data far from 0, since it subtracts two large and nearly
# equal numbers:

# %%
noise = rng.standard_normal((1000, 1)).astype(np.float32)
print(" offset   Σ x²/N − μ²   library")
for offset in (0, 10, 100, 1000, 10_000):
    X = noise + np.float32(offset)
    one_pass = float(np.mean(X**2) - np.mean(X) ** 2)
    two_passes = float(standardize(X, 1e-5)[2][0, 0])
    exact = float(X.astype(np.float64).var())
    print(f"{offset:7}   {one_pass:11.4f}   {two_passes:7.4f}")
    assert abs(two_passes - exact) < 0.01
assert abs(one_pass - exact) > 0.5  # at 10 000

# %% [markdown]
# ## Training and evaluation
#
# A trained network is asked about one picture. A batch of one has $Z = 0$, so the answer would be $\beta$, whatever the
# picture shows. And even in larger batches, nobody wants the answer for one sample to depend on which others are asked
# about at the same time.
#
# So batch normalisation has two modes. In *training* it uses mean and variance of the batch, and keeps an average of
# them over the batches:
#
# $$\text{running} \leftarrow (1 - \mu)\, \text{running} + \mu\, \text{batch} .$$
#
# In *evaluation* it uses these *running* values, which are constants. Then each row of $Y$ depends on its own row of
# $X$ only, and the layer is linear.
#
# In the library these are two methods: `layer.forward(X)` for training, `layer.predict(X)` for evaluation. The first one
# returns $Y$ and a *tape*, on which stands what the way back needs, and here the new running values, too. It does not
# change the layer; `layer.store(tape)` does.

# %%
population = np.array([[170.0, 0.25]]), np.array([[100.0, 0.0025]])  # mean and variance of the two features
layer = nv.network.BatchNormLayer(2, np.float64, momentum=0.1)
means = []
for _ in range(80):
    batch = population[0] + np.sqrt(population[1]) * rng.standard_normal((16, 2))
    _, tape = layer.forward(batch)
    layer.store(tape)
    means.append([batch[:, 0].mean(), layer.mean[0, 0]])

figure, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
ax.plot([mean for mean, _ in means], ".", color="#ee6677", label="mean of the batch")
ax.plot([running for _, running in means], color="#4477aa", label="running mean")
ax.axhline(170, color="black", linewidth=1, linestyle="--", label="of the population")
ax.set(xlabel="batch", ylabel="mean height in cm")
ax.legend()
assert abs(layer.mean[0, 0] - 170) < 4

# %% [markdown]
# The running mean starts at 0 and forgets it: after $n$ batches a share of $(1 - \mu)^n$ is left of the start, that is
# $0.9^{80} \approx 0.0002$.
#
# The *variance* of a batch is too small on average, by the factor $(N - 1) / N$: a batch is nearer to its own mean than
# to that of the population. So for the running variance (and only there) the library multiplies with $N / (N - 1)$.
# With batches of four, that is a difference:

# %%
batches = rng.standard_normal((4, 20_000))  # a batch of four in each column
plain = standardize(batches, 0.0)[2].mean()
print(f"true variance 1; mean of the variances of batches of 4: {plain:.3f}; times 4/3: {plain * 4 / 3:.3f}")
assert 0.73 < plain < 0.77

# %% [markdown]
# A row's neighbours, in both modes:

# %%
batch = population[0] + np.sqrt(population[1]) * rng.standard_normal((4, 2))
other = batch.copy()
other[1:] += 5  # the same first sample among other ones
row = {
    "training": [layer.forward(x)[0][0] for x in (batch, other)],  # of (Y, tape) Y, and of Y the first row
    "evaluation": [layer.predict(x)[0] for x in (batch, other)],
}
for mode, rows in row.items():
    print(f"{mode:10}", *rows)
assert not np.allclose(*row["training"])
assert np.allclose(*row["evaluation"])

# %% [markdown]
# If the running values happen to be those of the batch, both modes are the same function, again for every size:

# %%
X_ = IndexedMatrix.symbol("X", N, D)
gamma_, beta_ = IndexedMatrix.symbol("g", 1, D), IndexedMatrix.symbol("b", 1, D)
Y_, _, mean_, variance_ = batch_norm(X_, gamma_, beta_, epsilon)
assert equal(Y_, batch_norm_evaluation(X_, gamma_, beta_, mean_, variance_, epsilon)) == {}

# %% [markdown]
# ## In a network
#
# The digits, but in a bad state: each pixel is multiplied with a number between 0.01 and 100. Two networks, one of
# which begins with batch normalisation:

# %%
digits = nv.load_dataset("digits")
factors = 10 ** rng.uniform(-2, 2, 64)
bad = nv.from_arrays(
    (digits.Xtrain / 16.0 * factors).astype(np.float32),
    digits.Ttrain,
    (digits.Xtest / 16.0 * factors).astype(np.float32),
    digits.Ttest,
)
networks = {
    "with batch normalisation": nv.mlp("BatchNormalization;ReLU;Linear", [64, 64, 10], seed=1),
    "without": nv.mlp("ReLU;Linear", [64, 64, 10], seed=1),
}
histories = {
    name: nv.train(network, bad, epochs=10, batch_size=100, learning_rate=0.005, seed=1)
    for name, network in networks.items()
}
axes = plots.comparison(histories, "accuracy", "test")
axes.set_ylim(0, 1)
assert histories["with batch normalisation"][-1].test_accuracy > 0.85
assert histories["with batch normalisation"][-1].test_accuracy > histories["without"][-1].test_accuracy

# %% [markdown]
# Same data, same initial weights, same number of steps; only the scale of what the network sees is another one. (One
# could scale the data once and for all, and should. But the outputs of a hidden layer are the inputs of the next one,
# and *their* scale changes while the network is trained.)
#
# To see the two modes once more: the first network on a hundred test pictures, one by one, in evaluation mode and in
# training mode.

# %%
network = networks["with batch normalisation"]
right = {"evaluation": [], "training": []}
for x, t in zip(bad.Xtest[:100], bad.Ttest[:100], strict=True):
    x = x.reshape(1, 64)
    right["evaluation"].append(network.predict(x).argmax() == t)
    right["training"].append(network.forward(x)[0].argmax() == t)
for mode, answers in right.items():
    print(f"{mode:10} mode: {np.mean(answers):.1%} right")
assert np.mean(right["evaluation"]) > 0.8
assert np.mean(right["training"]) < 0.2

# %% [markdown]
# In training mode the network gives the same answer to every picture. Where a network has a switch between the modes,
# forgetting it is a mistake that everybody makes once. Here there is no switch: `predict` always is evaluation.
#
# ## Exercises
#
# **1. Fold it away.** After training, batch normalisation that follows a linear layer, $Z = X W^\top + \mathbf{1}_N b$
# and then `Y = batch_norm_evaluation(Z, gamma, beta, mean, variance, epsilon)`, can be absorbed by it. Return the pair
# $W', b'$ with $Y = X W'^\top + \mathbf{1}_N b'$.
#
# <details><summary>Hint</summary>
# Column k of Y is γ_k (z_k − mean_k) / √(variance_k + ε) + β_k. The factor of z_k multiplies row k of W.
# </details>


# %%
def folded(W, b, gamma, beta, mean, variance, epsilon):
    return None  # your answer


# %%
def folded_reference(W, b, gamma, beta, mean, variance, epsilon):
    """W′ and b′ from what the layers do to the rows of the unit matrix, and to 0."""
    D = W.shape[1]
    at_zero = batch_norm_evaluation(b, gamma, beta, mean, variance, epsilon)
    at_units = batch_norm_evaluation(W.T + b, gamma, beta, mean, variance, epsilon)
    return (at_units - row_repeat(at_zero, D)).T, at_zero


check_function(
    folded,
    folded_reference,
    {
        "W": (4, 3),
        "b": (1, 4),
        "gamma": (1, 4),
        "beta": (1, 4),
        "mean": (1, 4),
        "variance": lambda rng: np.round(rng.uniform(0.5, 2, (1, 4)), 2),
        "epsilon": 0.25,
    },
    hint="the factor γ / √(variance + ε) is a row (1, K), but it multiplies the rows of W, (K, D)",
)

# %% [markdown]
# **2. The average.** A running value starts at `first` and sees `n` batches with the same value `batch`. Return what it
# is then, in one formula, without a loop.
#
# <details><summary>Hint</summary>
# Look at running − batch: each step multiplies it with 1 − momentum.
# </details>


# %%
def running_after(n, first, batch, momentum):
    return None  # your answer


# %%
def running_reference(n, first, batch, momentum):
    for _ in range(n):
        first = running_average(first, batch, momentum)
    return first


check_function(
    running_after,
    running_reference,
    {"n": lambda rng: int(rng.integers(2, 9)), "first": (1, "D"), "batch": (1, "D"), "momentum": 0.1},
    hint="after n steps a share of (1 − momentum)ⁿ is left of the start",
)

# %% [markdown]
# **3. Layer normalisation.** The same by *rows*: each sample is brought to mean 0 and variance 1 over its features,
# `Y = standardize(X.T, epsilon)[0].T`. So it does not need a batch, and there is only one mode. Return $\mathrm{D}X$.
# It is proved for every size.
#
# <details><summary>Hint</summary>
# No new derivation is needed: transpose, use batch_norm_backward with γ = ones(X, 1, N), transpose again.
# </details>


# %%
def layer_norm_backward(X, DY):
    return None  # your answer


# %%
check_backward(
    lambda X: standardize(X.T, epsilon)[0].T,
    layer_norm_backward,
    inputs={"X": ("N", "D")},
    hint="rows of X are columns of Xᵀ, and rows of DY columns of DYᵀ",
)

# %% [markdown]
# **4. RMS normalisation.** Large language models leave the mean out: $Y = X \odot (s\, \mathbf{1}_D^\top)$ with the
# column $s = (\tfrac1D (X \odot X)\, \mathbf{1}_D + \epsilon)^{-1/2}$. Return $\mathrm{D}X$. Use the steps above, by
# rows: `rows_mean`, `column_repeat`.
#
# <details><summary>Hint</summary>
# Steps 2, 3 and 4 without step 1. With the simplification: DX = s ⊙ (DY − Y ⊙ mean of (Y ⊙ DY) over the row).
# </details>

# %%
from nerva_py.matrix import column_repeat, rows_mean


def rms_norm(X):
    s = inv_sqrt(rows_mean(hadamard(X, X)), epsilon)
    return hadamard(X, column_repeat(s, X.shape[1]))


def rms_norm_backward(X, Y, DY):
    return None  # your answer


# %%
check_backward(
    rms_norm,
    rms_norm_backward,
    inputs={"X": ("N", "D")},
    hint="steps 2, 3 and 4, without the centring",
)
