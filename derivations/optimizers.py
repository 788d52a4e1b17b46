r"""# Optimizers, schedules and initial weights

An update maps a parameter $\theta$, its gradient $g$ and a state to new ones, number by number. Weight decay $\lambda$ uses
$d = g + \lambda\theta$, the gradient of $\mathcal{L} + \tfrac{\lambda}{2}\theta^2$.

* **Momentum** $\Delta_t = \mu \Delta_{t-1} - \eta d_t$, $\theta_t = \theta_{t-1} + \Delta_t$. Unrolled, $\Delta_t = -\eta \sum_{k \le t} \mu^{t-k} d_k$.
* **Nesterov** $\theta_t = \theta_{t-1} + \mu \Delta_t - \eta d_t$. With $\psi = \theta - \mu\Delta$, the point *before* the look-ahead, these are
  Nesterov's own equations: $\psi_t = \psi_{t-1} + \Delta_t$ and $\theta_t = \psi_t + \mu \Delta_t$. With $v = -\Delta/\eta$ it is PyTorch's form:
  $v_t = \mu v_{t-1} + d_t$, $\theta_t = \theta_{t-1} - \eta (d_t + \mu v_t)$.
* **Adam** keeps $m_t = \beta_1 m_{t-1} + (1-\beta_1) d_t$ and $v_t$ likewise of $d_t^2$. From $m_0 = 0$ and a constant $d$ one gets
  $m_t = (1 - \beta_1^t)\, d$, which is what the corrections $c_1 = 1 - \beta_1^t$, $c_2 = 1 - \beta_2^t$ undo. **AdamW** takes $d = g$ and
  shrinks $\theta$ apart from the gradient.
* **SMET** is Adam for weights that come and go: each has an age $\tau$, the number of steps since it was grown. The corrections are
  $1 - \beta^\tau$ with the weight's own $\tau$, and in its first $T_w$ steps it moves by the share $\tau/T_w$ only, because its $m$ and $v$ know
  little yet. A new weight has $m = v = \tau = 0$, as every weight has at the beginning; of one age, $\tau \ge T_w$, all are Adam's. A layer
  of density $d$ learns with the rate $\eta/d$. The executed form writes $\beta^\tau = \exp(\tau \log \beta)$.

In a matrix each number is updated by itself; of a sparse $W$ those on the support. The gradient of a weight is asked for there, and what is
no weight stays none.

A **schedule** gives the learning rate of epoch $i$; each closed form is proved against its recurrence. The **initial weights** are uniform
on $[-a, a]$, with variance $a^2/3$, or normal with deviation $\sigma$; their moments follow.
"""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

from derivations.book import INDEXED, NUMBERS, NotProved, claim
from derivations.proving import EVERY_SIZE, SETTINGS, Setting, confirm_equal
from nerva_py.equations import initial, rates, updates
from nerva_py.errors import NervaError
from nerva_py.matrix import dense, hadamard, updated
from nerva_py.network.initializers import INITIALIZERS
from nerva_py.network.specs import build
from nerva_py.training.optimizers import SMET, Adam, AdamW
from nerva_py.verify import concrete
from nerva_py.verify.indexed import IndexedMatrix

theta, eta, decay, mu, delta = sp.symbols("theta eta lambda mu Delta", real=True)
beta1, beta2, epsilon = sp.symbols("beta_1 beta_2 epsilon", positive=True)
g = sp.symbols("g_1:5", real=True)
STEPS = 4


def gradient(t: int, x: Any) -> Any:
    """d_t = g_t + λ θ"""
    return g[t] + decay * x


@claim("Gradient descent: θ_t = θ_{t−1} − η d_t, and d is the gradient of L + λ θ²/2", NUMBERS, "one number")
def test_gradient_descent() -> None:
    loss = sp.Function("L")
    d = sp.diff(loss(theta) + decay * theta**2 / 2, theta)
    executed = updates.gradient_descent(theta, sp.diff(loss(theta), theta), eta, decay)
    if sp.expand(executed - (theta - eta * d)) != 0:
        raise NotProved(f"{executed}")


