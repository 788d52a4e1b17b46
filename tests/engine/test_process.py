"""Processes that fork after a kernel has run, and threads that call kernels at once under another thread layer."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

# What parent and child compute, as text that shows every bit: predictions and trained weights of many kinds of layers.
WORK = """
import hashlib, os, signal, sys, threading, time, warnings
import numpy as np
from scipy.sparse import csr_array
import nerva_py as nv

warnings.simplefilter("ignore")
rng = np.random.default_rng(1)
T = rng.integers(0, 4, 330)
X = rng.standard_normal((4, 36))[T] + rng.standard_normal((330, 36))
CASES = {
    "SReLU": ("SReLU;BatchNorm;Dropout(0.2);LeakyReLU(0.1);Linear", 0.2, {"callbacks": [nv.method("SET(0.3)")]}),
    "sparse": ("ReLU;Sigmoid;Linear", 0.2, {"optimizer": "Adam", "callbacks": [nv.method("RigL(0.3, every=3)")]}),
}

def digest(name, dtype):
    layers, density, options = CASES[name]
    samples = X.astype(dtype)
    if name == "sparse":
        samples = csr_array(np.where(samples > 1, samples, 0))
    data = nv.from_arrays(samples, T)
    network = nv.mlp(layers, [36, 700, 48, 4], overall_density=density, seed=1, dtype=dtype)
    nv.train(network, data, **{"epochs": 2, "batch_size": 60, "learning_rate": 0.01, "seed": 1, **options})
    found = hashlib.sha256()
    for parameter in network.parameters():
        found.update(parameter.vector.tobytes())
    for rows in (330, 60, 3, 1):
        found.update(network.predict(X[:rows].astype(dtype)).tobytes())
    found.update(network.predict(csr_array(np.where(X > 1, X, 0), dtype=dtype)).tobytes())
    return found.hexdigest()

def everything():
    kinds = {"SReLU": "float32", "sparse": "float64"}
    return {name: digest(name, np.dtype(kind)) for name, kind in kinds.items()}

def in_child(work, seconds=200):
    "What `work` returns in a child, as text, or how the child ended."
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            os.write(writing, repr(work()).encode())
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    deadline = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            return "hangs"
        time.sleep(0.01)
    with os.fdopen(reading) as answer:
        return answer.read()
"""


def run(program: str, cache=None, **variables: str) -> str:
    environment = {"NUMBA_NUM_THREADS": "2", **os.environ, **variables}
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    done = subprocess.run(
        [sys.executable, "-c", WORK + program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_child_computes_the_same_bits():
    """And a child of the child; the parent goes on in its threads."""
    program = """
here = everything()
print(in_child(everything) == repr(here))
print(in_child(lambda: in_child(everything)) == repr(repr(here)))
print(everything() == here)
"""
    assert run(program) == "True\nTrue\nTrue\n"
