"""Which repos there are: create, delete, move, settings, aliases, listing."""

from dataclasses import dataclass
from time import time

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.instance import new_uid, now_ms
from pioche.errors import (
    AccountNotFound,
    AlreadyExists,
    BadRequest,
    Forbidden,
    ReadOnlyToken,
    RepoNotFound,
    StaleParent,
)
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import DEFAULT_REF, VERSIONED, RepoId, RepoType, parse_account_name, parse_repo_name
from pioche.repos import activity, duplication, tip
from pioche.repos.access import Access, Action, Repo, Stores
from pioche.repos.genesis import Genesis
from pioche.storage import collection

_ATTEMPTS = 5
ENDED = 0
"""The `deleted_at` of a repo that can no longer be restored: it is being collected."""

SDKS = ("gradio", "streamlit", "docker", "static")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRepo:
    """`private` None: the organisation's default. `namespace` empty: the caller's own. `empty`: without a first commit's files."""

    type: RepoType
    namespace: str
    name: str
    private: bool | None = None
    sdk: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """None leaves a setting as it is."""

    private: bool | None = None
    gated: str | None = None
    discussions_off: bool | None = None
    """No discussions and no pull requests, neither to read nor to write; what there is, is kept."""


class Catalog:
    """All repos of one hub."""

    def __init__(self, stores: Stores, access: Access) -> None:
        self._stores = stores
        self._access = access

    def create(self, caller: Caller, new: NewRepo) -> Repo:
        """Rows only: the first commit is computed, nothing is written to disk.

        Raises InvalidName, AccountNotFound, Forbidden (not the caller's namespace), AlreadyExists, BadRequest (sdk).
        """
        name = parse_repo_name(new.name)
        if new.type is RepoType.SPACE and new.sdk not in SDKS:
            raise BadRequest(f"A Space needs an sdk: one of {', '.join(SDKS)}")
        try:
            with self._stores.database.write() as connection:
                namespace = _namespace(connection, caller, parse_account_name(new.namespace or caller.name))
                _may_create(caller, namespace)
                repo_id = RepoId(new.type, namespace.name, name)
                if _is_taken(connection, repo_id):
                    raise AlreadyExists(f"You already created this {new.type} repo")
                self._insert(connection, caller, namespace, repo_id, new)
        except IntegrityError:
            raise AlreadyExists(f"You already created this {new.type} repo") from None
        return self._access.open_sync(caller, repo_id, Action.READ)

    def _insert(
        self,
        connection: sa.Connection,
        caller: Caller,
        namespace: sa.Row[tuple[object, ...]],
        repo_id: RepoId,
        new: NewRepo,
    ) -> None:
        at = now_ms()
        first = Genesis(caller.name, int(time()), repo_id.type.value, repo_id.name, new.sdk or "")
        _forget_redirect(connection, repo_id)
        values = {
            "uid": new_uid(),
            "type": repo_id.type.value,
            "namespace_id": namespace.id,
            "name": repo_id.name,
            "full_name": str(repo_id),
            "full_key": repo_id.key,
            "creator_id": caller.user_id,
            "private": namespace.private_by_default if new.private is None else new.private,
            "sdk": new.sdk,
            "genesis": first.dump(),
            "created_at": at,
            "updated_at": at,
        }
        inserted = connection.execute(_ADD_REPO, values)
        row_id = int(inserted.inserted_primary_key[0])  # type: ignore[index]  # one row was inserted
        if repo_id.type in VERSIONED:
            row = {"repo_id": row_id, "name": DEFAULT_REF, "target": first.commit, "commit": first.commit}
            connection.execute(_ADD_REF, {**row, "updated_at": at})
            tip.store(connection, row_id, tip.of_first_commit(row_id, first))
        _tell_of_creation(connection, row_id, caller, {"id": str(repo_id)})

    def duplicate(self, caller: Caller, source: Repo, namespace_name: str, name: str, *, private: bool | None) -> Repo:
        """A new repo with the branches, tags and files of `source`, which was opened for its content.

        `private` None: as the source, or as the organisation wants it when that is stricter. Raises as `create`.
        """
        target_name = parse_repo_name(name)
        for attempt in range(_ATTEMPTS):
            with self._stores.database.read() as connection:  # before work that may take minutes
                namespace = _namespace(connection, caller, parse_account_name(namespace_name or caller.name))
                _may_create(caller, namespace)
                target = RepoId(source.repo_id.type, namespace.name, target_name)
                if _is_taken(connection, target):
                    raise AlreadyExists(_already(target))
            copied = duplication.copy_objects(source)
            try:
                self._insert_duplicate(caller, source, copied, target, private=private)
            except BaseException as error:
                duplication.discard(source, copied)
                if isinstance(error, IntegrityError):
                    raise AlreadyExists(_already(target)) from None
                if isinstance(error, StaleParent) and attempt + 1 < _ATTEMPTS:
                    continue
                raise
            break
        return self._access.open_sync(caller, target, Action.READ)

    def _insert_duplicate(
        self, caller: Caller, source: Repo, copied: duplication.Copy, target: RepoId, *, private: bool | None
    ) -> None:
        with self._stores.database.write() as connection:
            collection.keep_out(connection)
            namespace = _namespace(connection, caller, target.namespace)
            _may_create(caller, namespace)
            _lock(connection, source)
            if _is_taken(connection, target):
                raise AlreadyExists(_already(target))
            _forget_redirect(connection, target)
            strict = source.private or bool(namespace.private_by_default)
            values = {
                "namespace_id": namespace.id,
                "creator_id": caller.user_id,
                "private": strict if private is None else private,
            }
            row_id = duplication.insert(connection, source, copied, target, values)
            payload = {"id": str(target), "from": str(source.repo_id)}
            _tell_of_creation(connection, row_id, caller, payload)

    def delete(self, caller: Caller, repo: Repo) -> None:
        """The name is free at once and the repo absent to everybody. Until it is collected (the setting
        `undo_repo_hours`) `undo.restore` brings it back."""
        repos, at = schema.repos, now_ms()
        hidden = {
            "full_key": deleted_key(repo.uid),
            "deleted_at": at,
            "deleted_by_id": caller.user_id,
            "updated_at": at,
        }
        with self._stores.database.write() as connection:
            alive = repos.update().where(repos.c.id == repo.id, repos.c.deleted_at.is_(None))
            _check_there(connection.execute(alive.values(hidden)))
            outbox.append(connection, Event("repo.delete", repo.id, caller.user_id, {"id": str(repo.repo_id)}))

    def restore(self, caller: Caller, repo: Repo, name: str = "") -> RepoId:
        """A deleted repo (`Access.open_deleted_sync`) is back, as it was, under `name` (`namespace/name`) where that is
        given. Raises AlreadyExists when the name is taken, RepoNotFound when it was collected meanwhile; and as `create`."""
        wanted = RepoId.parse(repo.repo_id.type, name or str(repo.repo_id))
        repos = schema.repos
        try:
            with self._stores.database.write() as connection:
                namespace = _namespace(connection, caller, parse_account_name(wanted.namespace or caller.name))
                if namespace.id != repo.namespace_id:
                    _may_create(caller, namespace)
                    _may_give_away(connection, caller, repo)
                target = RepoId(repo.repo_id.type, namespace.name, parse_repo_name(wanted.name))
                if _is_taken(connection, target):
                    raise AlreadyExists(f"{_already(target)}: give another name to restore it under")
                _forget_redirect(connection, target)
                deleted = repos.update().where(repos.c.id == repo.id, repos.c.deleted_at > ENDED)
                back: dict[str, object] = {"deleted_at": None, "deleted_by_id": None, "updated_at": now_ms()}
                # What its clients remember to have sent may be gone: they begin anew.
                back["epoch"] = repos.c.epoch + 1
                _check_there(connection.execute(deleted.values(**_names(namespace, target), **back)))
                outbox.append(connection, Event("repo.restore", repo.id, caller.user_id or None, {"id": str(target)}))
        except IntegrityError:
            raise AlreadyExists(f"{_already(target)}: give another name to restore it under") from None
        return target

    def move(self, caller: Caller, repo: Repo, namespace_name: str, name: str) -> RepoId:
        """The old name keeps leading here (307), until somebody takes it. Raises as `create`."""
        target_name = parse_repo_name(name)
        repos = schema.repos
        try:
            with self._stores.database.write() as connection:
                namespace = _namespace(connection, caller, parse_account_name(namespace_name))
                _may_create(caller, namespace)
                if namespace.id != repo.namespace_id:
                    _may_give_away(connection, caller, repo)
                target = RepoId(repo.repo_id.type, namespace.name, target_name)
                _lock(connection, repo)
                if target.key != repo.repo_id.key:
                    if _is_taken(connection, target):
                        raise AlreadyExists(_already(target))
                    _forget_redirect(connection, target)
                    _forget_redirect(connection, repo.repo_id)
                    _add_redirect(connection, repo.repo_id, repo.id)
                values = _names(namespace, target)
                connection.execute(repos.update().where(repos.c.id == repo.id).values(updated_at=now_ms(), **values))
                moved = {"from": str(repo.repo_id), "to": str(target)}
                outbox.append(connection, Event("repo.move", repo.id, caller.user_id, moved))
        except IntegrityError:
            raise AlreadyExists(_already(target)) from None
        return target

    def change(self, caller: Caller, repo: Repo, settings: Settings) -> None:
        """Visibility, gating, discussions."""
        values: dict[str, object] = {}
        if settings.private is not None:
            values["private"] = settings.private
        if settings.gated is not None:
            values["gated"] = settings.gated
        if settings.discussions_off is not None:
            values["discussions_off"] = settings.discussions_off
        if not values:
            return
        with self._stores.database.write() as connection:
            alive = (schema.repos.c.id == repo.id) & schema.repos.c.deleted_at.is_(None)
            changed = schema.repos.update().where(alive).values(updated_at=now_ms(), **values)
            _check_there(connection.execute(changed))
            outbox.append(connection, Event("repo.update_settings", repo.id, caller.user_id, values))

    def alias(self, legacy_name: str, target: RepoId) -> None:
        """An un-namespaced legacy id (`bert-base-uncased`) answers as `target` from now on. Raises AccountNotFound ..."""
        alias = RepoId(target.type, "", parse_repo_name(legacy_name))
        repos = schema.repos
        with self._stores.database.write() as connection:
            query = sa.select(repos.c.id).where(repos.c.type == target.type.value, repos.c.full_key == target.key)
            row_id = connection.execute(query).scalar_one_or_none()
            if row_id is None:
                raise AccountNotFound(f"There is no {target.type} {target}")
            _forget_redirect(connection, alias)
            _add_redirect(connection, alias, row_id)


