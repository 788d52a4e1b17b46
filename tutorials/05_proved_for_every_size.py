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
# # Proved for every size
#
# **What you'll do**: read a proof that a gradient is right for every batch size and every width of a layer, line by
# line, each line executed; break a gradient so that every test of it passes, and see the proof refuse it; then prove a
# layer of your own.
#
# **What you'll learn**: index notation; how matrices can be calculated with whose sizes are not known; what a proof by
# computer says, and what it does not say.
#
# **What you'll need**: notebook 2 (the generic cotangent); for some examples the softmax of notebook 3. Nothing is
# downloaded. The cells take less than a minute; reading them and doing the exercises, two hours.

# %%
import time

import sympy as sp

from nerva_py.equations.activations import Sigmoid, relu
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.equations.softmax import softmax, softmax_backward
from nerva_py.matrix import apply, columns_mean, columns_sum, hadamard, identity, row_repeat
from nerva_py.verify import (
    IndexedMatrix,
    check_backward,
    check_layer,
    concrete,
    difference,
    gradient_difference,
    inner_product,
    normalize,
    sparse,
    to_sympy,
)
from nerva_py.verify.prover import differentiate

# %% [markdown]
# ## A test at some sizes is not a proof
#
# Centring subtracts from each column its mean. Its gradient is centring, too, as notebook 4 derives:
# $\mathrm{D}X = \mathrm{D}Y - \mathbf{1}_N \tfrac1N \mathbf{1}_N^\top \mathrm{D}Y$. Here it is with a term too many:


# %%
def centre(X):
    return X - row_repeat(columns_mean(X), X.shape[0])


def centre_backward_with_a_trap(X, DY):
    N = X.shape[0]
    trap = (N - 2) * (N - 3) * row_repeat(columns_sum(DY), N)
    return DY - row_repeat(columns_mean(DY), N) + trap


# %% [markdown]
# For $N = 2$ and for $N = 3$ the trap is zero. Check it at these sizes with symbols, which is exact:

# %%
for N, D in ((2, 1), (3, 2), (2, 5), (4, 2)):
    X, DY = concrete.matrix("x", N, D), concrete.matrix("g", N, D)
    expected = concrete.gradient(concrete.inner_product(DY, centre(X)), X)
    right = concrete.first_difference(expected, centre_backward_with_a_trap(X, DY)) is None
    print(f"N = {N}, D = {D}: {'right' if right else 'wrong'}")
assert not right  # at N = 4

# %% [markdown]
# Who tests at 2 and 3 finds nothing. Of course nobody writes such a trap on purpose; but a gradient that is right where
# $N = D$, or where there are at most two classes, is a common mistake. `check_layer` proves for all sizes at once, and
# compares with differences on NumPy at a dozen choices of sizes, up to 100. Here the proof fails, and numbers show why:

# %%
report = check_layer(centre, centre_backward_with_a_trap, inputs={"X": ("N", "D")})
assert not report
report

# %% [markdown]
# Without the trap:

# %%
report = check_layer(centre, lambda X, DY: centre(DY), inputs={"X": ("N", "D")})
assert report["X"].all_sizes
report

# %% [markdown]
# How can a computer know this for *every* $N$ and $D$?
#
# ## Index notation
#
# By doing what one does on paper. A matrix is given by its entries, and an entry by a formula in two indices:
# $(X W^\top)_{ij} = \sum_d x_{id} w_{jd}$. Nothing in it depends on how large $N$, $D$ and $K$ are; they are symbols.
#
# An `IndexedMatrix` consists of three things: the number of rows, the number of columns, and `entry`, a function that
# returns the formula of entry $(i, j)$.

# %%
N, D, K = sp.symbols("N D K", integer=True, positive=True)
i, j, p, q = sp.symbols("i j p q", integer=True)


def readable(formula):
    """The formula with short names for its summation indices, which are numbered internally."""
    internal = sorted(formula.atoms(sp.Dummy), key=str)
    return formula.xreplace(dict(zip(internal, sp.symbols("k l m n r s t u", integer=True), strict=False)))


X, W, b = IndexedMatrix.symbol("X", N, D), IndexedMatrix.symbol("W", K, D), IndexedMatrix.symbol("b", 1, K)
X.shape, X.entry(i, j)

# %% [markdown]
# Transposing exchanges the indices. A product is a sum over a new index. A repeated row forgets its row index. A unit
# matrix is Kronecker's delta, $\delta_{ij} = 1$ for $i = j$, else 0.

# %%
readable(sp.Tuple(X.T.entry(i, j), (X @ W.T).entry(i, j), row_repeat(b, N).entry(i, j), identity(X, N).entry(i, j)))

