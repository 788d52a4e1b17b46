"""Where a run is, as a tree for a checkpoint; and a run that goes on from there, bit for bit as if it had not stopped."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nerva_py.checkpoints import container, describe, fields
from nerva_py.checkpoints.datasets import DataDescription, build_description
from nerva_py.checkpoints.generators import build_generator, build_seeds, generator_tree, seeds_tree
from nerva_py.checkpoints.networks import Tree, build_network, described
from nerva_py.checkpoints.trees import well_formed
from nerva_py.data.checks import as_samples, check_finite
from nerva_py.errors import DataError, NervaError, ShapeError
from nerva_py.files import reading
from nerva_py.network import MLP, Parameter
from nerva_py.sparse.storage import backend_name

from .callbacks import Callback, Order
from .evaluation import predicted
from .history import Epoch, History
from .optimizers import Optimizer
from .run import Run
from .weighting import RunningLoss

AFRESH = "To begin a new run with the network of the file, take load(path)"


@dataclass
class Checkpoint:
    """What is in a file: the network, what is known of its data, and of the run that it is in (None if it is in none)."""

    path: Path
    nerva_py: str
    network: MLP
    data: DataDescription | None
    training: Tree | None
    history: History
    notes: Tree

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Y (M, K) of raw samples X (M, D), normalised as those that the network has learnt from. Raises ShapeError,
        DataError."""
        X = as_samples("X", X)
        if X.ndim != 2 or X.shape[1] != self.network.sizes[0]:
            raise ShapeError(f"X must be a matrix with {self.network.sizes[0]} columns, not of shape {X.shape}")
        check_finite("X", X)
        if self.data is None:
            return self.network.predict(X)
        return predicted(self.network, self.data, X)


def read_checkpoint(path: str | PathLike[str], backend: str | None = None) -> Checkpoint:
    """Everything in a file that `save` or a `ModelCheckpoint` has written. Raises DataError."""
    path = Path(path)
    tree = container.read(path)
    with reading(path), well_formed("its contents"):
        network = build_network(fields.field(tree, "network"), backend)
        data = None if fields.field(tree, "data") is None else build_description(tree["data"])
        if data is not None and data.num_features != network.sizes[0]:
            raise DataError(f"malformed: data of {data.num_features} features for {network.sizes[0]} inputs")
        training, notes = fields.field(tree, "training"), fields.field(tree, "notes")
        if not isinstance(notes, dict) or not isinstance(training, dict | None):
            raise DataError("malformed: its training or its notes")
        history = History() if training is None else _history(training)
        return Checkpoint(path, fields.text(tree, "nerva_py"), network, data, training, history, notes)
    raise AssertionError  # `reading` ends in a result or an error


# ------------------------------------------------------------------------------------------------------------- writing


def training_tree(run: Run) -> Tree:
    """Where the run is: at the end of a step or of an epoch. Raises NervaError for what cannot be written."""
    names = ("epochs", "steps_per_epoch", "epoch", "step_of_epoch", "t", "stop", "settings", "start")
    return {
        **{name: getattr(run, name) for name in names},
        "seconds": time.perf_counter() - run.epoch_start,
        "running": None if run.running is None else run.running.state_dict(),
        "order": run.order_state,
        "augmentation": generator_tree(run.augmentation_rng),
        "rng": generator_tree(run.rng),
        "seeds": seeds_tree(run.seeds),
        "optimizers": [_optimizer_tree(one) | {"vectors": parameter.states} for one, parameter in _optimized(run)],
        "history": [vars(epoch) for epoch in run.history],
        "callbacks": [
            {"name": _name(callback), "changes": callback.order == Order.CHANGES, "state": remembered}
            for callback in run.callbacks
            if (remembered := callback.state_dict()) or callback.order == Order.CHANGES
        ],
    }


def start_of(network: MLP) -> Tree:
    """By what the network with which a run began is recognised: sizes, and the number of weights of each layer."""
    return {"sizes": network.sizes, "nnz": [int(layer.W.value.nnz) for layer in network.linear_layers]}


def _optimized(run: Run) -> list[tuple[Optimizer, Parameter]]:
    """Each parameter with its optimizer, in the order of the network."""
    return [(run.optimizers[layer], parameter) for layer in run.network.layers for parameter in layer.parameters]


def _optimizer_tree(optimizer: Optimizer) -> Tree:
    constants = [float(c) for c in optimizer.constants(1)]
    return {"name": optimizer.name, "weight_decay": float(optimizer.weight_decay), "constants": constants}


def _name(callback: Callback) -> str:
    return type(callback).__qualname__


