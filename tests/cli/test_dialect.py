"""Command lines as Nerva's users have them: whole lines of its documentation, and each option for itself."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from nerva_py.cli.dialect import translated
from nerva_py.errors import NervaError

from .conftest import SMALL, Run
from .test_errors import check
from .test_train import write_cifar10

COMMON = '--layers="ReLU;ReLU;Linear" --layer-sizes="3072;32;16;10" --layer-weights=Xavier --loss=SoftmaxCrossEntropy '
# As in Nerva's documentation and examples; with smaller layers, fewer epochs and threads.
LINES = [
    COMMON.replace(";32;16;", ",32,16,")
    + '--optimizers="Nesterov(0.9)" --learning-rate="Constant(0.01)" --epochs=2 --batch-size=100 --threads=2 '
    "--overall-density=0.05 --cifar10=data/cifar-10-batches-bin --seed=123",
    COMMON + '--optimizers="Nesterov(0.9)" --learning-rate=0.01 --epochs=2 --batch-size=100 --cifar10=data --seed=123',
    COMMON + '--optimizers="Nesterov(0.9)" --learning-rate=0.01 --epochs=1 --overall-density=0.05 --cifar10=data --debug',
    COMMON.replace('"ReLU;', '"BatchNormalization;ReLU;')
    + '--optimizers="Nesterov(0.9)" --learning-rate=0.01 --epochs=2 --overall-density=0.05 --cifar10=data --timer=brief',
    COMMON + '--optimizers="Nesterov(0.9)" --learning-rate=0.01 --epochs=2 --overall-density=0.05 '
    '--prune="Magnitude(0.2)" --grow=Random --cifar10=data --seed=123',
    COMMON.replace("3072", "784")
    + '--optimizers="Momentum(0.9);Momentum(0.9);Momentum(0.9)" --learning-rate=0.01 --epochs=2 --batch-size=20 '
    "--overall-density=0.05 --mnist=data --seed=123",
    COMMON.replace("Xavier", "XavierNormalized") + '--optimizers="Nesterov(0.9)" --learning-rate="Constant(0.01)" '
    "--epochs=2 --cifar10=data/cifar-10-batches-bin --overall-density=0.05 --verbose --no-shuffle --seed=12345",
    '--layers="ReLU;ReLU;Softmax" --layer-sizes="3072;16;16;10" --layer-weights="Xavier" --densities="1" '
    '--optimizers="GradientDescent" --loss=SquaredError --learning-rate=0.01 --epochs=2 --cifar10=data -v --no-shuffle',
    COMMON.replace("3072", "784").replace("Xavier", '"XavierNormal;XavierNormal;XavierNormal"')
    + '--optimizers="Momentum(0.9);Momentum(0.9);Momentum(0.9)" --batch-size=20 --epochs=2 '
    '--learning-rate="Constant(0.01)" --load-dataset=data/mnist-flattened.npz',
    COMMON + '--optimizers="Momentum(momentum=0.9)" --learning-rate-scheduler="MultiStepLR(lr=0.1;milestones=1|2;gamma=0.1)" '
    "--learning-rate=0.5 --epochs=2 --computation=eigen --dropouts=0.3 --datadir=data/cifar-10-batches-bin --augmented --timer",
]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for Nerva's files in ./data."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    (folder / "cifar-10-batches-bin").mkdir(parents=True)
    write_cifar10(folder / "cifar-10-batches-bin", 24)
    images, labels = rng.integers(0, 256, (60, 28, 28)), rng.integers(0, 10, 60)
    np.savez(folder / "mnist.npz", x_train=images[:40], y_train=labels[:40], x_test=images[40:], y_test=labels[40:])
    X, T = images.reshape(60, -1) / 255, np.eye(10)[labels]
    np.savez(folder / "mnist-flattened.npz", Xtrain=X[:40], Ttrain=T[:40], Xtest=X[40:], Ttest=T[40:])
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("line", LINES)
def test_a_pasted_line_runs(nerva_py: Run, line: str) -> None:
    outcome = nerva_py("train", *shlex.split(line))
    assert (outcome.code, outcome.err) == (0, "")
    epochs = int(re.findall(r"--epochs=(\d)", line)[0])
    assert sum(bool(re.match(r"epoch +\d lr: ", one)) for one in outcome.lines) == epochs
    dense = "density" not in line or "--densities" in line
    assert re.search(r"^   total +(1|0\.05\d*) ", outcome.out, re.MULTILINE)[1].startswith("1" if dense else "0.05")  # type: ignore[index]
    assert "10 classes" in outcome.lines[0] or "means nothing here" in outcome.lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--augmented"], ["--augment"]),
        (["--datadir=x"], ["--data-dir=x"]),
        (["--datadir", "x"], ["--data-dir", "x"]),
        (["--dataset", "chessboard"], ["--dataset=checkerboard"]),
        (["--generate-dataset=Chessboard"], ["--generate-dataset=checkerboard"]),
        (["--precision=8"], ["--decimals=8"]),
        (["--precision", "float64"], ["--precision=float64"]),
        (["--timer"], ["--timer=brief"]),
        (["--timer", "--info"], ["--timer=brief", "--info"]),
        (["--timer", "full"], ["--timer=full"]),
        (["--timer=disabled"], ["--timer=disabled"]),
        (["--computation=mkl"], ["--computation=mkl"]),
        (["--computation=eigen", "-v"], ["-v"]),
        (["--computation", "BLAS"], []),
    ],
)
def test_words(arguments: list[str], words: list[str]) -> None:
    translation, notes = translated(arguments)
    assert translation == words
    assert all("means nothing here" in note for note in notes)
    assert bool(notes) == any(one.lower().endswith(("eigen", "blas")) for one in arguments)


@pytest.mark.parametrize(
    ("arguments", "today"),
    [
        (["--sizes=3;4"], "--layer-sizes"),
        (["--sizes", "3;4"], "--layer-sizes"),
        (["--hidden=3;4"], "--layer-sizes"),
        (["--init-weights=He"], "--layer-weights"),
        (["--weights=He"], "--layer-weights"),
        (["--size=10"], "--dataset-size"),
        (["--optimizer=Adam"], "--optimizers"),
        (["--architecture=RRL"], "--layers"),
        (["--algorithm=sgd"], "leave it out"),
        (["--layers=ReLU(dropout=0.3);Linear"], "--dropouts"),
        (["--layers", "ReLU( dropout = 0.3 );Linear"], "--dropouts"),
    ],
)
def test_options_of_older_versions(nerva_py: Run, arguments: list[str], today: str) -> None:
    with pytest.raises(NervaError, match=re.escape(arguments[0].partition("=")[0])):
        translated(arguments)
    check(nerva_py("train", *arguments), "older versions of Nerva", today)


def test_the_default_density_belongs_to_the_default_network(nerva_py: Run, small_npz: Path) -> None:
    for given, density in (([], "0.2"), (["--layer-sizes=4;8;6;3"], "1"), (["--layers=ReLU;Linear"], "1")):
        outcome = nerva_py("train", "--load-dataset", small_npz, "--epochs=0", *given)
        assert re.findall(r"^   total +(\S+) ", outcome.out, re.MULTILINE)[0].startswith(density)


def test_one_value_for_all_layers(nerva_py: Run, small_npz: Path) -> None:
    outcome = nerva_py(
        "train",
        "--load-dataset",
        small_npz,
        "--layer-sizes=4;8;6;3",
        "--epochs=1",
        "--densities=0.5",
        "--dropouts=0.25",
    )
    assert len(re.findall(r"^\d .*, p=0\.25 .* CSR +0\.5 ", outcome.out, re.MULTILINE)) == 3


def test_an_optimizer_for_each_layer_with_parameters(nerva_py: Run, small_npz: Path, tmp_path: Path) -> None:
    """Without momentum of its own, batch normalization keeps no state in the file."""
    arguments = ("--layers=BatchNormalization;ReLU;BatchNormalization;Linear", "--layer-sizes=4;8;3", "--epochs=1")
    path = tmp_path / "run.npz"
    outcome = nerva_py(
        "train", "--load-dataset", small_npz, *arguments, "--save", path,
        "--optimizers=GradientDescent;Momentum(momentum=0.5);Adam;Nesterov(0.8)",
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    described = nerva_py("info", path).out
    assert "GradientDescent, Momentum, Adam, Nesterov" in described
    outcome = nerva_py("train", "--load-dataset", small_npz, *arguments, "--optimizers=Adam;Adam;Adam")
    check(outcome, "one, or 2, one a linear layer, or 4, one a layer that has parameters; got 3")


def test_the_schedule_counts(nerva_py: Run, small_npz: Path) -> None:
    outcome = nerva_py(
        "train", "--load-dataset", small_npz, *SMALL, "--learning-rate=0.5",
        "--learning-rate-scheduler=MultiStepLR(0.1;milestones=1|2;gamma=0.1)",
    )  # fmt: skip
    assert re.findall(r"lr: (\S+)", outcome.out) == ["0.10000000", "0.01000000"]


def test_timer(nerva_py: Run, small_npz: Path) -> None:
    phases = r"feedforward: \S+s  backpropagate: \S+s  optimize: \S+s$"
    for value, epochs, steps in (("=disabled", 0, 0), ("", 2, 0), ("=brief", 2, 0), ("=full", 2, 10)):
        outcome = nerva_py("train", "--load-dataset", small_npz, *SMALL, f"--timer{value}")
        assert len(re.findall(r"^epoch +\d  " + phases, outcome.out, re.MULTILINE)) == epochs
        assert len(re.findall(r"^epoch +\d batch +\d  " + phases, outcome.out, re.MULTILINE)) == steps
        assert ("share" in outcome.out) == bool(epochs)


def test_data_dir_alone(nerva_py: Run, data: Path) -> None:
    network = ("--layer-sizes=784;8;10", "--layers=ReLU;Linear", "--epochs=0")
    check(nerva_py("train", "--datadir", data, *network), "files of mnist and cifar10", "--dataset NAME")
    assert nerva_py("train", "--datadir", data, "--dataset=mnist", *network).lines[0].startswith("mnist: 40 training")
    check(nerva_py("train", "--datadir", data.parent, *network), "has no files of", "mnist", "cifar10")
    check(nerva_py("train", "--datadir", data, f"--mnist={data}"), "--data-dir belongs to --dataset")


def test_drawn_data(nerva_py: Run) -> None:
    outcome = nerva_py("train", "--dataset=chessboard", "--dataset-size=1000", "--epochs=0")
    assert outcome.lines[0].startswith("checkerboard: 1,000 training and 200 test samples")
    check(nerva_py("train", "--generate-dataset=mini", "--dataset-size=3"), "--dataset-size must be at least 5, not 3")


def test_an_npz_file_as_dataset(nerva_py: Run, small_npz: Path) -> None:
    assert nerva_py("train", f"--dataset={small_npz}", *SMALL).lines[0].startswith("small: 70 training")


def losses(text: str) -> list[str]:
    return re.findall(r"^epoch .* loss: (\S+)", text, re.MULTILINE)


def test_normalize(nerva_py: Run, small_npz: Path, tmp_path: Path) -> None:
    with np.load(small_npz) as file:
        arrays = dict(file)
    mean, deviation = arrays["Xtrain"].mean(axis=0, dtype=float), arrays["Xtrain"].std(axis=0, dtype=float)
    scaled = {key: (arrays[key] - mean) / deviation for key in ("Xtrain", "Xtest")}
    np.savez(tmp_path / "scaled.npz", **arrays | scaled)
    normalized = losses(nerva_py("train", "--load-dataset", small_npz, *SMALL, "--normalize").out)
    plain = losses(nerva_py("train", "--load-dataset", small_npz, *SMALL).out)
    expected = losses(nerva_py("train", "--load-dataset", tmp_path / "scaled.npz", *SMALL).out)
    assert normalized != plain
    assert np.array(normalized, float) == pytest.approx(np.array(expected, float), rel=1e-4)


def test_a_data_set_for_each_epoch(nerva_py: Run, small_npz: Path, tmp_path: Path) -> None:
    """With a learning rate of 0 the loss of each epoch is that of the network on the epoch's own data."""
    with np.load(small_npz) as file:
        arrays = dict(file)
    for epoch in range(3):
        np.savez(tmp_path / f"epoch{epoch}.npz", **arrays | {"Xtrain": arrays["Xtrain"] * np.float32(1 + epoch)})
    still = (*SMALL, "--epochs=3", "--learning-rate=0", "--seed=3")
    outcome = nerva_py("train", "--preprocessed", tmp_path, *still, "--save", tmp_path / "run.npz")
    assert (outcome.code, outcome.err) == (0, "")
    each = [
        losses(nerva_py("train", "--load-dataset", tmp_path / f"epoch{epoch}.npz", *still).out)[0] for epoch in range(3)
    ]
    assert losses(outcome.out) == each
    assert len(set(each)) == 3
    check(nerva_py("train", "--preprocessed", tmp_path, *still, "--epochs=4"), "has no epoch3.npz; 4 epochs")
    np.savez(tmp_path / "epoch3.npz", **arrays)
    again = nerva_py("train", "--resume", tmp_path / "run.npz", "--epochs=4")
    assert (again.code, again.err) == (0, "")
    assert losses(again.out) == losses(nerva_py("train", "--load-dataset", small_npz, *still).out)[:1]
    np.savez(tmp_path / "epoch1.npz", **arrays | {"Xtrain": arrays["Xtrain"][:60], "Ttrain": arrays["Ttrain"][:60]})
    check(nerva_py("train", "--preprocessed", tmp_path, *still), "--preprocessed: epoch 2")


