"""Codes on paper, for who lost the device of their second factor: ten, each good once, stored as hashes."""

import hashlib
import re
import secrets

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.instance import now_ms

COUNT = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""None that is taken for another: no i, l, o, 0 and 1."""
_LENGTH = 16
"""79 bits: a copy of the hashes tells no code, and a hash that is slow to make is not needed."""
_GROUP = 4
_SEPARATORS = re.compile(r"[\s-]+")

_codes = schema.recovery_codes


def renew(connection: sa.Connection, user_id: int) -> list[str]:
    """Ten new ones in place of all that there were: to be shown once."""
    made = [_generated() for _ in range(COUNT)]
    drop(connection, user_id)
    rows = [{"user_id": user_id, "hash": _hashed(user_id, code), "created_at": now_ms()} for code in made]
    connection.execute(_codes.insert(), rows)
    return made


def use(connection: sa.Connection, user_id: int, code: str) -> bool:
    """Whether it was one of theirs, which it is no more. Of two who use the same at once, one did."""
    used = _codes.delete().where(_codes.c.user_id == user_id, _codes.c.hash == _hashed(user_id, code))
    return bool(connection.execute(used).rowcount)


def left(connection: sa.Connection, user_id: int) -> int:
    """How many are good."""
    count = sa.select(sa.func.count()).select_from(_codes).where(_codes.c.user_id == user_id)
    return int(connection.execute(count).scalar_one())


def drop(connection: sa.Connection, user_id: int) -> None:
    """None is good any more."""
    connection.execute(_codes.delete().where(_codes.c.user_id == user_id))


def _generated() -> str:
    text = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return "-".join(text[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def _hashed(user_id: int, code: str) -> str:
    plain = _SEPARATORS.sub("", code).lower()
    return hashlib.sha256(f"{user_id}:{plain}".encode(errors="surrogatepass")).hexdigest()
