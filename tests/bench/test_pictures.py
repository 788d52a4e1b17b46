"""Pictures show what is in the results; short accuracies are really trained."""

from __future__ import annotations

import json

import accuracy
import accuracy_plot
import phases_plot
import pytest
import threads


def run(density, method, seed, value, dataset="cifar10", hidden=(1024, 512)):
    found = {"dataset": dataset, "hidden": list(hidden), "density": density, "method": method, "seed": seed}
    return {**found, "accuracy": value, "epochs": 100}


RUNS = [run(d, m, s, d + s / 100) for d in (0.01, 0.1) for m in ("Static", "SET(0.3)", "SET(0.5)") for s in (1, 2, 3)]


def lines(ax):
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.get_lines()}


class TestAccuracies:
    def test_lines_bands_and_logs(self):
        (ax,) = accuracy_plot.draw(RUNS, accuracy.LOGGED).axes
        found = lines(ax)
        assert found["Static"] == ([0.01, 0.1], pytest.approx([3, 12]))
        assert found["Nerva, its authors' log"] == ([0.01, 0.05, 0.1], pytest.approx([56.2, 61.2, 62]))
        assert found["masked PyTorch, their log"][1][-1] == pytest.approx(63.8)
        assert [line.get_linestyle() for line in ax.get_lines()][-2:] == ["--", "-."]
        band = ax.collections[0].get_paths()[0].get_extents()
        assert (band.y0, band.y1) == pytest.approx((2, 13))
        assert "3 seeds" in ax.get_title(loc="left")
        assert len({line.get_color() for line in ax.get_lines()}) == 5

    def test_logs_are_beside_their_own_network_only(self):
        other = [run(0.1, "Static", 1, 0.5, hidden=(300, 100)), run(0.1, "Static", 1, 0.9, dataset="mnist")]
        figure = accuracy_plot.draw([*RUNS, *other], accuracy.LOGGED)
        assert ["Nerva, its authors' log" in lines(ax) for ax in figure.axes] == [True, False, False]

    @pytest.mark.usefixtures("one_thread")  # a tiny network
    def test_short_trains_and_draws(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setitem(accuracy.SHORT, "densities", [0.2])
        monkeypatch.setitem(accuracy.SHORT, "epochs", 3)
        monkeypatch.setitem(accuracy.SHORT, "seeds", [1])
        file, picture = tmp_path / "accuracy.json", tmp_path / "accuracy.png"
        accuracy.main(["--short", "--json", str(file), "--plot", str(picture)])
        runs = json.loads(file.read_text())["runs"]
        assert len(runs) == 3
        assert all(found["accuracy"] > 0.5 for found in runs)
        assert picture.stat().st_size > 10_000
        accuracy.main(["--short", "--json", str(file)])  # nothing is left to do
        assert json.loads(file.read_text())["runs"] == runs
        assert "digits, hidden layers 256, 128" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--plot", "x.jpgg"], "must end with one of ."),
            (["--plot", "/no/such/x.png"], "no directory /no/such"),
            (["--table"], "--json FILE"),
        ],
    )
    def test_what_is_wrong_is_told_at_once(self, arguments, message, capsys):
        with pytest.raises(SystemExit):
            accuracy.arguments(arguments)
        assert message in capsys.readouterr().err


def test_shares_of_a_step_and_rates():
    names = ("gather", "one-hot targets", "forward 1", "activation 1", "loss gradient", "activation derivative 1",
             "weight gradient 1", "bias gradient 1", "input gradient 2", "update W1")  # fmt: skip
    calls = {name: {"ms": 1.0, "gflops": 50.0, "gbytes": 1.0} for name in names}
    row = {"sparsity": 0.9, "calls": calls, "sum_ms": 10.0, "step_ms": 11.0, "machine": {"dense_gflops": 120.0}}
    shares, rates = phases_plot.draw([row]).axes
    widths = {bars.get_label(): bars[0].get_width() for bars in shares.containers}
    assert widths["activations, loss"] == pytest.approx(40)
    assert sum(widths.values()) == pytest.approx(100)
    assert sorted(bar[0].get_width() for bar in rates.containers) == [50, 50, 50]
    assert list(rates.get_lines()[0].get_xdata()) == [120, 120]


def test_speed_up_is_relative_to_one_thread():
    figure = threads.harness.new_figure(4, 4)
    ax = figure.subplots()
    scaled = [{"sparsity": s, "seconds": {"1": {"minimum": 2.0}, "2": {"minimum": 1.25}}} for s in (0.9, 0.99)]
    threads.plot_scaling(ax, scaled)
    assert lines(ax)["99% sparse"] == ([1, 2], pytest.approx([1, 1.6]))
