"""The contenders of the benchmarks: trainers of one and the same multilayer perceptron, ReLU between linear layers.

The interface, which every benchmark may rely on:

    problem = Problem.load(path)                 data, weights, biases and hyperparameters; see `problem.py`
    reason = unsuitable(name, problem)           a sentence if this contender cannot run this problem, else None
    require(name)                                ImportError where its package is missing
    contender = load(name, problem)
    with contender.running():                    what a trainer sets up once a run, around everything that follows
        result = contender.step(rows)            one step with the samples `rows` (positions in problem.X)
        contender.loss(result)                   -> float, the mean loss of that mini-batch; ask before the next step
        contender.predict(X)                     -> logits (N, K), a NumPy array
        contender.nbytes()                       -> {"weights": ..., "indices": ..., "masks": ..., ...}, what it keeps

`predict` takes a batch (N, D) in rows, C-contiguous: of the type of problem.X (bytes), which it normalises, or of float32,
which it takes as normalised. `nbytes` counts what the trainer keeps from one step to the next: weights, indices, masks,
biases, gradients and velocities, but neither data nor activations.

A contender keeps its own copy of the data in whatever form suits it best: normalising beforehand is not timed, gathering a
mini-batch is. `agreement` says whether two contenders compute the same; no ratio is reported of two that do not.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from .problem import Problem

CONTENDERS = {
    "nerva_py": ("ours", "NervaPy", {}),
    "nerva_py-mkl": ("ours", "NervaPy", {"backend": "mkl"}),
    "nerva_py-scipy": ("ours", "NervaPy", {"backend": "scipy"}),
    "torch-csr": ("torch_csr", "TorchCSR", {}),
    "pytorch-masked": ("pytorch", "PyTorch", {"masked": True}),
    "pytorch-dense": ("pytorch", "PyTorch", {"masked": False}),
    "scipy": ("scipy_csr", "SciPyCSR", {}),
    "scikit-learn": ("sklearn_mlp", "ScikitLearn", {}),
    "nerva-numpy": ("nerva_numpy_mlp", "NervaNumPy", {}),
}
DENSE_ONLY = ("pytorch-dense", "scikit-learn", "nerva-numpy")
SPARSE_ONLY = ("nerva_py-mkl", "nerva_py-scipy", "pytorch-masked", "scipy")


class Contender:
    """What every contender is; see the module's docstring."""

    def __init__(self, problem: Problem):
        raise NotImplementedError

    def running(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def step(self, rows: np.ndarray) -> Any:
        raise NotImplementedError

    def loss(self, result: Any) -> float:
        raise NotImplementedError

    def predict(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def nbytes(self) -> dict[str, int]:
        raise NotImplementedError


def require(name: str) -> None:
    """Import what this contender needs; ImportError where it is missing."""
    module, _, options = CONTENDERS[known(name)]
    getattr(importlib.import_module(f"{__name__}.{module}"), "require", lambda **options: None)(**options)


def load(name: str, problem: Problem) -> Contender:
    """The contender of that name, ready for its first step."""
    module, kind, options = CONTENDERS[known(name)]
    return getattr(importlib.import_module(f"{__name__}.{module}"), kind)(problem, **options)


def unsuitable(name: str, problem: Problem) -> str | None:
    """Why this contender cannot run this problem, or None."""
    if known(name) in DENSE_ONLY and not problem.dense:
        return f"{name} trains all weights, so it can only run the dense problem"
    if name in SPARSE_ONLY and problem.dense:
        return f"{name} has nothing of its own to do where every weight is trained"
    return None


def known(name: str) -> str:
    """The name itself; an error that lists the names if it is none of them."""
    if name not in CONTENDERS:
        raise SystemExit(f"no contender is called {name!r}; choose among {', '.join(CONTENDERS)}")
    return name


def batches(problem: Problem, seed: int = 1) -> Iterator[np.ndarray]:
    """Mini-batches of the samples in a random order, epoch after epoch, without end."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(problem.X))
        for first in range(0, len(order), problem.batch_size):
            yield order[first : first + problem.batch_size]
