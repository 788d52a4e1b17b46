r"""# Softmax and log-softmax

The softmax of a row $z$ is $y_j = e^{z_j} / \sum_k e^{z_k}$. In floating point $e^{z_j}$ overflows for $z_j > 88$ (float32), so the form
that is executed first subtracts the largest element, $y_j = e^{z_j - m} / \sum_k e^{z_k - m}$. The claim that both are equal treats $m$ as
*any* number: the factor $e^{-m}$ cancels, so it does not matter which value it has, nor how it depends on $z$.

**Jacobian.** With $S = \sum_k e^{z_k}$,

$$\frac{\partial y_j}{\partial z_q} = \frac{\delta_{jq}\, e^{z_j}}{S} - \frac{e^{z_j} e^{z_q}}{S^2} = \delta_{jq}\, y_j - y_j\, y_q,$$

that is $\operatorname{Diag}(y) - y^\top y$. For $\log y_j = z_j - \log S$ it is $\delta_{jq} - y_q$, that is $I - \mathbf{1}_K\, y$.

**Backward.** Multiplying the cotangent with the Jacobian row by row,

$$(\mathrm{D}Z)_{iq} = \sum_j (\mathrm{D}Y)_{ij} (\delta_{jq} y_{iq} - y_{ij} y_{iq}) = y_{iq} \Big((\mathrm{D}Y)_{iq} - \sum_j (\mathrm{D}Y)_{ij}\, y_{ij}\Big).$$

The sum is the $i$-th diagonal element of $\mathrm{D}Y\, Y^\top$, which is how the paper writes it; the executed form computes only the
diagonal, as the row sums of $\mathrm{D}Y \odot Y$, and never makes the $N \times N$ matrix.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from derivations.book import NotProved, claim
from derivations.proving import SETTINGS, Setting, confirm, confirm_equal
from nerva_py.equations import softmax
from nerva_py.matrix import log, rows_max


@claim("Softmax layer: DZ", cases=SETTINGS)
def test_softmax_backward(s: Setting) -> None:
    Z, DY = s.matrix("Z", s.N, s.K), s.matrix("DY", s.N, s.K)
    Y = softmax.softmax(Z)
    confirm(Y, DY, [(Z, softmax.softmax_backward(Y, DY))])


@claim("Log-softmax layer: DZ", cases=SETTINGS)
def test_log_softmax_backward(s: Setting) -> None:
    Z, DY = s.matrix("Z", s.N, s.K), s.matrix("DY", s.N, s.K)
    Y = softmax.log_softmax(Z)
    confirm(Y, DY, [(Z, softmax.log_softmax_backward(Y, DY))])


@claim("The stable softmax is the softmax", cases=SETTINGS)
def test_stable_softmax(s: Setting) -> None:
    Z = s.matrix("Z", s.N, s.K)
    confirm_equal(softmax.softmax(Z), softmax.softmax_definition(Z))


@claim("The stable log-softmax is the log-softmax", cases=SETTINGS)
def test_stable_log_softmax(s: Setting) -> None:
    Z = s.matrix("Z", s.N, s.K)
    confirm_equal(softmax.log_softmax(Z), softmax.log_softmax_definition(Z))


@claim("The stable forms subtract the largest element of each row", "sympy.Matrix", "2×3")
def test_the_largest_element_is_subtracted() -> None:
    """It cancels, so that no other claim can see it; but without it an exponential would overflow."""
    X = sp.Matrix([[1, 5, 3], [7, 2, 4]])
    confirm_equal(softmax.shifted(X), sp.Matrix([[-4, 0, -2], [0, -5, -3]]))
    confirm_equal(rows_max(X), sp.Matrix([5, 7]))


@claim("The stable forms do not overflow where the definitions do", "numpy.ndarray", "1×3, float64")
def test_no_overflow() -> None:
    X = np.array([[1000.0, 999.0, -1000.0]])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        stable = softmax.softmax(X), softmax.log_softmax(X)
        overflowing = softmax.softmax_definition(X), softmax.log_softmax_definition(X)
    if not np.isfinite(stable).all() or np.isfinite(overflowing).all(axis=(1, 2)).any():
        raise NotProved(f"stable: {stable}; by definition: {overflowing}")


@claim("log-softmax is the logarithm of softmax", cases=SETTINGS)
def test_log_of_softmax(s: Setting) -> None:
    Z = s.matrix("Z", s.N, s.K)
    confirm_equal(softmax.log_softmax(Z), log(softmax.softmax(Z)))


@claim("rows_sum(DY ⊙ Y) is diag(DY Yᵀ) in the softmax layer", cases=SETTINGS)
def test_softmax_paper_form(s: Setting) -> None:
    Y, DY = s.matrix("Y", s.N, s.K), s.matrix("DY", s.N, s.K)
    confirm_equal(softmax.softmax_backward(Y, DY), softmax.softmax_backward_paper(Y, DY))


@claim("e^Y is softmax(Z) in the log-softmax layer", cases=SETTINGS)
def test_log_softmax_paper_form(s: Setting) -> None:
    Z, DY = s.matrix("Z", s.N, s.K), s.matrix("DY", s.N, s.K)
    executed = softmax.log_softmax_backward(softmax.log_softmax(Z), DY)
    confirm_equal(executed, softmax.log_softmax_backward_paper(Z, DY))


@claim("Softmax: the Jacobian is Diag(y) − yᵀy", cases=SETTINGS)
def test_softmax_jacobian(s: Setting) -> None:
    """Row j of the Jacobian is the gradient of y_j: take e_j for the cotangent, and the gradient is DY times the Jacobian."""
    z, DY = s.matrix("z", 1, s.K), s.matrix("DY", 1, s.K)
    confirm(softmax.softmax(z), DY, [(z, DY @ softmax.softmax_jacobian(z))])


@claim("Log-softmax: the Jacobian is I − 1 y", cases=SETTINGS)
def test_log_softmax_jacobian(s: Setting) -> None:
    z, DY = s.matrix("z", 1, s.K), s.matrix("DY", 1, s.K)
    confirm(softmax.log_softmax(z), DY, [(z, DY @ softmax.log_softmax_jacobian(z))])
