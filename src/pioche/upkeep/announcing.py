"""What the administrators have to say to everybody who opens a page: one text, in each language of the pages (ui.md G17).

`pioche announce` writes it; web processes look for it every ten seconds, so that no page waits for it.
"""

import hashlib
import time

import msgspec

from pioche.db import instance
from pioche.db.engine import Database
from pioche.errors import BadRequest

_NOTE = "announcement"
_CHARACTERS_MAX = 500


class Announcement(msgspec.Struct, frozen=True):
    """`texts` by language; English stands in for a language that has none. `until` is Unix milliseconds."""

    texts: dict[str, str]
    link: str = ""
    until: int | None = None

    @property
    def id(self) -> str:
        """What a browser keeps to say that it was read: another text is another announcement."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:12]

    def text(self, language: str) -> str:
        return self.texts.get(language) or self.texts["en"]


def announce(database: Database, announcement: Announcement | None) -> None:
    """Shows it on every page from now on, instead of the one before; None shows nothing any more. Raises BadRequest."""
    if announcement is not None:
        _check(announcement)
    instance.note(database, _NOTE, msgspec.json.encode(announcement).decode())


def announced(database: Database) -> Announcement | None:
    """What is shown now."""
    found = instance.noted(database, _NOTE)
    announcement = msgspec.json.decode(found, type=Announcement | None) if found else None
    return announcement if announcement is not None and _counts(announcement) else None


class Announcements:
    """What a web process remembers of it: a buffer (`http.buffers`) that is filled, not emptied."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found: Announcement | None = None

    @property
    def now(self) -> Announcement | None:
        """As of ten seconds ago at most. Asks nothing."""
        return self._found if self._found is not None and _counts(self._found) else None

    def flush(self) -> None:
        """Looks again. Runs in a worker thread."""
        self._found = announced(self._database)


def _counts(announcement: Announcement) -> bool:
    return announcement.until is None or announcement.until > time.time() * 1000


def _check(announcement: Announcement) -> None:
    for language, text in announcement.texts.items():
        if not text.strip() or len(text) > _CHARACTERS_MAX or not text.isprintable():
            raise BadRequest(f"The text ({language}) has 1 to {_CHARACTERS_MAX} printable characters, on one line")
    if announcement.link and not announcement.link.startswith(("https://", "http://", "/")):
        raise BadRequest("The link begins with https://, http:// or, on this hub, with /")
