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
# # Softmax, losses and stability
#
# **What you'll do**: turn scores into probabilities, make that fail, and repair it; derive the derivative of softmax
# and never build it; put a loss behind it, and watch two formulas that are equal on paper give −1 and "not a number" on
# a computer.
#
# **What you'll learn**: the log-sum-exp trick; why the backward function of a layer does not form the Jacobian matrix;
# why softmax and cross-entropy are one function in every library; which of two equal formulas to execute.
#
# **What you'll need**: notebooks 1 and 2 (shapes; $\mathrm{D}Y$; the generic cotangent). Nothing is downloaded. The
# cells take a few seconds; reading them and doing the exercises, an hour and a half.

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np
import scipy.linalg
import scipy.special
import sympy as sp
from IPython.display import Math

from nerva_py.equations.losses import (
    LOSSES,
    SquaredError,
    binary_cross_entropy_gradient,
    cross_entropy_gradient,
    softmax_cross_entropy,
    softmax_cross_entropy_gradient,
)
from nerva_py.equations.softmax import (
    log_softmax,
    softmax,
    softmax_backward,
    softmax_backward_paper,
    softmax_definition,
    softmax_jacobian,
)
from nerva_py.matrix import log_sigmoid
from nerva_py.verify import IndexedMatrix, WrittenMatrix, check_backward, check_function, equal, latex

# %% [markdown]
# ## From scores to probabilities
#
# The last layer of a network that is to tell $K$ classes apart gives $K$ numbers, the *scores* of a sample (also called
# *logits*). They may be any numbers. Probabilities may not: they are positive and add up to 1. *Softmax* makes all
# scores positive, and then divides by their sum:
#
# $$y_k = \frac{e^{z_k}}{\sum_{j=1}^{K} e^{z_j}} .$$
#
# A batch of scores $Z$ is $(N, K)$, a row for each sample, and softmax works on each row. In matrix form the sum of a
# row is $e^Z\, \mathbf{1}_K$, a column $(N, 1)$, and it is repeated over the $K$ columns:

# %%
N, K = sp.symbols("N K", integer=True, positive=True)
softmax_definition(WrittenMatrix("Z", N, K))

# %%
Z = np.array([[2.0, 1.0, 0.0, -1.0], [5.0, 5.0, 5.0, 5.0]])
Y = softmax_definition(Z)
print(np.round(Y, 3))
assert np.allclose(Y.sum(axis=1), 1)
assert np.allclose(Y[0, :-1] / Y[0, 1:], np.e)  # a score that is larger by 1 makes a class e times as probable

# %% [markdown]
# The second row would be the same for the scores 0, 0, 0, 0, and that will save us: only *differences* of scores
# matter. Adding the same number $c$ to all scores of a row multiplies numerator and denominator with $e^c$, and changes
# nothing.
#
# ## Overflow
#
# On a computer it does change something.

# %%
with np.errstate(over="ignore", invalid="ignore"):
    broken = softmax_definition(np.array([[1000.0, 999.0, 0.0]]))
print("scores 1000, 999, 0:", broken)
print("largest x with a finite e^x: about", np.log(np.finfo(np.float64).max), "in float64,", end=" ")
print(np.log(np.finfo(np.float32).max), "in float32")
assert np.isnan(broken[0, 0])

# %% [markdown]
# $e^{1000}$ is too large for a float64, so it becomes infinite, and infinite by infinite is not a number. In float32,
# in which networks are trained, scores above 88 are enough. At the other end, if all scores are below −88 or so, the
# sum of the exponentials is so small that one divided by it is infinite; below −104 the exponentials themselves become
# 0, and 0 times infinite is not a number either.
#
# The way out: of each row subtract its largest element, which changes nothing (see above). Then the largest exponential
# is $e^0 = 1$, none overflows, and the sum is at least 1.

# %%
print(inspect.getsource(softmax))
stable = softmax(np.array([[1000.0, 999.0, 0.0]]))
print(stable)
assert np.allclose(stable, [[1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1)), 0]])

# %%
shift = np.arange(-130, 131, dtype=np.float32).reshape(-1, 1)
Z = np.hstack([shift, shift - 1])  # two scores, the first larger by 1, somewhere on the number line
assert Z.dtype == np.float32
with np.errstate(all="ignore"):
    by_definition, by_library = softmax_definition(Z)[:, 0], softmax(Z)[:, 0]

figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.plot(shift, by_library, color="#4477aa", linewidth=5, alpha=0.4, label="largest element subtracted")
ax.plot(shift, by_definition, color="#ee6677", label="by definition")
ax.fill_between(
    shift[:, 0], 0, 1, where=~np.isfinite(by_definition), color="#ee6677", alpha=0.15, label="infinite or not a number"
)
ax.set(xlabel="first score (the second is less by 1), float32", ylabel="probability of the first", ylim=(0, 1))
ax.legend(loc="lower center")
assert np.allclose(by_library, by_library[0])
assert not np.isfinite(by_definition[[0, -1]]).any()

# %% [markdown]
# Both are the same function on paper. Is it? "Subtracting the maximum changes nothing" was shown for a constant, but
# the maximum depends on $Z$. `equal` compares two matrices of *symbolic size*; what it returns is their difference, and
# an empty one means: equal, for every $N$ and $K$. (In that proof the maximum is *any* number. How this works is the
# subject of notebook 5.)

# %%
Z = IndexedMatrix.symbol("Z", N, K)
assert equal(softmax(Z), softmax_definition(Z)) == {}
equal(softmax(Z), softmax_definition(Z))

# %% [markdown]
# ## Log-sum-exp
#
# Losses need the logarithm of probabilities, and there the same thing happens once more. From the definition,
#
# $$\log y_k = z_k - \operatorname{lse}(z), \qquad \operatorname{lse}(z) = \log \sum_j e^{z_j} .$$
#
# This function, *log-sum-exp*, is a smooth version of the maximum: it lies between $\max z$ and $\max z + \log K$. Its
# stable form is the same trick, $\operatorname{lse}(z) = m + \log \sum_j e^{z_j - m}$ with $m = \max z$. What is under
# the logarithm is then between 1 and $K$: no overflow, and no logarithm of 0.
#
# The logarithm of a stable softmax, on the other hand, is not stable: a small probability becomes 0, and its logarithm
# $-\infty$.

# %%
z = np.array([[0.0, 800.0]])
with np.errstate(divide="ignore"):
    print("log(softmax(z)):", np.log(softmax(z)))
print("log_softmax(z): ", log_softmax(z))
assert np.allclose(log_softmax(z), [[-800, 0]])

# %% [markdown]
# So the library has three functions where mathematics has one: `softmax`, `log_softmax`, and the log-softmax inside the
# loss. Each of them is proved to be equal to its definition.
#
# ## The derivative of softmax
#
# With $S = \sum_j e^{z_j}$, the quotient rule gives
#
# $$\frac{\partial y_j}{\partial z_q} = \frac{\delta_{jq}\, e^{z_j}}{S} - \frac{e^{z_j}\, e^{z_q}}{S^2} = \delta_{jq}\, y_j - y_j\, y_q ,$$
#
# where $\delta_{jq}$ (Kronecker's delta) is 1 if $j = q$, and 0 if not. As a matrix, this is the *Jacobian* of softmax,
# $J = \operatorname{Diag}(y) - y^\top y$ for a row $y$.

# %%
z = np.array([[2.0, 1.0, 0.0, -1.0]])
J = softmax_jacobian(z)
assert np.allclose(J, J.T)
assert np.allclose(J.sum(axis=1), 0)  # adding one number to all scores changes nothing
assert np.linalg.eigvalsh(J).min() > -1e-12
np.round(J, 3)

# %% [markdown]
# Each entry of $y$ depends on each entry of $z$. For a batch, the derivative of $Y$ by $Z$ has $NK \cdot NK$ entries,
# nearly all of them 0, since samples do not know of each other. To train we do not need it. We need $\mathrm{D}Z$,
# given $\mathrm{D}Y$:
#
# $$(\mathrm{D}Z)_{iq} = \sum_j (\mathrm{D}Y)_{ij}\, (\delta_{jq}\, y_{iq} - y_{ij}\, y_{iq})
#  = y_{iq} \Big( (\mathrm{D}Y)_{iq} - \sum_j (\mathrm{D}Y)_{ij}\, y_{ij} \Big) .$$
#
# The bracket contains one number for each row. So what looked like a $K \times K$ matrix for each sample is two
# products entry by entry and a sum:

