"""The log holds whole lines, whatever happens."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import nerva_py as nv
from nerva_py.errors import NervaError
from nerva_py.training import Epoch, JSONLinesLogger, Order


def test_a_line_an_epoch_as_soon_as_it_is_over(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    seen: list[int] = []

    class Reader(nv.Callback):
        order = Order.SAVES  # after those that write

        def on_epoch_end(self, run: object, epoch: Epoch) -> None:
            seen.append(len(path.read_text().splitlines()))

    network = nv.mlp("ReLU;Linear", [8, 5, 3], seed=1)
    history = nv.train(network, nv.load_dataset("mini"), epochs=3, callbacks=[JSONLinesLogger(path), Reader()])
    assert seen == [1, 2, 3]
    assert [json.loads(line) for line in path.read_text().splitlines()] == [epoch.as_dict() for epoch in history]


def test_lines_are_appended_after_a_half_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"epoch": 1}\n{"epo')
    JSONLinesLogger(path).on_epoch_end(None, Epoch(2, 0.1, 1.0))
    assert path.read_text().splitlines()[:2] == ['{"epoch": 1}', '{"epo']
    assert json.loads(path.read_text().splitlines()[2])["epoch"] == 2
    assert path.read_text().endswith("}\n")


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.jsonl"
    logger = JSONLinesLogger(path)
    logger.on_epoch_end(None, Epoch(1, 0.1, 1.0))
    before = path.read_text()
    write = os.write

    def half(file: int, line: bytes) -> int:
        if len(line) < 20:
            raise OSError(28, "No space left on device")
        return write(file, line[: len(line) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(NervaError, match=r"log\.jsonl: cannot be written \(No space left"):
        logger.on_epoch_end(None, Epoch(2, 0.1, 1.0))
    assert path.read_text() == before
