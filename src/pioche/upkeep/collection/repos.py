"""Deleted repos whose time to be restored is over, and git folders that belong to no repo."""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from pioche.db import schema
from pioche.repos.catalog import ENDED
from pioche.storage import collection
from pioche.upkeep.collection.context import Context
from pioche.upkeep.collection.options import HOUR_MS
from pioche.upkeep.collection.report import Reason
from pioche.upkeep.progress import each

_repos = schema.repos
_FOLDER_MS_MIN = HOUR_MS
_ROWS_AT_ONCE = 5000
_LARGE = (
    (schema.entries, "path"),
    (schema.pointers, "oid"),
    (schema.bucket_files, "path"),
    (schema.repo_contents, "sha256"),
    (schema.repo_xorbs, "hash"),
)


def collect(run: Context) -> None:
    """Rows first, then the git objects: a crash between leaves a folder that the next run finds without a repo."""
    with run.database.read() as connection:
        expired = connection.execute(_expired(run)).all()
    run.progress.begin("deleted repos", len(expired))
    for row in each(run.progress, expired):
        _remember_what_it_held(run, row.id, row.full_name)
        run.report.add(Reason.DELETED_REPO, folder_bytes(run.git.path(row.uid)), row.full_name)
        if run.options.dry_run or _remove_row(run, row.id):
            run.gone.repos[row.id] = row.full_name
            _remove_objects(run, row.uid)


def collect_folders(run: Context) -> None:
    """Git folders without a row: of repos that went, or that a crash left half removed."""
    run.progress.begin("git folders")
    # Never a young one: a duplicated repo has its objects before it has its row. And as late as an overwritten ref: beside
    # a database that is older than the files, these are the repos that it does not know of.
    before = min(run.times.moved_before, run.times.started - _FOLDER_MS_MIN)
    for folder in each(run.progress, _folders(run.git.root)):
        uid = folder.name.removesuffix(".git")
        is_left = folder.name.endswith(".deleted") or not _has_row(run, uid)
        if is_left and _touched_at(folder) < before:
            run.report.add(Reason.ORPHAN, folder_bytes(folder))
            if not run.options.dry_run:
                run.report.freed += folder_bytes(folder)
                run.git.delete(uid)
                shutil.rmtree(folder, ignore_errors=True)


def _expired(run: Context) -> "sa.Select[int, str, str]":
    query = sa.select(_repos.c.id, _repos.c.uid, _repos.c.full_name).where(
        _repos.c.deleted_at < run.times.deleted_before
    )
    return query if run.options.repo_ids is None else query.where(_repos.c.id.in_(run.options.repo_ids))


def _remember_what_it_held(run: Context, repo_id: int, name: str) -> None:
    with run.database.read() as connection:
        for column, table in (("sha256", schema.repo_contents), ("hash", schema.repo_xorbs)):
            held = connection.execute(sa.select(table.c[column]).where(table.c.repo_id == repo_id)).scalars()
            run.gone.of_deleted.update(dict.fromkeys(held, name))


def _remove_row(run: Context, repo_id: int) -> bool:
    """False when it was restored meanwhile. What may be a million rows goes first, some at a time: the one that goes last
    takes the others along in a transaction that all writers wait for."""
    here = (_repos.c.id == repo_id) & (_repos.c.deleted_at < run.times.deleted_before)
    with run.database.write() as connection:
        collection.enter(connection)
        run.before_removal()
        ending = _repos.update().where(here).values(deleted_at=ENDED).returning(_repos.c.id)
        if connection.execute(ending).first() is None:
            return False
    for table, key in _LARGE:
        while _remove_some(run, repo_id, table, key):
            continue
    with run.database.write() as connection:
        collection.enter(connection)
        run.before_removal()
        connection.execute(_repos.delete().where(_repos.c.id == repo_id, _repos.c.deleted_at == ENDED))
    return True


def _remove_some(run: Context, repo_id: int, table: sa.Table, key: str) -> bool:
    """False when there is none left."""
    some = sa.select(table.c[key]).where(table.c.repo_id == repo_id).limit(_ROWS_AT_ONCE)
    with run.database.write() as connection:
        run.before_removal()
        doomed = table.delete().where(table.c.repo_id == repo_id, table.c[key].in_(some))
        return connection.execute(doomed).rowcount > 0


def _remove_objects(run: Context, uid: str) -> None:
    if not run.options.dry_run:
        run.report.freed += folder_bytes(run.git.path(uid))
        run.git.delete(uid)


def _folders(root: Path) -> Iterator[Path]:
    for spread in sorted(root.glob("??")):
        yield from sorted(spread.iterdir())


def _has_row(run: Context, uid: str) -> bool:
    with run.database.read() as connection:
        return connection.execute(sa.select(_repos.c.id).where(_repos.c.uid == uid)).first() is not None


def _touched_at(folder: Path) -> float:
    """The newest time in it, in Unix milliseconds."""
    try:
        return max(path.lstat().st_mtime_ns for path in (folder, *folder.rglob("*"))) / 1e6
    except FileNotFoundError:
        return float("inf")


def folder_bytes(folder: Path) -> int:
    """Of all files below it; what goes away meanwhile does not count."""
    total = 0
    for path in folder.rglob("*"):
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        total += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return total
