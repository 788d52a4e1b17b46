"""A method: drop × growth × when."""

import nerva_py as nv


@nv.register("method")
def EnergyLeft(zeta: float = 0.3, every: int | str = 5) -> nv.DynamicTopology:
    return nv.DynamicTopology(
        f"Energy({zeta})", "FromTheLeft", "Signs", every=every, decay="Halving", name="EnergyLeft"
    )
