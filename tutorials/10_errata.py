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
# # Errata
#
# **What you'll do**: take equations as they are printed, run them on symbols, and watch some of them fail: by their
# shapes, by their values, or because a name means nothing. Then prove the corrected ones for matrices of every size.
#
# **What you'll learn**: how a symbolic check finds errors that tests with numbers miss, which tests cannot find
# anything, and what evidence for an error should look like.
#
# **What you'll need**: matrix products, derivatives, and the idea of a proof for every size, which [notebook
# 5](05_proved_for_every_size.ipynb) introduces. Nothing is downloaded. The cells run in half a minute.

# %%
from collections import Counter

import numpy as np
import sympy as sp

from derivations.errata import ERRATA, SOURCE, columnwise, counterexample, functions, operations
from nerva_py.equations.dropout import dropout_linear
from nerva_py.equations.losses import NegativeLogLikelihood, negative_log_likelihood_gradient
from nerva_py.equations.rates import multi_step
from nerva_py.equations.softmax import softmax
from nerva_py.matrix import column_repeat, columns_mean, columns_sum, diag, hadamard, row_repeat, rows_mean, rows_sum
from nerva_py.verify import (
    IndexedMatrix,
    check_backward,
    check_function,
    check_layer,
    equal,
    gradient_difference,
    to_sympy,
)

# %% [markdown]
# The equations of this library come from the papers on Nerva and from a detailed document beside its source, the *Nerva
# library specifications*: the gradient of every layer and loss, by rows and again by columns. It is careful work, and
# nearly all of it is right; the chapters of `derivations/` prove that, equation by equation. In a document of this size
# there are also some slips. A reader who knows the subject corrects them without noticing. A student who types the
# formula gets a wrong gradient, or an error that nobody explains.
#
# A list of some of them existed when this library was begun. The others turned up when each equation was written as a
# function over *matrix primitives*, `hadamard`, `row_repeat`, `columns_sum` and so on, and called with symbols.

# %%
print(len(ERRATA), "errata, in", SOURCE.rsplit("/", 1)[-1])
for kind, number in Counter(item.kind for item in ERRATA).most_common():
    print(f"{number:3} {kind}")
print(sum(item.found_here for item in ERRATA), "of them were not on the list")
assert len(ERRATA) >= 31

# %% [markdown]
# ## Do the shapes fit?
#
# The first suspect is a layer with dropout on its weights. It is printed with a mask $R \in \mathbb{R}^{K \times D}$,
# which has the shape of $W$, and as
#
# $$Y = X (W^\top \odot R) + 1_N \, b .$$
#
# An `IndexedMatrix` has a *symbol* for each size, so $N$, $D$ and $K$ are different as a matter of course. It refuses
# what does not fit.

# %%
N, D, K = sp.symbols("N D K", integer=True, positive=True)


def dropout_printed(X, W, R, b):
    return X @ hadamard(W.T, R) + row_repeat(b, X.shape[0])


X, W, R, b = (IndexedMatrix.symbol(*text) for text in (("X", N, D), ("W", K, D), ("R", K, D), ("b", 1, K)))
try:
    dropout_printed(X, W, R, b)
except ValueError as error:
    refusal = str(error)
print("refused:", refusal)
assert "D×K ⊙ K×D" in refusal

# %% [markdown]
# $W^\top \odot R$ multiplies a $D \times K$ matrix by a $K \times D$ matrix, element by element. Would a test have
# found it? Only one with $K \ne D$. With square weights everything fits, and what comes out is wrong:

# %%
size = 2
square = [np.round(np.random.default_rng(i).standard_normal((size, size)), 1) for i in range(3)]
bias = np.zeros((1, size))
print("as printed:\n", dropout_printed(*square, bias))
print("as executed, X (W ⊙ R)ᵀ + 1 b:\n", dropout_linear(square[0], square[1], bias, square[2]))
assert not np.allclose(dropout_printed(*square, bias), dropout_linear(square[0], square[1], bias, square[2]))

