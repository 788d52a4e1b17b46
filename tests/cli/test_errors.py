"""What the user got wrong is told in one line on stderr, with exit code 2, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from .conftest import SMALL, Run


def check(outcome: object, *fragments: str) -> None:
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.out + outcome.err
    for fragment in fragments:
        assert fragment in outcome.err


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["--nonsense"], "--nonsense"),
        (["--epochs=many"], "--epochs"),
        (["--epochs=-1"], "-1"),
        (["--seed=-1"], "-1"),
        (["--precision=float16"], "float32"),
        (["--timer=long"], "brief"),
        (["--epoch=3"], "No such option: --epoch; did you mean --epochs?"),
        (["--epochs=-1"], "--epochs must be at least 0, not -1"),
        (["--threads=0"], "--threads must be"),
        (["--computation=cuda"], "unknown --computation 'cuda'"),
        (["--layers=ReLU;Relu;Lineer"], "unknown --layers 'Lineer'; did you mean 'Linear'?"),
        (["--layers=ReLU("], "ReLU("),
        (["--layers=ReLU;Linear"], "2 linear layers"),
        (["--layer-sizes=4;8;a;3"], "4;8;a;3"),
        (["--layer-sizes=4;0;8;3"], "[4, 0, 8, 3]"),
        (["--layer-sizes=5;8;8;3"], "4;...;3"),
        (["--layer-sizes=3"], "--layer-sizes must be at least two"),
        (["--overall-density=1.5"], "--overall-density must be a number from 0 to 1, not 1.5"),
        (["--overall-density=nan"], "--overall-density must be a number from 0 to 1, not nan"),
        (["--densities=0.5;0.5;0.5"], "only one of"),
        (["--dropouts=0.5;0.5;1"], "--dropouts must be at least 0 and less than 1, not 1.0"),
        (["--dropouts=0.5;0.5"], "--dropouts must be one, or 3"),
        (["--clip=-1"], "--clip must be"),
        (["--edgeitems=0"], "--edgeitems must be at least 1"),
        (["--dataset-size=10"], "--dataset-size belongs to a data set that is drawn"),
        (["--distribution=Flat"], "ErdosRenyi, Uniform"),
        (["--layer-weights=Glorot"], "unknown --layer-weights 'Glorot'"),
        (["--layer-weights=He;He"], "--layer-weights must be one, or 3"),
        (["--optimizers=Nestrov(0.9)"], "unknown --optimizers 'Nestrov'; did you mean 'Nesterov'?"),
        (["--optimizers=Nesterov(2)"], "mu"),
        (["--optimizers=Adam;Adam"], "--optimizers must be one, or 3, one a linear layer; got 2"),
        (["--optimizers="], "--optimizers"),
        (["--weight-decay=-1"], "--weight-decay"),
        (["--loss=Hinge"], "SoftmaxCrossEntropy"),
        (["--loss=CrossEntropy"], "Softmax or Sigmoid"),
        (["--learning-rate=fast"], "MultiStepLR"),
        (["--learning-rate=-1"], "--learning-rate must be a finite number of at least 0, not -1"),
        (["--learning-rate=nan"], "nan"),
        (["--learning-rate=1e30"], "diverged"),
        (["--gradient-step=0"], "--gradient-step must be a positive finite number, not 0.0"),
        (["--batch-size=71"], "--batch-size must be from 1 to the number of training samples, 70, not 71"),
        (["--batch-size=0"], "--batch-size"),
        (["--augment"], "--augment needs images"),
        (["--cifar10=."], "only one of --cifar10 and --load-dataset"),
        (["--data-dir=."], "--data-dir"),
        (["--load-weights=missing.npz"], "--load-weights missing.npz: no such file"),
        (["--learning-rate-scheduler=Cosine(-1;9)"], "--learning-rate-scheduler 'Cosine(-1;9)'"),
        (["--learning-rate-scheduler=Cosin(1;9)"], "unknown --learning-rate-scheduler 'Cosin'; did you mean 'Cosine'?"),
        (["--plot=x.png", "--no-statistics"], "--no-statistics"),
        (["--plot=x.nonsense"], "png"),
    ],
)
def test_wrong_arguments(nerva_py: Run, small_npz: Path, arguments: list[str], fragment: str) -> None:
    check(nerva_py("train", "--load-dataset", small_npz, *SMALL, *arguments), fragment)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["--dataset=mnits"], "did you mean 'mnist'?"),
        (["--dataset=mnist", "--data-dir=/does/not/exist"], "/does/not/exist: no such directory"),
        (["--dataset=digits", "--data-dir=."], "digits"),
        (["--generate-dataset=digits"], "checkerboard, mini"),
        (["--cifar10=/does/not/exist"], "--cifar10 /does/not/exist: no such"),
        (["--mnist=/does/not/exist"], "--mnist /does/not/exist: no such"),
        (["--load-dataset=missing.npz"], "--load-dataset missing.npz: no such file"),
        (["--dataset=missing.npz"], "--dataset missing.npz: no such file"),
        (["--preprocessed=/does/not/exist"], "--preprocessed /does/not/exist: has no epoch0.npz"),
        (["--data-dir=/does/not/exist"], "--data-dir /does/not/exist: no such directory"),
        (["--dataset-size=100"], "--dataset-size belongs to a data set that is drawn"),
    ],
)
def test_data_that_is_not_there(nerva_py: Run, arguments: list[str], fragment: str) -> None:
    check(nerva_py("train", *arguments), fragment)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["--layers=ReLU;Lineer"], "--layers"),
        (["--layer-sizes=4"], "--layer-sizes"),
        (["--layer-weights=Glorot"], "--layer-weights"),
        (["--densities=2"], "densities"),
        (["--overall-density=2"], "--overall-density"),
        (["--dropouts=2"], "dropout"),
        (["--optimizers=Nestrov"], "--optimizers"),
        (["--loss=Hinge"], "--loss"),
        (["--learning-rate=fast"], "--learning-rate"),
        (["--computation=cuda"], "--computation"),
        (["--distribution=Flat"], "--distribution"),
        (["--epochs=-1"], "--epochs"),
        (["--method=RigL(2)"], "--method"),
    ],
)
def test_options_are_looked_at_before_data_are_read(nerva_py: Run, arguments: list[str], fragment: str) -> None:
    outcome = nerva_py("train", "--load-dataset=/does/not/exist.npz", *arguments)
    check(outcome, fragment)
    assert "exist.npz" not in outcome.err


def test_unknown_command(nerva_py: Run) -> None:
    check(nerva_py("trian"), "trian", "nerva-py --help")


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"Xtrain": np.full((70, 4), np.nan, np.float32)}, "nan"),
        ({"Xtrain": np.zeros((0, 4), np.float32), "Ttrain": np.zeros(0, int)}, "at least one sample"),
        ({"Xtrain": np.zeros((70, 5), np.float32)}, "Xtest"),
        ({"Ttrain": np.arange(69) % 3}, "69 targets"),
        ({"Ttest": np.full(20, 3)}, "label 3"),
        ({"Ttest": np.full(20, -1)}, "label -1"),
        ({"Xtrain": np.zeros((70, 4), complex)}, "complex"),
        ({"Xtrain": np.array([None] * 70)}, "small.npz"),
    ],
)
def test_data_that_cannot_be_used(nerva_py: Run, small_npz: Path, change: dict[str, np.ndarray], fragment: str) -> None:
    with np.load(small_npz) as data:
        arrays = {**data, **change}
    np.savez(small_npz, **arrays)
    check(nerva_py("train", "--load-dataset", small_npz), "small.npz", fragment)


def test_truncated_and_corrupt_data(nerva_py: Run, small_npz: Path) -> None:
    contents = small_npz.read_bytes()
    for broken in (contents[:-100], contents[:400] + bytes(40) + contents[440:], b"", b"nonsense" * 30):
        small_npz.write_bytes(broken)
        check(nerva_py("train", "--load-dataset", small_npz), "small.npz")


@pytest.mark.parametrize("option", ["--log", "--plot", "--save-weights", "--save-dataset"])
def test_unwritable_files_are_found_before_training(
    nerva_py: Run, small_npz: Path, tmp_path: Path, option: str
) -> None:
    for path in (tmp_path, tmp_path / "missing" / "file.png"):
        outcome = nerva_py("train", "--load-dataset", small_npz, *SMALL, option, path)
        check(outcome, option)
        assert outcome.out == ""
    if option != "--log":
        check(nerva_py("train", "--load-dataset", small_npz, *SMALL, option, "/dev/null"), "regular file")


def test_two_outputs_in_one_file(nerva_py: Run, small_npz: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    check(nerva_py("train", "--load-dataset", small_npz, "--save-weights", path, "--save-dataset", path), "same file")


def test_failure_leaves_old_files_alone(nerva_py: Run, small_npz: Path, tmp_path: Path) -> None:
    outputs = {
        option: tmp_path / name for option, name in (("--log", "l"), ("--plot", "p.png"), ("--save-weights", "w"))
    }
    for path in outputs.values():
        path.write_text("precious\n")
    before = sorted(tmp_path.iterdir())
    given = [text for pair in outputs.items() for text in map(str, pair)]
    check(nerva_py("train", "--load-dataset", small_npz, *SMALL, "--learning-rate=1e30", *given), "diverged")
    assert all(path.read_text() == "precious\n" for path in outputs.values())
    assert sorted(tmp_path.iterdir()) == before


def test_full_disk(nerva_py: Run, small_npz: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    check(nerva_py("train", "--load-dataset", small_npz, *SMALL, "--log=/dev/full"), "/dev/full: cannot be written")


def test_debug_shows_the_traceback(nerva_py: Run) -> None:
    outcome = nerva_py("train", "--loss=Hinge", "--debug")
    assert outcome.code == 2
    assert "Traceback" in outcome.err
    assert "\nerror: unknown --loss" in outcome.err
