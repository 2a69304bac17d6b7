"""Invitations into an organisation: a link, which whoever has it may follow, or one for one user, who finds it in their
settings.

An invitation is as good as who made it: when they no longer administer the organisation, or are suspended, it does not
count. What is expired, used up, withdrawn, of another organisation or of somebody else is refused in the same words.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts import members
from pioche.accounts.account import Account, parse_email
from pioche.accounts.callers import token_hash
from pioche.accounts.members import Role
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, Forbidden, NotFound
from pioche.events import Event
from pioche.jobs import outbox

GONE = "This invitation is not valid any more: ask for a new one"
DAYS_MAX = 365
USES_MAX = 1000
_WAITING_MAX = 500
_SECRET_BYTES = 24
_DAY_MS = 86_400_000
_KEPT_DAYS = 30

_invitations, _memberships = schema.org_invitations, schema.memberships
_orgs, _creators, _users = (schema.accounts.alias(name) for name in ("orgs", "creators", "users"))


@dataclass(frozen=True, slots=True)
class Invitation:
    """`user` is whom it is for; None: who has the link. `uses_left` None: as many as come. Times are Unix milliseconds."""

    id: int
    org: str
    org_fullname: str
    role: Role
    creator: str
    user: str | None
    created_at: int
    expires_at: int
    uses_left: int | None
    email: str | None
    """Where its link is sent: nobody was shown it."""


def create_link(
    database: Database, org: Account, creator_id: int, role: Role, *, days: int, uses: int | None = None
) -> tuple[str, Invitation]:
    """What the link holds, for the only time, and what is kept of it. `uses` None: as many as come; a link that makes
    administrators is good for one. Raises BadRequest, Conflict when too many wait."""
    if uses is not None and not 1 <= uses <= USES_MAX:
        raise BadRequest(f"An invitation is good for 1 to {USES_MAX} people, or for as many as come")
    if role is Role.ADMIN and uses != 1:
        raise BadRequest("An invitation that makes administrators is good for one person")
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    with database.write() as connection:
        members.lock(connection, org.id)
        id_ = _insert(connection, org, creator_id, role, days, secret, uses_left=uses)
        told = {"org": org.name, "role": role.value, "invitation": id_}
        outbox.append(connection, Event("org.create_invite_link", actor_id=creator_id, payload=told))
        return secret, _invitation(connection.execute(_selected(_invitations.c.id == id_)).one())


def invite(database: Database, org: Account, creator_id: int, user: Account, role: Role, *, days: int) -> Invitation:
    """One user, who may accept. Asked again, the last role and time count. Raises BadRequest, Conflict (a member already,
    or too many wait)."""
    with database.write() as connection:
        members.lock(connection, org.id)
        return put(connection, org, creator_id, user, role, days=days)


def put(
    connection: sa.Connection, org: Account, creator_id: int, user: Account, role: Role, *, days: int
) -> Invitation:
    """As `invite`, in the caller's transaction, which holds `members.lock`."""
    if members.role_of(connection, org.id, user.id) is not None:
        raise Conflict(f"{user.name} is a member of {org.name} already")
    before = (_invitations.c.org_id == org.id, _invitations.c.user_id == user.id)
    connection.execute(_invitations.delete().where(*before))
    secret = secrets.token_urlsafe(_SECRET_BYTES)  # no link leads here: nobody ever sees it
    id_ = _insert(connection, org, creator_id, role, days, secret, user_id=user.id, uses_left=1)
    told = {"org": org.name, "user": user.name, "role": role.value, "invitation": id_}
    outbox.append(connection, Event("org.invite_user", actor_id=creator_id, payload=told))
    return _invitation(connection.execute(_selected(_invitations.c.id == id_)).one())


