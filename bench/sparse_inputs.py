"""Sparse samples against the same samples made dense, batch by batch: milliseconds a training step, peak memory.

    python bench/sparse_inputs.py [--threads 2] [--short] [--json FILE] [--problems "text;100000"]

The text problem (paragraphs of installed packages' documentation, hashed to 131,072 features, some 40 nonzeros a sample),
and drawn samples of 100 nonzeros out of D features; a first layer with as many weights whatever D is, of 256 neurons for
text and 1024 otherwise, ReLU, a dense output layer, batches of 100, Nesterov 0.9. A step is gathering, forward, backward,
update; time also for the whole epoch of text. Contenders, a process each, in turns:

- nerva_py: sparse batches, sparse W
- batches made dense: the same network, each batch by SciPy's `toarray` into the layout of the kernels
- scikit-learn: MLPClassifier with the sparse samples and its dense W, one `partial_fit` a step (sgd with Nesterov's momentum)

The samples as one dense array are not tried where they do not fit; the table says what they would take.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Annotated, Any

import harness
import numpy as np
import typer
from scipy.sparse import csr_array

BATCH, NONZEROS = 100, 100
RESERVE = 2 * 2**30
WEIGHTS = 500_000
PROBLEMS = "text;100000;50000000"


class NervaPy:
    """Sparse batches."""

    def build(self, features: int | None, samples: int) -> dict[str, Any]:
        """The data, `features` None for text, and the network; facts about them."""
        from own_step import own_run

        import nerva_py as nv

        self.data = dataset(features, samples)
        D, K = self.data.num_features, 256 if features is None else 1024
        density = WEIGHTS / (K * D)
        self.network = nv.mlp("ReLU;Linear", [D, K, self.data.num_outputs], layer_densities=[density, 1.0], seed=1)
        self.run = own_run(self.network, self.data, 0.01)
        self.rng = np.random.default_rng(1)
        X = self.data.Xtrain
        return {"samples": X.shape[0], "features": D, "nonzeros": X.nnz / X.shape[0], "weights": self.network.nnz}

    def time(self, count: int) -> harness.Times:
        from nerva_py.engine import one_blas_thread, workspace

        times = []
        with workspace(), one_blas_thread:
            for _ in range(count):
                rows = self.rng.integers(0, len(self.data.Ttrain), BATCH)
                start = time.perf_counter()
                self.step(rows)
                times.append(time.perf_counter() - start)
        return harness.least_and_median(times)

    def step(self, rows: np.ndarray) -> None:
        self.run.step(self.run.batch(rows))

    def peak(self) -> int:
        """Bytes, of the whole life of the process."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Densified(NervaPy):
    """The same, with dense batches."""

    def build(self, features: int | None, samples: int) -> dict[str, Any]:
        from nerva_py.data import targets
        from nerva_py.engine import batch_empty
        from nerva_py.training import Batch

        self.batch_empty, self.targets, self.batch = batch_empty, targets, Batch
        return super().build(features, samples)

    def step(self, rows: np.ndarray) -> None:
        dtype = self.network.dtype
        X = self.batch_empty(rows.size, self.data.num_features, dtype)
        X[...] = self.data.Xtrain[rows].toarray(order="F")
        T = self.targets(self.data.Ttrain, rows, self.data.num_classes, dtype)
        self.run.step(self.batch(X, T, None, rows.size))


class ScikitLearn(NervaPy):
    """Sparse samples, dense weights."""

    def build(self, features: int | None, samples: int) -> dict[str, Any]:
        from sklearn.neural_network import MLPClassifier

        self.data = dataset(features, samples)
        self.rng = np.random.default_rng(1)
        self.model = MLPClassifier(
            (256 if features is None else 1024,), solver="sgd", learning_rate_init=0.01, batch_size=BATCH
        )
        return {}

    def step(self, rows: np.ndarray) -> None:
        self.model.partial_fit(self.data.Xtrain[rows], self.data.Ttrain[rows], classes=np.arange(self.data.num_outputs))


