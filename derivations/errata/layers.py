r"""Errors in the layers and in their derivations, by rows: $X$ (N, D), $W$ (K, D), $b$ (1, K), $Y$ (N, K)."""

from __future__ import annotations

import sympy as sp

from nerva_py.equations.batch_norm import batch_norm, batch_norm_backward
from nerva_py.equations.dropout import dropout_linear, dropout_linear_backward
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.matrix import column_repeat, diag, hadamard, identity, inv_sqrt, row_repeat, rows_mean
from nerva_py.verify.indexed import IndexedMatrix, total
from nerva_py.verify.prover import inner_product

from .erratum import SIZES, Counterexample, Erratum, Mismatch, matrices, prove_equal, prove_gradient

N, D, K = (SIZES[size] for size in "NDK")

# -------------------------------------------------------------------------------------------------------- dropout on weights


def dropout_printed(X, W, R, b):
    """Y = X (Wᵀ ⊙ R) + 1_N b"""
    return X @ hadamard(W.T, R) + row_repeat(b, X.shape[0])


def dropout_holds():
    """The executed layer, R (K, D); and the print with R (D, K) is the same layer, so that only the declaration is wrong."""
    X, W, R, b, DY, S = matrices(X="ND", W="KD", R="KD", b="1K", DY="NK", S="DK")
    L = inner_product(DY, dropout_linear(X, W, b, R))
    for matrix, claimed in zip((X, W, b), dropout_linear_backward(X, W, DY, R), strict=True):
        prove_gradient(L, matrix, claimed)
    prove_equal(dropout_linear(X, W, b, S.T), dropout_printed(X, W, S, b))


# ------------------------------------------------------------------------------------------- the sizes of batch normalization


def batch_norm_by_columns(X, gamma, beta, epsilon):
    """The column-wise layer, X (D, N), γ, β and Σ (D, 1):
    R = X − (X 1_N / N) 1_Nᵀ,  Σ = diag(R Rᵀ) / N,  Z = (Σ^(−1/2) 1_Nᵀ) ⊙ R,  Y = (γ 1_Nᵀ) ⊙ Z + β 1_Nᵀ"""
    batch = X.shape[1]
    R = X - column_repeat(rows_mean(X), batch)
    Z = hadamard(column_repeat(inv_sqrt(diag(R @ R.T) / batch, epsilon), batch), R)
    return hadamard(column_repeat(gamma, batch), Z) + column_repeat(beta, batch)


def batch_norm_holds():
    X, gamma, beta, DY = matrices(X="ND", gamma="1D", beta="1D", DY="ND")
    epsilon = sp.Symbol("e", positive=True)
    Y, Z, _, variance = batch_norm(X, gamma, beta, epsilon)
    L = inner_product(DY, Y)
    for matrix, claimed in zip((X, gamma, beta), batch_norm_backward(Z, variance, gamma, DY, epsilon), strict=True):
        prove_gradient(L, matrix, claimed)
    prove_equal(batch_norm_by_columns(X.T, gamma.T, beta.T, epsilon), Y.T)


# ------------------------------------------------------------------------------------------ the derivation of DW, linear layer


def unit(i, size):
    """e_i, row i of the identity matrix"""
    return IndexedMatrix(1, size, lambda _, j: sp.KroneckerDelta(i, j))


def jacobian_of_y_holds():
    """∂L/∂w_ij = ∂L/∂y · ∂y/∂w_ij with ∂y/∂w_ij = x_j e_iᵀ, e_i a row of I_K, for one sample y = x Wᵀ + b"""
    x, W, b, g = matrices(x="1D", W="KD", b="1K", g="1K")
    one = sp.Integer(1)
    claimed = IndexedMatrix(K, D, lambda i, j: (g @ (x.entry(one, j) * unit(i, K).T)).entry(one, one))
    prove_gradient(inner_product(g, linear(x, W, b)), W, claimed)


def sum_printed(DY, X, i, j, l):
    """Σ_{k=1}^N (e_i)_l (DYᵀ X)_lj, where nothing says what l is"""
    return sum(sp.KroneckerDelta(i, l) * (DY.T @ X)[l - 1, j - 1] for _ in range(X.shape[0]))


