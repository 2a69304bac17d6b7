"""Contents that a repo is linked to and that nothing in it leads to: no commit of any ref, no ref that can be put back.

The candidates are few: what is young, and what the tip of the default branch has, is left out before git is asked, and
repos that hold nothing else are not even looked at: of two million, all but a handful.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from pioche.db import schema
from pioche.git.program import GitFailed
from pioche.names import RepoType
from pioche.repos import reachability
from pioche.storage import admission, collection
from pioche.upkeep.collection.context import Context, batches
from pioche.upkeep.progress import each

_repos, _links, _pointers = schema.repos, schema.repo_contents, schema.pointers
_ATTEMPTS = 5
_AT_ONCE = 200_000  # candidates in one walk through git: what a walk keeps in memory
_SLICE = 10_000  # ids of repos in one question: what a database sorts, and how long it is asked


def collect(run: Context) -> None:
    """Unlinks, repo by repo."""
    repos = list(_worth_a_look(run))
    run.progress.begin("contents of repos", len(repos))
    for repo in each(run.progress, repos):
        for _ in range(_ATTEMPTS):  # each time a ref has moved while git was asked, everything is asked again
            if _collect_repo(run, repo):
                break
        else:
            run.report.skipped.append(f"{repo.full_name}: its refs move all the time; the next run tries again")


def _worth_a_look(run: Context) -> Iterator["sa.Row[int, str, str, str]"]:
    """The repos that may have candidates."""
    columns = (_repos.c.id, _repos.c.uid, _repos.c.type, _repos.c.full_name)
    alive = sa.select(*columns).where(_repos.c.deleted_at.is_(None)).order_by(_repos.c.id)
    with run.database.read() as connection:
        if run.options.repo_ids is not None:
            yield from connection.execute(alive.where(_repos.c.id.in_(run.options.repo_ids))).all()
            return
        last = connection.execute(sa.select(sa.func.max(_links.c.repo_id))).scalar() or 0
    for first in range(0, last + 1, _SLICE):
        with run.database.read() as connection:
            left = _not_at_tips(run, first, first + _SLICE).subquery()
            yield from connection.execute(alive.where(_repos.c.id.in_(sa.select(left.c.repo_id)))).all()


def _not_at_tips(run: Context, first: int, end: int) -> "sa.CompoundSelect[int, str]":
    """Of the repos with the ids [first, end): what of theirs is not young, and not in their list of files. Buckets have
    another list, so that all they hold is here."""
    entries = schema.entries
    linked = sa.select(_links.c.repo_id, _links.c.sha256).where(
        _links.c.repo_id >= first, _links.c.repo_id < end, _links.c.created_at < run.times.young_after
    )
    listed = sa.select(entries.c.repo_id, entries.c.sha256).where(
        entries.c.repo_id >= first, entries.c.repo_id < end, entries.c.sha256.is_not(None)
    )
    return linked.except_(listed)


def _collect_repo(run: Context, repo: "sa.Row[int, str, str, str]") -> bool:
    """False when a ref moved meanwhile."""
    with run.database.read() as connection:
        roots = reachability.roots(connection, repo.id, since=run.times.moved_before)
        candidates: list[str] = list(connection.execute(_candidates(run, repo)).scalars())
    for batch in batches(candidates, _AT_ONCE):
        try:
            dead = list(batch) if repo.type == RepoType.BUCKET else _unreachable(run, repo, roots, batch)
        except GitFailed as error:
            run.report.skipped.append(f"{repo.full_name}: left alone, its objects cannot be walked: {error.message}")
            return True
        if run.options.dry_run:
            _note(run, repo, dead)
        elif not _unlink(run, repo, roots.stamp, dead):
            return False
    return True


def _candidates(run: Context, repo: "sa.Row[int, str, str, str]") -> "sa.Select[str]":
    query = sa.select(_links.c.sha256).where(_links.c.repo_id == repo.id, _links.c.created_at < run.times.young_after)
    if repo.type == RepoType.BUCKET:
        return query.where(_links.c.sha256.not_in(_of_bucket(repo.id)))
    entries, uploads = schema.entries, schema.uploads
    at_tip = sa.select(entries.c.sha256).where(entries.c.repo_id == repo.id, entries.c.sha256.is_not(None))
    query = query.where(_links.c.sha256.not_in(at_tip))
    if not run.options.now:
        open_ = sa.select(uploads.c.sha256).where(uploads.c.expires_at > run.times.started)
        query = query.where(_links.c.sha256.not_in(open_))
    return query.order_by(_links.c.sha256)


def _of_bucket(repo_id: int) -> "sa.Select[str]":
    files, contents = schema.bucket_files, schema.contents
    return (
        sa.select(contents.c.sha256)
        .join(files, files.c.xet_hash == contents.c.xet_hash)
        .where(files.c.repo_id == repo_id)
    )


def _unreachable(
    run: Context, repo: "sa.Row[int, str, str, str]", roots: reachability.Roots, candidates: Sequence[str]
) -> list[str]:
    """Those whose pointer no walk from the roots meets. Raises GitFailed."""
    if not run.git.exists(repo.uid):
        return list(candidates)
    wanted = set(candidates)
    waiting = dict[str, str]()
    with run.database.read() as connection:
        for row in connection.execute(
            sa.select(_pointers.c.oid, _pointers.c.sha256).where(_pointers.c.repo_id == repo.id)
        ):
            if row.sha256 in wanted:
                waiting[row.oid] = row.sha256
    if waiting:
        with reachability.walk(run.git, repo.uid, roots) as reached:
            for oid in reached:
                if oid in waiting:
                    wanted.discard(waiting[oid])
                    if not wanted:
                        break
    return sorted(wanted)


def _unlink(run: Context, repo: "sa.Row[int, str, str, str]", stamp: int, dead: list[str]) -> bool:
    """False when a ref moved since the roots were read. Bucket files are looked at again in the transaction."""
    for batch in batches(dead):
        with run.database.write() as connection:
            collection.enter(connection)
            run.before_removal()
            if not _is_as_seen(connection, repo.id, stamp):
                return False
            here = (_links.c.repo_id == repo.id) & _links.c.sha256.in_(batch)
            doomed = _links.delete().where(here, _links.c.created_at < run.times.young_after)
            if repo.type == RepoType.BUCKET:
                doomed = doomed.where(_links.c.sha256.not_in(_of_bucket(repo.id)))
            gone = list(connection.execute(doomed.returning(_links.c.sha256)).scalars())
            admission.forget(connection, repo.id, gone)
            _note(run, repo, gone)
            if repo.type != RepoType.BUCKET:  # which counts its files, whatever it is linked to
                _count_storage(connection, repo.id)
    return True


def _is_as_seen(connection: sa.Connection, repo_id: int, stamp: int) -> bool:
    """Locks the repo as every change of a ref does. False also when it was deleted."""
    here = sa.select(_repos.c.id).where(_repos.c.id == repo_id, _repos.c.deleted_at.is_(None)).with_for_update()
    if connection.execute(here).first() is None:
        return False
    return reachability.stamp(connection, repo_id) == stamp


def _count_storage(connection: sa.Connection, repo_id: int) -> None:
    """`used_storage`: the large files that the repo has a pointer to and holds, each once."""
    linked = (_links.c.repo_id == _pointers.c.repo_id) & (_links.c.sha256 == _pointers.c.sha256)
    each_once = (
        sa.select(_pointers.c.sha256, _pointers.c.size)
        .join(_links, linked)
        .where(_pointers.c.repo_id == repo_id)
        .distinct()
    ).subquery()
    total = sa.select(sa.func.coalesce(sa.func.sum(each_once.c.size), 0)).scalar_subquery()
    connection.execute(_repos.update().where(_repos.c.id == repo_id).values(used_storage=total))


def _note(run: Context, repo: "sa.Row[int, str, str, str]", dead: Sequence[str]) -> None:
    for sha256 in dead:
        run.gone.links.setdefault(sha256, set()).add(repo.id)
        run.gone.of_links[sha256] = repo.full_name
