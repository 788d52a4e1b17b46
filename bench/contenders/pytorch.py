"""PyTorch with its own modules, autograd and optimizer: dense, or with masks applied in place after each step.

The data are normalised beforehand and kept in float32, which spares it a conversion in every mini-batch. Its optimizer is the
`fused` one, which does in one pass what the default does in several.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array

from . import Contender
from .problem import Problem


class PyTorch(Contender):
    """`nn.Sequential` of `nn.Linear` and `nn.ReLU`; the masks are float32 tensors kept for the whole run."""

    def __init__(self, problem: Problem, masked: bool):
        torch.set_num_threads(problem.threads)
        self.problem = problem
        self.X, self.T = torch.from_numpy(problem.normalized()), torch.from_numpy(problem.T)
        modules: list[Any] = []
        self.masks: list[tuple[torch.Tensor, torch.Tensor]] = []
        for W, b in zip(problem.weights, problem.biases, strict=True):
            K, D = W.shape
            linear = torch.nn.Linear(D, K)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(W.toarray()))
                linear.bias.copy_(torch.from_numpy(b[0]))
            if masked and W.nnz < K * D:
                ones = csr_array((np.ones_like(W.data), W.indices, W.indptr), shape=W.shape)
                self.masks.append((linear.weight, torch.from_numpy(ones.toarray())))
            modules += [linear, torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*modules[:-1])
        self.criterion = torch.nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=problem.learning_rate, momentum=problem.momentum, nesterov=True, fused=True
        )

    def step(self, rows: np.ndarray) -> Any:
        index = torch.from_numpy(rows)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.criterion(self.model(self.X.index_select(0, index)), self.T[index])
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for W, mask in self.masks:
                W.mul_(mask)
        return loss

    def loss(self, result: Any) -> float:
        return float(result.detach())

    def predict(self, X: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self.model(torch.from_numpy(self.problem.normalized(X))).numpy()

    def nbytes(self) -> dict[str, int]:
        weights = sum(p.nbytes for p in self.model.parameters() if p.ndim == 2)
        biases = sum(p.nbytes for p in self.model.parameters() if p.ndim == 1)
        return {
            "weights": weights,
            "masks": sum(mask.nbytes for _, mask in self.masks),
            "biases": biases,
            "gradients": weights + biases,
            "velocities": weights + biases,
        }
