"""Xorbs that no file is made of. One that a client remembers stays: the client would name it and could not recover.

With `--now` the epochs of the repos concerned are raised instead, so that their clients forget (xet.md sections 9 and 10).
"""

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from pioche.db import schema
from pioche.storage import collection
from pioche.storage.blobs import xorb_key
from pioche.upkeep.collection.context import BATCH, Context
from pioche.upkeep.progress import each

_xorbs, _parts, _uploads = schema.xorbs, schema.xet_file_xorbs, schema.xorb_uploads
_links, _remembered, _repos = schema.repo_xorbs, schema.remembered_xorbs, schema.repos


def collect(run: Context) -> None:
    """Their rows, and with them what tells that repos, users and clients have them; the bytes go into quarantine."""
    run.progress.begin("xorbs")
    for sizes in each(run.progress, _unused(run)):
        _collect(run, sizes)


def _unused(run: Context) -> Iterator[dict[str, int]]:
    """Those that are part of no file, and their sizes; batch by batch."""
    wanted = None
    if run.options.repo_ids is not None:
        wanted = run.gone.of_deleted.keys() | run.gone.of_links.keys()
    after = ""
    while True:
        query = _select(run).where(_xorbs.c.hash > after).order_by(_xorbs.c.hash)
        with run.database.read() as connection:
            found = connection.execute(query.limit(BATCH)).all()
            alive = _parts_of_living(run, connection, [row.hash for row in found])
        if not found:
            return
        unused = {row.hash: row.size for row in found if row.hash not in alive}
        if sizes := {name: size for name, size in unused.items() if wanted is None or name in wanted}:
            yield sizes
        after = found[-1].hash


def _select(run: Context) -> "sa.Select[str, int]":
    query = sa.select(_xorbs.c.hash, _xorbs.c.size).where(_xorbs.c.created_at < run.times.young_after)
    # In a dry run the files that would be gone are there still: `_parts_of_living` leaves them out.
    return query if run.options.dry_run else query.where(_is_part_of_none())


def _is_part_of_none() -> sa.ColumnElement[bool]:
    return ~sa.select(_parts.c.file).where(_parts.c.xorb == _xorbs.c.hash).exists()


def _parts_of_living(run: Context, connection: sa.Connection, names: Sequence[str]) -> set[str]:
    if not run.options.dry_run:
        return set()
    rows = connection.execute(sa.select(_parts.c.xorb, _parts.c.file).where(_parts.c.xorb.in_(names)))
    return {row.xorb for row in rows if row.file not in run.gone.files}


def _collect(run: Context, sizes: dict[str, int]) -> None:
    if run.options.dry_run:
        with run.database.read() as connection:
            doomed = _without_remembered(run, connection, _not_sent_lately(run, connection, list(sizes)), sizes)
    else:
        with run.database.write() as connection:
            collection.enter(connection)
            run.before_removal()
            here = _xorbs.c.hash.in_(list(sizes))
            unused = list(connection.execute(sa.select(_xorbs.c.hash).where(here, _is_part_of_none())).scalars())
            doomed = _without_remembered(run, connection, _not_sent_lately(run, connection, unused), sizes)
            if run.options.now:
                raise_epochs(connection, {row.repo_id for row in connection.execute(memories(run, doomed))})
            connection.execute(_links.delete().where(_links.c.hash.in_(doomed)))
            connection.execute(_xorbs.delete().where(_xorbs.c.hash.in_(doomed)))
            collection.condemn(connection, [(xorb_key(name), sizes[name]) for name in doomed])
    for name in doomed:
        run.account(name, sizes[name])
        if not run.options.dry_run:
            run.put_away(xorb_key(name), sizes[name], name)


def _not_sent_lately(run: Context, connection: sa.Connection, names: list[str]) -> list[str]:
    """Sending one again makes it young again: its shard is to come."""
    since = min(run.times.young_after, run.times.started)
    lately = sa.select(_uploads.c.hash).where(_uploads.c.hash.in_(names), _uploads.c.at >= since)
    sent = set(connection.execute(lately).scalars())
    return [name for name in names if name not in sent]


def _without_remembered(run: Context, connection: sa.Connection, names: list[str], sizes: dict[str, int]) -> list[str]:
    if run.options.now:
        return names
    remembered = {row.hash for row in connection.execute(memories(run, names))}
    run.report.remembered += sum(sizes[name] for name in remembered)
    return [name for name in names if name not in remembered]


def memories(run: Context, names: Iterable[str]) -> "sa.Select[str, int]":
    """(xorb, repo) that clients of living repos remember by the address that they would use today."""
    same_epoch = (_repos.c.id == _remembered.c.repo_id) & (_repos.c.epoch == _remembered.c.epoch)
    return (
        sa.select(_remembered.c.hash, _remembered.c.repo_id)
        .join(_repos, same_epoch)
        .where(_repos.c.deleted_at.is_(None), _remembered.c.hash.in_(list(names)))
        .where(_remembered.c.at > run.times.remembered_after)
    )


def raise_epochs(connection: sa.Connection, repo_ids: Iterable[int]) -> None:
    """Clients of these repos begin with an empty memory from here on."""
    ids = sorted(repo_ids)
    if ids:
        connection.execute(_repos.update().where(_repos.c.id.in_(ids)).values(epoch=_repos.c.epoch + 1))
