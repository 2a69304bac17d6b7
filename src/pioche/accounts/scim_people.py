"""The people whom an organisation's directory sends (SCIM, RFC 7643): they are not accounts, and make none.

A person of the directory is somebody of this hub when the organisation's own provider says so (`org_sso`), or when their
user name is an account's name. As on the public Hub with Basic SSO, nobody becomes a member without their doing: who is no
member yet is invited by name, or becomes one by signing in at the provider. Who is deactivated or deleted there is a member
no more, from that moment; who is activated again after that is one again.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.accounts import members, org_invitations
from pioche.accounts.account import COLUMNS, Account, find, from_row
from pioche.accounts.callers import token_hash
from pioche.accounts.members import Role
from pioche.db import dialect, schema
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.errors import AccountNotFound, AlreadyExists, InvalidToken, NotFound
from pioche.events import Event
from pioche.jobs import outbox

_people, _tokens, _links = schema.scim_users, schema.scim_tokens, schema.org_identities
_accounts, _service = schema.accounts, schema.service_accounts
_PREFIX = "scim_"
_INVITED_DAYS = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the directory says of somebody. `attributes` are kept and given back as they are."""

    user_name: str
    external_id: str | None
    email: str | None
    is_active: bool
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """`uid` is the `id` on the wire; `user_id` None: nobody of this hub yet. Times are Unix milliseconds."""

    id: int
    uid: str
    org_id: int
    user_id: int | None
    user_name: str
    external_id: str | None
    email: str | None
    attributes: str
    is_active: bool
    has_joined: bool
    created_at: int
    changed_at: int

    @property
    def wanted(self) -> Wanted:
        told = msgspec.json.decode(self.attributes, type=dict[str, Any])
        return Wanted(self.user_name, self.external_id, self.email, self.is_active, told)


# --- the directory's token ------------------------------------------------------------------------------------------


def make_token(database: Database, org: Account, *, actor_id: int) -> str:
    """Another one, shown this once; the one before is worth nothing from now on."""
    value = _PREFIX + secrets.token_urlsafe(32)
    with database.write() as connection:
        upsert = dialect.upsert(connection, _tokens, ["org_id"], ["hash", "creator_id", "created_at"])
        row = {"org_id": org.id, "hash": token_hash(value), "creator_id": actor_id, "created_at": now_ms()}
        connection.execute(upsert.values(row))
        outbox.append(connection, Event("org.scim_token.create", actor_id=actor_id, payload={"org": org.name}))
    return value


def end_token(database: Database, org: Account, *, actor_id: int) -> None:
    """The directory is not listened to any more. Who it sent stays."""
    with database.write() as connection:
        connection.execute(_tokens.delete().where(_tokens.c.org_id == org.id))
        outbox.append(connection, Event("org.scim_token.delete", actor_id=actor_id, payload={"org": org.name}))


def token_made_at(database: Database, org: Account) -> int | None:
    """None without one."""
    with database.read() as connection:
        select = sa.select(_tokens.c.created_at).where(_tokens.c.org_id == org.id)
        found: int | None = connection.execute(select).scalar()
        return found


def by_token(database: Database, name: str, value: str) -> Account:
    """The organisation of that name, for its own token and no other. Raises InvalidToken, whatever is wrong."""
    with database.read() as connection:
        select = sa.select(*COLUMNS).join(_tokens, _tokens.c.org_id == _accounts.c.id)
        row = connection.execute(select.where(_tokens.c.hash == token_hash(value))).first()
    if row is None or from_row(row).name.lower() != name.lower():
        raise InvalidToken
    return from_row(row)


# --- people ---------------------------------------------------------------------------------------------------------


def create(database: Database, org: Account, wanted: Wanted) -> Person:
    """Raises AlreadyExists (the user name)."""
    at = now_ms()
    row = {**_values(wanted), "uid": new_uid(), "org_id": org.id, "has_joined": False, "created_at": at}
    try:
        with database.write() as connection:
            members.lock(connection, org.id)
            id_ = connection.execute(_people.insert().values(row).returning(_people.c.id)).scalar_one()
            _bind(connection, org, _by_id(connection, id_))
            if wanted.is_active:
                _activate(connection, org, _by_id(connection, id_))
            return _by_id(connection, id_)
    except sa.exc.IntegrityError:
        raise AlreadyExists(f"There is somebody called {wanted.user_name[:100]!r} already") from None


