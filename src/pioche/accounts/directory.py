"""Users and organisations: one table, one space of names.

Names are unique without regard to case, over users and organisations together, since both own repos at `/NAME/...`.
Everything here is for plain functions in worker threads.
"""

import hashlib
from typing import Any

import sqlalchemy as sa

from pioche.accounts import former_names, invitations, members, passwords, service_accounts, sessions
from pioche.accounts.account import (
    COLUMNS,
    Account,
    Kind,
    find,
    find_by_email,
    from_row,
    parse_bio,
    parse_email,
    parse_fullname,
    parse_homepage,
    parse_interests,
    parse_language,
    parse_links,
    parse_sensitive,
    parse_theme,
    parse_time_zone,
)
from pioche.accounts.approvals import Approvals
from pioche.accounts.failures import Failures
from pioche.accounts.groups import Groups
from pioche.accounts.invitations import Invitations
from pioche.accounts.members import Members, Role
from pioche.accounts.passkeys import Passkeys
from pioche.accounts.second_factors import SecondFactors
from pioche.accounts.service_accounts import ServiceAccounts
from pioche.accounts.sessions import Sessions
from pioche.accounts.tokens import Tokens
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.errors import AccountNotFound, AlreadyExists, Conflict, Unauthenticated
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import parse_account_name

FIRST_ADMINISTRATOR = "admin"
"""A reserved name, which nobody else can take and which owns no repos: `/admin/...` are pages."""

_accounts = schema.accounts


