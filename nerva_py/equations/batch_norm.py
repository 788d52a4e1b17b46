"""Batch normalization, in training and in evaluation mode.        [arXiv:2511.11918, batch normalization; arXiv:1502.03167]

X, Y, Z (N, D); γ, β, mean and variance Σ (1, D); ε is added to the variance wherever it is inverted, so the backward
equations are exact for ε > 0 too.
"""

from nerva_py.matrix import columns_mean, columns_sum, diag, hadamard, identity, inv_sqrt, ones, row_repeat


def standardize(X, epsilon):
    """R = X − 1_N mean,   Z = (1_N (Σ + ε)^(−1/2)) ⊙ R        -> Z, mean = 1_Nᵀ X / N, Σ = 1_Nᵀ (R ⊙ R) / N"""
    N = X.shape[0]
    mean = columns_mean(X)
    R = X - row_repeat(mean, N)
    variance = columns_mean(hadamard(R, R))
    return hadamard(row_repeat(inv_sqrt(variance, epsilon), N), R), mean, variance


def variance_paper(X):
    """Σ = diag(Rᵀ R)ᵀ / N   with R = X − 1_N 1_Nᵀ X / N, which forms a D×D matrix to use its diagonal"""
    N = X.shape[0]
    R = X - ones(X, N, N) @ X / N
    return diag(R.T @ R).T / N


def scale_and_shift(Z, gamma, beta):
    """Y = (1_N γ) ⊙ Z + 1_N β"""
    N = Z.shape[0]
    return hadamard(row_repeat(gamma, N), Z) + row_repeat(beta, N)


def batch_norm(X, gamma, beta, epsilon):
    """Y = (1_N γ) ⊙ Z + 1_N β   with Z, mean, Σ = standardize(X)        -> Y, Z, mean, Σ"""
    Z, mean, variance = standardize(X, epsilon)
    return scale_and_shift(Z, gamma, beta), Z, mean, variance


def batch_norm_backward(Z, variance, gamma, DY, epsilon, needs_DX=True):
    """DX = (1_N ((Σ + ε)^(−1/2) / N)) ⊙ (N DZ − 1_N 1_Nᵀ DZ − Z ⊙ (1_N 1_Nᵀ (Z ⊙ DZ)))   with DZ = (1_N γ) ⊙ DY,
    Dγ = 1_Nᵀ (Z ⊙ DY),   Dβ = 1_Nᵀ DY        -> (N, D), (1, D), (1, D)"""
    Dgamma, Dbeta = columns_sum(hadamard(Z, DY)), columns_sum(DY)
    if not needs_DX:
        return None, Dgamma, Dbeta
    N = Z.shape[0]
    DZ = hadamard(row_repeat(gamma, N), DY)
    inner = N * DZ - row_repeat(columns_sum(DZ), N) - hadamard(Z, row_repeat(columns_sum(hadamard(Z, DZ)), N))
    return hadamard(row_repeat(inv_sqrt(variance, epsilon) / N, N), inner), Dgamma, Dbeta


def batch_norm_input_gradient_paper(Z, variance, gamma, DY, epsilon):
    """DX = (1/N) (1_N (Σ + ε)^(−1/2)) ⊙ ((N I_N − 1_N 1_Nᵀ) DZ − Z ⊙ (1_N diag(Zᵀ DZ)ᵀ)), with an N×N and a D×D matrix"""
    N = Z.shape[0]
    DZ = hadamard(row_repeat(gamma, N), DY)
    inner = (N * identity(Z, N) - ones(Z, N, N)) @ DZ - hadamard(Z, row_repeat(diag(Z.T @ DZ).T, N))
    return hadamard(row_repeat(inv_sqrt(variance, epsilon), N), inner) / N


def batch_norm_evaluation(X, gamma, beta, mean, variance, epsilon):
    """Y = (1_N (γ ⊙ (Σ + ε)^(−1/2))) ⊙ (X − 1_N mean) + 1_N β   with running mean and variance, constants        -> Y"""
    N = X.shape[0]
    factor = hadamard(gamma, inv_sqrt(variance, epsilon))
    return hadamard(row_repeat(factor, N), X - row_repeat(mean, N)) + row_repeat(beta, N)


def batch_norm_evaluation_backward(X, gamma, mean, variance, DY, epsilon):
    """DX = (1_N (γ ⊙ (Σ + ε)^(−1/2))) ⊙ DY,   Dγ = 1_Nᵀ (Z ⊙ DY),   Dβ = 1_Nᵀ DY"""
    N = X.shape[0]
    inverse = inv_sqrt(variance, epsilon)
    Z = hadamard(row_repeat(inverse, N), X - row_repeat(mean, N))
    DX = hadamard(row_repeat(hadamard(gamma, inverse), N), DY)
    return DX, columns_sum(hadamard(Z, DY)), columns_sum(DY)


def running_average(running, batch, momentum):
    """(1 − μ) running + μ batch: the estimate that evaluation uses; the batch's variance is to be the unbiased one."""
    return (1 - momentum) * running + momentum * batch


def unbiased_variance(variance, N):
    """Σ N / (N − 1), the variance of a population as a sample of N > 1 tells it."""
    return variance * (N / (N - 1))