def get(database: Database, org: Account, uid: str) -> Person:
    """Raises NotFound."""
    with database.read() as connection:
        return one(connection, org, uid)


def listing(
    database: Database, org: Account, where: tuple[str, str] | None, *, start: int, count: int
) -> tuple[int, list[Person]]:
    """How many there are, and `count` of them from the place `start`, which begins at 0. `where` is one of userName,
    externalId, id, emails and what it equals."""
    here = [_people.c.org_id == org.id]
    if where is not None:
        attribute, value = where
        column, folds = _FILTERED[attribute]
        here.append(column == (value.lower() if folds else value))
    with database.read() as connection:
        total = connection.execute(sa.select(sa.func.count()).select_from(_people).where(*here)).scalar_one()
        rows = connection.execute(_SELECT.where(*here).order_by(_people.c.id).offset(start).limit(count))
        return total, [Person(*row) for row in rows]


def replace(database: Database, org: Account, uid: str, wanted: Wanted) -> Person:
    """Raises NotFound, AlreadyExists (the user name), Conflict (the last administrator cannot be taken away)."""
    try:
        with database.write() as connection:
            members.lock(connection, org.id)
            before = one(connection, org, uid)
            connection.execute(_people.update().where(_people.c.id == before.id).values(_values(wanted)))
            _bind(connection, org, _by_id(connection, before.id))
            after = _by_id(connection, before.id)
            if after.is_active and (not before.is_active or before.user_id != after.user_id):
                _activate(connection, org, after)
            elif before.is_active and not after.is_active:
                _deactivate(connection, org, after)
            return _by_id(connection, before.id)
    except sa.exc.IntegrityError:
        raise AlreadyExists(f"There is somebody called {wanted.user_name[:100]!r} already") from None


def delete(database: Database, org: Account, uid: str) -> None:
    """Raises as `replace`."""
    with database.write() as connection:
        members.lock(connection, org.id)
        found = one(connection, org, uid)
        _deactivate(connection, org, found)
        connection.execute(_people.delete().where(_people.c.id == found.id))


def waits_for_anybody(connection: sa.Connection, org_id: int) -> bool:
    """Whether somebody of the directory is nobody of this hub yet."""
    waiting = (_people.c.org_id == org_id) & _people.c.is_active
    return connection.execute(sa.select(_people.c.id).where(waiting).limit(1)).first() is not None


def recognised(connection: sa.Connection, org: Account, user: Account, subject: str, email: str | None) -> None:
    """The organisation's provider said who `user` is: an active person of its directory becomes a member by it. In a
    transaction that holds `members.lock`."""
    same = _people.c.external_id == subject
    if email is not None:
        same = sa.or_(same, _people.c.email == email, _people.c.user_name_key == email)
    mine = sa.or_(_people.c.user_id.is_(None), _people.c.user_id == user.id)
    order = sa.case((_people.c.user_id == user.id, 0), else_=1)
    here = (_people.c.org_id == org.id) & _people.c.is_active & mine & same
    row = connection.execute(_SELECT.where(here).order_by(order, _people.c.id)).first()
    if row is None:
        return
    person = Person(*row)
    if person.user_id is None and not _set(connection, org, person, user.id):
        return
    if members.role_of(connection, org.id, user.id) is None:
        members.join(connection, org, user, Role.READ, actor_id=user.id, by="directory")


def one(connection: sa.Connection, org: Account, uid: str) -> Person:
    """As `get`, in a transaction."""
    row = connection.execute(_SELECT.where(_people.c.org_id == org.id, _people.c.uid == uid)).first()
    if row is None:
        raise NotFound(f"There is nobody with the id {uid[:80]!r}")
    return Person(*row)


_COLUMNS = tuple(_people.c[name] for name in Person.__dataclass_fields__)
_SELECT = sa.select(*_COLUMNS)
_FILTERED = {
    "username": (_people.c.user_name_key, True),
    "externalid": (_people.c.external_id, False),
    "id": (_people.c.uid, False),
    "emails": (_people.c.email, True),
}
"""Which column an attribute is compared to, and whether without regard to case."""