def deleted_key(uid: str) -> str:
    """The `full_key` of a deleted repo. No name has a colon: nobody can ask for it, or stand in its way."""
    return f"deleted:{uid}"


def _check_there(done: sa.CursorResult[tuple[object, ...]]) -> None:
    """Raises RepoNotFound for a repo that was deleted since it was opened."""
    if done.rowcount == 0:
        raise RepoNotFound


def _lock(connection: sa.Connection, repo: Repo) -> None:
    """Raises RepoNotFound as above; until the transaction ends the repo stays."""
    query = sa.select(schema.repos.c.id).where(schema.repos.c.id == repo.id, schema.repos.c.deleted_at.is_(None))
    if connection.execute(query.with_for_update()).first() is None:
        raise RepoNotFound


def _names(namespace: sa.Row[tuple[object, ...]], repo_id: RepoId) -> dict[str, object]:
    """The columns that say what a repo is called."""
    full = {"full_name": str(repo_id), "full_key": repo_id.key}
    return {"namespace_id": namespace.id, "name": repo_id.name, **full}


# Made once: making a statement takes longer than running it.
_NAMESPACE = (
    sa.select(
        schema.accounts.c.id,
        schema.accounts.c.name,
        schema.accounts.c.kind,
        schema.accounts.c.private_by_default,
        schema.memberships.c.role,
    )
    .select_from(
        schema.accounts.outerjoin(
            schema.memberships,
            sa.and_(
                schema.memberships.c.org_id == schema.accounts.c.id,
                schema.memberships.c.user_id == sa.bindparam("user"),
            ),
        )
    )
    .where(schema.accounts.c.name_key == sa.bindparam("key"))
)
_TAKEN = sa.select(schema.repos.c.id).where(
    schema.repos.c.type == sa.bindparam("type"), schema.repos.c.full_key == sa.bindparam("key")
)
_FORGET = schema.redirects.delete().where(
    schema.redirects.c.type == sa.bindparam("kind"), schema.redirects.c.full_key == sa.bindparam("key")
)
_ADD_REPO = schema.repos.insert()
_ADD_REF = schema.refs.insert()