def weight_gradient_entry(DY, X, i, j, l):
    """(DYᵀ X)_ij, as executed"""
    W = sp.ones(DY.shape[1], X.shape[1])
    _, DW, _ = linear_backward(X, W, DY)
    return DW.on(W)[i - 1, j - 1]


def sum_holds():
    """Σ_{l=1}^K (e_i)_l Σ_{k=1}^N DY_kl x_kj = (DYᵀ X)_ij, the executed gradient"""
    X, W, b, DY = matrices(X="ND", W="KD", b="1K", DY="NK")
    corrected = IndexedMatrix(
        K,
        D,
        lambda i, j: total(
            lambda l: unit(i, K).entry(1, l) * total(lambda k: DY.entry(k, l) * X.entry(k, j), N),
            K,
        ),
    )
    _, DW, _ = linear_backward(X, W, DY)
    prove_equal(DW.on(W), corrected)
    prove_gradient(inner_product(DY, linear(X, W, b)), W, corrected)


# -------------------------------------------------------------------------------------- the derivation of batch normalization


def standardized_column(r):
    """z = r σ^(−1/2) with σ = rᵀ r / N, a 1×1 matrix"""
    return r @ inv_sqrt(r.T @ r / r.shape[0])


def standardize_jacobian_printed(r, N):
    """σ^(−1/2) − r · (σ^(−3/2) / 2) · (2 rᵀ / N)"""
    sigma = r.T @ r / N
    return inv_sqrt(sigma) - r @ (inv_sqrt(sigma) @ inv_sqrt(sigma) @ inv_sqrt(sigma) / 2) @ (2 * r.T / N)


def standardize_jacobian_before(r, s, Dsigma):
    """s − r · (s³ / 2) · ∂σ/∂r with s = σ^(−1/2), a line earlier"""
    return s - r @ (s @ s @ s / 2) @ Dsigma


def standardize_jacobian(r):
    """σ^(−1/2) I_N − r · (σ^(−3/2) / 2) · (2 rᵀ / N)"""
    batch = r.shape[0]
    s = inv_sqrt(r.T @ r / batch)
    one = sp.Integer(1)
    return s.entry(one, one) * identity(r, batch) - r @ (s @ s @ s / 2) @ (2 * r.T / batch)


def standardize_jacobian_holds():
    """With a generic cotangent g of z, the gradient of gᵀ z is Jᵀ g."""
    r, g = matrices(r="N1", g="N1")
    prove_gradient(inner_product(g, standardized_column(r)), r, standardize_jacobian(r).T @ g)


# ----------------------------------------------------------------------------------------------------------------- the list

LINEAR = {"DY": [[1, 2], [3, 4]], "X": [[5, 6], [7, 8]]}

