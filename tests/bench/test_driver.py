"""`python bench`: which scripts are run how, what becomes of their files, and that one's failure does not hinder the others."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"

spec = importlib.util.spec_from_file_location("bench_driver", BENCH / "__main__.py")
assert spec
assert spec.loader
driver = importlib.util.module_from_spec(spec)
sys.modules["bench_driver"] = driver  # dataclasses look there
spec.loader.exec_module(driver)


class Scripts:
    """In place of the processes: remembers what was asked for, and writes both files."""

    def __init__(self, failing: str = "", silent: str = "", interrupted: str = ""):
        self.commands: list[list[str]] = []
        self.failing, self.silent, self.interrupted = failing, silent, interrupted

    def __call__(self, command, check):
        self.commands.append(command)
        script = Path(command[1]).stem
        if script == self.interrupted:
            raise KeyboardInterrupt
        if script not in (self.failing, self.silent):
            for option in ("--json", "--plot"):
                Path(command[command.index(option) + 1]).write_text("new")
        return subprocess.CompletedProcess(command, 3 if script == self.failing else 0)


@pytest.fixture
def bench(monkeypatch, tmp_path):
    def run(scripts: Scripts | None = None, **options) -> Scripts:
        scripts = scripts or Scripts()
        monkeypatch.setattr(driver.subprocess, "run", scripts)
        driver.main(**{"folder": tmp_path} | options)
        return scripts

    return run


def test_short_runs_every_experiment_into_the_folder(bench, tmp_path, capsys):
    commands = bench().commands
    assert len(commands) == len(driver.EXPERIMENTS)
    assert all("--short" in command and "--data-dir" not in command for command in commands)
    assert {file.name for file in tmp_path.iterdir()} == {
        f"{name}.{ending}" for name in driver.EXPERIMENTS for ending in ("json", "png")
    }
    printed = capsys.readouterr().out
    for position, name in enumerate(driver.EXPERIMENTS, 1):
        assert f"[{position}/{len(driver.EXPERIMENTS)}] {name}, short: " in printed
        assert re.search(rf"^  {name} +\d+ s  {name}.json {name}.png +done$", printed, re.MULTILINE)


def test_full_gets_the_data(bench, tmp_path):
    commands = bench(full=True, data_dir=tmp_path, threads=1).commands
    assert not any("--short" in command for command in commands)
    assert all(command[command.index("--threads") + 1] == "1" for command in commands)
    assert {Path(command[1]).name for command in commands if "--data-dir" in command} == {
        "accuracy.py", "epoch.py", "topology.py",
    }  # fmt: skip


def test_only_some_in_the_order_given(bench):
    assert [Path(command[1]).name for command in bench(only="memory; epoch;memory").commands] == [
        "memory.py",
        "epoch.py",
    ]


def test_short_files_are_new_and_full_accuracies_go_on(bench, tmp_path):
    file = tmp_path / "accuracy.json"
    file.write_text("old")
    with pytest.raises(driver.typer.Exit):
        bench(Scripts(silent="accuracy"), only="accuracy")
    assert not file.exists()
    file.write_text("old")
    with pytest.raises(driver.typer.Exit):
        bench(Scripts(silent="accuracy"), only="accuracy", full=True)
    assert file.read_text() == "old"


def test_one_that_fails_does_not_hinder_the_others(bench, capsys):
    scripts = Scripts(failing="memory", silent="width")
    with pytest.raises(driver.typer.Exit) as exit:
        bench(scripts, only="memory;width;epoch")
    assert exit.value.exit_code == 1
    assert len(scripts.commands) == 3
    printed = capsys.readouterr().out
    assert "FAILED with exit code 3" in printed
    assert "FAILED: wrote no width.json and no width.png" in printed
    assert re.search(r"^  epoch .* done$", printed, re.MULTILINE)


def test_ctrl_c_shows_what_there_is(bench, capsys):
    with pytest.raises(driver.typer.Exit) as exit:
        bench(Scripts(interrupted="width"), only="memory;width;epoch")
    assert exit.value.exit_code == 130
    printed = capsys.readouterr().out
    assert re.search(r"^  memory .* done$", printed, re.MULTILINE)
    assert re.search(r"^  width .* interrupted$", printed, re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only": "memroy"}, "'memroy'; choose from products, threads"),
        ({"folder": BENCH / "results"}, "holds the committed results"),
        ({"data_dir": Path("/no/such/folder")}, "there is no directory /no/such/folder"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(bench, options, message):
    scripts = Scripts()
    with pytest.raises(driver.typer.BadParameter, match=message):
        bench(scripts, **options)
    assert scripts.commands == []


@pytest.mark.parametrize("script", sorted({experiment.script for experiment in driver.EXPERIMENTS.values()}))
def test_every_script_knows_the_options_that_it_is_given(script):
    text = subprocess.run([sys.executable, BENCH / script, "--help"], capture_output=True, text=True, check=True).stdout
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    wanted = {"--short", "--json", "--plot", "--threads"}
    wanted |= {"--data-dir"} if any(e.data for e in driver.EXPERIMENTS.values() if e.script == script) else set()
    wanted |= {a for e in driver.EXPERIMENTS.values() if e.script == script for a in e.arguments}
    assert {option for option in wanted if f"{option} " not in text and f"{option}\n" not in text} == set()