# ------------------------------------------------------------------------------------------------------------- reading


def resume(run: Run, path: str | PathLike[str]) -> Callable[[], None]:
    """Put the network, the optimizer states, the random generators and the position of the file's run into `run`.

    Returns a function that gives the callbacks back what they remembered, to be called after their `on_train_begin`.
    Everything but that is read and compared with the run that is given before anything is changed. Raises DataError for a file
    that cannot be used, NervaError where the file's run is another one.
    """
    path = Path(path)
    checkpoint = read_checkpoint(path, backend_name(run.network.linear_layers[0].W.value))
    tree = checkpoint.training
    if tree is None:
        raise DataError(f"{path}: holds a network, but no run to resume, as save has written it. {AFRESH}")
    with reading(path), well_formed("its run"):
        try:
            _check_same_run(run, checkpoint, tree)
        except DataError:
            raise
        except NervaError as error:
            raise NervaError(f"{path} cannot be resumed: {error}. {AFRESH}") from None
        vectors = _vectors(run, checkpoint.network, tree)
        position = {key: fields.integer(tree, key) for key in ("epoch", "step_of_epoch", "t")}
        if position["step_of_epoch"] > run.steps_per_epoch or not len(checkpoint.history) <= position["epoch"] <= (
            len(checkpoint.history) + 1
        ):
            raise DataError(f"malformed: step {position['step_of_epoch']} of epoch {position['epoch']}")
        order = build_generator(fields.field(tree, "order"))
        changes = {
            **position, "stop": fields.flag(tree, "stop"), "seconds": fields.number(tree, "seconds"), "resumed": True,
            "start": fields.field(tree, "start"), "order_rng": order, "order_state": order.bit_generator.state,
            "running": _running(run, fields.field(tree, "running")), "rng": build_generator(fields.field(tree, "rng")),
            "augmentation_rng": build_generator(fields.field(tree, "augmentation")),
        }  # fmt: skip
        seeds = build_seeds(fields.field(tree, "seeds"))
        saved = _matched(run.callbacks, fields.items(tree, "callbacks"), path)
    _adopt(run.network, checkpoint.network)
    for (_, parameter), own in zip(_optimized(run), vectors, strict=True):
        parameter.states = own
    run.history.epochs[:] = checkpoint.history.epochs
    for name, value in changes.items():
        setattr(run, name, value)

    def callbacks() -> None:
        # They draw their generators anew in `on_train_begin`: only then come those of the file, and the seeds.
        run.seeds = seeds
        with reading(path):
            for callback, remembered in saved:
                try:
                    with well_formed(f"what {_name(callback)} remembered"):
                        callback.load_state_dict(remembered)
                except DataError:
                    raise
                except NervaError as error:
                    raise NervaError(f"{path} cannot be resumed: {error}. {AFRESH}") from None

    return callbacks


def _check_same_run(run: Run, checkpoint: Checkpoint, tree: Tree) -> None:
    """Refuse a network, data, optimizers or settings that are not those of the run. Raises NervaError, DataError."""
    theirs, given = described(checkpoint.network), described(run.network)
    if theirs != given or checkpoint.network.dtype != run.network.dtype:
        raise NervaError(f"its network is {checkpoint.network!r}, the one that is given {run.network!r}")
    start = fields.field(tree, "start")
    if start_of(run.network) not in (start, start_of(checkpoint.network)):
        raise NervaError(
            f"its run began with layers of {start.get('sizes')} and {start.get('nnz')} weights; the network that is given "
            f"has {run.network.sizes} and {start_of(run.network)['nnz']}"
        )
    _check_same_data(describe(run.data), checkpoint.data)
    if fields.integer(tree, "steps_per_epoch", 1) != run.steps_per_epoch and run.settings == tree.get("settings"):
        raise NervaError(f"its epochs have {tree['steps_per_epoch']} steps, those that are given {run.steps_per_epoch}")
    settings = fields.field(tree, "settings")
    for name, value in run.settings.items():
        if fields.field(settings, name) != value:
            raise NervaError(f"{name} is {value!r}, but its run has {settings[name]!r}")
    saved = [{**one, "vectors": None} for one in fields.items(tree, "optimizers")]
    for one, (now, _) in zip(saved, _optimized(run), strict=False):
        if one != _optimizer_tree(now) | {"vectors": None}:
            raise NervaError(
                f"the optimizer is {_optimizer_text(_optimizer_tree(now))}, but its run has {_optimizer_text(one)}"
            )
    for epoch in checkpoint.history:
        if run.schedule(epoch.epoch - 1) != epoch.learning_rate:
            raise NervaError(
                f"the learning rate of epoch {epoch.epoch} is {run.schedule(epoch.epoch - 1)!r}, "
                f"but was {epoch.learning_rate!r} in its run"
            )


