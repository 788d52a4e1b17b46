r"""# Loss functions

Outputs $Y$ and targets $T$ are $N \times K$. A loss is a function of single samples: $\ell$ ($N \times 1$) is what each row of $Y$ costs, and
$\mathcal{L} = \mathbf{1}^\top \ell$, a number, their sum over the batch. Training divides by $N$.

* **Squared error** $\sum_{ij} (y_{ij} - t_{ij})^2$. Only the term $ij = pq$ contains $y_{pq}$: gradient $2 (Y - T)$. Half of it
  has the gradient $Y - T$; the mean squared error is the same divided by $K N$.
* **Cross-entropy** $-\sum_{ij} t_{ij} \log y_{ij}$: gradient $-t_{pq} / y_{pq}$.
* **Softmax cross-entropy** puts the softmax inside: with $\log y_{ij} = z_{ij} - \log S_i$ and $S_i = \sum_k e^{z_{ik}}$,
  $$-\frac{\partial}{\partial z_{pq}} \sum_j t_{pj} (z_{pj} - \log S_p) = -t_{pq} + \Big(\sum_j t_{pj}\Big) \frac{e^{z_{pq}}}{S_p} .$$
  For targets that sum to one in each row the factor is 1; it is kept because targets need not.
* **Logistic cross-entropy** (the paper's) $-\sum t_{ij} \log \sigma(y_{ij})$: as $\tfrac{d}{dx} \log \sigma(x) = 1 - \sigma(x)$, the gradient is
  $T \odot \sigma(Y) - T$. It has no term for $1 - t$; **binary cross-entropy** adds $-(1 - t) \log(1 - \sigma(y))$, and as
  $\log (1 - \sigma(y)) = \log \sigma(y) - y$, its gradient is $\sigma(Y) - T$.
* **Poisson likelihood** $\sum (e^{y_{ij}} - t_{ij} y_{ij})$, minus the logarithm of the probability of counts $t$ with means $e^y$ but for
  $\log t!$: gradient $e^Y - T$.
* **Negative log-likelihood** $-\sum_i \log s_i$ with $s_i = \sum_k y_{ik} t_{ik}$, the probability of the right class for one-hot targets:
  $$\frac{\partial}{\partial y_{pq}} \Big(-\log \sum_k y_{pk} t_{pk}\Big) = -\frac{t_{pq}}{s_p} .$$

**Weights of samples.** $\mathcal{L}$ is a sum $\sum_i \ell(y_i, t_i)$ over the rows, so $y_p$ occurs in one term only. With weights
$w_i > 0$ the mean becomes $\sum_i w_i \ell(y_i, t_i) / \sum_i w_i$, and row $p$ of its gradient is $w_p / \sum_i w_i$ times
$\nabla \ell(y_p, t_p)$: the gradient of the plain mean, with row $p$ multiplied by $N w_p / \sum_i w_i$. Where these $N$ samples are only a
part of a mini-batch, as on one of several processes, the *total* weight of the mini-batch takes the place of $\sum_i w_i$.

A single sample is the case $N = 1$, proved as one of the sizes; one-hot targets are a case of general ones.
"""

from __future__ import annotations

import sympy as sp

from derivations.book import CONCRETE, INDEXED, NUMBERS, claim
from derivations.proving import EVERY_SIZE, concrete_setting, confirm_equal, confirm_gradients
from nerva_py.equations.losses import LOSSES, Loss, SoftmaxCrossEntropy, cross_entropy, cross_entropy_gradient
from nerva_py.equations.softmax import softmax
from nerva_py.matrix import elements_sum
from nerva_py.matrix.dense import stable_log_sigmoid
from nerva_py.verify import concrete
from nerva_py.verify.indexed import IndexedMatrix


@claim("{case}: gradient", INDEXED, "all N, K", cases=LOSSES.values())
def test_every_size(loss: Loss) -> None:
    s = EVERY_SIZE
    Y, T = s.matrix("Y", s.N, s.K), s.matrix("T", s.N, s.K)
    confirm_gradients(loss(Y, T), [(Y, loss.gradient(Y, T))])


