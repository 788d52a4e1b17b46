r"""# Linear and activation layers

A linear layer maps a batch $X$ ($N \times D$, a sample a row) to $Y = X W^\top + \mathbf{1}_N b$.

**Gradients.** Let $\mathcal{L}$ be any function of $Y$ and write $\mathrm{D}Y$ for the matrix of $\partial\mathcal{L}/\partial y_{ij}$.
By the chain rule, $\partial\mathcal{L}/\partial x_{pq} = \sum_{ij} (\mathrm{D}Y)_{ij}\, \partial y_{ij}/\partial x_{pq}$; so the gradient
with respect to $X$ is that of the number $L = \sum_{ij} (\mathrm{D}Y)_{ij}\, y_{ij}$ with $\mathrm{D}Y$ held fixed. If an equation gives the
gradient of this $L$ with $\mathrm{D}Y$ a matrix of *free symbols*, the generic cotangent, it is right for every loss: that is what each
claim of this book shows. With $y_{ij} = \sum_d x_{id} w_{jd} + b_j$,

$$\frac{\partial L}{\partial x_{pq}} = \sum_j (\mathrm{D}Y)_{pj} w_{jq}, \qquad
  \frac{\partial L}{\partial w_{pq}} = \sum_i (\mathrm{D}Y)_{ip} x_{iq}, \qquad
  \frac{\partial L}{\partial b_q} = \sum_i (\mathrm{D}Y)_{iq},$$

in matrix form $\mathrm{D}X = \mathrm{D}Y\, W$, $\mathrm{D}W = \mathrm{D}Y^\top X$, $\mathrm{D}b = \mathbf{1}_N^\top\, \mathrm{D}Y$.

The gradient of $W$ is a product that waits: `linear_backward` returns its two factors (`Outer`), and the values are computed where they are
asked for. Here they are asked for on all of $W$, in the chapter on sparse layers on its support. Where nobody needs $\mathrm{D}X$, as in the
first layer, the same function leaves it out.

**Activation layers.** With $Z = X W^\top + \mathbf{1}_N b$ and $Y = f(Z)$ element by element, $\mathrm{D}Z = \mathrm{D}Y \odot f'(Z)$, and the rest
is the linear layer. This is proved once for an undefined function $f$ and its derivative $f'$; that a certain activation has a certain
derivative is then a fact about functions of one number, proved on each branch. SReLU has four parameters besides, shared by all elements:
$\mathrm{D}a_l = \mathbf{1}^\top (\mathrm{D}Y \odot A^l)\, \mathbf{1}$ with $A^l = \partial f/\partial a_l$ element by element, and so for the other three.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from derivations.book import CONCRETE, NUMBERS, NotProved, claim
from derivations.proving import (
    EVERY_SIZE,
    SETTINGS,
    SIZES,
    Setting,
    concrete_setting,
    confirm,
    confirm_equal,
    confirm_without_DX,
)
from nerva_py.equations import activations
from nerva_py.equations.activation_layer import activation_layer
from nerva_py.equations.activations import Activation
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.matrix import apply, ones
from nerva_py.verify import concrete
from nerva_py.verify.prover import Derivatives

x, alpha = sp.symbols("x alpha", real=True)
al, tl, ar, tr = SRELU_PARAMETERS = sp.symbols("a_l t_l a_r t_r", real=True)

SRELU_PIECES = (activations.srelu_al, activations.srelu_tl, activations.srelu_ar, activations.srelu_tr)

ACTIVATIONS = (
    activations.ReLU(),
    activations.LeakyReLU(alpha),
    activations.AllReLU(alpha),
    activations.TReLU(alpha),
    activations.Sigmoid(),
    activations.HyperbolicTangent(),
    activations.SReLU(*SRELU_PARAMETERS),
)


def matrices(s: Setting) -> tuple[Any, Any, Any, Any]:
    """X, W, b and DY of a layer with a dense W."""
    return s.matrix("X", s.N, s.D), s.matrix("W", s.K, s.D), s.matrix("b", 1, s.K), s.matrix("DY", s.N, s.K)


@claim("Linear layer: Y = X Wᵀ + 1 b, and DX, DW, Db", cases=SETTINGS)
def test_linear(s: Setting) -> None:
    X, W, b, DY = matrices(s)
    confirm_equal(linear(X, W, b), X @ W.T + ones(X, s.N, 1) @ b)
    confirm(linear(X, W, b), DY, zip((X, W, b), linear_backward(X, W, DY), strict=True))


@claim("Linear layer: where DX is not needed, DW and Db are the same", cases=SETTINGS)
def test_linear_without_DX(s: Setting) -> None:
    X, W, b, DY = matrices(s)
    confirm_without_DX(linear_backward(X, W, DY), linear_backward(X, W, DY, False), (W, b))


@claim("Activation layer, any f: DX, DW, Db", cases=SETTINGS)
def test_activation_layer(s: Setting) -> None:
    X, W, b, DY = matrices(s)
    f, derivatives = any_function(s)
    DZ = f.backward(DY, linear(X, W, b))
    confirm(activation_layer(X, W, b, f), DY, zip((X, W, b), linear_backward(X, W, DZ), strict=True), derivatives)


@claim("{case} layer: DX, DW, Db", CONCRETE, "×".join(map(str, SIZES[1])), cases=ACTIVATIONS)
def test_each_activation_layer(f: Activation) -> None:
    X, W, b, DY = matrices(concrete_setting(*SIZES[1]))
    DZ = f.backward(DY, linear(X, W, b))
    confirm(activation_layer(X, W, b, f), DY, zip((X, W, b), linear_backward(X, W, DZ), strict=True))


@claim("{case}: f′ is the derivative of f on each branch", NUMBERS, "one number", cases=ACTIVATIONS)
def test_derivative_on_each_branch(f: Activation) -> None:
    confirm_branches(f.function(x, *f.parameters), f.derivative(x, *f.parameters), x)


@claim("{case}: continuous at its kinks", NUMBERS, "one number",
       cases=[f for f in ACTIVATIONS if f.name not in ("Sigmoid", "HyperbolicTangent", "TReLU")])  # fmt: skip
def test_kinks(f: Activation) -> None:
    """At a kink the branch that holds the point meets its neighbour, the last branch; so f′ there is the derivative of the
    branch that holds the point, a one-sided one. TReLU is left out: it jumps at ε."""
    *closed, (last, _) = _branches(f.function(x, *f.parameters))
    for value, condition in closed:
        kink = condition.rhs if condition.lhs == x else condition.lhs
        if not concrete.vanishes((value - last).subs(x, kink)):
            raise NotProved(f"{f.name} jumps at {kink}: {value} and {last}")


_n, _p, _a, _e = sp.Symbol("n", negative=True), *sp.symbols("p a e", positive=True)
# An activation whose derivative may be taken at its output, and numbers on each branch.
OF_OUTPUT: dict[str, tuple[Activation, tuple[Any, ...], tuple[Any, ...]]] = {
    "ReLU": (activations.ReLU(), (), (_n, sp.Integer(0), _p)),
    "LeakyReLU(0)": (activations.LeakyReLU(0), (0,), (_n, sp.Integer(0), _p)),
    "LeakyReLU(α), α > 0": (activations.LeakyReLU(0.5), (_a,), (_n, sp.Integer(0), _p)),
    "AllReLU(α), α > 0": (activations.AllReLU(0.5), (_a,), (_n, sp.Integer(0), _p)),
    "TReLU(ε), ε > 0": (activations.TReLU(1e-9), (_e,), (_n, sp.Integer(0), _e / 2, _e, _e + _p)),
}


@claim(
    "{case}: f′(f(x)) = f′(x), so Y takes the place of Z in the backward equation",
    NUMBERS,
    "one number",
    cases=OF_OUTPUT,
)
def test_derivative_at_the_output(name: str) -> None:
    f, parameters, numbers = OF_OUTPUT[name]
    for number in numbers:
        at_output = f.derivative(f.function(number, *parameters), *parameters)
        if not f.of_output or sp.simplify(at_output - f.derivative(number, *parameters)) != 0:
            raise NotProved(f"f′(f({number})) is {at_output}, f′({number}) is {f.derivative(number, *parameters)}")


@claim(
    "No other activation says so: not with a slope below 0, a threshold below 0, or a slope that is a symbol",
    NUMBERS,
    "all",
)
def test_only_these_are_of_their_output() -> None:
    others = (
        activations.LeakyReLU(-0.5), activations.AllReLU(0.5, 0), activations.TReLU(-1.0), activations.LeakyReLU(alpha),
        activations.Sigmoid(), activations.HyperbolicTangent(), activations.SReLU(),
    )  # fmt: skip
    if wrong := [f.name for f in others if f.of_output]:
        raise NotProved(", ".join(wrong))


@claim("TReLU is 0 for x < ε, and x for x ≥ ε", NUMBERS, "one number")
def test_trimmed_relu() -> None:
    """Its derivative does not say at what height it starts, and it need not be continuous."""
    if activations.trimmed_relu(x, alpha) != sp.Piecewise((0, x < alpha), (x, True)):
        raise NotProved(f"{activations.trimmed_relu(x, alpha)}")


@claim("The parameters are those that are given, in their order; else the usual ones", NUMBERS, "one number")
def test_parameters() -> None:
    """0.01 as in PyTorch, 0.6 as in All-ReLU's article; (0, 0, 1, 1) makes SReLU a ReLU."""
    usual = {"LeakyReLU": (0.01,), "AllReLU": (0.6,), "TReLU": (1e-9,), "SReLU": (0, 0, 1, 1)}
    for name, parameters in usual.items():
        if getattr(activations, name)().parameters != parameters:
            raise NotProved(f"{name}: {getattr(activations, name)().parameters}")
    if activations.SReLU(*SRELU_PARAMETERS).parameters != SRELU_PARAMETERS:
        raise NotProved(f"{activations.SReLU(*SRELU_PARAMETERS).parameters}")