def test_clip(nerva_py: Run, small_npz: Path, tmp_path: Path) -> None:
    still = (*SMALL, "--learning-rate=0", "--layer-weights=Uniform(-1, 1)", "--load-dataset", small_npz)
    clipped = {}
    for epochs in (1, 2):
        path = tmp_path / f"{epochs}.npz"
        outcome = nerva_py("train", *still, f"--epochs={epochs}", "--clip=0.3", "--save-weights", path)
        assert (outcome.code, outcome.err) == (0, "")
        with np.load(path) as file:
            clipped[epochs] = {key: file[key] for key in file.files if file[key].dtype.kind == "f"}
    for key, before in clipped[1].items():
        np.testing.assert_array_equal(clipped[2][key], np.where(np.abs(before) < 0.3, 0, before))
    assert any((clipped[1][key] != clipped[2][key]).any() for key in clipped[1])


def test_debug_shows_the_matrices_of_each_step(nerva_py: Run, small_npz: Path) -> None:
    outcome = nerva_py(
        "train", "--load-dataset", small_npz, *SMALL, "--epochs=1", "--debug", "--precision=3", "--edgeitems=2"
    )
    assert outcome.code == 0
    for name, shape in (
        ("X1", "16×4"),
        ("W1", "8×4, .* stored"),
        ("DW1", "8×4, .* stored"),
        ("b2", "1×6"),
        ("W3", "3×6"),
    ):
        assert len(re.findall(rf"^{name} {shape}", outcome.out, re.MULTILINE)) >= 4
    assert re.search(r"^\[\[ *-?\d\.\d{3} +-?\d\.\d{3} +\.\.\. ", outcome.out, re.MULTILINE)
    assert outcome.out.count("from the last layer") == 5