CONTENDERS = {"nerva_py": NervaPy, "batches made dense": Densified, "scikit-learn": ScikitLearn}


def dataset(features: int | None, samples: int) -> Any:
    """The text problem, or samples whose nonzeros are drawn."""
    import nerva_py as nv

    if features is None:
        return nv.load_dataset("text")
    rng = np.random.default_rng(0)
    indptr = NONZEROS * np.arange(samples + 1)
    X = csr_array(
        (np.ones(NONZEROS * samples, np.float32), rng.integers(0, features, NONZEROS * samples), indptr),
        shape=(samples, features),
    )
    return nv.from_arrays(X, rng.integers(0, 10, samples), num_classes=10)


def needed(name: str, features: int | None) -> float:
    """Bytes, about: of dense batches (SciPy's, and ours), or of scikit-learn's weights, gradients and velocities."""
    D, K = (2**17, 256) if features is None else (features, 1024)
    return {"nerva_py": 64 * D, "batches made dense": 8 * BATCH * D, "scikit-learn": 16 * K * D}[name]


def available() -> int:
    """Bytes that can be had without swapping."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def measure(features: int | None, samples: int, threads: int, rounds: int) -> dict[str, Any]:
    """All contenders that fit, on one problem."""
    row: dict[str, Any] = {"problem": "text" if features is None else f"{features:,} features"}
    workers: dict[str, harness.Process] = {}
    counts = {}
    for name in CONTENDERS:
        if needed(name, features) + RESERVE > available():
            row[name] = {"needed": needed(name, features)}
            continue
        (workers[name],) = harness.processes(__file__, [name], threads).values()
        row |= workers[name].ask("build", features=features, samples=samples)
        once = workers[name].ask("time", count=3)["minimum"]
        counts[name] = int(np.clip(0.3 / once, 2, 100))
    times = harness.alternate(
        {name: lambda w=worker, n=name: w.ask("time", count=counts[n]) for name, worker in workers.items()}, rounds
    )
    for name, worker in workers.items():
        row[name] = {"seconds": times[name], "peak": worker.ask("peak")}
        worker.close()
    row["dense_samples"] = 4 * row["samples"] * row["features"]
    return row


def print_rows(rows: list[dict[str, Any]]) -> None:
    body = []
    for row in rows:
        cells = []
        for name in CONTENDERS:
            found = row[name]
            if "needed" in found:
                cells += [f"does not fit: {harness.size_text(found['needed'])}", "–"]
                continue
            low, median = (harness.time_text(found["seconds"][which]) for which in ("minimum", "median"))
            cells += [f"{low} ({median})", harness.size_text(found["peak"])]
        body.append([row["problem"], harness.size_text(row["dense_samples"]), *cells])
    header = ["problem", "samples as a dense array"]
    harness.table([*header, *(cell for name in CONTENDERS for cell in (f"{name}: step", "peak"))], body)
    for row in rows:
        if row["problem"] == "text":
            steps = -(-row["samples"] // BATCH)
            epochs = {name: steps * row[name]["seconds"]["median"] for name in CONTENDERS if "seconds" in row[name]}
            text = ", ".join(f"{name} {harness.time_text(seconds)}" for name, seconds in epochs.items())
            print(f"an epoch of text, {steps} steps of the median: {text}")


def main(
    threads: harness.Threads = 2,
    short: harness.Short = False,
    json_file: harness.JsonFile = None,
    problems: Annotated[str, typer.Option(help="text, or numbers of features, separated by semicolons.")] = PROBLEMS,
) -> None:
    """Sparse samples against the same samples made dense."""
    facts = harness.heading(threads)
    rows: list[dict[str, Any]] = []
    for problem in problems.split(";"):
        features = None if problem == "text" else int(problem)
        rows.append(measure(features, 2_000 if short else 20_000, threads, rounds=2))
        harness.write_json(json_file, facts, rows=rows)
    print("Fastest step (median); peak resident memory of the process\n")
    print_rows(rows)


if __name__ == "__main__":
    harness.run(main, CONTENDERS)
