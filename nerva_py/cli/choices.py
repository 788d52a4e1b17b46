"""From options and data to everything that is still to be decided: layers, sizes, density, rates."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nerva_py.data import CropFlip, Dataset
from nerva_py.errors import NervaError
from nerva_py.exchange.nerva import layer_sizes, replace_weights
from nerva_py.network import MLP, mlp
from nerva_py.network.building import checked_sizes, choose_densities, is_between
from nerva_py.network.footprint import check_memory, footprint
from nerva_py.network.specs import build, numbers, split
from nerva_py.topology import DynamicTopology
from nerva_py.training import OPTIMIZERS, Optimizer

from .defaults import Defaults, defaults_for
from .options import Options
from .topology import chosen_method

DISTRIBUTION = "ErdosRenyi"

# Losses that take the logarithm of the outputs, and the layers whose outputs are positive.
OF_PROBABILITIES = ("CrossEntropy", "NegativeLogLikelihood")
PROBABILITIES = ("Softmax", "Sigmoid")


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


def choose(options: Options, data: Dataset) -> Choices:
    """The options; what they leave open is taken from the data set's row of defaults. Raises NervaError."""
    defaults = defaults_for(data.name)
    epochs = defaults.epochs if options.epochs is None else options.epochs
    if options.overall_density is not None and options.densities is not None:
        raise NervaError("only one of --overall-density and --densities can be given")
    sizes = _sizes(options, data, defaults)
    layers = split(options.layers) if options.layers is not None else ["ReLU"] * (len(sizes) - 2) + ["Linear"]
    loss = options.loss or ("SquaredError" if data.num_classes is None else "SoftmaxCrossEntropy")
    _check_loss(loss, layers)
    density = defaults.density if options.overall_density is None else options.overall_density
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
    if options.layer_sizes is not None:
        sizes, source = numbers("--layer-sizes", options.layer_sizes, int), f"--layer-sizes {options.layer_sizes!r}"
    elif options.load_weights is not None:
        sizes, source = layer_sizes(options.load_weights), f"{options.load_weights}: a network of other sizes"
    else:
        hidden = list(defaults.hidden)
        if options.layers is not None:
            linear = sum(not is_between(name) for name in split(options.layers))
            hidden = (hidden + hidden[-1:] * linear)[: max(0, linear - 1)]
        return [inputs, *hidden, outputs]
    if len(sizes) < 2 or (sizes[0], sizes[-1]) != (inputs, outputs):
        needed = f"{inputs};...;{outputs}"
        raise NervaError(f"{source}: {data.name} has {inputs} features and {outputs} outputs, so {needed} is needed")
    return sizes


def _check_loss(loss: str, layers: list[str]) -> None:
    """The logarithm of a negative output would only be told as a loss that is not finite."""
    last = layers[-1].partition("(")[0].strip() if layers else ""
    if loss.lower() in map(str.lower, OF_PROBABILITIES) and last.lower() not in map(str.lower, PROBABILITIES):
        raise NervaError(
            f"--loss {loss} takes the logarithm of the outputs: the last of --layers must be "
            f"{' or '.join(PROBABILITIES)}, not {last!r}; or choose SoftmaxCrossEntropy"
        )


def _learning_rate(options: Options, defaults: Defaults, epochs: int) -> float | str:
    """A constant, a schedule, or the default: of four epochs and more, the second half and the last quarter are slower."""
    if options.learning_rate is not None and options.learning_rate_scheduler is not None:
        raise NervaError("only one of --learning-rate and --learning-rate-scheduler can be given")
    given = options.learning_rate or options.learning_rate_scheduler
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
