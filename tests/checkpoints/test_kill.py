"""A real process, SIGKILL at random moments, resumed: `bench/kill_and_resume.py` does it a hundred times."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from bench import kill_and_resume
from nerva_py.files import remove_abandoned, write_atomically

KILLS = int(os.environ.get("NERVA_KILLS", "4"))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def test_killed_runs_end_as_the_one_that_went_through(tmp_path):
    outcome = kill_and_resume.kill_and_resume(tmp_path, KILLS, seed=3, epochs=2)
    assert outcome.kills == KILLS


def test_the_comparison_sees_every_difference():
    a = {"x": [1, {"y": np.array([1.0, 2.0]), "seconds": 3.0}], "z": None}
    assert kill_and_resume.differences(a, a) == []
    for b, path in [
        ({"x": [1, {"y": np.array([1.0, 2.5]), "seconds": 3.0}], "z": None}, ".x.1.y"),
        ({"x": [2, {"y": np.array([1.0, 2.0]), "seconds": 3.0}], "z": None}, ".x.0"),
        ({"x": [1], "z": None}, ".x"),
        ({"x": a["x"], "z": 0}, ".z"),
        ({"x": a["x"]}, ""),
    ]:
        assert kill_and_resume.differences(a, b) == [path]
    assert kill_and_resume.differences(a, {"x": [1, {"y": a["x"][1]["y"], "seconds": 9.0}], "z": None}) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    path = tmp_path / "a.npz"
    other = path.with_name("b.npz")

    def write(file):
        """While this process writes b, a is written, too, and somebody else comes to write b."""
        file.write(b"half")
        remove_abandoned(other)
        write_atomically(path, lambda inner: inner.write(b"whole"))
        assert len(list(tmp_path.glob(".b.npz.*.tmp"))) == 1, "its own"

    (tmp_path / ".b.npz.99999999.tmp").write_bytes(b"of a killed process")
    write_atomically(other, write)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz"]
    child = os.fork()
    if child == 0:
        try:
            write_atomically(path, lambda file: os.kill(os.getpid(), 9))
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    assert path.read_bytes() == b"whole", "the old file"
    assert len(list(tmp_path.glob(".a.npz.*.tmp"))) == 1
    write_atomically(path, lambda file: file.write(b"new"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz"]
    assert Path(path).read_bytes() == b"new"