def _by_id(connection: sa.Connection, id_: int) -> Person:
    return Person(*connection.execute(_SELECT.where(_people.c.id == id_)).one())


def _values(wanted: Wanted) -> dict[str, Any]:
    return {
        "user_name": wanted.user_name,
        "user_name_key": wanted.user_name.lower(),
        "external_id": wanted.external_id,
        "email": None if wanted.email is None else wanted.email.lower(),
        "attributes": msgspec.json.encode(dict(wanted.attributes)).decode(),
        "is_active": wanted.is_active,
        "changed_at": now_ms(),
    }


def _bind(connection: sa.Connection, org: Account, person: Person) -> None:
    """Whose account this is: by what the provider told of its members, else by the name of an account."""
    if person.user_id is not None:
        return
    told = _links.c.subject == person.external_id
    for text in filter(None, (person.email, person.user_name.lower())):
        told = sa.or_(told, _links.c.email == text)
    linked = connection.execute(sa.select(_links.c.user_id).where(_links.c.org_id == org.id, told).limit(1)).scalar()
    if linked is None:
        account = find(connection, person.user_name)
        linked = account.id if account is not None and _is_person(connection, account) else None
    if linked is not None:
        _set(connection, org, person, linked)


def _set(connection: sa.Connection, org: Account, person: Person, user_id: int) -> bool:
    """False when another person of the directory is that user already."""
    other = (_people.c.org_id == org.id) & (_people.c.user_id == user_id)
    if connection.execute(sa.select(_people.c.id).where(other)).first() is not None:
        return False
    connection.execute(_people.update().where(_people.c.id == person.id).values(user_id=user_id))
    return True


def _is_person(connection: sa.Connection, account: Account) -> bool:
    service = connection.execute(sa.select(_service.c.user_id).where(_service.c.user_id == account.id)).first()
    return account.is_user and not account.is_suspended and service is None


def _account(connection: sa.Connection, person: Person) -> Account | None:
    if person.user_id is None:
        return None
    row = connection.execute(sa.select(*COLUMNS).where(_accounts.c.id == person.user_id)).first()
    return None if row is None else from_row(row)


def _activate(connection: sa.Connection, org: Account, person: Person) -> None:
    user = _account(connection, person)
    if user is None:
        return
    if members.role_of(connection, org.id, user.id) is not None:
        members.enter_groups(connection, org, user)
    elif person.has_joined:
        members.join(connection, org, user, Role.READ, actor_id=None, by="directory")
    elif (inviter := _inviter(connection, org)) is not None:
        org_invitations.put(connection, org, inviter, user, Role.READ, days=_INVITED_DAYS)


def _inviter(connection: sa.Connection, org: Account) -> int | None:
    """An invitation is as good as who made it: the administrator who let the directory in, or else the first that there is."""
    memberships = schema.memberships
    administering = memberships.join(_accounts, _accounts.c.id == memberships.c.user_id)
    here = (memberships.c.org_id == org.id) & (memberships.c.role == Role.ADMIN) & _accounts.c.suspended_at.is_(None)
    made = sa.select(_tokens.c.creator_id).where(_tokens.c.org_id == org.id).scalar_subquery()
    first = (sa.case((memberships.c.user_id == made, 0), else_=1), memberships.c.user_id)
    select = sa.select(memberships.c.user_id).select_from(administering).where(here).order_by(*first).limit(1)
    found: int | None = connection.execute(select).scalar()
    return found


def _deactivate(connection: sa.Connection, org: Account, person: Person) -> None:
    user = _account(connection, person)
    if user is None:
        return
    waiting = schema.org_invitations
    connection.execute(waiting.delete().where(waiting.c.org_id == org.id, waiting.c.user_id == user.id))
    try:
        members.leave(connection, org, user, actor_id=None, by="directory")
    except AccountNotFound:
        return  # no member, so nothing to take away
    connection.execute(_people.update().where(_people.c.id == person.id).values(has_joined=True))
