from __future__ import annotations

import json

from nerva_py.training import Epoch, History

CLASSIFICATION = Epoch(1, 0.01, 2.69463269, 2.14723837, 0.21136, 2.2, 0.2132)
REGRESSION = Epoch(2, 0.01, 1.5, 3.25, None, 4.5, None)


def test_the_line_of_an_epoch_is_nervas():
    assert str(CLASSIFICATION) == (
        "epoch   1 lr: 0.01000000  loss: 2.14723837  train accuracy: 0.21136000  test accuracy: 0.21320000 "
        "time: 2.69463269s"
    )


def test_the_line_without_statistics():
    assert str(Epoch(1, 0.01, 2.69463269)) == "epoch   1 time: 2.69463269s"


def test_the_line_of_a_regression():
    assert str(REGRESSION) == "epoch   2 lr: 0.01000000  loss: 3.25000000  test loss: 4.50000000 time: 1.50000000s"


def test_an_epoch_can_be_logged():
    assert json.loads(json.dumps(CLASSIFICATION.as_dict()))["test_accuracy"] == 0.2132


def test_a_history_is_a_sequence_of_epochs():
    history = History([CLASSIFICATION, REGRESSION])
    assert len(history) == 2
    assert list(history) == [history[0], history[1]]


def test_the_best_epoch():
    scores = [0.5, 0.9, 0.7]
    history = History([Epoch(i + 1, 0.1, 1.0, 1.0, a, 1.0, a) for i, a in enumerate(scores)])
    assert history.best is history[1]
    losses = History([Epoch(i + 1, 0.1, 1.0, loss, None, loss, None) for i, loss in enumerate([3.0, 1.0, 2.0])])
    assert losses.best is losses[1]
    assert History([Epoch(1, 0.1, 1.0)]).best is None
    assert History().best is None
