"""scikit-learn estimators: truly sparse multilayer perceptrons for pipelines, grid searches and cross-validation."""

from .classifier import SparseMLPClassifier
from .regressor import SparseMLPRegressor

__all__ = ["SparseMLPClassifier", "SparseMLPRegressor"]
