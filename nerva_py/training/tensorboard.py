"""TensorBoard, if it is installed."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any

from nerva_py.errors import MissingBackendError

from .callbacks import Callback, Order
from .history import Epoch
from .loggers import flat
from .run import Run


class TensorBoardLogger(Callback):
    """Writes losses, accuracies, learning rate, seconds and the measures of callbacks as scalars for TensorBoard.

    They are grouped as TensorBoard groups them: loss/train and loss/test, accuracy/train, ..., topology/R_s. Needs tensorboardX
    (`pip install 'nerva-py[tensorboard]'`), or PyTorch with tensorboard; without them: MissingBackendError. A resumed run hides
    what was written of epochs after its checkpoint.
    """

    order = Order.WRITES

    def __init__(self, directory: str | PathLike[str]):
        self.directory = fspath(directory)
        self._writer_class = summary_writer()
        self._writer: Any = None

    def on_epoch_begin(self, run: Run) -> None:
        if self._writer is None:
            self._writer = self._writer_class(self.directory, purge_step=run.epoch if run.resumed else None)

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        for name, value in flat(epoch.as_dict()).items():
            if name != "epoch" and isinstance(value, int | float):
                self._writer.add_scalar(tag(name), value, epoch.epoch)
        self._writer.flush()

    def on_train_end(self, run: Run) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def tag(name: str) -> str:
    """train_loss -> loss/train, topology.R_s -> topology/R_s, seconds -> run/seconds"""
    part, _, quantity = name.partition("_")
    if part in ("train", "test") and quantity in ("loss", "accuracy"):
        return f"{quantity}/{part}"
    return name.replace(".", "/") if "." in name else f"run/{name}"


def summary_writer() -> Any:
    """The class that writes event files. Raises MissingBackendError."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingBackendError(
                "TensorBoardLogger needs the package tensorboardX: pip install 'nerva-py[tensorboard]'"
            ) from None
    return SummaryWriter
