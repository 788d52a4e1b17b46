"""Training: the loop, optimizers with their state, learning-rate schedules, callbacks, history."""

from .callbacks import Callback, Order
from .early_stopping import EarlyStopping
from .evaluation import evaluate
from .gradient_check import GradientCheck
from .history import Epoch, History
from .loggers import CSVLogger, JSONLinesLogger
from .loop import train
from .model_checkpoint import ModelCheckpoint
from .optimizers import OPTIMIZERS, Optimizer
from .progress_bar import ProgressBar
from .resuming import Checkpoint, read_checkpoint
from .run import Batch, Run
from .schedules import SCHEDULES
from .tensorboard import TensorBoardLogger
from .termination import TerminateOnNaN

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Batch",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "Epoch",
    "GradientCheck",
    "History",
    "JSONLinesLogger",
    "ModelCheckpoint",
    "Optimizer",
    "Order",
    "ProgressBar",
    "Run",
    "TensorBoardLogger",
    "TerminateOnNaN",
    "evaluate",
    "read_checkpoint",
    "train",
]
