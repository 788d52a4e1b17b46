"""A diagram has a line for each weight that exists, between the right neurons, of the right sign and width."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from scipy.sparse import csr_array

import nerva_py as nv
from nerva_py import plots
from nerva_py.errors import NervaError
from nerva_py.plots.style import BLUE, RED

#          inputs  0     1     2
W1 = csr_array(([2.0, -1.0, 0.0], ([0, 0, 2], [0, 2, 2])), shape=(4, 3))  # neuron 0: two weights; 2: a kept 0
W2 = np.array([[0.5, -0.5, 1.0, -2.0]])


def network() -> nv.MLP:
    return nv.exchange.from_scipy([W1, W2], activations="Sigmoid;Linear")


def lines(ax, label: str) -> dict[tuple[tuple[float, float], tuple[float, float]], float]:
    """Width of each line by its two ends, of the lines with that label."""
    found = [collection for collection in ax.collections if collection.get_label() == label]
    return {
        tuple(tuple(map(float, end)) for end in segment): float(width)
        for collection in found
        for segment, width in zip(collection.get_segments(), collection.get_linewidths(), strict=True)
    }


def neurons(ax) -> list[np.ndarray]:
    return [
        np.asarray(collection.get_offsets())
        for collection in ax.collections
        if len(collection.get_offsets()) and not hasattr(collection, "get_segments")
    ]


def test_each_weight_is_a_line_and_nothing_else_is() -> None:
    ax = plots.network_diagram(network())
    places = neurons(ax)
    assert [len(place) for place in places] == [3, 4, 1]

    def ends(layer: int, d: int, k: int):
        return tuple(map(float, places[layer][d])), tuple(map(float, places[layer + 1][k]))

    positive, negative, zero = (lines(ax, f"weight {sign} 0") for sign in "><=")
    assert set(positive) == {ends(0, 0, 0), ends(1, 0, 0), ends(1, 2, 0)}
    assert set(negative) == {ends(0, 2, 0), ends(1, 1, 0), ends(1, 3, 0)}
    assert set(zero) == {ends(0, 2, 2)}
    slope = (positive[ends(0, 0, 0)] - zero[ends(0, 2, 2)]) / 2  # points a unit of weight
    for drawn, weight in ((positive[ends(1, 0, 0)], 0.5), (positive[ends(1, 2, 0)], 1), (negative[ends(1, 3, 0)], 2)):
        assert drawn == pytest.approx(zero[ends(0, 2, 2)] + slope * weight)
    assert slope > 0.5


def test_signs_are_told_by_colour_and_by_dashes() -> None:
    ax = plots.network_diagram(network())
    styles = {
        c.get_label(): (tuple(c.get_color()[0]), c.get_linestyle()[0][1])
        for c in ax.collections
        if hasattr(c, "get_segments")
    }
    assert styles["weight > 0"] == (to_rgba(BLUE), None)
    assert styles["weight < 0"][0] == to_rgba(RED)
    assert styles["weight < 0"][1] is not None
    legend = ax.get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["weight = 0", "weight > 0", "weight < 0", "no weight enters or leaves"]
    assert legend.get_title().get_text() == "thickest: |weight| = 2"


def test_the_first_neuron_is_at_the_top_and_layers_stand_in_the_middle() -> None:
    ax = plots.network_diagram(network())
    for layer, place in enumerate(neurons(ax)):
        assert (place[:, 0] == layer).all()
        assert (np.diff(place[:, 1]) < 0).all()
        assert place[:, 1].sum() == pytest.approx(0)


def test_neurons_without_weights_on_a_side_are_hollow() -> None:
    ax = plots.network_diagram(network())
    fills = [c.get_facecolors()[:, 0] for c in ax.collections if not hasattr(c, "get_segments")]
    assert [(fill == 1).tolist() for fill in fills] == [[False, True, False], [False, True, False, True], [False]]
    full = plots.network_diagram(nv.mlp("ReLU;Linear", [2, 3, 1], seed=1))
    assert len(full.get_legend().get_texts()) == 2


def test_names_and_titles() -> None:
    ax = plots.network_diagram(network(), input_names=["a", "b", "c"], output_names=["y"])
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["input\n3", "Sigmoid\n4", "Linear\n1", "a", "b", "c", "y"]
    with pytest.raises(NervaError, match="input_names must be 3 names, one a neuron, not 1"):
        plots.network_diagram(network(), input_names=["a"])
    with pytest.raises(NervaError, match="output_names must be 1 names, one a neuron, not 2"):
        plots.network_diagram(network(), output_names=["a", "b"])


def test_large_networks_are_referred_to_other_pictures() -> None:
    with pytest.raises(
        NervaError, match=r"7,850 weights and up to 785 neurons a layer; at most 1,500 and 64 .*sparsity\(\)"
    ):
        plots.network_diagram(nv.mlp("Linear", [785, 10], seed=1))
    with pytest.raises(NervaError, match="1,600 weights"):
        plots.network_diagram(nv.mlp("Linear", [40, 40], seed=1))


def test_full_and_empty_layers() -> None:
    net = nv.mlp("ReLU;Linear", [5, 6, 4], layer_densities=[1.0, 0.0], seed=1)
    ax = plots.network_diagram(net, ax=Figure().add_subplot())
    assert sum(len(lines(ax, f"weight {sign} 0")) for sign in "><=") == 30
    assert plots.network_diagram(nv.mlp("Linear", [3, 2], layer_densities=[0.0], seed=1)).get_legend() is not None