# %% [markdown]
# This is the first lesson, also for tests with numbers: **let no two sizes be equal**.
#
# What is right? Either $R$ must be declared as $D \times K$, or the formula must be $X (W \odot R)^\top + 1_N b$. The
# second is what the library executes, and the two are the same layer, for every size. `equal` subtracts entry by entry,
# brings the difference to a normal form, and returns it; nothing is left:

# %%
S = IndexedMatrix.symbol("S", D, K)
difference = equal(dropout_linear(X, W, b, S.T), dropout_printed(X, W, S, b))
print("difference:", to_sympy(difference))
assert not difference

# %% [markdown]
# ## It fits, and is wrong
#
# The mean of the columns of an $m \times n$ matrix is printed as $(1_m^\top X) / n$. The shapes fit: $1 \times n$. The
# divisor does not.

# %%


def readable(formula):
    """The formula with short names for its summation indices, which are numbered internally."""
    internal = sorted(formula.atoms(sp.Dummy), key=str)
    return formula.xreplace(dict(zip(internal, sp.symbols("k l r s t", integer=True), strict=False)))


m, n = sp.symbols("m n", integer=True, positive=True)
A = IndexedMatrix.symbol("A", m, n)
printed = operations.columns_mean_printed(A)
j = sp.Symbol("j", integer=True)
print("entry j as printed:", readable(printed.entry(1, j)))
print("entry j, right:    ", readable(columns_mean(A).entry(1, j)))
difference = equal(printed, columns_mean(A))
print("difference (in column q):", readable(to_sympy(difference)))
assert difference

# %% [markdown]
# Symbols show the difference for every size at once. To convince somebody else, a **counterexample** is better: numbers
# that anybody can check with a pencil. And again there are numbers that show nothing, here those of a square matrix.

# %%
for example in (sp.Matrix([[1, 2, 3], [4, 5, 6]]), sp.Matrix([[1, 2], [3, 4]])):
    print(
        example.tolist(),
        "printed:",
        operations.columns_mean_printed(example).tolist(),
        "right:",
        columns_mean(example).tolist(),
    )
assert operations.columns_mean_printed(sp.Matrix([[1, 2], [3, 4]])) == columns_mean(sp.Matrix([[1, 2], [3, 4]]))

# %% [markdown]
# ## A gradient with the wrong sign
#
# In the appendix by columns, the gradient of the negative log-likelihood $L = -\sum_n \log \sum_k Y_{nk} T_{nk}$ has
# lost its minus sign. Here the definition is at hand: the gradient must be what differentiation of $L$ gives.
# `gradient_difference` differentiates for every size and subtracts the claim.

# %%
Y, T = IndexedMatrix.symbol("Y", N, K), IndexedMatrix.symbol("T", N, K)
L = NegativeLogLikelihood(Y, T)
claims = {
    "printed": columnwise.negative_log_likelihood_gradient_printed(Y.T, T.T).T,
    "executed": negative_log_likelihood_gradient(Y, T),
}
for name, claimed in claims.items():
    rest = gradient_difference(L, Y, claimed)
    print(f"{name:9} entry (p, q) of ∂L/∂Y − claimed = {readable(sp.sympify(to_sympy(rest)))}")
    assert bool(rest) == (name == "printed")

# %% [markdown]
# Descending along the printed gradient makes the likelihood smaller. In training that is found quickly. Less quickly
# found are errors in the following places.
#
# **On a branch that is seldom taken.** SReLU has four parameters, $f(x) = t_l + a_l (x - t_l)$ for $x \le t_l$, $x$ in
# the middle, and $t_r + a_r (x - t_r)$ for $x \ge t_r$. The derivative with respect to $t_r$ is printed as $1 - a_r$
# for all $x \ge t_r$. If training moves $t_r$ below $t_l$, both conditions can hold, and the first one is taken: then
# $f$ does not depend on $t_r$ at all.

