"""The options of `nerva-py train`. Names and spec strings are Nerva's, so that its command lines can be pasted."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Option

from nerva_py.errors import NervaError

DATA, NETWORK, TRAINING, TOPOLOGY = "Data", "Network", "Training", "Topology"
OUTPUT, MACHINE = "Results", "Computation"
OUTPUTS = ("log", "plot", "topology_plot", "save_weights", "save_dataset", "save")  # files that are written


class Timer(StrEnum):
    """Which times of feedforward, backpropagate and optimize are shown."""

    disabled = "disabled"
    brief = "brief"
    full = "full"


class Precision(StrEnum):
    """Element type of weights and activations."""

    float32 = "float32"
    float64 = "float64"


def _option(panel: str, text: str, *names: str, metavar: str | None = None) -> object:
    # A name without a value is a switch; this keeps its help free of "<bool>".
    return Option(*names, help=text, rich_help_panel=panel, metavar=metavar or "")


@dataclass(frozen=True)
class Options:
    """What was typed; None where the data set's default is meant (see `defaults`)."""

    # ------------------------------------------------------------------------------------------------------------ data
    dataset: Annotated[
        str | None,
        _option(
            DATA, "digits (the default), mnist, cifar10, text, checkerboard, mini, or an npz file.", metavar="NAME"
        ),
    ] = None
    data_dir: Annotated[
        Path | None,
        _option(
            DATA,
            "Where the files of --dataset are, which without it are downloaded; alone: the data set whose files are there.",
            metavar="DIR",
        ),
    ] = None
    cifar10: Annotated[
        Path | None, _option(DATA, "CIFAR-10 in this directory or tar.gz, binary or pickled.", metavar="DIR")
    ] = None
    mnist: Annotated[
        Path | None, _option(DATA, "MNIST's idx files, or mnist.npz, in this directory.", metavar="DIR")
    ] = None
    generate_dataset: Annotated[
        str | None, _option(DATA, "Draw a data set at random: checkerboard or mini.", metavar="NAME")
    ] = None
    dataset_size: Annotated[
        int | None, _option(DATA, "How many training samples are drawn, and a fifth as many to test.", metavar="N")
    ] = None
    load_dataset: Annotated[
        Path | None, _option(DATA, "An npz file with Xtrain, Ttrain, Xtest, Ttest.", metavar="FILE")
    ] = None
    preprocessed: Annotated[
        Path | None,
        _option(DATA, "A data set for each epoch in this directory: epoch0.npz, epoch1.npz, ...", metavar="DIR"),
    ] = None
    normalize: Annotated[bool, _option(DATA, "Scale each feature to mean 0 and deviation 1.", "--normalize")] = False
    save_dataset: Annotated[
        Path | None, _option(DATA, "Write the data set to an npz file before training.", metavar="FILE")
    ] = None
    augment: Annotated[
        bool, _option(DATA, "Shift images at random, and mirror those that may be mirrored.", "--augment")
    ] = False
    # --------------------------------------------------------------------------------------------------------- network
    layers: Annotated[
        str | None,
        _option(
            NETWORK,
            "What follows each linear layer: ReLU;ReLU;Linear. BatchNormalization and Dropout(0.3) may stand between.",
            metavar="SPECS",
        ),
    ] = None
    layer_sizes: Annotated[
        str | None, _option(NETWORK, "Inputs, hidden layers, outputs: 64;256;128;10.", metavar="SIZES")
    ] = None
    overall_density: Annotated[
        float | None,
        _option(
            NETWORK,
            "Share of weights that exist, shared out among the layers; with --layers or --layer-sizes by default 1.",
            metavar="D",
        ),
    ] = None
    distribution: Annotated[
        str | None,
        _option(
            NETWORK,
            "How the overall density is shared out: ErdosRenyi (by default, unless --method has another) or Uniform.",
            metavar="NAME",
        ),
    ] = None
    densities: Annotated[
        str | None, _option(NETWORK, "Instead: one density for all layers, or one a layer.", metavar="D;D;D")
    ] = None
    dropouts: Annotated[
        str | None,
        _option(NETWORK, "Rate of dropout on the weights of all layers, or of each: 0.3;0.3;0.", metavar="P;P;P"),
    ] = None
    layer_weights: Annotated[
        str | None,
        _option(NETWORK, "Initial weights: Xavier, He, SparseHe, ... one for all or a list.", metavar="SPECS"),
    ] = None
    load_weights: Annotated[
        Path | None, _option(NETWORK, "Start from the weights (and their positions) in this npz file.", metavar="FILE")
    ] = None
    # -------------------------------------------------------------------------------------------------------- training
    epochs: Annotated[int | None, _option(TRAINING, "Passes over the training data.", metavar="N")] = None
    batch_size: Annotated[int | None, _option(TRAINING, "Samples a step.", metavar="N")] = None
    learning_rate: Annotated[
        str | None, _option(TRAINING, "A number, or a schedule as below, which counts more.", metavar="RATE")
    ] = None
    learning_rate_scheduler: Annotated[
        str | None,
        _option(TRAINING, "A rate for each epoch: MultiStepLR(0.1;50,75;0.1), Cosine(0.1;100).", metavar="SPEC"),
    ] = None
    optimizers: Annotated[
        str,
        _option(
            TRAINING,
            "GradientDescent, Momentum, Nesterov, Adam, AdamW, SMET: one, one a linear layer, or one a layer with parameters.",
            metavar="SPECS",
        ),
    ] = "Nesterov(0.9)"
    weight_decay: Annotated[
        float | None, _option(TRAINING, "Weight decay of every optimizer; biases are exempt.", metavar="L")
    ] = None
    loss: Annotated[
        str | None,
        _option(TRAINING, "SoftmaxCrossEntropy (SquaredError in a regression), or another.", metavar="NAME"),
    ] = None
    clip: Annotated[
        float | None,
        _option(TRAINING, "Before each epoch but the first, set parameters nearer to 0 than T to 0.", metavar="T"),
    ] = None
    no_shuffle: Annotated[bool, _option(TRAINING, "Keep the order of the samples.", "--no-shuffle")] = False
    seed: Annotated[int, _option(TRAINING, "Decides everything random; one seed, one result.", metavar="N")] = 1
    gradient_step: Annotated[
        float | None,
        _option(TRAINING, "First check gradients by differences with this step, in float64: 1e-6.", metavar="STEP"),
    ] = None
    # -------------------------------------------------------------------------------------------------------- topology
    method: Annotated[
        str | None,
        _option(
            TOPOLOGY,
            "Weights move while training: SET(0.3), RigL(0.3, every=50, stop=0.8), MagnitudeRandom, GSE, GraNet(0.05), "
            "GradualMagnitude(0.05), ImportancePruning(5), SMET (with --optimizers SMET), Static.",
            metavar="SPEC",
        ),
    ] = None
    prune: Annotated[
        str | None,
        _option(
            TOPOLOGY,
            "Instead: these weights go, after each epoch: Magnitude(0.3), SET(0.3), Threshold(0.01), "
            "GlobalMagnitude(0.3), Taylor(0.3), Random(0.3).",
            metavar="SPEC",
        ),
    ] = None
    grow: Annotated[
        str | None,
        _option(
            TOPOLOGY,
            "As many come back elsewhere: Random, Gradient, Guided, RandomUnfired. Without it, none do.",
            metavar="SPEC",
        ),
    ] = None
    grow_weights: Annotated[
        str | None, _option(TOPOLOGY, "Their initial weights: Xavier (the default), Zero, ...", metavar="SPEC")
    ] = None
    update_every: Annotated[
        str | None, _option(TOPOLOGY, 'When --prune acts: "100 steps"; by default "1 epoch".', metavar="INTERVAL")
    ] = None
    update_stop: Annotated[
        float | None,
        _option(TOPOLOGY, "Share of training after which --prune stops: 0.75; by default 1.", metavar="SHARE"),
    ] = None
    topology_plot: Annotated[
        Path | None,
        _option(
            TOPOLOGY,
            "Draw R_s (positions that ever had a weight), degrees and the weights of each input: .png, .svg or .pdf; "
            "as a .gif, the weights of each pixel over the epochs.",
            metavar="FILE",
        ),
    ] = None
    # --------------------------------------------------------------------------------------------------------- results
    no_statistics: Annotated[bool, _option(OUTPUT, "Train only: no loss, no accuracy.", "--no-statistics")] = False
    log: Annotated[Path | None, _option(OUTPUT, "Append a line of JSON for each epoch.", metavar="FILE.jsonl")] = None
    plot: Annotated[Path | None, _option(OUTPUT, "Draw loss and accuracy.", metavar="FILE.png")] = None
    save_weights: Annotated[Path | None, _option(OUTPUT, "Write the trained network.", metavar="FILE.npz")] = None
    save: Annotated[
        Path | None,
        _option(OUTPUT, "Write the run, from which it can go on, and the network, for predict.", metavar="FILE.npz"),
    ] = None
    checkpoint_every: Annotated[
        str | None, _option(OUTPUT, 'When --save is written: "100 steps"; by default "1 epoch".', metavar="INTERVAL")
    ] = None
    resume: Annotated[
        Path | None,
        _option(OUTPUT, "Go on with the run that --save has written, and with its options.", metavar="FILE.npz"),
    ] = None
    timer: Annotated[
        Timer,
        _option(OUTPUT, "Seconds by phase of a step: brief, a line an epoch, as --timer alone; full, a line a step."),
    ] = Timer.disabled
    info: Annotated[
        bool, _option(OUTPUT, "Show versions, threads and the network before and after training.", "--info")
    ] = False
    verbose: Annotated[bool, _option(OUTPUT, "Show what has been chosen, option by option.", "--verbose", "-v")] = False
    debug: Annotated[bool, _option(OUTPUT, "Show the matrices of each step, and tracebacks of errors.", "--debug")] = (
        False
    )
    decimals: Annotated[
        int, _option(OUTPUT, "Of matrices that are shown; Nerva's --precision=N is this.", metavar="N")
    ] = 4
    edgeitems: Annotated[
        int, _option(OUTPUT, "How many first and last rows and columns of a matrix are shown.", metavar="N")
    ] = 3
    # ----------------------------------------------------------------------------------------------------- computation
    threads: Annotated[int | None, _option(MACHINE, "By default all cores.", metavar="N")] = None
    distributed: Annotated[
        str | None,
        _option(MACHINE, "mpi: all ranks that mpiexec or srun has started train the network together.", metavar="mpi"),
    ] = None
    shards: Annotated[
        int | None,
        _option(
            MACHINE,
            "Into how many parts a batch is cut, a multiple of the ranks; by default 4 for 1, 2 and 4 ranks, which then "
            "compute the same.",
            metavar="N",
        ),
    ] = None
    local_steps: Annotated[
        int | None,
        _option(MACHINE, "Instead: ranks train apart for so many steps, then average their networks.", metavar="N"),
    ] = None
    computation: Annotated[
        str, _option(MACHINE, "Who computes sparse products: numba, scipy or mkl.", metavar="NAME")
    ] = "numba"
    precision: Annotated[Precision, _option(MACHINE, "Of weights and activations.")] = Precision.float32
    imports: Annotated[
        str | None,
        _option(
            MACHINE, "First import this Python module, which registers parts of your own.", "--import", metavar="MODULE"
        ),
    ] = None

    def __post_init__(self) -> None:
        least = {"seed": 0, "epochs": 0, "batch_size": 1, "dataset_size": 5, "decimals": 0, "edgeitems": 1}
        for name, number in least.items():
            if (value := getattr(self, name)) is not None and value < number:
                raise NervaError(f"{name} must be at least {number}, not {value}")
        if self.gradient_step is not None and not 0 < self.gradient_step < float("inf"):
            raise NervaError(f"gradient_step must be a positive finite number, not {self.gradient_step}")
        if self.clip is not None and not 0 <= self.clip < float("inf"):
            raise NervaError(f"clip must be a finite number of at least 0, not {self.clip}")


# What errors of the library say first, where it is not the name of a field, and the field.
_FIELDS = {
    "lr": "learning_rate", "learning rate schedule": "learning_rate", "optimizer": "optimizers",
    "initializer": "layer_weights", "weights": "layer_weights", "layer": "layers", "backend": "computation",
    "layer_densities": "densities", "augmentation": "augment", "size": "dataset_size",
    "a dropout rate": "dropouts",
} | {name: name for name in Options.__annotations__}  # fmt: skip
_FIRST = re.compile(rf"^(unknown )?({'|'.join(sorted(_FIELDS, key=len, reverse=True))})(?=[:\[ ])")
_INSIDE = re.compile(rf"(?<![\w/.-])({'|'.join(name for name in Options.__annotations__ if '_' in name)})(?![\w/.-])")


def in_options(message: str) -> str:
    """An error's message with the names of options in the place of Python's parameters."""
    message = _FIRST.sub(lambda match: (match[1] or "") + option(_FIELDS[match[2]]), message)
    return _INSIDE.sub(lambda match: option(match[1]), message)


def option(field: str) -> str:
    """What is typed for a field."""
    return "--import" if field == "imports" else f"--{field.replace('_', '-')}"
