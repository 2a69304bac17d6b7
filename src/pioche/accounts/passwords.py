"""Passwords, as argon2id hashes (RFC 9106, the parameters of the `argon2-cffi` release that is installed)."""

import secrets
import string
import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pioche.errors import BadRequest

CHARACTERS_MIN = 8
CHARACTERS_MAX = 256

_hasher = PasswordHasher()
_at_once = threading.BoundedSemaphore(4)
"""Each takes 64 MiB and a core: a flood of sign-ins must not take the machine."""
_LETTERS = string.ascii_letters + string.digits
_RANDOM_CHARACTERS = 16  # 95 bits


def check(password: str) -> str:
    """The password itself. Raises BadRequest for one that is too short or too long."""
    if not CHARACTERS_MIN <= len(password) <= CHARACTERS_MAX:
        raise BadRequest(f"A password has {CHARACTERS_MIN} to {CHARACTERS_MAX} characters")
    return password


def hashed(password: str) -> str:
    """What is stored of a password. Raises BadRequest as `check`."""
    try:
        with _at_once:
            return _hasher.hash(check(password))
    except UnicodeEncodeError:
        raise BadRequest("The password is not valid text (UTF-8)") from None


def matches(stored: str | None, password: str) -> bool:
    """Whether `stored` was made of `password`. Takes as long when nothing is stored: that tells nobody who exists."""
    stored_or_nobody = stored or _nobody()
    try:
        with _at_once:
            return _hasher.verify(stored_or_nobody, password) and stored is not None
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether `stored` was made with other parameters than today's: hash again when the password is at hand."""
    return _hasher.check_needs_rehash(stored)


def generated() -> str:
    """A password to be shown once and changed at the first sign-in."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM_CHARACTERS))


@cache
def _nobody() -> str:
    """A hash that no password has, made with today's parameters so that looking at it takes as long."""
    return _hasher.hash(secrets.token_hex())