# %% [markdown]
# The functions of `nerva_py.equations`, which train networks, consist of such operations only. So they run on these
# matrices as they are:

# %%
Y = linear(X, W, b)
readable(Y.entry(i, j))

# %%
readable(softmax(X).entry(i, j))

# %% [markdown]
# (The maximum of a row, which the stable softmax subtracts, has become a symbol of its own, about which nothing is
# known. What is proved for any number holds for the maximum, too.)
#
# ## Differentiating an entry
#
# All derivatives start from one rule: an entry of $X$ depends on itself, and on no other entry,
#
# $$\frac{\partial x_{ij}}{\partial x_{pq}} = \delta_{ip}\, \delta_{jq} .$$
#
# The rest are the rules of school: sums, products, powers, exponentials, the chain rule. The derivative of a sum of
# symbolic length is the sum of the derivatives.

# %%
readable(differentiate(Y.entry(i, j), X.base, (p, q)))

# %% [markdown]
# ## The normal form
#
# Two formulas for the same thing rarely look the same. So both are brought into a *normal form*, in which equal things
# become equal. Its rules, each executed: `difference(left, right)` is the normal form of `left − right`, and empty if
# they are equal.
#
# **A sum over a delta** picks one term: $\sum_i \delta_{ip}\, x_{iq} = x_{pq}$.

# %%
x, y = sp.IndexedBase("x"), sp.IndexedBase("y")
delta = sp.KroneckerDelta
left = sp.Sum(delta(i, p) * x[i, q], (i, 1, N))
assert difference(left, x[p, q]) == {}
to_sympy(normalize(left))

# %% [markdown]
# **What does not depend on the index goes out of the sum**, and a sum of equal terms is a multiple:
# $\sum_i c\, x_{pq} = N c\, x_{pq}$.

# %%
c = sp.Symbol("c")
left = sp.Sum(c * x[p, q], (i, 1, N))
assert difference(left, N * c * x[p, q]) == {}
to_sympy(normalize(left))

# %% [markdown]
# **Names of indices, and the order of sums, do not matter**: $\sum_i \sum_j x_{ij} = \sum_q \sum_p x_{pq}$, if both
# pairs have the same bounds.

# %%
left = sp.Sum(sp.Sum(x[i, j], (j, 1, D)), (i, 1, N))
right = sp.Sum(sp.Sum(x[p, q], (p, 1, N)), (q, 1, D))
assert difference(left, right) == {}

# %% [markdown]
# **A sum falls apart where it can**: $\sum_i \sum_j x_i\, y_j = \big(\sum_i x_i\big) \big(\sum_j y_j\big)$. But
# $\sum_i x_i^2$ is not $\big(\sum_i x_i\big)^2$, and what is not equal must not become equal:

# %%
left = sp.Sum(sp.Sum(x[i] * y[j], (j, 1, N)), (i, 1, N))
right = sp.Sum(x[i], (i, 1, N)) * sp.Sum(y[j], (j, 1, N))
assert difference(left, right) == {}
squares, square = sp.Sum(x[i] ** 2, (i, 1, N)), sp.Sum(x[i], (i, 1, N)) ** 2
assert difference(squares, square) != {}
readable(to_sympy(difference(squares, square)))

# %% [markdown]
# **Exponentials and powers** follow their laws: $e^{a + b} = e^a e^b$, and so the maximum $m$ of a stable softmax
# cancels.

# %%
m = sp.IndexedBase("m")
stable = sp.exp(x[i] - m[p]) / sp.Sum(sp.exp(x[j] - m[p]), (j, 1, K))
definition = sp.exp(x[i]) / sp.Sum(sp.exp(x[j]), (j, 1, K))
assert difference(stable, definition) == {}
readable(to_sympy(normalize(stable)))

# %% [markdown]
# ## A proof, line by line
#
# Claim: for the linear layer, $\mathrm{D}W = \mathrm{D}Y^\top X$, for every $N$, $D$ and $K$.
#
# **Line 1.** The layer is run on matrices of symbolic size. This is the function that is executed when a network is
# trained; nothing was written anew for the proof.

# %%
Y = linear(X, W, b)
readable(Y.entry(i, j))

# %% [markdown]
# **Line 2.** $L = \sum_{ij} (\mathrm{D}Y)_{ij}\, y_{ij}$ with $\mathrm{D}Y$ a matrix of free symbols. Whoever knows the
# gradient of this $L$ knows that of every loss (notebook 2).

# %%
DY = IndexedMatrix.symbol("DY", N, K)
L = inner_product(DY, Y)
readable(L)

