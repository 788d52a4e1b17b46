"""Sparse matrices that are not valid, given to every public function that takes one: an error, never a crash.

All in one process of its own: a crash would be that of the tests.
"""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import copy, faulthandler, sys, warnings
import numpy as np
from scipy.sparse import bsr_array, coo_array, csc_array, csr_array, csr_matrix
import nerva_py as nv
from nerva_py.engine import SparseBatch
from nerva_py.engine.sparse_batch import canonical_csr
from nerva_py.errors import NervaError
from nerva_py.exchange import from_scipy, mask_from_csr
from nerva_py.sparse import Support
from nerva_py.training import evaluate

faulthandler.enable()
warnings.simplefilter("ignore")
K, D = 40, 40

def whole(kind):
    rng = np.random.default_rng(1)
    return kind(np.where(rng.random((K, D)) < 0.2, rng.standard_normal((K, D)), 0).astype(np.float32))

def change(index, value):
    def changed(array):
        array = array.copy()
        array[index] = value
        return array
    return changed

FAR = 10**9
BROKEN = {
    "index far out": {"indices": change(3, FAR)},
    "index just out": {"indices": change(-1, D)},
    "negative index": {"indices": change(0, -1)},
    "very negative index": {"indices": change(0, -FAR)},
    "pointers fall": {"indptr": change(5, 0)},
    "pointer far out": {"indptr": change(5, FAR)},
    "negative pointer": {"indptr": change(5, -FAR)},
    "first pointer": {"indptr": change(0, 3)},
    "last pointer": {"indptr": change(-1, FAR)},
    "too few pointers": {"indptr": lambda a: a[:-3]},
    "too many pointers": {"indptr": lambda a: np.append(a, a[-1])},
    "too few indices": {"indices": lambda a: a[:7]},
    "too few values": {"data": lambda a: a[:7]},
    "no indices": {"indices": lambda a: a[:0]},
    "indices are numbers with a fraction": {"indices": lambda a: a + 0.5},
    "a matrix of indices": {"indices": lambda a: a[None]},
}

def hostile():
    for kind in (csr_array, csr_matrix, csc_array):
        for name, changes in BROKEN.items():
            for flags in (False, True):
                X = whole(kind)
                for part, how in changes.items():
                    setattr(X, part, how(getattr(X, part)))
                if flags:
                    X.has_sorted_indices = X.has_canonical_format = True
                yield f"{kind.__name__}, {name}, flags {flags}", X
    for name in ("index far out", "negative index", "pointer far out", "pointers fall", "too few pointers"):
        X = bsr_array(whole(csr_array), blocksize=(2, 2))
        for part, how in BROKEN[name].items():
            setattr(X, part, how(getattr(X, part)))
        yield f"bsr, {name}", X
    for place, value in ((0, FAR), (0, -FAR), (1, K), (1, -1)):
        X = whole(coo_array)
        X.coords[place % 2][0] = value
        yield f"coo, {place} {value}", X
    X = whole(coo_array)
    X.data = X.data[:5]
    yield "coo, too few values", X

square = from_scipy([whole(csr_array), whole(csr_array)])
classifier = nv.SparseMLPClassifier((10,), density=0.5, max_iter=2, random_state=1)
fitted = copy.deepcopy(classifier).fit(whole(csr_array), np.arange(K) % 3)

FUNCTIONS = {
    "Support.from_csr": Support.from_csr,
    "SparseWeight.from_scipy": lambda X: nv.SparseWeight.from_scipy(X).toarray(),
    "from_scipy": lambda X: from_scipy([X, whole(csr_array)]).predict(np.ones((3, D), np.float32)),
    "mask_from_csr": mask_from_csr,
    "predict": lambda X: square.predict(X),
    "canonical_csr": lambda X: canonical_csr("X", X).toarray(),
    "SparseBatch.from_csr": lambda X: SparseBatch.from_csr(X).toarray(),
    "from_arrays": lambda X: nv.from_arrays(X, np.arange(K) % 3),
    "test data": lambda X: nv.from_arrays(whole(csr_array), np.arange(K) % 3, X, np.arange(K) % 3),
    "fit": lambda X: copy.deepcopy(classifier).fit(X, np.arange(K) % 3),
    "fit, early stopping": lambda X: copy.deepcopy(classifier).set_params(early_stopping=True).fit(X, np.arange(K) % 3),
    "partial_fit": lambda X: copy.deepcopy(classifier).partial_fit(X, np.arange(K) % 3, classes=[0, 1, 2]),
    "predict_proba": lambda X: fitted.predict_proba(X),
    "score": lambda X: fitted.score(X, np.arange(K) % 3),
    "targets": lambda X: copy.deepcopy(classifier).fit(whole(csr_array), X),
    "validation": lambda X: copy.deepcopy(classifier).fit(
        whole(csr_array), np.arange(K) % 3, X_val=X, y_val=np.arange(K) % 3),
}

def Dataset(X):
    T = np.arange(K) % 3
    return nv.Dataset("data", X, T, csr_array((0, D), dtype=np.float32), T[:0], 3, np.ones(D), np.zeros(D))

FUNCTIONS["Dataset"] = Dataset

accepted = []
for name, X in hostile():
    for what, function in FUNCTIONS.items():
        sys.stderr.write(f"{what}: {name}\\n")  # the last line before a crash
        try:
            function(X)
        except ValueError:  # NervaError among them
            pass
        else:
            accepted.append(f"{what}: {name}")
print(accepted)

# What is valid, though SciPy has been told something else about it.
stale = whole(csr_array)
stale.indices, stale.data = stale.indices.copy(), stale.data.copy()
first = slice(*stale.indptr[:2])
stale.indices[first], stale.data[first] = stale.indices[first][::-1].copy(), stale.data[first][::-1].copy()
for sorted_, canonical in ((True, True), (False, False), (True, False)):
    stale.has_sorted_indices, stale.has_canonical_format = sorted_, canonical
    assert (nv.SparseWeight.from_scipy(stale).toarray() == whole(csr_array).toarray()).all()
    assert Support.from_csr(stale) == Support.from_csr(whole(csr_array))
sorted_later = whole(csr_array)
sorted_later.has_canonical_format = False
sorted_later.sort_indices()
assert Support.from_csr(sorted_later).nnz == sorted_later.nnz

# Arrays of indices.
refused = 0
for indptr, indices in (
    ([0, 1, 2], [0, 9]), ([0, 1, 2], [0, -1]), ([0, 2, 1], [0]), ([0, 1], [0]), ([1, 1, 1], [0]), ([0, 2, 2], [1, 0]),
    ([0, 2, 2], [1, 1]), ([0, 1, FAR], [0]), ([0.0, 1.0, 1.0], [0]), ([0, 1, 1], [[0]]), ([0, -5, 1], [0]), ([], []),
):
    try:
        Support((2, 3), indptr, indices)
    except NervaError:
        refused += 1
print(refused)
"""


def test_no_matrix_crashes_the_interpreter():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "[]\n12\n", done.stderr[-500:]
