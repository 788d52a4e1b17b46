"""Panels of a figure, and where they are drawn."""

from __future__ import annotations

import json
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from nerva_py import load_dataset, method, mlp, plots, train
from nerva_py.network import MLP
from nerva_py.sparse import Support
from nerva_py.training import History

from .conftest import measured


@pytest.fixture(scope="module")
def run() -> tuple[History, MLP]:
    network = mlp("ReLU;Linear", [64, 50, 10], layer_densities=[0.1, 0.5], seed=1)
    data = load_dataset("digits")
    return train(network, data, epochs=2, seed=1, statistics=False, callbacks=[method("SET(0.3)")]), network


def test_the_four_panels_of_a_topology(run: tuple[History, MLP]) -> None:
    history, network = run
    figure = Figure()
    assert plots.topology(history, network, (1, 8, 8), figure) is figure
    coverage, connectivity, leaving, entering, _ = figure.axes
    assert len(coverage.lines) == 3
    assert coverage.lines[2].get_ydata()[-1] == history[-1].measures["topology"]["R_s"]
    degrees = np.bincount(network.linear_layers[0].W.value.support.indices, minlength=64)
    assert connectivity.images[0].get_array().reshape(-1).tolist() == degrees.tolist()
    assert leaving.get_xlabel() == "weights leaving an input"
    assert sum(bar.get_height() for bar in leaving.patches) == 64
    assert entering.get_xlabel() == "weights entering a neuron"
    assert sum(bar.get_height() for bar in entering.patches) == 50
    assert not plt.get_fignums()


def test_without_an_image_shape_the_inputs_are_bars(run: tuple[History, MLP]) -> None:
    figure = plots.topology(*run)
    assert not any(ax.images for ax in figure.axes)
    assert figure.axes[1].get_ylabel() == "weights of the input"


def test_panels_are_drawn_where_the_user_wants_them() -> None:
    ax = Figure().add_subplot()
    support = Support.random((5, 4), 6, np.random.default_rng(0))
    assert plots.degrees(support, ax=ax) is ax
    assert plots.connectivity(support, (1, 2, 2), ax) is ax
    assert plots.sparsity(support, ax) is ax
    assert plots.coverage(measured((0.5, 0.5)), ax) is ax
    assert plots.learning_curve(History(), ax=ax) is ax
    assert not plt.get_fignums()


def test_a_new_figure_is_one_of_pyplot() -> None:
    ax = plots.coverage(measured((0.5, 0.5)))
    assert plt.gcf() is ax.figure


def test_pyplot_is_not_imported_with_the_package() -> None:
    program = "import sys, json, nerva_py.plots; print(json.dumps('matplotlib.pyplot' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) is False