@claim("{case}: gradient, general targets", CONCRETE, "1×2, 2×3, 3×2", cases=LOSSES.values())
def test_general_targets(loss: Loss) -> None:
    for N, K in ((1, 2), (2, 3), (3, 2)):
        Y, T = concrete.matrix("Y", N, K, positive=True), concrete.matrix("T", N, K)
        confirm_gradients(loss(Y, T), [(Y, loss.gradient(Y, T))])


@claim("{case}: gradient, one-hot targets", CONCRETE, "1×3, 2×3", cases=LOSSES.values())
def test_one_hot_targets(loss: Loss) -> None:
    for labels in ([1], [2, 0]):
        Y = concrete.matrix("Y", len(labels), 3, positive=True)
        T = sp.Matrix([[int(k == label) for k in range(3)] for label in labels])
        confirm_gradients(loss(Y, T), [(Y, loss.gradient(Y, T))])


FORMULAS = {
    "SquaredError": lambda y, t, N, K: (y - t) ** 2,
    "HalfSquaredError": lambda y, t, N, K: (y - t) ** 2 / 2,
    "MeanSquaredError": lambda y, t, N, K: (y - t) ** 2 / (K * N),
    "CrossEntropy": lambda y, t, N, K: -t * sp.log(y),
    "LogisticCrossEntropy": lambda y, t, N, K: t * sp.log(1 + sp.exp(-y)),
    "PoissonLikelihood": lambda y, t, N, K: sp.exp(y) - t * y,
    "BinaryCrossEntropy": lambda y, t, N, K: t * sp.log(1 + sp.exp(-y)) + (1 - t) * (y + sp.log(1 + sp.exp(-y))),
}


@claim("{case}: the value is the sum of its definition over all elements", INDEXED, "all N, K", cases=FORMULAS)
def test_value(name: str) -> None:
    """A gradient fits its value; that the value is the loss that it is called needs its own proof."""
    s = EVERY_SIZE
    Y, T = s.matrix("Y", s.N, s.K), s.matrix("T", s.N, s.K)
    terms = IndexedMatrix(s.N, s.K, lambda i, j: FORMULAS[name](Y.entry(i, j), T.entry(i, j), s.N, s.K))
    confirm_equal(s.number(LOSSES[name](Y, T)), s.number(elements_sum(terms)))


@claim("SoftmaxCrossEntropy(Y, T) is CrossEntropy(softmax(Y), T)", INDEXED, "all N, K")
def test_softmax_cross_entropy() -> None:
    s = EVERY_SIZE
    Y, T = s.matrix("Y", s.N, s.K), s.matrix("T", s.N, s.K)
    confirm_equal(s.number(SoftmaxCrossEntropy(Y, T)), s.number(LOSSES["CrossEntropy"](softmax(Y), T)))


