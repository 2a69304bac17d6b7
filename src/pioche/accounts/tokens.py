"""Tokens: what a user's programs prove themselves with. Stored as a hash, shown once."""

import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import Account
from pioche.accounts.callers import token_hash
from pioche.accounts.scopes import FineGrained, load
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import AlreadyExists, BadRequest, Conflict, NotFound
from pioche.events import Event
from pioche.jobs import outbox

PREFIX = "hf_"
"""By which clients and secret scanners know a token."""

_LETTERS = string.ascii_letters + string.digits
_RANDOM_CHARACTERS = 37  # 220 bits
_GIVEN = re.compile(r"[\x21-\x7e]{8,200}\Z")
_NAME_CHARACTERS_MAX = 100

_tokens, _accounts = schema.tokens, schema.accounts


class TokenRole(StrEnum):
    """What a token allows of what its user may do."""

    READ = "read"
    WRITE = "write"
    FINE_GRAINED = "fineGrained"
    """What its scopes say (`accounts.scopes`)."""

    @classmethod
    def parse(cls, text: str) -> "TokenRole":
        """Raises BadRequest."""
        try:
            return cls(text)
        except ValueError:
            raise BadRequest(f"{text[:40]!r} is not a token's role: use read, write or fineGrained") from None


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token: not the token. Times are Unix milliseconds."""

    id: int
    user_id: int
    name: str
    role: TokenRole
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    scopes: FineGrained | None = None
    """Of a fine-grained one."""
    publisher_id: int | None = None
    """Of one that a job was given (`accounts.exchanging`), and nobody made."""


class Tokens:
    """The tokens of all users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        user: Account,
        *,
        name: str = "token",
        role: TokenRole = TokenRole.WRITE,
        value: str | None = None,
        expires_at: int | None = None,
        scopes: FineGrained | None = None,
        actor_id: int | None = None,
    ) -> tuple[str, Token]:
        """The token itself, for the only time, and what is kept of it. `value` is a text of one's own choice. `scopes` go
        with the role `fineGrained` and no other.

        Raises BadRequest, AlreadyExists (a `value` that is or was somebody's token).
        """
        if not user.is_user:
            raise BadRequest(f"{user.name} is an organization: tokens belong to users")
        if (scopes is None) is (role is TokenRole.FINE_GRAINED):
            raise BadRequest("A fine-grained token has permissions, and tokens of other roles have none")
        value = generated() if value is None else _parse_given(value)
        row = {
            "user_id": user.id,
            "name": parse_name(name),
            "role": role,
            "scopes": None if scopes is None else scopes.dump(),
            "hash": token_hash(value),
            "created_at": now_ms(),
            "expires_at": expires_at,
        }
        try:
            with self._database.write() as connection:
                inserted = connection.execute(_tokens.insert().values(row).returning(_tokens.c.id))
                token = _one(connection, inserted.scalar_one())
                _tell(connection, "token.create", user, token, actor_id)
                return value, token
        except sa.exc.IntegrityError:
            raise AlreadyExists("This token is or was in use: choose another value") from None

    def get(self, id_: int) -> Token:
        """Raises NotFound."""
        with self._database.read() as connection:
            return _one(connection, id_)

    def of(self, user: Account) -> list[Token]:
        """Oldest first, with those that are revoked or expired."""
        with self._database.read() as connection:
            select = sa.select(*_COLUMNS).where(_tokens.c.user_id == user.id).order_by(_tokens.c.id)
            return [_token(row) for row in connection.execute(select)]

    def revoke(self, user: Account, which: str) -> Token:
        """`which` is a token's id, its name or itself. Raises NotFound; Conflict for a name that several have."""
        found = [token for token in self.of(user) if token.revoked_at is None and which in (token.name, str(token.id))]
        if which.startswith(PREFIX) or not found:
            found = self._by_value(user, which)
        if not found:
            raise NotFound(f"{user.name} has no such token: see `pioche token list {user.name}`")
        if len(found) > 1:
            raise Conflict(f"{user.name} has {len(found)} tokens of this name: give the id, one of {_ids(found)}")
        return self._revoke(user, found[0])

    def revoke_id(self, user: Account, id_: int, *, actor_id: int | None = None) -> Token:
        """Raises NotFound for a token that is not the user's, or revoked already."""
        found = next((token for token in self.of(user) if token.id == id_ and token.revoked_at is None), None)
        if found is None:
            raise NotFound("This token does not exist any more")
        return self._revoke(user, found, actor_id)

    def refresh(self, user: Account, id_: int) -> tuple[str, Token]:
        """Another value for a token that stays what it is: its name, its permissions, what was approved of it, its last day.
        The old value is worth nothing from now on. Raises NotFound, as `revoke_id`."""
        value = generated()
        with self._database.write() as connection:
            living = _tokens.c.revoked_at.is_(None) & (_tokens.c.user_id == user.id) & (_tokens.c.id == id_)
            if not connection.execute(_tokens.update().where(living).values(hash=token_hash(value))).rowcount:
                raise NotFound("This token does not exist any more")
            token = _one(connection, id_)
            _tell(connection, "token.refresh", user, token, None)
            return value, token

    def revoke_found(self, values: Sequence[str]) -> None:
        """Tokens that were found where they should not be, by whoever found them: those that there are end. Nothing is told
        of which these were; again is no error."""
        hashes = {token_hash(value.strip()) for value in values}
        living = _tokens.c.revoked_at.is_(None) & _tokens.c.hash.in_(hashes)
        with self._database.write() as connection:
            rows = connection.execute(sa.select(*_COLUMNS, _accounts.c.name.label("user")).join(
                _accounts, _accounts.c.id == _tokens.c.user_id).where(living)).all()  # fmt: skip
            connection.execute(_tokens.update().where(living).values(revoked_at=now_ms()))
            for row in rows:
                payload = {"user": row.user, "id": row.id, "name": row.name, "role": row.role, "wasFound": True}
                outbox.append(connection, Event("token.revoke", payload=payload))

    def _revoke(self, user: Account, token: Token, actor_id: int | None = None) -> Token:
        with self._database.write() as connection:
            revoked = _tokens.update().where(_tokens.c.id == token.id, _tokens.c.revoked_at.is_(None))
            connection.execute(revoked.values(revoked_at=now_ms()))
            _tell(connection, "token.revoke", user, token, actor_id)
            return _one(connection, token.id)

    def _by_value(self, user: Account, value: str) -> list[Token]:
        with self._database.read() as connection:
            select = sa.select(*_COLUMNS).where(_tokens.c.user_id == user.id, _tokens.c.hash == token_hash(value))
            return [_token(row) for row in connection.execute(select)]


