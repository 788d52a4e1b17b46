"""Optimizer updates of one parameter θ with gradient g: each returns θ′ and the new state.

They are functions of numbers: SymPy executes them on symbols, the trainer in one compiled pass over the stored weights.
λ is the weight decay, d = g + λ θ the gradient of the loss plus λ θ²/2 (in AdamW the decay is decoupled from the gradient).
Sources: arXiv:2511.11918 (gradient descent, momentum, Nesterov), arXiv:1412.6980 (Adam), arXiv:1711.05101 (AdamW),
arXiv:2606.00888 (SMET).
"""

from nerva_py.matrix.scalars import exp, scalar_function, sqrt

from .rates import rise


@scalar_function
def decayed(theta, g, decay):
    """d = g + λ θ"""
    return g + decay * theta


@scalar_function
def gradient_descent(theta, g, eta, decay):
    """θ′ = θ − η d"""
    return theta - eta * decayed(theta, g, decay)


@scalar_function
def momentum(theta, g, delta, eta, decay, mu):
    """Δ′ = μ Δ − η d,   θ′ = θ + Δ′        -> θ′, Δ′"""
    delta_new = mu * delta - eta * decayed(theta, g, decay)
    return theta + delta_new, delta_new


@scalar_function
def nesterov(theta, g, delta, eta, decay, mu):
    """Δ′ as in momentum,   θ′ = θ + μ Δ′ − η d        -> θ′, Δ′"""
    _, delta_new = momentum(theta, g, delta, eta, decay, mu)
    return theta + mu * delta_new - eta * decayed(theta, g, decay), delta_new


@scalar_function
def moments(d, m, v, beta1, beta2, epsilon, correction1, correction2):
    """m′ = β₁ m + (1 − β₁) d,   v′ = β₂ v + (1 − β₂) d²        -> m′, v′, and m′/c₁ and √(v′/c₂) + ε, whose ratio is a step"""
    m_new = beta1 * m + (1 - beta1) * d
    v_new = beta2 * v + (1 - beta2) * d * d
    return m_new, v_new, m_new / correction1, sqrt(v_new / correction2) + epsilon


@scalar_function
def adam(theta, g, m, v, eta, decay, beta1, beta2, epsilon, correction1, correction2):
    """θ′ = θ − η (m′/c₁) / (√(v′/c₂) + ε)        -> θ′, m′, v′; `moments` of d, with the bias corrections of step t"""
    d = decayed(theta, g, decay)
    m_new, v_new, mean, deviation = moments(d, m, v, beta1, beta2, epsilon, correction1, correction2)
    return theta - eta * mean / deviation, m_new, v_new


@scalar_function
def adamw(theta, g, m, v, eta, decay, beta1, beta2, epsilon, correction1, correction2):
    """Adam with d = g, and θ shrunk by η λ θ apart from the gradient        -> θ′, m′, v′"""
    m_new, v_new, mean, deviation = moments(g, m, v, beta1, beta2, epsilon, correction1, correction2)
    return theta - eta * (mean / deviation + decay * theta), m_new, v_new


def bias_correction(beta, t):
    """c = 1 − βᵗ in step t = 1, 2, ...: what m and v of a constant gradient are multiplied by"""
    return 1 - beta**t


@scalar_function
def bias_correction_of_age(log_beta, age):
    """1 − β^τ = 1 − e^(τ log β)"""
    return 1 - exp(age * log_beta)


@scalar_function
def smet(theta, g, m, v, age, eta, decay, beta1, beta2, epsilon, log_beta1, log_beta2, warm_up):
    """Adam for weights that come and go: τ′ = τ + 1,   θ′ = θ − η min(1, τ′/T_w) (m′/c₁) / (√(v′/c₂) + ε)
    with c = 1 − β^τ′ of the weight's own age τ, the number of steps since it was grown        -> θ′, m′, v′, τ′"""
    age_new = age + 1
    correction1, correction2 = bias_correction_of_age(log_beta1, age_new), bias_correction_of_age(log_beta2, age_new)
    d = decayed(theta, g, decay)
    m_new, v_new, mean, deviation = moments(d, m, v, beta1, beta2, epsilon, correction1, correction2)
    return theta - eta * rise(age_new, warm_up) * mean / deviation, m_new, v_new, age_new
