"""The commands: what can be typed after `nerva-py`."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from .defaults import DEFAULTS
from .options import Options
from .versions import installed

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

EXAMPLES = """[bold]Examples[/bold]

nerva-py train

nerva-py train --dataset mnist --data-dir DIR --overall-density 0.02

nerva-py train --layers "ReLU;Linear" --layer-sizes "64;200;10" --overall-density 0.1

nerva-py train --method "RigL(0.3)" --overall-density 0.05 --topology-plot topology.png

Lists are separated by ';' and need quotes.

[bold]If not given[/bold] (hidden layers, ...)

"""


@app.callback(invoke_without_command=True)
def nerva_py(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", metavar="")] = False,
) -> None:
    """Multilayer perceptrons that are truly sparse, and fast on a CPU."""
    if version:
        typer.echo(f"nerva-py {installed('nerva-py')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _prepare(threads: int | None = None, imports: str | None = None) -> None:
    """Configure the threads before anything imports Numba, then import the modules of the user's own parts."""
    from nerva_py import parts
    from nerva_py.threads import configure

    configure(threads)
    if imports:  # by the environment, so that workers know
        os.environ[parts.IMPORT] = ",".join(filter(None, [os.environ.get(parts.IMPORT), imports]))
    parts.import_named()


def train(**given: Any) -> None:
    """Train a sparse network on a data set, by default the handwritten digits that come with scikit-learn."""
    options = Options(**given)
    count = options.threads
    if options.distributed is not None:
        from nerva_py.launch import share_cores

        count = share_cores(count)
    _prepare(count, options.imports)
    from .train import run

    code = run(options)
    if code:
        raise typer.Exit(code)


# Each option is declared once, as a field of `Options`; Typer reads it from the signature.
train.__signature__ = inspect.signature(Options)  # type: ignore[attr-defined]
train.__annotations__ = dict(Options.__annotations__)
app.command("train", epilog=EXAMPLES + "\n\n".join(f"{name}: {row}" for name, row in DEFAULTS.items()))(train)


MODEL = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A file that train --save, or save in Python, has written.")
]
IMPORT = Annotated[
    str | None,
    typer.Option(
        "--import", metavar="MODULE", help="First import this Python module, which registers parts of your own."
    ),
]
DATA_DIR = Annotated[Path | None, typer.Option(metavar="DIR", help="Where the files of mnist or cifar10 are.")]


@app.command()
def info(model: MODEL, imports: IMPORT = None) -> None:
    """Show what is in a saved file: network, data, how far its run is, with which options."""
    _prepare(imports=imports)
    from .models import info as run

    run(model)


@app.command()
def predict(
    model: MODEL,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Raw samples: a file .npz (X or Xtest), .npy or .csv with or without names, or the test part of a data set.",
        ),
    ],
    data_dir: DATA_DIR = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to this file (.csv, .txt or .npy), not to the terminal.")
    ] = None,
    outputs: Annotated[bool, typer.Option("--outputs", help="The network's outputs instead of classes.")] = False,
    imports: IMPORT = None,
) -> None:
    """Predict the class (or, in a regression, the targets) of raw samples: a line each."""
    _prepare(imports=imports)
    from .models import predict as run

    run(model, data, data_dir, output, outputs)


@app.command()
def evaluate(
    model: MODEL,
    data: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="A data set or an npz file; by default what the network has learnt from."),
    ] = None,
    data_dir: DATA_DIR = None,
    imports: IMPORT = None,
) -> None:
    """Loss and accuracy of a saved network on training and test data, and on each class."""
    _prepare(imports=imports)
    from .models import evaluate_model as run

    run(model, data, data_dir)


@app.command()
def verify(
    chapter: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this chapter; can be given several times.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every claim to this file, too.")] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="A line for each claim, with its sizes.", metavar="")
    ] = False,
) -> None:
    """Prove every equation that is executed, and show how many claims each chapter has; all take a minute of computing."""
    from .verify import run

    code = run(chapter or [], json, verbose)
    if code:
        raise typer.Exit(code)


@app.command()
def doctor(
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="Threads of the kernels; by default as many as cores.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all findings to this file, too.")] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="KxD", help="Measure nothing; show which kernels such a layer takes: K neurons, D inputs."
        ),
    ] = None,
    density: Annotated[float, typer.Option(metavar="D", help="With --layer: the share of weights that exist.")] = 0.1,
    batch_size: Annotated[int, typer.Option(metavar="N", help="With --layer: samples in a batch.")] = 100,
) -> None:
    """Look at this machine: versions, threads, backends, speed of the products, and what slows them down."""
    from nerva_py import threads as _threads

    if layer is not None:
        _threads.configure(threads)
        from .plan import show

        show(layer, density, batch_size)
        return

    given, cores = dict(os.environ), _threads.available_cores()  # binding leaves this thread with one core
    _threads.configure(threads)
    from .doctor import run

    run(given, cores, json)
