"""A confusion matrix counts what the network says of the samples."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

import nerva_py as nv
from nerva_py import plots
from nerva_py.errors import NervaError, ShapeError

X = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1, 2]]
T = np.array([0, 0, 1, 1, 1, 0])  # class 2 is never right
COUNTS = np.array([[2, 0, 1], [1, 2, 0], [0, 0, 0]])


def given() -> tuple[nv.MLP, nv.Dataset]:
    """The network gives back its input, which is normalised before: the one is the largest then, too."""
    data = nv.from_arrays(X, T, X[:4], T[:4], num_classes=3, normalization="feature")
    return nv.exchange.from_scipy([np.eye(3, dtype=np.float32)]), data


def drawn(ax) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


def test_counts() -> None:
    network, data = given()
    ax = plots.confusion_matrix(network, data, "train")
    assert drawn(ax).tolist() == COUNTS.tolist()
    assert [text.get_text() for text in ax.texts] == [str(count) for count in COUNTS.reshape(-1)]
    assert ax.get_title() == "6 train samples, accuracy 0.6667"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Predicted label", "True label")
    assert drawn(plots.confusion_matrix(network, data)).tolist() == [[2, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_shares_and_names() -> None:
    network, data = given()
    ax = Figure().add_subplot()
    names = ["cat", "dog", "emu"]
    assert plots.confusion_matrix(network, data, "train", normalize="true", class_names=names, ax=ax) is ax
    np.testing.assert_allclose(drawn(ax), COUNTS / np.array([[3], [3], [1]]))
    assert [label.get_text() for label in ax.get_xticklabels()] == names
    assert ax.texts[0].get_text() == "0.67"


def test_the_accuracy_is_that_of_evaluation() -> None:
    data = nv.load_dataset("digits")
    network = nv.mlp("ReLU;Linear", [64, 40, 10], seed=1)
    history = nv.train(network, data, epochs=1, seed=1)
    ax = plots.confusion_matrix(network, data)
    assert np.trace(drawn(ax)) / drawn(ax).sum() == history[-1].test_accuracy


def test_many_classes_have_a_colour_bar() -> None:
    labels = np.arange(30)
    data = nv.from_arrays(np.eye(30, dtype=np.float32), labels)
    ax = plots.confusion_matrix(nv.exchange.from_scipy([np.eye(30, dtype=np.float32)]), data, "train")
    assert (len(ax.texts), len(ax.figure.axes)) == (0, 2)
    assert [label.get_text() for label in ax.get_xticklabels()] == [str(label) for label in range(0, 30, 2)]
    assert (drawn(ax) == np.eye(30)).all()


def test_what_does_not_fit_is_refused() -> None:
    network, data = given()
    with pytest.raises(NervaError, match="unknown part 'tets'; did you mean 'test'"):
        plots.confusion_matrix(network, data, "tets")
    with pytest.raises(NervaError, match=r"unknown normalize 'rows'. Known: all, pred, true"):
        plots.confusion_matrix(network, data, normalize="rows")
    with pytest.raises(NervaError, match="class_names must be 3 names, one a class, not 2"):
        plots.confusion_matrix(network, data, class_names=["a", "b"])
    with pytest.raises(NervaError, match="data has no test samples"):
        plots.confusion_matrix(network, nv.from_arrays(X, T, num_classes=3))
    with pytest.raises(ShapeError, match="as many classes as the network has outputs, 3, not 2"):
        plots.confusion_matrix(network, nv.from_arrays(X, T))
    with pytest.raises(ShapeError, match=r"outputs, 3, not none \(it is a regression\)"):
        plots.confusion_matrix(network, nv.from_arrays(X, X))
