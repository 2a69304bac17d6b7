"""An account: a user or an organisation, as a row and as a value."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pioche.db import schema
from pioche.errors import BadRequest
from pioche.i18n import zones

_FULLNAME_CHARACTERS_MAX = 100
_BIO_CHARACTERS_MAX = 500
_HOMEPAGE = re.compile(r"https?://[A-Za-z0-9.\-_~\[\]:]+(?:[/?#][^\s\"<>\\^`{|}\x00-\x20\x7f]*)?\Z")
_HOMEPAGE_CHARACTERS_MAX = 300
_LINKS_MAX = 5
_INTERESTS_MAX = 12
_INTEREST_CHARACTERS_MAX = 40
_LANGUAGE = re.compile(r"[a-z]{2,3}\Z")
_THEMES = ("light", "dark")
_SENSITIVE = ("show", "hide")
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}\Z")


class Kind(StrEnum):
    """What an account is."""

    USER = "user"
    ORG = "org"


@dataclass(frozen=True, slots=True)
class Account:
    """`id` is the row's, `uid` what clients see as `_id`; times are Unix milliseconds."""

    id: int
    uid: str
    kind: Kind
    name: str
    fullname: str
    email: str | None
    is_admin: bool
    private_by_default: bool
    must_change_password: bool
    suspended_at: int | None
    created_at: int
    bio: str | None
    homepage: str | None
    links: str | None
    """More addresses of the web, one a line."""
    interests: str | None
    """A few words each, with ", " between them."""
    language: str | None
    """Of the pages; None: as the browser asks."""
    theme: str | None
    """`light` or `dark`; None: as the system is."""
    time_zone: str | None
    """Of exact times, such as Europe/Paris; None: UTC."""
    sensitive: str | None
    """`show` or `hide` what is not for all audiences; None: ask."""
    hides_members: bool
    """Of an organisation: strangers do not see who belongs to it."""
    takes_requests: bool
    """Of an organisation: people may ask to belong to it."""
    verified_at: int | None
    """Of an organisation: the hub's administrators know that it is who it says."""

    @property
    def is_user(self) -> bool:
        return self.kind is Kind.USER

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None


def find(connection: sa.Connection, name: str) -> Account | None:
    """The account of this name, in any case; None when there is none."""
    if not (name.isascii() and name.isprintable()):  # no account's name, and some such texts a driver refuses
        return None
    row = connection.execute(sa.select(*COLUMNS).where(schema.accounts.c.name_key == name.lower())).first()
    return None if row is None else from_row(row)


def find_by_email(connection: sa.Connection, email: str) -> Account | None:
    """The user of this address, in any case; of several the one who was first: nobody can come in between later."""
    if not (email.isprintable() and _EMAIL.match(email)):
        return None
    accounts = schema.accounts
    wanted = sa.select(*COLUMNS).where(sa.func.lower(accounts.c.email) == email.lower(), accounts.c.kind == Kind.USER)
    row = connection.execute(wanted.order_by(accounts.c.id).limit(1)).first()
    return None if row is None else from_row(row)


def from_row(row: sa.Row[Any]) -> Account:
    """From the first columns of a row, which are COLUMNS."""
    id_, uid, kind, *rest = row[: len(COLUMNS)]
    return Account(id_, uid, Kind(kind), *rest)


COLUMNS = tuple(schema.accounts.c[name] for name in Account.__dataclass_fields__)
"""What `from_row` reads: the field names are the column names."""


def parse_fullname(text: str) -> str:
    """What people are called. Raises BadRequest."""
    if len(text) > _FULLNAME_CHARACTERS_MAX or not text.isprintable():
        raise BadRequest(f"A full name has at most {_FULLNAME_CHARACTERS_MAX} printable characters")
    return text.strip()


def parse_email(text: str | None) -> str | None:
    """Raises BadRequest for what cannot be an address. Whether anybody reads it is not known."""
    if text is not None and not (text.isprintable() and _EMAIL.match(text)):
        raise BadRequest(f"{text[:100]!r} is not an email address")
    return text


def parse_bio(text: str) -> str | None:
    """What people say of themselves, as plain text; empty is None. Raises BadRequest."""
    text = text.replace("\r\n", "\n").strip()
    if len(text) > _BIO_CHARACTERS_MAX or not text.replace("\n", " ").isprintable():
        raise BadRequest(f"A bio has at most {_BIO_CHARACTERS_MAX} printable characters")
    return text or None


def parse_homepage(text: str) -> str | None:
    """An address of the web, nothing that a browser would run; empty is None. Raises BadRequest."""
    text = text.strip()
    if text and (len(text) > _HOMEPAGE_CHARACTERS_MAX or not _HOMEPAGE.match(text)):
        raise BadRequest("A website's address begins with https:// or http://")
    return text or None


def parse_links(text: str) -> str | None:
    """Addresses of the web, one a line; none is None. Raises BadRequest."""
    links = list(dict.fromkeys(line for line in text.split() if line))
    if len(links) > _LINKS_MAX:
        raise BadRequest(f"A profile has at most {_LINKS_MAX} links besides the website")
    return "\n".join(parse_homepage(link) or "" for link in links) or None


def parse_interests(text: str) -> str | None:
    """With commas between them; none is None. Raises BadRequest."""
    found = list(dict.fromkeys(" ".join(each.split()) for each in text.split(",") if each.strip()))
    if len(found) > _INTERESTS_MAX or any(
        len(one) > _INTEREST_CHARACTERS_MAX or not one.isprintable() for one in found
    ):
        raise BadRequest(
            f"Interests are at most {_INTERESTS_MAX}, of at most {_INTEREST_CHARACTERS_MAX} printable characters each"
        )
    return ", ".join(found) or None


def parse_language(text: str) -> str | None:
    """Two or three letters (ISO 639); empty is None. Raises BadRequest."""
    if text and not _LANGUAGE.match(text):
        raise BadRequest(f"{text[:20]!r} is not a language's code, such as fr")
    return text or None


def parse_theme(text: str) -> str | None:
    """Raises BadRequest unless it is `light`, `dark` or empty, which is None."""
    if text and text not in _THEMES:
        raise BadRequest(f"{text[:20]!r} is not a theme: use light or dark")
    return text or None


def parse_time_zone(text: str) -> str | None:
    """A zone of the IANA database; empty is None. Raises BadRequest."""
    if text and text not in zones.known():
        raise BadRequest(f"{text[:60]!r} is not a time zone, such as Europe/Paris")
    return text or None


def parse_sensitive(text: str) -> str | None:
    """Raises BadRequest unless it is `show`, `hide` or empty, which is None."""
    if text and text not in _SENSITIVE:
        raise BadRequest(f"{text[:20]!r} is no way to treat what is not for all audiences: use show or hide")
    return text or None
