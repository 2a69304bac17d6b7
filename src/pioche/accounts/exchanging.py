"""What a job of a trusted publisher is given for its identity token (RFC 8693): a token of this hub, for minutes, for one repo
or for reading.

An identity token says for some minutes who a job is, to whoever holds it; so each is taken once. Whatever is wrong with one,
the answer is the same, as it is where there is no such repo: whoever asks may be anybody. No address is called for an issuer
that no publisher of the very resource names.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.accounts import publishers, taken, tokens
from pioche.accounts.oidc import SKEW_SECONDS, Oidc
from pioche.accounts.publishers import Publisher
from pioche.accounts.scopes import FineGrained, Grant, Kind, Permission
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, GrantRefused, InvalidName, SignInFailed
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import VERSIONED, RepoId, RepoType, parse_account_name

_TOKEN_CHARACTERS_MAX = 16 * 1024
_LIFE_SECONDS_MAX = 24 * 3600
"""Of an identity token: one that is good for longer is no proof of a job, and would have to be remembered as long."""
_KEPT_AFTER_MS = 10_000
_GONE_AFTER_MS = 30 * 86_400_000
_REFUSED = "No trusted publisher of this resource takes this identity token"

_publishers, _tokens = schema.publishers, schema.tokens
_accounts, _repos = schema.accounts, schema.repos


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, for the only time."""

    token: str
    seconds: int
    scope: str


class _Issuer(msgspec.Struct):
    iss: str


def exchange(database: Database, oidc: Oidc, resource: str, identity: str, *, audience: str, seconds: int) -> Issued:
    """`resource` is `ns/name`, `datasets/ns/name` ..., or the name of a user; `seconds`: how long the token is good for.
    Raises GrantRefused, BadRequest (a resource that is none)."""
    of = _resource(resource)
    issuer = _issuer(identity)
    found = [one for one in _of(database, of) if one.issuer == issuer]
    if not found:
        raise GrantRefused("invalid_grant", _REFUSED)
    try:
        said = oidc.said(issuer, identity, audience)
    except (SignInFailed, BadRequest):
        raise GrantRefused("invalid_grant", _REFUSED) from None
    until = int(said["exp"]) * 1000 + SKEW_SECONDS * 1000
    publisher = next((one for one in found if publishers.accepts(one, said)), None)
    if publisher is None or until > now_ms() + (_LIFE_SECONDS_MAX + SKEW_SECONDS) * 1000:
        raise GrantRefused("invalid_grant", _REFUSED)
    with database.write() as connection:
        if not taken.once(connection, _key(issuer, said, identity), until + _KEPT_AFTER_MS):
            raise GrantRefused("invalid_grant", _REFUSED)
        _note_use(connection, publisher, said)
        return _issue(connection, publisher, of, seconds)


def sweep(database: Database) -> None:
    """Forgets identity tokens that nobody would take any more, and tokens of jobs that ended a month ago."""
    with database.write() as connection:
        taken.forget(connection)
        ended = _tokens.c.expires_at < now_ms() - _GONE_AFTER_MS
        connection.execute(_tokens.delete().where(_tokens.c.publisher_id.is_not(None), ended))


def _resource(text: str) -> RepoId | str:
    """Raises BadRequest."""
    first, _, rest = text.partition("/")
    try:
        if not rest:
            return parse_account_name(text)
        kind = next((one for one in VERSIONED if one.prefix == f"{first}/"), RepoType.MODEL)
        repo_id = RepoId.parse(kind, text.removeprefix(kind.prefix))
    except InvalidName:
        repo_id = None
    if repo_id is None or not repo_id.namespace:
        raise BadRequest("resource is a repo, such as org/name or datasets/org/name, or the name of a user")
    return repo_id


def _issuer(identity: str) -> str:
    """Who says to have signed it, before that is known: what is looked up is only which publisher to ask."""
    parts = identity.split(".")
    if len(identity) > _TOKEN_CHARACTERS_MAX or len(parts) != 3:
        raise GrantRefused("invalid_grant", _REFUSED)
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=="), type=_Issuer).iss
    except (binascii.Error, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        raise GrantRefused("invalid_grant", _REFUSED) from None


def _of(database: Database, of: RepoId | str) -> Sequence[Publisher]:
    """Those of a repo that is there, or of a user; of people who are not suspended."""
    query = sa.select(_publishers).join(_accounts, _accounts.c.id == _publishers.c.user_id)
    if isinstance(of, str):
        here = _publishers.c.repo_id.is_(None) & (_accounts.c.name_key == of.lower())
    else:
        query = query.join(_repos, _repos.c.id == _publishers.c.repo_id)
        here = (_repos.c.type == of.type.value) & (_repos.c.full_key == of.key)
        here &= _repos.c.deleted_at.is_(None) & _repos.c.disabled_at.is_(None)
    with database.read() as connection:
        rows = connection.execute(query.where(here, _accounts.c.suspended_at.is_(None)).order_by(_publishers.c.id))
        return [publishers.from_row(row) for row in rows]


def _key(issuer: str, said: dict[str, Any], identity: str) -> str:
    """By its own id, which is the issuer's to choose, or by the token where it has none. Not by its text alone: a signature
    can be written in several ways."""
    own = said.get("jti")
    signed = identity.rpartition(".")[0]
    text = f"{issuer}\n{f'jti {own}' if isinstance(own, str) and own else f'token {signed}'}"
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _note_use(connection: sa.Connection, publisher: Publisher, said: dict[str, Any]) -> None:
    """The first job says which ids stand behind the names: whoever is given a name later is somebody else. It may have been
    removed while its issuer was asked, or another job may have been the first."""
    row = connection.execute(sa.select(_publishers).where(_publishers.c.id == publisher.id)).first()
    if row is None or not publishers.accepts(now := publishers.from_row(row), said):
        raise GrantRefused("invalid_grant", _REFUSED)
    values: dict[str, object] = {"used_at": now_ms()}
    if now.used_at is None:
        values["pins"] = msgspec.json.encode(publishers.pinned(now, said)).decode()
    connection.execute(_publishers.update().where(_publishers.c.id == publisher.id).values(values))


def _issue(connection: sa.Connection, publisher: Publisher, of: RepoId | str, seconds: int) -> Issued:
    if isinstance(of, str):
        read = Grant(Kind.USER, publisher.user_id, (Permission.READ,))
        scopes = FineGrained(reads_gated=True, scoped=(read,) if publisher.reads_private else ())
        repo_id, target = None, of
    else:
        assert publisher.repo_id is not None  # noqa: S101 - `_of` joined it to the repo
        scopes = FineGrained(scoped=(Grant(Kind(of.type.value), publisher.repo_id, (Permission.WRITE,)),))
        repo_id, target = publisher.repo_id, f"{of.type.prefix}{of}"
    value, id_ = tokens.issue(
        connection, publisher.user_id, f"publisher: {target}", scopes,
        expires_at=now_ms() + seconds * 1000, publisher_id=publisher.id,
    )  # fmt: skip
    payload = {"owner": publisher.user_id, "id": id_, "name": publisher.issuer}
    outbox.append(connection, Event("publisher.exchange", actor_id=publisher.user_id, repo_id=repo_id, payload=payload))
    return Issued(value, seconds, Permission.WRITE if repo_id is not None else "gated-repos")
