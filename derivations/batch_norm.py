r"""# Batch normalization

Each feature (column of $X$, $N \times D$) is brought to mean 0 and variance 1 over the batch, then scaled and shifted:

$$\begin{gathered}
  R = X - \tfrac{1}{N} \mathbf{1}_N \mathbf{1}_N^\top X, \qquad \Sigma = \tfrac{1}{N} \operatorname{diag}(R^\top R)^\top, \\
  Z = \big(\mathbf{1}_N (\Sigma + \epsilon)^{-1/2}\big) \odot R, \qquad Y = (\mathbf{1}_N \gamma) \odot Z + \mathbf{1}_N \beta .
\end{gathered}$$

**Derivation.** Take one column and drop its index; write $\sigma = \Sigma + \epsilon$. Then $\mathrm{D}z_i = \gamma\, \mathrm{D}y_i$, and

1. $z_i = \sigma^{-1/2} r_i$ gives $\mathrm{D}r_i = \sigma^{-1/2} \mathrm{D}z_i + \mathrm{D}\sigma \cdot \tfrac{2}{N} r_i$, because
   $\sigma = \tfrac1N \sum_i r_i^2 + \epsilon$, with $\mathrm{D}\sigma = -\tfrac12 \sigma^{-3/2} \sum_i r_i\, \mathrm{D}z_i$;
2. so $\mathrm{D}r_i = \sigma^{-1/2} \big(\mathrm{D}z_i - \tfrac1N z_i \sum_k z_k\, \mathrm{D}z_k\big)$, as $\sigma^{-1} r_i r_k = z_i z_k$;
3. $r_i = x_i - \tfrac1N \sum_k x_k$ gives $\mathrm{D}x_i = \mathrm{D}r_i - \tfrac1N \sum_k \mathrm{D}r_k$; as $\sum_k z_k = 0$,
   $$\mathrm{D}x_i = \tfrac1N \sigma^{-1/2} \Big(N\, \mathrm{D}z_i - \sum_k \mathrm{D}z_k - z_i \sum_k z_k\, \mathrm{D}z_k\Big).$$

Step 2 used $\sigma^{-1} r_i r_k = z_i z_k$, which holds for $\epsilon > 0$ too, as long as $Z$ was made with the same $\epsilon$: nothing is
approximated. Where nobody needs $\mathrm{D}X$, as in a first layer, the same function gives $\mathrm{D}\gamma$ and $\mathrm{D}\beta$ alone.
The paper writes the sums as products with $N I_N - \mathbf{1}_N \mathbf{1}_N^\top$ and with $\operatorname{diag}(Z^\top \mathrm{D}Z)$;
the executed form makes neither the $N \times N$ nor the $D \times D$ matrix.

**Why the generic cotangent matters.** With $\mathcal{L} = \sum_{ij} y_{ij}$ the gradient $\mathrm{D}X$ is *zero*, and so it is for
$\mathcal{L} = \tfrac12 \sum y_{ij}^2$ with $\gamma = 1, \beta = 0, \epsilon = 0$; a test with such a loss accepts any formula that vanishes with
it, whatever its signs. The claim below shows how a wrong formula passes such a test.
"""

from __future__ import annotations

from itertools import product

import sympy as sp

from derivations.book import CONCRETE, NotProved, claim
from derivations.proving import EPSILON, EVERY_SIZE, SETTINGS, Setting, confirm, confirm_equal, confirm_without_DX
from nerva_py.equations import batch_norm as bn
from nerva_py.matrix import columns_sum, hadamard, ones, row_repeat, zeros
from nerva_py.verify import concrete

# With a single sample Z is 0 and nothing is to be seen: at least two.
BATCHES = [s for s in SETTINGS if s is EVERY_SIZE or s.N > 1]


@claim("Batch norm, training: DX, Dγ, Dβ", cases=BATCHES)
def test_training(s: Setting) -> None:
    X, gamma, beta, DY = s.matrix("X", s.N, s.D), s.matrix("g", 1, s.D), s.matrix("b", 1, s.D), s.matrix("DY", s.N, s.D)
    Y, Z, _, variance = bn.batch_norm(X, gamma, beta, EPSILON)
    claimed = bn.batch_norm_backward(Z, variance, gamma, DY, EPSILON)
    confirm(Y, DY, zip((X, gamma, beta), claimed, strict=True))
    without = bn.batch_norm_backward(Z, variance, gamma, DY, EPSILON, False)
    confirm_without_DX(claimed, without, (gamma, beta))


@claim("Batch norm, evaluation: DX, Dγ, Dβ", cases=SETTINGS)
def test_evaluation(s: Setting) -> None:
    X, gamma, beta, DY = s.matrix("X", s.N, s.D), s.matrix("g", 1, s.D), s.matrix("b", 1, s.D), s.matrix("DY", s.N, s.D)
    mean, variance = s.matrix("m", 1, s.D), s.matrix("v", 1, s.D)
    Y = bn.batch_norm_evaluation(X, gamma, beta, mean, variance, EPSILON)
    claimed = bn.batch_norm_evaluation_backward(X, gamma, mean, variance, DY, EPSILON)
    confirm(Y, DY, zip((X, gamma, beta), claimed, strict=True))


