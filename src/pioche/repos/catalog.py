"""Which repos there are: create, delete, move, settings, aliases, listing."""

from dataclasses import asdict, dataclass
from time import time

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pioche.accounts.callers import Caller
from pioche.accounts.groups import Group
from pioche.db import schema
from pioche.db.instance import new_uid, now_ms
from pioche.errors import (
    AccountNotFound,
    AlreadyExists,
    BadRequest,
    RepoNotFound,
    StaleParent,
)
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import DEFAULT_REF, VERSIONED, RepoId, RepoType, parse_account_name, parse_repo_name
from pioche.repos import activity, duplication, grouping, placing, protection, tip
from pioche.repos.access import Access, Action, Repo, Stores
from pioche.repos.genesis import Genesis
from pioche.storage import collection

_ATTEMPTS = 5
ENDED = 0
"""The `deleted_at` of a repo that can no longer be restored: it is being collected."""

SDKS = ("gradio", "streamlit", "docker", "static")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRepo:
    """`private` None: the organisation's default. `namespace` empty: the caller's own."""

    type: RepoType
    namespace: str
    name: str
    private: bool | None = None
    sdk: str | None = None
    group: str | None = None
    """The `uid` of the resource group that it is made in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Each is the column of that name; None leaves a setting as it is."""

    private: bool | None = None
    gated: str | None = None
    gates_members: bool | None = None
    discussions_off: bool | None = None
    """No discussions and no pull requests, neither to read nor to write; what there is, is kept."""
    duplication_off: bool | None = None
    """Nobody makes a repo from this one by asking the hub; whoever may read the files can still upload them elsewhere."""
    code_allowed: bool | None = None
    """What came with the model may run, where the hub does that; an owner alone can say so (`protection`)."""


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
                namespace = placing.namespace(connection, caller, parse_account_name(new.namespace or caller.name))
                group = placing.group_for(connection, caller, namespace, new.group)
                repo_id = RepoId(new.type, namespace.name, name)
                if placing.is_taken(connection, repo_id):
                    raise AlreadyExists(f"You already created this {new.type} repo")
                self._insert(connection, caller, namespace, repo_id, new, group)
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
        group: Group | None,
    ) -> None:
        at = now_ms()
        first = Genesis(caller.name, int(time()), repo_id.type.value, repo_id.name, new.sdk or "")
        placing.forget_redirect(connection, repo_id)
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
            "group_id": None if group is None else group.id,
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
        if group is not None:
            grouping.tell(connection, "resource_group.add_repos", group, caller, row_id, repo_id)

    def duplicate(
        self,
        caller: Caller,
        source: Repo,
        namespace_name: str,
        name: str,
        *,
        private: bool | None,
        group_uid: str | None = None,
    ) -> Repo:
        """A new repo with the branches, tags and files of `source`, which was opened for its content.

        `private` None: as the source, or as the organisation wants it when that is stricter. Raises Forbidden where the
        owners want no duplicates, QuotaExceeded, and as `create`.
        """
        target_name = parse_repo_name(name)
        for attempt in range(_ATTEMPTS):
            with self._stores.database.read() as connection:  # before work that may take minutes
                duplication.check_allowed(connection, source)
                wanted = parse_account_name(namespace_name or caller.name)
                namespace = placing.namespace(connection, caller, wanted, keeps_name=False)
                placing.group_for(connection, caller, namespace, group_uid)
                target = RepoId(source.repo_id.type, namespace.name, target_name)
                if placing.is_taken(connection, target):
                    raise AlreadyExists(placing.already(target))
            copied = duplication.copy_objects(source)
            try:
                self._insert_duplicate(caller, source, copied, target, private=private, group_uid=group_uid)
            except BaseException as error:
                duplication.discard(source, copied)
                if isinstance(error, IntegrityError):
                    raise AlreadyExists(placing.already(target)) from None
                if isinstance(error, StaleParent) and attempt + 1 < _ATTEMPTS:
                    continue
                raise
            break
        return self._access.open_sync(caller, target, Action.READ)

    def _insert_duplicate(
        self,
        caller: Caller,
        source: Repo,
        copied: duplication.Copy,
        target: RepoId,
        *,
        private: bool | None,
        group_uid: str | None,
    ) -> None:
        with self._stores.database.write() as connection:
            collection.keep_out(connection)
            namespace = placing.namespace(connection, caller, target.namespace)
            group = placing.group_for(connection, caller, namespace, group_uid)
            _lock(connection, source)
            duplication.check_allowed(connection, source)
            if placing.is_taken(connection, target):
                raise AlreadyExists(placing.already(target))
            placing.forget_redirect(connection, target)
            strict = source.private or bool(namespace.private_by_default)
            values = {
                "namespace_id": namespace.id,
                "creator_id": caller.user_id,
                "private": strict if private is None else private,
                "group_id": None if group is None else group.id,
            }
            self._admit(connection, caller, namespace, source)
            row_id = duplication.insert(connection, source, copied, target, values)
            payload = {"id": str(target), "from": str(source.repo_id)}
            _tell_of_creation(connection, row_id, caller, payload)
            if group is not None:
                grouping.tell(connection, "resource_group.add_repos", group, caller, row_id, target)

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
                namespace = placing.namespace(connection, caller, parse_account_name(wanted.namespace or caller.name))
                leaves = namespace.id != repo.namespace_id
                if leaves:
                    placing.check_may_create(caller, namespace)
                    placing.check_may_give_away(connection, caller, repo)
                target = RepoId(repo.repo_id.type, namespace.name, parse_repo_name(wanted.name))
                if placing.is_taken(connection, target):
                    raise AlreadyExists(f"{placing.already(target)}: give another name to restore it under")
                self._admit(connection, caller, namespace, repo)
                placing.forget_redirect(connection, target)
                deleted = repos.update().where(repos.c.id == repo.id, repos.c.deleted_at > ENDED)
                back: dict[str, object] = {"deleted_at": None, "deleted_by_id": None, "updated_at": now_ms()}
                # What its clients remember to have sent may be gone: they begin anew.
                back["epoch"] = repos.c.epoch + 1
                if leaves:
                    back |= placing.leave_group(connection, caller, repo)
                _check_there(connection.execute(deleted.values(**placing.names(namespace, target), **back)))
                outbox.append(connection, Event("repo.restore", repo.id, caller.user_id or None, {"id": str(target)}))
        except IntegrityError:
            raise AlreadyExists(f"{placing.already(target)}: give another name to restore it under") from None
        return target

    def move(self, caller: Caller, repo: Repo, namespace_name: str, name: str) -> RepoId:
        """The old name keeps leading here (307), until somebody takes it. Raises as `create`."""
        target_name = parse_repo_name(name)
        repos = schema.repos
        try:
            with self._stores.database.write() as connection:
                namespace = placing.namespace(connection, caller, parse_account_name(namespace_name))
                leaves = namespace.id != repo.namespace_id
                # Within a resource group its members rename what they may manage, whatever they are outside.
                placing.check_may_create(caller, namespace, inside=None if leaves or repo.group_id is None else True)
                if leaves:
                    placing.check_may_give_away(connection, caller, repo)
                target = RepoId(repo.repo_id.type, namespace.name, target_name)
                _lock(connection, repo)
                if namespace.id != repo.namespace_id:
                    self._admit(connection, caller, namespace, repo)
                if target.key != repo.repo_id.key:
                    if placing.is_taken(connection, target):
                        raise AlreadyExists(placing.already(target))
                    placing.forget_redirect(connection, target)
                    placing.forget_redirect(connection, repo.repo_id)
                    placing.add_redirect(connection, repo.repo_id, repo.id)
                values = placing.names(namespace, target)
                if leaves:
                    values |= placing.leave_group(connection, caller, repo)
                    values["code_allowed"] = False  # whoever owns it now has not said so
                connection.execute(repos.update().where(repos.c.id == repo.id).values(updated_at=now_ms(), **values))
                moved = {"from": str(repo.repo_id), "to": str(target)}
                outbox.append(connection, Event("repo.move", repo.id, caller.user_id, moved))
        except IntegrityError:
            raise AlreadyExists(placing.already(target)) from None
        return target

    def _admit(
        self, connection: sa.Connection, caller: Caller, namespace: sa.Row[tuple[object, ...]], repo: Repo
    ) -> None:
        """What `repo` holds comes to an owner that did not hold it. Raises QuotaExceeded."""
        repos = schema.repos
        held = sa.select(repos.c.used_storage + repos.c.git_storage).where(repos.c.id == repo.id)
        size = int(connection.execute(held).scalar() or 0)
        self._stores.quotas.admit_repo(connection, caller.user_id, namespace, size)

    def change(self, caller: Caller, repo: Repo, settings: Settings) -> None:
        """Visibility, gating, discussions, duplication, code. A card says what its gate asks, never whether there is one.

        Raises Forbidden for code that somebody allows who is no owner."""
        given = asdict(settings)
        values = {column: value for column, value in given.items() if value is not None}
        if not values:
            return
        with self._stores.database.write() as connection:
            if settings.code_allowed:
                protection.check_owner(connection, repo, caller, "let its code run")
            alive = (schema.repos.c.id == repo.id) & schema.repos.c.deleted_at.is_(None)
            changed = schema.repos.update().where(alive).values(updated_at=now_ms(), **values)
            _check_there(connection.execute(changed))
            told = {"id": str(repo.repo_id), **values}
            outbox.append(connection, Event("repo.update_settings", repo.id, caller.user_id, told))

    def alias(self, legacy_name: str, target: RepoId) -> None:
        """An un-namespaced legacy id (`bert-base-uncased`) answers as `target` from now on. Raises AccountNotFound ..."""
        alias = RepoId(target.type, "", parse_repo_name(legacy_name))
        repos = schema.repos
        with self._stores.database.write() as connection:
            query = sa.select(repos.c.id).where(repos.c.type == target.type.value, repos.c.full_key == target.key)
            row_id = connection.execute(query).scalar_one_or_none()
            if row_id is None:
                raise AccountNotFound(f"There is no {target.type} {target}")
            placing.forget_redirect(connection, alias)
            placing.add_redirect(connection, alias, row_id)


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


# Made once: making a statement takes longer than running it.
_ADD_REPO = schema.repos.insert()
_ADD_REF = schema.refs.insert()


def _tell_of_creation(connection: sa.Connection, row_id: int, caller: Caller, payload: dict[str, str]) -> None:
    event = Event("repo.create", row_id, caller.user_id, payload)
    activity.keep(connection, event)
    outbox.append(connection, event)
