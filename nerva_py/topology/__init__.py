"""Dynamic sparse training: weights are dropped and grown while the network learns.

A method is schedule × density distribution × drop rule × grow rule. `methods` has those of the field, one a short file;
`DynamicTopology` puts together your own.
"""

from . import drop, grow, measures, methods
from .coverage import Coverage
from .decays import GradualDensity
from .drop import DROP_RULES, Drop, by_score
from .grow import GROW_RULES, Grow
from .layer import TopologyLayer
from .measures import distance, in_degrees, out_degrees
from .methods import METHODS, method
from .neurons import importance, input_importance, remove_neurons
from .strategy import DynamicTopology

__all__ = [
    "DROP_RULES",
    "GROW_RULES",
    "METHODS",
    "Coverage",
    "Drop",
    "DynamicTopology",
    "GradualDensity",
    "Grow",
    "TopologyLayer",
    "by_score",
    "distance",
    "drop",
    "grow",
    "importance",
    "in_degrees",
    "input_importance",
    "measures",
    "method",
    "methods",
    "out_degrees",
    "remove_neurons",
]
