"""The public SSH keys that people say are theirs: a commit that is signed with one is shown as theirs (ui.md T4).

A key belongs to one account. Nothing is signed in with it: it opens nothing. A key that is removed no longer speaks for
anybody, also for the commits that were signed with it before.
"""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class SshKey:
    """A key of somebody; `kind` as people call it (Ed25519, RSA 3072), times in Unix milliseconds."""

    id: int
    title: str
    kind: str
    fingerprint: str
    created_at: int


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


def add(database: Database, user: Account, title: str, key: PublicKey) -> SshKey:
    """Called by its comment where `title` is empty. Raises AlreadyExists for a key that is somebody's, Conflict for too
    many."""
    title = parse_title(title) or key.comment or key.kind
    with database.write() as connection:
        if connection.execute(sa.select(_keys.c.id).where(_keys.c.fingerprint == key.fingerprint)).first():
            raise AlreadyExists("This key is on this hub already: a key belongs to one account")
        count = sa.select(sa.func.count()).where(_keys.c.account_id == user.id)
        if connection.execute(count).scalar_one() >= KEYS_MAX:
            raise Conflict(f"At most {KEYS_MAX} keys: remove one first")
        added = _insert(connection, user, title, key)
        _tell(connection, "ssh_key.create", user, added)
    return added


def _insert(connection: sa.Connection, user: Account, title: str, key: PublicKey) -> SshKey:
    at = now_ms()
    row = _keys.insert().values(
        account_id=user.id, title=title, public_key=key.text, fingerprint=key.fingerprint, created_at=at
    )
    id_: int = connection.execute(row.returning(_keys.c.id)).scalar_one()
    return SshKey(id_, title, key.kind, key.fingerprint, at)


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
    return [SshKey(r.id, r.title, ssh.parse_public(r.public_key).kind, r.fingerprint, r.created_at) for r in rows]


def owner(database: Database, fingerprint: str) -> Owner | None:
    """Whose key has this fingerprint; None for nobody's."""
    query = sa.select(_accounts.c.id, _accounts.c.name).join_from(
        _keys, _accounts, _accounts.c.id == _keys.c.account_id
    )
    with database.read() as connection:
        row = connection.execute(query.where(_keys.c.fingerprint == fingerprint)).first()
    return None if row is None else Owner(row.id, row.name)


def _tell(connection: sa.Connection, kind: str, user: Account, key: SshKey) -> None:
    told = {"owner": user.id, "name": key.title, "fingerprint": key.fingerprint}
    outbox.append(connection, Event(kind, actor_id=user.id, payload=told))
