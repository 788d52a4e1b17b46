"""The topology options of `nerva-py train`: what is understood, what is printed, what is written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from nerva_py.cli.options import Options
from nerva_py.cli.topology import chosen_method
from nerva_py.topology import METHODS

from .conftest import SMALL, Outcome, Run
from .test_errors import check
from .test_train import EPOCH

EPOCH_OF_A_METHOD = re.compile(rf"{EPOCH.pattern}  R_s: ([01]\.\d+)")


def settings(outcome: Outcome) -> str:
    """The line that says how it is trained; before it kernels may have been announced that had to be compiled."""
    return next(line for line in outcome.lines if ", seed 1" in line)


def test_nerva_command_line(nerva_py: Run, small_npz: Path, tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    outcome = nerva_py(
        "train", "--load-dataset", small_npz, *SMALL, "--prune=SET(0.3)", "--grow=Random", "--grow-weights=Xavier",
        "--log", log, "--timer",
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    assert settings(outcome).endswith("seed 1, prune SET(0.3) every 1 epoch, grow Random with Xavier")
    shares = [float(match[1]) for line in outcome.lines if (match := EPOCH_OF_A_METHOD.fullmatch(line))]
    assert len(shares) == 2
    assert shares[0] < shares[1]
    assert re.search(
        rf"^topology       R_s {shares[1]:#.3g}, 2 updates, \d+ neurons? without inputs, \d+ without outputs$",
        outcome.out,
        re.MULTILINE,
    )
    assert re.search(r"^topology +\d+\.\d{3} +\d+%$", outcome.out, re.MULTILINE)
    epochs = [json.loads(line) for line in log.read_text().splitlines()]
    assert [float(f"{epoch['topology']['R_s']:#.3g}") for epoch in epochs] == shares
    assert [layer["updates"] for layer in epochs[0]["topology"]["layers"]] == [1, 1, 1]


def test_pruning_alone_makes_the_network_sparser(nerva_py: Run, small_npz: Path) -> None:
    outcome = nerva_py("train", "--load-dataset", small_npz, *SMALL, "--prune=Magnitude(0.5)")
    assert settings(outcome).endswith("seed 1, prune Magnitude(0.5) every 1 epoch")
    assert re.search(r"^topology +R_s 0.510, 2 updates, 50 → 1[3-5] weights, ", outcome.out, re.MULTILINE)


def test_removed_neurons_are_told(nerva_py: Run, small_npz: Path) -> None:
    spec = "--method=ImportancePruning(40, every=5, start=0)"
    outcome = nerva_py("train", "--load-dataset", small_npz, *SMALL, spec)
    assert (outcome.code, outcome.err) == (0, "")
    assert re.search(r"^topology .*50 → \d+ weights, layer sizes now 4;[1-5];[1-4];3, ", outcome.out, re.MULTILINE)


def test_without_a_method_nothing_is_said(nerva_py: Run, small_npz: Path) -> None:
    assert "topology" not in nerva_py("train", "--load-dataset", small_npz, *SMALL).out


def test_the_options_of_prune_reach_the_method() -> None:
    made = chosen_method(Options(prune="Threshold(0.01)", grow="Gradient(2)", update_every="30 steps", update_stop=0.5))
    assert made is not None
    assert (made.drop.name, made.drop.amount, made.grow.name, made.grow.batches) == ("Threshold", 0.01, "Gradient", 2)
    assert (str(made.every), made.stop, made.initializer.name) == ("every 30 steps", 0.5, "Xavier")
    made = chosen_method(Options(prune="SET"))
    assert made is not None
    assert (str(made.every), made.stop, made.grow) == ("every 1 epoch", 1.0, None)
    made = chosen_method(Options(prune="SET", grow="Random", grow_weights="Zero"))
    assert made is not None
    assert made.initializer.name == "Zero"


@pytest.mark.parametrize("name", METHODS)
def test_every_method_runs(nerva_py: Run, small_npz: Path, name: str) -> None:
    argument = {
        "GradualMagnitude": "(0.2, every=2)",
        "GraNet": "(0.2, every=2)",
        "ImportancePruning": "(every='1 epoch')",
    }.get(name, "(every=2)" if name in ("RigL", "GSE", "SMET") else "")
    optimizer = "SMET" if name == "SMET" else "Nesterov(0.9)"
    outcome = nerva_py(
        "train", "--load-dataset", small_npz, *SMALL, f"--method={name}{argument}", f"--optimizers={optimizer}"
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert settings(outcome).endswith(f"seed 1, {name}{argument}")
    assert sum(bool(EPOCH_OF_A_METHOD.fullmatch(line)) for line in outcome.lines) == 2


def test_one_seed_one_topology(nerva_py: Run, small_npz: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.npz" for n in range(2)]
    for file in files:
        nerva_py("train", "--load-dataset", small_npz, *SMALL, "--method=SET(0.3)", "--save-weights", file)
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_picture_without_a_method_measures_only(nerva_py: Run, small_npz: Path, tmp_path: Path, ending: str) -> None:
    picture = tmp_path / f"topology.{ending}"
    outcome = nerva_py("train", "--load-dataset", small_npz, *SMALL, "--topology-plot", picture)
    assert (outcome.code, outcome.err) == (0, "")
    assert settings(outcome).endswith("seed 1")
    assert re.search(r"^topology +R_s 0.510, 0 updates, ", outcome.out, re.MULTILINE)
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert picture.read_bytes().startswith(start)


def test_a_gif_has_a_picture_an_epoch_and_one_more(nerva_py: Run, tmp_path: Path) -> None:
    gif = tmp_path / "c.gif"
    outcome = nerva_py("train", "--epochs=3", "--method=SET(0.3)", "--no-statistics", "--topology-plot", gif)
    assert (outcome.code, outcome.err) == (0, "")
    with Image.open(gif) as image:
        assert image.n_frames == 4


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["--method=RigLL"], ["--method", "RigLL", "did you mean 'RigL'?", "Static"]),
        (["--method=RigL(2)"], ["--method", "RigL(2)", "from 0 to 1"]),
        (["--method=RigL(0.3, evry=5)"], ["--method", "evry", "every=100"]),
        (["--method=RigL(0.3, every=0)"], ["--method", "1 epoch", "not 0"]),
        (["--method=GraNet"], ["--method", "GraNet", "density"]),
        (["--method=GraNet(0.9)"], ["--method GraNet(0.9)", "density 0.5102", "0.9"]),
        (["--method=SMET(0.3)"], ["--method SMET(0.3)", "optimizer SMET", "Nesterov"]),
        (["--method=SET", "--overall-density=1"], ["--method SET", "density below 1"]),
        (["--prune=SET", "--overall-density=1"], ["--prune SET", "density below 1"]),
        (["--prune=Sett"], ["--prune", "did you mean 'SET'?", "GlobalMagnitude"]),
        (["--prune=SET(x)"], ["--prune", "SET(x)"]),
        (["--prune=Threshold"], ["--prune", "tau"]),
        (["--prune=SET", "--grow=Rondom"], ["--grow", "did you mean 'Random'?"]),
        (["--prune=SET", "--grow=Random", "--grow-weights=Glorot"], ["--grow-weights", "Glorot", "Xavier"]),
        (["--grow=Random"], ["--grow belongs to --prune"]),
        (["--grow-weights=Zero"], ["--grow-weights belongs to --prune"]),
        (["--prune=SET", "--grow-weights=Zero"], ["--grow-weights belongs to --grow"]),
        (["--update-every=5"], ["--update-every belongs to --prune"]),
        (["--update-stop=0.5"], ["--update-stop belongs to --prune"]),
        (["--prune=SET", "--update-every=often"], ["--update-every", "'often'", "100 steps"]),
        (["--prune=SET", "--update-every=0 epochs"], ["--update-every", "'0 epochs'"]),
        (["--prune=SET", "--update-stop=0"], ["--update-stop", "more than 0", "not 0"]),
        (["--prune=SET", "--update-stop=nan"], ["--update-stop", "nan"]),
        (["--prune=SET", "--method=SET"], ["only one of --method and --prune"]),
        (["--grow=Random", "--method=SET"], ["--grow", "--method", "RigL(0.3, every=50, stop=0.8)"]),
        (["--update-every=50", "--method=RigL"], ["--update-every", "RigL(0.3, every=50, stop=0.8)"]),
        (["--update-stop=0.5", "--method=RigL"], ["--update-stop", "RigL(0.3, every=50, stop=0.8)"]),
        (["--topology-plot=x.jpg"], ["--topology-plot x.jpg", "'jpg'", "gif, pdf, png, svg"]),
        (["--topology-plot=missing/x.png"], ["--topology-plot missing/x.png", "no directory"]),
        (["--topology-plot=x.gif"], ["--topology-plot x.gif", "no images", ".png"]),
        (["--topology-plot=x.png", "--plot=x.png"], ["same file"]),
    ],
)  # fmt: skip
def test_errors_before_anything_is_written(
    nerva_py: Run,
    small_npz: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    fragments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    outcome = nerva_py(
        "train", "--load-dataset", small_npz, *SMALL, "--save-dataset=data.npz", "--log=run.jsonl", *arguments
    )
    check(outcome, *fragments)
    assert "epoch" not in outcome.out
    assert sorted(tmp_path.iterdir()) == before
