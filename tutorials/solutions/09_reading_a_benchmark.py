"""Solutions of the exercises of 09_reading_a_benchmark."""

import numpy as np

from nerva_py.equations.updates import nesterov


def speedups(ours, theirs):
    return np.median(theirs) / np.median(ours), theirs.min() / ours.min()


def attainable(intensities, peak, bandwidth):
    return np.minimum(peak, bandwidth * intensities)


def fair_training(W, mask, gradients, eta, mu):
    W, velocity = W * mask, np.zeros_like(W)
    for G in gradients:
        W, velocity = nesterov(W, G, velocity, eta, 0.0, mu)
        W = W * mask
    return W


def fixed_and_per_density(densities, times):
    slope, fixed = np.polyfit(densities, times, 1)
    return fixed, slope


def worst_case(rows, ours, theirs):
    return min(row["seconds"][theirs]["median"] / row["seconds"][ours]["median"] for row in rows)
