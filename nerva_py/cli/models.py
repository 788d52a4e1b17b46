"""`nerva-py info`, `predict` and `evaluate`: what is in a file that was saved, and what its network makes of data."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from nerva_py.data import DATASETS, Dataset, load_dataset, load_npz
from nerva_py.data.tables import read_table
from nerva_py.errors import DataError, NervaError, ShapeError, unknown
from nerva_py.files import reading, write_atomically
from nerva_py.training import Checkpoint, evaluate, read_checkpoint
from nerva_py.training.loop import resolve_loss, resolve_optimizers

from .defaults import defaults_for
from .layer_table import layer_memory, layer_table
from .options import Options
from .output_files import why_not
from .results import SHOWN_CLASSES, class_names, class_table, mistakes, predicted_classes
from .saved_run import kept_options
from .screen import aligned, make_console, size
from .sources import chosen_data
from .summary import score_row

OUTPUT_FORMATS = (".csv", ".npy", ".txt")


def info(path: Path) -> int:
    """Show what is in the file."""
    checkpoint = read_checkpoint(path)
    console = make_console()
    console.print(f"{path}: {size(path.stat().st_size)}, written by nerva_py {checkpoint.nerva_py}", style="bold")
    states = resolve_optimizers(checkpoint.network, "GradientDescent")
    console.print("\n".join(["", *layer_table(layer_memory(checkpoint.network, states), training=False), ""]))
    console.print("\n".join(aligned(_rows(checkpoint), left=2)))
    return 0


def predict(path: Path, data: str, data_dir: Path | None, output: Path | None, outputs: bool) -> int:
    """Write what the network says of each sample: its class, or its outputs."""
    if output is not None:
        if output.suffix not in OUTPUT_FORMATS:
            raise NervaError(f"--output {output}: {', '.join(OUTPUT_FORMATS)} are allowed")
        if reason := why_not(output, appended=False):
            raise NervaError(f"--output {output}: {reason}")
    checkpoint = read_checkpoint(path)
    Y = _fitting(checkpoint, data, lambda: checkpoint.predict(_samples(checkpoint, data, data_dir)))
    classes = checkpoint.data is not None and checkpoint.data.num_classes is not None and not outputs
    result = Y.argmax(axis=1) if classes else Y
    if output is None:
        np.savetxt(sys.stdout, result, "%d" if classes else "%.9g", delimiter=",")
    elif output.suffix == ".npy":
        write_atomically(output, lambda file: np.save(file, result))
    else:
        write_atomically(output, lambda file: np.savetxt(file, result, "%d" if classes else "%.9g", delimiter=","))
    return 0


def evaluate_model(path: Path, data: str | None, data_dir: Path | None) -> int:
    """Show loss and accuracy on training and test data, and how well each class is recognised."""
    checkpoint = read_checkpoint(path)
    console = make_console()
    found = _data_set(checkpoint, data, data_dir)
    if checkpoint.data is not None:
        same_kind = checkpoint.data.num_classes is None and found.num_classes is None
        if found.num_features != checkpoint.network.sizes[0] or not (
            same_kind or found.num_outputs == checkpoint.network.sizes[-1]
        ):
            raise ShapeError(_does_not_fit(checkpoint, found.describe()))
        found = replace(found, scale=checkpoint.data.scale, shift=checkpoint.data.shift)
    if (found.num_features, found.num_outputs) != (checkpoint.network.sizes[0], checkpoint.network.sizes[-1]):
        raise ShapeError(_does_not_fit(checkpoint, found.describe()))
    console.print(found.describe(), style="bold")
    named = (checkpoint.training or {}).get("settings", {}).get("loss")
    loss = resolve_loss(named or ("SquaredError" if found.num_classes is None else "SoftmaxCrossEntropy"))
    rows = [["", "samples", "loss", "accuracy"]]
    for part, T in (("train", found.Ttrain), ("test", found.Ttest)):
        if len(T):
            value, accuracy = evaluate(checkpoint.network, found, loss, part)
            rows.append([part, f"{len(T):,}", f"{value:.8f}", "" if accuracy is None else f"{accuracy:.8f}"])
    console.print("\n".join(["", *aligned(rows)]))
    if found.num_classes is not None and 2 <= found.num_classes <= SHOWN_CLASSES and len(found.Ttest):
        predicted = predicted_classes(checkpoint.network, found)
        names = class_names(found, defaults_for(found.name).classes)
        for table in (class_table(found, predicted, names), mistakes(found, predicted, names)):
            if table:
                console.print("\n".join(["", *table]))
    return 0


# ---------------------------------------------------------------------------------------------------------------- info


def _rows(checkpoint: Checkpoint) -> list[list[str]]:
    rows, data, training = [], checkpoint.data, checkpoint.training
    if data is None:
        rows.append(["data", "not recorded: predict takes samples as the network sees them"])
    else:
        target = "a regression" if data.num_classes is None else f"{data.num_classes} classes"
        rows.append(
            ["data", f"{data.name}: {data.samples:,} training samples of {data.num_features:,} features, {target}"]
        )
    if training is None:
        return [*rows, ["run", "none: the network alone"]]
    steps = training["steps_per_epoch"]
    done = training["epoch"] == len(checkpoint.history)
    where = f"{len(checkpoint.history)} of {training['epochs']} epochs"
    if not done:
        where += f" and {training['step']} of {steps} steps"
    rows.append(["run", where + (", stopped early" if training["stop"] else "") + f"; {training['t']:,} steps in all"])
    if checkpoint.history.epochs and checkpoint.history[-1].train_loss is not None:
        rows.append(score_row(checkpoint.history))
    settings = dict(training["settings"])
    optimizers = dict.fromkeys(one["name"] for one in training["optimizers"])
    rows.append(["loss", str(settings.pop("loss"))])
    rows.append(["optimizer", ", ".join(optimizers)])
    rows += [[name.replace("_", " "), str(value)] for name, value in settings.items()]
    rows.append(["callbacks", ", ".join(one["name"] for one in training["callbacks"])])
    options = checkpoint.notes.get("options")
    if options:
        rows.append(["options", " ".join(f"--{name.replace('_', '-')}={value}" for name, value in options.items())])
    return rows


# ---------------------------------------------------------------------------------------------------------------- data


def _data_set(checkpoint: Checkpoint, data: str | None, data_dir: Path | None) -> Dataset:
    """The data set that is named, or that of the checkpoint."""
    options = kept_options(checkpoint)
    rng = np.random.default_rng([options.get("seed", Options().seed), 1])
    if data is None:
        of_data = (
            "dataset", "data_dir", "cifar10", "mnist", "generate_dataset", "dataset_size", "load_dataset", "preprocessed",
            "normalize", "seed",
        )  # fmt: skip
        if options and data_dir is None:
            return chosen_data(Options(**{name: value for name, value in options.items() if name in of_data}))
        if checkpoint.data is None or checkpoint.data.name not in DATASETS:
            raise NervaError(f"{checkpoint.path} does not tell where its data are: name a data set or an npz file")
        data = checkpoint.data.name
    if data in DATASETS:
        return load_dataset(data, data_dir, rng)
    if Path(data).suffix != ".npz":
        raise unknown("data set", data, DATASETS) if not Path(data).exists() else NervaError(f"{data}: no npz file")
    return load_npz(data)


def _samples(checkpoint: Checkpoint, data: str, data_dir: Path | None) -> np.ndarray:
    """Raw samples (M, D): of a file, or the test samples of a data set."""
    path = Path(data)
    if data in DATASETS and not path.is_file():
        return _data_set(checkpoint, data, data_dir).Xtest
    if path.suffix not in (".npz", ".npy", ".csv"):
        raise NervaError(
            f"DATA is {data!r}; a data set ({', '.join(DATASETS)}) or a file .npz, .npy or .csv is allowed"
        )
    if path.suffix == ".csv":
        return read_table(path)
    with reading(path):
        try:
            with path.open("rb") as file:
                loaded = np.load(file, allow_pickle=False)
                if isinstance(loaded, np.ndarray):
                    return loaded
                for key in ("X", "Xtest"):
                    if key in loaded.files:
                        return loaded[key]
                raise DataError(f"has no X and no Xtest; its keys are {', '.join(loaded.files) or 'none'}")
        except DataError:
            raise
        except (ValueError, RuntimeError) as error:
            raise DataError(f"not a file of numbers ({error})") from None
    raise AssertionError  # `reading` ends in a result or an error


def _fitting(checkpoint: Checkpoint, data: str, use):  # type: ignore[no-untyped-def]
    try:
        return use()
    except (ShapeError, DataError) as error:
        if str(error).startswith(str(data)):
            raise
        raise type(error)(f"{_does_not_fit(checkpoint, data)}: {error}") from None


def _does_not_fit(checkpoint: Checkpoint, what: str) -> str:
    sizes = checkpoint.network.sizes
    return f"{checkpoint.path}, a network of {sizes[0]} inputs and {sizes[-1]} outputs, does not fit {what}"
