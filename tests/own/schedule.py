"""A learning-rate schedule: a function of the epoch 0, 1, 2, ..."""

import nerva_py as nv


@nv.register("schedule")
def Harmonic(lr: float):
    """η / (1 + i)"""
    return lambda i: lr / (1 + i)
