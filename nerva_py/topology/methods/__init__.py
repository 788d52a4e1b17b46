"""Methods of dynamic sparse training, one a file: when × which weights go × where new ones come."""

from __future__ import annotations

from collections.abc import Callable

from nerva_py.network.specs import build
from nerva_py.parts import registry_of
from nerva_py.topology.strategy import DynamicTopology

from .gradual import GradualMagnitude
from .granet import GraNet
from .gse import GSE
from .importance import ImportancePruning
from .magnitude_random import MagnitudeRandom
from .rigl import RigL
from .set import SET
from .smet import SMET
from .static import Static

METHODS: dict[str, Callable[..., DynamicTopology]] = registry_of(
    Static, SET, RigL, MagnitudeRandom, GradualMagnitude, GraNet, GSE, ImportancePruning, SMET
)


def method(spec: str | DynamicTopology) -> DynamicTopology:
    """The method that a spec names: "SET(0.3)", "RigL(0.3, every=50)", "GraNet(0.05)". Raises NervaError."""
    return build("method", spec, METHODS) if isinstance(spec, str) else spec


__all__ = [
    "GSE",
    "METHODS",
    "SET",
    "SMET",
    "GraNet",
    "GradualMagnitude",
    "ImportancePruning",
    "MagnitudeRandom",
    "RigL",
    "Static",
    "method",
]
