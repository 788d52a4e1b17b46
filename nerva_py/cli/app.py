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

nerva-py train --layers "ReLU;Linear" --layer-sizes "64;200;10" --epochs 5

nerva-py train --method "RigL(0.3)" --overall-density 0.05 --topology-plot topology.png

Lists are separated by ';' and need quotes.

[bold]If not given[/bold] (hidden layers, ...)

"""


@app.callback(invoke_without_command=True)
def nerva_py(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Multilayer perceptrons that are truly sparse, and fast on a CPU."""
    if version:
        typer.echo(f"nerva-py {installed('nerva-py')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def train(**given: Any) -> None:
    """Train a sparse network on a data set, by default the handwritten digits that come with scikit-learn."""
    options = Options(**given)
    from nerva_py import threads

    threads.configure(options.threads)  # before anything imports Numba
    from .run import run

    code = run(options)
    if code:
        raise typer.Exit(code)


# Each option is declared once, as a field of `Options`; Typer reads it from the signature.
train.__signature__ = inspect.signature(Options)  # type: ignore[attr-defined]
train.__annotations__ = dict(Options.__annotations__)
app.command("train", epilog=EXAMPLES + "\n\n".join(f"{name}: {row}" for name, row in DEFAULTS.items()))(train)


@app.command()
def verify(
    chapter: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this chapter; can be given several times.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table to this file, too.")] = None,
) -> None:
    """Prove every equation that is executed, and show a table of what was proved and for which sizes."""
    from .verify import run

    code = run(chapter or [], json)
    if code:
        raise typer.Exit(code)


@app.command()
def doctor(
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="Threads of the kernels; by default as many as cores.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all findings to this file, too.")] = None,
) -> None:
    """Look at this machine: versions, threads, backends, speed of the products, and what slows them down."""
    from nerva_py import threads as _threads

    given, cores = dict(os.environ), _threads.available_cores()  # binding leaves this thread with one core
    _threads.configure(threads)
    from .doctor import run

    run(given, cores, json)
