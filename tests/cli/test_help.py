"""Help and version: complete, readable, and there at once."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields

import pytest

from nerva_py.cli.defaults import DEFAULTS
from nerva_py.cli.options import Options
from nerva_py.data import DATASETS
from nerva_py.data.text import DOCUMENTED

from .conftest import Run

# What Nerva's users type.
OF_NERVA = [
    "seed", "layer-sizes", "densities", "dropouts", "overall-density", "layers", "epochs", "batch-size", "no-shuffle",
    "no-statistics", "optimizers", "learning-rate", "learning-rate-scheduler", "loss", "layer-weights",
    "load-weights", "save-weights", "cifar10", "mnist", "generate-dataset", "load-dataset", "save-dataset",
    "precision", "info", "timer", "computation", "threads", "gradient-step", "debug", "prune", "grow", "grow-weights",
    "preprocessed", "clip", "verbose",
    "edgeitems", "normalize", "dataset-size",
]  # fmt: skip


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_nerva_options_exist() -> None:
    ours = {field.name.replace("_", "-") for field in fields(Options)}
    assert set(OF_NERVA) <= ours


@pytest.mark.parametrize("width", [80, 120])
def test_help_shows_every_option_whole(nerva_py: Run, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", width)
    outcome = nerva_py("train", "--help")
    text = plain(outcome.out)
    assert outcome.code == 0
    assert all(len(line) <= width for line in text.splitlines())
    for field in fields(Options):
        option = "import" if field.name == "imports" else field.name.replace("_", "-")
        assert re.search(rf"--{option}[ ,]", text)
    assert "bool>" not in text
    for name in DEFAULTS:
        assert f"{name}: " in text


def test_no_arguments_show_help(nerva_py: Run) -> None:
    outcome = nerva_py()
    assert outcome.code == 0
    assert "bool>" not in outcome.out
    assert "train" in plain(outcome.out)


def test_version(nerva_py: Run) -> None:
    outcome = nerva_py("--version")
    assert outcome.code == 0
    assert re.fullmatch(r"nerva-py \S.*\n", outcome.out)


def test_every_data_set_has_defaults() -> None:
    assert set(DEFAULTS) == set(DATASETS)


def test_help_imports_nothing_heavy() -> None:
    """The threads can only be configured while Numba is not yet imported."""
    code = "import sys, nerva_py.cli; sys.exit(any(name in sys.modules for name in ('numba', 'scipy', 'numpy', 'matplotlib')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_names_of_the_classes_of_text_are_those_of_the_data_set() -> None:
    assert DEFAULTS["text"].classes == DOCUMENTED
