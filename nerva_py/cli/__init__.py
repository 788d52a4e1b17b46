"""The command line `nerva-py`.

Modules that need Numba are imported inside the command, after the threads are configured; so `--help` is quick, too.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import typer

from nerva_py.errors import NervaError
from nerva_py.launch import place

from .app import app

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
        return typer.main.get_command(app).main(given, prog_name="nerva-py", standalone_mode=False) or 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except USAGE_ERROR as error:
        if place().rank:  # of several processes with the same options, one complains
            return FAILED
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        return _fail(f"{message.rstrip('.')}; see {_help_command(given)}")
    except (NervaError, OSError, MemoryError) as error:
        if "--debug" in given:
            traceback.print_exc()
        return _fail(str(error) or type(error).__name__)


def _fail(message: str) -> int:
    sys.stdout.flush()
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return FAILED


def _help_command(given: Sequence[str]) -> str:
    return next((f"nerva-py {command} --help" for command in COMMANDS if command in given), "nerva-py --help")
