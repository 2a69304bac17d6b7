"""A bucket's files: one, some, or those whose paths begin alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Lookup
from pioche.errors import EntryNotFound
from pioche.names import Sha256
from pioche.repos.access import Repo
from pioche.storage.contents import Content

EMPTY_XET_HASH = "0" * 64
"""Of a file without bytes: no term, no xorb, and so no content."""

_BATCH = 500
_LEVEL_BATCH = 50  # rows of one look at a level, which ends at the first folder
_files = schema.bucket_files


@dataclass(frozen=True, slots=True)
class BucketFile:
    """Times are Unix milliseconds; `mtime` is what the uploader said."""

    path: str
    size: int
    xet_hash: str
    mtime: int | None
    uploaded_at: int


@dataclass(frozen=True, slots=True)
class BucketFolder:
    """`uploaded_at` is that of the latest file in it."""

    path: str
    uploaded_at: int


@dataclass(frozen=True, slots=True)
class Page:
    """Files and folders in byte order of their paths. `next_after` is what to give as `after` for those that follow."""

    items: list[BucketFile | BucketFolder]
    next_after: str | None


_ONE = Lookup(
    """
    SELECT f.path, f.size, f.xet_hash, f.mtime, f.uploaded_at, c.sha256, c.kind
    FROM bucket_files f
    LEFT JOIN (contents c JOIN repo_contents l ON l.sha256 = c.sha256)
        ON c.xet_hash = f.xet_hash AND l.repo_id = f.repo_id
    WHERE f.repo_id = :repo AND f.path = :path
    """
)


async def locate(bucket: Repo, path: str) -> tuple[BucketFile, Content | None]:
    """One file with its content; None for the content of a file without bytes, or of one whose bytes are lost.

    Raises EntryNotFound.
    """
    row = await bucket.database.fetch_one(_ONE, {"repo": bucket.id, "path": path})
    if row is None:
        raise EntryNotFound
    *columns, sha256, kind = row
    file = BucketFile(*columns)
    return file, None if sha256 is None else Content(Sha256(sha256), file.size, kind, file.xet_hash)


def at_paths(bucket: Repo, paths: Sequence[str]) -> list[BucketFile]:
    """Those of `paths` that exist, in the order asked."""
    wanted = [path for path in dict.fromkeys(paths) if path and "\x00" not in path]
    found = dict[str, BucketFile]()
    with bucket.database.read() as connection:
        for start in range(0, len(wanted), _BATCH):
            query = _select(bucket).where(_files.c.path.in_(wanted[start : start + _BATCH]))
            found.update((row.path, BucketFile(*row)) for row in connection.execute(query))
    return [found[path] for path in wanted if path in found]


def listing(bucket: Repo, prefix: str, *, recursive: bool, after: str = "", limit: int = 1000) -> Page:
    """The files whose paths begin with the text `prefix`, which need not end at a folder's name.

    Not `recursive`: of what lies in a folder below the prefix the folder is told, once. The prefix `logs` so lists what is
    in `logs/`, and `logs.json` and the folder `logs_old` beside it, as on the public Hub.
    """
    items = list[BucketFile | BucketFolder]()
    with bucket.database.read() as connection:
        while len(items) < limit:
            room = limit - len(items)
            rows = _following(connection, bucket, prefix, after, room if recursive else min(room, _LEVEL_BATCH))
            if not rows:
                return Page(items, None)
            for file in rows:
                slash = -1 if recursive else file.path.find("/", len(prefix) + 1)
                if slash >= 0:
                    items.append(_folder(connection, bucket, file.path[:slash]))
                    after = file.path[: slash + 1]
                    break  # the next look begins behind this folder
                items.append(file)
                after = file.path
    return Page(items, after)


def _following(connection: sa.Connection, bucket: Repo, prefix: str, after: str, limit: int) -> list[BucketFile]:
    # An `after` that ends in "/" is a folder, to be passed with all that is in it: "0" is the character after "/".
    path = _files.c.path
    behind = path >= f"{after[:-1]}0" if after.endswith("/") else path > after
    query = _select(bucket).where(path >= prefix, behind).order_by(path).limit(limit)
    rows = [BucketFile(*row) for row in connection.execute(query)]
    return [row for row in rows if row.path.startswith(prefix)]


def _folder(connection: sa.Connection, bucket: Repo, path: str) -> BucketFolder:
    within = (_files.c.path > f"{path}/") & (_files.c.path < f"{path}0")
    latest = sa.select(sa.func.max(_files.c.uploaded_at)).where(_files.c.repo_id == bucket.id, within)
    return BucketFolder(path, int(connection.execute(latest).scalar_one()))


def _select(bucket: Repo) -> sa.Select[Any]:
    columns = (_files.c[name] for name in ("path", "size", "xet_hash", "mtime", "uploaded_at"))
    return sa.select(*columns).where(_files.c.repo_id == bucket.id)
