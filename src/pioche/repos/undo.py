"""What was deleted or overwritten by mistake: the repos that can be restored, and the refs (scenario J7).

A deleted repo waits for `undo_repo_hours`, a ref that was deleted or force-pushed for `undo_ref_days`; collection keeps
whatever they lead to until then. `Catalog.restore` brings a repo back, `restore_ref` a ref.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.accounts import audiences
from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import EntryNotFound, RevisionNotFound
from pioche.git.objects import ObjectMissing
from pioche.names import Oid, RepoId, RepoType
from pioche.repos import reachability, refs
from pioche.repos.access import Repo
from pioche.repos.catalog import ENDED

_repos, _accounts = schema.repos, schema.accounts
_PAGE_MAX = 1000
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class DeletedRepo:
    """`repo_id` is what it was called; `restorable_until` in Unix milliseconds, as all times; `used_storage` in bytes."""

    uid: str
    repo_id: RepoId
    deleted_at: int
    deleted_by: str | None
    restorable_until: int
    used_storage: int


@dataclass(frozen=True, slots=True)
class Move:
    """One move of a ref. `old` None: it was created; `new` None: it was deleted. `actor` None: the account is gone."""

    id: int
    ref: str
    old: Oid | None
    new: Oid | None
    actor: str | None
    at: int
    restorable_until: int


def deleted_repos(database: Database, caller: Caller, *, undo_hours: int) -> list[DeletedRepo]:
    """Those that the caller may restore, the last deleted first: administrators all, others what they could delete."""
    deleter = _accounts.alias("deleter")
    joined = _repos.outerjoin(deleter, deleter.c.id == _repos.c.deleted_by_id)
    columns = (_repos.c.uid, _repos.c.type, _repos.c.full_name, _repos.c.deleted_at, _repos.c.used_storage)
    query = sa.select(*columns, deleter.c.name.label("deleter")).select_from(joined)
    query = query.where(_repos.c.deleted_at > ENDED)
    if not caller.is_admin:
        query = query.where(_may_restore(caller))
        query = query.where(_repos.c.namespace_id.not_in([one.org_id for one in caller.barred]))
    with database.read() as connection:
        rows = connection.execute(query.order_by(_repos.c.deleted_at.desc(), _repos.c.id).limit(_PAGE_MAX)).all()
    return [
        DeletedRepo(
            row.uid,
            RepoId(RepoType(row.type), *row.full_name.split("/", 1)),
            row.deleted_at,
            row.deleter,
            row.deleted_at + undo_hours * HOUR_MS,
            row.used_storage,
        )
        for row in rows
    ]


_MAY_RESTORE = f"""repos.id IN (SELECT d.id FROM (
    SELECT r.id, r.namespace_id, r.creator_id, {audiences.ROLE} AS role FROM repos r {audiences.JOINED} WHERE r.deleted_at > 0
    ) d WHERE d.namespace_id = :user OR d.role IN ('admin', 'write') OR (d.role = 'contributor' AND d.creator_id = :user))"""


def _may_restore(caller: Caller) -> sa.TextClause:
    """As `access` decides for MANAGE."""
    return sa.text(_MAY_RESTORE).bindparams(user=caller.user_id)


# --- refs -----------------------------------------------------------------------------------------------------------


def moves(repo: Repo, *, undo_days: int, ref: str | None = None, limit: int = 100) -> Sequence[Move]:
    """The last moves of the repo's refs, or of one, newest first."""
    table = schema.reflog
    joined = table.outerjoin(_accounts, _accounts.c.id == table.c.actor_id)
    query = sa.select(table, _accounts.c.name.label("actor")).select_from(joined).where(table.c.repo_id == repo.id)
    if ref is not None:
        query = query.where(table.c.ref == ref)
    with repo.database.read() as connection:
        rows = connection.execute(query.order_by(table.c.id.desc()).limit(min(limit, _PAGE_MAX))).all()
    until = undo_days * DAY_MS
    return [Move(row.id, row.ref, row.old, row.new, row.actor, row.at, row.at + until) for row in rows]


def restore_ref(repo: Repo, caller: Caller, move_id: int) -> refs.Ref:
    """Puts the ref of a move back to where it was before that move; what it says now is in the reflog then.

    Raises EntryNotFound for a move that the repo has not, or that made the ref; RevisionNotFound when what the ref was
    at has been collected; and as `refs.update`.
    """
    table = schema.reflog
    with repo.database.read() as connection:
        row = connection.execute(sa.select(table).where(table.c.repo_id == repo.id, table.c.id == move_id)).first()
    if row is None or row.old is None:
        raise EntryNotFound(f"This repo has no move {move_id} of a ref that could be undone")
    target = Oid(row.old)
    try:
        kind, commit = repo.objects.peel(target)
    except ObjectMissing:
        raise RevisionNotFound(target) from None
    if kind != "commit":
        raise RevisionNotFound(target)
    now = refs.find(repo, row.ref)
    if now is None or now.target != target:
        change = refs.RefChange(row.ref, now.target if now else None, target, commit)
        refs.update(repo, caller, refs.Update([change], reachability.new_pointers(repo, commit)))
    return refs.Ref(row.ref, target, commit)


def expired_before(undo_days: int) -> int:
    """Moves that are older (Unix milliseconds) can no longer be undone."""
    return now_ms() - undo_days * DAY_MS
