"""From options and data to everything that is still to be decided: layers, sizes, density, rates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nerva_py.data import CropFlip, Dataset, from_arrays
from nerva_py.errors import NervaError
from nerva_py.exchange.nerva import layer_sizes, replace_weights
from nerva_py.network import MLP, mlp
from nerva_py.network.building import checked_sizes, choose_densities, is_between
from nerva_py.network.footprint import check_memory, footprint
from nerva_py.network.specs import build, numbers, split
from nerva_py.topology import DynamicTopology
from nerva_py.training import OPTIMIZERS, Optimizer
from nerva_py.training.loop import (
    NO_PROBABILITIES,
    OF_PROBABILITIES,
    resolve_loss,
    resolve_optimizers,
    resolve_schedule,
)

from .defaults import Defaults, defaults_for
from .options import Options
from .sources import check_epoch_files, chosen_source
from .topology import chosen_method

DISTRIBUTION = "ErdosRenyi"


@dataclass(frozen=True)
class Choices:
    """What is trained, and how."""

    layers: list[str]
    sizes: list[int]
    overall_density: float
    densities: list[float] | None
    weights: str
    dropouts: list[float] | None
    loss: str
    optimizers: list[Optimizer]
    learning_rate: float | str
    epochs: int
    batch_size: int
    augmentation: CropFlip | None
    method: DynamicTopology | None
    distribution: str


def check(options: Options) -> None:
    """Refuse options that are wrong whatever the data are, before these are read: what they choose is tried with a sample of
    zeros and a network that has the same layers, of one neuron each. Raises NervaError."""
    name = chosen_source(options).name
    ends = _given_sizes(options)[0] or [1, 1]
    checked_sizes(ends)
    stand_in = from_arrays(np.zeros((1, ends[0]), np.float32), np.zeros((1, ends[-1]), np.float32), name=name)
    choices = choose(options, stand_in)
    small = replace(choices, sizes=[1] * len(choices.sizes), method=None)
    network = make_network(replace(options, load_weights=None), small)
    resolve_loss(choices.loss)
    try:
        resolve_schedule(choices.learning_rate)
    except NervaError as error:
        given = "--learning-rate" if options.learning_rate_scheduler is None else "--learning-rate-scheduler"
        raise NervaError(str(error).replace("learning rate schedule", given, 1)) from error
    resolve_optimizers(network, choices.optimizers)
    if options.preprocessed is not None:
        check_epoch_files(options.preprocessed, choices.epochs)


def choose(options: Options, data: Dataset) -> Choices:
    """The options; what they leave open is taken from the data set's row of defaults, whose density is that of its network:
    other layers are dense. Raises NervaError."""
    defaults = defaults_for(data.name)
    epochs = defaults.epochs if options.epochs is None else options.epochs
    if options.overall_density is not None and options.densities is not None:
        raise NervaError("only one of --overall-density and --densities can be given")
    sizes = _sizes(options, data, defaults)
    layers = split(options.layers) if options.layers is not None else ["ReLU"] * (len(sizes) - 2) + ["Linear"]
    loss = options.loss or ("SquaredError" if data.num_classes is None else "SoftmaxCrossEntropy")
    _check_loss(loss, layers)
    own = options.layers is None and options.layer_sizes is None
    density = (defaults.density if own else 1.0) if options.overall_density is None else options.overall_density
    method = chosen_method(options)
    return Choices(
        layers=layers,
        sizes=sizes,
        overall_density=density,
        densities=numbers("--densities", options.densities) if options.densities is not None else None,
        weights=options.layer_weights or defaults.weights,
        dropouts=numbers("--dropouts", options.dropouts) if options.dropouts is not None else None,
        loss=loss,
        optimizers=_optimizers(options),
        learning_rate=_learning_rate(options, defaults, epochs),
        epochs=epochs,
        batch_size=min(defaults.batch_size, len(data.Ttrain)) if options.batch_size is None else options.batch_size,
        augmentation=CropFlip(defaults.pad, defaults.flip) if options.augment else None,
        method=method,
        distribution=options.distribution or (DISTRIBUTION if method is None else method.distribution),
    )


def make_network(options: Options, choices: Choices) -> MLP:
    """The network with its initial weights, or those of a file. Raises NervaError if it would not fit into memory."""
    shapes = checked_sizes(choices.sizes)
    densities = choose_densities(shapes, choices.overall_density, choices.densities, choices.distribution)
    states = max(optimizer.states for optimizer in choices.optimizers)
    need = footprint(
        choices.sizes, densities, choices.batch_size, states, options.precision.value, choices.method is not None
    )
    check_memory(need, f"a network of {'-'.join(map(str, choices.sizes))}")
    network = mlp(
        choices.layers,
        choices.sizes,
        overall_density=choices.overall_density,
        layer_densities=choices.densities,
        distribution=choices.distribution,
        weights=choices.weights,
        dropouts=choices.dropouts,
        dtype=options.precision.value,
        backend=options.computation,
        seed=options.seed,
    )
    if options.load_weights is not None:
        replace_weights(network, options.load_weights, options.computation)
    return network


def _sizes(options: Options, data: Dataset, defaults: Defaults) -> list[int]:
    """Those given, those of the weights to load, or the data's ends with the default hidden layers between."""
    inputs, outputs = data.num_features, data.num_outputs
    sizes, source = _given_sizes(options)
    if sizes is None:
        hidden = list(defaults.hidden)
        if options.layers is not None:
            linear = sum(not is_between(name) for name in split(options.layers))
            hidden = (hidden + hidden[-1:] * linear)[: max(0, linear - 1)]
        return [inputs, *hidden, outputs]
    if len(sizes) < 2 or (sizes[0], sizes[-1]) != (inputs, outputs):
        needed = f"{inputs};...;{outputs}"
        raise NervaError(f"{source}: {data.name} has {inputs} features and {outputs} outputs, so {needed} is needed")
    return sizes


