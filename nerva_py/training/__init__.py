"""Training: the loop, optimizers with their state, learning-rate schedules, callbacks, history."""

from .callbacks import Callback, Order, TrainingState
from .early_stopping import EarlyStopping
from .evaluation import evaluate
from .history import Epoch, History
from .loggers import JSONLinesLogger
from .loop import train
from .model_checkpoint import ModelCheckpoint
from .optimizers import OPTIMIZERS, Optimizer
from .resuming import Checkpoint, read_checkpoint
from .schedules import SCHEDULES

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "Epoch",
    "History",
    "JSONLinesLogger",
    "ModelCheckpoint",
    "Optimizer",
    "Order",
    "TrainingState",
    "evaluate",
    "read_checkpoint",
    "train",
]
