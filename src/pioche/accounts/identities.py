"""Who somebody is at the hub's own OpenID provider (settings `oidc_*`): a way in beside the password (ui.md A1, T2).

An identity is the provider's name and the number that it gives somebody, never their address: whoever changes their address
there is still they, and nobody gets into an account by having its address there. An account that exists is linked by who is
signed in to it, with its password; one that signed up by the provider has none until its owner chooses one.
"""

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts import service_accounts
from pioche.accounts.account import COLUMNS, Account, find, find_by_email, from_row, parse_email, parse_fullname
from pioche.accounts.oidc import Claims, Provider
from pioche.config import OIDC_CLAIMS, Config
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.errors import AlreadyExists, BadRequest, Conflict, Forbidden, InvalidName
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import parse_account_name

_accounts, _identities, _former = schema.accounts, schema.identities, schema.former_names
_NAMES_TRIED = 50


@dataclass(frozen=True, slots=True)
class Identity:
    """Times are Unix milliseconds."""

    issuer: str
    subject: str
    email: str | None
    created_at: int
    used_at: int


def provider(config: Config) -> Provider | None:
    """The one of the settings; None without."""
    if not config.oidc_issuer:
        return None
    named = dict(entry.split("=", 1) for entry in config.oidc_claims)
    host = config.oidc_issuer.split("/")[2]
    return Provider(
        config.oidc_issuer,
        config.oidc_client_id,
        config.oidc_client_secret,
        config.oidc_name or host,
        config.oidc_scopes,
        {**OIDC_CLAIMS, **named},
    )


def check_may_come_in(config: Config, claims: Claims) -> None:
    """By the settings `oidc_domains` and `oidc_groups`. Raises Forbidden."""
    domain = (claims.email or "").rpartition("@")[2]
    if config.oidc_domains and domain not in {one.lower() for one in config.oidc_domains}:
        raise Forbidden("This hub is for people with a verified address of other domains")
    if config.oidc_groups and not claims.groups.intersection(config.oidc_groups):
        raise Forbidden("This hub is for people of other groups at the provider")


def sign_in(database: Database, claims: Claims, *, may_sign_up: bool) -> Account:
    """Whose identity it is; a new account where there is none and `may_sign_up`. Raises Forbidden, Conflict (there is an account
    with this address, which only its owner links)."""
    try:
        return _found_or_made(database, claims, may_sign_up=may_sign_up)
    except sa.exc.IntegrityError:  # somebody was faster, perhaps they themselves in another window
        return _found_or_made(database, claims, may_sign_up=may_sign_up)


def _found_or_made(database: Database, claims: Claims, *, may_sign_up: bool) -> Account:
    with database.write() as connection:
        select = sa.select(*COLUMNS).join(_identities, _identities.c.user_id == _accounts.c.id)
        row = connection.execute(select.where(_whose(claims))).first()
        if row is None:
            return _signed_up(connection, claims, may_sign_up=may_sign_up)
        if from_row(row).is_suspended:
            raise Forbidden("This account is suspended")
        used = _identities.update().where(_whose(claims)).values(used_at=now_ms(), email=claims.email)
        connection.execute(used)
        return from_row(row)


def link(database: Database, user: Account, claims: Claims) -> None:
    """Another way in, for who is signed in. Raises Conflict: somebody else's identity, or the user has another one."""
    with database.write() as connection:
        service_accounts.check_is_person(connection, user.id)
        owner = connection.execute(sa.select(_identities.c.user_id).where(_whose(claims))).scalar()
        if owner == user.id:
            return
        if owner is not None:
            raise Conflict("This identity is linked to another account")
        if _of(connection, user.id) is not None:
            raise Conflict("Your account is linked to another identity of this provider: unlink that one first")
        _put(connection, user, claims)


def unlink(database: Database, user: Account) -> None:
    """Raises Conflict when there is no password: it would be the last way in."""
    with database.write() as connection:
        stored = sa.select(_accounts.c.password_hash).where(_accounts.c.id == user.id).with_for_update()
        if connection.execute(stored).scalar_one() is None:
            raise Conflict("This is your only way in: choose a password first")
        if connection.execute(_identities.delete().where(_identities.c.user_id == user.id)).rowcount:
            _tell(connection, "user.unlink_identity", user)


def of(database: Database, user_id: int) -> tuple[Identity | None, bool]:
    """The user's identity, if any, and whether they have a password beside it."""
    with database.read() as connection:
        stored = sa.select(_accounts.c.password_hash).where(_accounts.c.id == user_id)
        return _of(connection, user_id), connection.execute(stored).scalar_one() is not None


def _of(connection: sa.Connection, user_id: int) -> Identity | None:
    row = connection.execute(sa.select(*_COLUMNS).where(_identities.c.user_id == user_id)).first()
    return None if row is None else Identity(*row)


_COLUMNS = tuple(_identities.c[name] for name in Identity.__dataclass_fields__)


def _whose(claims: Claims) -> sa.ColumnElement[bool]:
    return (_identities.c.issuer == claims.issuer) & (_identities.c.subject == claims.subject)


def _put(connection: sa.Connection, user: Account, claims: Claims) -> None:
    at = now_ms()
    row: dict[str, Any] = {"user_id": user.id, "issuer": claims.issuer, "subject": claims.subject}
    connection.execute(_identities.insert().values(**row, email=claims.email, created_at=at, used_at=at))
    _tell(connection, "user.link_identity", user, issuer=claims.issuer)


def _signed_up(connection: sa.Connection, claims: Claims, *, may_sign_up: bool) -> Account:
    if claims.email is not None and find_by_email(connection, claims.email) is not None:
        raise Conflict("There is an account with your address: sign in to it, and link it in its settings")
    if not may_sign_up:
        raise Forbidden("No account of this hub is linked to you: sign in to yours, and link it in its settings")
    name = _free_name(connection, claims)
    row = {
        "uid": new_uid(),
        "kind": "user",
        "name": name,
        "name_key": name.lower(),
        "fullname": _or_else(parse_fullname, claims.fullname, name),
        "email": _or_else(parse_email, claims.email, None),
        "created_at": now_ms(),
    }
    connection.execute(_accounts.insert().values(row))
    user = find(connection, name)
    assert user is not None  # noqa: S101 - it was written in this transaction
    outbox.append(connection, Event("user.create", payload={"name": user.name}))
    _put(connection, user, claims)
    return user


def _free_name(connection: sa.Connection, claims: Claims) -> str:
    """What the provider calls them, as far as it can be a name here, and a number where somebody is or was called so."""
    asked = claims.name or (claims.email or "")
    base = re.sub(r"[^A-Za-z0-9]+", "-", asked.partition("@")[0]).strip("-")[:80] or "user"
    for number in range(1, _NAMES_TRIED):
        try:
            name = parse_account_name(base if number == 1 else f"{base}-{number}")
        except InvalidName:
            continue
        taken = sa.select(_accounts.c.id).where(_accounts.c.name_key == name.lower())
        was = sa.select(_former.c.name_key).where(_former.c.name_key == name.lower())
        if connection.execute(taken).first() is None and connection.execute(was).first() is None:
            return name
    raise AlreadyExists(f"Too many people are called {base[:40]!r} here: ask an administrator for an account")


def _or_else(parse: Any, text: str | None, otherwise: str | None) -> str | None:
    """What a provider tells may be what no form would let in."""
    try:
        return parse(text) or otherwise
    except BadRequest:
        return otherwise


def _tell(connection: sa.Connection, kind: str, user: Account, **more: str) -> None:
    outbox.append(connection, Event(kind, actor_id=user.id, payload={"user": user.name, **more}))
