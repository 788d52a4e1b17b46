"""Running `nerva-py` in this process, and small data to run it on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from nerva_py.cli import main

# A network and a data set for which an epoch takes milliseconds.
SMALL = ("--epochs=2", "--layer-sizes=4;8;6;3", "--batch-size=16", "--overall-density=0.5")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Run = Callable[..., Outcome]


@pytest.fixture
def nerva_py(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command with these arguments."""

    def run(*arguments: object) -> Outcome:
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def small_npz(tmp_path: Path) -> Path:
    """70 training and 20 test samples of 4 features in 3 classes, as Nerva stores them."""
    rng = np.random.default_rng(0)
    T = rng.integers(0, 3, 90)
    X = (rng.standard_normal((90, 4)) + T[:, None]).astype(np.float32)
    path = tmp_path / "small.npz"
    np.savez(path, Xtrain=X[:70], Ttrain=T[:70], Xtest=X[70:], Ttest=T[70:])
    return path


@pytest.fixture
def regression_npz(tmp_path: Path) -> Path:
    """The sum and the difference of two numbers."""
    X = np.random.default_rng(0).standard_normal((60, 2)).astype(np.float32)
    T = X @ np.array([[1, 1], [1, -1]], np.float32)
    path = tmp_path / "regression.npz"
    np.savez(path, Xtrain=X[:40], Ttrain=T[:40], Xtest=X[40:], Ttest=T[40:])
    return path
