"""A collection and its items as values, and what their texts may be."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pioche.errors import BadRequest
from pioche.names import RepoType

THEMES: Final = ("orange", "blue", "green", "purple", "pink", "indigo")
"""Those of the public Hub."""
TITLE_CHARACTERS_MAX: Final = 100
DESCRIPTION_CHARACTERS_MAX: Final = 150
NOTE_CHARACTERS_MAX: Final = 500
ITEMS_MAX: Final = 1000

_SLUG_CHARACTERS_MAX = 60
_UID = re.compile(r"(?:.*[-/])?([0-9a-f]{24})\Z", re.DOTALL)
_PAPER = re.compile(r"\d{4}\.\d{4,5}\Z")


class Kind(StrEnum):
    """What an item is, in the words of the clients (`CollectionItemType_T`)."""

    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"
    BUCKET = "bucket"
    PAPER = "paper"
    COLLECTION = "collection"

    @property
    def repo_type(self) -> RepoType | None:
        """None of what is no repo."""
        return None if self in (Kind.PAPER, Kind.COLLECTION) else RepoType(self.value)

    @classmethod
    def parse(cls, text: str) -> "Kind":
        """Raises BadRequest."""
        try:
            return cls(text)
        except ValueError:
            raise BadRequest(f'"type" {text[:40]!r} must be one of [{", ".join(cls)}]') from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """`id` is the row's, `uid` the end of its slug; `owner` is a name, `creator_id` None when the account is gone. Times are
    Unix milliseconds."""

    id: int
    uid: str
    owner_id: int
    owner: str
    creator_id: int | None
    slug_title: str
    title: str
    description: str | None
    private: bool
    theme: str
    position: int
    upvotes: int
    created_at: int
    updated_at: int

    @property
    def slug(self) -> str:
        """`owner/some-title-64f9a55bb3115b4f513ec026`: what clients call it."""
        return f"{self.owner}/{self.slug_title}-{self.uid}" if self.slug_title else f"{self.owner}/{self.uid}"

    @property
    def web_path(self) -> str:
        return f"/collections/{self.slug}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """`target` is what it names now: a repo's full name, a paper's number, a collection's uid. `repo_id` is the repo's row,
    None of what is no repo and of a repo that was collected."""

    id: int
    uid: str
    kind: Kind
    target: str
    repo_id: int | None
    note: str | None
    position: int
    added_at: int


def parse_title(text: str) -> str:
    """Raises BadRequest."""
    text = " ".join(text.split())
    if not text or len(text) > TITLE_CHARACTERS_MAX or not text.isprintable():
        raise BadRequest(f"A title has 1 to {TITLE_CHARACTERS_MAX} printable characters")
    return text


def parse_description(text: str) -> str | None:
    """Empty is None. Raises BadRequest."""
    return _parse_text(text, "A description", DESCRIPTION_CHARACTERS_MAX)


def parse_note(text: str) -> str | None:
    """Plain text, of several lines; empty is None. Raises BadRequest."""
    return _parse_text(text, "A note", NOTE_CHARACTERS_MAX)


def parse_theme(text: str) -> str:
    """Raises BadRequest."""
    if text not in THEMES:
        raise BadRequest(f'"theme" must be one of [{", ".join(THEMES)}]')
    return text


def parse_paper(text: str) -> str:
    """An arXiv number, `2307.09288`. Raises BadRequest."""
    if not _PAPER.match(text):
        raise BadRequest(f"{text[:40]!r} is not an arXiv number, such as 2307.09288")
    return text


def slugified(title: str) -> str:
    """What stands of a title in an address: lower-case letters without accents, digits, hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_CHARACTERS_MAX].strip("-")


def uid_of(slug: str) -> str | None:
    """The end of a slug, by which it is found whatever its title was; None where there is none."""
    found = _UID.match(slug)
    return found[1] if found else None


def _parse_text(text: str, what: str, most: int) -> str | None:
    text = text.replace("\r\n", "\n").strip()
    if len(text) > most or not text.replace("\n", " ").replace("\t", " ").isprintable():
        raise BadRequest(f"{what} has at most {most} printable characters")
    return text or None
