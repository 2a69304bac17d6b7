"""Where a model outside is asked, and the token that it is asked with."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pioche import keys
from pioche.errors import BadRequest, Corrupt

_TOKEN = re.compile(r"[!-~]{1,2048}\Z")
_MODEL = re.compile(r"[!-~][ -~]{0,199}\Z")


class Dialect(StrEnum):
    OPENAI = "openai"
    TGI = "tgi"
    """Of text-generation-inference: texts and chats."""
    OIP = "oip"
    """The Open Inference Protocol: whole texts and rows of numbers."""
    TEI = "tei"
    """Of text-embeddings-inference: rows of numbers alone."""

    @classmethod
    def parse(cls, text: str) -> "Dialect":
        """Raises BadRequest."""
        try:
            return cls(text)
        except ValueError:
            raise BadRequest(f'"external.dialect" {text[:40]!r} must be one of [{", ".join(cls)}]') from None


TASKS: Final = {
    Dialect.OPENAI: ("text-generation", "feature-extraction"),
    Dialect.OIP: ("text-generation", "feature-extraction"),
    Dialect.TGI: ("text-generation",),
    Dialect.TEI: ("feature-extraction",),
}
"""What servers outside are asked for: a text that is written, and rows of numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """`url` is the base of its API, such as https://host/v1; `model` what it calls the model. `locked` is the token, sealed for
    this address alone; empty: it wants none."""

    url: str
    dialect: Dialect
    model: str
    locked: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody asks for, before it has a row."""

    url: str
    dialect: Dialect
    model: str
    token: str = field(default="", repr=False)

    def check(self) -> None:
        """What can be said without calling anybody. Raises BadRequest."""
        if "?" in self.url or "#" in self.url:
            raise BadRequest('"external.url" is the base of an API, such as https://host/v1, without "?" and "#"')
        if not _MODEL.match(self.model):
            raise BadRequest(
                '"external.model" is needed: what the other server calls the model, at most 200 characters'
            )
        if self.token and not _TOKEN.match(self.token):
            raise BadRequest('"external.token" has printable ASCII characters only, 2048 at most')


def lock(key: bytes, token: str, url: str) -> str:
    """`token`, for `url` and nothing else: a row that is given another address gives nothing away."""
    return keys.lock(key, _purpose(url, 0, 1), token.encode()) if token else ""


def unlock(key: bytes, locked: str, url: str) -> str:
    """What `lock` was given, or gave when it took 64 bytes at a time. Raises Corrupt."""
    blocks = locked.split(".") if locked else []
    try:
        found = [keys.unlock(key, _purpose(url, at, len(blocks)), block) for at, block in enumerate(blocks)]
        return b"".join(found).decode()
    except UnicodeDecodeError:
        raise Corrupt("A stored token is no text") from None


def _purpose(url: str, at: int, count: int) -> str:
    return f"external {at}/{count} {url}"
