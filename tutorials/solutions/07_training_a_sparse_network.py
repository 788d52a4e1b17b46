"""Solutions of the exercises of 07_training_a_sparse_network."""

import numpy as np

import nerva_py as nv


def densities(shapes, epsilon):
    K, D = shapes.T
    return np.minimum(1, epsilon * (K + D) / (K * D))


def deviations(mask):
    return np.sqrt(2 / np.maximum(mask.sum(axis=1), 1))


def number_cut_off(M1, M2):
    return np.count_nonzero((M1.sum(axis=1) == 0) | (M2.sum(axis=0) == 0))


def within_budget(data):
    network = nv.mlp("ReLU;ReLU;Linear", [64, 128, 128, 10], overall_density=0.112, weights="SparseHe", seed=1)
    nv.train(network, data, epochs=20, batch_size=50, learning_rate="MultiStepLR(0.05;15;0.2)", seed=1)
    return network
