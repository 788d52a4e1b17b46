r"""Errors in the appendices with the equations by columns: $X$ (D, N), $W$ (K, D), $b$ (K, 1), $Y$ (K, N).

We do not execute these equations. The corrected form is written here, and proved to be the transpose of the executed one:
$f_{\mathrm{col}}(X^\top, \ldots) = f_{\mathrm{row}}(X, \ldots)^\top$.
"""

from __future__ import annotations

import sympy as sp

from nerva_py.equations.linear import linear
from nerva_py.equations.losses import (
    NegativeLogLikelihood,
    SoftmaxCrossEntropy,
    negative_log_likelihood_gradient,
    softmax_cross_entropy_gradient,
)
from nerva_py.equations.softmax import (
    log_softmax,
    log_softmax_backward,
    log_softmax_backward_paper,
    log_softmax_definition,
    softmax,
)
from nerva_py.matrix import column_repeat, columns_max, columns_sum, exp, hadamard, log, ones, reciprocal, row_repeat
from nerva_py.verify import concrete
from nerva_py.verify.prover import inner_product

from .erratum import (
    SIZES,
    UNDEFINED,
    Counterexample,
    Erratum,
    Mismatch,
    Refused,
    evaluate,
    matrices,
    prove_equal,
    prove_gradient,
)

N, D, K = (SIZES[size] for size in "NDK")

# ------------------------------------------------------------------------------------------------------ the corrected equations


def linear_by_columns(X, W, b):
    """Y = W X + b 1_Nᵀ"""
    return W @ X + column_repeat(b, X.shape[1])


def shifted_by_columns(X):
    """Z = X − 1_D max(X)_col"""
    return X - row_repeat(columns_max(X), X.shape[0])


def softmax_by_columns(X):
    """e^Z ⊙ (1_D (1 / (1_Dᵀ e^Z)))   with Z = X − 1_D max(X)_col"""
    E = exp(shifted_by_columns(X))
    return hadamard(E, row_repeat(reciprocal(columns_sum(E)), X.shape[0]))


def log_softmax_by_columns(X):
    """Z − 1_D log(1_Dᵀ e^Z)   with Z = X − 1_D max(X)_col"""
    Z = shifted_by_columns(X)
    return Z - row_repeat(log(columns_sum(exp(Z))), X.shape[0])


def log_softmax_backward_by_columns(Z, DY):
    """DZ = DY − softmax(Z) ⊙ (1_K 1_Kᵀ DY)"""
    return DY - hadamard(softmax_by_columns(Z), row_repeat(columns_sum(DY), Z.shape[0]))


def softmax_cross_entropy_gradient_by_columns(Y, T):
    """softmax(Y) ⊙ (1_K 1_Kᵀ T) − T"""
    return hadamard(softmax_by_columns(Y), row_repeat(columns_sum(T), Y.shape[0])) - T


def negative_log_likelihood_by_columns(Y, T):
    """−log(1_Kᵀ (Y ⊙ T)) 1_N, a 1×1 matrix"""
    return -(log(columns_sum(hadamard(Y, T))) @ ones(Y, Y.shape[1], 1))


def negative_log_likelihood_gradient_by_columns(Y, T):
    """−(1_K (1 / (1_Kᵀ (Y ⊙ T)))) ⊙ T"""
    return -hadamard(row_repeat(reciprocal(columns_sum(hadamard(Y, T))), Y.shape[0]), T)


# ---------------------------------------------------------------------------------------------------------- and their proofs


def linear_holds():
    X, W, b = matrices(X="ND", W="KD", b="1K")
    prove_equal(linear_by_columns(X.T, W, b.T), linear(X, W, b).T)


def softmax_holds():
    (X,) = matrices(X="ND")
    prove_equal(softmax_by_columns(X.T), softmax(X).T)
    prove_equal(log_softmax_by_columns(X.T), log_softmax(X).T)


def log_softmax_backward_holds():
    Z, DY = matrices(Z="NK", DY="NK")
    corrected = log_softmax_backward_by_columns(Z.T, DY.T)
    prove_equal(corrected, log_softmax_backward_paper(Z, DY).T)
    prove_equal(corrected, log_softmax_backward(log_softmax(Z), DY).T)
    prove_gradient(inner_product(DY.T, log_softmax_by_columns(Z.T)), Z, corrected.T)


def softmax_cross_entropy_holds():
    Y, T = matrices(Y="NK", T="NK")
    corrected = softmax_cross_entropy_gradient_by_columns(Y.T, T.T)
    prove_equal(corrected, softmax_cross_entropy_gradient(Y, T).T)
    prove_gradient(SoftmaxCrossEntropy(Y, T), Y, corrected.T)


