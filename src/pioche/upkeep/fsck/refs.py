"""A repo's refs and their logs: names, targets, the commits that they lead to."""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.errors import Corrupt, InvalidReference
from pioche.git import checking
from pioche.git.objects import ObjectMissing
from pioche.names import DEFAULT_REF, VERSIONED, Oid, parse_ref_part
from pioche.repos import tip
from pioche.repos.access import Repo
from pioche.repos.refs import ALLOWED_PREFIXES
from pioche.upkeep.fsck import kinds
from pioche.upkeep.fsck.findings import CannotMend, Problem
from pioche.upkeep.fsck.git import folder_of
from pioche.upkeep.fsck.scene import Scene, repo_name


class Row(NamedTuple):
    """A ref as its row has it."""

    name: str
    target: Oid
    commit: Oid


def examine(scene: Scene, repo: Repo) -> Iterator[Problem]:
    """All refs of one repo."""
    rows = all_rows(repo)
    scene.count("refs", len(rows))
    names = {row.name for row in rows}
    for row in rows:
        subject = f"{repo_name(repo)} {row.name}"
        if fault := _name_fault(row.name, names):
            yield Problem(kinds.REF_NAME, subject, fault)
        fault, commit = _target_fault(repo, row)
        if fault:
            yield Problem(kinds.REF_TARGET, subject, fault, partial(_go_back, repo, row), _places(scene, repo))
        elif commit != row.commit:
            detail = f"{row.commit} instead of {commit}"
            yield Problem(kinds.REF_COMMIT, subject, detail, partial(_correct, repo, row, commit))
    if repo.repo_id.type in VERSIONED and DEFAULT_REF not in names:
        yield Problem(kinds.DEFAULT_BRANCH, repo_name(repo), "", partial(_make_default, repo))
    yield from _logs(repo, rows)


def all_rows(repo: Repo) -> list[Row]:
    refs = schema.refs
    query = sa.select(refs.c.name, refs.c.target, refs.c.commit).where(refs.c.repo_id == repo.id).order_by(refs.c.name)
    with repo.database.read() as connection:
        return [Row(row.name, Oid(row.target), Oid(row.commit)) for row in connection.execute(query)]


def _places(scene: Scene, repo: Repo) -> dict[str, Any]:
    return {"folder": lambda: str(folder_of(repo).relative_to(scene.config.data_dir))}


# --- what is wrong --------------------------------------------------------------------------------------------------


def _name_fault(name: str, names: set[str]) -> str | None:
    prefix = next((prefix for prefix in ALLOWED_PREFIXES if name.startswith(prefix)), None)
    if prefix is None:
        return "it is outside of refs/heads, refs/tags and refs/pr"
    if prefix != "refs/pr/":
        try:
            parse_ref_part(name.removeprefix(prefix), what="branch" if prefix == "refs/heads/" else "tag")
        except InvalidReference as error:
            return error.message
    parts = name.split("/")
    inside = next((folder for count in range(3, len(parts)) if (folder := "/".join(parts[:count])) in names), None)
    return f"it is inside of {inside}" if inside else None


def _target_fault(repo: Repo, row: Row) -> tuple[str | None, Oid]:
    """What is wrong with a ref's target, and the commit that it leads to."""
    try:
        kind, commit = repo.objects.peel(row.target)
        if kind == "commit":
            repo.objects.commit(commit)
    except (ObjectMissing, KeyError):
        return f"{row.target} is missing, or leads to nothing", row.commit
    except Corrupt as error:
        return error.message, row.commit
    if kind != "commit":
        return f"{row.target} is a {kind}", row.commit
    if commit != row.target and not row.name.startswith("refs/tags/"):
        return f"{row.target} is a tag, and this is a branch", row.commit
    return None, commit


def _logs(repo: Repo, rows: list[Row]) -> Iterator[Problem]:
    """The last line of a ref's log is where the ref is. A new repo's `main` has no line."""
    for ref, logged in _last_logged(repo).items():
        target = next((row.target for row in rows if row.name == ref), None)
        if logged != target:
            detail = f"it ends at {logged or 'its deletion'}, the ref is {'at ' + target if target else 'absent'}"
            mend = partial(_log, repo, ref)
            yield Problem(kinds.REFLOG, f"{repo_name(repo)} {ref}", detail, mend)


