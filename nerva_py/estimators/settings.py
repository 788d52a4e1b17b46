"""From scikit-learn's names to the trainer's: hidden layers, activations, densities, solver, batches. Raises NervaError."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.network.building import choose_densities
from nerva_py.network.outputs import make_output
from nerva_py.network.specs import build
from nerva_py.quantities import as_integer, as_real, integer, plain, real
from nerva_py.sparse.densities import erdos_renyi_epsilon
from nerva_py.training.optimizers import OPTIMIZERS, Adam, GradientDescent, Momentum, Nesterov, Optimizer

# MLPClassifier's names -> ours; every other name is looked up among ours.
ACTIVATIONS = {"identity": "Linear", "logistic": "Sigmoid", "tanh": "HyperbolicTangent", "relu": "ReLU"}
AUTO_BATCH = 200  # samples in a mini-batch of "auto", as in MLPClassifier
EPSILON = 20  # of density="auto": SET's ε, about so many weights for each neuron        [Mocanu et al. 2018]


def hidden_sizes(hidden_layer_sizes: int | Sequence[int]) -> list[int]:
    """Widths of the hidden layers; a single number is one layer."""
    given = [hidden_layer_sizes] if as_integer(hidden_layer_sizes) is not None else _listed(hidden_layer_sizes)
    sizes = [size for one in given if (size := as_integer(one)) is not None and size > 0]
    if len(sizes) < len(given):
        raise NervaError(
            f"hidden_layer_sizes must be positive integers, one a hidden layer, not {hidden_layer_sizes!r}"
        )
    return sizes


def layer_names(hidden: Sequence[int], activation: str, dropout: float) -> list[str]:
    """The specification of the network's layers: hidden ones with dropout behind them, and a linear one."""
    if not isinstance(activation, str):
        raise NervaError(f"activation must be one of {', '.join(ACTIVATIONS)}, or a specification, not {activation!r}")
    name = ACTIVATIONS.get(activation.strip().lower(), activation)
    make_output(name, "activation")
    rate = real("dropout", dropout, 0, below=1)
    one = [name, f"Dropout({rate})"] if rate else [name]
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
    if as_real(density) is not None:
        share = real("density", density, above=0, most=1, allowed="more than 0 and at most 1")
        return choose_densities(shapes, share, None, distribution)
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
    momentum, alpha = real("momentum", momentum, 0, below=1), real("alpha", alpha, 0)
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
    return replace(chosen, weight_decay=chosen.weight_decay + alpha / batch_weight)


def batch_samples(batch_size: int | str, M: int) -> int:
    """Samples in a mini-batch, at most the M that there are."""
    if isinstance(batch_size, str) and batch_size == "auto":
        return min(AUTO_BATCH, M)
    samples = as_integer(batch_size)
    if samples is None or samples < 1:
        raise NervaError(f'batch_size must be "auto" or an integer of at least 1, not {batch_size!r}')
    return min(samples, M)


def patience(n_iter_no_change: float, max_iter: int) -> int:
    """Epochs without improvement before training ends; infinity is never."""
    return max_iter + 1 if as_real(n_iter_no_change) == math.inf else integer("n_iter_no_change", n_iter_no_change, 1)


Given = dict[str, tuple[Any, Any]]  # parameters by name: as they were given, and what is compared of them


def changed(what: str, before: Given, now: Given) -> None:
    """Raises NervaError for the first parameter that is another one now, where `what` goes on with what there is."""
    for name, (value, compared) in now.items():
        if compared != before[name][1]:
            raise NervaError(
                f"{name} is {value!r}, but {what} goes on with what {name}={before[name][0]!r} has made, and would not look at "
                f"it. A new estimator, or fit with warm_start=False, begins anew"
            )


def listed(values: Any) -> Any:
    """A sequence or array as a list of Python's numbers, so that it can be compared; anything else as it is."""
    return [plain(value) for value in values] if isinstance(values, list | tuple | np.ndarray) else plain(values)


def _listed(values: Any) -> list[Any]:
    """The items of a sequence; None in place of what is none."""
    return list(values) if isinstance(values, Sequence | np.ndarray) and not isinstance(values, str) else [None]