@claim("Momentum: Δ_t = −η Σ μ^(t−k) d_k and θ_t = θ_0 + Σ Δ_k, unrolled over 4 steps", NUMBERS, "one number")
def test_momentum() -> None:
    x, state, d, velocities = theta, sp.Integer(0), [], []
    for t in range(STEPS):
        d.append(gradient(t, x))
        x, state = updates.momentum(x, g[t], state, eta, decay, mu)
        velocities.append(-eta * sum(mu ** (t - k) * d[k] for k in range(t + 1)))
        confirm_equal(state, velocities[-1])
        confirm_equal(x, theta + sum(velocities))


@claim("Nesterov: with ψ = θ − μ Δ it is the look-ahead form, over 4 steps", NUMBERS, "one number")
def test_nesterov_look_ahead() -> None:
    x, state = theta, delta
    for t in range(STEPS):
        psi = x - mu * state
        d = gradient(t, x)
        x, state_new = updates.nesterov(x, g[t], state, eta, decay, mu)
        confirm_equal(state_new, mu * state - eta * d)
        confirm_equal(x, (psi + state_new) + mu * state_new)
        state = state_new


@claim("Nesterov: with v = −Δ/η it is PyTorch's form, over 4 steps", NUMBERS, "one number")
def test_nesterov_pytorch() -> None:
    rate = sp.Symbol("eta", positive=True)
    x, state, y, v = theta, sp.Integer(0), theta, sp.Integer(0)
    for t in range(STEPS):
        d = gradient(t, y)
        v = mu * v + d
        y = y - rate * (d + mu * v)
        x, state = updates.nesterov(x, g[t], state, rate, decay, mu)
        confirm_equal(x, y)
        confirm_equal(state, -rate * v)


def adam_reference(t: int, x: Any, d: Any, m: Any, v: Any) -> tuple[Any, Any, Any]:
    """The lines of the paper's algorithm for step t = 1, 2, ..."""
    m = beta1 * m + (1 - beta1) * d
    v = beta2 * v + (1 - beta2) * d**2
    corrected_m, corrected_v = m / (1 - beta1**t), v / (1 - beta2**t)
    return x - eta * corrected_m / (sp.sqrt(corrected_v) + epsilon), m, v


@claim("Adam: the paper's algorithm, over 2 steps", NUMBERS, "one number")
def test_adam() -> None:
    """The corrections are those that the optimizer passes at step t."""
    x, m, v = theta, *sp.symbols("m v", positive=True)
    for t in (1, 2):
        expected = adam_reference(t, x, gradient(t, x), m, v)
        constants = (beta1, beta2, epsilon, 1 - beta1**t, 1 - beta2**t)
        executed = updates.adam(x, g[t], m, v, eta, decay, *constants)
        for a, b in zip(executed, expected, strict=True):
            _same_number(a, b)
        m, v = sp.symbols(f"m_{t} v_{t}", positive=True)
        x = sp.Symbol(f"theta_{t}", real=True)


@claim("AdamW: Adam with d = g, and θ shrunk by η λ θ, over 2 steps", NUMBERS, "one number")
def test_adamw() -> None:
    x, m, v = theta, *sp.symbols("m v", positive=True)
    for t in (1, 2):
        moved, *state = adam_reference(t, x, g[t], m, v)
        constants = (beta1, beta2, epsilon, 1 - beta1**t, 1 - beta2**t)
        executed = updates.adamw(x, g[t], m, v, eta, decay, *constants)
        for a, b in zip(executed, (moved - eta * decay * x, *state), strict=True):
            _same_number(a, b)
        m, v = sp.symbols(f"m_{t} v_{t}", positive=True)


@claim("Adam: of a constant gradient, m_t / c₁ = d and v_t / c₂ = d², with the corrections of the optimizer", NUMBERS,
       "t = 1, 2, 3")  # fmt: skip
