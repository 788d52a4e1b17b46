r"""Errors in activation functions, softmax functions, losses and learning rate schedules, by rows."""

from __future__ import annotations

import sympy as sp

from nerva_py.equations.activations import (
    AllReLU,
    SReLU,
    relu,
    sigmoid,
    sigmoid_derivative,
    srelu,
    srelu_tr,
)
from nerva_py.equations.losses import (
    LogisticCrossEntropy,
    NegativeLogLikelihood,
    SquaredError,
    logistic_cross_entropy_gradient,
    negative_log_likelihood_gradient,
)
from nerva_py.equations.rates import multi_step, step_based, time_based
from nerva_py.equations.softmax import log_softmax, log_softmax_jacobian, softmax
from nerva_py.matrix import Diag, hadamard, identity, log, log_sigmoid, ones, reciprocal
from nerva_py.matrix.scalars import where
from nerva_py.verify.prover import inner_product

from .erratum import (
    NOTATION,
    SIZES,
    UNDEFINED,
    Counterexample,
    Erratum,
    Mismatch,
    Refused,
    evaluate,
    matrices,
    prove_equal,
    prove_gradient,
    prove_zero,
)

x, al, tl, ar, tr = sp.symbols("x a_l t_l a_r t_r", real=True)
K = SIZES["K"]

# --------------------------------------------------------------------------------------------------------------- activations


def srelu_tr_printed(x, al, tl, ar, tr):
    """1 − a_r for x ≥ t_r, else 0"""
    return where(x >= tr, 1 - ar, 0)


def srelu_tr_derived(x, al, tl, ar, tr):
    """∂ SReLU(x) / ∂t_r, by SymPy"""
    t = sp.Symbol("t", real=True)
    return sp.diff(srelu(x, al, tl, ar, t), t).subs(t, tr)


def srelu_tr_holds():
    prove_zero(sp.diff(srelu(x, al, tl, ar, tr), tr) - srelu_tr(x, al, tl, ar, tr))
    # Where t_l < t_r the cases do not overlap, and the printed form is the same function.
    above = tl + sp.Symbol("width", positive=True)
    for at in (
        tl - sp.Symbol("s", positive=True),
        tl,
        tl + (above - tl) / 2,
        above,
        above + sp.Symbol("s", positive=True),
    ):
        prove_zero(srelu_tr_printed(at, al, tl, ar, above) - srelu_tr(at, al, tl, ar, above))


def srelu_as_relu_holds():
    """On each branch: x < 0, 0, 0 < x < 1, 1, x > 1."""
    s, half = sp.Symbol("s", positive=True), sp.Rational(1, 2)
    for at in (-s, sp.Integer(0), half, sp.Integer(1), 1 + s):
        prove_zero(srelu(at, 0, 0, 1, 1) - relu(at))
        prove_zero(srelu(at, 0, 0, 0, 1) - sp.Min(relu(at), 1))


def all_relu_holds():
    """α changes its sign from layer to layer, and with it the slope for x < 0."""
    alpha, s = sp.Symbol("alpha", real=True), sp.Symbol("s", positive=True)
    f = AllReLU(0.5)
    assert f.parameters == (0.5,)
    prove_zero(f.function(-s, alpha) + f.function(-s, -alpha))
    prove_zero(f.function(s, alpha) - f.function(s, -alpha))


# ------------------------------------------------------------------------------------------------------------------- softmax


def log_softmax_jacobian_printed(x):
    """I_D − Diag(y) yᵀ y"""
    y = softmax(x)
    return identity(y, y.shape[1]) - Diag(y) @ y.T @ y


def log_softmax_jacobian_holds():
    """Diag(1/y) (Diag(y) − yᵀ y) = I − Diag(1/y) yᵀ y = I − 1 y, and with y = softmax(z) this is the Jacobian."""
    y, z, g = matrices(y="1K", z="1K", g="1K")
    I = identity(y, K)
    corrected = I - Diag(reciprocal(y)) @ y.T @ y
    prove_equal(Diag(reciprocal(y)) @ (Diag(y) - y.T @ y), corrected)
    prove_equal(corrected, I - ones(y, K, 1) @ y)
    prove_gradient(inner_product(g, log_softmax(z)), z, g @ log_softmax_jacobian(z))


# -------------------------------------------------------------------------------------------------------------------- losses


def negative_log_likelihood_printed(Y, T, N, K):
    """−1_Nᵀ · log((Y ⊙ T) · 1_K) · 1_K"""
    return -(ones(Y, 1, N) @ log(hadamard(Y, T) @ ones(Y, K, 1))) @ ones(Y, K, 1)


