"""Functions defined by cases: which is the derivative of which, found out."""

from __future__ import annotations

import sympy as sp

from nerva_py.equations.activations import leaky_relu, leaky_relu_derivative, relu, relu_derivative
from nerva_py.matrix import apply
from nerva_py.matrix.scalars import where
from nerva_py.verify import IndexedMatrix
from nerva_py.verify.cases import Cases

N, D = sp.symbols("N D", integer=True, positive=True)
A = IndexedMatrix.symbol("A", N, D)
alpha = sp.Symbol("alpha", real=True)


def test_only_true_derivatives_are_declared():
    with Cases() as cases:
        matrices = [apply(f, A) for f in (relu, relu_derivative)]
        matrices += [apply(f, A, alpha) for f in (leaky_relu, leaky_relu_derivative)]
        derivatives = cases.derivatives(matrices)
    assert derivatives.of(sp.Function("relu")) == (sp.Function("relu_derivative"),)
    assert derivatives.of(sp.Function("leaky_relu")) == (sp.Function("leaky_relu_derivative"),)
    for name in ("relu_derivative", "leaky_relu_derivative"):
        assert derivatives.of(sp.Function(name)) == ()


def test_a_derivative_is_one_for_all_parameters_that_occur():
    def f(x, a):
        return where(x <= 0, 0, a * x)

    def g(x, a):
        return where(x <= 0, 0, 2)

    with Cases() as cases:
        derivatives = cases.derivatives([apply(f, A, 2), apply(g, A, 2)])
        assert derivatives.of(sp.Function("f")) == (sp.Function("g"),)
        derivatives = cases.derivatives([apply(f, A, 3), apply(g, A, 3)])
    assert derivatives.of(sp.Function("f")) == ()


def test_outside_nothing_is_noted():
    with Cases() as cases:
        pass
    apply(relu, A).entry(1, 1)
    assert cases.functions == {}


def test_two_functions_of_one_name_get_two():
    one, two = (apply(lambda x, value=value: where(x <= 0, 0, value), A) for value in (1, 2))
    with Cases() as cases:
        assert one.entry(1, 1).func != two.entry(1, 1).func
        assert one.entry(1, 1) == one.entry(1, 1)
    assert len(cases.functions) == 2


def test_what_nobody_gave_is_made():
    with Cases() as cases:
        derivatives = cases.completed(cases.derivatives([apply(relu, A)]))
        (slope,) = derivatives.of(sp.Function("relu"))
        assert cases.vanishes(slope(A.entry(1, 1)) - apply(relu_derivative, A).entry(1, 1))


def test_of_a_sum_each_term_may_be_in_another_case():
    """Σ_i [A_i1 > 0] (N A_i1 − Σ_j A_j1) is 0 if all are positive, and if none is, but not always."""
    i, j = sp.symbols("i j", integer=True)
    base = A.base
    with Cases() as cases:
        one = apply(relu_derivative, A)
        spread = N * base[i, 1] - sp.Sum(base[j, 1], (j, 1, N))
        assert not cases.vanishes(sp.Sum(one.entry(i, 1) * spread, (i, 1, N)))
