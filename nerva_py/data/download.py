"""Downloading a data set's official files into the user's cache, each verified by its checksum."""

from __future__ import annotations

import logging
from pathlib import Path

from nerva_py.errors import DataError

logger = logging.getLogger(__name__)


def fetch(url: str, md5: str, folder: str) -> Path:
    """The file at `url`, from the cache if it is there already; its checksum is verified in both cases.

    The cache is pooch's folder for `nerva_py` (on Linux ~/.cache/nerva_py). A download that fails, or whose checksum is
    wrong, leaves nothing behind and raises DataError, which tells how to use files that were fetched in another way.
    """
    import pooch
    from requests import RequestException

    directory = Path(pooch.os_cache("nerva_py")) / folder
    name = url.rsplit("/", 1)[-1]
    if not (directory / name).exists():
        logger.info("downloading %s to %s", url, directory)
    # pooch reports on the terminal by itself, which is for the application to decide.
    pooch_logger = pooch.get_logger()
    level = pooch_logger.level
    pooch_logger.setLevel(logging.WARNING)
    try:
        return Path(pooch.retrieve(url, known_hash=f"md5:{md5}", fname=name, path=directory))
    except (RequestException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{url}: cannot be downloaded to {directory} ({type(error).__name__}: {reason}). "
            "If you have the files, name their directory: --data-dir DIR, or path=DIR in Python"
        ) from None
    finally:
        pooch_logger.setLevel(level)
