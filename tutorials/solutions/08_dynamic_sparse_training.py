"""Solutions of the exercises of 08_dynamic_sparse_training."""

import math

import numpy as np

from nerva_py.sparse import first_free
from nerva_py.topology import in_degrees


def set_drop(w, zeta):
    gone = np.zeros(w.size, bool)
    for places in (np.flatnonzero(w > 0), np.flatnonzero(w < 0)):
        nearest_first = places[np.argsort(np.abs(w[places]))]
        gone[nearest_first[: int(zeta * places.size)]] = True
    return gone


def rigl_share(t, T_end, alpha):
    return alpha / 2 * (1 + math.cos(math.pi * t / T_end)) if t <= T_end else 0.0


def rigl_grow(G, kept, count):
    scores = np.where(kept == 1, -1, np.abs(G)).ravel()
    grown = np.zeros(G.size, np.uint8)
    grown[np.argsort(-scores, kind="stable")[:count]] = 1
    return grown.reshape(G.shape)


def tried(masks):
    return np.maximum.accumulate(masks, axis=0).mean(axis=(1, 2))


def feed_the_hungry(layer, kept, count, rng):
    hungry = np.flatnonzero(in_degrees(kept) == 0)
    columns = rng.integers(0, layer.shape[1], hungry.size)
    return first_free(kept, hungry, columns, count, rng)
