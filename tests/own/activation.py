"""An activation: two functions of one number, and a function that puts them together."""

import nerva_py as nv
from nerva_py.equations.activations import Activation
from nerva_py.matrix.scalars import exp, scalar_function


@scalar_function
def bump(x, width):
    """e^(−(x/w)²)"""
    return exp(-(x / width) * (x / width))


@scalar_function
def bump_derivative(x, width):
    """−2 x/w² e^(−(x/w)²)"""
    return -2 * x / (width * width) * bump(x, width)


@nv.register("activation")
def Bump(width: float = 1.0) -> Activation:
    """e^(−(x/w)²)"""
    return Activation("Bump", bump, bump_derivative, (width,))
