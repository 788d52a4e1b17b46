"""TensorBoard, if it is installed."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import Any

from nerva_py.errors import MissingBackendError

from .callbacks import Callback, Order
from .history import Epoch
from .run import Run
from .run_files import RUN, claim_alone, claimed
from .writable import flat


class TensorBoardLogger(Callback):
    """Writes losses, accuracies, learning rate, seconds and the measures of callbacks as scalars for TensorBoard.

    They are grouped as TensorBoard groups them: loss/train and loss/test, accuracy/train, ..., topology/R_s. Needs tensorboardX
    (`pip install 'nerva-py[tensorboard]'`), or PyTorch with tensorboard; without them: MissingBackendError. A resumed run hides
    what was written of epochs after its checkpoint. {run} in the name of the directory stands for a number that is new for each
    run.
    """

    order = Order.WRITES

    def __init__(self, directory: str | PathLike[str]):
        self.directory = fspath(directory)
        self.file = Path(self.directory)
        self._writer: Any = None
        summary_writer()

    def separate(self) -> Callback:
        claim_alone(Path(self.directory), directory=True)
        return super().separate()

    def on_train_begin(self, run: Run) -> None:
        self.file = Path(self.directory)

    def on_epoch_begin(self, run: Run) -> None:
        if self._writer is None:
            self.file = claimed(self.file, directory=True)
            self._writer = summary_writer()(str(self.file), purge_step=run.epoch if run.resumed else None)

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        for name, value in flat(epoch.as_dict()).items():
            if name != "epoch" and isinstance(value, int | float):
                self._writer.add_scalar(tag(name), value, epoch.epoch)
        self._writer.flush()

    def __getstate__(self) -> dict[str, Any]:
        """Without the open file, which no copy and no pickle can hold."""
        return vars(self) | {"_writer": None}

    def state_dict(self) -> dict[str, Any]:
        return {"file": self.file.name} if RUN in self.directory else {}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.file = Path(self.directory).with_name(str(saved["file"]))

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