def invite_address(
    database: Database, org: Account, creator_id: int, address: str, role: Role, *, days: int
) -> Invitation:
    """Whoever reads this address, whether they have an account or not: the link is made when its letter is sent, and is good
    for one. Asked again, the last role and time count. Raises BadRequest (no address), Conflict (too many wait)."""
    email = parse_email(address)
    with database.write() as connection:
        members.lock(connection, org.id)
        connection.execute(_invitations.delete().where(_invitations.c.org_id == org.id, _invitations.c.email == email))
        secret = secrets.token_urlsafe(_SECRET_BYTES)  # until it is sent, no link leads here
        id_ = _insert(connection, org, creator_id, role, days, secret, uses_left=1)
        connection.execute(_invitations.update().where(_invitations.c.id == id_).values(email=email))
        told = {"org": org.name, "role": role.value, "invitation": id_}
        outbox.append(connection, Event("org.invite_address", actor_id=creator_id, payload=told))
        return _invitation(connection.execute(_selected(_invitations.c.id == id_)).one())


def by_id(database: Database, id_: int) -> Invitation:
    """One that counts now. Raises Forbidden."""
    with database.read() as connection:
        row = connection.execute(_selected(_invitations.c.id == id_)).first()
    if row is None:
        raise Forbidden(GONE)
    return _invitation(row)


def may_be_written(database: Database, address: str) -> bool:
    """Not whom the hub has suspended, as far as their address tells."""
    people = schema.accounts
    barred = sa.select(people.c.id).where(
        sa.func.lower(people.c.email) == address.lower(), people.c.suspended_at.is_not(None)
    )
    with database.read() as connection:
        return connection.execute(barred).first() is None


def renew_secret(database: Database, id_: int) -> str:
    """What the link holds from now on; one that was sent before counts no more."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    with database.write() as connection:
        connection.execute(_invitations.update().where(_invitations.c.id == id_).values(hash=token_hash(secret)))
    return secret


def waiting_of(database: Database, org: Account) -> list[Invitation]:
    """Those of an organisation that may still be used, the latest first."""
    return _all(database, _invitations.c.org_id == org.id)


def waiting_for(database: Database, user_id: int) -> list[Invitation]:
    """Those that a user may accept, the latest first."""
    return _all(database, _invitations.c.user_id == user_id)


def find_link(database: Database, org: Account, secret: str) -> Invitation:
    """Raises Forbidden, the same for every reason."""
    with database.read() as connection:
        return _invitation(_link(connection, org, secret))


def follow_link(database: Database, org: Account, secret: str, user: Account) -> bool:
    """Makes the user a member; False, and nothing is used up, when they are one already. Raises Forbidden."""
    with database.write() as connection:
        members.lock(connection, org.id)
        found = _link(connection, org, secret)
        return _use(connection, org, user, found, by="link")


def accept(database: Database, id_: int, user: Account) -> str:
    """What was for this user. Gives the organisation's name. Raises NotFound, the same for every reason."""
    with database.write() as connection:
        found = _for_user(connection, id_, user)
        org = members.org_of(connection, found.org_id)
        members.lock(connection, org.id)
        _use(connection, org, user, _for_user(connection, id_, user), by="invitation")
        return org.name


def decline(database: Database, id_: int, user: Account) -> None:
    """As `accept`, without becoming a member."""
    with database.write() as connection:
        found = _for_user(connection, id_, user)
        connection.execute(_invitations.delete().where(_invitations.c.id == id_))
        told = {"org": found.org, "user": user.name}
        outbox.append(connection, Event("org.decline_invite", actor_id=user.id, payload=told))


def revoke(database: Database, org: Account, id_: int, *, actor_id: int | None = None) -> None:
    """Raises NotFound for one that is not of this organisation."""
    with database.write() as connection:
        here = _invitations.delete().where(_invitations.c.id == id_, _invitations.c.org_id == org.id)
        if not connection.execute(here).rowcount:
            raise NotFound("There is no such invitation: it may have been used")
        told = {"org": org.name, "invitation": id_}
        outbox.append(connection, Event("org.revoke_invite", actor_id=actor_id, payload=told))


def sweep(database: Database) -> int:
    """Removes those that ended a month ago. Returns how many."""
    with database.write() as connection:
        long_gone = _invitations.c.expires_at < now_ms() - _KEPT_DAYS * _DAY_MS
        return connection.execute(_invitations.delete().where(long_gone)).rowcount


