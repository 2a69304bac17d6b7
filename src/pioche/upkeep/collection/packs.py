"""Git objects that no ref leads to, and none that could be put back.

A pack of which nothing is alive is taken away; one that is dead for a good part is written anew first, where there is room.
Whoever opened the repo before, and would now make a ref lead to such an object, has to look again whether everything is there
(`repos.refs`): told by `pruning_at`, which is committed before the first pack goes, and by the epoch, which is raised with
the transaction in which the last one goes. A removal that was killed in between leaves `pruning_at`, and the next run ends it.
"""

import shutil

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.git import pruning
from pioche.git.program import GitFailed
from pioche.git.pruning import Pack, Reached
from pioche.git.snapshot import Snapshot
from pioche.names import RepoType
from pioche.repos import reachability
from pioche.upkeep.collection.context import Context
from pioche.upkeep.collection.report import Reason
from pioche.upkeep.collection.xorbs import raise_epochs
from pioche.upkeep.progress import each

_repos = schema.repos
_HALF_MS_MIN = 3_600_000
_DEAD_SHARE_MIN = 0.25
_DEAD_BYTES_MIN = 64 * 1024


def collect(run: Context) -> None:
    """Repo by repo."""
    columns = (_repos.c.id, _repos.c.uid, _repos.c.full_name, _repos.c.pruning_at)
    query = sa.select(*columns).where(_repos.c.deleted_at.is_(None), _repos.c.type != RepoType.BUCKET.value)
    if run.options.repo_ids is not None:
        query = query.where(_repos.c.id.in_(run.options.repo_ids))
    with run.database.read() as connection:
        repos = connection.execute(query.order_by(_repos.c.id)).all()
    run.progress.begin("git objects", len(repos))
    for repo in each(run.progress, repos):
        if run.git.exists(repo.uid):
            try:
                _collect(run, repo)
            except GitFailed as error:
                why = f"{repo.full_name}: its git objects were left alone: {error.message}"
                run.report.skipped.append(why)


def _collect(run: Context, repo: "sa.Row[int, str, str, int | None]") -> None:
    with run.database.read() as connection:
        roots = reachability.roots(connection, repo.id, since=run.times.moved_before)
    with reachability.walk(run.git, repo.uid, roots) as oids:
        reached = Reached(oids)
    path = run.git.path(repo.uid)
    doomed = [
        pack
        for pack in pruning.survey(path, reached, modified_before=run.times.young_after)
        if not pack.live or (pack.dead_bytes > max(_DEAD_BYTES_MIN, _DEAD_SHARE_MIN * pack.bytes) and _fits(run, pack))
    ]
    if not run.options.dry_run:
        # Everything that is reachable was just found without them.
        pruning.sweep(path, modified_before=run.times.started - _HALF_MS_MIN)
    if run.options.dry_run:
        _note(run, repo, doomed)
    elif doomed:
        _replace(run, repo, roots.stamp, doomed, reached)
    elif repo.pruning_at is not None:
        with run.database.write() as connection:
            run.before_removal()
            _end_pruning(connection, repo.id)


def _fits(run: Context, pack: Pack) -> bool:
    """The new pack stands beside the old one for a moment."""
    return shutil.disk_usage(run.git.root).free > 2 * pack.bytes


def _replace(
    run: Context, repo: "sa.Row[int, str, str, int | None]", stamp: int, doomed: list[Pack], reached: Reached
) -> None:
    with Snapshot(run.git.scratch, run.git.path(repo.uid), {}) as snapshot:
        run.git.adopt(repo.uid, [pruning.rewrite(snapshot.path, pack, reached) for pack in doomed if pack.live])
    # Where a ref has moved: what was written anew does no harm, and the next run sees.
    with run.database.write() as connection:
        if not _is_unmoved(run, connection, repo.id, stamp):
            return
        connection.execute(_repos.update().where(_repos.c.id == repo.id).values(pruning_at=now_ms()))
    with run.database.write() as connection:
        is_unmoved = _is_unmoved(run, connection, repo.id, stamp)
        if is_unmoved:
            pruning.remove([pack.path for pack in doomed])
        _end_pruning(connection, repo.id)
    if is_unmoved:
        _count_again(run, repo)
        _note(run, repo, doomed)
        run.report.freed += sum(pack.dead_bytes if pack.live else pack.bytes for pack in doomed)


def _count_again(run: Context, repo: "sa.Row[int, str, str, int | None]") -> None:
    """What a push added meanwhile is in both numbers, or in neither: the next run sees it."""
    values = {"git_storage": run.git.file_bytes(repo.uid)}
    with run.database.write() as connection:
        connection.execute(_repos.update().where(_repos.c.id == repo.id).values(values))


def _is_unmoved(run: Context, connection: sa.Connection, repo_id: int, stamp: int) -> bool:
    """The repo is there, and no ref moves until the transaction ends."""
    run.before_removal()
    here = sa.select(_repos.c.id).where(_repos.c.id == repo_id, _repos.c.deleted_at.is_(None)).with_for_update()
    return connection.execute(here).first() is not None and reachability.stamp(connection, repo_id) == stamp


def _end_pruning(connection: sa.Connection, repo_id: int) -> None:
    raise_epochs(connection, [repo_id])
    connection.execute(_repos.update().where(_repos.c.id == repo_id).values(pruning_at=None))


def _note(run: Context, repo: "sa.Row[int, str, str, int | None]", doomed: list[Pack]) -> None:
    for pack in doomed:
        run.report.add(Reason.GIT, pack.dead_bytes if pack.live else pack.bytes, repo.full_name)
