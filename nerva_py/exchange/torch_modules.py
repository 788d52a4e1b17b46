"""PyTorch modules for what PyTorch does not have: layers whose weights are sparse, and three activations.

This module exists for torch alone, and so imports it at its head; without it: MissingBackendError.
"""

from __future__ import annotations

import warnings
from typing import Any

from .packages import needed

needed("torch", __name__)

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402


class SparseLinear(nn.Module):
    """Y = X Wᵀ + b, W (K, D) in CSR; the stored numbers are one trainable vector `values`, so that any optimizer takes them.

    The product is sparse. Be warned that PyTorch's own backward pass forms the dense K×D gradient of W.
    """

    crow_indices: Tensor
    col_indices: Tensor

    def __init__(self, crow_indices: Tensor, col_indices: Tensor, values: Tensor, shape: tuple[int, int], bias: Tensor):
        super().__init__()
        self.out_features, self.in_features = shape
        self.register_buffer("crow_indices", crow_indices)
        self.register_buffer("col_indices", col_indices)
        self.values = nn.Parameter(values)
        self.bias = nn.Parameter(bias)
        self._csr(check=True)

    @property
    def weight(self) -> Tensor:
        """W (K, D), a sparse CSR tensor."""
        return self._csr(check=False)

    def _csr(self, check: bool) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            parts = (self.crow_indices, self.col_indices, self.values, (self.out_features, self.in_features))
            return torch.sparse_csr_tensor(*parts, check_invariants=check)

    def forward(self, X: Tensor) -> Tensor:
        return (self.weight @ X.T).T + self.bias

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, nnz={self.values.numel()}"


class WeightDropoutLinear(nn.Linear):
    """Y = X (W ⊙ R)ᵀ + b; in training R is 0 with probability p, else 1 / (1 − p); in evaluation 1."""

    def __init__(self, in_features: int, out_features: int, p: float, device: Any = None, dtype: Any = None):
        super().__init__(in_features, out_features, device=device, dtype=dtype)
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        return nn.functional.linear(input, nn.functional.dropout(self.weight, self.p, self.training), self.bias)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, p={self.p}"


class AllReLU(nn.LeakyReLU):
    """α x for x ≤ 0, else x, with the α of this layer, its sign included."""


class TReLU(nn.Module):
    """0 for x < ε, else x."""

    def __init__(self, epsilon: float):
        super().__init__()
        self.epsilon = epsilon

    def forward(self, X: Tensor) -> Tensor:
        return torch.where(torch.lt(X, self.epsilon), 0.0, X)

    def extra_repr(self) -> str:
        return f"epsilon={self.epsilon}"


class SReLU(nn.Module):
    """t_l + a_l (x − t_l) for x ≤ t_l;   t_r + a_r (x − t_r) for x ≥ t_r;   x between; `shape` is (a_l, t_l, a_r, t_r)."""

    def __init__(self, shape: Tensor):
        super().__init__()
        self.shape = nn.Parameter(shape)

    def forward(self, X: Tensor) -> Tensor:
        al, tl, ar, tr = self.shape
        return torch.where(torch.le(X, tl), tl + al * (X - tl), torch.where(torch.ge(X, tr), tr + ar * (X - tr), X))
