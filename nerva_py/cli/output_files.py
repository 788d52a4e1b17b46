"""Output files are looked at before training starts, so that no result is lost at its end."""

from __future__ import annotations

import os
from pathlib import Path

from nerva_py.errors import NervaError

from .options import Options


def check_outputs(options: Options) -> None:
    """Refuse files that cannot be written. Nothing is created or changed."""
    files = {
        "--log": options.log,
        "--plot": options.plot,
        "--topology-plot": options.topology_plot,
        "--save-weights": options.save_weights,
        "--save-dataset": options.save_dataset,
        "--save": options.save,
    }
    seen: dict[Path, str] = {}
    for option, path in files.items():
        if path is None:
            continue
        reason = why_not(path, appended=option == "--log")
        if reason:
            raise NervaError(f"{option} {path}: {reason}")
        if path.resolve() in seen:
            raise NervaError(f"{option} {path}: the same file as {seen[path.resolve()]}")
        seen[path.resolve()] = option
    if options.plot is not None:
        if options.no_statistics:
            raise NervaError("--plot needs the losses and accuracies that --no-statistics leaves out")
        from .plot import check_format

        check_format("--plot", options.plot)
    if options.topology_plot is not None:
        from .plot import OF_TOPOLOGY, check_format

        check_format("--topology-plot", options.topology_plot, OF_TOPOLOGY)


def why_not(path: Path, appended: bool) -> str | None:
    """What prevents writing a file; None if nothing is known to. A file is replaced as a whole unless lines are appended."""
    folder = path.parent
    if not folder.is_dir():
        return f"there is no directory {folder}"
    if path.is_dir():
        return "is a directory"
    if path.exists() and not appended and not path.is_file():
        return "is not a regular file"
    if path.exists() and not os.access(path, os.W_OK):
        return "is not writable"
    if not (path.exists() and appended) and not os.access(folder, os.W_OK | os.X_OK):
        return f"the directory {folder} is not writable"
    return None
