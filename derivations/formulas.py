r"""The formulas of the book, printed from the functions that are executed: `python -m derivations.formulas`.

Each function of `nerva_py.equations` runs on matrices of which only the formula is known (`nerva_py.verify.latex`), or on symbols where it
is a function of numbers, and what it returns is its own formula. So no formula of this list is typed, and none can differ from the code.
Only the names on the left are chosen here. Of the schedules those are missing that ask which of two numbers is the larger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import sympy as sp

from nerva_py.equations import (
    activation_layer,
    activations,
    batch_norm,
    dropout,
    initial,
    linear,
    losses,
    rates,
    softmax,
    updates,
)
from nerva_py.equations.activations import Activation
from nerva_py.verify.latex import WrittenMatrix, latex

N, D, K, EPSILON = sp.symbols("N D K epsilon")
DX, DW, DB, DY, DZ = (rf"\mathrm{{D}}{name}" for name in "XWbYZ")


class Formula(NamedTuple):
    """A function that is executed, how its results are called, and what it computes, in LaTeX."""

    function: Callable[..., Any]
    names: tuple[str, ...]
    results: tuple[str, ...]

    @property
    def equations(self) -> tuple[str, ...]:
        """name = result"""
        return tuple(f"{name} = {result}" for name, result in zip(self.names, self.results, strict=True))

    @property
    def place(self) -> str:
        """Where the function is found: `nerva_py.equations.linear.linear`"""
        return f"{self.function.__module__}.{self.function.__qualname__}"


def written() -> Iterator[Formula]:
    """Every formula, chapter by chapter."""
    for function, names, arguments in (*_matrix_functions(), *_losses()):
        printed = latex(function, *arguments)
        yield Formula(function, names, printed if isinstance(printed, tuple) else (printed,))
    for function, names, arguments in _functions_of_numbers():
        result = function(*arguments)
        yield Formula(function, names, tuple(map(sp.latex, result if isinstance(result, tuple) else (result,))))


def formulas() -> Iterator[tuple[str, tuple[str, ...]]]:
    """(name of the executed function, the LaTeX of what it returns)"""
    for formula in written():
        yield formula.function.__qualname__, formula.results


Call = tuple[Callable[..., Any], tuple[str, ...], tuple[Any, ...]]


def _matrix(text: str, rows: sp.Symbol | int, columns: sp.Symbol) -> WrittenMatrix:
    return WrittenMatrix(text, rows, columns)


def _any_activation() -> Activation:
    """f and f′ that are only known by name."""

    def f(x: Any) -> Any:
        return x

    def derivative(x: Any) -> Any:
        return x

    f.latex, derivative.latex = "f", "f'"  # type: ignore[attr-defined]
    return Activation("f", f, derivative)


def _matrix_functions() -> Iterator[Call]:
    X, W, b, Y = _matrix("X", N, D), _matrix("W", K, D), _matrix("b", 1, K), _matrix("Y", N, K)
    R, G, S = _matrix("R", K, D), _matrix(DY, N, K), _matrix("Z", N, K)
    Z, G_D, R_D = _matrix("Z", N, D), _matrix(DY, N, D), _matrix("R", N, D)
    gamma, beta, variance = _matrix(r"\gamma", 1, D), _matrix(r"\beta", 1, D), _matrix(r"\Sigma", 1, D)
    mean, f = _matrix(r"\mu", 1, D), _any_activation()
    parameters = sp.symbols("a_l t_l a_r t_r")
    yield linear.linear, ("Y",), (X, W, b)
    yield linear.linear_backward, (DX, DW, DB), (X, W, G)
    yield activation_layer.activation_layer, ("Y",), (X, W, b, f)
    yield Activation.backward, (DZ,), (f, G, S)
    names = tuple(rf"\mathrm{{D}}{name}" for name in parameters)
    yield activations.srelu_parameter_gradients, names, (G, S, *parameters)
    yield softmax.softmax, ("Y",), (S,)
    yield softmax.softmax_definition, ("Y",), (S,)
    yield softmax.softmax_backward, (DZ,), (Y, G)
    yield softmax.softmax_backward_paper, (DZ,), (Y, G)
    yield softmax.log_softmax, ("Y",), (S,)
    yield softmax.log_softmax_definition, ("Y",), (S,)
    yield softmax.log_softmax_backward, (DZ,), (Y, G)
    yield batch_norm.standardize, ("Z", r"\mu", r"\Sigma"), (_matrix("X", N, D), EPSILON)
    yield batch_norm.scale_and_shift, ("Y",), (Z, gamma, beta)
    yield (
        batch_norm.batch_norm_backward,
        (DX, r"\mathrm{D}\gamma", r"\mathrm{D}\beta"),
        (Z, variance, gamma, G_D, EPSILON),
    )
    yield batch_norm.batch_norm_input_gradient_paper, (DX,), (Z, variance, gamma, G_D, EPSILON)
    yield batch_norm.batch_norm_evaluation, ("Y",), (X, gamma, beta, mean, variance, EPSILON)
    yield batch_norm.unbiased_variance, (r"\Sigma'",), (variance, N)
    yield dropout.dropout_linear, ("Y",), (X, W, b, R)
    yield dropout.dropout_linear_backward, (DX, DW, DB), (X, W, G, R)
    yield dropout.dropout, ("Y",), (X, R_D)
    yield dropout.dropout_backward, (DX,), (G_D, R_D)


def _losses() -> Iterator[Call]:
    Y, T = _matrix("Y", N, K), _matrix("T", N, K)
    for loss in losses.LOSSES.values():
        yield loss.samples, (r"\ell",), (Y, T)
        yield loss.gradient, (DY,), (Y, T)


def _functions_of_numbers() -> Iterator[Call]:
    x, alpha = sp.symbols("x alpha", real=True)
    srelu = sp.symbols("a_l t_l a_r t_r", real=True)
    for function, derivative, parameters in (
        (activations.relu, activations.relu_derivative, ()),
        (activations.leaky_relu, activations.leaky_relu_derivative, (alpha,)),
        (activations.trimmed_relu, activations.trimmed_relu_derivative, (EPSILON,)),
        (activations.sigmoid, activations.sigmoid_derivative, ()),
        (activations.hyperbolic_tangent, activations.hyperbolic_tangent_derivative, ()),
        (activations.srelu, activations.srelu_derivative, srelu),
    ):
        yield function, ("f(x)",), (x, *parameters)
        yield derivative, ("f'(x)",), (x, *parameters)
    theta, g, delta, m, v, eta, decay, mu = sp.symbols("theta g Delta m v eta lambda mu", real=True)
    beta1, beta2, c1, c2, age, warm_up = sp.symbols("beta_1 beta_2 c_1 c_2 tau T_w", positive=True)
    adam = (theta, g, m, v, eta, decay, beta1, beta2, EPSILON)
    yield updates.decayed, ("d",), (theta, g, decay)
    yield updates.gradient_descent, (r"\theta'",), (theta, g, eta, decay)
    yield updates.momentum, (r"\theta'", r"\Delta'"), (theta, g, delta, eta, decay, mu)
    yield updates.nesterov, (r"\theta'", r"\Delta'"), (theta, g, delta, eta, decay, mu)
    yield updates.adam, (r"\theta'", "m'", "v'"), (*adam, c1, c2)
    yield updates.adamw, (r"\theta'", "m'", "v'"), (*adam, c1, c2)
    aged = (theta, g, m, v, age, *adam[4:], sp.log(beta1), sp.log(beta2), warm_up)
    yield updates.smet, (r"\theta'", "m'", "v'", r"\tau'"), aged
    i, d = sp.symbols("i d", positive=True)
    yield rates.constant, (r"\eta_i",), (i, eta)
    yield rates.time_based, (r"\eta_3",), (3, eta, d)
    yield rates.exponential, (r"\eta_i",), (i, eta, d)
    yield initial.xavier_bound, ("a",), (K, D)
    yield initial.xavier_normalized_bound, ("a",), (K, D)
    yield initial.xavier_normal_deviation, (r"\sigma",), (K, D)
    yield initial.he_bound, ("a",), (D,)
    yield initial.he_deviation, (r"\sigma",), (D,)


if __name__ == "__main__":
    for name, results in formulas():
        print(name, *(f"    ${result}$" for result in results), sep="\n")
