"""Lines over the epochs show the numbers of the history."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from nerva_py import plots
from nerva_py.errors import NervaError
from nerva_py.training import Epoch, History

from .conftest import measured

CLASSIFICATION = History([Epoch(n, 0.1, 1.0, 1 / n, 0.9, 2 / n, 0.8 + n / 100) for n in (1, 2, 3)])
REGRESSION = History([Epoch(n, 0.1, 1.0, 1 / n, None, 2 / n, None) for n in (1, 2, 3)])


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_learning_curves_are_those_of_the_history() -> None:
    ax = plots.learning_curve(CLASSIFICATION, "loss")
    train, test = ax.lines
    assert train.get_xdata().tolist() == [1, 2, 3]
    assert train.get_ydata().tolist() == [1, 1 / 2, 1 / 3]
    assert test.get_ydata().tolist() == [2, 1, 2 / 3]
    assert texts(ax) == ["train, at last 0.3333", "test, at last 0.6667"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")


def test_epochs_without_statistics_have_no_points() -> None:
    ax = plots.learning_curve(History([Epoch(1, 0.1, 1.0)]), "accuracy")
    assert (len(ax.lines), ax.get_legend()) == (0, None)


def test_only_loss_and_accuracy_are_quantities() -> None:
    with pytest.raises(NervaError, match="unknown quantity 'looss'; did you mean 'loss'"):
        plots.learning_curve(CLASSIFICATION, "looss")


@pytest.mark.parametrize(("history", "panels"), [(CLASSIFICATION, ["loss", "accuracy"]), (REGRESSION, ["loss"])])
def test_training_has_a_panel_for_each_quantity(history: History, panels: list[str]) -> None:
    assert [ax.get_ylabel() for ax in plots.training(history).axes] == panels


def test_coverage_has_a_line_for_each_layer_and_the_network() -> None:
    ax = plots.coverage(measured((0.1, 0.2, 0.08), (0.15, 0.3, 0.1)))
    drawn = [line.get_ydata().tolist() for line in ax.lines]
    assert drawn == [[0.2, 0.3], [0.08, 0.1], [0.1, 0.15]]
    assert all(line.get_xdata().tolist() == [1, 2] for line in ax.lines)
    assert texts(ax) == ["layer 1  0.300", "layer 2  0.100", "network  0.150"]
    assert (ax.get_yscale(), ax.get_ylim()[0]) == ("linear", 0)


def test_the_legend_of_coverage_covers_no_data() -> None:
    ax = plots.coverage(measured(*[(0.5, 1.0, 0.4)] * 5))
    ax.figure.canvas.draw()
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1


def test_coverage_is_logarithmic_where_layers_differ_much() -> None:
    ax = plots.coverage(measured((0.021, 0.02, 1.0)))
    low, high = ax.get_ylim()
    assert ax.get_yscale() == "log"
    assert low < 0.02
    assert high > 1
    ax.figure.canvas.draw()
    assert {"0.02", "0.05", "0.1", "0.5", "1"} <= {label.get_text() for label in ax.get_yticklabels()}


def test_a_layer_without_weights_is_no_trouble() -> None:
    assert plots.coverage(measured((0.0, 0.0))).lines[0].get_ydata().tolist() == [0.0]


def test_many_layers_have_different_colours() -> None:
    lines = plots.coverage(measured((0.1, *np.linspace(0.1, 0.9, 12)))).lines
    assert len({to_rgb(line.get_color()) for line in lines}) == 13


def test_epochs_that_were_not_measured_are_left_out() -> None:
    history = measured((0.1, 0.2), (0.2, 0.3))
    history.epochs.append(Epoch(3, 0.1, 1.0))
    assert plots.coverage(history).lines[0].get_xdata().tolist() == [1, 2]


def test_coverage_needs_a_measured_topology() -> None:
    with pytest.raises(NervaError, match=r"none of its 3 epochs has measured a topology.*Static"):
        plots.coverage(CLASSIFICATION)


def run(*accuracies: float) -> History:
    return History([Epoch(n, 0.1, 1.0, 1 / n, a, 2 / n, a / 2) for n, a in enumerate(accuracies, 1)])


def band(ax, place: int = 0) -> list[tuple[float, float, float]]:
    """(epoch, low, high) of a filled band."""
    data = ax.collections[place].get_paths()[0].vertices
    return [(n, *(f(data[data[:, 0] == n, 1]) for f in (np.min, np.max))) for n in sorted(set(data[:, 0]))]


def test_of_several_seeds_the_mean_within_a_standard_deviation() -> None:
    ax = plots.learning_curve([run(0.2, 0.5), run(0.4, 0.7), run(0.6, 0.6)], "accuracy")
    train, test = ax.lines
    np.testing.assert_allclose(train.get_ydata(), [0.4, 0.6])
    np.testing.assert_allclose(test.get_ydata(), [0.2, 0.3])
    np.testing.assert_allclose(band(ax), [(1, 0.2, 0.6), (2, 0.5, 0.7)])
    np.testing.assert_allclose(band(ax, 1), [(1, 0.1, 0.3), (2, 0.25, 0.35)])
    assert texts(ax) == ["train, at last 0.6 ± 0.1, 3 runs", "test, at last 0.3 ± 0.05, 3 runs"]


def test_only_epochs_that_all_runs_have_are_averaged() -> None:
    ax = plots.learning_curve([run(0.2, 0.5, 0.9), run(0.4, 0.7)], "accuracy")
    assert ax.lines[0].get_xdata().tolist() == [1, 2]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.3, 0.6])


def test_one_run_has_no_band() -> None:
    for history in (run(0.2, 0.5), [run(0.2, 0.5)]):
        ax = plots.learning_curve(history)
        assert (len(ax.lines), len(ax.collections)) == (2, 0)


def test_training_of_several_seeds() -> None:
    figure = plots.training([run(0.2, 0.5), run(0.4, 0.7)])
    assert [len(ax.collections) for ax in figure.axes] == [2, 2]


def test_a_comparison_has_a_line_for_each_name() -> None:
    ax = plots.comparison({"SET": [run(0.2, 0.5), run(0.4, 0.7)], "dense": run(0.8, 0.9)})
    np.testing.assert_allclose([line.get_ydata() for line in ax.lines], [[0.15, 0.3], [0.4, 0.45]])
    assert texts(ax) == ["SET, at last 0.3 ± 0.071, 2 runs", "dense, at last 0.45"]
    assert ax.get_ylabel() == "test accuracy"
    assert len(ax.collections) == 1
    train = plots.comparison({"dense": run(0.8, 0.9)}, "loss", "train")
    assert train.lines[0].get_ydata().tolist() == [1, 0.5]
    assert train.get_ylabel() == "train loss"


def test_the_legend_of_a_comparison_covers_no_data() -> None:
    ax = plots.comparison({f"method {number}": run(0.5, 0.6) for number in range(4)})
    ax.figure.canvas.draw()
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_lines_are_told_apart_without_colours(count: int) -> None:
    """By their dashes; more than five by their lightness, too."""
    lines = plots.comparison({str(number): run(0.5, 0.6) for number in range(count)}).lines
    assert len({str(line._dash_pattern) for line in lines}) == min(count, 5)
    assert len({to_rgb(line.get_color()) for line in lines}) == count


def test_what_is_no_history_is_refused() -> None:
    for wrong in ([], [1], "history"):
        with pytest.raises(NervaError, match=r"history must be a History, as train\(\) returns it, or a list of these"):
            plots.learning_curve(wrong)  # type: ignore[arg-type]
    for nothing in ({}, [run(0.5)]):
        with pytest.raises(NervaError, match="histories must be a dictionary of at least one name"):
            plots.comparison(nothing)  # type: ignore[arg-type]
    with pytest.raises(NervaError, match="unknown part 'tset'; did you mean 'test'"):
        plots.comparison({"a": run(0.5)}, part="tset")
