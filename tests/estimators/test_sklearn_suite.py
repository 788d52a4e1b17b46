"""Scikit-learn's own tests of its multilayer perceptrons, run with our classes in place of its two."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.optional import needs

SUITE = "sklearn.neural_network.tests.test_mlp"
# What does not pass, and why.
PRIVATE = "looks at private attributes of scikit-learn's classes"
OTHERWISE = {
    "test_fit": f"{PRIVATE}, and puts weights into them one by one: coefs_, _coef_grads, _intercept_velocity",
    "test_gradient": f"{PRIVATE}: _loss_grad_lbfgs",
    "test_learning_rate_warmstart": f"{PRIVATE}: _optimizer.learning_rate",
    "test_adaptive_learning_rate": f"{PRIVATE}: _optimizer.learning_rate",
    "test_n_iter_no_change": "training ends after n_iter_no_change epochs without improvement, theirs after one more",
    "test_shuffle": "coefs_ are sparse arrays, which np.array_equal does not compare",
    "test_predict_proba_multilabel": "probabilities that round to 1 are told apart by predict_log_proba here",
    "test_mlp_diverging_loss": "a loss that is not finite is a DivergedError here, not a fitted estimator of NaN",
}


@needs("pandas")  # which two of them use
def test_scikit_learns_own_tests() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    # Its own conftest is beside it; our configuration, by which warnings are errors, is not for it.
    arguments = [
        "-q",
        "-rf",
        "-c",
        os.devnull,
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.estimators.as_sklearn",
        "--pyargs",
        SUITE,
    ]
    command = [sys.executable, "-m", "pytest", *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=900)
    failed = {name.partition("[")[0] for name in re.findall(r"^FAILED \S*::(\S+)", result.stdout, re.MULTILINE)}
    assert failed <= set(OTHERWISE), result.stdout[-6000:]
    counts = dict(re.findall(r"(\d+) (passed|failed|skipped|errors?)", result.stdout.splitlines()[-1]))
    passed = next(int(number) for number, what in counts.items() if what == "passed")
    assert passed >= 0.85 * (passed + len(failed)), result.stdout[-6000:]  # 51 of 59 in scikit-learn 1.9