# %% [markdown]
# **Line 3.** Its normal form. The two terms are separated, and sums stand where they belong.

# %%
simplified = to_sympy(normalize(L))
readable(simplified)

# %% [markdown]
# **Line 4.** The derivative by an entry $w_{pq}$, *any* entry: $p$ and $q$ are symbols. $W$ occurs inside of three
# sums, and there the delta symbols appear.

# %%
derivative = differentiate(simplified, W.base, (p, q))
readable(derivative)

# %% [markdown]
# **Line 5.** The normal form of that. The sums over deltas are gone.

# %%
readable(to_sympy(normalize(derivative)))

# %% [markdown]
# **Line 6.** The claim: entry $(p, q)$ of what `linear_backward` returns, asked for on $W$.

# %%
DX, DW, Db = linear_backward(X, W, DY)
DW = DW.on(W)
readable(DW.entry(p, q))

# %% [markdown]
# **Line 7.** Their difference is empty. As $p$, $q$, $N$, $D$ and $K$ were symbols, this holds for all of them. ∎

# %%
assert difference(derivative, DW.entry(p, q)) == {}
difference(derivative, DW.entry(p, q))

# %% [markdown]
# `gradient_difference(L, W, DW)` goes through lines 3 to 7. The other two gradients, and softmax, whose derivative is
# less simple:

# %%
assert gradient_difference(L, X, DX) == {}
assert gradient_difference(L, b, Db) == {}

start = time.perf_counter()
Z = IndexedMatrix.symbol("Z", N, K)
Y = softmax(Z)
assert gradient_difference(inner_product(DY, Y), Z, softmax_backward(Y, DY)) == {}
print(f"softmax: proved for all N and K in {time.perf_counter() - start:.2f} s")

# %% [markdown]
# What if the claim is wrong? Then something is left, and it says what. Here somebody has forgotten the second term of
# the softmax gradient:

# %%
rest = gradient_difference(inner_product(DY, Y), Z, hadamard(Y, DY))
assert rest != {}
readable(to_sympy(rest))

# %% [markdown]
# The rest is the term that is missing: $-y_{pq} \sum_k (\mathrm{D}Y)_{pk}\, y_{pk}$, with $y$ written out as quotients
# of exponentials.
#
# ## Every support at once
#
# In a *sparse* layer most weights do not exist, and the gradient is computed only where a weight is. Is that right for
# every pattern of weights, of which there are $2^{KD}$? Take $W = S \odot V$, where $S$ is a matrix of zeros and ones
# of which nothing is known, except that $0^2 = 0$ and $1^2 = 1$, that is $S \odot S = S$. `sparse` makes such a matrix.

# %%
W = sparse("W", K, D)
Y = linear(X, W, b)
_, DW, _ = linear_backward(X, W, DY)
DW = DW.on(W)
assert gradient_difference(inner_product(DY, Y), W, DW) == {}
readable(sp.Tuple(W.entry(p, q), DW.entry(p, q)))

# %% [markdown]
# Proved for every size and every support. The gradient carries the factor $S$: where no weight is stored, it has no
# entry. Nothing is approximated by leaving it out.
#
# ## Functions by cases
#
# ReLU is $x$ for $x > 0$, else 0. Whether $z_{ij} > 0$ cannot be known for a symbol, so there the function remains a
# symbol of its name:

# %%
apply(relu, Z).entry(i, j)

# %% [markdown]
# With it, the proof is one for *any* function and its derivative. That the derivative of ReLU is what is claimed is
# then a fact about one number, shown for each case separately. `check_layer` does both.
#
# ## What is proved, and what is not
#
# Proved: that the equation which is executed gives the gradient of the equation which is executed, in exact arithmetic,
# for every size.
#
# Not proved by this:
#
# - **Rounding.** Two equal formulas may differ on a computer (notebook 3). The stable form is chosen by hand, and
#   tested with numbers.
# - **The compiled loops.** They are executed on symbols, too, as plain Python, in `derivations/kernels.py`; and
#   compared with slow and obvious versions in the tests. The compiler is believed.
# - **That the layer does what its name says.** A wrong forward function has a right gradient. So there are claims such
#   as "each column of $Z$ has sum 0".
# - **The prover.** It could be wrong, and call equal what is not. Therefore every equation is changed in many ways, a
#   sign, a transpose, a term that is dropped, and each changed one must be refused: `make mutation`.
# - **A question mark.** "? not decided" does not mean wrong. The normal form knows the rules above; it does not know all
#   of mathematics. Wrong (✗) is only what numbers show to be wrong.
#
# All claims about this library: `nerva-py verify`.
#
# ## A layer of your own
#
# A linear layer with few parameters: $W$ is a product of two thin matrices, $U$ of shape $(K, R)$ and $V$ of shape
# $(R, D)$, so $Y = (X V^\top)\, U^\top$. What is needed: two functions, and the shapes of their arguments.


