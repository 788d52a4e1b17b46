"""Training: the loop, optimizers with their state, learning-rate schedules, callbacks, history."""

from .callbacks import Callback, Order, TrainingState
from .early_stopping import EarlyStopping
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
    "EarlyStopping",
    "Epoch",
    "History",
    "JSONLinesLogger",
    "Optimizer",
    "Order",
    "TrainingState",
    "evaluate",
    "train",
]
