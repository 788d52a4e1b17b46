"""Optimizer updates of one parameter θ with gradient g: each returns θ′ and the new state.

They are functions of numbers: SymPy executes them on symbols, the trainer in one compiled pass over the stored weights.
λ is the weight decay, g + λ θ the gradient of the loss plus λ θ²/2 (in AdamW the decay is decoupled from the gradient).
Sources: arXiv:2511.11918 (gradient descent, momentum, Nesterov), arXiv:1412.6980 (Adam), arXiv:1711.05101 (AdamW),
arXiv:2606.00888 (SMET).
"""

from nerva_py.matrix.scalars import exp, scalar_function, sqrt, where


@scalar_function
def gradient_descent(theta, g, eta, decay):
    """θ′ = θ − η (g + λ θ)"""
    return theta - eta * (g + decay * theta)


@scalar_function
def momentum(theta, g, delta, eta, decay, mu):
    """Δ′ = μ Δ − η (g + λ θ),   θ′ = θ + Δ′        -> θ′, Δ′"""
    delta_new = mu * delta - eta * (g + decay * theta)
    return theta + delta_new, delta_new


@scalar_function
def nesterov(theta, g, delta, eta, decay, mu):
    """Δ′ = μ Δ − η (g + λ θ),   θ′ = θ + μ Δ′ − η (g + λ θ)        -> θ′, Δ′"""
    step = eta * (g + decay * theta)
    delta_new = mu * delta - step
    return theta + mu * delta_new - step, delta_new


@scalar_function
def adam(theta, g, m, v, eta, decay, beta1, beta2, epsilon, correction1, correction2):
    """m′ = β₁ m + (1 − β₁) d,   v′ = β₂ v + (1 − β₂) d²,   θ′ = θ − η (m′/c₁) / (√(v′/c₂) + ε)        -> θ′, m′, v′
    with d = g + λ θ and the bias corrections c₁ = 1 − β₁ᵗ, c₂ = 1 − β₂ᵗ of step t = 1, 2, ..."""
    d = g + decay * theta
    m_new = beta1 * m + (1 - beta1) * d
    v_new = beta2 * v + (1 - beta2) * d * d
    return theta - eta * (m_new / correction1) / (sqrt(v_new / correction2) + epsilon), m_new, v_new


@scalar_function
def adamw(theta, g, m, v, eta, decay, beta1, beta2, epsilon, correction1, correction2):
    """Adam with d = g, and θ shrunk by η λ θ apart from the gradient        -> θ′, m′, v′"""
    m_new = beta1 * m + (1 - beta1) * g
    v_new = beta2 * v + (1 - beta2) * g * g
    step = (m_new / correction1) / (sqrt(v_new / correction2) + epsilon)
    return theta - eta * (step + decay * theta), m_new, v_new


@scalar_function
def smet(theta, g, m, v, age, eta, decay, beta1, beta2, epsilon, log_beta1, log_beta2, warm_up):
    """Adam for weights that come and go: τ′ = τ + 1,   m′ = β₁ m + (1 − β₁) d,   v′ = β₂ v + (1 − β₂) d²,
    θ′ = θ − η min(1, τ′/T_w) (m′/(1 − β₁^τ′)) / (√(v′/(1 − β₂^τ′)) + ε)        -> θ′, m′, v′, τ′
    with d = g + λ θ and the weight's own age τ, the number of steps since it was grown; β^τ = exp(τ log β)."""
    d = g + decay * theta
    age_new = age + 1
    m_new = beta1 * m + (1 - beta1) * d
    v_new = beta2 * v + (1 - beta2) * d * d
    correction1 = 1 - exp(age_new * log_beta1)
    correction2 = 1 - exp(age_new * log_beta2)
    share = where(age_new < warm_up, age_new / warm_up, age_new / age_new)
    return theta - eta * share * (m_new / correction1) / (sqrt(v_new / correction2) + epsilon), m_new, v_new, age_new