# %%
Y, DY = WrittenMatrix("Y", N, K), WrittenMatrix(r"\mathrm{D}Y", N, K)
softmax_backward(Y, DY)

# %%
rng = np.random.default_rng(3)
z, dy = rng.standard_normal((1, 4)), rng.standard_normal((1, 4))
assert np.allclose(softmax_backward(softmax(z), dy), dy @ softmax_jacobian(z))

scores = rng.standard_normal((3, 5))
figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.6), layout="constrained")
one = left.imshow(softmax_jacobian(scores[:1]), cmap="RdBu_r", vmin=-0.25, vmax=0.25)
left.set(title="Jacobian of one sample, K = 5", xlabel="derivative by score q", ylabel="of probability j")
right.imshow(scipy.linalg.block_diag(*map(softmax_jacobian, np.split(scores, 3))), cmap="RdBu_r", vmin=-0.25, vmax=0.25)
right.set(
    title="of a batch, N = 3: never made", xlabel="derivative by (sample, score)", ylabel="of (sample, probability)"
)
right.set(xticks=range(0, 15, 5), yticks=range(0, 15, 5))
figure.colorbar(one, ax=[left, right], label="derivative")
assert softmax_jacobian(scores[:1]).shape == (5, 5)

# %% [markdown]
# In the literature the row sums are often written as a diagonal, because that is shorter:

# %%
softmax_backward_paper(Y, DY)

# %% [markdown]
# The two are equal, and they are not the same: this one multiplies an $N \times K$ with a $K \times N$ matrix, to throw
# all of the product away but its diagonal. For $N = 10\,000$ samples it needs 800 MB. The library executes the first,
# keeps the second beside it, and proves that they agree:

# %%
Y, DY = IndexedMatrix.symbol("Y", N, K), IndexedMatrix.symbol("DY", N, K)
assert equal(softmax_backward(Y, DY), softmax_backward_paper(Y, DY)) == {}

# %% [markdown]
# ## Losses
#
# A loss compares the answers $Y$ with the targets $T$, both $(N, K)$: a number for each sample, $(N, 1)$, whose sum over the
# batch training makes smaller. These are the library's losses of the samples, with the gradients of their sums, printed from
# the functions that are executed:

# %%
Y, T = WrittenMatrix("Y", N, K), WrittenMatrix("T", N, K)
rows = [
    rf"\text{{{name}}} & {latex(loss.samples, Y, T)} \\ \quad\text{{gradient}} & {latex(loss.gradient, Y, T)} \\[6pt]"
    for name, loss in LOSSES.items()
    if not loss.averaged
]
Math(r"\begin{array}{ll}" + "".join(rows) + r"\end{array}")

# %% [markdown]
# For classes, the target is a row with a 1 at the right class and 0 elsewhere (*one-hot*). The *cross-entropy*
# $-\sum t_{ij} \log y_{ij}$ then is minus the logarithm of the probability that the network gave to the right class: 0
# for a probability of 1, 0.69 for a half, 4.6 for one in a hundred, infinite for 0.
#
# ## Why softmax and cross-entropy belong together
#
# **They simplify.** Put $\log y_{ij} = z_{ij} - \operatorname{lse}(z_i)$ into the cross-entropy, and differentiate:
#
# $$\frac{\partial}{\partial z_{pq}} \Big( -\sum_j t_{pj} \big(z_{pj} - \operatorname{lse}(z_p)\big) \Big) = -t_{pq} + \Big(\sum_j t_{pj}\Big)\, y_{pq} .$$
#
# For targets that add up to 1 in each row, $\mathrm{D}Z = Y - T$: what the network says, minus what is true. It is the
# same as the gradient of the cross-entropy sent through the backward function of softmax, for every size:

# %%
Z, T = IndexedMatrix.symbol("Z", N, K), IndexedMatrix.symbol("T", N, K)


def in_two_steps(Z, T):
    """DZ of cross-entropy behind a softmax layer, as two layers that do not know of each other."""
    Y = softmax(Z)
    return softmax_backward(Y, cross_entropy_gradient(Y, T))


assert equal(in_two_steps(Z, T), softmax_cross_entropy_gradient(Z, T)) == {}

