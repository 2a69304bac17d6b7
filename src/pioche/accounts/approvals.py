"""Which tokens of its members an organisation lets act in it.

By default all do. An organisation may want fine-grained tokens only, and may want to be asked about each of these first.
Nothing is written for a token that waits: what is kept are the decisions, so that a policy counts from the moment it is set
and for every token there is. What a policy does to a caller is in `accounts.callers`. As the public Hub's documentation of
token management has it: what was revoked stays so, whatever the policy; administrators' own tokens wait for nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import Account
from pioche.accounts.callers import token_hash
from pioche.accounts.scopes import load
from pioche.accounts.tokens import TokenRole
from pioche.db import dialect, schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, NotFound
from pioche.events import Event
from pioche.jobs import outbox

_tokens, _approvals, _accounts = schema.tokens, schema.token_approvals, schema.accounts
_members, _repos = schema.memberships, schema.repos


class Status(StrEnum):
    """What an organisation said of a token."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Policy:
    """Of an organisation: which tokens of its members count in it. Who asks to approve wants fine-grained ones."""

    wants_fine_grained: bool
    approves: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A token as an organisation sees it: never its value. `name` is shown where the organisation approves tokens. Times are
    Unix milliseconds. `permissions` are those on the organisation and on its repos; of tokens of other roles there are none.
    """

    id: int
    owner: str
    name: str
    role: TokenRole
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    status: Status | None
    permissions: tuple[str, ...]


class Approvals:
    """What all organisations think of all tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def policy(self, org_id: int) -> Policy:
        with self._database.read() as connection:
            return _policy(connection, org_id)

    def set_policy(self, org: Account, policy: Policy, *, actor_id: int | None) -> None:
        """Counts from the next request on, for every token."""
        values = {
            "wants_fine_grained": policy.wants_fine_grained or policy.approves,
            "approves_tokens": policy.approves,
        }
        with self._database.write() as connection:
            connection.execute(_accounts.update().where(_accounts.c.id == org.id).values(values))
            told = {"org": org.name, "wantsFineGrained": values["wants_fine_grained"], "approves": policy.approves}
            outbox.append(connection, Event("org.settings.tokens.update", actor_id=actor_id, payload=told))

    def seen(self, org: Account) -> list[Seen]:
        """The tokens of its members that could act in it, those that wait first, then the latest."""
        with self._database.read() as connection:
            policy = _policy(connection, org.id)
            found = [one for row in _rows(connection, org.id) if (one := _seen(connection, org.id, policy, row))]
        return sorted(found, key=lambda one: (one.status is not Status.PENDING, -one.id))

    def waiting(self, org: Account) -> int:
        """How many tokens wait to be approved."""
        return sum(one.status is Status.PENDING for one in self.seen(org))

    def decide(self, org: Account, token_id: int, status: Status, *, actor: Account) -> None:
        """Approves, denies or revokes. Raises NotFound, Conflict (revoked for good, or one's own)."""
        if status is Status.PENDING:
            raise BadRequest("A token is approved, denied or revoked")
        with self._database.write() as connection:
            row = next((row for row in _rows(connection, org.id) if row.id == token_id), None)
            if row is None or (seen := _seen(connection, org.id, _policy(connection, org.id), row)) is None:
                raise NotFound(f"There is no such token of a member of {org.name}")
            _check_decision(seen, status, is_own=row.user_id == actor.id)
            _put(connection, org, row, status, actor)

    def revoke_value(self, org: Account, value: str, *, actor: Account) -> None:
        """As `decide`, a token that was found somewhere. Raises NotFound: also for one of somebody who is no member."""
        with self._database.write() as connection:
            by_hash = sa.select(_tokens.c.id).where(_tokens.c.hash == token_hash(value.strip()))
            token_id = connection.execute(by_hash).scalar()
            row = next((row for row in _rows(connection, org.id) if row.id == token_id), None)
            if row is None:
                raise NotFound(f"There is no such token of a member of {org.name}")
            if row.user_id == actor.id:
                raise Conflict("This token is yours: revoke it in the settings of your account")
            _put(connection, org, row, Status.REVOKED, actor)

    def of_user(self, user: Account) -> dict[int, list[tuple[str, Status]]]:
        """By token: the organisations that have something to say of it, by name, and what."""
        orgs = sa.select(_accounts.c.id, _accounts.c.name, _members.c.role).select_from(
            _members.join(_accounts, _accounts.c.id == _members.c.org_id)
        )
        found = dict[int, list[tuple[str, Status]]]()
        with self._database.read() as connection:
            mine = orgs.where(_members.c.user_id == user.id).order_by(_accounts.c.name_key)
            for org in connection.execute(mine).all():
                policy = _policy(connection, org.id)
                for row in _rows(connection, org.id, user.id):
                    seen = _seen(connection, org.id, policy, row)
                    if seen is not None and seen.status is not None:
                        found.setdefault(row.id, []).append((org.name, seen.status))
        return found


