"""`--save`, `--resume`, `nerva-py info`, `predict`, `evaluate`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.checkpoints import container

from .conftest import SMALL, Run

METHOD = ("--method=SET(0.3)", "--dropouts=0.2;0;0", "--optimizers=Adam")


@pytest.fixture
def saved(nerva_py: Run, small_npz: Path, tmp_path: Path) -> Path:
    path = tmp_path / "run.npz"
    outcome = nerva_py("train", "--load-dataset", small_npz, *SMALL, *METHOD, "--save", path)
    assert (outcome.code, outcome.err) == (0, "")
    return path


def test_a_run_goes_on_as_if_it_had_not_stopped(
    nerva_py: Run, small_npz: Path, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is resumed, with nothing but the file: the options are in it."""
    whole, log = tmp_path / "whole.npz", tmp_path / "log.jsonl"
    # The default learning rate depends on the number of epochs; that of the run is kept.
    options = ("--load-dataset", small_npz, *SMALL[1:], *METHOD, "--learning-rate=0.01", "--epochs=5")
    assert nerva_py("train", *options, "--save", whole).code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    outcome = nerva_py("train", "--resume", saved, "--epochs=5", "--log", log)
    assert (outcome.code, outcome.err) == (0, "")
    assert f"going on after epoch 2 of {saved}" in outcome.out
    assert [json.loads(line)["epoch"] for line in log.read_text().splitlines()] == [3, 4, 5]
    ours, theirs = container.read(saved), container.read(whole)
    for key in ("network", "data"):
        np.testing.assert_equal(ours[key], theirs[key])
    for one, other in zip(ours["training"]["history"], theirs["training"]["history"], strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["elsewhere", "log.jsonl", "run.npz", "small.npz", "whole.npz"]


def test_another_file_to_write(nerva_py: Run, saved: Path, tmp_path: Path) -> None:
    before = saved.read_bytes()
    other = tmp_path / "other.npz"
    assert nerva_py("train", "--resume", saved, "--epochs=3", "--save", other, "--checkpoint-every=2 steps").code == 0
    assert saved.read_bytes() == before
    assert len(nv.training.read_checkpoint(other).history) == 3


def test_files_that_a_checkpoint_names_are_not_written(nerva_py: Run, saved: Path, tmp_path: Path) -> None:
    """Somebody else's file must not choose which of mine are overwritten."""
    tree = container.read(saved)
    for name in ("log", "save_weights", "plot", "save", "threads"):
        tree["notes"]["options"] = {name: str(tmp_path / "victim")}
        container.write(saved, tree)
        outcome = nerva_py("train", "--resume", saved, "--epochs=3")
        assert outcome.code == 2
        assert "malformed: options" in outcome.err
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize(
    "options", [{"epochs": "many"}, {"dataset": 5}, {"precision": "float16"}, {"augment": "yes"}, ["x"]]
)
def test_options_of_the_wrong_kind(nerva_py: Run, saved: Path, options: object) -> None:
    tree = container.read(saved)
    tree["notes"]["options"] = options
    container.write(saved, tree)
    outcome = nerva_py("train", "--resume", saved)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: {saved}: malformed: option")


def test_no_epochs_save_the_network(nerva_py: Run, small_npz: Path, tmp_path: Path) -> None:
    path = tmp_path / "initial.npz"
    assert nerva_py("train", "--load-dataset", small_npz, *SMALL, "--epochs=0", "--save", path).code == 0
    assert nv.load(path).sizes == [4, 8, 6, 3]
    outcome = nerva_py("train", "--resume", path)
    assert outcome.code == 2
    assert "holds a network, but no run to go on with" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["--batch-size=20"], "run.npz cannot be resumed: --batch-size is 20, but its run has 16"),
        (["--seed=2"], "seed is 2, but its run has 1"),
        (["--method=RigL(0.3)"], "the method is RigL; its run has SET"),
        (["--optimizers=Momentum(0.9)"], "the optimizer is Momentum"),
        (["--dataset=mini"], "only one of --dataset and --load-dataset"),
        (["--load-weights=x.npz"], "only one of them can be given"),
        (["--checkpoint-every=often"], "--checkpoint-every must be such as"),
        (["--checkpoint-every=0"], "--checkpoint-every must be such as"),
    ],
)
def test_what_cannot_be_resumed(nerva_py: Run, saved: Path, arguments: list[str], fragment: str) -> None:
    before = saved.read_bytes()
    outcome = nerva_py("train", "--resume", saved, "--epochs=3", *arguments)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert fragment in outcome.err
    assert "load(" not in outcome.err
    assert "going on" not in outcome.out  # a refused run says so first
    assert "nonzeros" not in outcome.out
    assert saved.read_bytes() == before


def test_options_that_lack_another(nerva_py: Run, tmp_path: Path) -> None:
    outcome = nerva_py("train", "--checkpoint-every=5")
    assert "--checkpoint-every belongs to --save FILE, which is missing" in outcome.err
    outcome = nerva_py("train", "--resume", tmp_path / "x.npz")
    assert outcome.err == f"error: {tmp_path / 'x.npz'}: no such file\n"


# ---------------------------------------------------------------------------------------------------------------- info


def test_info(nerva_py: Run, saved: Path) -> None:
    outcome = nerva_py("info", saved)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.lines[0].startswith(f"{saved}: ")
    for fragment in (
        "4 → 8", "small: 70 training samples of 4 features, 3 classes", "2 of 2 epochs; 10 steps in all", "Adam",
        "SoftmaxCrossEntropy", "DynamicTopology", "--method=SET(0.3)", "test accuracy",
    ):  # fmt: skip
        assert fragment in outcome.out, fragment
    assert all(line == line.rstrip() for line in outcome.lines)


