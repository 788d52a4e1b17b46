"""The contenders. Each runs in a process of its own and obeys commands on its standard input:

    python workers.py NAME PROBLEM.npz      then lines "loss K" (train K steps, answer the loss of each) or "epoch"
                                            (train one epoch, answer the seconds)

All start from the weights and use the data, the order of the samples and the hyperparameters in PROBLEM.npz.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

LEARNING_RATE, MOMENTUM, BATCH = 0.01, 0.9, 100


class Contender(Protocol):
    """A trainer that is fed one mini-batch after another."""

    def step(self, rows: np.ndarray) -> Any:
        """One step with these samples; returns what `loss` needs."""

    def loss(self, result: Any) -> float:
        """The mean loss of the mini-batch before its update."""


class NervaPy:
    """nerva_py with truly sparse layers; a dense layer where the density is 1 or above the break-even density."""

    def __init__(self, problem: dict[str, np.ndarray]):
        from scipy.sparse import csr_array

        from nerva_py.data import from_arrays
        from nerva_py.equations.losses import SoftmaxCrossEntropy
        from nerva_py.network import MLP, LinearLayer
        from nerva_py.network.building import store
        from nerva_py.network.outputs import OUTPUTS
        from nerva_py.sparse import SparseWeight
        from nerva_py.training.loop import resolve_optimizers, training_step

        X, T = problem["X"], problem["T"]
        self.data = from_arrays(X, T, num_classes=10, image_shape=(3, 32, 32))
        layers = []
        for i, name in enumerate(("ReLU", "ReLU", "Linear")):
            mask = problem[f"mask{i}"]
            W = SparseWeight.from_scipy(csr_array(mask))
            W.data[...] = problem[f"W{i}"][mask != 0]
            layers.append(LinearLayer(store(W), problem[f"b{i}"].copy(), OUTPUTS[name]()))
        self.network = MLP(layers)
        self.states = resolve_optimizers(self.network, f"Nesterov({MOMENTUM})")
        self.criterion, self.training_step, self.t = SoftmaxCrossEntropy, training_step, 0

    def step(self, rows: np.ndarray) -> Any:
        self.t += 1
        Y = self.training_step(self.network, self.data, self.criterion, self.states, rows, None, LEARNING_RATE, self.t)
        return Y, rows

    def loss(self, result: Any) -> float:
        from nerva_py.data import one_hot

        Y, rows = result
        return float(self.criterion(Y, one_hot(self.data.Ttrain[rows], 10))) / len(rows)


class PyTorch:
    """PyTorch; with masks, these are float32 tensors kept for the whole run, applied in place after each step.

    The data are normalised beforehand, which spares PyTorch the conversion that nerva_py does in every batch.
    """

    def __init__(self, problem: dict[str, np.ndarray]):
        import torch

        self.torch = torch
        torch.set_num_threads(int(problem["threads"]))
        X = problem["X"].reshape(len(problem["X"]), 3, 1024)
        mean, deviation = X.mean(axis=(0, 2), dtype=np.float64), X.std(axis=(0, 2), dtype=np.float64)
        self.X = torch.from_numpy(X.reshape(len(X), -1)).float()
        self.X.view(-1, 3, 1024).sub_(torch.tensor(mean).float()[:, None]).div_(
            torch.tensor(deviation).float()[:, None]
        )
        self.T = torch.from_numpy(problem["T"])
        modules: list[Any] = []
        for i in range(3):
            K, D = problem[f"W{i}"].shape
            linear = torch.nn.Linear(D, K)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(problem[f"W{i}"]))
                linear.bias.copy_(torch.from_numpy(problem[f"b{i}"][0]))
            modules += [linear, torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*modules[:-1])
        weights = [module.weight for module in self.model if isinstance(module, torch.nn.Linear)]
        masks = [torch.from_numpy(problem[f"mask{i}"]).float() for i in range(3)]
        self.masked = [(W, mask) for W, mask in zip(weights, masks, strict=True) if not bool(mask.all())]
        self.criterion = torch.nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, nesterov=True)

    def step(self, rows: np.ndarray) -> Any:
        index = self.torch.from_numpy(rows)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.criterion(self.model(self.X[index]), self.T[index])
        loss.backward()
        self.optimizer.step()
        with self.torch.no_grad():
            for W, mask in self.masked:
                W.mul_(mask)
        return loss

    def loss(self, result: Any) -> float:
        return float(result.detach())


CONTENDERS = {"nerva_py": NervaPy, "pytorch": PyTorch}


def batches(samples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The samples in a random order, in mini-batches."""
    order = rng.permutation(samples)
    return (order[first : first + BATCH] for first in range(0, samples, BATCH))


def main() -> None:
    name, path = sys.argv[1:]
    with np.load(path) as file:
        problem = {key: file[key] for key in file.files}
    contender: Contender = CONTENDERS[name](problem)
    rng = np.random.default_rng(1)
    print("ready", flush=True)
    for line in sys.stdin:
        command, *count = line.split()
        if command == "loss":
            pairs = zip(range(int(count[0])), batches(len(problem["X"]), rng), strict=False)
            answer: Any = [contender.loss(contender.step(rows)) for _, rows in pairs]
        else:
            start = time.perf_counter()
            for rows in batches(len(problem["X"]), rng):
                contender.step(rows)
            answer = time.perf_counter() - start
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
