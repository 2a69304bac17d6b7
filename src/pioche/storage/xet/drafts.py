"""Xorbs on their way in: bytes that arrive are verified and written in one pass, so that nobody has to read them again."""

from collections.abc import Sequence
from pathlib import Path

from pioche.errors import TooLarge
from pioche.storage.drafts import DraftFile
from pioche.storage.xet.xorbs import XORB_STORED_BYTES_MAX, ChunkTable, Verifier

BODY_BYTES_MAX = XORB_STORED_BYTES_MAX + (1 << 20)
"""Footers of other tools list the chunks once more; they are received, and dropped."""


class XorbDraft(DraftFile):
    """One xorb, from its first byte until it is taken over or refused."""

    def __init__(self, folder: Path, *, size: int = BODY_BYTES_MAX) -> None:
        """`size` in bytes is what was announced, if anything was."""
        super().__init__(folder, size=size)
        self._received = 0
        self._verifier = Verifier()

    def write(self, pieces: Sequence[bytes]) -> None:
        """Appends. Raises TooLarge, and BadRequest for bytes that are no xorb."""
        self._received += sum(map(len, pieces))
        if self._received > BODY_BYTES_MAX:
            raise TooLarge(f"A xorb may have at most {BODY_BYTES_MAX} bytes")
        self.append(pieces)
        for piece in pieces:
            self._verifier.add(piece)

    def finish(self, name: bytes) -> ChunkTable:
        """What came is the xorb `name`; `stored_bytes` of it are to be kept. Raises BadRequest, ContentMismatch."""
        self.close()
        return self._verifier.finish(name)
