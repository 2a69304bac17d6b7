"""Xorbs that no file is made of. One that a client remembers stays: the client would name it and could not recover.

With `--now` the epochs of the repos concerned are raised instead, so that their clients forget (xet.md sections 9 and 10).
"""

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from pioche.db import schema
from pioche.storage import collection
from pioche.storage.blobs import xorb_key
from pioche.storage.xet.hashing import from_text
from pioche.storage.xet.shards import TERM
from pioche.upkeep.collection.context import BATCH, Context
from pioche.upkeep.progress import each

_xorbs, _files, _uploads = schema.xorbs, schema.xet_files, schema.xorb_uploads
_links, _remembered, _repos = schema.repo_xorbs, schema.remembered_xorbs, schema.repos


def collect(run: Context) -> None:
    """Marks, then sweeps: a file that appears after the mark links its xorbs anew, which the sweep sees."""
    alive = mark(run)
    run.progress.begin("xorbs")
    for rows in each(run.progress, _unmarked(run, alive)):
        _collect(run, rows)


def mark(run: Context) -> set[bytes]:
    """The xorbs (raw hashes) that files are made of."""
    run.progress.begin("files of chunks")
    alive = set[bytes]()
    for name, terms in each(run.progress, files(run)):
        if name not in run.gone.files:
            alive.update(xorb for xorb, _, _, _ in TERM.iter_unpack(terms))
    return alive


def files(run: Context) -> Iterator[tuple[str, bytes]]:
    """The hash and the packed terms of every file kept as chunks, in short reads."""
    after = ""
    while True:
        query = sa.select(_files.c.hash, _files.c.terms).where(_files.c.hash > after)
        with run.database.read() as connection:
            found = connection.execute(query.order_by(_files.c.hash).limit(BATCH)).all()
        if not found:
            return
        for row in found:
            yield row.hash, bytes(row.terms)
        after = found[-1].hash


def _unmarked(run: Context, alive: set[bytes]) -> Iterator[Sequence["sa.Row[str, int]"]]:
    wanted = None
    if run.options.repo_ids is not None:
        wanted = run.gone.of_deleted.keys() | run.gone.of_links.keys()
    after = ""
    while True:
        query = sa.select(_xorbs.c.hash, _xorbs.c.size).where(_xorbs.c.hash > after).order_by(_xorbs.c.hash)
        with run.database.read() as connection:
            found = connection.execute(query.limit(BATCH)).all()
        if not found:
            return
        dead = [row for row in found if from_text(row.hash) not in alive]
        yield [row for row in dead if wanted is None or row.hash in wanted]
        after = found[-1].hash


def _collect(run: Context, rows: Sequence["sa.Row[str, int]"]) -> None:
    sizes = {row.hash: row.size for row in rows}
    if not sizes:
        return
    if run.options.dry_run:
        with run.database.read() as connection:
            doomed = _doomed(run, connection, sizes)
    else:
        with run.database.write() as connection:
            collection.enter(connection)
            run.before_removal()
            doomed = _doomed(run, connection, sizes)
            if run.options.now:
                _make_forgotten(run, connection, doomed)
            connection.execute(_links.delete().where(_links.c.hash.in_(doomed)))
            connection.execute(_xorbs.delete().where(_xorbs.c.hash.in_(doomed)))
            collection.condemn(connection, [(xorb_key(name), sizes[name]) for name in doomed])
    for name in doomed:
        run.account(name, sizes[name])
        if not run.options.dry_run:
            run.put_away(xorb_key(name), sizes[name], name)


def _doomed(run: Context, connection: sa.Connection, sizes: dict[str, int]) -> list[str]:
    """Those that may go now. What was in deleted repos had its grace there."""
    old = connection.execute(
        sa.select(_xorbs.c.hash).where(_xorbs.c.hash.in_(list(sizes)), _xorbs.c.created_at < run.times.young_after)
    ).scalars()
    kept = _young(run, connection, sizes)
    remembered = set[str]() if run.options.now else _remembered_ones(run, connection, sizes)
    unused = [name for name in old if name not in kept]
    run.report.remembered += sum(sizes[name] for name in unused if name in remembered)
    return [name for name in unused if name not in remembered]


def _young(run: Context, connection: sa.Connection, names: Iterable[str]) -> set[str]:
    """Sent again, or linked by a file, since the mark or within the grace."""
    wanted, found = list(names), set[str]()
    since = min(run.times.young_after, run.times.started)
    for table, column in ((_uploads, _uploads.c.at), (_links, _links.c.created_at)):
        limit = since if table is _uploads else run.times.started
        query = sa.select(table.c.hash).where(table.c.hash.in_(wanted), column >= limit)
        found.update(connection.execute(query).scalars())
    return found


def _memories(run: Context, names: Iterable[str]) -> "sa.Select[str, int]":
    """(xorb, repo) that clients of living repos remember by the address that they would use today."""
    same_epoch = (_repos.c.id == _remembered.c.repo_id) & (_repos.c.epoch == _remembered.c.epoch)
    return (
        sa.select(_remembered.c.hash, _remembered.c.repo_id)
        .join(_repos, same_epoch)
        .where(_repos.c.deleted_at.is_(None), _remembered.c.hash.in_(list(names)))
        .where(_remembered.c.at > run.times.remembered_after)
    )


def _remembered_ones(run: Context, connection: sa.Connection, names: Iterable[str]) -> set[str]:
    return {row.hash for row in connection.execute(_memories(run, names))}


def _make_forgotten(run: Context, connection: sa.Connection, names: Iterable[str]) -> None:
    """In the transaction that removes them: a client that asks from here on gets another address."""
    repo_ids = {row.repo_id for row in connection.execute(_memories(run, names))}
    raise_epochs(connection, repo_ids)


def raise_epochs(connection: sa.Connection, repo_ids: Iterable[int]) -> None:
    """Clients of these repos begin with an empty memory from here on."""
    ids = sorted(repo_ids)
    if ids:
        connection.execute(_repos.update().where(_repos.c.id.in_(ids)).values(epoch=_repos.c.epoch + 1))
