"""The benchmarks are scripts in bench/, whose modules import one another by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from contenders.problem import Problem, make_problem

SIZES, IMAGE = [48, 32, 24, 10], (3, 4, 4)


def tiny(sparsity: float) -> Problem:
    """300 samples in batches of 32: ten steps are an epoch, whose last mini-batch is smaller."""
    return make_problem(
        SIZES, sparsity, samples=300, image_shape=IMAGE, batch_size=32, learning_rate=0.05, threads=1
    )  # fmt: skip


@pytest.fixture(scope="session")
def sparse() -> Problem:
    return tiny(0.8)


@pytest.fixture(scope="session")
def dense() -> Problem:
    return tiny(0.0)
