"""Initial weights.        [arXiv:2511.11918, weight initialization; PyTorch's Linear; sparse-aware He: arXiv:2010.03533]

An initializer draws the values of a (K, D) weight matrix row by row: `counts[k]` of them for row k, which is D in a dense
layer and the neuron's own number of inputs in a sparse one. When only some weights of a row are new, `fan_in[k]` is the
number of inputs that the neuron then has. It never sees, and never makes, a dense matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nerva_py.equations import initial
from nerva_py.errors import NervaError
from nerva_py.parts import registry_of
from nerva_py.quantities import real

Draw = Callable[[tuple[int, int], np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Initializer:
    """Distribution of the weights; biases are zero unless `bias_bound` gives b ~ U(±bias_bound(D))."""

    name: str
    draw: Draw
    bias_bound: Callable[[int], float] | None = None

    def weights(
        self, shape: tuple[int, int], counts: np.ndarray, rng: np.random.Generator, fan_in: np.ndarray | None = None
    ) -> np.ndarray:
        """`counts[k]` values for row k, in the order of the rows, float64. Without `fan_in` they are all that it has."""
        return self.draw(shape, counts, counts if fan_in is None else fan_in, rng)

    def biases(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """b (1, K), float64."""
        K, D = shape
        if self.bias_bound is None:
            return np.zeros((1, K))
        return rng.uniform(-self.bias_bound(D), self.bias_bound(D), (1, K))


# What is drawn stands in functions of the module, and in classes, so that an initializer can be pickled.


@dataclass(frozen=True)
class _WithinBound:
    bound: Callable[[int, int], float]

    def __call__(
        self, shape: tuple[int, int], counts: np.ndarray, fan_in: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        return rng.uniform(-self.bound(*shape), self.bound(*shape), int(counts.sum()))


def Xavier() -> Initializer:
    """w ~ U(−1/√D, 1/√D)"""
    return Initializer("Xavier", _WithinBound(initial.xavier_bound))


def XavierNormalized() -> Initializer:
    """w ~ U(−√6/√(D + K), √6/√(D + K))"""
    return Initializer("XavierNormalized", _WithinBound(initial.xavier_normalized_bound))


def XavierNormal() -> Initializer:
    """w ~ N(0, σ = √(2/(D + K)))"""
    return Initializer("XavierNormal", _xavier_normal)


def _xavier_normal(
    shape: tuple[int, int], counts: np.ndarray, fan_in: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    return rng.normal(0, initial.xavier_normal_deviation(*shape), int(counts.sum()))


def PyTorch() -> Initializer:
    """w, b ~ U(−1/√D, 1/√D), as `torch.nn.Linear`"""
    return Initializer("PyTorch", _WithinBound(initial.xavier_bound), bias_bound=_bias_bound)


def _bias_bound(D: int) -> float:
    return float(initial.xavier_bound(1, D))


def He() -> Initializer:
    """w ~ N(0, σ = √(2/D))"""
    return Initializer("He", _he)


def _he(shape: tuple[int, int], counts: np.ndarray, fan_in: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0, initial.he_deviation(shape[1]), int(counts.sum()))


def HeUniform() -> Initializer:
    """w ~ U(−√6/√D, √6/√D)"""
    return Initializer("HeUniform", _WithinBound(_he_bound))


def _he_bound(K: int, D: int) -> float:
    return float(initial.he_bound(D))


def SparseHe() -> Initializer:
    """w_k ~ N(0, σ_k = √(2/fan-in_k)) with the number of inputs that neuron k really has"""
    return Initializer("SparseHe", _sparse_he)


def _sparse_he(shape: tuple[int, int], counts: np.ndarray, fan_in: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    different, which = np.unique(fan_in, return_inverse=True)
    deviation = np.array([initial.he_deviation(max(int(count), 1)) for count in different])[which]
    return rng.standard_normal(int(counts.sum())) * np.repeat(deviation, counts)


@dataclass(frozen=True)
class _Drawn:
    """By a method of the generator with these two parameters."""

    distribution: str
    parameters: tuple[float, float]

    def __call__(
        self, shape: tuple[int, int], counts: np.ndarray, fan_in: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        drawn: np.ndarray = getattr(rng, self.distribution)(*self.parameters, int(counts.sum()))
        return drawn


def Uniform(a: float = -0.05, b: float = 0.05) -> Initializer:
    """w ~ U(a, b)"""
    a, b = real("a", a), real("b", b)
    if not a <= b:
        raise NervaError(f"Uniform(a, b) needs a ≤ b, not a={a}, b={b}")
    return Initializer("Uniform", _Drawn("uniform", (a, b)))


def Normal(mean: float = 0.0, std: float = 0.05) -> Initializer:
    """w ~ N(mean, std)"""
    return Initializer("Normal", _Drawn("normal", (real("mean", mean), real("std", std, 0))))


def Zero() -> Initializer:
    """w = 0"""
    return Initializer("Zero", _zero)


def _zero(shape: tuple[int, int], counts: np.ndarray, fan_in: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.zeros(int(counts.sum()))


INITIALIZERS: dict[str, Callable[..., Initializer]] = {
    **registry_of(Xavier, XavierNormalized, XavierNormal, He, HeUniform, SparseHe, PyTorch, Uniform, Normal, Zero),
    # What Nerva calls these, too.
    "XavierUniform": XavierNormalized,
    "HeNormal": He,
    "None": Zero,
}
