r"""The formulas of the book, printed from the functions that are executed: `python -m derivations.formulas`.

Each function of `nerva_py.equations` runs on matrices of which only the formula is known (`nerva_py.verify.latex`), and what it returns is
its own formula. So no formula of this list is typed, and none can differ from the code.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from nerva_py.equations import batch_norm, dropout, linear, losses, softmax
from nerva_py.verify.latex import WrittenMatrix, latex

N, D, K, EPSILON = sp.symbols("N D K epsilon")


def _matrix(text: str, rows: sp.Symbol | int, columns: sp.Symbol) -> WrittenMatrix:
    return WrittenMatrix(text, rows, columns)


def formulas() -> Iterator[tuple[str, tuple[str, ...]]]:
    """(name of the executed function, the LaTeX of what it returns)"""
    X, W, b, Y = _matrix("X", N, D), _matrix("W", K, D), _matrix("b", 1, K), _matrix("Y", N, K)
    T, R, DY = _matrix("T", N, K), _matrix("R", K, D), _matrix(r"\mathrm{D}Y", N, K)
    Z, DY_D = _matrix("Z", N, D), _matrix(r"\mathrm{D}Y", N, D)
    gamma, beta, variance = _matrix(r"\gamma", 1, D), _matrix(r"\beta", 1, D), _matrix(r"\Sigma", 1, D)
    calls = [
        (linear.linear, (X, W, b)),
        (linear.linear_backward, (X, W, DY)),
        (softmax.softmax, (Y,)),
        (softmax.softmax_backward, (Y, DY)),
        (softmax.softmax_backward_paper, (Y, DY)),
        (softmax.log_softmax, (Y,)),
        (softmax.log_softmax_backward, (Y, DY)),
        (batch_norm.scale_and_shift, (Z, gamma, beta)),
        (batch_norm.batch_norm_backward, (Z, variance, gamma, DY_D, EPSILON)),
        (batch_norm.batch_norm_input_gradient_paper, (Z, variance, gamma, DY_D, EPSILON)),
        (dropout.dropout_linear, (X, W, b, R)),
        (dropout.dropout_linear_backward, (X, W, DY, R)),
        *((loss.value, (Y, T)) for loss in losses.LOSSES.values() if not loss.averaged),
        *((loss.gradient, (Y, T)) for loss in losses.LOSSES.values() if not loss.averaged),
    ]
    for function, arguments in calls:
        printed = latex(function, *arguments)
        yield function.__name__, printed if isinstance(printed, tuple) else (printed,)


if __name__ == "__main__":
    for name, results in formulas():
        print(name, *(f"    ${result}$" for result in results), sep="\n")
