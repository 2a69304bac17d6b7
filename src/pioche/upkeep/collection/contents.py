"""Contents that no repo is linked to, and the chunked files that they were."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from pioche.db import schema
from pioche.storage import collection
from pioche.storage.blobs import blob_key
from pioche.upkeep.collection.context import BATCH, Context, batches
from pioche.upkeep.progress import each

_contents, _links, _files, _uploads = schema.contents, schema.repo_contents, schema.xet_files, schema.uploads
_parts, _images = schema.xet_file_xorbs, schema.images
_Row = sa.Row[str, int, str, str | None]


def collect(run: Context) -> None:
    """Rows of contents, then of files; the bytes of whole files go into quarantine."""
    run.progress.begin("contents")
    for batch in each(run.progress, _dead(run)):
        _collect(run, batch)
    run.progress.begin("chunked files")
    for hashes in each(run.progress, _dead_files(run)):
        _collect_files(run, hashes)


def _dead(run: Context) -> Iterator[Sequence[_Row]]:
    """Batch by batch, in order."""
    if run.options.dry_run or run.options.repo_ids is not None:
        names = sorted({*run.gone.links, *run.gone.of_deleted})
        for names_batch in batches(names):
            with run.database.read() as connection:
                old = _contents.c.created_at < run.times.young_after
                here = _contents.c.sha256.in_(names_batch)
                rows = connection.execute(_select().where(here, old, ~_is_shown())).all()
                yield _without_links(run, connection, rows)
    if run.options.repo_ids is not None:
        return
    after = ""
    while True:
        with run.database.read() as connection:
            query = _unlinked(run).where(_contents.c.sha256 > after).order_by(_contents.c.sha256).limit(BATCH)
            found = connection.execute(query).all()
        if not found:
            return
        yield found
        after = found[-1].sha256


def _select() -> "sa.Select[str, int, str, str | None]":
    return sa.select(_contents.c.sha256, _contents.c.size, _contents.c.kind, _contents.c.xet_hash)


def _unlinked(run: Context) -> "sa.Select[str, int, str, str | None]":
    linked = sa.select(_links.c.sha256).where(_links.c.sha256 == _contents.c.sha256).exists()
    query = _select().where(_contents.c.created_at < run.times.young_after, ~linked, ~_is_shown())
    if run.options.now:
        return query
    open_ = _uploads.c.expires_at > run.times.started
    return query.where(~sa.select(_uploads.c.id).where(_uploads.c.sha256 == _contents.c.sha256, open_).exists())


def _is_shown() -> sa.ColumnElement[bool]:
    """A picture that somebody sent, and that no repo holds."""
    return sa.select(_images.c.id).where(_images.c.sha256 == _contents.c.sha256).exists()


def _without_links(run: Context, connection: sa.Connection, rows: Sequence[_Row]) -> list[_Row]:
    """Those whose every link has gone in this run, or would have."""
    held = dict[str, set[int]]()
    of_these = _links.c.sha256.in_([row.sha256 for row in rows])
    for link in connection.execute(sa.select(_links.c.sha256, _links.c.repo_id).where(of_these)):
        held.setdefault(link.sha256, set()).add(link.repo_id)
    gone = run.gone
    return [r for r in rows if not held.get(r.sha256, set()) - gone.links.get(r.sha256, set()) - gone.repos.keys()]


def _collect(run: Context, rows: Sequence[_Row]) -> None:
    if not run.options.dry_run:
        with run.database.write() as connection:
            collection.enter(connection)
            run.before_removal()
            here = _contents.c.sha256.in_([row.sha256 for row in rows])
            rows = connection.execute(_unlinked(run).where(here)).all()
            connection.execute(_contents.delete().where(_contents.c.sha256.in_([row.sha256 for row in rows])))
            collection.condemn(connection, [(blob_key(row.sha256), row.size) for row in rows if row.kind == "blob"])
    for row in rows:
        run.gone.contents.add(row.sha256)
        if row.kind == "blob":
            run.account(row.sha256, row.size)
            if not run.options.dry_run:
                run.put_away(blob_key(row.sha256), row.size, row.sha256)
        if row.xet_hash is not None:
            _name_parts(run, row.sha256, row.xet_hash)


def _name_parts(run: Context, sha256: str, xet_hash: str) -> None:
    """The xorbs of a file went for the same reason as the file."""
    run.gone.files.add(xet_hash)
    with run.database.read() as connection:
        parts = connection.execute(sa.select(_parts.c.xorb).where(_parts.c.file == xet_hash)).scalars().all()
    for names in (run.gone.of_deleted, run.gone.of_links):
        if sha256 in names:
            for xorb in parts:
                names.setdefault(xorb, names[sha256])


# --- files kept as chunks -------------------------------------------------------------------------------------------


def _orphaned() -> sa.ColumnElement[bool]:
    return ~sa.select(_contents.c.sha256).where(_contents.c.xet_hash == _files.c.hash).exists()


def _dead_files(run: Context) -> Iterator[Sequence[str]]:
    if run.options.dry_run:
        return  # `gone.files` names them
    after = ""
    while True:
        query = sa.select(_files.c.hash).where(_files.c.hash > after, _orphaned())
        with run.database.read() as connection:
            found = connection.execute(query.order_by(_files.c.hash).limit(BATCH)).scalars().all()
        if not found:
            return
        yield found
        after = found[-1]


def _collect_files(run: Context, hashes: Sequence[str]) -> None:
    with run.database.write() as connection:
        collection.enter(connection)
        run.before_removal()
        doomed = _files.delete().where(_files.c.hash.in_(hashes), _orphaned()).returning(_files.c.hash)
        run.gone.files.update(connection.execute(doomed).scalars())
