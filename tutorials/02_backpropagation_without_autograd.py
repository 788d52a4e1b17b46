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
# # Backpropagation without autograd
#
# **What you'll do**: derive the three gradients of a linear layer, check them in three ways (with symbols, with finite
# differences, with a proof), train a network with nothing but them, and see a check that accepts almost any formula.
#
# **What you'll learn**: why a gradient has the shape of what it belongs to; how one matrix `DY` carries everything that
# the rest of a network has to say; why a gradient must be checked with a *generic* `DY`, not with a handy loss.
#
# **What you'll need**: notebook 1, partial derivatives and the chain rule. Nothing is downloaded. The cells take less
# than a minute; reading them and doing the exercises, an hour and a half.

# %%
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp

import nerva_py as nv
from nerva_py.equations.activations import HyperbolicTangent, ReLU
from nerva_py.equations.batch_norm import batch_norm, batch_norm_backward
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.equations.losses import SoftmaxCrossEntropy
from nerva_py.matrix import columns_sum, dot, hadamard, inv_sqrt, row_repeat
from nerva_py.verify import WrittenMatrix, check_backward, check_function, check_layer, concrete, latex

# %% [markdown]
# ## What is asked for
#
# Training makes a number smaller, the *loss* $\mathcal{L}$: how far the answers $Y$ of a network are from what they
# should be. It depends on every weight, and what training needs is how: for each weight $w_{kd}$ the derivative
# $\partial\mathcal{L} / \partial w_{kd}$. These derivatives, arranged like the weights, are the *gradient* with respect
# to $W$. We write it $\mathrm{D}W$:
#
# $$(\mathrm{D}W)_{kd} = \frac{\partial \mathcal{L}}{\partial w_{kd}} .$$
#
# **A gradient has the shape of what it belongs to**: $\mathrm{D}W$ is $(K, D)$ like $W$, $\mathrm{D}b$ is $(1, K)$ like
# $b$, $\mathrm{D}X$ is $(N, D)$ like $X$, and $\mathrm{D}Y$ is $(N, K)$ like $Y$.
#
# A layer somewhere in a network does not know the loss. It knows its inputs $X$, its parameters $W$ and $b$, its
# outputs $Y$. After it come other layers and at the end the loss; all of this together is some function of $Y$, and all
# that the layer has to know of it is its gradient $\mathrm{D}Y$. So the task of a layer is:
#
# > **Given** $\mathrm{D}Y$. **Wanted** $\mathrm{D}W$ and $\mathrm{D}b$, to train with, and $\mathrm{D}X$, which is the
# > $\mathrm{D}Y$ of the layer before.
#
# Handing $\mathrm{D}Y$ on from the last layer to the first one is all that *backpropagation* is.
#
# ## Deriving the three gradients
#
# The chain rule: $\mathcal{L}$ depends on $w_{pq}$ through all entries of $Y$, so the derivatives along all of them are
# added:
#
# $$\frac{\partial \mathcal{L}}{\partial w_{pq}} = \sum_{i=1}^{N} \sum_{k=1}^{K} (\mathrm{D}Y)_{ik} \, \frac{\partial y_{ik}}{\partial w_{pq}},
# \qquad\text{where}\qquad y_{ik} = \sum_{d=1}^{D} x_{id}\, w_{kd} + b_k .$$
#
# **The weights.** In $y_{ik}$ there are the weights of neuron $k$ only. So $\partial y_{ik} / \partial w_{pq}$ is
# $x_{iq}$ if $k = p$, and 0 if not. Of the sum over $k$ one term is left:
#
# $$(\mathrm{D}W)_{pq} = \sum_{i} (\mathrm{D}Y)_{ip}\, x_{iq} .$$
#
# The sum runs over the first index of both, so as a matrix product the left factor is transposed:
# $\mathrm{D}W = \mathrm{D}Y^\top X$. Shapes: $(K, N)\,(N, D) = (K, D)$, those of $W$.
#
# **The bias.** $\partial y_{ik} / \partial b_q$ is 1 if $k = q$, and 0 if not:
# $(\mathrm{D}b)_q = \sum_i (\mathrm{D}Y)_{iq}$, the sum of each column, in matrix form
# $\mathrm{D}b = \mathbf{1}_N^\top\, \mathrm{D}Y$. In the forward direction $b$ was *repeated* over the samples;
# backwards, the samples are *added up*. This is always so: what is repeated forwards is summed backwards.
#
# **The input.** $\partial y_{ik} / \partial x_{pq}$ is $w_{kq}$ if $i = p$, and 0 if not:
# $(\mathrm{D}X)_{pq} = \sum_k (\mathrm{D}Y)_{pk}\, w_{kq}$, that is $\mathrm{D}X = \mathrm{D}Y\, W$. Shapes:
# $(N, K)\,(K, D) = (N, D)$.
#
# These are the formulas of the library, printed by the function that it executes:

# %%
N, D, K = sp.symbols("N D K", integer=True, positive=True)
DY = WrittenMatrix(r"\mathrm{D}Y", N, K)
formulas = latex(linear_backward, WrittenMatrix("X", N, D), WrittenMatrix("W", K, D), DY)
for name, formula in zip(("DX", "DW", "Db"), formulas, strict=True):
    print(f"{name} = {formula}")
WrittenMatrix(r",\qquad ".join(formulas), N, D)

# %% [markdown]
# You may have noticed that the shapes alone leave hardly a choice: of $\mathrm{D}Y$, which is $(N, K)$, and $X$, which
# is $(N, D)$, there is one product of the shape $(K, D)$. That is a good way to remember the formulas. It is no proof:
# it cannot see a sign or a factor, and says nothing where two sizes are equal.
#
# ## A product that waits
#
# Before we go on, a word about the second gradient. $\mathrm{D}Y^\top X$ has a number for each of the $K D$ positions of
# $W$. In this notebook all of them are weights. In a *sparse* layer, the subject of notebook 6, most of them are not, and
# nobody wants to know the gradient of a weight that does not exist. So `linear_backward` does not compute this product.
# It returns the two factors, and waits for the question *where?*

# %%
DW = linear_backward(np.ones((5, 3)), np.ones((2, 3)), np.ones((5, 2)))[1]
print(type(DW).__name__, DW.shape)
DW.on(np.ones((2, 3)))

# %% [markdown]
# An `Outer` is a product that waits: it knows its shape and its two factors, and no entry. `DW.on(W)` asks for the
# entries at the places where $W$ has weights, which for an array is everywhere. (Here each entry is 5, a sum over five
# samples.) It is like a bill that says "5 metres at 3 euros a metre": whoever wants to know the amount can work it out.
# You can read `DW.on(W)` as "the gradient with respect to $W$", and forget about the waiting until there is something to
# save.
#
# ## The generic cotangent
#
# How do we check formulas that are to be right for *every* loss? Replace the loss by the simplest one that has the
# gradient $\mathrm{D}Y$: fix a matrix $\mathrm{D}Y$ of numbers, and take
#
# $$L = \sum_{i,k} (\mathrm{D}Y)_{ik}\, y_{ik} .$$
#
# Its derivative by $w_{pq}$ is the right-hand side of the chain rule above, word for word. So
#
# - the gradients of *any* loss are those of this $L$, if $\mathrm{D}Y$ is that loss's gradient; and
# - formulas that are right for this $L$ with *every* $\mathrm{D}Y$ are right for every loss.
#
# A $\mathrm{D}Y$ about which nothing is assumed is called a *generic cotangent*. ("Cotangent" is the word of
# differential geometry for a gradient that is handed on.) All checks in this library use one.
#
# ## Check 1: symbols
#
# SymPy can differentiate. Two samples, three features, two neurons, each entry of each matrix a symbol, $\mathrm{D}Y$
# too:

# %%
X, W, b = concrete.matrix("x", 2, 3), concrete.matrix("w", 2, 3), concrete.matrix("b", 1, 2)
DY = concrete.matrix("g", 2, 2)
Y = linear(X, W, b)
L = concrete.inner_product(DY, Y)
L

# %% [markdown]
# Differentiate this number by every entry of $W$:

# %%
by_sympy = concrete.gradient(L, W)
by_sympy

# %% [markdown]
# And this is what `linear_backward` returns, the function that trains networks, on the same symbols:

# %%
DX, DW, Db = linear_backward(X, W, DY)
assert by_sympy == DW.on(W)
assert concrete.gradient(L, X) == DX
assert concrete.gradient(L, b) == Db
DW.on(W)

# %% [markdown]
# This is exact: no rounding, and all numbers at once. It is a proof, for these sizes. `check_layer` does it
# for *every* size (how, is the subject of notebook 5), and looks at numbers, too:

