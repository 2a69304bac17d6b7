"""Where a page ends, as clients carry it to the next: base64 of a path or name."""

import base64
import binascii

from pioche.errors import BadRequest


def encode(after: str | None) -> str | None:
    """What follows `after`; None at the end."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")


def decode(text: str | None) -> str:
    """The path or name after which the page begins; empty without a cursor. Raises BadRequest."""
    if text is None:
        return ""
    try:
        after = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        after = "\x00"
    if "\x00" in after:
        raise BadRequest("The cursor is not valid: follow the Link header as it is")
    return after
