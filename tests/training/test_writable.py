"""What callbacks measure: whatever is set can be written, by loggers and into checkpoints; the rest is refused at once."""

from __future__ import annotations

import copy
import csv
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.errors import NervaError
from nerva_py.training import CSVLogger, Epoch, JSONLinesLogger, read_checkpoint
from nerva_py.training.writable import Measures, as_json, flat

GOOD = {
    "float32": (np.float32(0.5), 0.5),
    "int64": (np.int64(3), 3),
    "truth": (np.bool_(True), True),
    "scalar array": (np.array(2.5, "f4"), 2.5),
    "array": (np.array([[1, 2], [3, 4]], np.uint8), [[1, 2], [3, 4]]),
    "longdouble": (np.array([0.5], np.longdouble), [0.5]),
    "text": (np.str_("x"), "x"),
    "nothing": (None, None),
    "tuple": ((1, np.float64(2.0)), [1, 2.0]),
    "dict": ({"a": np.float16(0.5), "b": {"c": np.arange(2)}}, {"a": 0.5, "b": {"c": [0, 1]}}),
}


class Measure(nv.Callback):
    """Puts this into the measures of the epochs from `first` on."""

    def __init__(self, value: Any, first: int = 1, name: str = "m"):
        self.value, self.first, self.name = value, first, name

    def on_epoch_end(self, run: Any, epoch: Epoch) -> None:
        if epoch.epoch >= self.first:
            epoch.measures[self.name] = self.value


def trained(*callbacks: nv.Callback, epochs: int = 2) -> nv.History:
    network = nv.mlp("ReLU;Linear", [8, 5, 3], seed=1)
    return nv.train(network, nv.load_dataset("mini"), epochs=epochs, callbacks=callbacks, seed=1)


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_set_is_python_s(kind: str) -> None:
    given, kept = GOOD[kind]
    measures = Epoch(1, 0.1, 1.0).measures
    measures["m"] = given
    copies = copy.deepcopy(measures), pickle.loads(pickle.dumps(measures))
    for same in (measures, Measures(m=given), Measures({"m": given}), *copies):
        assert same == {"m": kept}
        assert json.loads(as_json(same)) == {"m": kept}
    measures.update(n=given)
    measures |= {"o": given}
    assert measures.setdefault("p", given) == measures["n"] == measures["o"] == kept


BAD = [
    Path("x"),
    object(),
    1j,
    {1, 2},
    np.array([None]),
    np.array([1j]),
    [Path("x")],
    {"a": Path("x")},
    np.datetime64(1, "s"),
]


@pytest.mark.parametrize("value", BAD)
def test_what_cannot_be_written_is_refused_when_it_is_set(value: Any) -> None:
    for put in (
        lambda measures: measures.__setitem__("m", value), lambda measures: measures.update(m=value),
        lambda measures: measures.setdefault("m", value), lambda measures: measures.__ior__({"m": value}),
        lambda measures: measures.setdefault("d", {}).__setitem__("m", value),
    ):  # fmt: skip
        with pytest.raises(
            NervaError, match=r"measure 'm.*' must be a number, a text, None, an array, or a list or dict"
        ):
            put(Epoch(1, 0.1, 1.0).measures)
    with pytest.raises(NervaError, match="the name of a measure must be a text, not 3"):
        Measures()[3] = 1  # type: ignore[index]


def test_all_loggers_write_them(tmp_path: Path) -> None:
    """In a run, beside a checkpoint; a column that comes later is kept, in its place."""
    nan = Measure({"nan": float("nan"), "up": np.float32("inf")}, name="odd")
    callbacks = [
        Measure(np.float32(0.5)),
        Measure(np.array([1.5, 2.5]), 2, "later"),
        Measure('a,b\n"c"', name="text"),
        nan,
    ]
    files = (
        CSVLogger(tmp_path / "log.csv"),
        JSONLinesLogger(tmp_path / "log.jsonl"),
        nv.ModelCheckpoint(tmp_path / "c.npz"),
    )
    trained(*callbacks, *files, epochs=3)
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["later"] for row in rows] == ["", "[1.5, 2.5]", "[1.5, 2.5]"]
    assert {row["m"] for row in rows} == {"0.5"}
    assert {row["text"] for row in rows} == {'a,b\n"c"'}
    assert {(row["odd.nan"], row["odd.up"]) for row in rows} == {("nan", "inf")}
    assert not any(None in row or None in row.values() for row in rows)
    lines = [json.loads(line, parse_constant=pytest.fail) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line.get("later") for line in lines] == [None, [1.5, 2.5], [1.5, 2.5]]
    assert lines[0]["odd"] == {"nan": None, "up": None}
    assert read_checkpoint(tmp_path / "c.npz").history[2].measures["later"] == [1.5, 2.5]


