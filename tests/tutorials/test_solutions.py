"""The exercises of each notebook: the solutions are right, the skeletons not answered, wrong answers told what is wrong.

Each notebook is executed here once as a script, in the short settings, and a warning is an error.
"""

from __future__ import annotations

import os

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from tests.tutorials.degenerate import degenerate
from tests.tutorials.notebooks import SCRIPTS, SOLUTIONS, Run, functions, wrong_answers

SHARE = 1 if os.environ.get("NERVA_TUTORIALS") == "full" else 4  # of the answers of those who guess, one in so many


@pytest.mark.usefixtures("one_thread")  # tiny networks
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_exercises(script, monkeypatch, tmp_path):
    monkeypatch.setenv("NERVA_TUTORIALS", "short")
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    run = Run(script, functions(SOLUTIONS / script.name))
    run.record(monkeypatch)
    run.all_cells()
    plt.close("all")

    assert run.unanswered, "a notebook ends with exercises"
    assert run.answers.keys() >= run.unanswered.keys(), "each exercise has a solution"
    assert run.answers.keys() <= run.unanswered.keys(), "each solution has an exercise"
    assert run.cell_of.keys() >= run.unanswered.keys(), "each exercise is checked"
    assert [str(check) for check in run.checks if not check] == []

    for name, skeleton in run.unanswered.items():
        check = run.check_again(name, skeleton)
        assert not check.answered
        assert "not answered yet" in str(check)

    wrong = list(wrong_answers(script))
    assert wrong, "at least one wrong answer is to be found wrong"
    for name, told, answer in wrong:
        check = run.check_again(name, answer)
        assert not check
        assert check.answered
        assert told in " ".join(str(check).split())

    for number, (name, right) in enumerate(run.answers.items()):
        for what, answer in list(degenerate(right))[number % SHARE :: SHARE]:
            if (name, what) != ("within_budget", "always the first"):  # there is one data set
                assert not run.check_again(name, answer), f"{name}: {what} is taken for right"