def test_bias_correction() -> None:
    for optimizer, update in ((Adam(0.5, 0.25, 0.125), updates.adam), (AdamW(0.5, 0.25, 0.125), updates.adamw)):
        m = v = sp.Integer(0)
        for t in (1, 2, 3):
            b1, b2, eps, c1, c2 = (sp.nsimplify(c) for c in optimizer.constants(t))
            if (b1, b2, eps) != (sp.Rational(1, 2), sp.Rational(1, 4), sp.Rational(1, 8)):
                raise NotProved(f"β₁, β₂ and ε are {b1}, {b2} and {eps}")
            _, m, v = update(theta, g[0], m, v, eta, sp.Integer(0), b1, b2, eps, c1, c2)
            confirm_equal(m / c1, g[0])
            confirm_equal(v / c2, g[0] ** 2)


T_W = 3  # steps of warm-up


def smet_step(x: Any, g: Any, m: Any, v: Any, age: Any) -> Any:
    """One executed step."""
    return updates.smet(x, g, m, v, age, eta, decay, beta1, beta2, epsilon, sp.log(beta1), sp.log(beta2), T_W)


def smet_reference(age: int, x: Any, d: Any, m: Any, v: Any) -> tuple[Any, Any, Any]:
    """The recurrence for a weight in its step number `age` = 1, 2, ..."""
    moved, m, v = adam_reference(age, x, d, m, v)
    return x - min(1, sp.Rational(age, T_W)) * (x - moved), m, v


@claim("SMET: Adam's recurrence with the weight's own age τ, times min(1, τ/T_w), over 5 steps", NUMBERS, "T_w = 3")
def test_smet() -> None:
    x, m, v, age = theta, *sp.symbols("m v", positive=True), sp.Integer(0)
    for t in range(1, 6):
        expected = smet_reference(t, x, gradient(0, x), m, v)
        *executed, age = smet_step(x, g[0], m, v, age)
        for a, b in zip(executed, expected, strict=True):
            _same_number(a, b)
        confirm_equal(age, sp.Integer(t))
        m, v = sp.symbols(f"m_{t} v_{t}", positive=True)
        x = sp.Symbol(f"theta_{t}", real=True)


@claim("SMET: a weight that was grown (m = v = τ = 0) moves by η/T_w · d/(|d| + ε), then as one that was always there",
       NUMBERS, "2 steps")  # fmt: skip
def test_smet_new_weight() -> None:
    """m′/c₁ = d and v′/c₂ = d² at age 1, whatever the step of the training; the second step is the recurrence of t = 2."""
    slope = sp.Symbol("g", positive=True)
    x, m, v, age = smet_step(sp.Integer(0), slope, sp.Integer(0), sp.Integer(0), sp.Integer(0))
    _same_number(x, -eta / T_W * slope / (slope + epsilon))
    _same_number(m, (1 - beta1) * slope)
    _same_number(v, (1 - beta2) * slope**2)
    confirm_equal(age, sp.Integer(1))
    expected = smet_reference(2, x, gradient(1, x), m, v)
    for a, b in zip(smet_step(x, g[1], m, v, age), (*expected, 2), strict=True):
        _same_number(a, b)


@claim("SMET: at an age τ ≥ T_w it is Adam of step τ", NUMBERS, "τ = 3, 4, 7")
def test_smet_is_adam() -> None:
    m, v = sp.symbols("m v", positive=True)
    for t in (T_W, T_W + 1, T_W + 4):
        constants = (beta1, beta2, epsilon, 1 - beta1**t, 1 - beta2**t)
        expected = updates.adam(theta, g[0], m, v, eta, decay, *constants)
        for a, b in zip(smet_step(theta, g[0], m, v, sp.Integer(t - 1)), (*expected, t), strict=True):
            _same_number(a, b)