# --- rows -----------------------------------------------------------------------------------------------------------


def _insert(
    connection: sa.Connection,
    org: Account,
    creator_id: int,
    role: Role,
    days: int,
    secret: str,
    *,
    user_id: int | None = None,
    uses_left: int | None = None,
) -> int:
    if not 1 <= days <= DAYS_MAX:
        raise BadRequest(f"An invitation is good for 1 to {DAYS_MAX} days")
    now = now_ms()
    open_ = (_invitations.c.org_id == org.id, _invitations.c.expires_at > now)
    if connection.execute(sa.select(sa.func.count()).where(*open_)).scalar_one() >= _WAITING_MAX:
        raise Conflict(f"{org.name} has {_WAITING_MAX} invitations that wait: withdraw some first")
    row = {
        "hash": token_hash(secret),
        "org_id": org.id,
        "user_id": user_id,
        "role": role,
        "creator_id": creator_id,
        "created_at": now,
        "expires_at": now + days * _DAY_MS,
        "uses_left": uses_left,
    }
    inserted = _invitations.insert().values(row).returning(_invitations.c.id)
    return int(connection.execute(inserted).scalar_one())


def _selected(*where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Those that count now."""
    still = sa.and_(_memberships.c.org_id == _invitations.c.org_id, _memberships.c.user_id == _invitations.c.creator_id)
    joined = (
        _invitations.join(_orgs, _orgs.c.id == _invitations.c.org_id)
        .join(_creators, _creators.c.id == _invitations.c.creator_id)
        .outerjoin(_memberships, still)
        .outerjoin(_users, _users.c.id == _invitations.c.user_id)
    )
    counts = (
        _invitations.c.expires_at > now_ms(),
        sa.or_(_invitations.c.uses_left.is_(None), _invitations.c.uses_left > 0),
        _creators.c.suspended_at.is_(None),
        sa.or_(_creators.c.is_admin, _memberships.c.role == Role.ADMIN),
    )
    names = (_orgs.c.name.label("org"), _orgs.c.fullname.label("org_fullname"), _creators.c.name.label("creator"))
    columns = (_invitations, *names, _users.c.name.label("user"))
    return sa.select(*columns).select_from(joined).where(*counts, *where).order_by(_invitations.c.id.desc())


def _all(database: Database, where: sa.ColumnElement[bool]) -> list[Invitation]:
    with database.read() as connection:
        return [_invitation(row) for row in connection.execute(_selected(where))]


def _link(connection: sa.Connection, org: Account, secret: str) -> sa.Row[Any]:
    wanted = (
        _invitations.c.hash == token_hash(secret),
        _invitations.c.org_id == org.id,
        _invitations.c.user_id.is_(None),
    )
    row = connection.execute(_selected(*wanted)).first()
    if row is None:
        raise Forbidden(GONE)
    return row


def _for_user(connection: sa.Connection, id_: int, user: Account) -> sa.Row[Any]:
    mine = (_invitations.c.id == id_, _invitations.c.user_id == user.id)
    row = connection.execute(_selected(*mine)).first()
    if row is None:
        raise NotFound(GONE)
    return row


def _use(connection: sa.Connection, org: Account, user: Account, found: sa.Row[Any], *, by: str) -> bool:
    """The organisation is locked: of two at once for the last use, one gets it."""
    if members.role_of(connection, org.id, user.id) is not None:
        return False
    if found.uses_left is not None:
        taken = _invitations.update().where(_invitations.c.id == found.id)
        connection.execute(taken.values(uses_left=_invitations.c.uses_left - 1))
    members.join(connection, org, user, Role(found.role), actor_id=user.id, by=by)
    return True


def _invitation(row: sa.Row[Any]) -> Invitation:
    values = {name: getattr(row, name) for name in Invitation.__dataclass_fields__}
    return Invitation(**{**values, "role": Role(row.role)})
