"""The density above which a layer is stored as a dense array, because BLAS is faster there than the sparse kernels.

By default it is a constant, so that the same seed gives the same bits on every machine: products in CSR and in dense arrays
sum in another order. `nerva-py doctor` measures it; whoever wants the measured one says so.
"""

from __future__ import annotations

import os

from nerva_py.errors import NervaError
from nerva_py.sparse.densities import checked_density

# Measured with bench/products.py on two cores with AVX-512, the optimizer's update included: 0.39 for 4096×4096, 0.5 for
# 1024×3072, 0.55 for 512×1024.
BREAK_EVEN_DENSITY = 0.4
VARIABLE = "NERVA_BREAK_EVEN_DENSITY"

_chosen: float | None = None


def break_even_density() -> float:
    """That of `set_break_even_density`, else of the environment variable NERVA_BREAK_EVEN_DENSITY, else 0.4.

    Raises `NervaError` where the variable is no number from 0 to 1.
    """
    if _chosen is not None:
        return _chosen
    given = os.environ.get(VARIABLE)
    if not given:
        return BREAK_EVEN_DENSITY
    try:
        return checked_density(float(given), VARIABLE)
    except ValueError:
        raise NervaError(f"the environment variable {VARIABLE} must be a number from 0 to 1, not {given!r}") from None


def set_break_even_density(density: float | None) -> None:
    """From now on, layers that are built, loaded or change their topology are stored dense above this density, 0 to 1.
    None: as before."""
    global _chosen
    _chosen = None if density is None else checked_density(density, "density")
