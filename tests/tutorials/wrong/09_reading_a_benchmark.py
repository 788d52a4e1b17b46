"""Answers to the exercises of 09_reading_a_benchmark that are wrong, each with a part of what is to be told."""

import numpy as np

from nerva_py.equations.updates import nesterov


def speedups__upside_down(ours, theirs):
    """returns a wrong value 1 of 2"""
    return np.median(ours) / np.median(theirs), ours.min() / theirs.min()


def speedups__means(ours, theirs):
    """returns a wrong value 1 of 2"""
    return theirs.mean() / ours.mean(), theirs.min() / ours.min()


def attainable__maximum(intensities, peak, bandwidth):
    """hint: the lower of the two limits holds"""
    return np.maximum(peak, bandwidth * intensities)


def fair_training__mask_before(W, mask, gradients, eta, mu):
    """hint: where the mask is 0, the result must be 0"""
    velocity = np.zeros_like(W)
    for G in gradients:
        W, velocity = nesterov(W * mask, G, velocity, eta, 0.0, mu)
    return W


def fair_training__no_momentum(W, mask, gradients, eta, mu):
    """✗ fair_training has entry"""
    W = W * mask
    for G in gradients:
        W = (W - eta * G) * mask
    return W


def fixed_and_per_density__swapped(densities, times):
    """returns a wrong value 1 of 2"""
    return tuple(np.polyfit(densities, times, 1))


def worst_case__best(rows, ours, theirs):
    """✗ worst_case returns"""
    return max(row["seconds"][theirs]["median"] / row["seconds"][ours]["median"] for row in rows)
