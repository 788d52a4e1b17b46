"""Files that a run writes while it goes on: one a run, also where many runs go on at once."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from nerva_py.errors import NervaError

RUN = "{run}"  # in the name of a file, the place of a number that is new for each run


def claimed(path: Path, directory: bool = False) -> Path:
    """The path with the first number in place of {run} of which there is nothing yet; made here, empty, so that no other run
    takes it. A path without {run} is returned as it is. Raises NervaError."""
    if RUN not in path.name:
        return path
    for number in count(1):
        numbered = path.with_name(path.name.replace(RUN, str(number)))
        if _made(numbered, directory):
            return numbered
    raise AssertionError


def claim_alone(path: Path, directory: bool = False) -> None:
    """Make a file for one fit of an estimator, of which others may be fitted at once. Raises NervaError if it is there already,
    unless {run} in its name gives each its own."""
    if RUN not in path.name and not _made(path, directory):
        raise NervaError(
            f"{path}: is there already, perhaps from another fit: an estimator can be fitted many times, by a search also at "
            f"once. Remove it, or write {RUN} into the name, which becomes another number for each fit, as in "
            f"'{path.stem}-{RUN}{path.suffix}'"
        )


def _made(path: Path, directory: bool) -> bool:
    """Whether it could be made, because there was none."""
    try:
        if directory:
            path.mkdir(parents=True)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileExistsError:
        return False
    except OSError as error:
        raise NervaError(f"{path}: cannot be written ({error.strerror or error})") from None
    return True
