"""How an overall density is shared out among layers: the last one gets all its weights, the others what is left."""

from math import prod

import nerva_py as nv


@nv.register("distribution", name="DenseLast")
def dense_last(shapes, density):
    sizes = [prod(shape) for shape in shapes]
    left = max(0.0, density * sum(sizes) - sizes[-1])
    return [min(1.0, left / sum(sizes[:-1]))] * (len(sizes) - 1) + [1.0]
