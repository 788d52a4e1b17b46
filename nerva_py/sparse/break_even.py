"""The density above which a layer is stored as a dense array, because BLAS is faster there than the sparse kernels.

By default it is a constant, so that the same seed gives the same bits on every machine: products in CSR and in dense arrays
sum in another order. `nerva-py doctor` measures it; whoever wants the measured one says so.
"""

from __future__ import annotations

import math
import os

from nerva_py.errors import NervaError

from .densities import checked_density

# Measured with bench/products.py on two cores with AVX-512, the optimizer's update included: 0.39 for 4096×4096, 0.5 for
# 1024×3072, 0.55 for 512×1024.
BREAK_EVEN_DENSITY = 0.4
# BLAS does badly on products with so few columns: a layer with fewer neurons is stored dense at density 1 only. Measured for
# 10×512, batch 100: all three products take 71 µs in CSR even at density 1, and 123 µs dense.
NARROW = 64
DENSITY_VARIABLE = "NERVA_BREAK_EVEN_DENSITY"

_chosen: float | None = None


def break_even_density(neurons: int | None = None) -> float:
    """That of `set_break_even_density`, else of the environment variable NERVA_BREAK_EVEN_DENSITY, else 0.4, but for a layer
    of fewer than 64 neurons the largest number below 1.

    Raises `NervaError` where the variable is no number from 0 to 1.
    """
    if _chosen is not None:
        return _chosen
    given = os.environ.get(DENSITY_VARIABLE)
    if not given:
        return BREAK_EVEN_DENSITY if neurons is None or neurons >= NARROW else math.nextafter(1, 0)
    try:
        return checked_density(float(given), DENSITY_VARIABLE)
    except ValueError:
        raise NervaError(
            f"the environment variable {DENSITY_VARIABLE} must be a number from 0 to 1, not {given!r}"
        ) from None


def set_break_even_density(density: float | None) -> None:
    """From now on, layers that are built, loaded or change their topology are stored dense above this density, 0 to 1.
    None: as before."""
    global _chosen
    _chosen = None if density is None else checked_density(density, "density")
