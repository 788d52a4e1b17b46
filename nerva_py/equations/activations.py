"""Activation functions: functions of one number with their derivatives, and the matrix functions made of them.

A function of one number is written once: SymPy differentiates it, the compiled loop of the trainer calls it. At a kink the
derivative is the one-sided one that its docstring names. NaN stays NaN in every activation, so that a diverging run is seen.
Source: arXiv:2511.11918, table of activation functions; All-ReLU: arXiv:2102.01732.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nerva_py.matrix import apply, dot, hadamard_apply
from nerva_py.matrix.scalars import exp, scalar_function, tanh, where
from nerva_py.quantities import plain


@dataclass(frozen=True)
class Activation:
    """f and f′ as functions of one number x and of fixed parameters: f(x, *parameters).

    `of_output`: f′(f(x)) = f′(x) for every x, as of ReLU: then the derivative is taken at Y, and X need not be kept.
    """

    name: str
    function: Callable[..., Any]
    derivative: Callable[..., Any]
    parameters: tuple[float, ...] = ()
    of_output: bool = False

    def __call__(self, X):
        """f(X), element by element."""
        return apply(self.function, X, *self.parameters)

    def gradient(self, X):
        """f′(X), element by element."""
        return apply(self.derivative, X, *self.parameters)

    def backward(self, DY, Z):
        """DZ = DY ⊙ f′(Z)."""
        return hadamard_apply(DY, self.derivative, Z, *self.parameters)


@scalar_function
def relu(x):
    """max(0, x)"""
    return where(x <= 0, 0, x)


@scalar_function
def relu_derivative(x):
    """0 for x ≤ 0 (the left derivative at the kink), 1 for x > 0"""
    return where(x <= 0, 0, 1)


@scalar_function
def leaky_relu(x, alpha):
    """α x for x ≤ 0, x for x > 0"""
    return where(x <= 0, alpha * x, x)


@scalar_function
def leaky_relu_derivative(x, alpha):
    """α for x ≤ 0 (the left derivative at the kink), 1 for x > 0"""
    return where(x <= 0, alpha, 1)


@scalar_function
def trimmed_relu(x, epsilon):
    """0 for x < ε, x for x ≥ ε"""
    return where(x < epsilon, 0, x)


@scalar_function
def trimmed_relu_derivative(x, epsilon):
    """0 for x < ε, 1 for x ≥ ε (the right derivative at the jump)"""
    return where(x < epsilon, 0, 1)


@scalar_function
def sigmoid(x):
    """σ(x) = 1 / (1 + e^(−x))"""
    return 1 / (1 + exp(-x))


@scalar_function
def sigmoid_derivative(x):
    """σ′(x) = σ(x) (1 − σ(x))"""
    y = sigmoid(x)
    return y * (1 - y)


@scalar_function
def hyperbolic_tangent(x):
    """tanh x"""
    return tanh(x)


@scalar_function
def hyperbolic_tangent_derivative(x):
    """1 − tanh² x"""
    y = tanh(x)
    return 1 - y * y


@scalar_function
def srelu(x, al, tl, ar, tr):
    """t_l + a_l (x − t_l) for x ≤ t_l;   t_r + a_r (x − t_r) for x > t_l and x ≥ t_r;   x between; the first case wins"""
    return where(x <= tl, tl + al * (x - tl), where(x >= tr, tr + ar * (x - tr), x))


@scalar_function
def srelu_derivative(x, al, tl, ar, tr):
    """a_l for x ≤ t_l (left derivative at t_l), a_r for x ≥ t_r (right derivative at t_r), 1 between"""
    return where(x <= tl, al, where(x >= tr, ar, 1))


@scalar_function
def srelu_al(x, al, tl, ar, tr):
    """∂ SReLU / ∂a_l: A^l = x − t_l for x ≤ t_l, else 0"""
    return where(x <= tl, x - tl, 0)


@scalar_function
def srelu_tl(x, al, tl, ar, tr):
    """∂ SReLU / ∂t_l: T^l = 1 − a_l for x ≤ t_l, else 0"""
    return where(x <= tl, 1 - al, 0)


@scalar_function
def srelu_ar(x, al, tl, ar, tr):
    """∂ SReLU / ∂a_r: A^r = x − t_r for x > t_l and x ≥ t_r, else 0"""
    return where(x <= tl, 0, where(x >= tr, x - tr, 0))


@scalar_function
def srelu_tr(x, al, tl, ar, tr):
    """∂ SReLU / ∂t_r: T^r = 1 − a_r for x > t_l and x ≥ t_r, else 0"""
    return where(x <= tl, 0, where(x >= tr, 1 - ar, 0))


def srelu_parameter_gradients(DY, Z, al, tl, ar, tr):
    """Da_l = 1ᵀ (DY ⊙ A^l) 1, and so with T^l, A^r and T^r        -> (Da_l, Dt_l, Da_r, Dt_r), four numbers"""
    return tuple(dot(DY, apply(part, Z, al, tl, ar, tr)) for part in (srelu_al, srelu_tl, srelu_ar, srelu_tr))


def ReLU() -> Activation:
    """max(0, x); the derivative at 0 is 0."""
    return Activation("ReLU", relu, relu_derivative, of_output=True)


def LeakyReLU(alpha: float = 0.01) -> Activation:
    """max(α x, x); the derivative at 0 is α."""
    return _leaky("LeakyReLU", alpha)


def AllReLU(alpha: float = 0.6, position: int | None = None) -> Activation:
    """Leaky ReLU whose slope for x ≤ 0 is −α, +α, −α, ... in the hidden layers at position 0, 1, 2, ...; without one, α."""
    return _leaky("AllReLU", alpha if position is None or position % 2 else -alpha)


def TReLU(epsilon: float = 1e-9) -> Activation:
    """x for x ≥ ε, else 0; the derivative at ε is 1."""
    epsilon = plain(epsilon)
    return Activation("TReLU", trimmed_relu, trimmed_relu_derivative, (epsilon,), of_output=_holds(epsilon > 0))


def _leaky(name: str, alpha: float) -> Activation:
    alpha = plain(alpha)
    # With a negative slope the sign of x is not that of f(x).
    return Activation(name, leaky_relu, leaky_relu_derivative, (alpha,), of_output=_holds(alpha >= 0))


def _holds(condition: Any) -> bool:
    """Whether a condition on a parameter is known to hold: of a symbol it may be undecided."""
    return condition == True  # noqa: E712


def Sigmoid() -> Activation:
    """1 / (1 + e^(−x))."""
    return Activation("Sigmoid", sigmoid, sigmoid_derivative)


def HyperbolicTangent() -> Activation:
    """tanh x."""
    return Activation("HyperbolicTangent", hyperbolic_tangent, hyperbolic_tangent_derivative)


def SReLU(al: float = 0.0, tl: float = 0.0, ar: float = 1.0, tr: float = 1.0) -> Activation:
    """The S-shaped ReLU with slopes a_l, a_r outside the thresholds t_l, t_r. a_r = 1 gives ReLU, (0, 0, 0, 1) a ReLU
    clipped at 1. In a network its parameters are trained; see `srelu_parameter_gradients`."""
    return Activation("SReLU", srelu, srelu_derivative, tuple(map(plain, (al, tl, ar, tr))))
