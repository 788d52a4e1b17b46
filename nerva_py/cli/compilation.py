"""Telling the user that kernels are being compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event
from rich.console import Console


class CompilationNotice(event.Listener):
    """Says so when Numba compiles, which takes a while and happens in the first run only; its cache keeps the result."""

    def __init__(self, console: Console):
        self.console = console
        self.announced = False

    def on_start(self, compilation: Any) -> None:
        if not self.announced:
            self.announced = True
            self.console.print("compiling kernels, first run only ...", style="yellow")

    def on_end(self, compilation: Any) -> None:
        """Nothing to do: the next line of the run tells that it is over."""


@contextmanager
def compilation_notice(console: Console) -> Iterator[None]:
    """Within this context the first compilation is announced."""
    listener = CompilationNotice(console)
    event.register("numba:compile", listener)
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)