def negative_log_likelihood_holds():
    Y, T = matrices(Y="NK", T="NK")
    L = NegativeLogLikelihood(Y, T)
    corrected = -(ones(Y, 1, Y.shape[0]) @ log(hadamard(Y, T) @ ones(Y, K, 1)))
    prove_equal(corrected, L * ones(Y, 1, 1))
    prove_gradient(L, Y, negative_log_likelihood_gradient(Y, T))


def log_sigmoid_derivative(t):
    """d/dt log σ(t), by SymPy, of the executed log σ"""
    u = sp.Symbol("u", real=True)
    return sp.diff(log_sigmoid(sp.Matrix([[u]]))[0], u).subs(u, t)


def log_sigmoid_derivative_holds():
    prove_zero(log_sigmoid_derivative(x) - (1 - sigmoid(x)))
    prove_zero(log_sigmoid_derivative(x) - sigmoid_derivative(x) / sigmoid(x))
    Y, T = matrices(Y="NK", T="NK")
    prove_gradient(LogisticCrossEntropy(Y, T), Y, logistic_cross_entropy_gradient(Y, T))


LOGISTIC = {
    "by rows": r"-1_N^\top \cdot (T \odot (\log(\sigma(Y))) \cdot 1_K",
    "by columns": r"-1_K^\top \cdot (T \odot (\log(\sigma(Y))) \cdot 1_N",
}


def check_parentheses(formula):
    """Refuse a formula in which not every parenthesis is closed."""
    opened, closed = formula.count("("), formula.count(")")
    if opened != closed:
        raise ValueError(f"{opened} parentheses are opened, {closed} closed")


def logistic_holds():
    """The parenthesis closes after the element-wise product; by columns, the same number."""
    Y, T = matrices(Y="NK", T="NK")
    number = ones(Y, 1, 1)
    inside = hadamard(T, log_sigmoid(Y))
    L = LogisticCrossEntropy(Y, T)
    prove_equal(-(ones(Y, 1, SIZES["N"]) @ inside @ ones(Y, K, 1)), L * number)
    prove_equal(-(ones(Y, 1, K) @ inside.T @ ones(Y, SIZES["N"], 1)), L * number)
    check_parentheses(LOGISTIC["by rows"].replace("(Y)))", "(Y))))"))


def squared_error_of_print(**shapes):
    """The batch squared error over the names that the section declares: y, t, Z, T"""
    names = dict(zip(shapes, matrices(**shapes), strict=True))
    return lambda: evaluate("elements_sum(hadamard(Y - T, Y - T))", **names)


def output_name_holds():
    """With Y declared in place of Z, the formula is the executed loss."""
    Y, T = matrices(Y="NK", T="NK")
    printed = evaluate("elements_sum(hadamard(Y - T, Y - T))", Y=Y, T=T)
    prove_equal(printed * ones(Y, 1, 1), SquaredError(Y, T) * ones(Y, 1, 1))


# ---------------------------------------------------------------------------------------------------- learning rate schedules

eta, decay, gamma = sp.symbols("eta d Gamma", positive=True)


def time_based_printed(i, eta, decay):
    """η_{i+1} = η_i / (1 + d i), η_0 = η"""
    for k in range(i):
        eta = eta / (1 + decay * k)
    return eta


def time_based_holds():
    """η_{i+1} = η_i / (1 + d (i + 1)): the recurrence of what is executed"""
    prove_zero(time_based(0, eta, decay) - eta)
    for i in range(6):
        prove_zero(time_based(i + 1, eta, decay) - time_based(i, eta, decay) / (1 + decay * (i + 1)))


def step_based_printed(i, eta, drop_rate, change_rate):
    """η d^⌊(1 + i) / r⌋ with change rate d and drop rate r"""
    d, r = change_rate, drop_rate
    return eta * d ** sp.floor((1 + i) / r)


def step_based_by_hand(i, eta, drop_rate, change_rate):
    """Multiply by the drop rate whenever change_rate more epochs are complete."""
    for epoch in range(1, i + 2):
        if epoch % change_rate == 0:
            eta = eta * drop_rate
    return eta


def step_based_holds():
    for change_rate in (1, 2, 3, 10):
        for i in range(25):
            prove_zero(step_based(i, eta, decay, change_rate) - step_based_by_hand(i, eta, decay, change_rate))