def negative_log_likelihood_holds():
    Y, T = matrices(Y="NK", T="NK")
    L = NegativeLogLikelihood(Y, T)
    prove_equal(negative_log_likelihood_by_columns(Y.T, T.T), L * ones(Y, 1, 1))
    corrected = negative_log_likelihood_gradient_by_columns(Y.T, T.T)
    prove_equal(corrected, negative_log_likelihood_gradient(Y, T).T)
    prove_gradient(L, Y, corrected.T)


# -------------------------------------------------------------------------------------------------------------- what is printed


def log_softmax_backward_printed(Z, DY):
    """DZ = DY − softmax(Z) · 1_K · 1_Kᵀ · DY"""
    size = DY.shape[0]
    return DY - softmax_by_columns(Z) @ ones(Z, size, 1) @ ones(Z, 1, size) @ DY


def derived_log_softmax_gradient(Z, DY):
    """∂ Σ DY ⊙ log-softmax(Z) / ∂Z, by SymPy, at these numbers"""
    symbols = concrete.matrix("z", *Z.shape)
    L = concrete.inner_product(DY, log_softmax_definition(symbols.T).T)
    return concrete.gradient(L, symbols).subs(dict(zip(symbols, Z, strict=True)))


def softmax_cross_entropy_gradient_printed(Y, T, N, K):
    """1_Kᵀ · (softmax(Y) ⊙ (1_K 1_Kᵀ T)) · 1_N − T"""
    inside = hadamard(softmax_by_columns(Y), row_repeat(columns_sum(T), K))
    return ones(Y, 1, K) @ inside @ ones(Y, N, 1) - T


def negative_log_likelihood_gradient_printed(Y, T):
    """(1_K (1 / (1_Kᵀ (Y ⊙ T)))) ⊙ T"""
    return hadamard(row_repeat(reciprocal(columns_sum(hadamard(Y, T))), Y.shape[0]), T)


def derived_gradient_of_likelihood(Y, T):
    """The gradient of the executed loss, by SymPy, at these numbers"""
    symbols = concrete.matrix("y", *Y.shape, positive=True)
    L = NegativeLogLikelihood(symbols.T, T.T)
    return concrete.gradient(L, symbols).subs(dict(zip(symbols, Y, strict=True)))


def stable_printed(code, **shapes):
    """A stable form as it is printed, in terms of y or Y, where only x, X, z and Z are defined"""
    names = dict(zip(shapes, matrices(**shapes), strict=True))
    return lambda: evaluate(code, **names, **SIZES)


# ----------------------------------------------------------------------------------------------------------------- the list

HALF = sp.Rational(1, 2)