class Directory:
    """Who there is. `members`, `groups`, `tokens`, `approvals`, `service_accounts`, `sessions`, `second_factors`, `passkeys`,
    `invitations` and `failures` are parts with tables of their own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.members = Members(database)
        self.groups = Groups(database)
        self.tokens = Tokens(database)
        self.approvals = Approvals(database)
        self.service_accounts = ServiceAccounts(database, self.tokens)
        self.sessions = Sessions(database)
        self.second_factors = SecondFactors(database)
        self.passkeys = Passkeys(database)
        self.invitations = Invitations(database)
        self.failures = Failures(database)

    # --- finding ---

    def find(self, name: str) -> Account | None:
        """The user or organisation of this name, in any case; None when there is none."""
        with self._database.read() as connection:
            return find(connection, name)

    def get(self, name: str) -> Account:
        """As `find`. Raises AccountNotFound."""
        found = self.find(name)
        if found is None:
            raise AccountNotFound(f"There is no user or organization {name[:100]!r}")
        return found

    def get_user(self, name: str) -> Account:
        """Raises AccountNotFound, for an organisation's name too."""
        found = self.find(name)
        if found is None or not found.is_user:
            raise AccountNotFound("This user does not exist")
        return found

    def get_org(self, name: str) -> Account:
        """Raises AccountNotFound, for a user's name too."""
        found = self.find(name)
        if found is None or found.is_user:
            raise AccountNotFound("This organization does not exist")
        return found

    def by_id(self, id_: int) -> Account:
        """Raises AccountNotFound."""
        with self._database.read() as connection:
            return by_row_id(connection, id_)

    def all(self, kind: Kind) -> list[Account]:
        """Every account of a kind, by name."""
        with self._database.read() as connection:
            select = sa.select(*COLUMNS).where(_accounts.c.kind == kind).order_by(_accounts.c.name_key)
            return [from_row(row) for row in connection.execute(select)]

    def beginning_with(self, text: str, kind: Kind, *, limit: int) -> list[Account]:
        """Those whose name begins with the text, in any case, or whose full name does; the shortest names first."""
        if not text or not text.isprintable():
            return []
        begins = _accounts.c.name_key.startswith(text.lower(), autoescape=True)
        is_called = sa.func.lower(_accounts.c.fullname).startswith(text.lower(), autoescape=True)
        here = (_accounts.c.kind == kind, _accounts.c.suspended_at.is_(None), sa.or_(begins, is_called))
        order = (sa.func.length(_accounts.c.name_key), _accounts.c.name_key)
        with self._database.read() as connection:
            select = sa.select(*COLUMNS).where(*here).order_by(*order).limit(limit)
            return [from_row(row) for row in connection.execute(select)]

    # --- creating and removing ---

    def create_user(
        self,
        name: str,
        *,
        fullname: str = "",
        email: str | None = None,
        password: str | None = None,
        is_admin: bool = False,
        invitation: str | None = None,
    ) -> Account:
        """Without a password the user has tokens only. An invitation is used up, and may make them an administrator.

        Raises InvalidName, BadRequest, AlreadyExists, Forbidden (for an invitation that does not count).
        """
        name = parse_account_name(name)
        invited = None if invitation is None else self.invitations.find(invitation)
        values = {
            "fullname": parse_fullname(fullname) or name,
            "email": parse_email(email),
            "password_hash": None if password is None else passwords.hashed(password),
            "is_admin": is_admin or (invited is not None and invited.is_admin),
        }
        return self._create(Kind.USER, name, values, invitation_id=invited.id if invited else None)

    def create_org(
        self, name: str, *, fullname: str = "", private_by_default: bool = False, creator_id: int | None = None
    ) -> Account:
        """Its creator, if any, becomes its first administrator. Raises InvalidName, BadRequest, AlreadyExists."""
        values = {"fullname": parse_fullname(fullname) or name, "private_by_default": private_by_default}
        return self._create(Kind.ORG, parse_account_name(name), values, creator_id=creator_id)

    def remove_org(self, org: Account, *, actor_id: int | None = None) -> None:
        """With its memberships, and with its deleted repos, which nobody can restore then. Raises Conflict while it
        owns repos."""
        repos = schema.repos
        with self._database.write() as connection:
            owned = sa.select(sa.func.count()).where(repos.c.namespace_id == org.id, repos.c.deleted_at.is_(None))
            count = connection.execute(owned).scalar_one()
            if count:
                raise Conflict(f"{org.name} owns {count} repos: delete or move them first")
            service_accounts.end_all(connection, org.id)
            connection.execute(repos.delete().where(repos.c.namespace_id == org.id))
            former_names.keep(connection, org.name, None)
            connection.execute(_accounts.delete().where(_accounts.c.id == org.id))
            _tell(connection, "org.delete", org, actor_id)

    def _create(
        self,
        kind: Kind,
        name: str,
        values: dict[str, Any],
        *,
        creator_id: int | None = None,
        invitation_id: int | None = None,
    ) -> Account:
        row = {"uid": new_uid(), "kind": kind, "name": name, "name_key": name.lower(), "created_at": now_ms(), **values}
        try:
            with self._database.write() as connection:
                connection.execute(_accounts.insert().values(row))
                account = find(connection, name)
                assert account is not None  # noqa: S101 - it was written in this transaction
                former_names.take(connection, name, account.id)
                if creator_id is not None:
                    members.put(connection, account.id, creator_id, Role.ADMIN)
                if invitation_id is not None:
                    invitations.use(connection, invitation_id, account.id)
                _tell(connection, f"{kind}.create", account, creator_id)
                return account
        except sa.exc.IntegrityError:
            raise AlreadyExists(f"The name {name!r} is taken, by a user or an organization") from None

    # --- signing in ---

    def authenticate(self, name: str, password: str) -> Account:
        """The user that proved to be `name`, which may be their mail address. Raises Unauthenticated, the same for every
        reason."""
        with self._database.read() as connection:
            account = find_by_email(connection, name) if "@" in name else find(connection, name)
            stored = None
            if account is not None and account.is_user:
                select = sa.select(_accounts.c.password_hash).where(_accounts.c.id == account.id)
                stored = connection.execute(select).scalar_one()
        fits = passwords.matches(stored, password)
        if not fits or account is None or account.suspended_at is not None:
            raise Unauthenticated
        if stored is not None and passwords.is_outdated(stored):
            self._update(account, None, password_hash=passwords.hashed(password))
        return account

    def set_password(
        self, user: Account, password: str, *, must_change: bool = False, actor_id: int | None = None
    ) -> None:
        """`must_change`: somebody else knows it, so it is good for one sign-in. Ends all of the user's sessions.

        Raises BadRequest.
        """
        values = {"password_hash": passwords.hashed(password), "must_change_password": must_change}
        with self._database.write() as connection:
            service_accounts.check_is_person(connection, user.id)
            connection.execute(_accounts.update().where(_accounts.c.id == user.id).values(values))
            sessions.end_all(connection, user.id)
            _tell(connection, "user.change_password", user, actor_id)

    def password_mark(self, user: Account) -> str:
        """Another one as soon as the password is: for what may be done with this password only. Tells nothing of it."""
        with self._database.read() as connection:
            select = sa.select(_accounts.c.password_hash).where(_accounts.c.id == user.id)
            stored = connection.execute(select).scalar_one()
        return hashlib.sha256((stored or "").encode()).hexdigest()[:32]

    # --- what they say of themselves ---

    def change_profile(
        self,
        user: Account,
        *,
        fullname: str,
        email: str,
        bio: str,
        homepage: str,
        links: str = "",
        interests: str = "",
    ) -> None:
        """Empty texts stand for nothing; a full name is the name then. Raises BadRequest."""
        values = {
            "fullname": parse_fullname(fullname) or user.name,
            "email": parse_email(email.strip() or None),
            "bio": parse_bio(bio),
            "homepage": parse_homepage(homepage),
            "links": parse_links(links),
            "interests": parse_interests(interests),
        }
        with self._database.write() as connection:
            before = connection.execute(sa.select(_accounts.c.email).where(_accounts.c.id == user.id)).scalar()
            connection.execute(_accounts.update().where(_accounts.c.id == user.id).values(values))
            told = {"name": user.name, **({"what": "email"} if before != values["email"] else {})}
            outbox.append(connection, Event("user.change_profile", actor_id=user.id, payload=told))

    def set_preferences(
        self,
        user_id: int,
        *,
        language: str | None = None,
        theme: str | None = None,
        time_zone: str | None = None,
        sensitive: str | None = None,
    ) -> None:
        """Of the pages; None leaves one as it is, empty gives it back to the browser. Raises BadRequest."""
        values: dict[str, Any] = {}
        if language is not None:
            values["language"] = parse_language(language)
        if theme is not None:
            values["theme"] = parse_theme(theme)
        if time_zone is not None:
            values["time_zone"] = parse_time_zone(time_zone)
        if sensitive is not None:
            values["sensitive"] = parse_sensitive(sensitive)
        if values:
            with self._database.write() as connection:
                connection.execute(_accounts.update().where(_accounts.c.id == user_id).values(values))

    # --- suspending ---

    def suspend(self, user: Account, *, actor_id: int | None = None) -> None:
        """From now on no token and no password of theirs works. Raises Conflict for the hub's last administrator."""
        with self._database.write() as connection:
            suspend(connection, user, actor_id)

    def reinstate(self, user: Account, *, actor_id: int | None = None) -> None:
        """Undoes `suspend`."""
        self._update(user, "user.reinstate", actor_id, suspended_at=None)

    def _update(self, account: Account, kind: str | None, actor_id: int | None = None, **values: Any) -> None:
        """`kind` is the event's; what changes nothing for anybody has none."""
        with self._database.write() as connection:
            connection.execute(_accounts.update().where(_accounts.c.id == account.id).values(values))
            if kind is not None:
                _tell(connection, kind, account, actor_id)