@claim("NegativeLogLikelihood of one-hot targets is CrossEntropy", CONCRETE, "3×3")
def test_negative_log_likelihood() -> None:
    Y, T = concrete.matrix("Y", 3, 3, positive=True), sp.Matrix([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    confirm_equal(LOSSES["NegativeLogLikelihood"](Y, T), LOSSES["CrossEntropy"](Y, T))


def mean_cross_entropy_gradient(Y: sp.Matrix, T: sp.Matrix) -> sp.Matrix:
    return cross_entropy_gradient(Y, T) / Y.shape[0]


# A loss that is a mean over the batch and distinguishes Y from T.
MeanCrossEntropy = Loss("MeanCrossEntropy", cross_entropy, mean_cross_entropy_gradient, averaged=True)
EVERY_LOSS = (*LOSSES.values(), MeanCrossEntropy)
TOTAL = sp.Symbol("total", positive=True)


@claim("{case}: total is the sum of the losses of the single samples", CONCRETE, "3×2",
       cases=EVERY_LOSS)  # fmt: skip
def test_total(loss: Loss) -> None:
    """So that a mean over the samples is one, whether the loss is a sum or (`averaged`) a mean of its own."""
    Y, T = concrete.matrix("Y", 3, 2, positive=True), concrete.matrix("T", 3, 2)
    confirm_equal(loss.total(Y, T), sum(loss(Y[i, :], T[i, :]) for i in range(3)))


@claim("{case}: mean_gradient is that of the mean, and of Σ L(y_i, t_i) / total", CONCRETE, "3×2", cases=EVERY_LOSS)
def test_mean(loss: Loss) -> None:
    """Training descends the mean over the N samples; a loss that is a mean already is not divided again."""
    s = concrete_setting(3, 1, 2)
    Y, T = concrete.matrix("Y", s.N, s.K, positive=True), s.matrix("T", s.N, s.K)
    for total in (None, sp.Integer(3), TOTAL):
        mean = loss.total(Y, T) / (s.N if total is None else total)
        confirm_gradients(mean, [(Y, loss.mean_gradient(Y, T, None, total))])


@claim("{case}: the same for every size", INDEXED, "all N, K", cases=LOSSES.values())
def test_mean_every_size(loss: Loss) -> None:
    s = EVERY_SIZE
    Y, T = s.matrix("Y", s.N, s.K), s.matrix("T", s.N, s.K)
    confirm_gradients(loss.total(Y, T) / s.N, [(Y, loss.mean_gradient(Y, T))])
    confirm_gradients(loss.total(Y, T) / TOTAL, [(Y, loss.mean_gradient(Y, T, None, TOTAL))])


@claim("{case}: row i of `samples` is the loss of sample i alone", CONCRETE, "3×2", cases=EVERY_LOSS)
def test_samples(loss: Loss) -> None:
    Y, T = concrete.matrix("Y", 3, 2, positive=True), concrete.matrix("T", 3, 2)
    confirm_equal(loss.samples(Y, T), sp.Matrix([loss(Y[i, :], T[i, :]) for i in range(3)]))


@claim(
    "{case}: with weights mean_gradient is that of Σ w_i L(y_i, t_i) / Σ w_i, and with a total of Σ w_i L(y_i, t_i) / total",
    INDEXED,
    "all N, K",
    cases=LOSSES.values(),
)
def test_weighted_every_size(loss: Loss) -> None:
    s = EVERY_SIZE
    Y, T, w = s.matrix("Y", s.N, s.K), s.matrix("T", s.N, s.K), s.matrix("w", s.N, 1)
    L = loss.total(Y, T, w)
    confirm_gradients(L / elements_sum(w), [(Y, loss.mean_gradient(Y, T, w))])
    confirm_gradients(L / TOTAL, [(Y, loss.mean_gradient(Y, T, w, TOTAL))])


@claim("{case}: the same on concrete sizes, where Σ w_i L(y_i, t_i) is written out", CONCRETE, "3×2", cases=EVERY_LOSS)
def test_weighted(loss: Loss) -> None:
    Y, T = concrete.matrix("Y", 3, 2, positive=True), concrete.matrix("T", 3, 2)
    w = concrete.matrix("w", 3, 1, positive=True)
    L = sum(w[i] * loss(Y[i, :], T[i, :]) for i in range(3))
    confirm_equal(loss.total(Y, T, w), L)
    confirm_gradients(L / sum(w), [(Y, loss.mean_gradient(Y, T, w))])
    confirm_gradients(L / TOTAL, [(Y, loss.mean_gradient(Y, T, w, TOTAL))])


@claim("log σ: the stable form min(x, 0) − log(1 + e^(−|x|)) is the definition on both branches", NUMBERS, "one number")
def test_stable_log_sigmoid() -> None:
    for negative in (True, False):
        x = sp.Symbol("x", negative=True) if negative else sp.Symbol("x", positive=True)
        stable = sp.simplify(stable_log_sigmoid(x))
        definition = -sp.log(1 + sp.exp(-x))
        confirm_equal(sp.simplify(sp.exp(stable) - sp.exp(definition)), sp.Integer(0))