@claim("Batch norm: evaluation with the batch's own statistics is training", cases=BATCHES)
def test_evaluation_agrees_with_training(s: Setting) -> None:
    X, gamma, beta = s.matrix("X", s.N, s.D), s.matrix("g", 1, s.D), s.matrix("b", 1, s.D)
    Y, _, mean, variance = bn.batch_norm(X, gamma, beta, EPSILON)
    confirm_equal(bn.batch_norm_evaluation(X, gamma, beta, mean, variance, EPSILON), Y)


@claim("Batch norm: each column of Z has sum 0 and, for ε = 0, sum of squares N", cases=BATCHES)
def test_standardized(s: Setting) -> None:
    """What the forward pass is for; were it wrong, a backward pass that fits it would be wrong too."""
    X = s.matrix("X", s.N, s.D)
    Z, _, _ = bn.standardize(X, EPSILON)
    confirm_equal(columns_sum(Z), zeros(Z, 1, s.D))
    Z, _, _ = bn.standardize(X, 0)
    confirm_equal(columns_sum(hadamard(Z, Z)), s.N * ones(Z, 1, s.D))


@claim("Batch norm: Y is γ Z + β", cases=BATCHES)
def test_scale_and_shift(s: Setting) -> None:
    X, gamma, beta = s.matrix("X", s.N, s.D), s.matrix("g", 1, s.D), s.matrix("b", 1, s.D)
    Y, Z, _, _ = bn.batch_norm(X, gamma, beta, EPSILON)
    confirm_equal(Y - row_repeat(beta, s.N), hadamard(row_repeat(gamma, s.N), Z))


@claim("Batch norm: Σ is the paper's diag(RᵀR)ᵀ / N", cases=BATCHES)
def test_variance_paper_form(s: Setting) -> None:
    X = s.matrix("X", s.N, s.D)
    confirm_equal(bn.standardize(X, EPSILON)[2], bn.variance_paper(X))


@claim("Batch norm: DX is the paper's form with N×N and D×D matrices", cases=BATCHES)
def test_backward_paper_form(s: Setting) -> None:
    Z, variance, gamma, DY = (
        s.matrix("Z", s.N, s.D),
        s.matrix("v", 1, s.D),
        s.matrix("g", 1, s.D),
        s.matrix("DY", s.N, s.D),
    )
    executed, _, _ = bn.batch_norm_backward(Z, variance, gamma, DY, EPSILON)
    confirm_equal(executed, bn.batch_norm_input_gradient_paper(Z, variance, gamma, DY, EPSILON))


@claim(
    "Batch norm: after n batches that are all equal, running = (1 − μ)ⁿ first + (1 − (1 − μ)ⁿ) batch", CONCRETE, "1×1"
)
def test_running_average() -> None:
    first, batch, mu = sp.symbols("r s mu", real=True)
    running = first
    for n in range(1, 4):
        running = bn.running_average(running, batch, mu)
        confirm_equal(running, (1 - mu) ** n * first + (1 - (1 - mu) ** n) * batch)


@claim("Batch norm: Σ N / (N − 1) is 1ᵀ ((X − 1 mean) ⊙ (X − 1 mean)) / (N − 1)", cases=BATCHES)
def test_unbiased_variance(s: Setting) -> None:
    X, N = s.matrix("X", s.N, s.D), sp.sympify(s.N)
    _, mean, variance = bn.standardize(X, EPSILON)
    R = X - row_repeat(mean, s.N)
    confirm_equal((N - 1) * bn.unbiased_variance(variance, N), columns_sum(hadamard(R, R)))


@claim("Batch norm: over all samples of N from a population, the mean of Σ N / (N − 1) is its variance", CONCRETE,
       "N = 2, 3 of 3")  # fmt: skip
def test_unbiased() -> None:
    """Every sample of so many, one and the same element possibly several times, is as likely as every other."""
    population = concrete.matrix("x", 3, 1)
    _, _, variance = bn.standardize(population, EPSILON)
    for N in (2, 3):
        samples = [sp.Matrix(chosen) for chosen in product(population, repeat=N)]
        variances = (bn.unbiased_variance(bn.standardize(X, EPSILON)[2], sp.Integer(N)) for X in samples)
        confirm_equal(sum(variances, start=sp.zeros(1, 1)) / len(samples), variance)


@claim("With L = Σ Y a wrong batch norm passes; with the generic cotangent it does not", CONCRETE, "3×2")
def test_a_special_loss_accepts_a_wrong_formula() -> None:
    X, gamma, beta, DY = (
        concrete.matrix("X", 3, 2),
        concrete.matrix("g", 1, 2),
        concrete.matrix("b", 1, 2),
        sp.ones(3, 2),
    )
    Y, Z, _, variance = bn.batch_norm(X, gamma, beta, EPSILON)

    def wrong(DY: sp.Matrix) -> sp.Matrix:
        """The last sign is wrong."""
        DZ = hadamard(row_repeat(gamma, 3), DY)
        inner = 3 * DZ - row_repeat(columns_sum(DZ), 3) + hadamard(Z, row_repeat(columns_sum(hadamard(Z, DZ)), 3))
        return hadamard(row_repeat(variance.applyfunc(lambda v: 1 / sp.sqrt(v + EPSILON)) / 3, 3), inner)

    confirm(Y, DY, [(X, wrong(DY))])
    generic = concrete.matrix("DY", 3, 2)
    try:
        confirm(Y, generic, [(X, wrong(generic))])
    except NotProved:
        return
    raise NotProved("the generic cotangent accepted a wrong formula")
