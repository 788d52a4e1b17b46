"""Checkpoints: one file that holds a network, and the run that it is in, and of which no damage goes unseen.

`container` is the file, `trees` and `fields` are what stands in it; `networks`, `generators` and `datasets` say how each of
these is written. Training adds its own part: see `nerva_py.training.resuming`.
"""

from .datasets import DataDescription, describe
from .network_file import load, save

__all__ = ["DataDescription", "describe", "load", "save"]
