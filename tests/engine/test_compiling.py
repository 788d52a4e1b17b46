from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numba import prange

import nerva_py
from nerva_py.engine.caching import fingerprint
from nerva_py.engine.compiling import FAST_MATH, FLAGS, Kernel, column, kernel
from nerva_py.engine.elementwise import apply_kernel, hadamard_apply_kernel, update_kernel
from nerva_py.equations import activations
from nerva_py.errors import MissingBackendError
from nerva_py.matrix import apply
from nerva_py.sparse.kernels import compiled
from tests.samples import DTYPES, batch

PACKAGE = Path(nerva_py.__path__[0])


def versions(one: Kernel) -> int:
    return sum(len(version.overloads) for version in one.versions.values())


@pytest.fixture
def twice() -> Kernel:
    @kernel("F2, F2", parallel=True)
    def twice(X, Y):
        for j in prange(X.shape[1]):
            x, y = column(X, j), column(Y, j)
            for i in range(x.size):
                y[i] = x[i] + x[i]

    return twice


def test_one_version_for_each_element_type_whatever_the_layout(twice, rng):
    for dtype in DTYPES:
        big = batch(rng, 12, 8, dtype)
        for X in (big, big[:, ::2], big[2:7], big[:1], big[:, 3:4], np.asfortranarray(big)):
            Y = np.zeros(X.shape[::-1], dtype).T
            twice(X, Y)
            np.testing.assert_array_equal(Y, X + X)
    assert versions(twice) == len(DTYPES)


def test_the_same_function_runs_uncompiled(twice, rng):
    X = batch(rng, 3, 4)
    Y = np.zeros((4, 3)).T
    twice.py_func(X, Y)
    np.testing.assert_array_equal(Y, X + X)


def test_wrong_arguments_are_refused_not_compiled(twice, rng):
    X = batch(rng, 3, 4)
    twice(X, X.copy(order="F"))
    with pytest.raises(TypeError):
        twice(X, X.astype(np.float32))
    assert versions(twice) == 1


def test_a_float32_kernel_computes_in_float32():
    X = np.full((1, 1), 1e30, np.float32)
    Y = np.zeros((1, 1), np.float32)
    square = apply_kernel(_square_over_1e30, 0)
    square(X, (), Y)
    assert np.isinf(Y[0, 0])


def _square_over_1e30(x):
    return x * x / x


# ---------------------------------------------------------------------------------------------------------- the flags


def all_kernels() -> list[Kernel]:
    """Those of all modules, and those that are made on demand."""
    for module in pkgutil.walk_packages(nerva_py.__path__, "nerva_py."):
        with suppress(MissingBackendError):  # a module that exists for an optional package alone
            importlib.import_module(module.name)
    apply_kernel(activations.relu, 0)
    hadamard_apply_kernel(activations.relu, 0)
    for states in (0, 1, 2):
        update_kernel(activations.relu, states, 1)
    compiled.affine(1), compiled.product(1), compiled.weight_gradient(1), compiled.affine_single(None, 0, True)
    return [thing for thing in gc.get_objects() if issubclass(type(thing), Kernel)]


def test_all_kernels_use_the_one_set_of_flags():
    kernels = all_kernels()
    assert {"affine", "product", "weight_gradient", "affine_single", "matmul", "matmul_bias"} <= {
        one.py_func.__name__ for one in kernels
    }
    for one in kernels:
        assert one.options == {**FLAGS, "parallel": one.parallel}
        for version in one.versions.values():
            target = version.targetoptions
            assert {name: target[name] for name in FLAGS if name in target} == {
                name: FLAGS[name] for name in FLAGS if name in target
            }


def test_no_module_compiles_on_its_own():
    """`numba.jit` and `njit` are called in one place only."""
    sources = {path.name: path.read_text() for path in PACKAGE.rglob("*.py")}
    callers = {name for name, text in sources.items() if "njit" in text or "numba.jit" in text}
    assert callers == {"compiling.py"}


def test_the_flags_leave_nan_and_infinity_visible(rng):
    assert not FAST_MATH & {"nnan", "ninf", "fast"}
    X = batch(rng, 3, 2, np.float32)
    X[0, 0], X[1, 1] = np.nan, np.inf
    Y = apply(_is_nan, X)
    np.testing.assert_array_equal(Y, np.isnan(X))


def _is_nan(x):
    return 1.0 if x != x else 0.0


# ---------------------------------------------------------------------------------------------------------- the cache


def test_an_edit_in_another_module_is_not_missed_by_the_cache(tmp_path):
    """Numba looks at the file of the kernel alone; the function that it applies stands in another one."""
    module = tmp_path / "edited_function.py"
    program = "import numpy as np, edited_function; from nerva_py.matrix import apply; "
    program += "print(apply(edited_function.f, np.ones((1, 1)))[0, 0])"

    def run() -> float:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(PACKAGE.parent)]),
            "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        result = subprocess.run(
            [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
        )
        return float(result.stdout)

    module.write_text("def f(x):\n    return 2 * x\n")
    assert run() == 2
    module.write_text("def f(x):\n    return -3 * x\n")
    assert run() == -3


def test_the_fingerprint_of_a_kernel_covers_the_functions_that_it_calls():
    def calling(helper):
        def f(x):
            return helper(x)

        return f

    def helper(x):
        return x

    def edited(x):
        return x + 1

    assert fingerprint(calling(helper)) == fingerprint(calling(helper))
    assert fingerprint(calling(helper)) != fingerprint(calling(edited))


COLD = """
import threading
import numpy as np
import nerva_py as nv

X = np.random.default_rng(1).standard_normal((37, 64)).astype(np.float32)
data = nv.load_dataset("digits")

def trained():
    network = nv.mlp("BatchNorm;SReLU;Linear", [64, 48, 10], overall_density=0.2, seed=1)
    nv.train(network, data, epochs=1, batch_size=300, learning_rate=0.02, seed=1)
    return network.predict(X)

def work(k):
    together.wait()
    answers[k] = trained()

together, answers = threading.Barrier(8), {}
threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
alone = trained()
print(sorted(answers) == list(range(8)) and all(np.array_equal(answer, alone) for answer in answers.values()))
"""


def test_eight_threads_start_with_nothing_compiled(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_THREADING_LAYER": "omp"}
    run = [sys.executable, "-c", COLD]
    result = subprocess.run(run, env=environment, check=True, capture_output=True, text=True, timeout=300)
    assert result.stdout == "True\n", result.stderr
    assert list(tmp_path.rglob("*.nbc"))
