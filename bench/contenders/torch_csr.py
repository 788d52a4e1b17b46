"""The honest rival: what a PyTorch engineer gets out of PyTorch's own sparse operations, without compiling anything.

Activations are feature-major, (features, batch), so that MKL's CSR product streams along the batch. The backward pass is
written out (no autograd): the gradient of a sparse W is `sampled_addmm` on its support, never a dense matrix, and Wᵀ is a
CSR matrix of its own whose values are gathered by a permutation. All parameters are views of one vector, which the operator
behind `SGD(fused=True)` updates in one call. Layers above a density of BREAK_EVEN are dense with a mask. Buffers are
allocated once. The mini-batch is gathered as bytes and normalised then: gathering normalised floats reads four times as much
memory at random.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array

from . import Contender
from .problem import Problem

BREAK_EVEN = 0.3  # at 0.2 the sparse layer is faster, at 0.4 the dense one


class SparseLayer:
    """W in CSR, its transpose and its gradient, on views `values` and `gradient` of the vectors of all parameters."""

    def __init__(self, W: csr_array, values: torch.Tensor, gradient: torch.Tensor):
        self.values, shape = values, W.shape
        numbered = csr_array((np.arange(1, W.nnz + 1), W.indices, W.indptr), shape=shape).T.tocsr()
        self.perm = torch.from_numpy((numbered.data - 1).astype(np.int32))
        self.transposed_values = torch.empty_like(values)
        self.W = csr(W.indptr, W.indices, values, shape)
        self.WT = csr(numbered.indptr, numbered.indices, self.transposed_values, shape[::-1])
        self.gradient = csr(W.indptr, W.indices, gradient, shape)

    def forward(self, X: torch.Tensor, b: torch.Tensor, Y: torch.Tensor) -> None:
        torch.addmm(b, self.W, X, out=Y)

    def input_gradient(self, DY: torch.Tensor, DX: torch.Tensor) -> None:
        torch.index_select(self.values, 0, self.perm, out=self.transposed_values)
        torch.mm(self.WT, DY, out=DX)

    def weight_gradient(self, DY: torch.Tensor, X: torch.Tensor) -> None:
        torch.sparse.sampled_addmm(self.gradient, DY, X.t(), beta=0.0, out=self.gradient)

    def after_update(self) -> None: ...

    def indices(self) -> list[torch.Tensor]:
        return [part for W in (self.W, self.WT) for part in (W.crow_indices(), W.col_indices())] + [self.perm]


class DenseLayer:
    """W dense, with the mask applied in place after the update."""

    def __init__(self, W: csr_array, values: torch.Tensor, gradient: torch.Tensor):
        self.W, self.gradient = values.view(W.shape), gradient.view(W.shape)
        self.mask = None
        if W.nnz < values.numel():
            ones = csr_array((np.ones_like(W.data), W.indices, W.indptr), shape=W.shape)
            self.mask = torch.from_numpy(ones.toarray())

    def forward(self, X: torch.Tensor, b: torch.Tensor, Y: torch.Tensor) -> None:
        torch.addmm(b, self.W, X, out=Y)

    def input_gradient(self, DY: torch.Tensor, DX: torch.Tensor) -> None:
        torch.mm(self.W.t(), DY, out=DX)

    def weight_gradient(self, DY: torch.Tensor, X: torch.Tensor) -> None:
        torch.mm(DY, X.t(), out=self.gradient)

    def after_update(self) -> None:
        if self.mask is not None:
            self.W.mul_(self.mask)

    def indices(self) -> list[torch.Tensor]:
        return []


def csr(indptr: np.ndarray, indices: np.ndarray, values: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """A torch CSR matrix on these values; 32-bit indices, because MKL's others would be converted at every call."""
    pointers, columns = (torch.from_numpy(array.astype(np.int32)) for array in (indptr, indices))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
        return torch.sparse_csr_tensor(pointers, columns, values, shape, check_invariants=False)


class Buffers:
    """For one batch size N: the gathered bytes, the activations and their gradients, all (features, N)."""

    def __init__(self, sizes: list[int], N: int):
        self.bytes = torch.empty(N, sizes[0], dtype=torch.uint8)
        self.activations = [torch.empty(size, N) for size in sizes]
        self.gradients = [torch.empty(size, N) for size in sizes]
        self.minus = torch.full((1, N), -1 / N)