def multi_step_printed(i, eta, milestones, gamma):
    """η Γ^(Σ_j ⌊i / m_j⌋)"""
    return eta * gamma ** sum(i // milestone for milestone in milestones)


def multi_step_by_hand(i, eta, milestones, gamma):
    """Multiply by Γ at each milestone that is reached."""
    for epoch in range(i + 1):
        if epoch in milestones:
            eta = eta * gamma
    return eta


def multi_step_holds():
    milestones = (4, 6, 7)
    for i in range(20):
        prove_zero(multi_step(i, eta, milestones, gamma) - multi_step_by_hand(i, eta, milestones, gamma))
    for i in range(2 * milestones[0]):  # below 2 m_j no quotient exceeds 1, and the printed form is right
        prove_zero(multi_step(i, eta, milestones, gamma) - multi_step_printed(i, eta, milestones, gamma))


# ----------------------------------------------------------------------------------------------------------------- the list

HALF = sp.Rational(1, 2)

ERRATA = (
    Erratum(
        line="456, 1545",
        where="SReLU, T^r",
        printed=r"T^r_{ij} = 1 - a_r \text{ if } Z_{ij} \geq t_r,\ 0 \text{ otherwise}",
        corrected=r"T^r_{ij} = 1 - a_r \text{ if } Z_{ij} > t_l \wedge Z_{ij} \geq t_r,\ 0 \text{ otherwise}",
        why="If t_l ≥ t_r the cases of SReLU overlap, and the first one is to be taken. Then an element between t_r and t_l "
        "does not depend on t_r; A^r has the guard, T^r lacks it. Where t_l < t_r the two agree.",
        fails=(
            Counterexample(
                srelu_tr_printed,
                srelu_tr_derived,
                {"x": sp.Rational(3, 2), "al": HALF, "tl": 2, "ar": sp.Rational(1, 3), "tr": 1},
            ),
        ),
        holds=srelu_tr_holds,
        sizes="each branch",
    ),
    Erratum(
        line="1060",
        where="SReLU, α",
        printed=r"\text{for All-ReLU and SReLU layers the sign of } \alpha \text{ is alternated}",
        corrected=r"\text{for All-ReLU layers the sign of } \alpha \text{ is alternated}",
        why="SReLU has the parameters a_l, t_l, a_r and t_r, and no α.",
        fails=(Refused(lambda: SReLU(alpha=0.5), TypeError, "unexpected keyword argument 'alpha'", UNDEFINED),),
        holds=all_relu_holds,
        sizes="each branch",
    ),
    Erratum(
        line="1064",
        where="SReLU, initial values",
        printed=r"a_l, t_l, a_r, t_r = 0, 0, 0, 1 \text{ corresponds to ReLU}",
        corrected=r"a_l, t_l, a_r, t_r = 0, 0, 1, 1 \text{ corresponds to ReLU}",
        why="With a_r = 0 the function is constant above t_r = 1: a ReLU that is clipped at 1, whose gradient vanishes there. "
        "The slope to the right must be 1.",
        fails=(Counterexample(lambda x: srelu(x, 0, 0, 0, 1), lambda x: sp.Max(0, x), {"x": sp.Integer(2)}),),
        holds=srelu_as_relu_holds,
        sizes="each branch",
    ),
    Erratum(
        line="1145",
        where="derivation of log-softmax",
        printed=r"\mathbb{I}_D - \mathrm{Diag}(y)\, y^\top y",
        corrected=r"\mathbb{I}_D - \mathrm{Diag}(\tfrac{1}{y})\, y^\top y",
        why="The factor Diag(1/y) of the line before is multiplied out as Diag(y). With 1/y the next line, I − 1 y, follows.",
        fails=(Counterexample(log_softmax_jacobian_printed, log_softmax_jacobian, {"x": [[0, sp.log(3)]]}),),
        holds=log_softmax_jacobian_holds,
    ),
    Erratum(
        line="1158, 1822",
        where="losses, the name of the output",
        printed=r"Z \in \mathbb{R}^{N \times K} \text{ is an output batch}",
        corrected=r"Y \in \mathbb{R}^{N \times K} \text{ is an output batch}",
        why="The section declares y, t, Z and T; all its formulas use Y.",
        fails=(
            Refused(squared_error_of_print(y="1K", t="1K", Z="NK", T="NK"), NameError, "name 'Y'", UNDEFINED),
            Refused(squared_error_of_print(y="K1", t="K1", Z="KN", T="KN"), NameError, "name 'Y'", UNDEFINED),
        ),
        holds=output_name_holds,
        found_here=True,
    ),
    Erratum(
        line="1225, 1884",
        where="logistic cross-entropy",
        printed=LOGISTIC["by rows"],
        corrected=r"-1_N^\top \cdot (T \odot \log(\sigma(Y))) \cdot 1_K",
        why="A parenthesis is not closed. It belongs after the element-wise product; at the end of the formula it would make "
        "a product of N×K with N×1, element by element.",
        fails=(
            Refused(
                lambda: check_parentheses(LOGISTIC["by rows"]), ValueError, "4 parentheses are opened, 3", NOTATION
            ),
            Refused(
                lambda: check_parentheses(LOGISTIC["by columns"]), ValueError, "4 parentheses are opened, 3", NOTATION
            ),
            Mismatch(lambda Y, T, K: hadamard(T, log_sigmoid(Y) @ ones(Y, K, 1)), {"Y": "NK", "T": "NK"}, "N×K ⊙ N×1"),
        ),
        holds=logistic_holds,
        found_here=True,
    ),
    Erratum(
        line="1238",
        where="negative log-likelihood",
        printed=r"-1_N^\top \cdot (\log((Y \odot T) \cdot 1_K)) \cdot 1_K",
        corrected=r"-1_N^\top \cdot \log((Y \odot T) \cdot 1_K)",
        why="1_Nᵀ log(...) is the sum over the samples already, a number; a second 1_K cannot be multiplied with it.",
        fails=(Mismatch(negative_log_likelihood_printed, {"Y": "NK", "T": "NK"}, "1×1 @ K×1"),),
        holds=negative_log_likelihood_holds,
    ),
    Erratum(
        line="1287",
        where="derivation of logistic cross-entropy",
        printed=r"\frac{d}{dt} \log(\sigma(t)) = 1 - \log(\sigma(t))",
        corrected=r"\frac{d}{dt} \log(\sigma(t)) = 1 - \sigma(t)",
        why="From σ′ = σ (1 − σ). The result of the derivation uses the right one.",
        fails=(Counterexample(lambda t: 1 - sp.log(sigmoid(t)), log_sigmoid_derivative, {"t": sp.Integer(0)}),),
        holds=log_sigmoid_derivative_holds,
    ),
    Erratum(
        line="1353",
        where="time-based schedule",
        printed=r"\eta_{i+1} = \frac{\eta_i}{1 + d \cdot i}",
        corrected=r"\eta_{i+1} = \frac{\eta_i}{1 + d \cdot (i + 1)}",
        why="Nerva's own schedule divides by 1 + d i to obtain η_i, not η_{i+1}. The printed one is a step late: η_1 = η_0.",
        fails=(Counterexample(time_based_printed, time_based, {"i": 2, "eta": sp.Integer(1), "decay": 1}),),
        holds=time_based_holds,
        sizes="i ≤ 6",
    ),
    Erratum(
        line="1358",
        where="step-based schedule",
        printed=r"\eta_0 \cdot d^{\lfloor (1 + i) / r \rfloor} \text{ with change rate } d \text{ and drop rate } r",
        corrected=r"\eta_0 \cdot d^{\lfloor (1 + i) / r \rfloor} \text{ with drop rate } d \text{ and change rate } r",
        why="The learning rate drops by a factor, the drop rate, each time that as many epochs as the change rate have passed. "
        "Nerva's StepBased(lr, drop_rate, change_rate) does so; with the names as printed it grows.",
        fails=(
            Counterexample(
                step_based_printed,
                step_based_by_hand,
                {"i": 1, "eta": sp.Integer(1), "drop_rate": HALF, "change_rate": sp.Integer(2)},
            ),
        ),
        holds=step_based_holds,
        sizes="i < 25",
    ),
    Erratum(
        line="1366",
        where="multi-step schedule",
        printed=r"\eta_0\, \Gamma^{\sum_{j=1}^k \lfloor i / m_j \rfloor}",
        corrected=r"\eta_0\, \Gamma^{\#\{j \,:\, i \geq m_j\}}",
        why="The quotient counts a milestone again at each of its multiples, so the formula is wrong from i = 2 m_j on.",
        fails=(
            Counterexample(
                multi_step_printed,
                multi_step_by_hand,
                {"i": 6, "eta": sp.Integer(1), "milestones": (3,), "gamma": HALF},
            ),
        ),
        holds=multi_step_holds,
        sizes="i < 20",
    ),
)
