"""Symbolic carriers and proofs: of the equations in nerva_py, and of your own (`check_layer`, `check_update`, ...).

`check_function` and `check_backward` check the answer to an exercise: on numbers, or by a proof.

`IndexedMatrix` and `sparse` make matrices of symbolic size, `concrete.matrix` makes matrices of symbols of a given size; the
functions of `nerva_py.equations` run on both. `equal` and `gradient_difference` prove for every size. This package imports
SymPy; `import nerva_py` does not import this package.
"""

from . import concrete
from .check_function import FunctionCheck, check_backward, check_function
from .check_layer import check_layer
from .check_parts import check_activation, check_loss
from .check_update import check_update
from .expressions import to_sympy
from .indexed import IndexedMatrix, sparse
from .latex import WrittenMatrix, latex
from .normal_form import normalize
from .numeric import Shown
from .prover import Derivatives, difference, equal, gradient_difference, inner_product
from .verdicts import Counterexample, Report, Verdict

__all__ = [
    "Counterexample",
    "Derivatives",
    "FunctionCheck",
    "IndexedMatrix",
    "Report",
    "Shown",
    "Verdict",
    "WrittenMatrix",
    "check_activation",
    "check_backward",
    "check_function",
    "check_layer",
    "check_loss",
    "check_update",
    "concrete",
    "difference",
    "equal",
    "gradient_difference",
    "inner_product",
    "latex",
    "normalize",
    "sparse",
    "to_sympy",
]