@claim("SReLU: Da_l, Dt_l, Da_r, Dt_r are the sums of DY ⊙ ∂f", cases=SETTINGS)
def test_srelu_parameters(s: Setting) -> None:
    """On symbolic sizes SReLU and its pieces are symbols; that the pieces are its derivatives is the next claim."""
    Z, DY = s.matrix("Z", s.N, s.K), s.matrix("DY", s.N, s.K)
    parameters = [s.matrix(name, 1, 1) for name in ("al", "tl", "ar", "tr")]
    numbers = [p.entry(1, 1) if s is EVERY_SIZE else p[0, 0] for p in parameters]
    derivatives = Derivatives()
    derivatives.declare(
        *(sp.Function(f.__name__) for f in (activations.srelu, activations.srelu_derivative, *SRELU_PIECES))
    )
    gradients = activations.srelu_parameter_gradients(DY, Z, *numbers)
    pairs = [(p, s.number(g)) for p, g in zip(parameters, gradients, strict=True)]
    confirm(apply(activations.srelu, Z, *numbers), DY, pairs, derivatives)


@claim("SReLU: A^l, T^l, A^r, T^r are the derivatives by {case} on each branch", NUMBERS, "one number",
       cases=SRELU_PARAMETERS)  # fmt: skip
def test_srelu_pieces(parameter: sp.Symbol) -> None:
    piece = dict(zip(SRELU_PARAMETERS, SRELU_PIECES, strict=True))[parameter]
    confirm_branches(activations.srelu(x, *SRELU_PARAMETERS), piece(x, *SRELU_PARAMETERS), parameter)


