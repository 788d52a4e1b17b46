"""No window is opened, and no figure stays."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import pytest

from nerva_py.training import Epoch, History


@pytest.fixture(autouse=True)
def no_figures_stay() -> Iterator[None]:
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def measured(*shares: tuple[float, ...]) -> History:
    """A history whose epochs have these R_s: of the network, then of each layer."""
    epochs = []
    for number, (network, *layers) in enumerate(shares, 1):
        topology = {"R_s": network, "layers": [{"R_s": share} for share in layers]}
        epochs.append(Epoch(number, 0.1, 1.0, measures={"topology": topology}))
    return History(epochs)
