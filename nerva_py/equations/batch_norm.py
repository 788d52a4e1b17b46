"""Batch normalization, in training and in evaluation mode.        [arXiv:2511.11918, batch normalization; arXiv:1502.03167]

X, Y, Z (N, D); γ, β, mean and variance Σ (1, D); ε is added to the variance wherever it is inverted, so the backward
equations are exact for ε > 0 too.
"""

from nerva_py.matrix import columns_mean, columns_sum, diag, hadamard, identity, inv_sqrt, ones, row_repeat


def centred(X, mean):
    """X − 1_N mean        X (N, D), mean (1, D)"""
    return X - row_repeat(mean, X.shape[0])


def scaled(X, c):
    """(1_N c) ⊙ X: column j times c_j        X (N, D), c (1, D)"""
    return hadamard(row_repeat(c, X.shape[0]), X)


def standardize(X, epsilon):
    """R = X − 1_N mean,   Z = (1_N (Σ + ε)^(−1/2)) ⊙ R        -> Z, mean = 1_Nᵀ X / N, Σ = 1_Nᵀ (R ⊙ R) / N"""
    mean = columns_mean(X)
    R = centred(X, mean)
    variance = columns_mean(hadamard(R, R))
    return scaled(R, inv_sqrt(variance, epsilon)), mean, variance


def variance_paper(X):
    """Σ = diag(Rᵀ R)ᵀ / N   with R = X − 1_N 1_Nᵀ X / N, which forms a D×D matrix to use its diagonal"""
    N = X.shape[0]
    R = X - ones(X, N, N) @ X / N
    return diag(R.T @ R).T / N


def scale_and_shift(Z, gamma, beta):
    """Y = (1_N γ) ⊙ Z + 1_N β"""
    return scaled(Z, gamma) + row_repeat(beta, Z.shape[0])


def scale_and_shift_parameter_gradients(Z, DY):
    """Dγ = 1_Nᵀ (Z ⊙ DY),   Dβ = 1_Nᵀ DY        -> (1, D), (1, D)"""
    return columns_sum(hadamard(Z, DY)), columns_sum(DY)


def batch_norm(X, gamma, beta, epsilon):
    """Y = (1_N γ) ⊙ Z + 1_N β   with Z, mean, Σ = standardize(X)        -> Y, Z, mean, Σ"""
    Z, mean, variance = standardize(X, epsilon)
    return scale_and_shift(Z, gamma, beta), Z, mean, variance


def batch_norm_backward(Z, variance, gamma, DY, epsilon, needs_DX=True):
    """DX = (1_N ((Σ + ε)^(−1/2) / N)) ⊙ (N DZ − 1_N 1_Nᵀ DZ − (1_N 1_Nᵀ (Z ⊙ DZ)) ⊙ Z)   with DZ = (1_N γ) ⊙ DY,
    Dγ = 1_Nᵀ (Z ⊙ DY),   Dβ = 1_Nᵀ DY        -> (N, D), (1, D), (1, D)"""
    Dgamma, Dbeta = scale_and_shift_parameter_gradients(Z, DY)
    if not needs_DX:
        return None, Dgamma, Dbeta
    N, DZ = Z.shape[0], scaled(DY, gamma)
    inner = centred(N * DZ, columns_sum(DZ)) - scaled(Z, columns_sum(hadamard(Z, DZ)))
    return scaled(inner, inv_sqrt(variance, epsilon) / N), Dgamma, Dbeta


def batch_norm_input_gradient_paper(Z, variance, gamma, DY, epsilon):
    """DX = (1/N) (1_N (Σ + ε)^(−1/2)) ⊙ ((N I_N − 1_N 1_Nᵀ) DZ − Z ⊙ (1_N diag(Zᵀ DZ)ᵀ)), with an N×N and a D×D matrix"""
    N = Z.shape[0]
    DZ = scaled(DY, gamma)
    inner = (N * identity(Z, N) - ones(Z, N, N)) @ DZ - hadamard(Z, row_repeat(diag(Z.T @ DZ).T, N))
    return scaled(inner, inv_sqrt(variance, epsilon)) / N


def batch_norm_evaluation(X, gamma, beta, mean, variance, epsilon):
    """Y = (1_N (γ ⊙ (Σ + ε)^(−1/2))) ⊙ (X − 1_N mean) + 1_N β   with running mean and variance, constants        -> Y"""
    return scale_and_shift(centred(X, mean), hadamard(gamma, inv_sqrt(variance, epsilon)), beta)


def batch_norm_evaluation_backward(X, gamma, mean, variance, DY, epsilon):
    """DX = (1_N (γ ⊙ (Σ + ε)^(−1/2))) ⊙ DY,   Dγ = 1_Nᵀ (Z ⊙ DY),   Dβ = 1_Nᵀ DY"""
    inverse = inv_sqrt(variance, epsilon)
    Z = scaled(centred(X, mean), inverse)
    return scaled(DY, hadamard(gamma, inverse)), *scale_and_shift_parameter_gradients(Z, DY)


def running_average(running, batch, momentum):
    """(1 − μ) running + μ batch: the estimate that evaluation uses; the batch's variance is to be the unbiased one."""
    return (1 - momentum) * running + momentum * batch


def unbiased_variance(variance, N):
    """Σ N / (N − 1), the variance of a population as a sample of N > 1 tells it."""
    return variance * (N / (N - 1))
