"""Applications: who may ask people to sign in with their account here.

A public one cannot keep a secret (it runs in a browser, or on somebody's machine); a confidential one proves itself with a
secret, which is shown once. The command line of huggingface_hub is a public one that is built in: its clients bring its id.
"""

import hmac
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa

from pioche.accounts.account import Account
from pioche.accounts.callers import token_hash
from pioche.accounts.oauth import scopes
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, InvalidClient, NotFound
from pioche.events import Event
from pioche.jobs import outbox

COMMAND_LINE: Final = "26be6b09-91c5-47da-9861-d2d2bb7a7e36"
"""The id that huggingface_hub brings (constants.py, DEVICE_CODE_OAUTH_CLIENT_ID)."""
_COMMAND_LINE_NAME = "Hugging Face CLI"
_NAME_CHARACTERS_MAX = 60
_REDIRECTS_MAX = 10
_REDIRECT = re.compile(r"(?!//)[!-\[\]-~]{3,500}\Z", re.ASCII)
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*\.[a-z0-9.+-]+\Z")  # com.example.app (RFC 8252 section 7.1)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_APPLICATIONS_MAX = 50
_SECRET_BYTES = 32

_table = schema.oauth_applications


@dataclass(frozen=True, slots=True)
class Application:
    """`owner_id` None: the hub's own. Times are Unix milliseconds."""

    id: int
    client_id: str
    owner_id: int | None
    name: str
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    is_public: bool
    created_at: int

    @property
    def is_command_line(self) -> bool:
        return self.client_id == COMMAND_LINE

    def allowed(self, asked: str | None) -> tuple[str, ...]:
        """Of the scopes that are asked for, those that it may ask for; all of them where it names none."""
        if not (asked or "").strip():
            return self.scopes
        return tuple(name for name in scopes.split(asked) if name in self.scopes)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody registers."""

    name: str
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]

    @classmethod
    def parse(cls, name: str, redirect_uris: str, wanted: Sequence[str]) -> "Wanted":
        """Raises BadRequest."""
        return cls(parse_name(name), parse_redirects(redirect_uris), scopes.parse(wanted))


def parse_name(text: str) -> str:
    """Raises BadRequest."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= _NAME_CHARACTERS_MAX or not name.isprintable():
        raise BadRequest(f"An application's name has 1 to {_NAME_CHARACTERS_MAX} printable characters")
    return name


def parse_redirects(text: str) -> tuple[str, ...]:
    """One a line: https, http of one's own machine, or a scheme of an application's own such as com.example.app. Compared
    letter by letter later. Raises BadRequest."""
    found = tuple(dict.fromkeys(text.split()))
    if len(found) > _REDIRECTS_MAX:
        raise BadRequest(f"An application has at most {_REDIRECTS_MAX} addresses to come back to")
    for address in found:
        if not _may_lead_to(address):
            raise BadRequest(f"{address[:100]!r} is not an address to come back to: use https://, or http://localhost")
    return found


def _may_lead_to(address: str) -> bool:
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    if not _REDIRECT.match(address) or parts.fragment or address.endswith("#") or parts.username is not None:
        return False
    if parts.scheme in ("https", "http"):
        return bool(host) and (parts.scheme == "https" or host in _LOOPBACK)
    return bool(_OWN_SCHEME.match(parts.scheme))