# %%
report = check_layer(
    linear,
    lambda X, W, b, DY: linear_backward(X, W, DY),
    inputs={"X": ("N", "D")},
    parameters={"W": ("K", "D"), "b": (1, "K")},
)
assert report
report

# %% [markdown]
# ## Check 2: finite differences
#
# Not everything can be given symbols: compiled code, somebody else's library. But everything can be called with
# numbers. A derivative is a limit, so for a small $h$
#
# $$\frac{\partial L}{\partial x_{pq}} \approx \frac{L(X + h E_{pq}) - L(X - h E_{pq})}{2h},$$
#
# where $E_{pq}$ has a 1 at $(p, q)$ and zeros elsewhere. This needs two evaluations for every entry, so it is for
# checking, not for training.


# %%
def finite_differences(L, X, h=1e-6):
    """∂L/∂X, entry by entry, by central differences."""
    gradient = np.empty_like(X)
    for at in np.ndindex(X.shape):
        E = np.zeros_like(X)
        E[at] = h
        gradient[at] = (L(X + E) - L(X - E)) / (2 * h)
    return gradient


rng = np.random.default_rng(2)
X, W, b = rng.standard_normal((5, 4)), rng.standard_normal((3, 4)), rng.standard_normal((1, 3))
DY = rng.standard_normal((5, 3))
DX, DW, Db = linear_backward(X, W, DY)

errors = {
    "DX": abs(DX - finite_differences(lambda X: dot(DY, linear(X, W, b)), X)).max(),
    "DW": abs(DW.on(W) - finite_differences(lambda W: dot(DY, linear(X, W, b)), W)).max(),
    "Db": abs(Db - finite_differences(lambda b: dot(DY, linear(X, W, b)), b)).max(),
}
for name, error in errors.items():
    print(f"{name}: largest difference {error:.1e}")
assert max(errors.values()) < 1e-7

# %% [markdown]
# `dot(DY, Y)` is the $L$ of above. The gradients agree to nine digits or so, and no better. How small should $h$ be?
# There are two errors: of the *limit*, which falls with $h$, and of *rounding*: $L(X + hE)$ and $L(X - hE)$ are nearly
# equal, so in their difference only few digits are left, and these are divided by $h$. To see both, take a layer that
# is not linear, $Y = \tanh(X W^\top + \mathbf{1}_N b)$. An activation function works entry by entry, and so does its
# gradient: $\mathrm{D}Z = \mathrm{D}Y \odot f'(Z)$, where $\odot$ is the product entry by entry.

# %%
f = HyperbolicTangent()
Z = linear(X, W, b)
DX, _, _ = linear_backward(X, W, f.backward(DY, Z))


def L_of(X):
    return dot(DY, f(linear(X, W, b)))


steps = 10.0 ** np.arange(-14, 0.5, 0.5)
E = np.zeros_like(X)
E[0, 0] = 1
central = [abs((L_of(X + h * E) - L_of(X - h * E)) / (2 * h) - DX[0, 0]) for h in steps]
one_sided = [abs((L_of(X + h * E) - L_of(X)) / h - DX[0, 0]) for h in steps]

figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
ax.loglog(steps, one_sided, "o--", color="#ee6677", label="(L(x + h) − L(x)) / h")
ax.loglog(steps, central, "s-", color="#4477aa", label="(L(x + h) − L(x − h)) / 2h")
ax.set(xlabel="step h", ylabel="error of the derivative")
ax.grid(alpha=0.25)
ax.legend()
assert min(central) < 1e-9
assert min(one_sided) < 1e-6
assert central[0] > 1000 * min(central)
assert central[-1] > 1000 * min(central)

