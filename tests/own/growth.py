"""A grow rule: as many free positions as were dropped."""

import numpy as np

import nerva_py as nv
from nerva_py.sparse import first_free
from nerva_py.topology import Grow


def from_the_left(layer, kept, count, rng):
    places = np.arange(kept.nnz + count)
    rows, columns = places % layer.shape[0], places // layer.shape[0]
    return first_free(kept, rows, columns, count, rng)


@nv.register("growth")
def FromTheLeft() -> Grow:
    return Grow("FromTheLeft", from_the_left, batches=0)
