"""What bench/epoch.py reports, on tiny networks; contenders in this process but for one test."""

from __future__ import annotations

import json

import contenders
import epoch
import epoch_plot
import harness
import phases
import pytest
from contenders.scipy_csr import SciPyCSR


class WrongMask(SciPyCSR):
    """Has lost a connection."""

    def __init__(self, problem):
        super().__init__(problem)
        for layer in self.layers:
            layer.W.data[::7] = 0


class InProcess:
    """What `harness.Process` does, without a process."""

    def __init__(self, name):
        self.runner = epoch.Runner(name)

    def ask(self, method, **arguments):
        return json.loads(json.dumps(getattr(self.runner, method)(**arguments)))

    def close(self):
        self.runner.stack.close()


@pytest.fixture
def in_process(monkeypatch):
    monkeypatch.setitem(contenders.CONTENDERS, "wrong", ("scipy_csr", "WrongMask", {}))
    monkeypatch.setattr("contenders.scipy_csr.WrongMask", WrongMask, raising=False)
    monkeypatch.setattr(harness, "processes", lambda script, names, threads: {name: InProcess(name) for name in names})
    monkeypatch.setattr(epoch, "SIZES", [48, 32, 24, 10])
    monkeypatch.setattr(epoch, "IMAGE", (3, 4, 4))


def compare(problem, names, **options):
    options = {"rounds": 2, "steps": 4, "limit": 60.0} | options
    return epoch.compare(problem, 0.8, names, **options)


def run(**options):
    defaults = {"data_dir": None, "sparsities": "0.8;0", "epochs": 1, "short": True, "names": "nerva_py;scipy"}
    epoch.main(**defaults | options)


def test_row_has_times_ratios_and_bytes_of_a_contender_in_its_own_process(sparse):
    row = compare(sparse, ["scipy"])
    found = row["contenders"]["scipy"]
    assert found["minimum"] <= found["median"] <= found["maximum"]
    assert found["timed_steps"] == 4 < row["steps_of_an_epoch"] == 10
    assert found["nbytes"]["weights"] > 0
    assert row["refused"] == {}


def test_no_ratio_of_a_contender_that_computes_something_else(in_process, sparse, capsys, monkeypatch):
    monkeypatch.setattr(epoch, "REFERENCES", ("scipy",))
    monkeypatch.setattr(epoch, "BASELINES", ("scipy", "wrong"))
    row = compare(sparse, ["nerva_py", "scipy", "wrong"])
    assert list(row["refused"]) == ["wrong"]
    assert list(row["ratios"]) == ["scipy"]
    assert list(row["ratios"]["scipy"]) == ["nerva_py"]
    message = capsys.readouterr().err
    assert "wrong does not compute what scipy does" in message
    assert "no ratio is reported" in message
    assert message.count("2.") >= 2  # both losses


def test_run_with_a_wrong_contender_fails_at_the_end(in_process, tmp_path, monkeypatch):
    monkeypatch.setattr(epoch, "REFERENCES", ("scipy",))
    with pytest.raises(SystemExit, match="do not compute the same"):
        run(sparsities="0.8", names="scipy;wrong", json_file=tmp_path / "epoch.json")
    (row,) = json.loads((tmp_path / "epoch.json").read_text())["rows"]
    assert "wrong" in row["refused"]


def test_file_says_what_the_times_depend_on(in_process, tmp_path, capsys):
    run(json_file=tmp_path / "epoch.json", plot=tmp_path / "epoch.png")
    results = json.loads((tmp_path / "epoch.json").read_text())
    for key in ("processor", "cores", "threads", "binding", "versions", "commit", "data", "sizes"):
        assert results[key]
    assert results["versions"]["numpy"]
    assert [row["sparsity"] for row in results["rows"]] == [0.8, 0]
    assert list(results["rows"][1]["skipped"]) == ["scipy"]
    assert (tmp_path / "epoch.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert "| sparsity |" in printed
    assert "~" in printed  # extrapolated


def test_contender_that_is_too_slow_is_timed_in_part(in_process, sparse):
    row = compare(sparse, ["scipy"], steps=10, limit=0.0)
    assert row["contenders"]["scipy"]["timed_steps"] == 5


def test_contender_that_is_not_installed_is_named(monkeypatch, sparse):
    monkeypatch.setattr(harness, "processes", lambda *arguments: {})
    assert compare(sparse, ["scipy"])["skipped"] == {"scipy": "not installed"}


def test_ratios_are_of_medians_and_of_minima():
    found = epoch.ratios({"nerva_py": [1.0, 2.0, 3.0], "pytorch-masked": [8.0, 9.0, 10.0]})
    assert found == {"pytorch-masked": {"nerva_py": {"medians": 4.5, "minima": 8.0}}}


def test_every_contender_has_a_line_in_the_plot():
    assert set(epoch_plot.STYLES) == set(epoch_plot.LABELS) == set(contenders.CONTENDERS)


def test_phases_name_every_call_of_the_step(sparse, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(phases, "ROUNDS", 1)
    monkeypatch.setattr(phases, "STEPS", 3)
    machine = {"dense_gflops": 1.0, "stream_gbytes": 1.0, "launch_us": 1.0}
    monkeypatch.setattr(phases, "roofline", lambda problem: machine)
    found = phases.Phases().measure(str(sparse.save(tmp_path / "problem.npz")))
    calls = found["calls"]
    assert all(calls[f"{product} {i}"]["gflops"] > 0 for i in (1, 2, 3) for product in ("forward", "weight gradient"))
    assert "input gradient 2" in calls
    assert "input gradient 1" not in calls
    assert calls["update b3"]["ms"] > 0
    assert found["sum_ms"] == pytest.approx(sum(call["ms"] for call in calls.values()))
    phases.show({"sparsity": 0.8, **found})
    assert "gather" in capsys.readouterr().out
