"""A plugin for pytest that puts our two estimators in the place of scikit-learn's two, before its tests import them."""

import sklearn.neural_network

from nerva_py.estimators import SparseMLPClassifier, SparseMLPRegressor

sklearn.neural_network.MLPClassifier = SparseMLPClassifier
sklearn.neural_network.MLPRegressor = SparseMLPRegressor
