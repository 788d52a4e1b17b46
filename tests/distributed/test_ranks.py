"""Real ranks, started by mpiexec: the same results for 1, 2 and 4 of them, and one clear message when one of them fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.cli import main
from tests.distributed.launcher import command_line, train
from tests.optional import needs

# What is trained, and by how many ranks besides one.
SAME_BITS = {
    "SET": ((2, 4), ("--method", "SET(0.3)")),
    "RigL, sparse samples": ((4,), ("--sparse", "--method", "RigL(0.3, every=3)")),
    "RigL, augmented images, uneven batches": (
        (2,), ("--images", "--batch-size", "17", "--samples", "90", "--method", "RigL(0.3, every=3)"),
    ),
    "RigL of three batches, bytes, the last batch so small that its shards are numbers": (
        (2, 4), ("--bytes", "--batch-size", "40", "--samples", "150", "--method", "RigL(0.3, every=4, batches=3)"),
    ),
    "RigL of three batches, sparse samples, dropout": (
        (4,),
        ("--sparse", "--method", "RigL(0.3, every=4, batches=3)", "--layers", "ReLU;Dropout(0.2);ReLU;Linear"),
    ),
    "GSE, all that gradients can be asked, dropout on weights": (
        (2, 4), ("--look", "--method", "GSE(0.3, every=3)", "--dropouts", "[0.2, 0.2, 0.0]"),
    ),
    "fewer samples than shards, all that gradients can be asked": (
        (4,), ("--look", "--batch-size", "3", "--samples", "12"),
    ),
    "dropped by the gradient after pruning, dropout on weights": (
        (4,),
        ("--drop", "Taylor(0.3)", "--final-density", "0.1", "--dropouts", "[0.2, 0.2, 0.0]", "--batch-size", "37"),
    ),
    "dropout, weights of samples, running loss, fewer samples than shards in the last batch": (
        (4,),
        (
            "--layers", "ReLU;Dropout(0.2);ReLU;Linear", "--dropouts", "[0.2, 0.2, 0.0]", "--weighted", "--running",
            "--batch-size", "37", "--samples", "152",
        ),
    ),
}  # fmt: skip


def results(folder: Path, ranks: int, *options: str) -> dict[str, np.ndarray]:
    path = folder / f"{ranks}.npz"
    train(ranks, path, *options)
    with np.load(path) as file:
        return dict(file)


@needs("mpi")
@pytest.mark.parametrize("case", SAME_BITS)
def test_any_number_of_ranks_trains_the_same_network_bit_for_bit(case, tmp_path):
    numbers, options = SAME_BITS[case]
    alone = results(tmp_path, 1, *options)
    for ranks in numbers:
        together = results(tmp_path, ranks, *options)
        assert alone.keys() == together.keys()
        for name, values in alone.items():
            assert np.array_equal(values, together[name], equal_nan=True), f"{name} with {ranks} ranks"


@needs("mpi")
def test_batch_normalization_takes_the_batch_of_all_ranks(tmp_path):
    options = ("--layers", "BatchNormalization;ReLU;BatchNormalization;ReLU;Linear", "--method", "SET(0.3)")
    options += ("--samples", "136")  # the last batch has 2, fewer than there are ranks
    alone, together = results(tmp_path, 1, *options), results(tmp_path, 4, *options)
    for name, values in alone.items():
        assert np.allclose(values, together[name], rtol=2e-3, atol=2e-4), name


@needs("mpi")
@pytest.mark.parametrize("density", [0.2, 1.0])  # in CSR, and in a dense array
@pytest.mark.parametrize("method", [(), ("--method", "SET(0.3)")])
def test_local_sgd_ends_with_one_network_of_the_same_size(method, density, tmp_path):
    together = results(tmp_path, 2, "--local-steps", "3", "--epochs", "6", "--density", str(density), *method)
    assert np.count_nonzero(together["value0"]) == len(together["support0"]) == round(density * 48 * 36)
    assert together["losses"][-1, 0] < together["losses"][0, 0]
    assert together["accuracies"][-1] > 0.5


@needs("mpi")
def test_a_rank_that_throws_ends_the_job_with_one_message(tmp_path):
    ranks = 4
    checkpoint = tmp_path / "run.npz"
    options = ("--sabotage", "throw", "--save", str(checkpoint), "--batch-size", "40", "--method", "SET(0.3)")
    done = train(ranks, tmp_path / "result.npz", *options, check=False)
    assert done.returncode != 0
    assert done.stderr.count(f"error on rank 1 of {ranks}: RuntimeError: the disk is full of sand") == 1
    assert done.stderr.count("error on rank") == 1
    assert len(nv.training.read_checkpoint(checkpoint).history) == 1, "the checkpoint of the epoch before is whole"


@needs("mpi")
def test_a_rank_that_dies_ends_the_job(tmp_path):
    checkpoint = tmp_path / "run.npz"
    options = ("--sabotage", "die", "--save", str(checkpoint), "--batch-size", "40")
    done = train(2, tmp_path / "result.npz", *options, check=False)
    assert done.returncode != 0
    assert "KILLED" in (done.stdout + done.stderr).upper() or "signal 9" in done.stdout + done.stderr
    assert len(nv.training.read_checkpoint(checkpoint).history) == 1


@needs("mpi")
def test_ranks_whose_topologies_differ_are_told(tmp_path):
    done = train(2, tmp_path / "result.npz", "--sabotage", "move", check=False)
    assert done.returncode != 0
    assert "the positions of the weights of W1 differ between rank 0 and rank 1" in done.stderr


@needs("mpi")
def test_ranks_with_different_networks_are_told(tmp_path):
    done = train(2, tmp_path / "result.npz", "--other-network", check=False)
    assert done.returncode != 0
    assert "network: rank 1 has another one than rank 0; build it with the same seed on all of them" in done.stderr


@needs("mpi")
def test_a_run_is_resumed_by_another_number_of_ranks(tmp_path):
    method = ("--method", "SET(0.3)")
    whole = results(tmp_path, 1, *method, "--epochs", "3")
    checkpoint = str(tmp_path / "run.npz")
    train(4, tmp_path / "part.npz", *method, "--epochs", "1", "--save", checkpoint)
    resumed = results(tmp_path, 2, *method, "--epochs", "3", "--resume", checkpoint)
    for name, values in whole.items():
        assert np.array_equal(values, resumed[name]), name


@needs("mpi")
@pytest.mark.parametrize("samples", ["--bytes", "--sparse"])
def test_a_run_is_resumed_between_the_batches_of_an_update(samples, tmp_path):
    """The update of step 8 looks at the batches of steps 6 to 8, the checkpoint was written after step 7, by four ranks."""
    options = (samples, "--method", "RigL(0.3, every=4, batches=3)", "--epochs", "3")
    whole = results(tmp_path, 1, *options)
    checkpoint = ("--save", str(tmp_path / "run.npz"), "--save-every", "7 steps")
    train(4, tmp_path / "part.npz", *options, *checkpoint, "--sabotage", "throw", "--sabotage-at", "9", check=False)
    resumed = results(tmp_path, 2, *options, "--resume", checkpoint[1])
    for name, values in whole.items():
        assert np.array_equal(values, resumed[name]), name


@needs("mpi")
def test_the_command_line(tmp_path):
    arguments = ("train", "--distributed", "mpi", "--epochs", "2", "--method", "SET(0.3)", "--overall-density", "0.1")
    outputs = {}
    for ranks in (1, 2):
        files = ("--save", str(tmp_path / f"{ranks}.npz"), "--log", str(tmp_path / f"{ranks}.jsonl"))
        done = command_line(ranks, *arguments, *files)
        outputs[ranks] = [line for line in done.stdout.splitlines() if line.startswith("epoch")]
        assert len((tmp_path / f"{ranks}.jsonl").read_text().splitlines()) == 2, "only rank 0 writes"
    assert len(outputs[1]) == len(outputs[2])
    one, two = (nv.load(tmp_path / f"{ranks}.npz") for ranks in (1, 2))
    for mine, theirs in zip(one.parameters(), two.parameters(), strict=True):
        assert np.array_equal(mine.vector, theirs.vector)


def test_what_the_command_line_refuses_of_one_process(capsys):
    assert main(["train", "--shards", "2"]) == 2
    assert "--shards belongs to --distributed mpi" in capsys.readouterr().err


@needs("mpi")
def test_one_rank_complains_of_an_unknown_option():
    done = command_line(2, "train", "--distributed", "mpi", "--no-such-option", check=False)
    assert done.returncode != 0
    assert done.stderr.count("No such option") == 1, done.stderr


@needs("mpi")
def test_what_the_command_line_refuses():
    for arguments, message in (
        (("--distributed", "udp"), "unknown --distributed 'udp'"),
        (("--distributed", "mpi", "--shards", "3"), "shards must be a multiple of the number of ranks, 2, not 3"),
        (("--distributed", "mpi", "--threads", "64"), "ranks share the"),
    ):
        done = command_line(2, "train", *arguments, check=False)
        assert done.returncode != 0
        assert done.stderr.count(message) >= 1, done.stderr
