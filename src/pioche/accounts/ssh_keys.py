"""The public SSH keys that people say are theirs (ui.md T4): commits that are signed with one are shown as theirs, and git
over SSH knows them by one. What a key is for its owner says when they add it.

A key belongs to one account. One that is removed no longer speaks for anybody, also for the commits that were signed with
it before. Who comes with a key is told by `callers.Callers.by_key`.
"""

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from pioche.accounts import ssh
from pioche.accounts.account import Account
from pioche.accounts.ssh import PublicKey
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import AlreadyExists, BadRequest, Conflict, NotFound
from pioche.events import Event
from pioche.jobs import outbox

KEYS_MAX = 50
TITLE_CHARACTERS_MAX = 100

_keys, _accounts = schema.ssh_keys, schema.accounts


class Purpose(StrEnum):
    """What a key is for."""

    SIGNING = "signing"
    ACCESS = "access"
    BOTH = "both"


_SIGNING = (Purpose.SIGNING.value, Purpose.BOTH.value)


@dataclass(frozen=True, slots=True)
class SshKey:
    """A key of somebody; `kind` as people call it (Ed25519, RSA 3072), times in Unix milliseconds."""

    id: int
    title: str
    kind: str
    fingerprint: str
    created_at: int
    purpose: Purpose = Purpose.SIGNING
    last_used_at: int | None = None
    """Over SSH; None before the first time."""

    @property
    def opens(self) -> bool:
        """Whether its owner is let in with it."""
        return self.purpose is not Purpose.SIGNING


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose key it is."""

    account_id: int
    name: str


def parse_title(text: str) -> str:
    """Raises BadRequest."""
    text = text.strip()
    if len(text) > TITLE_CHARACTERS_MAX or not text.isprintable():
        raise BadRequest(f"A key has a title of at most {TITLE_CHARACTERS_MAX} printable characters")
    return text


def add(database: Database, user: Account, title: str, key: PublicKey, purpose: Purpose = Purpose.SIGNING) -> SshKey:
    """Called by its comment where `title` is empty. Raises AlreadyExists for a key that is somebody's, Conflict for too
    many."""
    title = parse_title(title) or key.comment or key.kind
    with database.write() as connection:
        if connection.execute(sa.select(_keys.c.id).where(_keys.c.fingerprint == key.fingerprint)).first():
            raise AlreadyExists("This key is on this hub already: a key belongs to one account")
        count = sa.select(sa.func.count()).where(_keys.c.account_id == user.id)
        if connection.execute(count).scalar_one() >= KEYS_MAX:
            raise Conflict(f"At most {KEYS_MAX} keys: remove one first")
        added = _insert(connection, user, title, key, purpose)
        _tell(connection, "ssh_key.create", user, added)
    return added


def _insert(connection: sa.Connection, user: Account, title: str, key: PublicKey, purpose: Purpose) -> SshKey:
    at = now_ms()
    row = _keys.insert().values(
        account_id=user.id,
        title=title,
        public_key=key.text,
        fingerprint=key.fingerprint,
        created_at=at,
        purpose=purpose.value,
    )
    id_: int = connection.execute(row.returning(_keys.c.id)).scalar_one()
    return SshKey(id_, title, key.kind, key.fingerprint, at, purpose)


def remove(database: Database, user: Account, id_: int) -> None:
    """Raises NotFound, also for somebody else's."""
    found = next((key for key in of(database, user.id) if key.id == id_), None)
    with database.write() as connection:
        mine = (_keys.c.id == id_) & (_keys.c.account_id == user.id)
        if found is None or not connection.execute(_keys.delete().where(mine)).rowcount:
            raise NotFound("There is no such key")
        _tell(connection, "ssh_key.delete", user, found)


def of(database: Database, account_id: int) -> list[SshKey]:
    """Somebody's keys, the latest first."""
    query = sa.select(_keys).where(_keys.c.account_id == account_id).order_by(_keys.c.id.desc())
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [_key(row) for row in rows]


def any_opens(database: Database, account_id: int) -> bool:
    """Whether somebody has a key to come with."""
    query = sa.select(_keys.c.id).where(_keys.c.account_id == account_id, _keys.c.purpose != Purpose.SIGNING.value)
    with database.read() as connection:
        return connection.execute(query.limit(1)).first() is not None


def _key(row: sa.Row[tuple[object, ...]]) -> SshKey:
    kind = ssh.parse_public(row.public_key).kind
    return SshKey(row.id, row.title, kind, row.fingerprint, row.created_at, Purpose(row.purpose), row.last_used_at)


def owner(database: Database, fingerprint: str) -> Owner | None:
    """Who signs with the key of this fingerprint; None for nobody."""
    query = sa.select(_accounts.c.id, _accounts.c.name).join_from(
        _keys, _accounts, _accounts.c.id == _keys.c.account_id
    )
    with database.read() as connection:
        row = connection.execute(query.where(_keys.c.fingerprint == fingerprint, _keys.c.purpose.in_(_SIGNING))).first()
    return None if row is None else Owner(row.id, row.name)


def _tell(connection: sa.Connection, kind: str, user: Account, key: SshKey) -> None:
    told = {"owner": user.id, "name": key.title, "fingerprint": key.fingerprint}
    outbox.append(connection, Event(kind, actor_id=user.id, payload=told))
