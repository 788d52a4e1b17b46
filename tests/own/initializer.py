"""An initializer: the values of the weights, row by row."""

import numpy as np

import nerva_py as nv
from nerva_py.network import Initializer


def signs(shape, counts, fan_in, rng):
    """±1/√(number of inputs), each as likely"""
    return np.repeat(1 / np.sqrt(np.maximum(fan_in, 1)), counts) * rng.choice([-1.0, 1.0], int(counts.sum()))


@nv.register("initializer")
def Signs() -> Initializer:
    return Initializer("Signs", signs)
