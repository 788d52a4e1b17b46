"""What happened in each epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from nerva_py.errors import MissingBackendError

from .writable import Measures

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Epoch:
    """One epoch: number (from 1), learning rate, seconds of training (evaluation apart), and its statistics if wanted.

    Losses are means over the samples; accuracies are shares of right answers, None in a regression. `measures` is what
    callbacks have measured, by their names: what cannot be written, by a logger or into a checkpoint, is refused.
    `final`: whether the network was what is wanted, false while gradual pruning has not reached its density.
    """

    epoch: int
    learning_rate: float
    seconds: float
    train_loss: float | None = None
    train_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    measures: dict[str, Any] = field(default_factory=dict, compare=False)
    final: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "measures", Measures(self.measures))

    @property
    def score(self) -> float | None:
        """What is to be large: the test accuracy, in a regression minus the test loss; None without statistics."""
        if self.test_accuracy is not None:
            return self.test_accuracy
        return None if self.test_loss is None else -self.test_loss

    def __str__(self) -> str:
        """The line that Nerva prints."""
        number = f"epoch {self.epoch:3d}"
        time = f"time: {self.seconds:.8f}s"
        if self.train_loss is None:
            return f"{number} {time}"
        parts = [f"{number} lr: {self.learning_rate:.8f}  loss: {self.train_loss:.8f}"]
        if self.train_accuracy is not None:
            parts.append(f"train accuracy: {self.train_accuracy:.8f}")
        if self.test_accuracy is not None:
            parts.append(f"test accuracy: {self.test_accuracy:.8f}")
        if self.train_accuracy is None and self.test_loss is not None:
            parts.append(f"test loss: {self.test_loss:.8f}")
        return "  ".join(parts) + f" {time}"

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, for a log; what callbacks measured beside them."""
        fields = asdict(self)
        measures = fields.pop("measures")
        del fields["final"]
        return fields | measures


@dataclass
class History:
    """The epochs of a run, and how it ended."""

    epochs: list[Epoch] = field(default_factory=list)
    interrupted: bool = False
    phases: dict[str, float] = field(default_factory=dict)  # seconds by phase of the step, if they were timed

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __len__(self) -> int:
        return len(self.epochs)

    def __getitem__(self, position: int) -> Epoch:
        return self.epochs[position]

    def to_pandas(self) -> pd.DataFrame:
        """A row an epoch, its number being the index; measures that are dicts become columns such as "topology.R_s".

        Raises MissingBackendError where pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingBackendError("to_pandas needs the package pandas: pip install pandas") from None
        return pd.json_normalize([epoch.as_dict() for epoch in self.epochs]).set_index("epoch")

    @property
    def best(self) -> Epoch | None:
        """The `final` epoch of the highest test accuracy, in a regression of the lowest test loss; None without statistics."""
        scored = [(score, epoch) for epoch in self.epochs if epoch.final and (score := epoch.score) is not None]
        return max(scored, key=lambda pair: pair[0])[1] if scored else None
