"""Training: the loop, optimizers with their state, learning-rate schedules, callbacks, history."""

from .callbacks import Callback, TrainingState
from .evaluation import evaluate
from .history import Epoch, History
from .loggers import JSONLinesLogger
from .loop import train
from .optimizers import OPTIMIZERS, Optimizer
from .schedules import SCHEDULES

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Callback",
    "Epoch",
    "History",
    "JSONLinesLogger",
    "Optimizer",
    "TrainingState",
    "evaluate",
    "train",
]