def any_function(s: Setting) -> tuple[Activation, Derivatives]:
    """An undefined function with its derivative, as an activation."""
    f = sp.Function("f")
    derivatives = Derivatives()
    if s.carrier == CONCRETE:

        class g(sp.Function):
            """An undefined function that SymPy differentiates to f′."""

            def fdiff(self, argindex: int = 1) -> sp.Expr:
                return sp.Function("f'")(self.args[0])

        f = g
    derivatives.declare(f, sp.Function("f'"))
    return Activation("f", f, sp.Function("f'")), derivatives


def confirm_branches(value: sp.Expr, derivative: sp.Expr, variable: sp.Symbol) -> None:
    """On each branch of a piecewise function, its derivative is that of the branch."""
    before: dict[sp.Basic, sp.Basic] = {}
    for branch, condition in _branches(value):
        claimed = sp.sympify(derivative).xreplace({**before, condition: sp.true})
        if claimed.has(sp.Piecewise):
            raise NotProved(f"the derivative distinguishes other cases: {claimed}")
        if not concrete.vanishes(sp.diff(branch, variable) - claimed):
            raise NotProved(f"on {condition}, d/d{variable} of {branch} is not {claimed}")
        before[condition] = sp.false


def _branches(e: sp.Expr) -> list[tuple[sp.Expr, sp.Basic]]:
    folded = sp.piecewise_fold(e)
    return list(folded.args) if isinstance(folded, sp.Piecewise) else [(folded, sp.true)]