def _tell_of_creation(connection: sa.Connection, row_id: int, caller: Caller, payload: dict[str, str]) -> None:
    event = Event("repo.create", row_id, caller.user_id, payload)
    activity.keep(connection, event)
    outbox.append(connection, event)


def _namespace(connection: sa.Connection, caller: Caller, name: str) -> sa.Row[tuple[object, ...]]:
    """The account's row with the caller's `role` in it. Raises AccountNotFound."""
    row = connection.execute(_NAMESPACE, {"key": name.lower(), "user": caller.user_id}).first()
    if row is None:
        raise AccountNotFound(f"There is no user or organisation {name[:100]!r}")
    return row  # type: ignore[return-value]  # SQLAlchemy types each column


def _may_create(caller: Caller, namespace: sa.Row[tuple[object, ...]]) -> None:
    is_own = namespace.id == caller.user_id
    if not (is_own or caller.is_admin or namespace.role in ("admin", "write", "contributor")):
        raise Forbidden(f'You don\'t have the rights to create a repo under the namespace "{namespace.name}"')
    if not caller.may_write:
        raise ReadOnlyToken


def _may_give_away(connection: sa.Connection, caller: Caller, repo: Repo) -> None:
    """Who may write to an organisation's repos may not take them out of it (reliability.md section 2.1, Moves)."""
    members = schema.memberships
    query = sa.select(members.c.role).where(
        members.c.org_id == repo.namespace_id, members.c.user_id == caller.user_id, members.c.role == "admin"
    )
    is_own = repo.namespace_id == caller.user_id
    if not (is_own or caller.is_admin or connection.execute(query).first() is not None):
        raise Forbidden(f"Only an administrator of {repo.repo_id.namespace} may move a repo out of it")


def _already(repo_id: RepoId) -> str:
    return f"A {repo_id.type} repository called {repo_id} already exists"


def _is_taken(connection: sa.Connection, repo_id: RepoId) -> bool:
    return connection.execute(_TAKEN, {"type": repo_id.type.value, "key": repo_id.key}).first() is not None


def _forget_redirect(connection: sa.Connection, repo_id: RepoId) -> None:
    connection.execute(_FORGET, {"kind": repo_id.type.value, "key": repo_id.key})


def _add_redirect(connection: sa.Connection, repo_id: RepoId, row_id: int) -> None:
    values = {"type": repo_id.type.value, "full_key": repo_id.key, "repo_id": row_id, "created_at": now_ms()}
    connection.execute(schema.redirects.insert().values(values))
