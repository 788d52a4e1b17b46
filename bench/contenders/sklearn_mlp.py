"""scikit-learn's `MLPClassifier` (dense only): one `partial_fit` a mini-batch, its own SGD with Nesterov momentum.

The mini-batch is one call, so that the order of the samples is everybody's; the call's checks of its arguments cost it about
one part in fifty of a step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from . import Contender
from .problem import Problem


class ScikitLearn(Contender):
    """Initial weights are written over those of the first, discarded call."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.X, self.T = problem.normalized(), problem.T
        self.model = MLPClassifier(
            [W.shape[0] for W in problem.weights[:-1]],
            solver="sgd",
            alpha=0.0,
            batch_size=problem.batch_size,
            learning_rate_init=problem.learning_rate,
            momentum=problem.momentum,
            nesterovs_momentum=True,
            shuffle=False,
        )
        self.classes = np.arange(problem.num_classes)
        self.model.partial_fit(self.X[: problem.batch_size], self.T[: problem.batch_size], classes=self.classes)
        for i, (W, b) in enumerate(zip(problem.weights, problem.biases, strict=True)):
            self.model.coefs_[i][...] = W.toarray().T
            self.model.intercepts_[i][...] = b[0]
        for velocity in self.model._optimizer.velocities:
            velocity[...] = 0

    def step(self, rows: np.ndarray) -> Any:
        self.model.batch_size = len(rows)  # it warns where there are fewer samples
        self.model.partial_fit(self.X[rows], self.T[rows])
        return self.model.loss_

    def loss(self, result: Any) -> float:
        return float(result)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The logits up to a constant a sample, which the model does not give: log of its probabilities."""
        return self.model.predict_log_proba(self.problem.normalized(X))

    def nbytes(self) -> dict[str, int]:
        weights = sum(W.nbytes for W in self.model.coefs_)
        biases = sum(b.nbytes for b in self.model.intercepts_)
        return {"weights": weights, "biases": biases, "gradients": weights + biases, "velocities": weights + biases}
