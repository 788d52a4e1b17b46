"""Kill a training run at random moments with SIGKILL, resume it, and compare its end with that of a run that went through.

    python bench/kill_and_resume.py [--kills 100] [--seed 1] [--json FILE]

The run is `nerva-py train` with dropout, batch normalisation, augmentation, a schedule and RigL, which saves after every second
step, so that many kills hit a checkpoint that is being written. After each kill the file must be readable and no older than it
was, and after the end bit for bit that of the run that went through, apart from seconds. Resumed runs have one thread and
two in turn.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

ROOT = Path(__file__).parents[1]
RUN = (
    "--layers=ReLU;BatchNormalization;Dropout(0.1);SReLU;Linear", "--layer-sizes=64;100;50;10", "--dropouts=0.1;0;0.1",
    "--overall-density=0.2", "--method=RigL(0.3, every=11, batches=3)", "--augment", "--optimizers=Adam",
    "--learning-rate-scheduler=MultiStepLR(0.002;2,3;0.3)", "--batch-size=20", "--seed=7", "--no-statistics",
)  # fmt: skip
EVERY = "--checkpoint-every=2 steps"


@dataclass
class Outcome:
    """What happened. `during_writing` counts kills that left a half-written file beside the checkpoint."""

    kills: int = 0
    before_first_checkpoint: int = 0
    during_writing: int = 0
    runs: int = 0
    seconds: float = 0.0


def command(*arguments: str) -> list[str]:
    """`nerva-py train` with these arguments."""
    return [sys.executable, "-m", "nerva_py", "train", *arguments]


def start(arguments: list[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end, which must be a good one."""
    _, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"nerva-py failed: {errors.decode()}")


def wait_for_checkpoint(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Until the file is written anew, or the process ends."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    while process.poll() is None and (path.stat().st_mtime_ns if path.exists() else 0) == before:
        time.sleep(0.001)


def differences(a: Any, b: Any, path: str = "") -> list[str]:
    """Where two trees differ, seconds apart."""
    if type(a) is not type(b):
        return [path]
    if isinstance(a, dict):
        if a.keys() != b.keys():
            return [path]
        return [d for key in a if key != "seconds" for d in differences(a[key], b[key], f"{path}.{key}")]
    if isinstance(a, list):
        if len(a) != len(b):
            return [path]
        return [d for n, (x, y) in enumerate(zip(a, b, strict=True)) for d in differences(x, y, f"{path}.{n}")]
    if isinstance(a, np.ndarray):
        return [] if (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()) else [path]
    return [] if a == b or (a != a and b != b) else [path]


def kill_and_resume(folder: Path, kills: int, seed: int, epochs: int = 4) -> Outcome:
    """That many kills, in as many runs as it takes. Raises SystemExit for the first difference."""
    from nerva_py.checkpoints import container

    rng, outcome, begin = random.Random(seed), Outcome(), time.perf_counter()
    whole, path = folder / "whole.npz", folder / "run.npz"
    first = time.perf_counter()
    finish(start(command(*RUN, f"--epochs={epochs}", f"--save={whole}", EVERY)))
    duration = time.perf_counter() - first
    expected = container.read(whole)
    while outcome.kills < kills or path.exists():
        going_on = path.exists()
        outcome.runs += not going_on
        t = container.read(path)["training"]["t"] if going_on else 0
        threads = f"--threads={1 + outcome.kills % 2}"
        arguments = [f"--resume={path}"] if going_on else [*RUN, f"--epochs={epochs}", f"--save={path}"]
        process = start(command(*arguments, EVERY, threads))
        try:
            if outcome.kills == kills:
                process.wait()
            elif rng.random() < 0.3:
                process.wait(rng.uniform(0, duration))
            else:  # while it trains, which is a small part of a short run
                wait_for_checkpoint(path, process)
                process.wait(rng.uniform(0, 0.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            outcome.kills += 1
            outcome.before_first_checkpoint += not path.exists()
            outcome.during_writing += bool(list(folder.glob(f".{path.name}.*.tmp")))
            if path.exists():
                now = container.read(path)["training"]["t"]  # raises DataError unless it is whole
                if now < t:
                    raise SystemExit(
                        f"kill {outcome.kills}: the checkpoint is of step {now}, before of step {t}"
                    ) from None
            continue
        finish(process)
        if found := differences(container.read(path), expected):
            raise SystemExit(f"after {outcome.kills} kills: the end differs in {', '.join(found[:5])}")
        if left := list(folder.glob(".*.tmp")):
            raise SystemExit(f"left behind: {left}")
        path.unlink()
    outcome.seconds = round(time.perf_counter() - begin, 1)
    return outcome


def main(
    kills: Annotated[int, typer.Option(help="How often a run is killed.")] = 100,
    seed: Annotated[int, typer.Option(help="Decides the moments.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the outcome to this file.")] = None,
) -> None:
    """Kill, resume, compare."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill_and_resume(Path(folder), kills, seed)
    print(
        f"{outcome.kills} kills in {outcome.runs} runs, {outcome.during_writing} of them while a checkpoint was being written, "
        f"{outcome.before_first_checkpoint} before the first one; every run ended as the one that went through "
        f"({outcome.seconds} s)"
    )
    if json_file is not None:
        json_file.write_text(json.dumps(asdict(outcome), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