def _last_logged(repo: Repo) -> dict[str, Oid | None]:
    reflog = schema.reflog
    last = sa.select(sa.func.max(reflog.c.id)).where(reflog.c.repo_id == repo.id).group_by(reflog.c.ref)
    query = sa.select(reflog.c.ref, reflog.c.new).where(reflog.c.id.in_(last)).order_by(reflog.c.ref)
    with repo.database.read() as connection:
        return {row.ref: Oid(row.new) if row.new else None for row in connection.execute(query)}


# --- mending --------------------------------------------------------------------------------------------------------


def _correct(repo: Repo, row: Row, commit: Oid) -> str:
    with repo.database.write() as connection:
        connection.execute(_here(repo, row).values(commit=commit))
    return f"The commit is {commit}"


def _log(repo: Repo, ref: str) -> str:
    logged = _last_logged(repo).get(ref)
    target = next((row.target for row in all_rows(repo) if row.name == ref), None)
    if logged == target:
        return "It ends where the ref is"
    with repo.database.write() as connection:
        _append(connection, repo, ref, logged, target)
    return "A line was added to the log"


def _go_back(repo: Repo, row: Row) -> str:
    """To the last target of which everything is there. What is logged stays: with a backup's objects it can be undone."""
    for oid in _earlier(repo, row.name):
        if oid == row.target or not _is_whole(repo, oid):
            continue
        commit = repo.objects.peel(oid)[1]
        new_tip = tip.compute(repo, None, commit, {}) if row.name == DEFAULT_REF else None
        with repo.database.write() as connection:
            moved = connection.execute(_here(repo, row).values(target=oid, commit=commit, updated_at=now_ms()))
            if moved.rowcount != 1:
                raise CannotMend("the ref moved meanwhile")
            _append(connection, repo, row.name, row.target, oid)
            if new_tip is not None:
                entries = schema.entries
                connection.execute(entries.delete().where(entries.c.repo_id == repo.id))
                tip.store(connection, repo.id, new_tip)
        return f"It went back to {oid}; it was at {row.target}"
    raise CannotMend("its log has no earlier target of which everything is there")


def _make_default(repo: Repo) -> str:
    for oid in _earlier(repo, DEFAULT_REF):
        if not _is_whole(repo, oid):
            continue
        commit = repo.objects.peel(oid)[1]
        new_tip = tip.compute(repo, None, commit, {})
        row = {"repo_id": repo.id, "name": DEFAULT_REF, "target": oid, "commit": commit, "updated_at": now_ms()}
        with repo.database.write() as connection:
            connection.execute(schema.refs.insert().values(row))
            _append(connection, repo, DEFAULT_REF, None, oid)
            connection.execute(schema.entries.delete().where(schema.entries.c.repo_id == repo.id))
            tip.store(connection, repo.id, new_tip)
        return f"It was made at {oid}"
    raise CannotMend("neither its log nor the first commit is there")


def _earlier(repo: Repo, ref: str) -> list[Oid]:
    """Where a ref was, the latest first; for `main` the repo's first commit at the end."""
    reflog = schema.reflog
    query = sa.select(reflog.c.new, reflog.c.old).where(reflog.c.repo_id == repo.id, reflog.c.ref == ref)
    with repo.database.read() as connection:
        logged = [oid for row in connection.execute(query.order_by(reflog.c.id.desc())) for oid in row if oid]
    first = [repo.genesis.commit] if ref == DEFAULT_REF else []
    return [Oid(oid) for oid in dict.fromkeys([*logged, *first])]


def _is_whole(repo: Repo, oid: Oid) -> bool:
    try:
        kind, _ = repo.objects.peel(oid)
    except (ObjectMissing, Corrupt):
        return False
    seed, scratch = repo.genesis.objects(), repo.stores.git.scratch
    return kind == "commit" and not checking.reachable(scratch, folder_of(repo), seed, [oid]).broken


def _here(repo: Repo, row: Row) -> sa.Update:
    refs = schema.refs
    return refs.update().where(refs.c.repo_id == repo.id, refs.c.name == row.name, refs.c.target == row.target)


def _append(connection: sa.Connection, repo: Repo, ref: str, old: Oid | None, new: Oid | None) -> None:
    values = {"repo_id": repo.id, "ref": ref, "old": old, "new": new, "at": now_ms()}
    connection.execute(schema.reflog.insert().values(values))