@claim("SMET: the optimizer passes log β, and a layer of density d learns with η/d", NUMBERS, "some d, β")
def test_smet_constants() -> None:
    """Without arguments the constants are Adam's, T_w = 100, and there is no weight decay."""
    try:
        optimizers = ((SMET(), 0.9, 0.999), (SMET(0.5, 0.25, 1e-8, 100, 0.0), 0.5, 0.25))
    except NervaError as error:
        raise NotProved("SMET refuses its own constants") from error
    for optimizer, first, second in optimizers:
        constants = (first, second, 1e-8, float(sp.log(first)), float(sp.log(second)), 100)
        if optimizer.update is not updates.smet or optimizer.states != 3 or optimizer.weight_decay != 0:
            raise NotProved(f"{optimizer}")
        if not np.allclose(optimizer.constants(7), constants, rtol=1e-14, atol=0):
            raise NotProved(f"{optimizer.constants(7)} is not {constants}")
        for value, expected in (
            (SimpleNamespace(density=0.25), 4),
            (SimpleNamespace(density=0.0), 1),
            (np.zeros(1), 1),
        ):
            if optimizer.scale(SimpleNamespace(value=value)) != expected:  # type: ignore[misc, arg-type]
                raise NotProved(f"the factor of {value} is not {expected}")


# ------------------------------------------------------------------------------------------------- all numbers of a matrix


def any_update(states: int) -> Any:
    """An update of which nothing is known: θ, s₁, ... = f₀(θ, g, s₁, ..., c), f₁(θ, g, s₁, ..., c), ..."""
    functions = [sp.Function(f"f{number}") for number in range(states + 1)]

    def update(*numbers: Any) -> Any:
        return tuple(f(*numbers) for f in functions) if states else functions[0](*numbers)

    return update


CONSTANTS = sp.symbols("c_1 c_2", real=True)


@claim("updated, any f: θ, s₁, ... = f(θ, g, s₁, ..., c) for each number; where W has no weight, nothing changes",
       cases=SETTINGS)  # fmt: skip
def test_updated(s: Setting) -> None:
    for states in range(4):
        f, G = any_update(states), s.matrix("G", s.K, s.D)
        kept = [s.matrix(f"s{number}", s.K, s.D) for number in range(states)]
        for W in (s.matrix("W", s.K, s.D), s.sparse_matrix("W", s.K, s.D)):
            theta, after = updated(f, W, G, kept, CONSTANTS)
            for number, result in enumerate((theta, *after)):
                confirm_equal(result, _number_by_number(f, W, G, kept, number))
            if s is EVERY_SIZE and any(result.support is not W.support for result in (theta, *after)):
                raise NotProved("the weights have another support after the update")


def _number_by_number(f: Any, W: Any, G: Any, states: list[Any], number: int) -> Any:
    """Result f_number of the update, written out."""
    matrices = (W, G, *states)

    def value(numbers: list[Any]) -> Any:
        results = f(*numbers, *CONSTANTS)
        return results[number] if states else results

    if isinstance(W, IndexedMatrix):
        return IndexedMatrix(*W.shape, lambda i, j: value([X.entry(i, j) for X in matrices]))
    before = (W, *states)[number]
    return sp.Matrix(*W.shape, lambda i, j: value([X[i, j] for X in matrices]) if W[i, j] != 0 else before[i, j])


@claim("updated, S ⊙ V with any support: {case} of V on the support", INDEXED, "all K, D",
       cases=(updates.gradient_descent, updates.momentum, updates.nesterov))  # fmt: skip
def test_updated_on_the_support(update: Any) -> None:
    s = EVERY_SIZE
    W = s.sparse_matrix("W", s.K, s.D)
    states = [] if update is updates.gradient_descent else [s.matrix("Delta", s.K, s.D)]
    V, G = IndexedMatrix.symbol("W", s.K, s.D), s.matrix("G", s.K, s.D)
    constants = (eta, decay, mu)[: 2 + len(states)]
    theta, after = updated(update, W, hadamard(W.support, G), [hadamard(W.support, x) for x in states], constants)
    expected, expected_after = updated(update, V, G, states, constants)
    for given, right in zip((theta, *after), (expected, *expected_after), strict=True):
        confirm_equal(given, hadamard(W.support, right))


@claim("What is no weight does not become one: θ = g = 0 and no state give θ′ = 0; {case}", NUMBERS, "one number",
       cases=(updates.gradient_descent, updates.momentum, updates.nesterov, updates.adam, updates.adamw, updates.smet))  # fmt: skip