class Applications:
    """All of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- asking for something ---

    def by_client_id(self, client_id: str) -> Application:
        """Raises InvalidClient."""
        if client_id == COMMAND_LINE:
            return self._command_line()
        with self._database.read() as connection:
            row = connection.execute(sa.select(_table).where(_table.c.client_id == client_id)).first()
        if row is None:
            raise InvalidClient
        return _application(row)

    def authenticate(self, client_id: str, secret: str | None) -> Application:
        """Who asks for a token: a confidential application proves itself, a public one has nothing to prove itself with.
        Raises InvalidClient."""
        found = self.by_client_id(client_id)
        with self._database.read() as connection:
            kept = connection.execute(sa.select(_table.c.secret_hash).where(_table.c.id == found.id)).scalar()
        if kept is None and not secret:
            return found
        if kept is None or not hmac.compare_digest(kept, token_hash(secret or "")):
            raise InvalidClient
        return found

    def _command_line(self) -> Application:
        with self._database.read() as connection:
            row = connection.execute(sa.select(_table).where(_table.c.client_id == COMMAND_LINE)).first()
        if row is not None:
            return _application(row)
        values = {
            "client_id": COMMAND_LINE,
            "name": _COMMAND_LINE_NAME,
            "redirect_uris": "",
            "scopes": " ".join(scopes.KNOWN),
            "created_at": now_ms(),
        }
        with self._database.write() as connection:
            connection.execute(insert_if_absent(connection, _table).values(values))
            return _application(connection.execute(sa.select(_table).filter_by(client_id=COMMAND_LINE)).one())

    # --- by who registered them ---

    def of(self, owner: Account) -> list[Application]:
        """Oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(_table).where(_table.c.owner_id == owner.id).order_by(_table.c.id))
            return [_application(row) for row in rows]

    def get(self, owner: Account, client_id: str) -> Application:
        """Raises NotFound, for somebody else's too."""
        found = next((one for one in self.of(owner) if one.client_id == client_id), None)
        if found is None:
            raise NotFound("You have no such application")
        return found

    def register(self, owner: Account, wanted: Wanted, *, is_public: bool) -> tuple[Application, str | None]:
        """With its secret, for the only time; a public one has none. Raises Conflict for too many."""
        secret = None if is_public else new_secret()
        row = {
            **_values(wanted),
            "client_id": str(uuid.uuid4()),
            "owner_id": owner.id,
            "secret_hash": None if secret is None else token_hash(secret),
            "created_at": now_ms(),
        }
        with self._database.write() as connection:
            count = sa.select(sa.func.count()).where(_table.c.owner_id == owner.id)
            if connection.execute(count).scalar_one() >= _APPLICATIONS_MAX:
                raise Conflict(f"You have {_APPLICATIONS_MAX} applications: remove one first")
            made = _application(connection.execute(_table.insert().values(row).returning(*_table.c)).one())
            _tell(connection, "create", owner, made)
            return made, secret

    def change(self, owner: Account, client_id: str, wanted: Wanted) -> Application:
        """Raises NotFound."""
        found = self.get(owner, client_id)
        with self._database.write() as connection:
            connection.execute(_table.update().where(_table.c.id == found.id).values(_values(wanted)))
            changed = _application(connection.execute(sa.select(_table).where(_table.c.id == found.id)).one())
            _tell(connection, "update", owner, changed)
            return changed

    def renew_secret(self, owner: Account, client_id: str) -> tuple[Application, str]:
        """Another secret, shown once; the old one is worth nothing from now on. Raises NotFound, Conflict (a public one)."""
        found = self.get(owner, client_id)
        if found.is_public:
            raise Conflict("A public application has no secret")
        secret = new_secret()
        with self._database.write() as connection:
            renewed = _table.update().where(_table.c.id == found.id).values(secret_hash=token_hash(secret))
            connection.execute(renewed)
            _tell(connection, "secret", owner, found)
        return found, secret

    def remove(self, owner: Account, client_id: str) -> None:
        """With every token that it got. Raises NotFound."""
        found = self.get(owner, client_id)
        with self._database.write() as connection:
            _end_tokens(connection, _table.c.id == found.id)
            connection.execute(_table.delete().where(_table.c.id == found.id))
            _tell(connection, "delete", owner, found)


def end_all(connection: sa.Connection, owner_id: int) -> None:
    """Nobody answers for these any more: what they got ends. They go with the account."""
    _end_tokens(connection, _table.c.owner_id == owner_id)


def _end_tokens(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    grants, tokens = schema.oauth_grants, schema.tokens
    given = sa.select(grants.c.token_id).join(_table, _table.c.id == grants.c.application_id).where(which)
    living = tokens.c.id.in_(given) & tokens.c.revoked_at.is_(None)
    connection.execute(tokens.update().where(living).values(revoked_at=now_ms()))


def new_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def _values(wanted: Wanted) -> dict[str, str]:
    return {
        "name": wanted.name,
        "redirect_uris": "\n".join(wanted.redirect_uris),
        "scopes": " ".join(wanted.scopes),
    }


def _application(row: "sa.Row[Any]") -> Application:
    return Application(
        row.id,
        row.client_id,
        row.owner_id,
        row.name,
        tuple(row.redirect_uris.split()),
        scopes.split(row.scopes),
        row.secret_hash is None,
        row.created_at,
    )


def _tell(connection: sa.Connection, what: str, owner: Account, application: Application) -> None:
    payload = {"user": owner.name, "name": application.name, "scope": " ".join(application.scopes)}
    outbox.append(connection, Event(f"application.{what}", actor_id=owner.id, payload=payload))
