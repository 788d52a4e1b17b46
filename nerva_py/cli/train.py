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
from nerva_py.training.loop import check_run, resolve_loss, resolve_optimizers

from . import INTERRUPTED
from .busy import busy
from .choices import Choices, check, choose, make_network
from .compilation import compilation_notice
from .defaults import defaults_for
from .distributed import distribution, first, make_ranks, of_rank, together
from .environment import environment
from .layer_table import layer_memory, layer_table
from .options import Options, Timer, option
from .output_files import check_outputs
from .progress import BatchBar, EpochLines, PhaseLines, StepPhaseLines
from .results import SHOWN_CLASSES, class_names, class_table, mistakes, predicted_classes
from .saved_run import check_resume, resumed, saver
from .screen import aligned, make_console
from .shown_matrices import MatrixLines, network_lines
from .sources import DataOfEpoch, chosen_data
from .summary import gradient_table, parameter_table, phase_table, summary
from .topology import Clip, check_method, topology_row, topology_settings


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
    check(options)
    with busy(console, "reading the data"):
        data = chosen_data(options)
    choices = choose(options, data)
    with busy(console, "creating the network"):
        network = make_network(options, choices) if checkpoint is None else checkpoint.network
    check_run(network, data, choices.epochs, choices.batch_size, choices.augmentation)
    optimizers = resolve_optimizers(network, choices.optimizers)
    if options.topology_plot is not None:
        from .plot import check_images

        check_images(options.topology_plot, data)
    if choices.method is not None:
        check_method(options, choices, network, data)
    if options.preprocessed is not None and (unread := options.cifar10 or options.mnist or options.load_dataset):
        console.print(f"{unread} is not read: the data are those of --preprocessed {options.preprocessed}")
    callbacks = _callbacks(options, choices, console)
    if checkpoint is not None:
        check_resume(options, choices, network, data, callbacks)
    entries = layer_memory(network, optimizers, data.sparse, choices.batch_size)
    console.print(data.describe(), style="bold")
    console.print(_settings(options, choices))
    if options.verbose:
        _print(console, _everything(options, choices))
    if options.info:
        _print(console, environment())
    _print(console, layer_table(entries))
    if options.info:
        _print(console, [*parameter_table(network), "", *network_lines(network, options)])
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
    history = _train(options, choices, data, network, callbacks, distribution(options, ranks))

    topology = topology_row(history, network, weights, sizes)
    _print(console, summary(history, entries, choices.epochs, topology))
    if options.timer != Timer.disabled:
        _print(console, phase_table(history.phases))
    if options.info:
        _print(console, [*parameter_table(network), "", *network_lines(network, options)])
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
    if options.preprocessed is not None:
        callbacks.append(DataOfEpoch(options))
    if options.clip is not None:
        callbacks.append(Clip(options.clip))
    if options.debug:
        callbacks.append(MatrixLines(console, options))
    if options.topology_plot is not None:
        from .plot import recorders

        callbacks += recorders(options.topology_plot)
    if options.log is not None:
        callbacks.append(JSONLinesLogger(options.log))
    callbacks += saver(options, choices, console)
    callbacks.append(EpochLines(console))
    if options.timer != Timer.disabled:
        callbacks.append((StepPhaseLines if options.timer == Timer.full else PhaseLines)(console))
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
        timer=options.timer != Timer.disabled,
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


def _everything(options: Options, choices: Choices) -> list[str]:
    """Each option that is given or chosen, a line each."""
    chosen = {
        "layers": ";".join(choices.layers), "layer_sizes": ";".join(map(str, choices.sizes)), "loss": choices.loss,
        "layer_weights": choices.weights, "epochs": choices.epochs, "batch_size": choices.batch_size,
        "learning_rate": choices.learning_rate, "learning_rate_scheduler": None,
        "overall_density": None if choices.densities else choices.overall_density,
    }  # fmt: skip
    values = {
        name: value for name, value in (vars(options) | chosen).items() if value is not None and value is not False
    }
    return aligned([[option(name), str(value)] for name, value in values.items()], left=2)


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