# %%
at = {"al": sp.Rational(1, 2), "tl": 2, "ar": sp.Rational(1, 3), "tr": 1}
for x in (sp.Rational(3, 2), sp.Integer(3)):
    print(f"x = {x}: printed {functions.srelu_tr_printed(x, **at)}, derived {functions.srelu_tr_derived(x, **at)}")
assert functions.srelu_tr_printed(sp.Rational(3, 2), **at) != functions.srelu_tr_derived(sp.Rational(3, 2), **at)

# %% [markdown]
# **After many epochs.** The multi-step schedule multiplies the learning rate by $\Gamma$ at each milestone $m_j$.
# Printed is the exponent $\sum_j \lfloor i / m_j \rfloor$. Up to epoch $2 m_j - 1$ that is the same.

# %%
print("epoch  executed  printed    (rate 1, one milestone 3, Γ = 1/2)")
for i in (0, 2, 3, 5, 6, 9):
    right, printed = (
        multi_step(i, sp.Integer(1), (3,), sp.Rational(1, 2)),
        functions.multi_step_printed(i, 1, (3,), sp.Rational(1, 2)),
    )
    print(f"{i:5} {right!s:>9} {printed!s:>8}")
    assert (right == printed) == (i < 6)

# %% [markdown]
# ## A test that finds nothing
#
# It is tempting to test a backward equation with a simple loss, say the sum of all outputs, $L = \sum_{nk} Y_{nk}$, so
# that $\mathrm{D}Y$ is all ones. Here is a wrong backward pass of softmax. The right one is
# $\mathrm{D}X = Y \odot (\mathrm{D}Y - \operatorname{rows\_sum}(Y \odot \mathrm{D}Y) 1_K^\top)$; this one has lost the
# $Y$ inside the sum, and divides by $K$ instead.


# %%
def wrong_softmax_backward(X, DY):
    Y = softmax(X)
    K = X.shape[1]
    return hadamard(Y, DY - column_repeat(rows_sum(DY), K) / K)


numbers = np.array([[0.5, -1.0, 2.0], [1.0, 0.0, 0.3]])
ones = np.ones_like(numbers)
step = 1e-6
by_differences = np.zeros_like(numbers)
for place in np.ndindex(numbers.shape):
    shift = np.zeros_like(numbers)
    shift[place] = step
    by_differences[place] = (softmax(numbers + shift).sum() - softmax(numbers - shift).sum()) / (2 * step)
print("by finite differences of ΣY:\n", by_differences.round(8))
print("by the wrong backward pass:\n", wrong_softmax_backward(numbers, ones).round(8))
assert np.allclose(by_differences, wrong_softmax_backward(numbers, ones), atol=1e-8)

# %% [markdown]
# The test passes: a row of a softmax always sums to 1, so the gradient of $\sum Y$ is zero, and the wrong formula gives
# zero as well. *Any* formula that gives zero would pass. The same happens to batch normalisation.
#
# The cure is a **generic cotangent**: let $\mathrm{D}Y$ consist of free symbols, and take
# $L = \sum_{nk} (\mathrm{D}Y)_{nk} Y_{nk}$. Its gradient determines the whole Jacobian, so a formula that passes is
# right for every loss. `check_layer` does that for every size, and compares with differences on numbers.

# %%
report = check_layer(softmax, wrong_softmax_backward, inputs={"X": ("N", "K")})
print(report)
assert not report

# %% [markdown]
# ## Evidence
#
# Of an erratum one should ask three things: what exactly is printed, how one sees that it is wrong, and how one knows
# that the correction is right. In `derivations/errata` none of these is a sentence. The printed form is a function; the
# evidence is a call that is refused, or numbers; the correction has a proof. One of them in full:

# %%
by_line = {item.line: item for item in ERRATA}
print(counterexample(by_line["1607"]))

