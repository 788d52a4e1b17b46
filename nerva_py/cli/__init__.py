"""The command line `nerva-py`.

Modules that need Numba are imported inside the command, after the threads are configured; so `--help` is quick, too.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import typer

from nerva_py.errors import NervaError
from nerva_py.launch import place

from .app import app
from .dialect import translated
from .options import in_options

INTERRUPTED = 130
FAILED = 2
COMMANDS = ("train", "info", "predict", "evaluate", "verify", "doctor")
# Typer's own complaints: unknown options, values of the wrong type.
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `nerva-py` with these arguments (those of the process by default) and return its exit code.

    What the user got wrong is one line on stderr and exit code 2; Ctrl-C is 130; an error of ours keeps its traceback.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows another one
    try:
        if given[:1] == ["train"]:
            words, notes = translated(given[1:])
            given = ["train", *words]
            for note in notes if not place().rank else ():
                typer.echo(note)
        return _command().main(given, prog_name="nerva-py", standalone_mode=False) or 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except USAGE_ERROR as error:
        if place().rank:  # of several processes with the same options, one complains
            return FAILED
        return _fail(f"{_usage(error).rstrip('.')}; see {_help_command(given)}")
    except (NervaError, OSError, MemoryError) as error:
        if "--debug" in given:
            traceback.print_exc()
        message = str(error) or type(error).__name__
        return _fail(in_options(message) if given[:1] == ["train"] else message)


def _command() -> Any:
    """The command; its --help shows no type, as the other switches do not."""
    command: Any = typer.main.get_command(app)
    for one in (command, *command.commands.values()):
        one.get_help_option(typer.Context(one, **one.context_settings)).metavar = ""
    return command


def _usage(error: Any) -> str:
    """What Typer complains of; of an option that there is not, with the likely one."""
    message: str = error.format_message() if hasattr(error, "format_message") else str(error)
    name, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if name is None or context is None or not message.startswith("No such option"):
        return message
    known = [option for parameter in context.command.get_params(context) for option in parameter.opts]
    close = get_close_matches(name, known, n=1)
    return f"No such option: {name}" + (f"; did you mean {close[0]}?" if close else "")


def _fail(message: str) -> int:
    sys.stdout.flush()
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return FAILED


def _help_command(given: Sequence[str]) -> str:
    return next((f"nerva-py {command} --help" for command in COMMANDS if command in given), "nerva-py --help")
