"""What takes long says so, on a terminal and elsewhere; and what would not fit is refused."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from nerva_py.cli import main
from nerva_py.cli.busy import busy


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("nerva_py.cli.busy.PATIENCE", 0.05)


def shown(seconds: float, **options: bool) -> str:
    console = Console(file=io.StringIO(), width=80, **options)
    with busy(console, "counting"):
        time.sleep(seconds)
    return console.file.getvalue()


def test_what_is_quick_says_nothing(impatient):
    assert shown(0.0) == ""


def test_what_takes_long_says_when_it_begins_and_when_it_is_done(impatient):
    lines = shown(0.3).splitlines()
    assert lines[0] == "counting ..."
    assert re.fullmatch(r"counting: \d+\.\d s", lines[1])


def test_on_a_terminal_the_seconds_run(impatient):
    assert "counting" in shown(0.3, force_terminal=True)


def test_an_error_passes(impatient):
    console = Console(file=io.StringIO())
    with pytest.raises(ZeroDivisionError), busy(console, "counting"):
        _ = 1 / 0


def test_a_network_that_does_not_fit_is_refused_before_it_is_made(capsys):
    code = main(["train", "--layers", "ReLU;Linear", "--layer-sizes", "64;9000000000;10", "--densities", "0.5;0.001"])
    assert code == 2
    assert "GB are available" in capsys.readouterr().err
