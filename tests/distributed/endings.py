"""What the ranks of `test_endings.py` run: the last rank does something else than the others."""

from __future__ import annotations

import sys
from pathlib import Path

import nerva_py as nv
from nerva_py.distributed import DataParallel, mpi

ranks = mpi()


class Stop(nv.Callback):
    """A reason to stop that only one rank has."""

    def on_epoch_end(self, run, epoch):
        run.stop = differs


kind, differs = sys.argv[1], ranks.rank == ranks.size - 1
data = nv.load_dataset("digits")
network = nv.mlp("ReLU;Linear", [64, 32, 10], overall_density=0.2, seed=1)
options = {"epochs": 2, "batch_size": 300, "seed": 1}
if kind == "file" and differs:
    Path("no such file").read_text()
if kind == "exit" and differs:
    sys.exit("there is nothing to do")
if kind == "argument" and differs:
    options["loss"] = "NoSuchLoss"
if kind == "epochs" and differs:
    options["epochs"] = 3
if kind == "callbacks" and differs:
    options["callbacks"] = [nv.EarlyStopping("train_loss")]
if kind == "resume" and differs:
    options["resume"] = "no such file"
if kind == "stop":
    options["callbacks"] = [Stop()]
history = nv.train(network, data, **options, distributed=DataParallel(ranks))
if kind == "after" and differs:
    raise ZeroDivisionError("after training")
if kind == "after":
    ranks.from_first(len(history))
sys.stdout.write(f"{len(history)} epochs\n")