def _policy(connection: sa.Connection, org_id: int) -> Policy:
    columns = (_accounts.c.wants_fine_grained, _accounts.c.approves_tokens)
    row = connection.execute(sa.select(*columns).where(_accounts.c.id == org_id)).first()
    return Policy(wants_fine_grained=bool(row and row[0]), approves=bool(row and row[1]))


def _rows(connection: sa.Connection, org_id: int, user_id: int | None = None) -> Sequence[sa.Row[Any]]:
    """The living tokens of the members."""
    said = (_approvals.c.token_id == _tokens.c.id) & (_approvals.c.org_id == org_id)
    joined = (
        _tokens.join(_members, (_members.c.user_id == _tokens.c.user_id) & (_members.c.org_id == org_id))
        .join(_accounts, _accounts.c.id == _tokens.c.user_id)
        .outerjoin(_approvals, said)
    )
    columns = (*_tokens.c, _accounts.c.name.label("owner"), _members.c.role.label("member_role"), _approvals.c.status)
    living = _tokens.c.revoked_at.is_(None) & sa.or_(_tokens.c.expires_at.is_(None), _tokens.c.expires_at > now_ms())
    if user_id is not None:
        living &= _tokens.c.user_id == user_id
    return connection.execute(sa.select(*columns).select_from(joined).where(living)).all()


def _seen(connection: sa.Connection, org_id: int, policy: Policy, row: Any) -> Seen | None:
    """None for a fine-grained token that has nothing to do with the organisation."""
    permissions: tuple[str, ...] = ()
    if row.role == TokenRole.FINE_GRAINED:
        permissions = _permissions(connection, org_id, row.scopes)
        if not permissions and row.status is None:
            return None
    return Seen(
        row.id,
        row.owner,
        row.name if policy.approves else "",
        TokenRole(row.role),
        row.created_at,
        row.expires_at,
        row.last_used_at,
        _status(policy, row),
        permissions,
    )


def _permissions(connection: sa.Connection, org_id: int, text: str) -> tuple[str, ...]:
    held = load(text)
    found = set(held.on_account(org_id))
    if held.repos:
        here = sa.select(_repos.c.id).where(_repos.c.namespace_id == org_id, _repos.c.id.in_(list(held.repos)))
        for repo_id in connection.execute(here).scalars():
            found |= held.repos[repo_id]
    return tuple(sorted(found))


def _status(policy: Policy, row: Any) -> Status | None:
    """As `callers` decides. None: the organisation has nothing to say."""
    if row.status in (Status.REVOKED, Status.DENIED):
        return Status(row.status)
    if row.role != TokenRole.FINE_GRAINED:
        return Status.DENIED if policy.wants_fine_grained or policy.approves else None
    if not policy.approves:
        return None
    return Status.APPROVED if row.status == Status.APPROVED or row.member_role == "admin" else Status.PENDING


def _check_decision(seen: Seen, status: Status, *, is_own: bool) -> None:
    if is_own and status is not Status.APPROVED:
        raise Conflict("This token is yours: revoke it in the settings of your account")
    if seen.status is Status.REVOKED:
        raise Conflict("This token was revoked for good: its owner has to make another one")
    if status is not Status.REVOKED and seen.role is not TokenRole.FINE_GRAINED:
        raise Conflict("Only fine-grained tokens are approved or denied")


def _put(connection: sa.Connection, org: Account, row: Any, status: Status, actor: Account) -> None:
    at = now_ms()
    upsert = dialect.upsert(connection, _approvals, ["token_id", "org_id"], ["status", "decided_at", "decider_id"])
    values = {"token_id": row.id, "org_id": org.id, "status": status.value, "asked_at": row.created_at}
    connection.execute(upsert.values(**values, decided_at=at, decider_id=actor.id))
    kind = f"org.token_approval.authorization_request.{status.value}"
    if status is Status.REVOKED:
        kind = "org.token_approval.authorization.revoked"
    told = {"org": org.name, "user": row.owner, "id": row.id, "token": row.name}
    outbox.append(connection, Event(kind, actor_id=actor.id, payload=told))