def test_no_weight(update: Any) -> None:
    """So that a matrix S ⊙ V of any support may be updated everywhere, as `IndexedMatrix` does it. (Its age grows, in SMET.)"""
    states = {"gradient_descent": 0, "momentum": 1, "nesterov": 1, "adam": 2, "adamw": 2, "smet": 3}[update.__name__]
    parameters = update.__code__.co_varnames[2 + states : update.__code__.co_argcount]
    result = update(*[sp.Integer(0)] * (2 + states), *sp.symbols(parameters, positive=True))
    for value in result[: min(states + 1, 3)] if states else [result]:
        confirm_equal(value, sp.Integer(0))


@claim("updated without a compiler: the same, in place", "numpy.ndarray", "2×3 symbols")
def test_updated_in_plain_numpy() -> None:
    for states in range(4):
        f = any_update(states)
        W, G, *kept = (_array(name, 2, 3) for name in ("W", "G", *(f"s{number}" for number in range(states))))
        vectors = [state.reshape(-1) for state in kept]
        before = [array.copy() for array in (W, G, *kept)]
        theta, after = dense.updated(f, W, G, vectors, CONSTANTS)
        if theta is not W or after is not vectors or (before[1] != G).any():
            raise NotProved("the arrays that are returned are not those that were given, or the gradient has changed")
        for index in np.ndindex(2, 3):
            results = f(*(array[index] for array in before), *CONSTANTS)
            if (W[index], *(state[index] for state in kept)) != (results if states else (results,)):
                raise NotProved(f"number {index} is {W[index]}, should be {results}")


def _array(name: str, rows: int, columns: int) -> np.ndarray:
    return np.array(concrete.matrix(name, rows, columns).tolist(), object)


# ------------------------------------------------------------------------------------------------------------- schedules


rate, d, smallest = sp.symbols("eta d eta_min", positive=True)
EPOCHS = range(12)

RECURRENCES = {
    "constant": (lambda i: rates.constant(i, rate), lambda i, before: before),
    "time-based": (lambda i: rates.time_based(i, rate, d), lambda i, before: before / (1 + d * i)),
    "step-based": (
        lambda i: rates.step_based(i, rate, d, 3),
        lambda i, before: before * (d if (1 + i) % 3 == 0 else 1),
    ),
    "exponential": (lambda i: rates.exponential(i, rate, d), lambda i, before: before * sp.exp(-d)),
    "multi-step": (
        lambda i: rates.multi_step(i, rate, [2, 5, 5], d),
        lambda i, before: before * d ** [2, 5, 5].count(i),
    ),
}


@claim("Schedule {case}: η_0 = η, and its recurrence", NUMBERS, "i = 0, ..., 11", cases=RECURRENCES)
def test_schedule(name: str) -> None:
    closed_form, following = RECURRENCES[name]
    confirm_equal(closed_form(0), rate)
    for before, i in pairwise(EPOCHS):
        confirm_equal(closed_form(i), following(i, closed_form(before)))


