"""From scikit-learn's names to the trainer's: hidden layers, activations, densities, solver, batches. Raises NervaError."""

from __future__ import annotations

import math
import numbers
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Any, TypeGuard

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.network.building import choose_densities
from nerva_py.network.outputs import make_output
from nerva_py.network.specs import build
from nerva_py.sparse.densities import erdos_renyi_epsilon
from nerva_py.training.optimizers import OPTIMIZERS, Adam, GradientDescent, Momentum, Nesterov, Optimizer

# MLPClassifier's names -> ours; every other name is looked up among ours.
ACTIVATIONS = {"identity": "Linear", "logistic": "Sigmoid", "tanh": "HyperbolicTangent", "relu": "ReLU"}
AUTO_BATCH = 200  # samples in a mini-batch of "auto", as in MLPClassifier
EPSILON = 20  # of density="auto": SET's ε, about so many weights for each neuron        [Mocanu et al. 2018]


def hidden_sizes(hidden_layer_sizes: int | Sequence[int]) -> list[int]:
    """Widths of the hidden layers; a single number is one layer."""
    single = is_integer(hidden_layer_sizes)
    sizes: list[Any] = [hidden_layer_sizes] if single else _listed(hidden_layer_sizes)
    if not all(is_integer(size) and size > 0 for size in sizes):
        raise NervaError(
            f"hidden_layer_sizes must be positive integers, one a hidden layer, not {hidden_layer_sizes!r}"
        )
    return [int(size) for size in sizes]


def layer_names(hidden: Sequence[int], activation: str, dropout: float) -> list[str]:
    """The specification of the network's layers: hidden ones with dropout behind them, and a linear one."""
    if not isinstance(activation, str):
        raise NervaError(f"activation must be one of {', '.join(ACTIVATIONS)}, or a specification, not {activation!r}")
    name = ACTIVATIONS.get(activation.strip().lower(), activation)
    make_output(name, "activation")
    if not is_number(dropout) or not 0 <= dropout < 1:
        raise NervaError(f"dropout must be a number of at least 0 and less than 1, not {dropout!r}")
    one = [name, f"Dropout({float(dropout)})"] if dropout else [name]
    return one * len(hidden) + ["Linear"]


def layer_densities(
    sizes: Sequence[int], density: float | str | Sequence[float], distribution: str = "ErdosRenyi"
) -> list[float]:
    """One density a layer: "auto" is SET's rule, min(1, ε (K + D) / (K·D)), by which small layers are dense; a number is the
    overall density, shared out by `distribution`; else one number a layer."""
    shapes = [(K, D) for D, K in pairwise(sizes)]
    if isinstance(density, str):
        if density != "auto":
            raise NervaError(f'density must be "auto", a number from 0 to 1 or one for each layer, not {density!r}')
        return erdos_renyi_epsilon(shapes, EPSILON)
    if is_number(density):
        if not 0 < density <= 1:
            raise NervaError(f"density must be more than 0 and at most 1, not {density!r}")
        return choose_densities(shapes, float(density), None, distribution)
    if not isinstance(density, Sequence | np.ndarray):
        raise NervaError(f'density must be "auto", a number from 0 to 1 or one for each layer, not {density!r}')
    return choose_densities(shapes, 1.0, _listed(density), distribution)


def optimizer(
    solver: str | Optimizer,
    alpha: float,
    batch_weight: float,
    momentum: float = 0.9,
    nesterovs_momentum: bool = True,
    moments: Mapping[str, float] = MappingProxyType({}),
) -> Optimizer:
    """`solver` with the L2 penalty alpha/2 ‖W‖² a batch, that is, a weight decay of alpha / batch_weight for the mean loss.

    "sgd" takes `momentum`, "adam" its `moments`; specifications have numbers of their own. L-BFGS needs no optimizer.
    """
    if not is_number(momentum) or not 0 <= momentum < 1:
        raise NervaError(f"momentum must be a number of at least 0 and less than 1, not {momentum!r}")
    if not is_number(alpha) or not 0 <= alpha < math.inf:
        raise NervaError(f"alpha must be a finite number of at least 0, not {alpha!r}")
    if isinstance(solver, str):
        sgd = partial(Nesterov if nesterovs_momentum else Momentum, momentum) if momentum else GradientDescent
        solvers = {"adam": partial(Adam, **moments), "sgd": sgd, "lbfgs": GradientDescent}
        chosen = build(
            "solver", solver, ChainMap(solvers, OPTIMIZERS)
        )  # no copy, to which a late registration would not come
    elif isinstance(solver, Optimizer):
        chosen = solver
    else:
        raise NervaError(f"solver must be a name, a specification or an Optimizer, not {solver!r}")
    return replace(chosen, weight_decay=chosen.weight_decay + float(alpha) / batch_weight)


def batch_samples(batch_size: int | str, M: int) -> int:
    """Samples in a mini-batch, at most the M that there are."""
    if isinstance(batch_size, str) and batch_size == "auto":
        return min(AUTO_BATCH, M)
    if not is_integer(batch_size) or int(batch_size) < 1:
        raise NervaError(f'batch_size must be "auto" or an integer of at least 1, not {batch_size!r}')
    return min(int(batch_size), M)


def at_least(name: str, value: Any, least: int) -> int:
    """An integer of at least that."""
    if not is_integer(value) or value < least:
        raise NervaError(f"{name} must be an integer of at least {least}, not {value!r}")
    return int(value)


def patience(n_iter_no_change: float, max_iter: int) -> int:
    """Epochs without improvement before training ends; infinity is never."""
    if is_number(n_iter_no_change) and math.isinf(n_iter_no_change) and n_iter_no_change > 0:
        return max_iter + 1
    return at_least("n_iter_no_change", n_iter_no_change, 1)


def tolerance(tol: float) -> float:
    """What counts as an improvement."""
    if not is_number(tol) or not 0 <= tol < math.inf:
        raise NervaError(f"tol must be a finite number of at least 0, not {tol!r}")
    return float(tol)


def _listed(values: Any) -> list[Any]:
    """The items of a sequence; None in place of what is none."""
    return list(values) if isinstance(values, Sequence | np.ndarray) and not isinstance(values, str) else [None]


def is_number(value: Any) -> TypeGuard[float]:
    """A real number, of Python or NumPy; not a truth value."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)


def is_integer(value: Any) -> TypeGuard[int]:
    """An integer, of Python or NumPy; not a truth value."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
