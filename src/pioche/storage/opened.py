"""Files held open between the parts that are read of them: the next part costs one look at the file, not an opening.

Only files that were found whole, few, and for ten seconds at most (a web process flushes them with its buffers): what is
deleted gives back its room when the last one who holds it open lets go.

A part that is read soon after another is not looked at by itself, no more than the pieces of a long answer are: a system
call, short as it is, gives Python's lock to the server's other threads, and getting it back costs as much as all else here.
"""

import time

from pioche.names import Sha256
from pioche.storage.disk import OpenFile

FILES_MAX = 32
_LOOKED_AT_SECONDS = 0.1


class Opened:
    """Those of one process. Safe in threads: nothing but single operations on a dictionary."""

    def __init__(self) -> None:
        self._files: dict[Sha256, tuple[OpenFile, float]] = {}

    def find(self, sha256: Sha256) -> OpenFile | None:
        """The file if it is held, and nobody has written to it, renamed or deleted it since it was found whole, as of a
        tenth of a second ago at most."""
        held = self._files.get(sha256)
        if held is None:
            return None
        file, looked_at = held
        now = time.monotonic()
        if now - looked_at > _LOOKED_AT_SECONDS:
            if not file.is_unchanged:
                self._files.pop(sha256, None)
                return None
            self._files[sha256] = file, now
        return file

    def keep(self, sha256: Sha256, file: OpenFile) -> None:
        if len(self._files) >= FILES_MAX:
            self._files = {}
        self._files[sha256] = file, time.monotonic()

    def flush(self) -> None:
        """Lets go of all of them; who is reading one goes on."""
        self._files = {}