def by_row_id(connection: sa.Connection, id_: int) -> Account:
    """Raises AccountNotFound."""
    row = connection.execute(sa.select(*COLUMNS).where(_accounts.c.id == id_)).first()
    if row is None:
        raise AccountNotFound("This account does not exist")
    return from_row(row)


def suspend(connection: sa.Connection, user: Account, actor_id: int | None) -> None:
    """As `Directory.suspend`, in a transaction that decides more."""
    if user.is_admin and not _other_administrators(connection, user):
        raise Conflict(f"{user.name} is the last administrator of this hub")
    changed = _accounts.update().where(_accounts.c.id == user.id, _accounts.c.suspended_at.is_(None))
    connection.execute(changed.values(suspended_at=now_ms()))
    sessions.end_all(connection, user.id)
    _tell(connection, "user.suspend", user, actor_id)


def _tell(connection: sa.Connection, kind: str, account: Account, actor_id: int | None = None) -> None:
    org = {} if account.is_user else {"org": account.name}
    outbox.append(connection, Event(kind, actor_id=actor_id, payload={"name": account.name, **org}))


def _other_administrators(connection: sa.Connection, user: Account) -> int:
    others = sa.select(sa.func.count()).where(
        _accounts.c.is_admin, _accounts.c.suspended_at.is_(None), _accounts.c.id != user.id
    )
    return connection.execute(others).scalar_one()


def first_administrator(database: Database) -> str | None:
    """On a hub without users: creates `admin` and returns its password, to be shown once. Otherwise None."""
    directory = Directory(database)
    if directory.all(Kind.USER):
        return None
    password = passwords.generated()
    row = {
        "uid": new_uid(),
        "kind": Kind.USER,
        "name": FIRST_ADMINISTRATOR,
        "name_key": FIRST_ADMINISTRATOR,
        "fullname": "Administrator",
        "password_hash": passwords.hashed(password),
        "must_change_password": True,
        "is_admin": True,
        "created_at": now_ms(),
    }
    try:
        with database.write() as connection:
            connection.execute(_accounts.insert().values(row))
    except sa.exc.IntegrityError:  # another process was first; it has the password
        return None
    return password
