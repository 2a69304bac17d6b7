"""A letter, and the message that it becomes: plain text and the same as simple HTML, from two templates.

What people wrote (a title, a name, a comment) may stand in a subject: everything that goes into a header becomes one line of
printable characters first, and what is no address is no recipient. So nobody adds a header or a recipient to a message.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import Final, Self

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pioche.config import Config
from pioche.errors import AddressRefused
from pioche.i18n import languages

_SUBJECT_CHARACTERS_MAX: Final = 200
_ADDRESS_CHARACTERS_MAX: Final = 254  # RFC 5321
_HUB_NAME: Final = "Pioche"


def _nothing() -> None:
    """What most letters leave to do once they are sent."""


@dataclass(frozen=True, slots=True)
class Part:
    """A paragraph; with `url` it is a link, with `is_quote` what somebody wrote, line by line."""

    text: str
    url: str = ""
    is_quote: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """To one address. `footer` says why it came."""

    to: str
    language: str
    subject: str
    parts: tuple[Part, ...]
    footer: str
    id: str = ""
    """What stands before the @ of its Message-ID; empty: a new one."""
    thread: str = ""
    """The same of the letter that began its thread: mail programs put them together."""
    list_id: str = ""
    """What filters of mail programs go by, such as `words.ada`."""
    unsubscribe: str = ""
    """An address that ends such letters by one POST, without signing in (RFC 8058)."""
    unsubscribe_label: str = ""
    after: Callable[[], None] = _nothing
    """What is done once the server has taken it."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all letters share: the address that links begin with, and the language of people who chose none."""

    base: str
    language: str

    @classmethod
    def of(cls, config: Config) -> Self:
        return cls(config.public_url.rstrip("/"), config.mail_language)

    def speak(self, language: str | None = None) -> str:
        """From here on texts are in the reader's language, which is the answer."""
        chosen = language if language in languages.NAMES else self.language
        languages.speak(chosen)
        return chosen


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("pioche.mail"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


_templates = _environment()


def message(letter: Letter, *, sender: str, host: str) -> EmailMessage:
    """`host` is the hub's own, which ids end in. Raises AddressRefused."""
    to = _address(letter.to)
    made = EmailMessage(policy=SMTP if to.addr_spec.isascii() else SMTPUTF8)
    made["From"] = Address(_HUB_NAME, addr_spec=sender)
    made["To"] = to
    made["Subject"] = one_line(letter.subject)
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = f"<{letter.id or secrets.token_hex(12)}@{host}>"
    if letter.thread and letter.thread != letter.id:
        made["In-Reply-To"] = made["References"] = f"<{letter.thread}@{host}>"
    if letter.list_id:
        made["List-Id"] = f"<{letter.list_id}.{host}>"
    if letter.unsubscribe:
        made["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers of machines, please
    made.set_content(_templates.get_template("letter.txt").render(letter=letter), cte="quoted-printable")
    html = _templates.get_template("letter.html").render(letter=letter)
    made.add_alternative(html, subtype="html", cte="quoted-printable")
    made["Content-Language"] = letter.language  # after the contents, which take such headers to themselves
    return made


def one_line(text: str) -> str:
    """Whatever it held: printable characters, one blank between words, not too many."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(printable.split())
    return line if len(line) <= _SUBJECT_CHARACTERS_MAX else line[: _SUBJECT_CHARACTERS_MAX - 1] + "…"


def _address(text: str) -> Address:
    """Raises AddressRefused for what is not exactly one address."""
    refusal = AddressRefused("This is no address that mail can be sent to")
    local, _, domain = text.rpartition("@")
    if not (local and domain and text.isprintable() and " " not in text and len(text) <= _ADDRESS_CHARACTERS_MAX):
        raise refusal
    try:
        plain = f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}"
        found = Address(addr_spec=plain)
    except (ValueError, IndexError, HeaderParseError):  # what the standard library's parser answers nonsense with
        raise refusal from None
    if found.addr_spec != plain:
        raise refusal
    return found