ERRATA = (
    Erratum(
        line="295, 613–661",
        where="dropout layers",
        printed=r"R \in \mathbb{R}^{K \times D},\quad Y = X (W^\top \odot R) + 1_N \cdot b,\quad "
        r"\mathsf{D}W = (\mathsf{D}Y^\top \cdot X) \odot R^\top,\quad \mathsf{D}X = \mathsf{D}Y (W \odot R^\top)",
        corrected=r"Y = X (W \odot R)^\top + 1_N \cdot b,\quad \mathsf{D}W = (\mathsf{D}Y^\top \cdot X) \odot R,\quad "
        r"\mathsf{D}X = \mathsf{D}Y (W \odot R)",
        why="R is declared with the shape of W and used with the shape of Wᵀ, in the linear and in the activation dropout "
        "layer. Executed is R of the shape of W; to declare R ∈ ℝ^(D×K) would be right as well.",
        fails=(
            Mismatch(dropout_printed, {"X": "ND", "W": "KD", "R": "KD", "b": "1K"}, "D×K ⊙ K×D"),
            Mismatch(lambda DY, X, R: hadamard(DY.T @ X, R.T), {"DY": "NK", "X": "ND", "R": "KD"}, "K×D ⊙ D×K"),
            Mismatch(lambda DY, W, R: DY @ hadamard(W, R.T), {"DY": "NK", "W": "KD", "R": "KD"}, "K×D ⊙ D×K"),
        ),
        holds=dropout_holds,
    ),
    Erratum(
        line="293, 1386",
        where="parameters of batch normalization",
        printed=r"\beta, \gamma, \Sigma \in \mathbb{R}^{1 \times K}; \quad \text{by columns } \mathbb{R}^{K \times 1}",
        corrected=r"\beta, \gamma, \Sigma \in \mathbb{R}^{1 \times D}; \quad \text{by columns } \mathbb{R}^{D \times 1}",
        why="Batch normalization maps X (N, D) to Y (N, D), and R and Z have the size of X. So its parameters have D "
        "elements, which is K only for a layer of as many outputs as inputs.",
        fails=(
            Mismatch(lambda gamma, Z, N: hadamard(row_repeat(gamma, N), Z), {"gamma": "1K", "Z": "ND"}, "N×K ⊙ N×D"),
            Mismatch(lambda gamma, Z, N: hadamard(column_repeat(gamma, N), Z), {"gamma": "K1", "Z": "DN"}, "K×N ⊙ D×N"),
        ),
        holds=batch_norm_holds,
    ),
    Erratum(
        line="788",
        where="derivation of DW, size of e_i",
        printed=r"e_i \text{ a row of } \mathbb{I}_N",
        corrected=r"e_i \text{ a row of } \mathbb{I}_K",
        why="e_i stands for the derivative of y_k, which has K elements, with respect to w_ij: it picks output i.",
        fails=(Mismatch(lambda Dy, e: Dy @ e.T, {"Dy": "1K", "e": "1N"}, "1×K @ N×1"),),
        holds=jacobian_of_y_holds,
    ),
    Erratum(
        line="803",
        where="derivation of DW, Jacobian of y_k",
        printed=r"\frac{\partial y_k}{\partial w_{ij}} = x_{kj} e_i",
        corrected=r"\frac{\partial y_k}{\partial w_{ij}} = x_{kj} e_i^\top",
        why="A Jacobian has one row for each element of the function, so that of the K elements of y_k with respect to the "
        "number w_ij is a column. As a row it cannot follow ∂L/∂y_k in the chain rule.",
        fails=(Mismatch(lambda Dy, e: Dy @ e, {"Dy": "1K", "e": "1K"}, "1×K @ 1×K"),),
        holds=jacobian_of_y_holds,
    ),
    Erratum(
        line="812–816",
        where="derivation of DW, summation index",
        printed=r"\sum_{k=1}^N (e_i)_l \sum_{l=1}^K \mathsf{D}Y_{kl}\, x_{kj} "
        r"= \sum_{k=1}^N (e_i)_l (\mathsf{D}Y^\top X)_{lj}",
        corrected=r"\sum_{l=1}^K (e_i)_l \sum_{k=1}^N \mathsf{D}Y_{kl}\, x_{kj} "
        r"= \sum_{l=1}^K (e_i)_l (\mathsf{D}Y^\top X)_{lj}",
        why="When the two sums change places, l leaves the sum that binds it and the sum over k stays. Read with any fixed l "
        "the line gives N times the gradient, for l = i, or 0.",
        fails=(
            Counterexample(sum_printed, weight_gradient_entry, {**LINEAR, "i": 1, "j": 1, "l": 1}),
            Counterexample(sum_printed, weight_gradient_entry, {**LINEAR, "i": 1, "j": 1, "l": 2}),
        ),
        holds=sum_holds,
    ),
    Erratum(
        line="865, 868",
        where="derivation of batch normalization",
        printed=r"\sigma^{-\frac12} - r \cdot \frac{\sigma^{-\frac32}}{2} \cdot \frac{2 r^\top}{N}",
        corrected=r"\sigma^{-\frac12} \cdot \mathbb{I}_N - r \cdot \frac{\sigma^{-\frac32}}{2} \cdot \frac{2 r^\top}{N}",
        why="∂r/∂r is the identity matrix, not 1, so the first term is lost as a number beside a matrix. The line after it "
        "has the identity again.",
        fails=(
            Mismatch(standardize_jacobian_before, {"r": "N1", "s": "11", "Dsigma": "1N"}, "1×1 - N×N"),
            Mismatch(standardize_jacobian_printed, {"r": "N1"}, "1×1 - N×N"),
        ),
        holds=standardize_jacobian_holds,
    ),
)