class TorchCSR(Contender):
    """The manual backward pass of ReLU layers with softmax cross-entropy."""

    def __init__(self, problem: Problem):
        torch.set_num_threads(problem.threads)
        self.problem = problem
        self.X, self.T = torch.from_numpy(problem.X), torch.from_numpy(problem.T)
        self.scale = torch.from_numpy(problem.scale).float()[:, None]
        self.shift = torch.from_numpy(problem.shift).float()[:, None]
        dense = [W.nnz > BREAK_EVEN * W.shape[0] * W.shape[1] for W in problem.weights]
        parts = []
        for W, b, is_dense in zip(problem.weights, problem.biases, dense, strict=True):
            parts += [W.toarray().reshape(-1) if is_dense else W.data, b[0]]
        self.theta = torch.from_numpy(np.concatenate(parts))
        self.gradient, self.velocity = torch.zeros_like(self.theta), torch.zeros_like(self.theta)
        lengths = [len(part) for part in parts]
        views, gradients = self.theta.split(lengths), self.gradient.split(lengths)
        self.layers = [
            (DenseLayer if is_dense else SparseLayer)(W, views[2 * i], gradients[2 * i])
            for i, (W, is_dense) in enumerate(zip(problem.weights, dense, strict=True))
        ]
        self.biases = [view[:, None] for view in views[1::2]]
        self.bias_gradients = gradients[1::2]
        self.constants: dict[str, Any] = {
            "lr": problem.learning_rate,
            "momentum": problem.momentum,
            "nesterov": True,
            "weight_decay": 0.0,
            "dampening": 0.0,
            "maximize": False,
            "is_first_step": False,
        }
        self.sizes = [problem.X.shape[1], *(W.shape[0] for W in problem.weights)]
        self.buffers: dict[int, Buffers] = {}

    def _buffers(self, N: int) -> Buffers:
        if N not in self.buffers:
            self.buffers[N] = Buffers(self.sizes, N)
        return self.buffers[N]

    def _forward(self, buffers: Buffers) -> torch.Tensor:
        """The logits (K, N) of the normalised mini-batch in `buffers.activations[0]`."""
        A = buffers.activations
        for i, layer in enumerate(self.layers):
            layer.forward(A[i], self.biases[i], A[i + 1])
            if i < len(self.layers) - 1:
                A[i + 1].relu_()
        return A[-1]

    @torch.inference_mode()
    def step(self, rows: np.ndarray) -> Any:
        N = len(rows)
        buffers = self._buffers(N)
        A, G = buffers.activations, buffers.gradients
        index = torch.from_numpy(rows)
        torch.index_select(self.X, 0, index, out=buffers.bytes)
        # This copy runs in all threads; one from float to float, or from bytes to bytes, would run in one.
        A[0].copy_(buffers.bytes.t())
        A[0].mul_(self.scale).add_(self.shift)
        Y, T = self._forward(buffers), self.T.index_select(0, index)
        torch.div(torch.softmax(Y, 0), N, out=G[-1])
        G[-1].scatter_add_(0, T[None], buffers.minus)
        for i in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[i]
            layer.weight_gradient(G[i + 1], A[i])
            torch.sum(G[i + 1], 1, out=self.bias_gradients[i])
            if i:
                layer.input_gradient(G[i + 1], G[i])
                torch.ops.aten.threshold_backward.grad_input(G[i], A[i], 0, grad_input=G[i])
        torch._fused_sgd_([self.theta], [self.gradient], [self.velocity], **self.constants)
        for layer in self.layers:
            layer.after_update()
        return Y, T

    def loss(self, result: Any) -> float:
        return float(torch.nn.functional.cross_entropy(result[0].t(), result[1]))

    @torch.inference_mode()
    def predict(self, X: np.ndarray) -> np.ndarray:
        buffers = self._buffers(len(X))
        A = buffers.activations[0]
        A.copy_(torch.from_numpy(X).t())
        if X.dtype == np.uint8:
            A.mul_(self.scale).add_(self.shift)
        return self._forward(buffers).t().numpy()

    def nbytes(self) -> dict[str, int]:
        biases = sum(b.nbytes for b in self.biases)
        transposed = sum(layer.transposed_values.nbytes for layer in self.layers if isinstance(layer, SparseLayer))
        masks = [layer.mask for layer in self.layers if isinstance(layer, DenseLayer) and layer.mask is not None]
        return {
            "weights": self.theta.nbytes - biases + transposed,
            "indices": sum(part.nbytes for layer in self.layers for part in layer.indices()),
            "masks": sum(mask.nbytes for mask in masks),
            "biases": biases,
            "gradients": self.theta.nbytes,
            "velocities": self.theta.nbytes,
        }
