"""How often something happens, in steps or epochs."""

from __future__ import annotations

import pytest

from nerva_py.errors import NervaError
from nerva_py.training.intervals import every


@pytest.mark.parametrize(
    ("interval", "steps", "text"),
    [
        (100, 100, "every 100 steps"),
        ("100", 100, "every 100 steps"),
        ("1 step", 1, "every 1 step"),
        (" 7 steps ", 7, "every 7 steps"),
        ("1 epoch", 15, "every 1 epoch"),
        ("5 epochs", 75, "every 5 epochs"),
        ("2epochs", 30, "every 2 epochs"),
    ],
)
def test_intervals(interval, steps, text):
    parsed = every(interval)
    assert parsed.steps(steps_per_epoch=15) == steps
    assert str(parsed) == text


@pytest.mark.parametrize("interval", [0, -1, 1.5, "0 epochs", "epoch", "3 weeks", "", None, True, [3]])
def test_impossible_intervals(interval):
    with pytest.raises(NervaError, match='every must be a number of steps or such as "100 steps"') as raised:
        every(interval)
    assert repr(interval) in str(raised.value)
