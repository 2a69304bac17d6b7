"""Folders that one controller has for itself, of several that may share a disk."""

import os
import shutil
import socket
from pathlib import Path


def made(folder: Path) -> Path:
    """In `folder`, from which goes what controllers of this machine left that were killed."""
    here = socket.gethostname()
    for left in folder.glob(f"*-{here}"):
        if not Path(f"/proc/{left.name.partition('-')[0]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    place = folder / f"{os.getpid()}-{here}"
    place.mkdir(parents=True)
    return place
