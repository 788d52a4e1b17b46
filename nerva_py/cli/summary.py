"""The lines at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nerva_py.network import MLP
from nerva_py.network.mlp import parameter_names
from nerva_py.training import History
from nerva_py.training.gradient_check import GradientError

from .layer_table import LayerMemory
from .screen import aligned, size


def summary(
    history: History, entries: Sequence[LayerMemory], epochs: int, topology: list[str] | None = None
) -> list[str]:
    """Score, time an epoch, what became of the topology, memory beside the dense network's."""
    rows = []
    if history.interrupted:
        rows.append(["interrupted", f"after {len(history)} of {epochs} epochs"])
    if len(history):
        rows += [score_row(history), _time(history)] if history[-1].train_loss is not None else [_time(history)]
    if topology is not None:
        rows.append(topology)
    training, dense = sum(entry.training for entry in entries), sum(entry.dense_training for entry in entries)
    share = f"{dense / training:.1f} times less" if dense > training else f"{training / dense:.1f} times as much as"
    link = " than" if dense > training else ""
    rows.append(["memory", f"{size(training)} in training, {share}{link} the dense network's {size(dense)}"])
    return aligned(rows, left=2)


def phase_table(phases: Mapping[str, float]) -> list[str]:
    """Seconds by phase of a step."""
    total = sum(phases.values()) or 1.0
    rows = [["phase", "seconds", "share"]]
    rows += [[name, f"{seconds:.3f}", f"{seconds / total:.0%}"] for name, seconds in phases.items()]
    return aligned(rows)


def gradient_table(errors: Sequence[GradientError]) -> list[str]:
    """How well the gradients agree with differences."""
    rows = [["gradient", "checked", "largest error"]]
    rows += [[e.name, f"{e.checked} of {e.numbers:,}", f"{e.error:.1e}"] for e in errors]
    return aligned(rows)


def parameter_table(network: MLP) -> list[str]:
    """Range, mean and standard deviation of every parameter."""
    rows = [["parameter", "numbers", "min", "max", "mean", "std"]]
    for name, parameter in zip(parameter_names(network), network.parameters(), strict=True):
        v = parameter.vector
        statistics = (v.min(), v.max(), v.mean(), v.std()) if v.size else (np.nan,) * 4
        rows.append([name, f"{v.size:,}", *(f"{s:.4f}" for s in statistics)])
    return aligned(rows)


def score_row(history: History) -> list[str]:
    """On test data, or on training data where there are no others: the last one and, in classification, the best one."""
    last, best = history[-1], history.best
    part = "test" if last.test_loss is not None else "train"
    quantity = "loss" if last.train_accuracy is None else "accuracy"
    attribute = f"{part}_{quantity}"
    digits = ".6g" if quantity == "loss" else ".4f"
    text = f"{getattr(last, attribute):{digits}}"
    if best is not None:
        text += f", best {getattr(best, attribute):{digits}} in epoch {best.epoch}"
    return [f"{part} {quantity}", text]


def _time(history: History) -> list[str]:
    """Training apart from evaluation."""
    seconds = [epoch.seconds for epoch in history]
    return ["time an epoch", f"{np.median(seconds):.3g} s (median), {sum(seconds):.3g} s in all, evaluation apart"]
