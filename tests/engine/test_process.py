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
    "dense samples": ("SReLU;BatchNorm;Dropout(0.2);ReLU;Linear", [nv.method("SET(0.3)")]),
    "sparse samples": ("ReLU;ReLU;Linear", [nv.method("RigL(0.3, every=3)")]),
}

def digest(name):
    layers, callbacks = CASES[name]
    samples = X.astype(np.float32)
    if name == "sparse samples":
        samples = csr_array(np.where(samples > 1, samples, 0))
    network = nv.mlp(layers, [36, 60, 48, 4], overall_density=0.2, seed=1)
    nv.train(network, nv.from_arrays(samples, T), epochs=2, batch_size=60, seed=1, callbacks=callbacks)
    found = hashlib.sha256(network.predict(samples).tobytes())
    for parameter in network.parameters():
        found.update(parameter.vector.tobytes())
    return found.hexdigest()

def everything():
    return [digest(name) for name in CASES]

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


def run(program: str, **variables: str) -> str:
    environment = {"NUMBA_NUM_THREADS": "2", **os.environ, **variables}
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


def test_children_of_a_process_whose_threads_train_do_not_hang():
    program = """
data = nv.from_arrays(X.astype(np.float32), T)
def network():
    return nv.mlp("ReLU;ReLU;Linear", [36, 60, 48, 4], overall_density=0.2, seed=1)

def trained(epochs):
    one = network()
    nv.train(one, data, epochs=epochs, batch_size=60, seed=1, callbacks=[nv.method("SET(0.3)")])
    return one.predict(data.Xtrain).tobytes()

right, done = trained(1), []
def work():
    while not done:
        trained(1)

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
answers = [in_child(lambda: trained(1) == right, 60) for _ in range(12)]
done.append(True)
for thread in threads:
    thread.join()
print(answers == ["True"] * 12, trained(1) == right)
"""
    assert run(program) == "True True\n"


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_threads_that_begin_at_once_under_each_thread_layer(layer):
    """Numba's own layer ends the process where two threads are in a loop at once."""
    program = """
import numba
def work(k):
    dtype = (np.float32, np.float64)[k % 2]
    network = nv.mlp("ReLU;ReLU;Linear", [36, 700, 48, 4], overall_density=0.2, seed=1, dtype=dtype)
    together.wait()
    answers[k] = network.predict(X.astype(dtype)).tobytes()

together, answers = threading.Barrier(8), {}
threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(numba.threading_layer(), [answers[k] == answers[k % 2] for k in range(8)] == [True] * 8)
"""
    assert run(program, NUMBA_THREADING_LAYER=layer) == f"{layer} True\n"


def test_other_code_has_started_threads_before_the_fork_and_nerva_py_runs_only_in_the_child():
    program = """
import numba
import nerva_py.sparse
numba.get_num_threads()  # what any parallel loop begins with
network = lambda: nv.mlp("ReLU;Linear", [36, 20, 4], overall_density=0.2, seed=1)
there = in_child(lambda: network().predict(X.astype(np.float32)).tobytes())
print(there == repr(network().predict(X.astype(np.float32)).tobytes()))
"""
    assert run(program) == "True\n"