# %% [markdown]
# **They are stable together only.** Here is a network that is sure, and wrong: the right class has the score 0, the
# other one $m$. In exact arithmetic, loss and gradient are simple: the loss is $\log(1 + e^m) \approx m$, the
# derivative by the score of the right class is near $-1$. In float32:

# %%
m = np.linspace(0, 130, 261, dtype=np.float32).reshape(-1, 1)
Z, T = np.hstack([np.zeros_like(m), m]), np.hstack([np.ones_like(m), np.zeros_like(m)])
with np.errstate(all="ignore"):
    loss_two = -np.log(softmax(Z)[:, 0])
    gradient_two = in_two_steps(Z, T)[:, 0]
loss_one = softmax_cross_entropy(Z, T)[:, 0]
gradient_one = softmax_cross_entropy_gradient(Z, T)[:, 0]

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for ax, one, two, name in (
    (left, loss_one, loss_two, "loss"),
    (right, gradient_one, gradient_two, "derivative by the score of the right class"),
):
    ax.plot(m, one, color="#4477aa", linewidth=5, alpha=0.4, label="one function")
    ax.plot(m, two, color="#ee6677", label="two steps")
    bad = ~np.isfinite(two)
    ax.fill_between(m[:, 0], *ax.get_ylim(), where=bad, color="#ee6677", alpha=0.15, label="infinite or not a number")
    ax.set(xlabel="score of the wrong class", ylabel=name)
left.legend()
assert np.isfinite(loss_one).all()
assert np.isfinite(gradient_one).all()
assert np.isinf(loss_two[-1])
assert np.isnan(gradient_two[-1])
print("at m = 130:", loss_one[-1], "and", gradient_one[-1], "- in two steps", loss_two[-1], "and", gradient_two[-1])

# %% [markdown]
# In two steps, the probability becomes 0, its reciprocal infinite, and infinite times 0 not a number. One such sample
# in one batch, and all weights of the network are "not a number" for ever. That is why libraries offer the two as one
# function, applied to scores, and why the last layer of a classifier in this library is `Linear`, with the loss
# `SoftmaxCrossEntropy`.
#
# **They learn from mistakes.** What if we take the squared error of the probabilities instead? Then the gradient is
# sent through softmax's backward function, which multiplies by $y$. A network that is sure and wrong has a $y$ near 0,
# so it gets hardly any gradient, where it has most to learn:

# %%
m = np.linspace(-10, 10, 201).reshape(-1, 1)
Z, T = np.hstack([np.zeros_like(m), m]), np.hstack([np.ones_like(m), np.zeros_like(m)])
Y = softmax(Z)
squared = softmax_backward(Y, SquaredError.gradient(Y, T))[:, 0]
cross = softmax_cross_entropy_gradient(Z, T)[:, 0]

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.plot(m, cross, color="#4477aa", label="softmax cross-entropy")
ax.plot(m, squared, "--", color="#ee6677", label="squared error of probabilities")
ax.set(xlabel="score of the wrong class minus that of the right one", ylabel="derivative by the right one's score")
ax.text(-9.5, -0.12, "right and sure")
ax.text(5.5, -0.14, "wrong and sure")
ax.grid(alpha=0.25)
ax.legend(loc="lower left")
assert cross[-1] < -0.99
assert abs(squared[-1]) < 1e-3

# %% [markdown]
# ### How accurate is the stable form?
#
# Not in every sense. If the network is right and sure, the loss is about $e^{-m}$. It is computed as a difference of
# two scores, and a number that is much smaller than the rounding error of a score is lost:

# %%
z, t = np.array([[20.0, 0.0]], np.float32), np.array([[1.0, 0.0]], np.float32)
computed = abs(softmax_cross_entropy(z, t).item())
print("computed", computed, " exact", np.log1p(np.exp(-20)))
assert abs(computed - np.log1p(np.exp(-20))) < 1e-6

# %% [markdown]
# The *absolute* error is small, the *relative* one is 100 %. For training this does no harm. "Stable" always means: in
# which sense?
#
# ## Two classes: sigmoid
#
# For two classes with the scores $z$ and 0, softmax is $y = e^z / (e^z + 1) = \sigma(z)$, the *sigmoid*, and all is the
# same: the loss has to contain the sigmoid, $\log \sigma(z) = \min(z, 0) - \log(1 + e^{-|z|})$ never overflows, and the
# gradient of the binary cross-entropy is $\sigma(Y) - T$. It is also the loss for several *independent* yes-or-no
# questions, a column each.

