"""Pictures and sound in requests and answers: base64 in JSON, or bytes that are the whole answer."""

import base64
import binascii
from dataclasses import dataclass

from pioche.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is no JSON."""

    content: bytes
    content_type: str


def decoded(given: object, field: str = "inputs") -> bytes:
    """The bytes of a picture or a sound. Raises InvalidInput."""
    if not isinstance(given, str) or not given:
        raise InvalidInput(field, "the bytes of a file are needed, in base64")
    data = given.partition(",")[2] if given.startswith("data:") else given
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise InvalidInput(field, "this is not base64") from None


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