# %%
def low_rank(X, U, V):
    return X @ V.T @ U.T


def low_rank_backward(X, U, V, DY):
    H, DH = X @ V.T, DY @ U
    return DH @ V, DY.T @ H, DH.T @ X


report = check_layer(
    low_rank, low_rank_backward, inputs={"X": ("N", "D")}, parameters={"U": ("K", "R"), "V": ("R", "D")}
)
assert all(verdict.all_sizes for verdict in report)
report

# %% [markdown]
# And this is what is said if a product is in the wrong order:


# %%
def wrong_order(X, U, V, DY):
    H, DH = X @ V.T, DY @ U
    return DH @ V, H.T @ DY, DH.T @ X


report = check_layer(low_rank, wrong_order, inputs={"X": ("N", "D")}, parameters={"U": ("K", "R"), "V": ("R", "D")})
assert not report["U"].right
assert report["X"].all_sizes
assert report["V"].all_sizes
report

# %% [markdown]
# ## Exercises
#
# Each answer is proved for every size, or told what is wrong. Use `@`, `.T`, `+`, `-`, `hadamard` and what was imported
# above.
#
# **1. All inner products.** $Y = X X^\top$, of shape $(N, N)$. Return $\mathrm{D}X$. Do not take $\mathrm{D}Y$ for
# symmetric.
#
# <details><summary>Hint</summary>
# First treat the two factors as different matrices, Y = A Bᵀ, and find DA and DB. Then A = B = X: add.
# </details>


# %%
def gram_backward(X, DY):
    return None  # your answer


# %%
check_backward(
    lambda X: X @ X.T,
    gram_backward,
    inputs={"X": ("N", "D")},
    hint="X is used twice, and DY need not be symmetric",
)

# %% [markdown]
# **2. A gate.** $Y = (X W^\top) \odot (X V^\top)$: one linear layer decides how much of the other one passes. Return
# $\mathrm{D}X$, $\mathrm{D}W$ and $\mathrm{D}V$.
#
# <details><summary>Hint</summary>
# A = X Wᵀ, B = X Vᵀ. First DA and DB, as in exercise 1 of notebook 2. Then two linear layers with the same input.
# </details>


# %%
def gate_backward(X, W, V, DY):
    return None  # your answer


# %%
check_backward(
    lambda X, W, V: hadamard(X @ W.T, X @ V.T),
    gate_backward,
    inputs={"X": ("N", "D")},
    parameters={"W": ("K", "D"), "V": ("K", "D")},
    hint="DA = DY ⊙ B; X is used by both layers, so its gradients are added",
)

# %% [markdown]
# **3. Swish.** $Y = X \odot \sigma(X)$ with the sigmoid $\sigma$, an activation function of many recent networks.
# Return $\mathrm{D}X$. `sigmoid(X)` is $\sigma(X)$, and $\sigma' = \sigma\,(1 - \sigma) = \sigma - \sigma^2$.
#
# <details><summary>Hint</summary>
# The product rule for x σ(x), entry by entry; write σ − σ² with hadamard.
# </details>

# %%
sigmoid = Sigmoid()


def swish_backward(X, DY):
    return None  # your answer


# %%
check_backward(
    lambda X: hadamard(X, sigmoid(X)),
    swish_backward,
    inputs={"X": ("N", "D")},
    hint="(x σ(x))′ = σ(x) + x σ′(x)",
)

# %% [markdown]
# **4. Attention.** The heart of a transformer, without its softmax (as in so-called linear attention): each sample is
# replaced by a combination of all samples, $Y = S X$ with $S = X A X^\top$, where $A$ is $(D, D)$. Return $\mathrm{D}X$
# and $\mathrm{D}A$. (With a softmax around $S$, one call of `softmax_backward` is inserted.)
#
# <details><summary>Hint</summary>
# Y = S X gives DS = DY Xᵀ and one part of DX. And S contains X twice: on the left and, transposed, on the right.
# </details>


# %%
def attention_backward(X, A, DY):
    return None  # your answer


# %%
check_backward(
    lambda X, A: X @ A @ X.T @ X,
    attention_backward,
    inputs={"X": ("N", "D")},
    parameters={"A": ("D", "D")},
    hint="DX has three parts: from Y = S X, and from both sides of S = X A Xᵀ",
)