# %% [markdown]
# To the right the error falls with $h$, or with $h^2$ for the central difference, which is why that one is used; to the
# left rounding takes over. The best step is near $10^{-5}$, and about ten of the 16 digits of a float64 are the best
# that one gets. In float32, with 7 digits, few would be left: gradients are checked in float64.
#
# ## Check 3, and what is wrong with it
#
# A check is only as good as its loss. Many tests of gradients, in books and in code, take a handy one:
# $L = \sum_{ij} y_{ij}$, or $L = \tfrac12 \sum_{ij} y_{ij}^2$. Let us see what these accept. The patient is *batch
# normalisation*: subtract from each column of $X$ its mean, divide by its standard deviation, then scale by $\gamma$
# and shift by $\beta$. (Notebook 4 explains what for, and derives its gradient.) The gradient has three terms:
#
# $$\mathrm{D}X = \frac{1}{N \sigma} \Big( N\, \mathrm{D}Z - \underbrace{\textstyle\sum \mathrm{D}Z}_{\text{mean term}} -
# \underbrace{Z \textstyle\sum Z \odot \mathrm{D}Z}_{\text{last term}} \Big), \qquad \mathrm{D}Z = \gamma \odot \mathrm{D}Y,$$
#
# with $\sigma$ the standard deviations and sums over the columns. Here it is with knobs, so that it can be made wrong:


# %%
def with_knobs(Z, variance, gamma, DY, epsilon, mean_term=1, last_term=1, factor=1):
    """DX of batch normalisation if all knobs are at 1."""
    N = Z.shape[0]
    DZ = hadamard(row_repeat(gamma, N), DY)
    inner = (
        N * DZ
        - mean_term * row_repeat(columns_sum(DZ), N)
        - last_term * hadamard(Z, row_repeat(columns_sum(hadamard(Z, DZ)), N))
    )
    return factor * hadamard(row_repeat(inv_sqrt(variance, epsilon) / N, N), inner)


candidates = {
    "right": {},
    "the sign of the last term is wrong": {"last_term": -1},
    "the last term is missing": {"last_term": 0},
    "the mean term is missing": {"mean_term": 0},
    "all of it is 7 times too large": {"factor": 7},
    "it is always zero": {"factor": 0},
}

# %% [markdown]
# The parameters are what they are at the start of training, $\gamma = 1$ and $\beta = 0$. Each of three losses judges
# each candidate: it is accepted if it agrees with finite differences.

# %%
N, D, epsilon = 6, 3, 0.0
X, gamma, beta = rng.standard_normal((N, D)), np.ones((1, D)), np.zeros((1, D))
generic = rng.standard_normal((N, D))
losses = {  # name: the loss of Y, its gradient DY
    "Σ Y": (lambda Y: Y.sum(), lambda Y: np.ones_like(Y)),
    "½ Σ Y²": (lambda Y: 0.5 * (Y**2).sum(), lambda Y: Y),
    "Σ DY ⊙ Y": (lambda Y: dot(generic, Y), lambda Y: generic),
}
Y, Z, _, variance = batch_norm(X, gamma, beta, epsilon)
right, _, _ = batch_norm_backward(Z, variance, gamma, generic, epsilon)
assert np.allclose(with_knobs(Z, variance, gamma, generic, epsilon), right)  # with all knobs at 1 it is the library's

accepted = {}
for loss, (L, gradient) in losses.items():
    measured = finite_differences(lambda X, L=L: L(batch_norm(X, gamma, beta, epsilon)[0]), X)
    for name, knobs in candidates.items():
        DX = with_knobs(Z, variance, gamma, gradient(Y), epsilon, **knobs)
        accepted[name, loss] = bool(abs(DX - measured).max() < 1e-6)

print(f"{'candidate':36}" + "".join(f"{loss:>12}" for loss in losses))
for name in candidates:
    print(f"{name:36}" + "".join(f"{'accepted' if accepted[name, loss] else '-':>12}" for loss in losses))

# %%
assert [name for name in candidates if accepted[name, "Σ DY ⊙ Y"]] == ["right"]
assert sum(accepted[name, "Σ Y"] for name in candidates) == 5
assert sum(accepted[name, "½ Σ Y²"] for name in candidates) == 4

# %% [markdown]
# With $\sum Y$ five of six candidates pass, among them the gradient that is always zero. Why? Each column of $Z$ adds
# up to 0 whatever $X$ is, so $\sum Y$ does not depend on $X$ at all. Its true gradient *is* zero, and so is every
# formula that vanishes for a constant $\mathrm{D}Y$. With $\tfrac12 \sum Y^2$ it is the same, because the squares of
# each column add up to $N$. Both losses are blind, each to other mistakes, and seven times too large escapes both of
# them. The generic cotangent is blind to none.
#
# So: **a gradient is checked with a $\mathrm{D}Y$ that has no relation to $Y$**, with free symbols or, on numbers, with
# random ones. `check_layer` always does; and it says what is wrong, with formulas and, where these are long, with
# numbers to try.


