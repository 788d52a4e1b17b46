"""Pictures of training and of topologies, with matplotlib.

A function that draws one panel takes and returns `Axes`; one that draws several takes and returns a `Figure`. Without one a
new one is made by pyplot, which a notebook shows.
"""

from .animation import ConnectivityRecorder, connectivity_gif
from .diagram import network_diagram
from .epochs import comparison, coverage, learning_curve
from .figures import topology, training
from .matrices import connectivity, degrees, sparsity
from .predictions import confusion_matrix

__all__ = [
    "ConnectivityRecorder",
    "comparison",
    "confusion_matrix",
    "connectivity",
    "connectivity_gif",
    "coverage",
    "degrees",
    "learning_curve",
    "network_diagram",
    "sparsity",
    "topology",
    "training",
]
