"""A few megabytes that are given up when the disk is full, so that there is room to make room: rows have to be written
before anything can be removed. A file in `cache/`, which may go at any time; it is made again when there is space."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

_BYTES = 4 * 2**20
_FREE_BYTES_MIN = 8 * _BYTES


def keep(data_dir: Path) -> None:
    """Makes it, unless it is there or space is short."""
    path = _path(data_dir)
    if path.exists() or shutil.disk_usage(data_dir).free < _FREE_BYTES_MIN:
        return
    with suppress(OSError), path.open("xb") as file:
        os.posix_fallocate(file.fileno(), 0, _BYTES)


def drop(data_dir: Path) -> None:
    """Idempotent."""
    _path(data_dir).unlink(missing_ok=True)


def _path(data_dir: Path) -> Path:
    return data_dir / "cache" / "ballast"
