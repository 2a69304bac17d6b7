"""Protected branches: only owners change them, and nobody deletes them or takes commits away from them.

Owners are the person whose namespace it is, the administrators of the organisation, and those of the instance. All others
open a pull request, which an owner merges. The rule is asked in the transaction that moves a ref (`refs.update`), so that it
holds for commits, pushes, merges, squashes and deletions alike, by whichever door they come.
"""

from typing import Protocol

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.instance import now_ms
from pioche.errors import Forbidden, InvalidReference, RevisionNotFound
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import Oid
from pioche.repos.access import Repo

_table = schema.protections
_REFS = sa.select(_table.c.ref).where(_table.c.repo_id == sa.bindparam("repo"))
_ROLE = sa.select(schema.memberships.c.role).where(
    schema.memberships.c.org_id == sa.bindparam("org"), schema.memberships.c.user_id == sa.bindparam("user")
)


class Change(Protocol):
    """What of a `refs.RefChange` counts here."""

    @property
    def ref(self) -> str: ...
    @property
    def old(self) -> Oid | None: ...
    @property
    def new(self) -> Oid | None: ...


def protect(repo: Repo, caller: Caller, branch: str) -> None:
    """Done already is done. Raises Forbidden for whoever is no owner, RevisionNotFound where there is no such branch."""
    ref = _ref(branch)
    with repo.database.write() as connection:
        check_owner(connection, repo, caller, "protect a branch")
        here = (schema.refs.c.repo_id == repo.id) & (schema.refs.c.name == ref)
        if connection.execute(sa.select(schema.refs.c.name).where(here)).first() is None:
            raise RevisionNotFound(branch)
        values = {"repo_id": repo.id, "ref": ref, "actor_id": caller.user_id or None, "at": now_ms()}
        connection.execute(insert_if_absent(connection, _table).values(**values))
        _tell(connection, "repo.protect_ref", repo, caller, ref)


def unprotect(repo: Repo, caller: Caller, branch: str) -> None:
    """Idempotent. Raises Forbidden for whoever is no owner."""
    ref = _ref(branch)
    with repo.database.write() as connection:
        check_owner(connection, repo, caller, "take the protection off a branch")
        connection.execute(_table.delete().where(_table.c.repo_id == repo.id, _table.c.ref == ref))
        _tell(connection, "repo.unprotect_ref", repo, caller, ref)


def protected(repo: Repo) -> frozenset[str]:
    """The full refs (`refs/heads/main`) that are protected."""
    with repo.database.read() as connection:
        return refs_of(connection, repo.id)


def is_owner(repo: Repo, caller: Caller) -> bool:
    """Whether the caller may change what is protected, and say what is."""
    with repo.database.read() as connection:
        return _owns(connection, repo, caller)


def may_change(repo: Repo, caller: Caller, ref: str) -> bool:
    """Of whoever may write to the repo: whether to this ref, too."""
    return ref not in protected(repo) or is_owner(repo, caller)


def refs_of(connection: sa.Connection, repo_id: int) -> frozenset[str]:
    """As `protected`, in a transaction."""
    return frozenset(connection.execute(_REFS, {"repo": repo_id}).scalars())


def check(connection: sa.Connection, repo: Repo, caller: Caller, change: Change) -> None:
    """In the transaction that would make `change` to a protected branch. Raises Forbidden, naming the branch and who may."""
    name = change.ref.removeprefix("refs/heads/")
    if change.new is None:
        raise Forbidden(
            f"The branch {name} is protected: it cannot be deleted before an owner takes the protection off"
        )
    if not _owns(connection, repo, caller):
        raise Forbidden(
            f"The branch {name} is protected: only {_owners(repo)} may change it. Open a pull request instead"
        )
    if change.old is not None and not repo.objects.is_ancestor(change.old, change.new):
        raise Forbidden(
            f"The branch {name} is protected: commits cannot be taken away from it (no force push, no squash) "
            "before an owner takes the protection off"
        )


def _tell(connection: sa.Connection, kind: str, repo: Repo, caller: Caller, ref: str) -> None:
    outbox.append(connection, Event(kind, repo.id, caller.user_id or None, {"id": str(repo.repo_id), "ref": ref}))


def _ref(branch: str) -> str:
    if not branch or branch.startswith("refs/"):
        raise InvalidReference(f"Invalid reference for a branch: {branch[:100]!r}")
    return f"refs/heads/{branch}"


def check_owner(connection: sa.Connection, repo: Repo, caller: Caller, what: str) -> None:
    """In a transaction. Raises Forbidden, which says who may do `what`."""
    if not _owns(connection, repo, caller):
        raise Forbidden(f"Only {_owners(repo)} may {what}")


def _owners(repo: Repo) -> str:
    return f"the owner of {repo.repo_id.namespace} (in an organisation: its administrators)"


def _owns(connection: sa.Connection, repo: Repo, caller: Caller) -> bool:
    if caller.is_admin or (caller.user_id and caller.user_id == repo.namespace_id):
        return True
    return connection.execute(_ROLE, {"org": repo.namespace_id, "user": caller.user_id}).scalar() == "admin"
