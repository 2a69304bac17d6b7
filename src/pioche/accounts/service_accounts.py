"""Users that no person is: an organisation's machines sign in as they, with tokens that its administrators make.

A service account is a user in everything but this: it has no password and can be given none, it belongs to one organisation,
in a role that administers nothing, and its tokens are made and ended by that organisation's administrators, whose making
them is their approval.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts import members
from pioche.accounts.account import COLUMNS, Account, find, from_row, parse_fullname
from pioche.accounts.approvals import Status
from pioche.accounts.members import Role
from pioche.accounts.scopes import FineGrained
from pioche.accounts.tokens import Token, TokenRole, Tokens
from pioche.db import dialect, schema
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.errors import AlreadyExists, BadRequest, NotFound
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import parse_account_name

_accounts, _service, _members = schema.accounts, schema.service_accounts, schema.memberships
_tokens, _approvals = schema.tokens, schema.token_approvals

ROLES = (Role.WRITE, Role.CONTRIBUTOR, Role.READ)
"""What a service account may be in its organisation: an administrator is a person."""

FindScopes = Callable[[Account], FineGrained]
"""What a fine-grained token of that account is to allow (`accounts.entities.find`)."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """`role` None: it was taken out of the organisation, and may do what a stranger may."""

    account: Account
    role: Role | None
    creator: str | None


class ServiceAccounts:
    """Those of all organisations. The caller has checked that an administrator asks."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens

    def create(self, org: Account, name: str, role: Role, *, fullname: str = "", actor: Account) -> ServiceAccount:
        """Raises InvalidName, BadRequest, AlreadyExists."""
        _check_role(role)
        name = parse_account_name(name)
        row = {
            "uid": new_uid(),
            "kind": "user",
            "name": name,
            "name_key": name.lower(),
            "fullname": parse_fullname(fullname) or name,
            "created_at": now_ms(),
        }
        try:
            with self._database.write() as connection:
                connection.execute(_accounts.insert().values(row))
                account = find(connection, name)
                assert account is not None  # noqa: S101 - it was written in this transaction
                made = {"user_id": account.id, "org_id": org.id, "creator_id": actor.id}
                connection.execute(_service.insert().values(made))
                members.put(connection, org.id, account.id, role)
                _tell(connection, "org.service_account.create", org, account, actor)
        except sa.exc.IntegrityError:
            raise AlreadyExists(f"The name {name!r} is taken, by a user or an organization") from None
        return ServiceAccount(account, role, actor.name)

    def of(self, org: Account) -> list[ServiceAccount]:
        """By name."""
        with self._database.read() as connection:
            select = _select().where(_service.c.org_id == org.id).order_by(_accounts.c.name_key)
            return [_one(row) for row in connection.execute(select)]

    def get(self, org: Account, uid: str) -> ServiceAccount:
        """Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(_select().where(_service.c.org_id == org.id, _accounts.c.uid == uid)).first()
        if row is None:
            raise NotFound(f"{org.name} has no such service account")
        return _one(row)

    def org_of(self, user_id: int) -> str | None:
        """The name of the organisation whose service account a user is, if it is one."""
        with self._database.read() as connection:
            select = sa.select(_accounts.c.name).join(_service, _service.c.org_id == _accounts.c.id)
            found = connection.execute(select.where(_service.c.user_id == user_id)).scalar()
        return None if found is None else str(found)

    def delete(self, org: Account, uid: str, *, actor: Account) -> None:
        """Its tokens end at once, and it is nobody's member. What it wrote stays, under its name, which stays taken."""
        found = self.get(org, uid).account
        with self._database.write() as connection:
            _end(connection, [found.id])
            _tell(connection, "org.service_account.delete", org, found, actor)

    # --- their tokens ---

    def tokens_of(self, found: ServiceAccount) -> list[Token]:
        """Those that are not revoked, the latest first."""
        return [token for token in reversed(self._tokens.of(found.account)) if token.revoked_at is None]

    def make_token(
        self,
        org: Account,
        uid: str,
        *,
        name: str,
        role: TokenRole,
        actor: Account,
        expires_at: int | None = None,
        scopes: FindScopes | None = None,
    ) -> tuple[str, Token]:
        """Approved, since an administrator makes it. Raises NotFound, BadRequest."""
        account = self.get(org, uid).account
        given = None if scopes is None else scopes(account)
        value, token = self._tokens.create(account, name=name, role=role, expires_at=expires_at, scopes=given)
        at = now_ms()
        approved = {"token_id": token.id, "org_id": org.id, "status": Status.APPROVED.value, "asked_at": at}
        with self._database.write() as connection:
            upsert = dialect.upsert(connection, _approvals, ["token_id", "org_id"], ["status", "decided_at"])
            connection.execute(upsert.values(**approved, decided_at=at, decider_id=actor.id))
        return value, token

    def refresh_token(self, org: Account, uid: str, token_id: int) -> tuple[str, Token]:
        """As `Tokens.refresh`. Raises NotFound."""
        return self._tokens.refresh(self.get(org, uid).account, token_id)

    def revoke_token(self, org: Account, uid: str, token_id: int) -> None:
        """Raises NotFound."""
        self._tokens.revoke_id(self.get(org, uid).account, token_id)


def end_all(connection: sa.Connection, org_id: int) -> None:
    """Before an organisation is removed: nobody is left to answer for them."""
    ids = sa.select(_service.c.user_id).where(_service.c.org_id == org_id)
    _end(connection, list(connection.execute(ids).scalars()))


def check_is_person(connection: sa.Connection, user_id: int) -> None:
    """Raises BadRequest: nobody signs in as a service account."""
    here = sa.select(_service.c.user_id).where(_service.c.user_id == user_id)
    if connection.execute(here).first() is not None:
        raise BadRequest("This is a service account: it has tokens, and no password")


def _end(connection: sa.Connection, user_ids: list[int]) -> None:
    at = now_ms()
    living = _tokens.c.user_id.in_(user_ids) & _tokens.c.revoked_at.is_(None)
    connection.execute(_tokens.update().where(living).values(revoked_at=at))
    connection.execute(_members.delete().where(_members.c.user_id.in_(user_ids)))
    groups = schema.resource_group_members
    connection.execute(groups.delete().where(groups.c.user_id.in_(user_ids)))
    connection.execute(_service.delete().where(_service.c.user_id.in_(user_ids)))
    connection.execute(_accounts.update().where(_accounts.c.id.in_(user_ids)).values(suspended_at=at))


def _check_role(role: Role) -> None:
    if role not in ROLES:
        raise BadRequest(f"A service account is {', '.join(ROLES[:-1])} or {ROLES[-1]} in its organization")


def _select() -> "sa.Select[Any]":
    creators = _accounts.alias("creators")
    joined = (
        _service.join(_accounts, _accounts.c.id == _service.c.user_id)
        .outerjoin(_members, (_members.c.user_id == _service.c.user_id) & (_members.c.org_id == _service.c.org_id))
        .outerjoin(creators, creators.c.id == _service.c.creator_id)
    )
    columns = (*COLUMNS, _members.c.role.label("role"), creators.c.name.label("creator"))
    return sa.select(*columns).select_from(joined)


def _one(row: Any) -> ServiceAccount:
    return ServiceAccount(from_row(row), None if row.role is None else Role(row.role), row.creator)


def _tell(connection: sa.Connection, kind: str, org: Account, account: Account, actor: Account) -> None:
    outbox.append(connection, Event(kind, actor_id=actor.id, payload={"org": org.name, "user": account.name}))
