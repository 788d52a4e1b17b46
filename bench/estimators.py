"""Accuracy and `fit` times of the estimators beside scikit-learn's MLP, and what `fit` costs beyond the trainer.

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python bench/estimators.py [--folds 5] [--seeds 2] [--short] [--json FILE]

Data sets that come with scikit-learn or are generated; features standardised on the training fold, float32. Everybody gets
the hidden layers 256 and 128 and otherwise default parameters: scikit-learn's MLP is dense; ours has its default density, or
10 % of the weights (90 % sparsity), static, also with a larger learning rate, or with the topology changed by SET after each
epoch. Mean ± standard error of
the test score (accuracy or R²) over folds and seeds, the same folds for everybody, one after the other in each fold.

Before that the overhead: `fit` against `nv.train` with the same network, data and epochs, alternating; minimum and median
of rounds.
Threads are not bound to cores here: scikit-learn's OpenMP runtime would bind the main thread, and Numba's see one core.
"""

from __future__ import annotations

import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import harness
import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_classification,
    make_friedman1,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nerva_py as nv
from nerva_py import threads

HIDDEN = (256, 128)
SPARSE: dict[str, Any] = {"density": 0.1}


def covtype_like() -> tuple[np.ndarray, np.ndarray]:
    """54 features and 7 classes as in the forest cover types, 4,000 samples."""
    return make_classification(
        4000, 54, n_informative=20, n_redundant=10, n_classes=7, class_sep=2.0, flip_y=0.02, random_state=0
    )


CLASSIFICATION: dict[str, Callable[[], Any]] = {
    "digits": lambda: load_digits(return_X_y=True),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "generated, as covtype": covtype_like,
}
REGRESSION: dict[str, Callable[[], Any]] = {
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "Friedman 1": lambda: make_friedman1(4000, 10, noise=0.5, random_state=0),
}
CONTENDERS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "scikit-learn, dense": (MLPClassifier, MLPRegressor, {}),
    "ours, default density": (nv.SparseMLPClassifier, nv.SparseMLPRegressor, {}),
    "ours, 90 % sparse": (nv.SparseMLPClassifier, nv.SparseMLPRegressor, SPARSE),
    "ours, 90 % sparse, rate 0.01": (
        nv.SparseMLPClassifier,
        nv.SparseMLPRegressor,
        {**SPARSE, "learning_rate_init": 0.01},
    ),
    "ours, 90 % sparse, SET": (nv.SparseMLPClassifier, nv.SparseMLPRegressor, {**SPARSE, "method": "SET(0.3)"}),
}


def main(folds: int = 5, seeds: int = 2, short: harness.Short = False, json_file: harness.JsonFile = None) -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    facts = harness.heading(int(os.environ.get("OMP_NUM_THREADS", threads.available_cores())))
    facts["binding"] = "threads are not bound"
    if short:
        folds, seeds = 2, 1
    costs = overhead(2 if short else 25)
    rows: list[dict[str, Any]] = []
    for kind, problems in (("accuracy", CLASSIFICATION), ("R²", REGRESSION)):
        for name, load in list(problems.items())[: 1 if short else None]:
            X, y = load()
            rows += compare(
                name, kind, X.astype(np.float32), y if kind == "accuracy" else standardized(y), folds, seeds, short
            )
            harness.write_json(json_file, facts, scores=rows, overhead=costs)


def standardized(y: np.ndarray) -> np.ndarray:
    return (y - y.mean()) / y.std()


