"""How the share that is dropped falls: a function of the share of training that is over."""

import nerva_py as nv


@nv.register("decay", name="Halving")
def halving(s: float) -> float:
    return 0.5 ** (4 * s)