def test_lists_of_dicts_have_no_column() -> None:
    assert flat({"a": [{"b": 1}], "c": {"d": 1, "e": [[1], [{}]]}, "f": [[1, float("nan")]]}) == {
        "c.d": 1,
        "f": "[[1, null]]",
    }


def test_no_log_ends_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is a warning for each line, and what was written stays whole."""
    loggers = [CSVLogger(tmp_path / "log.csv"), JSONLinesLogger(tmp_path / "log.jsonl")]

    class Full(nv.Callback):
        def on_epoch_begin(self, run: Any) -> None:
            if run.epoch == 2:
                monkeypatch.setattr(os, "write", fail)
            if run.epoch == 3:
                monkeypatch.undo()

    def fail(file: int, line: bytes) -> int:
        raise OSError(28, "No space left on device")

    with pytest.warns(
        UserWarning, match=r"training goes on, but .*log\.\w+: cannot be written \(No space left"
    ) as warned:
        history = trained(*loggers, Full(), epochs=3)
    assert len(history) == 3
    assert len(warned) == 2
    assert [json.loads(line)["epoch"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [1, 3]
    assert [line[:2] for line in (tmp_path / "log.csv").read_text().splitlines()[1:]] == ["1,", "3,"]


def test_a_file_that_cannot_be_written_is_refused_before_the_first_step(tmp_path: Path) -> None:
    steps: list[int] = []

    class Count(nv.Callback):
        def on_step_end(self, run: Any) -> None:
            steps.append(run.t)

    with pytest.raises(NervaError, match="cannot be written"):
        trained(JSONLinesLogger(tmp_path / "no" / "log.jsonl"), Count())
    assert not steps


def test_each_run_has_its_own_file(tmp_path: Path) -> None:
    for name, make in {
        "log-{run}.csv": CSVLogger, "log-{run}.jsonl": JSONLinesLogger, "c-{run}.npz": nv.ModelCheckpoint,
    }.items():  # fmt: skip
        callbacks = [make(tmp_path / name), make(tmp_path / name)]
        for callback in callbacks:
            trained(callback)
        assert [callback.file.name for callback in callbacks] == [name.replace("{run}", n) for n in "12"]
        assert all(callback.file.stat().st_size for callback in callbacks)
    assert len(list(tmp_path.iterdir())) == 6


def test_a_checkpoint_that_was_never_written_leaves_no_file(tmp_path: Path) -> None:
    class Fail(nv.Callback):
        def on_epoch_end(self, run: Any, epoch: Epoch) -> None:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        trained(nv.ModelCheckpoint(tmp_path / "c-{run}.npz"), Fail())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("Logger", [CSVLogger, JSONLinesLogger])
def test_a_resumed_run_goes_on_in_its_file(Logger: Any, tmp_path: Path) -> None:
    """Also where the file got another column after the checkpoint: what comes again is written once."""

    class Stop(nv.Callback):
        def on_epoch_begin(self, run: Any) -> None:
            if run.epoch == 4 and not run.resumed:
                raise RuntimeError

    def run(**options: Any) -> None:
        checkpoint = nv.ModelCheckpoint(tmp_path / "c.npz", "2 epochs")
        logger = Logger(tmp_path / "log-{run}")
        network = nv.mlp("ReLU;Linear", [8, 5, 3], seed=1)
        callbacks = [checkpoint, logger, Measure(1, 3), Stop()]
        nv.train(network, nv.load_dataset("mini"), epochs=5, callbacks=callbacks, seed=1, **options)

    with pytest.raises(RuntimeError):
        run()
    (tmp_path / "log-1").read_text()
    run(resume=tmp_path / "c.npz")
    lines = (tmp_path / "log-1").read_text().splitlines()
    numbers = (
        [row[0] for row in csv.reader(lines)][1:]
        if Logger is CSVLogger
        else [json.loads(line)["epoch"] for line in lines]
    )
    assert [int(number) for number in numbers] == [1, 2, 3, 4, 5]
    assert {path.name for path in tmp_path.iterdir()} == {"c.npz", "log-1"}