def test_info_of_a_network_alone(nerva_py: Run, tmp_path: Path) -> None:
    nv.save(nv.mlp("ReLU;Linear", [8, 5, 3]), tmp_path / "n.npz")
    outcome = nerva_py("info", tmp_path / "n.npz")
    assert "none: the network alone" in outcome.out
    assert "not recorded" in outcome.out


@pytest.mark.parametrize("command", ["info", "evaluate"])
def test_another_file(nerva_py: Run, small_npz: Path, command: str) -> None:
    outcome = nerva_py(command, small_npz)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: {small_npz}: not a checkpoint of nerva_py")


# --------------------------------------------------------------------------------------------------- predict, evaluate


def test_predict(nerva_py: Run, saved: Path, small_npz: Path, tmp_path: Path) -> None:
    with np.load(small_npz) as file:
        X, T = file["Xtest"], file["Ttest"]
    expected = nv.training.read_checkpoint(saved).predict(X)
    accuracy = nv.training.read_checkpoint(saved).history[-1].test_accuracy
    np.save(tmp_path / "X.npy", X)
    np.savetxt(tmp_path / "X.csv", X, delimiter=",")
    for data in (small_npz, tmp_path / "X.npy", tmp_path / "X.csv"):
        outcome = nerva_py("predict", saved, data)
        assert (outcome.code, outcome.err) == (0, "")
        classes = [int(line) for line in outcome.lines]
        assert classes == expected.argmax(axis=1).tolist()
        assert np.mean(np.array(classes) == T) == accuracy
    assert nerva_py("predict", saved, small_npz, "--outputs", "--output", tmp_path / "Y.npy").out == ""
    np.testing.assert_array_equal(np.load(tmp_path / "Y.npy"), expected)
    nerva_py("predict", saved, small_npz, "--outputs", "--output", tmp_path / "Y.csv")
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "Y.csv", delimiter=",", dtype=np.float32), expected)


def test_predict_targets_of_a_regression(nerva_py: Run, regression_npz: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    nerva_py(
        "train", "--load-dataset", regression_npz, "--layer-sizes=2;9;2", "--epochs=2", "--batch-size=8", "--save", path
    )
    outcome = nerva_py("predict", path, regression_npz)
    assert (outcome.code, len(outcome.lines), outcome.lines[0].count(",")) == (0, 20, 1)
    assert "test" in nerva_py("evaluate", path).out


@pytest.mark.parametrize(
    ("contents", "fragment"),
    [
        (np.zeros((3, 5)), "a network of 4 inputs and 3 outputs, does not fit"),
        (np.full((3, 4), np.nan), "finite values are allowed"),
        (np.array([["a"] * 4]), "a matrix of real numbers is allowed"),
        (None, "no such file"),
    ],
)
def test_samples_that_do_not_fit(nerva_py: Run, saved: Path, tmp_path: Path, contents: object, fragment: str) -> None:
    path = tmp_path / "X.npy"
    if contents is not None:
        np.save(path, contents)
    outcome = nerva_py("predict", saved, path)
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert fragment in outcome.err


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["photos.png"], "a data set (digits"),
        (["digits"], "does not fit digits"),
        (["digits", "--output=x.xlsx"], ".csv, .npy, .txt are allowed"),
        (["digits", f"--output={os.sep}no{os.sep}x.csv"], "there is no directory"),
    ],
)
def test_what_cannot_be_predicted(nerva_py: Run, saved: Path, arguments: list[str], fragment: str) -> None:
    outcome = nerva_py("predict", saved, *arguments)
    assert outcome.code == 2
    assert fragment in outcome.err


def test_evaluate(nerva_py: Run, saved: Path, small_npz: Path) -> None:
    last = nv.training.read_checkpoint(saved).history[-1]
    for arguments in ((), (small_npz,)):
        outcome = nerva_py("evaluate", saved, *arguments)
        assert (outcome.code, outcome.err) == (0, "")
        rows = {line.split()[0]: line.split()[1:] for line in outcome.lines if line[:5] in ("train", "test ")}
        assert rows["train"] == ["70", f"{last.train_loss:.8f}", f"{last.train_accuracy:.8f}"]
        assert rows["test"] == ["20", f"{last.test_loss:.8f}", f"{last.test_accuracy:.8f}"]
        assert "mistaken for" in outcome.out
    outcome = nerva_py("evaluate", saved, "mini")
    assert outcome.code == 2
    assert "a network of 4 inputs and 3 outputs, does not fit mini: 1,000 training" in outcome.err
    outcome = nerva_py("evaluate", saved, "minist")
    assert "unknown data set 'minist'; did you mean 'mnist'?" in outcome.err


def test_evaluate_a_network_of_a_python_program(nerva_py: Run, tmp_path: Path) -> None:
    data, network = nv.load_dataset("digits"), nv.mlp("ReLU;Linear", [64, 20, 10], seed=1)
    nv.save(network, tmp_path / "n.npz", data=data)
    assert "360" in nerva_py("evaluate", tmp_path / "n.npz").out
    nv.save(network, tmp_path / "n.npz")
    assert "does not tell where its data are" in nerva_py("evaluate", tmp_path / "n.npz").err
    assert "360" in nerva_py("evaluate", tmp_path / "n.npz", "digits").out
