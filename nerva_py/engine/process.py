"""The process that kernels run in: whether it was forked, how many threads it has, and whether several may start loops at once.

A child that `fork` makes has none of its parent's threads, and an OpenMP runtime that was at work in the parent ends or hangs
there. So a child computes on one thread, with kernels compiled anew from the same source. Nothing is set before a kernel is
compiled: an import changes nothing in a process.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import numba
from numba.core.compiler_lock import global_compiler_lock
from numba.np.ufunc import parallel

_imported_in = os.getpid()
_hooked = False
_forked = False
_kernels: WeakSet[Any] = WeakSet()  # those compiled for threads
_inherited: list[Any] = []  # their versions in a parent: not freed in a child, as that takes locks of the compiler
_locks: list[Any] = [global_compiler_lock]
_region = threading.RLock()
_told: set[str] = set()


def forked() -> bool:
    """Whether Numba's threads are those of a parent, so loops must run on one thread. Asked before a kernel is compiled."""
    global _hooked, _forked
    if not _hooked:
        _hooked = True
        # Other Numba code may have started threads, and the process may have been forked, before the first kernel here.
        _forked = parallel._is_initialized and os.getpid() != _imported_in
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_begin_child)
    return _forked


def hold_across_forks(lock: Any) -> None:
    """Have a fork wait for this lock: one that another thread held would never be released in the child."""
    _locks.append(lock)


def threaded(kernel: Any, version: Callable[..., None]) -> Callable[..., None]:
    """A version of a kernel whose loops run in threads, as it may be called: by one caller at a time where the thread layer
    would end the process otherwise. A child forgets it."""
    _kernels.add(kernel)
    if not parallel._is_initialized or numba.threading_layer() != "workqueue":
        return version

    def one_at_a_time(*arguments: Any) -> None:
        with _region:
            version(*arguments)

    return one_at_a_time


class computed_once:
    """As `functools.cached_property`, which in Python 3.11 holds a lock while it computes: where another thread forks then, the
    child would wait for it for ever."""

    def __init__(self, function: Callable[[Any], Any]):
        self.function, self.__doc__ = function, function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.function(instance)
        return value


@contextmanager
def started_threads() -> Iterator[None]:
    """While a kernel is compiled: NUMBA_NUM_THREADS is the number of threads that have been started.

    Numba reads its variables anew whenever it compiles, and refuses another number.
    """
    try:
        numba.config.reload_config()
    except RuntimeError:
        started, given = str(numba.config.NUMBA_NUM_THREADS), os.environ.get("NUMBA_NUM_THREADS")
        tell_once(
            f"NUMBA_NUM_THREADS={given} comes too late: {started} threads have been started; set it before Numba is imported"
        )
        os.environ["NUMBA_NUM_THREADS"] = started
        try:
            yield
        finally:
            if given is None:
                del os.environ["NUMBA_NUM_THREADS"]
            else:
                os.environ["NUMBA_NUM_THREADS"] = given
    else:
        yield


def tell_once(message: str, cause: object = "") -> None:
    """A warning that comes once in a process, whatever the filters and the causes."""
    if message not in _told:
        _told.add(message)
        warnings.warn(f"{message} ({cause})" if cause else message, RuntimeWarning, stacklevel=2)


def _hold() -> None:
    for lock in _locks:
        lock.acquire()


def _release() -> None:
    for lock in reversed(_locks):
        lock.release()


def _begin_child() -> None:
    global _forked
    _forked = _forked or parallel._is_initialized
    # A thread of the parent may have held these.
    parallel._backend_init_thread_lock, parallel._backend_init_process_lock = threading.RLock(), None
    if _forked:
        for kernel in _kernels:
            _inherited.append(kernel.versions)
            kernel.versions = {}
    _release()
