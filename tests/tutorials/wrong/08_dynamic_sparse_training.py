"""Answers to the exercises of 08_dynamic_sparse_training that are wrong, each with a part of what is to be told."""

import math

import numpy as np


def set_drop__smallest_magnitudes(w, zeta):
    """hint: the two signs are treated separately"""
    gone = np.zeros(w.size, bool)
    gone[np.argsort(np.abs(w))[: int(zeta * w.size)]] = True
    return gone


def set_drop__most_negative(w, zeta):
    """entries are wrong"""
    gone = np.zeros(w.size, bool)
    order = np.argsort(w)
    negative, positive = order[: (w < 0).sum()], order[(w < 0).sum() :]
    gone[negative[: int(zeta * negative.size)]] = gone[positive[: int(zeta * positive.size)]] = True
    return gone


def rigl_share__rises_again(t, T_end, alpha):
    """hint: after T_end nothing moves any more"""
    return alpha / 2 * (1 + math.cos(math.pi * t / T_end))


def rigl_grow__anywhere(G, kept, count):
    """hint: a position with a weight cannot be grown again"""
    grown = np.zeros(G.size, np.uint8)
    grown[np.argsort(-np.abs(G).ravel())[:count]] = 1
    return grown.reshape(G.shape)


def tried__now(masks):
    """hint: a position stays counted after its weight has gone"""
    return masks.mean(axis=(1, 2))


def feed_the_hungry__random(layer, kept, count, rng):
    """✗ feed_the_hungry raises NervaError"""
    return rng.integers(0, layer.shape[0], count), rng.integers(0, layer.shape[1], count)


def feed_the_hungry__too_few(layer, kept, count, rng):
    """must return"""
    hungry = np.flatnonzero(np.diff(kept.indptr) == 0)[:1]
    return hungry, np.zeros(hungry.size, int)


def feed_the_hungry__others(layer, kept, count, rng):
    """hint: what is compared is the number of neurons that have no input afterwards"""
    free = np.argwhere(kept.mask() == 0)
    fed = free[np.isin(free[:, 0], np.flatnonzero(np.diff(kept.indptr) > 0))][:count]
    return fed[:, 0], fed[:, 1]