def test_info_shows_the_network_before_and_after(nerva_py: Run, small_npz: Path) -> None:
    outcome = nerva_py("train", "--load-dataset", small_npz, *SMALL, "--info", "--precision=2")
    assert len(re.findall(r"^W1 8×4, \d+ stored$", outcome.out, re.MULTILINE)) == 2
    before, after = outcome.out.split("epoch   1")
    assert re.search(r"^W2 +\d+ ", before, re.MULTILINE)
    assert re.search(r"^W2 +\d+ ", after, re.MULTILINE)


def test_verbose(nerva_py: Run, small_npz: Path) -> None:
    quiet = nerva_py("train", "--load-dataset", small_npz, *SMALL, "--epochs=0")
    for option in ("--verbose", "-v"):
        outcome = nerva_py("train", "--load-dataset", small_npz, *SMALL, "--epochs=0", option)
        assert len(outcome.lines) > len(quiet.lines)
        assert re.search(r"^--batch-size +16$", outcome.out, re.MULTILINE)
        assert re.search(r"^--layers +ReLU;ReLU;Linear$", outcome.out, re.MULTILINE)


def test_one_hot_targets_are_classes(nerva_py: Run, small_npz: Path, tmp_path: Path) -> None:
    with np.load(small_npz) as file:
        arrays = dict(file)
    expected = nerva_py("train", "--load-dataset", small_npz, *SMALL).lines[-1]
    for dtype in (np.int64, np.float32, bool):
        rows = {key: np.eye(3)[arrays[key]].astype(dtype) for key in ("Ttrain", "Ttest")}
        np.savez(tmp_path / "small.npz", **arrays | rows)
        outcome = nerva_py("train", "--load-dataset", tmp_path / "small.npz", *SMALL)
        assert "3 classes" in outcome.lines[0]
        assert outcome.lines[-1] == expected
