"""`nerva-py train`: what is printed, what is written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from .conftest import SMALL, Run

NUMBER = r"\d+\.\d{8}"
EPOCH = re.compile(
    rf"epoch   \d lr: {NUMBER}  loss: {NUMBER}  train accuracy: {NUMBER}  test accuracy: {NUMBER} time: {NUMBER}s"
)


def write_cifar10(directory: Path, images: int) -> None:
    """Six binary batches of random images in random classes."""
    rng = np.random.default_rng(0)
    for name in [f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]:
        records = rng.integers(0, 256, (images, 3073), np.uint8)
        records[:, 0] %= 10
        records.tofile(directory / f"{name}.bin")


def test_nerva_command_line_runs_as_typed(nerva_py: Run, tmp_path: Path) -> None:
    write_cifar10(tmp_path, 50)
    outcome = nerva_py(
        "train", "--layers=ReLU;ReLU;Linear", "--layer-sizes=3072;1024;512;10", "--layer-weights=Xavier",
        "--optimizers=Nesterov(0.9)", "--loss=SoftmaxCrossEntropy", "--learning-rate=0.01", "--epochs=2",
        "--batch-size=100", "--threads=2", "--overall-density=0.05", f"--cifar10={tmp_path}", "--seed=123",
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    assert sum(bool(EPOCH.fullmatch(line)) for line in outcome.lines) == 2
    assert "cifar10: 250 training and 50 test samples" in outcome.lines[0]
    assert any(re.match(r"1  ReLU +3072 → 1024  CSR +0.0413 +129,9\d\d ", line) for line in outcome.lines)
    assert any(re.match(r"   total +0.05 +183,7\d\d ", line) for line in outcome.lines)
    assert any(re.match(r"   dense network +1 +3,675,136 +14.7 MB +44.1 MB", line) for line in outcome.lines)


def test_digits_by_default(nerva_py: Run) -> None:
    outcome = nerva_py("train")
    assert outcome.code == 0
    accuracy = float(re.findall(r"^test accuracy +([\d.]+)", outcome.out, re.MULTILINE)[0])
    assert accuracy >= 0.95
    assert "4 → " not in outcome.out.splitlines()[0]
    assert re.search(r"^all +360 +9\d\.\d%$", outcome.out, re.MULTILINE)


def test_plain_output_without_a_terminal(nerva_py: Run, small_npz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    outcome = nerva_py("train", "--load-dataset", small_npz, *SMALL)
    assert outcome.code == 0
    assert all(character == "\n" or character.isprintable() for character in outcome.out)
    assert sum(bool(EPOCH.fullmatch(line)) for line in outcome.lines) == 2
    assert all(line == line.rstrip() for line in outcome.lines)


def test_no_statistics(nerva_py: Run, small_npz: Path) -> None:
    outcome = nerva_py("train", "--load-dataset", small_npz, *SMALL, "--no-statistics")
    assert [line for line in outcome.lines if re.fullmatch(rf"epoch   [12] time: {NUMBER}s", line)] != []
    assert "accuracy" not in outcome.out


def test_regression(nerva_py: Run, regression_npz: Path, tmp_path: Path) -> None:
    picture = tmp_path / "loss.png"
    outcome = nerva_py("train", "--load-dataset", regression_npz, "--epochs=3", "--plot", picture)
    assert outcome.code == 0
    assert re.search(r"^test loss +[\d.e-]+, best ", outcome.out, re.MULTILINE)
    assert "accuracy" not in outcome.out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_log_plot_and_data_are_written(nerva_py: Run, small_npz: Path, tmp_path: Path) -> None:
    log, plot, data = tmp_path / "run.jsonl", tmp_path / "run.png", tmp_path / "data.npz"
    outcome = nerva_py(
        "train", "--load-dataset", small_npz, *SMALL, "--log", log, "--plot", plot, "--save-dataset", data
    )
    assert outcome.code == 0
    epochs = [json.loads(line) for line in log.read_text().splitlines()]
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    assert all(0 <= epoch["test_accuracy"] <= 1 and epoch["train_loss"] > 0 for epoch in epochs)
    assert plot.read_bytes().startswith(b"\x89PNG")
    with np.load(data) as saved, np.load(small_npz) as given:
        assert all(np.array_equal(saved[key], given[key]) for key in given.files)
    assert not list(tmp_path.glob(".*"))


def test_one_seed_one_result(nerva_py: Run, tmp_path: Path) -> None:
    weights = [tmp_path / f"{run}.npz" for run in "abc"]
    for path, seed in zip(weights, (7, 7, 8), strict=True):
        arguments = ("--generate-dataset=mini", "--epochs=1", "--dropouts=0.1;0.1;0", f"--seed={seed}")
        assert nerva_py("train", *arguments, "--save-weights", path).code == 0
    a, b, c = (dict(np.load(path)) for path in weights)
    assert all(np.array_equal(a[key], b[key]) for key in a)
    assert not np.array_equal(a["b1"], c["b1"])


def test_saved_weights_go_on_where_they_stopped(nerva_py: Run, small_npz: Path, tmp_path: Path) -> None:
    weights = tmp_path / "w.npz"
    first = nerva_py("train", "--load-dataset", small_npz, *SMALL, "--save-weights", weights)
    # The sizes of the layers are those of the file.
    again = nerva_py("train", "--load-dataset", small_npz, "--load-weights", weights, "--epochs=0")
    assert (first.code, again.code) == (0, 0)
    assert first.lines[-4:] == again.lines[-4:]
    assert first.lines[-1].startswith("all ")


def test_extras(nerva_py: Run, small_npz: Path) -> None:
    """--timer, --info and --gradient-step add their tables."""
    outcome = nerva_py(
        "train", "--load-dataset", small_npz, *SMALL, "--timer", "--info", "--gradient-step=1e-6",
        "--layers=SReLU;BatchNormalization;ReLU;Linear", "--layer-weights=He",
    )  # fmt: skip
    assert outcome.code == 0
    for phase in ("gather", "feedforward", "backpropagate", "optimize"):
        assert re.search(rf"^{phase} +\d+\.\d{{3}} +\d+%$", outcome.out, re.MULTILINE)
    errors = re.findall(r"^\w+\d +\d+ of \d+ +(\d\.\de[+-]\d\d)$", outcome.out, re.MULTILINE)
    assert len(errors) == 9
    assert max(map(float, errors)) < 1e-5
    assert re.search(r"^python +3\.", outcome.out, re.MULTILINE)
    assert re.search(r"^W1 +\d+ +-\d\.\d{4} ", outcome.out, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--densities=0.5;0.1;1", "--distribution=Uniform"),
        ("--optimizers=GradientDescent;Adam;Momentum(0.5)", "--weight-decay=1e-4"),
        ("--learning-rate-scheduler=MultiStepLR(0.1;1,2;0.1)", "--no-shuffle"),
        ("--learning-rate=Cosine(0.1;2)", "--loss=CrossEntropy", "--layers=ReLU;LeakyReLU(0.1);Softmax"),
        ("--precision=float64", "--computation=scipy"),
        ("--overall-density=1",),
        ("--batch-size=70",),
    ],
)
def test_options_are_understood(nerva_py: Run, small_npz: Path, arguments: tuple[str, ...]) -> None:
    network = ("--epochs=1", "--layer-sizes=4;8;6;3")
    outcome = nerva_py("train", "--load-dataset", small_npz, *network, *arguments)
    assert (outcome.code, outcome.err) == (0, "")


def test_augmented_images(nerva_py: Run) -> None:
    assert nerva_py("train", "--augment", "--epochs=1").code == 0
