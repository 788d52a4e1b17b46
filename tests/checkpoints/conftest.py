"""The files that the tests of this folder read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nerva_py as nv

from .runs import RUNS, images


@pytest.fixture(scope="module")
def data():
    return images(np.random.default_rng(0))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory) -> tuple[Path, bytes]:
    """A checkpoint of a run with everything, in the middle of an epoch."""
    path = tmp_path_factory.mktemp("run") / "run.npz"
    one, network = RUNS["RigL"], RUNS["RigL"].network()
    stopping = nv.EarlyStopping("test_loss")
    one.train(network, data, [nv.ModelCheckpoint(path, "5 steps", notes={"of": "a test"}), stopping], epochs=1)
    one.train(
        RUNS["RigL"].network(), data, [nv.ModelCheckpoint(path, "13 steps"), nv.EarlyStopping("test_loss"), Stop()]
    )
    return path, path.read_bytes()


class Stop(nv.Callback):
    def on_step_end(self, run):
        if run.t == 14:
            raise KeyboardInterrupt