ERRATA = (
    Erratum(
        line="1379",
        where="by columns, layout of X",
        printed=r"X \text{ in row-wise layout, each row represents an example}",
        corrected=r"X \in \mathbb{R}^{D \times N} \text{ in column-wise layout, each column represents an example}",
        why="The sentence is that of the main text. The list below it and all equations take a column for an example; with "
        "rows, W X has no meaning.",
        fails=(Mismatch(linear_by_columns, {"X": "ND", "W": "KD", "b": "K1"}, "K×D @ N×D"),),
        holds=linear_holds,
        found_here=True,
    ),
    Erratum(
        line="1607",
        where="by columns, log-softmax layer",
        printed=r"\mathsf{D}Y - \mathsf{softmax}(Z) \cdot 1_K \cdot 1_K^\top \cdot \mathsf{D}Y",
        corrected=r"\mathsf{D}Y - \mathsf{softmax}(Z) \odot (1_K \cdot 1_K^\top \cdot \mathsf{D}Y)",
        why="The matrix product stands where the element-wise product must; the code beside it has hadamard. The shapes do not "
        "fit, and where they happen to, for N = K, the value is wrong.",
        fails=(
            Mismatch(log_softmax_backward_printed, {"Z": "KN", "DY": "KN"}, "K×N @ K×1"),
            Counterexample(
                log_softmax_backward_printed,
                derived_log_softmax_gradient,
                {"Z": [[0, 0], [0, 0]], "DY": [[1, 2], [3, 5]]},
            ),
        ),
        holds=log_softmax_backward_holds,
    ),
    Erratum(
        line="1791, 1793",
        where="by columns, stable softmax",
        printed=r"\frac{e^y}{1_D^\top \cdot e^y}, \quad e^Y \odot \left(1_D \cdot \frac{1}{1_D^\top \cdot e^Y}\right)",
        corrected=r"\frac{e^z}{1_D^\top \cdot e^z}, \quad e^Z \odot \left(1_D \cdot \frac{1}{1_D^\top \cdot e^Z}\right)",
        why="y and Y are defined nowhere; z = x − max(x) 1_D and Z = X − 1_D max(X)_col are, and are meant.",
        fails=(
            Refused(
                stable_printed("hadamard(exp(y), row_repeat(reciprocal(columns_sum(exp(y))), D))", x="D1", z="D1"),
                NameError,
                "name 'y'",
                UNDEFINED,
            ),
            Refused(
                stable_printed("hadamard(exp(Y), row_repeat(reciprocal(columns_sum(exp(Y))), D))", X="DN", Z="DN"),
                NameError,
                "name 'Y'",
                UNDEFINED,
            ),
        ),
        holds=softmax_holds,
    ),
    Erratum(
        line="1797–1805",
        where="by columns, log-softmax",
        printed=r"x - 1_D \cdot \log(1_N^\top \cdot e^x), \quad X - 1_D \cdot \log(1_N^\top \cdot e^X)",
        corrected=r"x - 1_D \cdot \log(1_D^\top \cdot e^x), \quad X - 1_D \cdot \log(1_D^\top \cdot e^X)",
        why="The exponentials of one example are added, D of them. So in the two stable forms, with z and Z.",
        fails=(
            Mismatch(lambda x, N, D: x - ones(x, D, 1) @ log(ones(x, 1, N) @ exp(x)), {"x": "D1"}, "1×N @ D×1"),
            Mismatch(lambda X, N, D: X - ones(X, D, 1) @ log(ones(X, 1, N) @ exp(X)), {"X": "DN"}, "1×N @ D×N"),
        ),
        holds=softmax_holds,
    ),
    Erratum(
        line="1865",
        where="by columns, softmax cross-entropy",
        printed=r"1_K^\top \cdot (\mathsf{softmax}(Y) \odot (1_K \cdot 1_K^\top \cdot T)) \cdot 1_N - T",
        corrected=r"\mathsf{softmax}(Y) \odot (1_K \cdot 1_K^\top \cdot T) - T",
        why="The sum over all elements belongs to the loss, not to its gradient: it makes a number of the first term, from "
        "which a matrix cannot be subtracted.",
        fails=(Mismatch(softmax_cross_entropy_gradient_printed, {"Y": "KN", "T": "KN"}, "1×1 - K×N"),),
        holds=softmax_cross_entropy_holds,
    ),
    Erratum(
        line="1895",
        where="by columns, gradient of negative log-likelihood of a sample",
        printed=r"\frac{1}{y^\top t} \cdot t",
        corrected=r"-\frac{1}{y^\top t} \cdot t",
        why="The minus sign of the loss is lost. Descending along the printed gradient makes the likelihood smaller.",
        fails=(
            Counterexample(
                negative_log_likelihood_gradient_printed,
                derived_gradient_of_likelihood,
                {"Y": [[HALF], [HALF]], "T": [[1], [0]]},
            ),
        ),
        holds=negative_log_likelihood_holds,
    ),
    Erratum(
        line="1897",
        where="by columns, negative log-likelihood",
        printed=r"-(\log(1_K^\top \cdot (Y \odot T))) \cdot 1_K",
        corrected=r"-\log(1_K^\top \cdot (Y \odot T)) \cdot 1_N",
        why="The logarithms are added over the N samples.",
        fails=(
            Mismatch(
                lambda Y, T, K: -(log(ones(Y, 1, K) @ hadamard(Y, T)) @ ones(Y, K, 1)),
                {"Y": "KN", "T": "KN"},
                "1×N @ K×1",
            ),
        ),
        holds=negative_log_likelihood_holds,
    ),
    Erratum(
        line="1899",
        where="by columns, gradient of negative log-likelihood",
        printed=r"\left(1_K \cdot \frac{1}{1_K^\top \cdot (Y \odot T)}\right) \odot T",
        corrected=r"-\left(1_K \cdot \frac{1}{1_K^\top \cdot (Y \odot T)}\right) \odot T",
        why="The minus sign is lost here too; the gradient by rows (line 1240) has it.",
        fails=(
            Counterexample(
                negative_log_likelihood_gradient_printed,
                derived_gradient_of_likelihood,
                {"Y": [[HALF, HALF], [HALF, HALF]], "T": [[1, 0], [0, 1]]},
            ),
        ),
        holds=negative_log_likelihood_holds,
    ),
)