# %%
def normalised(X, gamma, beta):
    return batch_norm(X, gamma, beta, 0.001)[0]


def sign_error(X, gamma, beta, DY):
    _, Z, _, variance = batch_norm(X, gamma, beta, 0.001)
    _, Dgamma, Dbeta = batch_norm_backward(Z, variance, gamma, DY, 0.001)
    return with_knobs(Z, variance, gamma, DY, 0.001, last_term=-1), Dgamma, Dbeta


report = check_layer(normalised, sign_error, inputs={"X": ("N", "D")}, parameters={"gamma": (1, "D"), "beta": (1, "D")})
assert not report["X"].right
assert report["gamma"].right
assert report["beta"].right
report

# %% [markdown]
# ## Backpropagation
#
# Now put layers in a row. A network with two of them, and a loss at the end, forwards:
#
# $$X \;\to\; Z = X W_1^\top + \mathbf{1} b_1 \;\to\; H = f(Z) \;\to\; Y = H W_2^\top + \mathbf{1} b_2 \;\to\; \mathcal{L}(Y, T) .$$
#
# Backwards, each line takes the gradient that the line before it has returned:
#
# $$\mathrm{D}Y \;\to\; \mathrm{D}H, \mathrm{D}W_2, \mathrm{D}b_2 \;\to\; \mathrm{D}Z = \mathrm{D}H \odot f'(Z) \;\to\; \mathrm{D}X, \mathrm{D}W_1, \mathrm{D}b_1 .$$
#
# The loss that is used for classes is called softmax cross-entropy and is the subject of notebook 3. Here it is enough
# that the library knows its value and its gradient, and that $T$ has a row for each sample, with a 1 at the right
# class.

# %%
data = nv.load_dataset("digits")
X, T = data.Xtrain / 16.0, np.eye(10)[data.Ttrain]
f = ReLU()


def forward(X, parameters):
    """Y, and what the way back needs."""
    W1, b1, W2, b2 = parameters
    Z = linear(X, W1, b1)
    H = f(Z)
    return linear(H, W2, b2), Z, H


def backward(X, parameters, Z, H, DY):
    """The gradients of the four parameters."""
    W1, _, W2, _ = parameters
    DH, DW2, Db2 = linear_backward(H, W2, DY)
    DZ = f.backward(DH, Z)
    _, DW1, Db1 = linear_backward(X, W1, DZ)  # nobody asks for DX of the first layer
    return DW1.on(W1), Db1, DW2.on(W2), Db2


parameters = [0.1 * rng.standard_normal(shape) for shape in ((32, 64), (1, 32), (10, 32), (1, 10))]
Y, Z, H = forward(X, parameters)
gradients = backward(X, parameters, Z, H, SoftmaxCrossEntropy.mean_gradient(Y, T))
[gradient.shape for gradient in gradients]

# %% [markdown]
# Is it right? A network made by the library of the same weights must have the same gradients. Its `forward` returns $Y$
# and the *tapes*: for each layer what that one needs on the way back, which above were `Z` and `H`.

# %%
W1, b1, W2, b2 = parameters
network = nv.exchange.from_scipy([W1, W2], [b1[0], b2[0]], "ReLU;Linear")
outputs, tapes = network.forward(X)
of_the_library = network.gradients(tapes, SoftmaxCrossEntropy.mean_gradient(outputs, T))
for mine, parameter, theirs in zip(gradients, network.parameters(), of_the_library, strict=True):
    theirs = theirs.toarray() if hasattr(theirs, "toarray") else theirs
    assert np.allclose(mine, theirs)
    print(parameter.name, mine.shape, "largest difference:", abs(mine - theirs).max())

# %% [markdown]
# The library, too, consists of these lines. And that is enough to train. *Gradient descent* goes a small step against
# the gradient, again and again. A small part of the pictures is enough to know roughly where to go, so each step takes
# another batch of about a hundred. When all pictures have had their turn, an *epoch* is over.

# %%
losses, learning_rate = [], 0.5
for _ in range(10):
    for rows in np.array_split(rng.permutation(len(X)), 14):
        Y, Z, H = forward(X[rows], parameters)
        losses.append(SoftmaxCrossEntropy(Y, T[rows]) / len(rows))
        DY = SoftmaxCrossEntropy.mean_gradient(Y, T[rows])
        for parameter, gradient in zip(parameters, backward(X[rows], parameters, Z, H, DY), strict=True):
            parameter -= learning_rate * gradient

