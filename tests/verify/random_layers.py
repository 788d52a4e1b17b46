"""Random layers with their right backward function, and with wrong ones: what `check_layer` says of them.

    python -m tests.verify.random_layers 1000        # or: make verify-hard

A layer is a program over the primitives, three to six operations on matrices (N, D). Its backward function runs it again, and
then goes through it from the end; a fault is a change of one of the terms that are handed on. That the right one is right, and
that a faulty one is wrong, is confirmed by differences that share no code with `check_layer`.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from nerva_py.matrix import (
    apply,
    column_repeat,
    columns_mean,
    columns_sum,
    exp,
    hadamard,
    reciprocal,
    row_repeat,
    rows_max,
    rows_sum,
)
from nerva_py.matrix.scalars import sqrt, tanh, where
from nerva_py.verify import check_layer

SECONDS = 10  # for a proof
SHAPES = {"inputs": {"X": ("N", "D")}, "parameters": {"V": ("D", "D"), "W": ("D", "D")}}


def relu(x):
    return where(x <= 0, 0, x)


def step(x):
    return where(x <= 0, 0, 1)


def hard_tanh(x):
    return where(abs(x) <= 1, x, where(x > 0, 1, -1))


def inside(x):
    return where(abs(x) <= 1, 1, 0)


def tanh_derivative(x):
    return 1 - tanh(x) ** 2


def inverse_root(s):
    return 1 / sqrt(1 + s)


def inverse_root_derivative(s):
    return -1 / (2 * (1 + s) * sqrt(1 + s))


def square(x):
    return x * x


def twice(x):
    return 2 * x


def softmax(A):
    E = exp(A)
    return hadamard(E, column_repeat(reciprocal(rows_sum(E)), A.shape[1]))


def softmax_term(Y, DY):
    return hadamard(Y, DY - column_repeat(rows_sum(hadamard(Y, DY)), Y.shape[1]))


def scaled(A):
    return hadamard(A, column_repeat(apply(inverse_root, rows_sum(hadamard(A, A))), A.shape[1]))


def scaled_term(A, DY):
    D, s = A.shape[1], rows_sum(hadamard(A, A))
    Ds = hadamard(rows_sum(hadamard(DY, A)), apply(inverse_root_derivative, s))
    return hadamard(DY, column_repeat(apply(inverse_root, s), D)) + 2 * hadamard(A, column_repeat(Ds, D))


def is_largest(A):
    return apply(not_below, A - column_repeat(rows_max(A), A.shape[1]))


def not_below(x):
    return where(x >= 0, 1, 0)


def of_one_number(f, derivative):
    return lambda A: apply(f, A), lambda A, Y, DY: (hadamard(DY, apply(derivative, A)),)


# Name -> (number of arguments, forward, the terms for each argument); "linear" comes besides these.
OPERATIONS: dict[str, tuple[int, Any, Any]] = {
    "add": (2, lambda A, B: A + B, lambda A, B, Y, DY: (DY, DY)),
    "subtract": (2, lambda A, B: A - B, lambda A, B, Y, DY: (DY, -DY)),
    "hadamard": (2, hadamard, lambda A, B, Y, DY: (hadamard(DY, B), hadamard(DY, A))),
    "relu": (1, *of_one_number(relu, step)),
    "hard tanh": (1, *of_one_number(hard_tanh, inside)),
    "tanh": (1, *of_one_number(tanh, tanh_derivative)),
    "square": (1, *of_one_number(square, twice)),
    "half": (1, lambda A: A / 2, lambda A, Y, DY: (DY / 2,)),
    "sums of rows": (
        1,
        lambda A: column_repeat(rows_sum(A), A.shape[1]),
        lambda A, Y, DY: (column_repeat(rows_sum(DY), A.shape[1]),),
    ),
    "means of columns": (
        1,
        lambda A: row_repeat(columns_mean(A), A.shape[0]),
        lambda A, Y, DY: (row_repeat(columns_sum(DY), A.shape[0]) / A.shape[0],),
    ),
    "softmax": (1, softmax, lambda A, Y, DY: (softmax_term(Y, DY),)),
    "less the largest": (
        1,
        lambda A: A - column_repeat(rows_max(A), A.shape[1]),
        lambda A, Y, DY: (DY - hadamard(is_largest(A), column_repeat(rows_sum(DY), A.shape[1])),),
    ),
    "the largest": (
        1,
        lambda A: column_repeat(rows_max(A), A.shape[1]),
        lambda A, Y, DY: (hadamard(is_largest(A), column_repeat(rows_sum(DY), A.shape[1])),),
    ),
    "scaled": (1, scaled, lambda A, Y, DY: (scaled_term(A, DY),)),
}
SMOOTH = [name for name in OPERATIONS if name not in ("add", "subtract", "half")]
FAULTS = {
    "dropped": lambda term, A: 0 * term,
    "sign": lambda term, A: -term,
    "doubled": lambda term, A: 2 * term,
    "N times": lambda term, A: A.shape[0] * term,
    "divided by D": lambda term, A: term / A.shape[1],
}


@dataclass
class Program:
    """Operations on values by number: 0 is X, each operation appends one. A fault: (operation, argument, kind)."""

    operations: list[tuple[str, tuple[int, ...]]]
    fault: tuple[int, int, str] | None = None

    def run(self, X: Any, V: Any, W: Any) -> list[Any]:
        values, weights = [X], [V, W]
        for name, places in self.operations:
            arguments = [values[place] for place in places]
            if name.startswith("linear"):
                values.append(arguments[0] @ weights[int(name[-1])].T)
            else:
                values.append(OPERATIONS[name][1](*arguments))
        return values

    def forward(self, X: Any, V: Any, W: Any) -> Any:
        return self.run(X, V, W)[-1]

    def backward(self, X: Any, V: Any, W: Any, DY: Any) -> tuple[Any, ...]:
        values, weights = self.run(X, V, W), [V, W]
        gradients: list[Any] = [0 * X, *(None for _ in self.operations)]
        gradients[-1] = DY
        Dweights = [0 * V, 0 * W]
        for number in reversed(range(len(self.operations))):
            name, places = self.operations[number]
            D = gradients[number + 1]
            if D is None:
                continue
            arguments = [values[place] for place in places]
            if name.startswith("linear"):
                k = int(name[-1])
                terms = [D @ weights[k], D.T @ arguments[0]]
            else:
                terms = list(OPERATIONS[name][2](*arguments, values[number + 1], D))
            if self.fault and self.fault[0] == number:
                _, argument, kind = self.fault
                terms[argument] = FAULTS[kind](terms[argument], X)
            if name.startswith("linear"):
                Dweights[k] = Dweights[k] + terms.pop()
            for place, term in zip(places, terms, strict=True):
                gradients[place] = term if gradients[place] is None else gradients[place] + term
        return gradients[0], *Dweights


def program(rng: np.random.Generator) -> Program:
    """At least one product and one operation that is not linear; the last two values are used."""
    length = int(rng.integers(3, 7))
    names = [f"linear {rng.integers(2)}", str(rng.choice(SMOOTH))]
    names += [str(rng.choice([*OPERATIONS, "linear 0", "linear 1"])) for _ in range(length - 2)]
    rng.shuffle(names)
    operations = []
    for number, name in enumerate(names):
        count = 1 if name.startswith("linear") else OPERATIONS[name][0]
        places = [number, *(int(rng.integers(number + 1)) for _ in range(count - 1))]
        operations.append((name, tuple(places)))
    return Program(operations)


def faulty(right: Program, rng: np.random.Generator) -> Program:
    number = int(rng.integers(len(right.operations)))
    name, places = right.operations[number]
    terms = 2 if name.startswith("linear") else len(places)
    return Program(right.operations, (number, int(rng.integers(terms)), str(rng.choice(list(FAULTS)))))


def is_wrong(tried: Program, seed: int) -> bool | None:
    """By differences at two choices of sizes; None if they do not tell."""
    for N, D in ((3, 2), (2, 4)):
        rng = np.random.default_rng((seed, N))
        arguments = [rng.normal(0, 1, shape) for shape in ((N, D), (D, D), (D, D))]
        DY, h = rng.normal(0, 1, (N, D)), 1e-5
        for place, gradient in enumerate(tried.backward(*arguments, DY)):
            V = rng.normal(0, 1, gradient.shape)
            losses = []
            for side in (h, -h):
                moved = [a + side * V if k == place else a for k, a in enumerate(arguments)]
                losses.append((DY * tried.forward(*moved)).sum())
            slope, claimed = (losses[0] - losses[1]) / (2 * h), (gradient * V).sum()
            if not np.isfinite(slope):
                return None
            if abs(slope - claimed) > 1e-3 * (abs(slope) + abs(claimed)) + 1e-7:
                return True
    return False


def judged(count: int, first: int = 0, seconds: float = SECONDS) -> tuple[Counter[str], list[str], list[float]]:
    """What was said of so many right and wrong programs; those that must not be, and the seconds of each."""
    said: Counter[str] = Counter()
    bad, times = [], []
    for seed in range(first, first + count):
        rng = np.random.default_rng(seed)
        right = program(rng)
        wrong = faulty(right, rng)
        for tried in (right, wrong):
            truth = is_wrong(tried, seed)
            if truth is None or (tried is right) == truth:
                said["left out"] += 1
                continue
            start = time.perf_counter()
            report = check_layer(tried.forward, tried.backward, **SHAPES, seconds=seconds)
            times.append(time.perf_counter() - start)
            verdict = "right" if report else "wrong" if any(v.problem is not None for v in report) else "not decided"
            said[f"{'wrong' if truth else 'right'} ones called {verdict}"] += 1
            if verdict == ("right" if truth else "wrong"):
                bad.append(f"seed {seed}: {tried}\n{report}")
    return said, bad, times


if __name__ == "__main__":
    said, bad, times = judged(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    told = [*bad, *(f"{number:5d} {what}" for what, number in sorted(said.items()))]
    told.append(f"median {np.median(times):.2f} s, longest {max(times):.1f} s")
    sys.stdout.write("\n".join(told) + "\n")
    sys.exit(bool(bad))
