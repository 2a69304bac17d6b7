"""What this hub is, in the words of its administrators: the text at the top of the front page (ui.md H).

`pioche welcome` writes it; the front page looks for it each time it is shown.
"""

import msgspec

from pioche.db import instance
from pioche.db.engine import Database
from pioche.errors import BadRequest

_NOTE = "welcome"
_TITLE_CHARACTERS_MAX = 80
_TEXT_CHARACTERS_MAX = 1000


class Welcome(msgspec.Struct, frozen=True):
    """A title and a text by language; English stands in for a language that has none. Plain text."""

    titles: dict[str, str]
    texts: dict[str, str]

    def title(self, language: str) -> str:
        return self.titles.get(language) or self.titles["en"]

    def text(self, language: str) -> str:
        return self.texts.get(language) or self.texts["en"]


def welcome(database: Database, words: Welcome | None) -> None:
    """Shows these words instead of Pioche's own; None shows its own again. Raises BadRequest."""
    if words is not None:
        for texts, most in ((words.titles, _TITLE_CHARACTERS_MAX), (words.texts, _TEXT_CHARACTERS_MAX)):
            for language, text in texts.items():
                if not text.strip() or len(text) > most or not text.isprintable():
                    raise BadRequest(f"{text[:40]!r} ({language}): 1 to {most} printable characters, on one line")
    instance.note(database, _NOTE, msgspec.json.encode(words).decode())


def words(database: Database) -> Welcome | None:
    """Those of the administrators; None where they have said nothing. For a worker thread."""
    found = instance.noted(database, _NOTE)
    return msgspec.json.decode(found, type=Welcome | None) if found else None