def _check_same_data(given: DataDescription, saved: DataDescription | None) -> None:
    if saved is None:
        return
    if saved.num_features != given.num_features or saved.num_classes != given.num_classes:
        raise NervaError(
            f"its run has learnt from {saved.name!r}, {saved.num_features} features and {saved.num_classes} classes; "
            f"{given.name!r} has {given.num_features} and {given.num_classes}"
        )
    same_scale = np.array_equal(saved.scale, given.scale) and np.array_equal(saved.shift, given.shift)
    if (saved.samples, saved.checksum) != (given.samples, given.checksum) or not same_scale:
        raise NervaError(
            f"its run has learnt from {saved.samples:,} samples of {saved.name!r}, and the {given.samples:,} training "
            f"samples of {given.name!r} are others, or are normalised otherwise"
        )


def _optimizer_text(tree: Tree) -> str:
    return f"{tree.get('name')} with constants {tree.get('constants')} and weight decay {tree.get('weight_decay')}"


def _running(run: Run, tree: Any) -> RunningLoss | None:
    """The mean loss of the mini-batches of an epoch that was interrupted; begun anew if the file's run took none."""
    if run.running is None or tree is None:
        return run.running
    return RunningLoss(*(fields.optional_number(tree, name) or 0.0 for name in ("total", "weight")))


def _vectors(run: Run, network: MLP, tree: Tree) -> list[list[np.ndarray]]:
    """The state vectors of each parameter, which must be as long as it is in the file."""
    saved, optimized, parameters = fields.items(tree, "optimizers"), _optimized(run), list(network.parameters())
    if len(saved) != len(optimized) or len(saved) != len(parameters):
        raise DataError(f"malformed: {len(saved)} optimizer states for {len(parameters)} parameters")
    result = []
    for one, parameter, (optimizer, _) in zip(saved, parameters, optimized, strict=True):
        vectors = fields.items(one, "vectors")
        keyed = {str(place): vector for place, vector in enumerate(vectors)}
        shape, dtype = parameter.vector.shape, parameter.vector.dtype
        result.append([fields.array(keyed, key, shape, "f") for key in keyed])
        if len(vectors) != optimizer.states or any(vector.dtype != dtype for vector in vectors):
            raise DataError(f"malformed: the optimizer state of {parameter.name}")
    return result


def _matched(callbacks: Sequence[Callback], saved: list[Any], path: Path) -> list[tuple[Callback, Tree]]:
    """Callbacks with what each of them remembered. Of those that change the network none may be missing or new."""
    left: dict[str, list[Callback]] = defaultdict(list)
    for callback in callbacks:
        left[_name(callback)].append(callback)
    matched = []
    for one in saved:
        name, changes, remembered = fields.text(one, "name"), fields.flag(one, "changes"), fields.field(one, "state")
        if left[name]:
            matched.append((left[name].pop(0), remembered))
        elif changes:
            raise NervaError(f"{path} cannot be resumed: its run has the callback {name}, which is not given. {AFRESH}")
    for name, rest in left.items():
        if any(callback.order == Order.CHANGES for callback in rest):
            raise NervaError(
                f"{path} cannot be resumed: the callback {name} is given, which its run does not have. {AFRESH}"
            )
    return [(callback, remembered) for callback, remembered in matched if remembered]


def _history(tree: Tree) -> History:
    epochs = []
    for number, one in enumerate(fields.items(tree, "history"), 1):
        names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
        statistics = {name: fields.optional_number(one, name) for name in names}
        measures = fields.field(one, "measures")
        if fields.integer(one, "epoch") != number or not isinstance(measures, dict):
            raise DataError(f"malformed: epoch {number} of its history")
        rate, seconds = fields.number(one, "learning_rate"), fields.number(one, "seconds")
        epochs.append(
            Epoch(number, rate, seconds, **statistics, measures=measures, final=one.get("final") is not False)
        )
    return History(epochs)


def _adopt(network: MLP, saved: MLP) -> None:
    """Let the network be the saved one, while everybody goes on to hold the same layers and parameters."""
    for parameter, theirs in zip(network.parameters(), saved.parameters(), strict=True):
        parameter.value = theirs.value
    for layer, other in zip(network.layers, saved.layers, strict=True):
        for name in layer.buffers:
            setattr(layer, name, getattr(other, name))
