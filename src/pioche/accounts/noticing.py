"""Events of accounts become notices for whose account it is: a consumer of the outbox. Where the hub sends mail, they are written
of it too, unless they refused that.

A browser is new when nobody signed in to the account from such a one before: browser and system, without their versions. No
address is kept, so none tells anything here. The first sign-in of all is no news.
"""

import re
from typing import Any, Final

import sqlalchemy as sa

from pioche.accounts import notices
from pioche.accounts.letters import is_old, queue_notice
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.events import Event

SIGN_IN, MAIL, FOUND, EXPIRING = "session.start", "user.change_mail", "token.found", "token.expiring"
_LINK: Final = "user.create_reset_link"
_SOON_MS: Final = 7 * 86_400_000
_SHORT_LIVED_MS: Final = 14 * 86_400_000
"""A token that is good for less is known to end soon by who made it."""
_AS_THEY_ARE: Final = frozenset(
    """user.change_password user.2fa.enable user.2fa.disable user.2fa.reset user.2fa.renew_recovery_codes
    user.2fa.use_recovery_code user.link_identity user.create_reset_link token.create token.refresh publisher.create
    ssh_key.create user.passkey.create user.passkey.delete application.allow""".split()
)
KINDS: Final = _AS_THEY_ARE | {SIGN_IN, MAIL, FOUND, EXPIRING}
"""What somebody is told of."""
_NAMED: Final = ("token.", "ssh_key.", "publisher.", "user.passkey.", "application.")
"""Of these the event has a name, beside the account's."""

_accounts, _devices, _tokens, _service = schema.accounts, schema.known_devices, schema.tokens, schema.service_accounts


class NoteAccounts:
    """Writes a row for whose account it is."""

    name = "account-notices"

    def __init__(self, database: Database, *, sends_mail: bool = False) -> None:
        self._database = database
        self._sends_mail = sends_mail

    def handle(self, event: Event) -> None:
        kind = _kind(event)
        if kind is None:
            return
        with self._database.write() as connection:
            user_id = _whose(connection, event)
            if user_id is None or (kind == _LINK and event.actor_id == user_id):  # that link is a letter itself
                return
            detail = _device(connection, user_id, event) if kind == SIGN_IN else _detail(event)
            if detail is None:
                return
            actor_id = event.actor_id if event.actor_id != user_id else None
            written = notices.write(
                connection, user_id, kind, f"event {event.id}", detail=detail, actor_id=actor_id, at=event.at
            )
            if written is not None and self._sends_mail and not is_old(event):
                queue_notice(connection, user_id, written)


def _kind(event: Event) -> str | None:
    """What the notice says; None for what nobody is told of."""
    if event.kind == "token.revoke" and event.payload.get("wasFound"):
        return FOUND
    if event.kind == "user.change_profile" and event.payload.get("what") == "email":
        return MAIL
    return event.kind if event.kind in _AS_THEY_ARE or event.kind == SIGN_IN else None


def _whose(connection: sa.Connection, event: Event) -> int | None:
    if event.kind == "ssh_key.create":
        return int(event.payload["owner"])
    named = event.payload.get("user") or event.payload["name"]  # of a token that is what the token is called
    is_person = (_accounts.c.kind == "user") & _accounts.c.id.not_in(sa.select(_service.c.user_id))
    query = sa.select(_accounts.c.id).where(_accounts.c.name_key == str(named).lower(), is_person)
    found: int | None = connection.execute(query).scalar()
    return found


def _detail(event: Event) -> str:
    if event.kind == "user.2fa.reset":
        return str(event.payload.get("reason", ""))
    return str(event.payload.get("name", "")) if event.kind.startswith(_NAMED) else ""


def _device(connection: sa.Connection, user_id: int, event: Event) -> str | None:
    """The device, where it is new; None where it is known."""
    family = re.sub(r" \d+", "", str(event.payload.get("device", "")))
    is_first = not _knows_any(connection, user_id)
    fresh = insert_if_absent(connection, _devices).values(user_id=user_id, device=family, at=event.at)
    is_new = connection.execute(fresh.returning(_devices.c.device)).first() is not None
    return family if is_new and not is_first else None


def _knows_any(connection: sa.Connection, user_id: int) -> bool:
    return connection.execute(sa.select(_devices.c.device).where(_devices.c.user_id == user_id)).first() is not None


class NoteExpiring:
    """Tells whose tokens end within a week, once each."""

    kind = "tokens.expiring"
    attempts_max = 3
    every_seconds: int | None = 3600

    def __init__(self, database: Database, *, sends_mail: bool = False) -> None:
        self._database = database
        self._sends_mail = sends_mail

    def run(self, key: str, payload: dict[str, Any]) -> None:
        with self._database.write() as connection:
            for row in connection.execute(_ending()).all():
                told = f"expiring {row.id} {row.expires_at}"
                written = notices.write(connection, row.user_id, EXPIRING, told, detail=row.name)
                if written is not None and self._sends_mail:
                    queue_notice(connection, row.user_id, written)
        notices.sweep(self._database)


def _ending() -> "sa.Select[Any]":
    """Those that somebody made, and uses."""
    now, columns = now_ms(), _tokens.c
    soon = (columns.expires_at > now) & (columns.expires_at <= now + _SOON_MS) & columns.revoked_at.is_(None)
    is_long = columns.expires_at - columns.created_at > _SHORT_LIVED_MS
    used = columns.last_used_at.is_not(None) & columns.publisher_id.is_(None)
    return sa.select(columns.id, columns.user_id, columns.name, columns.expires_at).where(soon, is_long, used)
