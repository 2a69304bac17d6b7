"""The job that sends a letter. What is queued says what the letter is about; what it says is found when it is sent, so that
nobody is told what they may not know any more, and no secret waits in a row.

Sending is tried again, ever later, for about half a day. A server that took a letter just before the process ended is handed
it once more.
"""

from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any, Final

from pioche.errors import AddressRefused
from pioche.mail.message import Letter
from pioche.mail.smtp import Post
from pioche.observe import log

SEND: Final = "mail.send"
"""The kind of the jobs."""
LETTER: Final = "letter"
"""What in a payload names the kind of letter."""

Compose = Callable[[dict[str, Any]], Letter | None]
"""Writes a letter from what a payload says; None when there is nothing to send any more."""


class Send:
    """The payload has the kind of letter in `LETTER`, and what that kind needs."""

    kind = SEND
    attempts_max = 20
    every_seconds: int | None = None

    def __init__(self, post: Post | None, kinds: Mapping[str, Compose]) -> None:
        """`post` None: mail was switched off, and what waits is let go."""
        self._post = post
        self._kinds = kinds

    def run(self, key: str, payload: dict[str, Any]) -> None:
        if self._post is None:
            return
        # Each kind speaks its reader's language: in a context of its own, which the next job does not inherit.
        letter = copy_context().run(self._kinds[payload[LETTER]], payload)
        if letter is None:
            return
        try:
            self._post.send(letter)
        except AddressRefused as error:
            log.info("letter refused", letter=payload[LETTER], reason=error.message)
        letter.after()
