from __future__ import annotations

import pytest

from nerva_py.equations import rates
from nerva_py.errors import NervaError
from nerva_py.network.specs import build
from nerva_py.training import SCHEDULES

# spec -> the equation that it stands for
SPECS = {
    "Constant(0.1)": lambda i: rates.constant(i, 0.1),
    "TimeBased(0.1, 0.5)": lambda i: rates.time_based(i, 0.1, 0.5),
    "StepBased(0.1, 0.5, 3)": lambda i: rates.step_based(i, 0.1, 0.5, 3),
    "MultiStepLR(0.1;2,4;0.5)": lambda i: rates.multi_step(i, 0.1, [2, 4], 0.5),
    "MultiStepLR(0.1;3;0.5)": lambda i: rates.multi_step(i, 0.1, [3], 0.5),
    "Exponential(0.1, 0.2)": lambda i: rates.exponential(i, 0.1, 0.2),
    "Cosine(0.1, 8, 0.01)": lambda i: rates.cosine(i, 0.1, 8, 0.01),
    "Cosine(0.1, 8, warm_up=3)": lambda i: rates.warm_up(i, rates.cosine(i, 0.1, 8), 3),
}


@pytest.mark.parametrize("spec", SPECS)
def test_specifications(spec):
    schedule = build("schedule", spec, SCHEDULES)
    assert [schedule(i) for i in range(10)] == pytest.approx([SPECS[spec](i) for i in range(10)])


def test_every_schedule_is_tested():
    assert {spec.partition("(")[0] for spec in SPECS} == set(SCHEDULES)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Constant(-0.1)", "lr must be a finite number of at least 0"),
        ("Constant(1e999)", "lr must be a finite number"),
        ("Constant('fast')", "lr must be a finite number"),
        ("TimeBased(0.1, -1)", "decay must be"),
        ("StepBased(0.1, 0.5, 0)", "change_rate must be a positive number of epochs"),
        ("MultiStepLR(0.1; 1.5, 2; 0.1)", r"milestones must be epochs \(integers\)"),
        ("Cosine(0.1, 0)", "epochs must be positive"),
        ("Constant(0.1, warm_up=-1)", "warm_up must be a number of epochs"),
        ("Constant", "missing a required argument: 'lr'"),
    ],
)
def test_impossible_schedules(spec, message):
    with pytest.raises(NervaError, match=message):
        build("schedule", spec, SCHEDULES)