# %%
z = np.array([[-800.0, -1.0, 0.0, 800.0]])
print("log σ(z):", log_sigmoid(z))
T = np.array([[1.0, 1.0, 0.0, 0.0]])
print("gradient:", binary_cross_entropy_gradient(np.clip(z, -30, 30), T))
assert np.allclose(log_sigmoid(z), [[-800, -np.log1p(np.e), -np.log(2), 0]])
pair = np.vstack([z[0, 1:3], [0, 0]]).T
assert np.allclose(softmax(pair)[:, 0], 1 / (1 + np.exp(-z[0, 1:3])))

# %% [markdown]
# ## Exercises
#
# **1. Log-sum-exp.** For $X$ of shape $(N, K)$ return the column $(N, 1)$ of $\log \sum_k e^{x_{ik}}$. The check uses
# scores around ±1000. You may use NumPy, but not SciPy, which has this function.
#
# <details><summary>Hint</summary>
# m = X.max(axis=1, keepdims=True) is a column. Subtract it before exp, and add it after log.
# </details>


# %%
def log_sum_exp(X):
    return None  # your answer


# %%
def scores(rng):
    """Rows of near scores, around 1000 or −1000, and a row of far ones."""
    return rng.choice([-1000, 1000], (4, 1)) + rng.standard_normal((4, 3)) * np.array([[1], [1], [1], [900]])


check_function(
    log_sum_exp,
    lambda X: scipy.special.logsumexp(X, axis=1, keepdims=True),
    {"X": scores},
    hint="subtract the largest element of each row first",
)

# %% [markdown]
# **2. The log-softmax layer.** $Y = \operatorname{log-softmax}(X)$. You get $Y$ and $\mathrm{D}Y$; return
# $\mathrm{D}X$. It is proved for every size, so use the functions of `nerva_py.matrix`.
#
# <details><summary>Hint</summary>
# ∂y_j / ∂x_q = δ_jq − softmax(x)_q. Multiply with DY and sum over j. And softmax(x) is exp(Y).
# </details>

# %%
from nerva_py.matrix import column_repeat, dot, exp, hadamard, rows_sum


def log_softmax_layer_backward(Y, DY):
    return None  # your answer


# %%
check_backward(
    log_softmax,
    log_softmax_layer_backward,
    inputs={"X": ("N", "K")},
    hint="DX = DY − softmax(X) times the sum of each row of DY",
)

# %% [markdown]
# **3. Temperature.** $Y = \operatorname{softmax}(X / \tau)$. A large $\tau$ makes all probabilities alike, a small one
# picks the maximum. $\tau$ is a number. Return $\mathrm{D}X$ and $\mathrm{D}\tau$; you also get $Y$.
#
# <details><summary>Hint</summary>
# With S = X / τ: first DS by softmax_backward. Then S depends on X by a factor 1/τ, and on τ with ∂s/∂τ = −x/τ²; the
# number τ is used by all entries, so the contributions of all are added: dot(A, B) is the sum of all a b.
# </details>


# %%
def temperature_backward(X, tau, Y, DY):
    return None  # your answer


# %%
check_backward(
    lambda X, tau: softmax(X / tau),
    temperature_backward,
    inputs={"X": ("N", "K")},
    parameters={"tau": ()},
    hint="what is used by all entries (τ) gets the sum over all entries",
)

# %% [markdown]
# **4. Label smoothing.** A target of exactly 1 asks for an infinite score. So one often takes
# $T' = (1 - \epsilon)\, T + \epsilon / K$ instead of the one-hot $T$. Return the gradient of the softmax cross-entropy
# with respect to the scores $Y$ with these targets.
#
# <details><summary>Hint</summary>
# What do the rows of T′ add up to?
# </details>


# %%
def smoothed_gradient(Y, T, epsilon):
    return None  # your answer


# %%
check_function(
    smoothed_gradient,
    lambda Y, T, epsilon: softmax_cross_entropy_gradient(Y, (1 - epsilon) * T + epsilon / 4),
    {"Y": (3, 4), "T": lambda rng: np.eye(4)[rng.integers(0, 4, 3)], "epsilon": 0.1},
    hint="rows of T′ add up to 1, so DZ = softmax − T′",
)