class LastUsed:
    """When tokens, or sessions, were last used: remembered here, written now and then. What a crash loses of it nobody
    misses. `table` has the columns `id` and `last_used_at`."""

    def __init__(self, database: Database, table: sa.Table = _tokens) -> None:
        self._database = database
        self._table = table
        self._at: dict[int, int] = {}

    def record(self, id_: int) -> None:
        """On every request: costs a dictionary entry."""
        self._at[id_] = now_ms()

    def flush(self) -> None:
        """Writes what was recorded since the last time."""
        taken, self._at = self._at, {}
        if not taken:
            return
        # A list at once: a `record` that still holds the old dictionary may add to it meanwhile.
        rows = [{"of": id_, "at": at} for id_, at in list(taken.items())]
        columns = self._table.c
        newer = sa.or_(columns.last_used_at.is_(None), columns.last_used_at < sa.bindparam("at"))
        update = self._table.update().where(columns.id == sa.bindparam("of"), newer)
        with self._database.write() as connection:
            connection.execute(update.values(last_used_at=sa.bindparam("at")), rows)


def issue(
    connection: sa.Connection, user_id: int, name: str, scopes: FineGrained, *, expires_at: int, publisher_id: int
) -> tuple[str, int]:
    """One that no person asked for: a job did, in the transaction of what that takes. The token and its id; nothing is told."""
    value = generated()
    row = {
        "user_id": user_id,
        "name": name[:_NAME_CHARACTERS_MAX],
        "role": TokenRole.FINE_GRAINED,
        "scopes": scopes.dump(),
        "hash": token_hash(value),
        "created_at": now_ms(),
        "expires_at": expires_at,
        "publisher_id": publisher_id,
    }
    return value, connection.execute(_tokens.insert().values(row).returning(_tokens.c.id)).scalar_one()


def generated() -> str:
    """A new token: `hf_` and 37 letters and digits."""
    return PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM_CHARACTERS))


_COLUMNS = tuple(_tokens.c[name] for name in Token.__dataclass_fields__)


def _tell(connection: sa.Connection, kind: str, user: Account, token: Token, actor_id: int | None) -> None:
    """`actor_id` None: who runs commands on the machine."""
    payload = {"user": user.name, "id": token.id, "name": token.name, "role": token.role.value}
    outbox.append(connection, Event(kind, actor_id=actor_id, payload=payload))


def _one(connection: sa.Connection, id_: int) -> Token:
    row = connection.execute(sa.select(*_COLUMNS).where(_tokens.c.id == id_)).first()
    if row is None:
        raise NotFound("This token does not exist")
    return _token(row)


def _token(row: sa.Row[Any]) -> Token:
    columns: dict[str, Any] = row._asdict()
    scopes = None if row.scopes is None else load(row.scopes).given
    return Token(**{**columns, "role": TokenRole(row.role), "scopes": scopes})


def _ids(tokens: list[Token]) -> str:
    return ", ".join(str(token.id) for token in tokens)


def _parse_given(value: str) -> str:
    if not _GIVEN.match(value):
        raise BadRequest("A token of your own has 8 to 200 printable ASCII characters and no blanks")
    return value


def parse_name(name: str) -> str:
    """What a token is called in lists. Raises BadRequest."""
    if not name or len(name) > _NAME_CHARACTERS_MAX or not name.isprintable():
        raise BadRequest(f"A token's name has 1 to {_NAME_CHARACTERS_MAX} printable characters")
    return name
