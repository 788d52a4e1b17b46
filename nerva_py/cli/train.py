"""A run of `nerva-py train` from options to summary. Imported after the threads are configured, as it imports Numba."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from nerva_py.checkpoints import save
from nerva_py.data import Dataset, save_npz
from nerva_py.distributed import DataParallel, MPIRanks
from nerva_py.exchange import to_nerva
from nerva_py.network import MLP
from nerva_py.sparse.backends import get_backend
from nerva_py.training import Callback, History, JSONLinesLogger, train
from nerva_py.training.gradient_check import check_gradients
from nerva_py.training.loop import check_run, resolve_loss, resolve_optimizers, resolve_schedule

from . import INTERRUPTED
from .busy import busy
from .choices import Choices, choose, make_network
from .compilation import compilation_notice
from .defaults import defaults_for
from .distributed import distribution, first, make_ranks, of_rank, together
from .environment import environment
from .layer_table import layer_memory, layer_table
from .options import Options
from .output_files import check_outputs
from .progress import BatchBar, EpochLines
from .results import SHOWN_CLASSES, class_names, class_table, mistakes, predicted_classes
from .saved_run import resumed, saver
from .screen import make_console
from .sources import chosen_data
from .summary import gradient_table, parameter_table, phase_table, summary
from .topology import check_method, topology_row, topology_settings


def run(options: Options) -> int:
    """Load, build, train, sum up; returns the exit code. Everything that can be wrong is looked at before training."""
    ranks = make_ranks(options)
    console = make_console(quiet=not first(ranks))
    try:
        with together(ranks), compilation_notice(console):
            return _run(options, console, ranks)
    except KeyboardInterrupt:
        console.print("interrupted")
        return INTERRUPTED


def _run(options: Options, console: Console, ranks: MPIRanks | None) -> int:
    options, checkpoint = resumed(options)
    options = of_rank(options, ranks)
    check_outputs(options)
    get_backend(options.computation)
    with busy(console, "reading the data"):
        data = chosen_data(options)
    console.print(data.describe(), style="bold")
    choices = choose(options, data)
    resolve_loss(choices.loss)
    resolve_schedule(choices.learning_rate)
    with busy(console, "creating the network"):
        network = make_network(options, choices) if checkpoint is None else checkpoint.network
    check_run(network, data, choices.epochs, choices.batch_size, choices.augmentation)
    optimizers = resolve_optimizers(network, choices.optimizers)
    if options.topology_plot is not None:
        from .plot import check_images

        check_images(options.topology_plot, data)
    if choices.method is not None:
        check_method(options, choices, network, data)
    entries = layer_memory(network, optimizers, data.sparse, choices.batch_size)
    console.print(_settings(options, choices))
    if options.info:
        _print(console, environment())
    _print(console, layer_table(entries))
    if options.save_dataset is not None:
        save_npz(options.save_dataset, data)
    if checkpoint is not None:
        console.print(f"\ngoing on after epoch {len(checkpoint.history)} of {options.resume}")
    if options.gradient_step is not None:
        loss = resolve_loss(choices.loss)
        _print(console, gradient_table(check_gradients(network, data, loss, choices.batch_size, options.gradient_step)))

    if choices.epochs:
        console.print()
    weights, sizes = network.nnz, network.sizes
    callbacks = _callbacks(options, choices, console)
    history = _train(options, choices, data, network, callbacks, distribution(options, ranks))

    topology = topology_row(history, network, weights, sizes)
    _print(console, summary(history, entries, choices.epochs, topology))
    if options.timer:
        _print(console, phase_table(history.phases))
    if options.info:
        _print(console, parameter_table(network))
    if not options.no_statistics:
        _show_results(network, data, console)
    with busy(console, "saving the network"):
        if options.save is not None and not choices.epochs:
            save(network, options.save, data=data)
        if options.save_weights is not None:
            to_nerva(network, options.save_weights, sparse=True)
    title = ", ".join(filter(None, [data.name, options.method or options.prune, f"density {network.density:.3g}"]))
    if options.plot is not None and len(history):
        from .plot import save_training_plot

        save_training_plot(options.plot, history, title)
    if options.topology_plot is not None and topology is not None:
        from .plot import save_topology_plot

        save_topology_plot(options.topology_plot, history, network, data, callbacks, title)
    return INTERRUPTED if history.interrupted else 0


def _callbacks(options: Options, choices: Choices, console: Console) -> list[Callback]:
    """Those that change and measure before those that write: the log before the lines, as Ctrl-C may come between."""
    callbacks: list[Callback] = [] if choices.method is None else [choices.method]
    if options.topology_plot is not None:
        from .plot import recorders

        callbacks += recorders(options.topology_plot)
    if options.log is not None:
        callbacks.append(JSONLinesLogger(options.log))
    callbacks += saver(options, choices, console)
    callbacks.append(EpochLines(console))
    if console.is_terminal and not console.is_dumb_terminal:
        callbacks.append(BatchBar(console))
    return callbacks


def _train(
    options: Options,
    choices: Choices,
    data: Dataset,
    network: MLP,
    callbacks: Sequence[Callback],
    distributed: DataParallel | None,
) -> History:
    return train(
        network,
        data,
        loss=choices.loss,
        optimizer=choices.optimizers,
        learning_rate=choices.learning_rate,
        epochs=choices.epochs,
        batch_size=choices.batch_size,
        shuffle=not options.no_shuffle,
        augmentation=choices.augmentation,
        statistics=not options.no_statistics,
        seed=options.seed,
        callbacks=callbacks,
        timer=options.timer,
        resume=options.resume,
        distributed=distributed,
    )


def _settings(options: Options, choices: Choices) -> str:
    """How it is trained, in the words of the command line."""
    parts = [
        choices.loss, options.optimizers, f"learning rate {choices.learning_rate}", f"batch size {choices.batch_size}",
        f"seed {options.seed}", *topology_settings(options, choices.method),
    ]  # fmt: skip
    return ", ".join(parts)


def _show_results(network: MLP, data: Dataset, console: Console) -> None:
    """Classes and mistakes, where there are labels and not too many of them."""
    if data.num_classes is None or not 2 <= data.num_classes <= SHOWN_CLASSES or not len(data.Ttest):
        return
    predicted = predicted_classes(network, data)
    names = class_names(data, defaults_for(data.name).classes)
    _print(console, class_table(data, predicted, names))
    _print(console, mistakes(data, predicted, names))


def _print(console: Console, lines: Sequence[str]) -> None:
    """A paragraph, with an empty line before it."""
    if lines:
        console.print("\n".join(["", *lines]))
