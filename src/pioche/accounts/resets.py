"""Links by which somebody chooses another password: signed, good for a while, and as long as the password is what it was, so
that each counts once. Nothing is stored for them. A second factor is asked for as after any password.
"""

from functools import partial

from pioche.accounts import service_accounts
from pioche.accounts.account import Account
from pioche.accounts.directory import Directory
from pioche.db.engine import Database
from pioche.db.instance import signing_keys
from pioche.errors import AccountNotFound, Unauthenticated
from pioche.events import Event
from pioche.jobs import outbox
from pioche.keys import Keyring

HOURS_MAX = 24
"""A key that is rotated away verifies for two days."""
_PURPOSE = "reset-password"
_HOUR_S = 3600


def ticket(database: Database, user: Account, *, hours: int, actor_id: int | None = None) -> str:
    """What the link holds. Raises BadRequest for a service account."""
    with database.write() as connection:
        service_accounts.check_is_person(connection, user.id)
        told = {"name": user.name}
        outbox.append(connection, Event("user.create_reset_link", actor_id=actor_id, payload=told))
    claims = {"user": user.id, "mark": Directory(database).password_mark(user)}
    return Keyring(partial(signing_keys, database)).seal(_PURPOSE, claims, seconds=hours * _HOUR_S)


def bearer(directory: Directory, keyring: Keyring, text: str) -> Account:
    """Whose ticket it is. Raises SignatureExpired, and Unauthenticated when it was used or the account is no more."""
    claims = keyring.unseal(_PURPOSE, text)
    try:
        user = directory.by_id(claims["user"])
    except AccountNotFound:
        raise Unauthenticated from None
    if user.is_suspended or directory.password_mark(user) != claims["mark"]:
        raise Unauthenticated
    return user