figure, ax = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
ax.plot(losses, color="#4477aa")
ax.set(xlabel="step", ylabel="mean loss of the batch", ylim=(0, None))
ax.grid(alpha=0.25)
Y, _, _ = forward(data.Xtest / 16.0, parameters)
accuracy = np.mean(Y.argmax(axis=1) == data.Ttest)
print(f"{accuracy:.1%} of the test pictures are recognised after {len(losses)} steps")
assert np.mean(losses[-14:]) < 0.25 * losses[0]
assert accuracy > 0.88

# %% [markdown]
# No autograd, no graph: two functions that stand beside each other, what the first one notes for the second, and a check
# that they belong together.
#
# ## Exercises
#
# The backward functions are checked by proof, for every size. So they must be written with what works on symbols: `@`,
# `.T`, `+`, `-`, `hadamard`, `columns_sum`, and so on, not with functions of NumPy. Where $X$ occurs twice in $Y$, the
# gradients along both ways are added.
#
# **1. The product entry by entry.** $Y = A \odot B$. Return $\mathrm{D}A$ and $\mathrm{D}B$.
#
# <details><summary>Hint</summary>
# One entry: y = a b. What is ∂y/∂a?
# </details>


# %%
def hadamard_backward(A, B, DY):
    return None  # your answer


# %%
check_backward(
    lambda A, B: hadamard(A, B),
    hadamard_backward,
    inputs={"A": ("N", "D"), "B": ("N", "D")},
    hint="the derivative of a b by a is b",
)

# %% [markdown]
# **2. A residual layer.** $Y = X + f(X W^\top)$ with $f$ = ReLU and $W$ of shape $(D, D)$. Return $\mathrm{D}X$ and
# $\mathrm{D}W$. The activation function has been made above; `f.backward(DY, Z)` is $\mathrm{D}Y \odot f'(Z)$.
#
# <details><summary>Hint</summary>
# With Z = X Wᵀ: first DZ, then DW as in a linear layer. X reaches Y along two ways: directly, and through Z.
# </details>


# %%
def residual_backward(X, W, DY):
    return None  # your answer


# %%
check_backward(
    lambda X, W: X + f(X @ W.T),
    residual_backward,
    inputs={"X": ("N", "D")},
    parameters={"W": ("D", "D")},
    hint="DX is a sum: DY itself, and what comes back through Z",
)

# %% [markdown]
# **3. There and back.** An autoencoder with tied weights uses one $W$, $(K, D)$, twice: $Y = (X W^\top)\, W$. Return
# $\mathrm{D}X$ and $\mathrm{D}W$.
#
# <details><summary>Hint</summary>
# Call H = X Wᵀ. The last step, Y = H W, gives DH and one part of DW; the first step gives the other part, from DH.
# </details>


# %%
def tied_backward(X, W, DY):
    return None  # your answer


# %%
check_backward(
    lambda X, W: X @ W.T @ W,
    tied_backward,
    inputs={"X": ("N", "D")},
    parameters={"W": ("K", "D")},
    hint="W occurs twice; both parts of DW have the shape (K, D)",
)

# %% [markdown]
# **4. A derivative without subtraction.** Finite differences lose half of the digits to a subtraction. Many functions
# can be evaluated at complex numbers, and $f(x + ih) = f(x) + i h f'(x) - \tfrac12 h^2 f''(x) - \ldots$ shows that the
# *imaginary part*, divided by $h$, is $f'(x)$ up to terms of order $h^2$, with nothing subtracted. So $h$ can be tiny.
# Return $f'(x)$ for a number $x$. The check asks for 13 digits, which no finite difference delivers.
#
# <details><summary>Hint</summary>
# 1j is the imaginary unit, z.imag the imaginary part. With h = 1e−30 the terms of order h² are 0 in float64.
# </details>


# %%
def complex_step(f, x):
    return None  # your answer


# %%
check_function(
    complex_step,
    lambda f, x: np.exp(np.sin(x)) * np.cos(x),
    {"f": lambda rng: lambda x: np.exp(np.sin(x)), "x": ()},
    rtol=1e-13,
    hint="f(x + ih) / h has the derivative in its imaginary part; how small may h be?",
)