# %% [markdown]
# All of it is executed when the tests run, so an erratum whose evidence did not hold would be an error of ours, and be
# found. Here for all errata:

# %%
proved = 0
for item in ERRATA:
    for evidence in item.fails:
        assert evidence()  # raises NotProved if the printed form does not fail
    item.holds()  # raises NotProved if the corrected form cannot be proved
    proved += 1
print(f"{len(ERRATA)} printed forms fail as they are said to; {proved} corrected forms were proved just now")

# %% [markdown]
# And the list, with the printed form above the corrected one. The numbers are lines of the source file.


# %%
from IPython.display import display


class Formulas:
    """Rows of LaTeX that a notebook shows as one array."""

    def __init__(self, items):
        self.items = items

    def _repr_latex_(self):
        rows = []
        for item in self.items:
            rows.append(rf"\text{{{item.line}}} & \text{{{item.where}}} & \text{{✗}} & {item.printed} \\")
            rows.append(rf"& \text{{{item.kind}}} & \text{{✓}} & {item.corrected} \\[6pt]")
        return "$\\displaystyle \\begin{array}{llll} " + " ".join(rows) + " \\end{array}$"

    def __repr__(self):
        return "\n".join(f"line {item.line}, {item.where}: {item.kind}" for item in self.items)


for first in range(0, len(ERRATA), 8):  # MathJax takes no formula of all 31
    display(Formulas(ERRATA[first : first + 8]))

# %% [markdown]
# ## Why proofs need tests, too
#
# A prover that accepts everything would have "proved" all of this. So the proofs themselves are tested: `make mutation`
# changes every equation of the library in every way that it knows, a sign, a transpose, a dropped term, a wrong axis,
# and looks whether the proofs reject the change. Here is the idea in four lines: a mutant of the linear layer's
# gradient, and what the check says.


# %%
def linear_forward(X, W, b):
    return X @ W.T + row_repeat(b, X.shape[0])


def mutant(X, W, b, DY):
    return DY @ W, DY.T @ X, columns_sum(DY) / X.shape[0]


report = check_layer(linear_forward, mutant, inputs={"X": ("N", "D")}, parameters={"W": ("K", "D"), "b": (1, "K")})
print(report)
assert report["X"].right
assert report["W"].right
assert not report["b"].right

# %% [markdown]
# ## Exercises
#
# **1. The other mean.** Printed is $(X \cdot 1_n) / m$ for the mean of the rows of $X \in \mathbb{R}^{m \times n}$.
# Write the right one with the primitive `rows_sum` (or with NumPy). It returns a column, $m \times 1$.


# %%
def mean_of_rows(X):
    return None  # your answer


# %%
check_function(mean_of_rows, rows_mean, {"X": ("m", "n")}, hint="how many elements does a row have?")

# %% [markdown]
# **2. How long does it go well?** The printed multi-step schedule, $\eta_0 \, \Gamma^{\sum_j \lfloor i / m_j \rfloor}$,
# is right at first. Return the number $i$ of the first epoch at which it is wrong, for given milestones (a tuple of
# different numbers, in rising order).
#
# <details><summary>Hint</summary>
#
# You may reason (which quotient is the first to exceed 1?) or search, with `multi_step` and
# `functions.multi_step_printed`.
#
# </details>


# %%
def first_wrong_epoch(milestones):
    return None  # your answer


# %%
def searched(milestones):
    i, half = 0, sp.Rational(1, 2)
    while functions.multi_step_printed(i, 1, milestones, half) == multi_step(i, 1, milestones, half):
        i += 1
    return i


some_milestones = {"milestones": lambda rng: tuple(sorted(rng.choice(range(3, 20), 3, replace=False).tolist()))}
check_function(first_wrong_epoch, searched, some_milestones, hint="at 2 and 3 times a milestone something happens")