@claim("Schedule cosine: η at 0, η_min from T on, half-way between at T/2, and its values between", NUMBERS, "T = 12")
def test_cosine() -> None:
    T = 12
    for i in range(T + 3):
        exact = smallest + (rate - smallest) * (1 + sp.cos(sp.pi * sp.Rational(min(i, T), T))) / 2
        executed = rates.cosine(i, rate, T, smallest)
        for symbol, number in ((rate, 3), (rate, 5)):
            values = {symbol: number, smallest: 1}
            if abs(sp.N(executed.subs(values) - exact.subs(values))) > 1e-14:
                raise NotProved(f"epoch {i}: {executed} is not {exact}")
    confirm_equal(rates.cosine(0, rate, T, smallest), rate)
    confirm_equal(rates.cosine(T, rate, T, smallest), smallest)
    confirm_equal(sp.nsimplify(rates.cosine(T // 2, rate, T), rational=True, tolerance=1e-12), rate / 2)


@claim("Schedule warm-up: rises by η/T an epoch and reaches η in epoch T − 1", NUMBERS, "T = 5")
def test_warm_up() -> None:
    T = 5
    confirm_equal(sp.nsimplify(rates.warm_up(0, rate, T)), rate / T)
    for before, i in pairwise(range(9)):
        step = sp.nsimplify(rates.warm_up(i, rate, T) - rates.warm_up(before, rate, T), tolerance=1e-12)
        confirm_equal(step, rate / T if i < T else sp.Integer(0))
    confirm_equal(sp.nsimplify(rates.warm_up(T - 1, rate, T)), rate)


# ------------------------------------------------------------------------------------------------------- initial weights


K, D, w, a = sp.symbols("K D w a", positive=True)


@claim("U(−a, a) has mean 0 and variance a²/3; Xavier 1/(3D), normalized Xavier 2/(D + K), He 2/D", NUMBERS, "all D, K")
def test_moments() -> None:
    density = 1 / (2 * a)
    confirm_equal(sp.integrate(w * density, (w, -a, a)), sp.Integer(0))
    variance = sp.integrate(w**2 * density, (w, -a, a))
    confirm_equal(variance, a**2 / 3)
    for bound in (
        initial.xavier_bound(K, D), initial.xavier_normalized_bound(K, D), initial.xavier_normal_deviation(K, D),
        initial.he_bound(D), initial.he_deviation(D),
    ):  # fmt: skip
        if not bound.is_positive:
            raise NotProved(f"{bound} is not positive")
    confirm_equal(sp.simplify(variance.subs(a, initial.xavier_bound(K, D))), 1 / (3 * D))
    confirm_equal(sp.simplify(variance.subs(a, initial.xavier_normalized_bound(K, D)) - 2 / (D + K)), sp.Integer(0))
    confirm_equal(initial.xavier_normal_deviation(K, D) ** 2, 2 / (D + K))
    confirm_equal(sp.simplify(variance.subs(a, initial.he_bound(D)) - 2 / D), sp.Integer(0))
    confirm_equal(initial.he_deviation(D) ** 2, 2 / D)


@claim("He: with variance 2/D a ReLU layer keeps the mean square", NUMBERS, "all D")
def test_he_keeps_the_mean_square() -> None:
    """z = Σ_d x_d w_d is symmetric with variance D E[x²] σ², and ReLU keeps half of its mean square."""
    mean_square = sp.Symbol("s", positive=True)
    confirm_equal(sp.simplify(D * mean_square * initial.he_deviation(D) ** 2 / 2), mean_square)


MOMENTS = {
    "Xavier()": lambda K, D, n: (0, 1 / (3 * D)),
    "XavierNormalized()": lambda K, D, n: (0, 2 / (D + K)),
    "XavierNormal()": lambda K, D, n: (0, 2 / (D + K)),
    "HeUniform()": lambda K, D, n: (0, 2 / D),
    "PyTorch()": lambda K, D, n: (0, 1 / (3 * D)),
    "He()": lambda K, D, n: (0, 2 / D),
    "SparseHe()": lambda K, D, n: (0, 2 / n),
    "Uniform(-1, 3)": lambda K, D, n: (1, 16 / 12),
    "Normal(2, 0.5)": lambda K, D, n: (2, 0.25),
    "Zero()": lambda K, D, n: (0, 0),
}


@claim("Initial weights {case}: what is drawn has the moments, to five standard errors", NUMBERS, "200×60, 15 a row",
       cases=MOMENTS)  # fmt: skip
def test_drawn_moments(spec: str) -> None:
    shape, per_row = (200, 60), 15
    values = build("initializer", spec, INITIALIZERS).weights(shape, np.full(200, per_row), np.random.default_rng(1))
    mean, variance = MOMENTS[spec](*shape, per_row)
    if values.size != 200 * per_row:
        raise NotProved(f"{values.size} values were drawn, not {200 * per_row}")
    error = 5 * np.sqrt(variance / values.size)
    if abs(values.mean() - mean) > error or abs(values.var() - variance) > 5 * variance * np.sqrt(2 / values.size):
        raise NotProved(f"{spec}: mean {values.mean()} and variance {values.var()}, not {mean} and {variance}")


def _same_number(left: sp.Expr, right: sp.Expr) -> None:
    # Numbers decide first: to simplify what is not 0 can take for ever.
    if concrete.differs_at(left - right) is not None or sp.simplify(left - right) != 0:
        raise NotProved(f"{left} is not {right}")
