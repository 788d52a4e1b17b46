"""The callback protocol: what happens around epochs and steps besides training itself.

A run calls, for every callback,

    on_train_begin                     once, with the network as it was given or as a checkpoint had it
      on_epoch_begin                   before the first step of an epoch
        on_gradients                   in each step, for each layer, before its update
        on_step_end                    after each step
      on_epoch_end                     after the epoch's evaluation; what it puts in `epoch.measures` is logged and saved
    on_train_end                       once, also when training is interrupted or fails

In each of them callbacks run by rising `order`, those of equal order as they are given. So topology methods, which change the
network, come before what measures, what decides about stopping, what writes logs and what saves checkpoints, whatever the order
of the list.

A callback that must continue where it was when a run is resumed gives what it has to remember by `state_dict` and gets it back
by `load_state_dict`, which is called after `on_train_begin`.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from nerva_py.errors import NervaError

if TYPE_CHECKING:
    from nerva_py.network import Layer

    from .history import Epoch
    from .run import Run


class Order(IntEnum):
    """When a callback runs among the others."""

    CHANGES = 0  # the network: topology methods
    MEASURES = 1  # what it finds, into `epoch.measures`; every callback that says nothing else
    DECIDES = 2  # whether training goes on
    WRITES = 3  # logs and progress bars; what cannot be written is a warning
    SAVES = 4  # checkpoints, of everything above


class Callback:
    """Override what you need; see the module's text for what is called when."""

    order: int = Order.MEASURES
    phase = "callbacks"  # under which the seconds of `on_step_end` are counted when phases are timed

    def on_train_begin(self, run: Run) -> None:
        """Before the first epoch; in a resumed run before the next one, and then `run.resumed` is true."""

    def on_epoch_begin(self, run: Run) -> None:
        """Before the first step of an epoch; outside the measured time. `run.step_of_epoch` is 0, or how many steps of the
        epoch had been taken when the checkpoint was written from which it is resumed."""

    def on_gradients(self, run: Run, layer: Layer, tape: Any, gradients: tuple[Any, ...]) -> None:
        """Between the backward pass of a layer and the update of its parameters, from the last layer to the first. `tape` is
        what the layer kept of its forward pass, `gradients` one for each of `layer.parameters`; that of a weight is an
        `Outer`, which may be kept, and then keeps DZ and X."""

    def on_step_end(self, run: Run) -> None:
        """After the update of each mini-batch; inside the measured time."""

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        """After an epoch and its evaluation; outside the measured time."""

    def on_train_end(self, run: Run) -> None:
        """After the last epoch, also when training was interrupted or failed; if `on_train_begin` returned."""

    def unfinished(self, run: Run) -> str | None:
        """What this callback has still to do before the network is what is wanted, None if nothing: until then no epoch is the
        best one, and none counts as one without improvement."""
        return None

    def separate(self) -> Callback:
        """A copy for one fit of an estimator, which leaves its parameter `callbacks` as it is. Raises NervaError where two fits
        would write one file."""
        return copy.deepcopy(self)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must remember: dicts with string keys, lists, numbers, strings, None and numeric arrays."""
        return {}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; called after `on_train_begin` in a resumed run."""


def checked_callbacks(callbacks: Any) -> list[Callback]:
    """The list of them. Raises NervaError, which says what else was given."""
    if isinstance(callbacks, Callback | str) or not isinstance(callbacks, Iterable):
        raise NervaError(f"callbacks must be a list of callbacks, not {callbacks!r}{_cure(callbacks)}")
    result = list(callbacks)
    for place, callback in enumerate(result):
        if not isinstance(callback, Callback):
            raise NervaError(f"callbacks[{place}] must be a Callback, not {callback!r}{_cure(callback)}")
    return result


def _cure(given: Any) -> str:
    if isinstance(given, str):
        return f"; a topology method is made from its specification by method({given!r})"
    if isinstance(given, type) and issubclass(given, Callback):
        return f"; make one: {given.__name__}()"
    return "; write [...] around it" if isinstance(given, Callback) else ""


def overriding(callbacks: Sequence[Callback], method: str) -> list[Callback]:
    """Those that really do something in this method: a call that does nothing still costs time."""
    return [callback for callback in callbacks if getattr(type(callback), method) is not getattr(Callback, method)]


@contextmanager
def warned() -> Iterator[None]:
    """A context in which what cannot be written is a warning: a log is no reason to end a run."""
    try:
        yield
    except (OSError, NervaError) as error:
        warnings.warn(f"training goes on, but {error}", stacklevel=3)


def end_all(callbacks: Sequence[Callback], run: Run) -> None:
    """`on_train_end` of every callback, even if that of another fails; then the first error is raised."""
    first: BaseException | None = None
    for callback in callbacks:
        try:
            callback.on_train_end(run)
        except BaseException as error:  # noqa: BLE001 - raised below, when the others had their turn
            first = first or error
    if first is not None:
        raise first