# %% [markdown]
# **3. The lost sign.** By columns, $Y$ and $T$ are $K \times N$. Return the right gradient of the negative
# log-likelihood $L = -\sum_n \log \sum_k Y_{kn} T_{kn}$ with respect to $Y$, again $K \times N$. NumPy is fine.
#
# <details><summary>Hint</summary>
#
# Only one term of the outer sum contains $Y_{kn}$. Its derivative is $-T_{kn}$ divided by the inner sum.
#
# </details>


# %%
def likelihood_gradient_by_columns(Y, T):
    return None  # your answer


# %%
inputs = {"Y": lambda rng: rng.uniform(0.1, 1, (3, 4)).round(2), "T": lambda rng: np.eye(3)[rng.integers(0, 3, 4)].T}
check_function(
    likelihood_gradient_by_columns, lambda Y, T: negative_log_likelihood_gradient(Y.T, T.T).T, inputs,
    hint="a sample is a column now",
)  # fmt: skip

# %% [markdown]
# **4. Log-softmax by columns.** Line 1607 prints
# $\mathrm{D}Z = \mathrm{D}Y - \operatorname{softmax}(Z) \cdot 1_K 1_K^\top \mathrm{D}Y$, with a matrix product where an
# element-wise one must stand. Write the backward pass over the primitives that this notebook has imported;
# `columnwise.softmax_by_columns` is softmax for $Z \in \mathbb{R}^{K \times N}$. Your equation is to be **proved for
# every size**, so it must run on symbols: no NumPy.
#
# <details><summary>Hint</summary>
#
# $1_K 1_K^\top \mathrm{D}Y$ is `row_repeat(columns_sum(DY), Z.shape[0])`.
#
# </details>


# %%
def log_softmax_backward(Z, DY):
    return None  # your answer


# %%
check_backward(
    lambda Z: columnwise.log_softmax_by_columns(Z),
    log_softmax_backward,
    inputs={"Z": ("K", "N")},
    hint="the sum over the classes is a sum over each column",
)

# %% [markdown]
# **5. A detective of your own.** Each suspect is a claim *left = right* about matrices $X, Y$ (N, D) and $W$ (K, D).
# Write a function that takes the name of a suspect, evaluates both sides on `IndexedMatrix` symbols, and returns
# `"dimension error"`, `"equal"` or `"different"`.
#
# <details><summary>Hint</summary>
#
# A side that does not fit raises `ValueError`; so does `equal` if the two sides have different shapes.
#
# </details>

# %%
suspects = {
    "diagonal": (lambda X, Y, W: diag(X @ Y.T), lambda X, Y, W: rows_sum(hadamard(X, Y))),
    "sum of a product": (lambda X, Y, W: columns_sum(X @ W.T), lambda X, Y, W: columns_sum(X) @ W.T),
    "sums of factors": (lambda X, Y, W: rows_sum(hadamard(X, Y)), lambda X, Y, W: hadamard(rows_sum(X), rows_sum(Y))),
    "transposed product": (lambda X, Y, W: (X @ W.T).T, lambda X, Y, W: X.T @ W),
    "row or column": (lambda X, Y, W: columns_sum(hadamard(X, Y)), lambda X, Y, W: rows_sum(hadamard(X.T, Y.T))),
}


def verdict(name):
    return None  # your answer


# %%
def reference_verdict(name):
    X, Y, W = (IndexedMatrix.symbol(*text) for text in (("X", N, D), ("Y", N, D), ("W", K, D)))
    try:
        left, right = (side(X, Y, W) for side in suspects[name])
        return "different" if equal(left, right) else "equal"
    except ValueError:
        return "dimension error"


order = iter([*suspects] * 2)
check_function(verdict, reference_verdict, {"name": lambda rng: next(order)}, hint="try `suspects[name]` by hand")

# %% [markdown]
# Solutions are in `tutorials/solutions/10_errata.py`. If you find an error in one of these notebooks or in the book of
# proofs: that is what the issue tracker is for, and evidence is welcome.