def _given_sizes(options: Options) -> tuple[list[int] | None, str]:
    """Those of --layer-sizes or of the weights to load, with words for an error; None where the data decide."""
    of_file = None
    if options.load_weights is not None:
        try:
            of_file = layer_sizes(options.load_weights)
        except NervaError as error:
            raise type(error)(f"--load-weights {error}") from None
    if options.layer_sizes is not None:
        return numbers("--layer-sizes", options.layer_sizes, int), f"--layer-sizes {options.layer_sizes!r}"
    if of_file is not None:
        return of_file, f"--load-weights {options.load_weights}: a network of other sizes"
    return None, ""


def _check_loss(loss: str, layers: list[str]) -> None:
    """As `train` looks at it, in words of the options, and before data are read."""
    last = layers[-1].partition("(")[0].strip() if layers else ""
    if loss.lower() in map(str.lower, OF_PROBABILITIES) and last.lower() in map(str.lower, NO_PROBABILITIES):
        raise NervaError(
            f"--loss {loss} takes the logarithm of the outputs: the last of --layers must be "
            f"Softmax or Sigmoid, not {last!r}; or choose SoftmaxCrossEntropy"
        )


def _learning_rate(options: Options, defaults: Defaults, epochs: int) -> float | str:
    """A schedule, a constant, or the default: of four epochs and more, the second half and the last quarter are slower."""
    given = options.learning_rate_scheduler or options.learning_rate
    if given is None and epochs < 4:
        return defaults.learning_rate
    if given is None:
        return f"MultiStepLR({defaults.learning_rate};{epochs // 2},{epochs * 3 // 4};0.1)"
    try:
        return float(given)
    except ValueError:
        return given


def _optimizers(options: Options) -> list[Optimizer]:
    """One, or one a layer; `--weight-decay` replaces the decay of each."""
    built = [build("optimizer", spec, OPTIMIZERS) for spec in split(options.optimizers)]
    if not built:
        raise NervaError(f"--optimizers {options.optimizers!r} names no optimizer")
    decay = options.weight_decay
    if decay is None:
        return built
    if not 0 <= decay < float("inf"):
        raise NervaError(f"--weight-decay must be a finite number of at least 0, not {decay}")
    return [replace(optimizer, weight_decay=decay) for optimizer in built]