def compare(
    name: str, kind: str, X: np.ndarray, y: np.ndarray, folds: int, seeds: int, short: bool
) -> list[dict[str, Any]]:
    """A row a contender, printed as a table."""
    found: dict[str, dict[str, list[float]]] = {
        contender: {"score": [], "seconds": [], "epochs": [], "weights": []} for contender in CONTENDERS
    }
    limits = {"max_iter": 5} if short else {}
    for contender in CONTENDERS:  # compiles
        make(contender, kind, max_iter=2).fit(X[:300], y[:300])
    for seed in range(seeds):
        splitter = (StratifiedKFold if kind == "accuracy" else KFold)(folds, shuffle=True, random_state=seed)
        for train, test in splitter.split(X, y):
            for contender, results in found.items():
                pipeline = make_pipeline(StandardScaler(), make(contender, kind, random_state=seed, **limits))
                start = time.perf_counter()
                pipeline.fit(X[train], y[train])
                results["seconds"].append(time.perf_counter() - start)
                results["score"].append(float(pipeline.score(X[test], y[test])))
                results["epochs"].append(pipeline[-1].n_iter_)
                results["weights"].append(sum(W.size for W in pipeline[-1].coefs_))
    rows = [
        {"data": name, "samples": len(X), "features": X.shape[1], "kind": kind, "contender": c, **r}
        for c, r in found.items()
    ]
    print(f"{name}: {len(X):,} samples, {X.shape[1]} features, hidden layers {HIDDEN}")
    harness.table(["", "weights", kind, "fit", "epochs", "an epoch"], [cells(row) for row in rows])
    return rows


def make(contender: str, kind: str, **parameters: Any) -> Any:
    classifier, regressor, own = CONTENDERS[contender]
    return (classifier if kind == "accuracy" else regressor)(hidden_layer_sizes=HIDDEN, **own, **parameters)


def cells(row: dict[str, Any]) -> list[str]:
    scores, seconds, epochs = row["score"], statistics.median(row["seconds"]), statistics.median(row["epochs"])
    error = statistics.stdev(scores) / len(scores) ** 0.5
    unit, scale = ("%", 100) if row["kind"] == "accuracy" else ("", 1)
    digits = 2 if scale == 100 else 4
    mean = f"{scale * statistics.mean(scores):.{digits}f} ± {scale * error:.{digits}f} {unit}".strip()
    weights = f"{statistics.median(row['weights']):,.0f}"
    each = harness.time_text(statistics.median(s / e for s, e in zip(row["seconds"], row["epochs"], strict=True)))
    return [row["contender"], weights, mean, harness.time_text(seconds), f"{epochs:.0f}", each]


def overhead(rounds: int) -> dict[str, Any]:
    """`fit` and `nv.train` with the same work: a small network, where what `fit` adds weighs most, and a larger one."""
    result = {}
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    data = nv.from_arrays(X, y, normalization="none")
    for name, hidden, epochs in (("64-100-10", [100], 60), ("64-512-256-10", [512, 256], 25)):
        model = nv.SparseMLPClassifier(
            hidden, **SPARSE, n_iter_no_change=np.inf, max_iter=epochs, random_state=0, n_threads=1
        )

        def fit(model: Any = model) -> None:
            model.fit(X, y)

        def train(hidden: list[int] = hidden, epochs: int = epochs) -> None:
            network = nv.mlp(["ReLU"] * len(hidden) + ["Linear"], [64, *hidden, 10], overall_density=0.1, seed=0)
            with threads.limited(1):
                nv.train(
                    network, data, optimizer="Adam", learning_rate=0.001, epochs=epochs, batch_size=200,
                    statistics="running", seed=0,
                )  # fmt: skip

        calls = {"fit": fit, "train": train}
        times = harness.alternate({n: lambda call=call: harness.seconds(call, 0) for n, call in calls.items()}, rounds)
        result[name] = times
    print_overhead(result)
    return result


def print_overhead(found: dict[str, Any]) -> None:
    rows = []
    for name, times in found.items():
        ratios = [times["fit"][which] / times["train"][which] - 1 for which in ("median", "minimum")]
        each = [harness.time_text(times[call]["median"]) for call in ("fit", "train")]
        rows.append([name, *each, *(f"{ratio:+.1%}" for ratio in ratios)])
    print("What `fit` costs beyond `nv.train`, one thread, digits, 10 % of the weights")
    harness.table(["network", "fit", "train", "overhead (medians)", "overhead (minima)"], rows)


if __name__ == "__main__":
    harness.run(main, {})
