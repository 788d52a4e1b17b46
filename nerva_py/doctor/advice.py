"""From what was found to what should be done: warnings, each with its cure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nerva_py.threads import openmp_available

from .availability import BackendState
from .regions import Regions

STALLED = (
    0.2  # share of the time in regions that waited for the scheduler; below 0.02 on a quiet machine with bound threads
)
BIND = (
    "export OMP_PROC_BIND=true before Python starts; `nerva-py` does so by itself unless the variable is set otherwise"
)
OPENMP = {
    True: "unset NUMBA_THREADING_LAYER, or set it to omp: an OpenMP runtime is installed",
    False: "install an OpenMP runtime: apt install libgomp1, dnf install libgomp, or brew install libomp",
}


@dataclass(frozen=True)
class Warning:
    """What is wrong, in a sentence, and what to do about it."""

    problem: str
    cure: str


def warnings(
    here: Regions | None,
    scripts: Regions | None,
    environment: Mapping[str, str],
    given: Mapping[str, str],
    cores: int,
    backends: Sequence[BackendState],
) -> list[Warning]:
    """`here`: regions in this process, whose threads are configured by `environment`; `scripts`: in a process that has the
    environment that was `given`, as a script or notebook has. `cores`: those that the process may use."""
    found = []
    if here is not None:
        found += _of_threads(here, environment, cores, "nerva-py")
    if scripts is not None:
        cured = {warning.cure for warning in found}
        found += [w for w in _of_threads(scripts, given, cores, "a script or notebook") if w.cure not in cured]
    if any(state.name == "numba" and not state.works for state in backends):
        found.append(
            Warning("nothing is compiled, so training is some hundred times slower", "unset NUMBA_DISABLE_JIT")
        )
    return found


def is_bound(environment: Mapping[str, str]) -> bool:
    """Whether OpenMP's threads stay on their cores in that environment."""
    return environment.get("OMP_PROC_BIND", "").lower() not in ("", "false")


def _of_threads(regions: Regions, environment: Mapping[str, str], cores: int, who: str) -> list[Warning]:
    """What is wrong with the threads of `who`."""
    found = []
    if regions.layer == "workqueue" and regions.threads > 1:
        found.append(
            Warning(
                f"the threads of {who} run in Numba's workqueue layer, whose parallel regions take "
                f"{1e6 * regions.median:.0f} µs instead of two or three: training takes up to three times as long",
                OPENMP[openmp_available()],
            )
        )
    if regions.stalled > STALLED:
        found.append(
            Warning(
                f"the threads of {who} stall: parallel regions that should take microseconds last up to "
                f"{1e3 * regions.longest:.0f} ms, and {regions.stalled:.0%} of the time passes in them",
                _cure_of_stall(regions, environment, cores),
            )
        )
    return found


def _cure_of_stall(regions: Regions, environment: Mapping[str, str], cores: int) -> str:
    if regions.threads > cores:
        return (
            f"use {cores} threads, as many as there are cores: --threads={cores}, or export NUMBA_NUM_THREADS={cores}"
        )
    if regions.layer != "workqueue" and not is_bound(environment):
        return BIND
    return (
        "another process keeps a core busy (look at `top`): end it, or leave it a core with --threads="
        f"{max(1, cores - 1)}, or export NUMBA_NUM_THREADS={max(1, cores - 1)}"
    )
