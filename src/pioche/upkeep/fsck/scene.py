"""What an examination looks at, and the look-ups that several of its parts need."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from pioche.config import Config
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import RepoNotFound
from pioche.git.store import GitStore
from pioche.names import RepoId, RepoType
from pioche.repos.access import Repo, Stores
from pioche.repos.catalog import ENDED
from pioche.repos.genesis import Genesis
from pioche.storage.blobs import BlobStore
from pioche.storage.contents import Contents
from pioche.storage.verification import Pace, at_full_speed
from pioche.storage.xet.files import XetFiles

_SHOWN_MAX = 3
_GRACE_MS = 24 * 3_600_000

_ROWS_AT_ONCE = 20_000
_PREFIXES = tuple(f"{number:02x}" for number in range(256))


@dataclass(frozen=True, slots=True)
class Scene:
    """One hub. `only` are row ids of repos, None for all."""

    config: Config
    database: Database
    blobs: BlobStore
    only: frozenset[int] | None = None
    pace: Pace = at_full_speed
    grace_ms: int = _GRACE_MS
    looked_at: dict[str, int] = field(default_factory=dict)
    memory: dict[object, Any] = field(default_factory=dict)
    """What one part found and the next needs too; whoever changes anything clears it."""

    @property
    def files(self) -> XetFiles:
        return XetFiles(self.database, self.blobs)

    @property
    def stores(self) -> Stores:
        contents = Contents(self.database, self.blobs, self.files)
        return Stores(self.database, GitStore(self.config.data_dir / "git"), contents)

    def prefixes(self, table: sa.Table) -> tuple[str, ...]:
        """In how many steps a table, and the store that it is about, are looked at: the beginnings of hashes."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        return ("",) if rows <= _ROWS_AT_ONCE else _PREFIXES

    def count(self, what: str, number: int = 1) -> None:
        self.looked_at[what] = self.looked_at.get(what, 0) + number

    # --- repos ---

    def repo_ids(self) -> list[int]:
        """Without those that a collection has begun to remove, which the next one ends."""
        if self.only is not None:
            return sorted(self.only)
        repos = schema.repos
        query = sa.select(repos.c.id).where(repos.c.deleted_at.is_distinct_from(ENDED)).order_by(repos.c.id)
        with self.database.read() as connection:
            return list(connection.execute(query).scalars())

    def repo(self, row_id: int) -> Repo | None:
        """Opened for upkeep, whoever may see it; None when it was deleted."""
        with self.database.read() as connection:
            row = connection.execute(sa.select(schema.repos).where(schema.repos.c.id == row_id)).first()
        return None if row is None else _opened(row, self.stores)

    def in_scope(self, links: sa.Table, hash_column: "sa.ColumnElement[Any]", key: str) -> list[sa.ColumnElement[bool]]:
        """Restricts rows of contents or xorbs to those that `links` ties to the repos in question."""
        if self.only is None:
            return []
        linked = sa.exists().where(links.c[key] == hash_column, links.c.repo_id.in_(sorted(self.only)))
        return [linked]

    # --- who needs it ---

    def used_by(self, sha256: str) -> str:
        """The paths under which people know a large file, for sentences."""
        return _sentence(self._paths([sha256]))

    def used_by_xet(self, xet_hash: str) -> str:
        with self.database.read() as connection:
            table = schema.contents
            sha256s = list(connection.execute(sa.select(table.c.sha256).filter_by(xet_hash=xet_hash)).scalars())
        return _sentence(self._paths(sha256s))

    def used_by_files(self, sha256s: Sequence[str]) -> str:
        return _sentence(self._paths(sha256s))

    def _paths(self, sha256s: Sequence[str]) -> list[str]:
        entries, repos, links = schema.entries, schema.repos, schema.repo_contents
        contents, bucket_files = schema.contents, schema.bucket_files
        wanted = list(sha256s)[:500]
        tips = (
            sa.select(repos.c.full_name, entries.c.path)
            .join(entries, entries.c.repo_id == repos.c.id)
            .where(entries.c.sha256.in_(wanted))
        )
        in_buckets = (
            sa.select(repos.c.full_name, bucket_files.c.path)
            .join(bucket_files, bucket_files.c.repo_id == repos.c.id)
            .join(contents, contents.c.xet_hash == bucket_files.c.xet_hash)
            .where(contents.c.sha256.in_(wanted))
        )
        linked = (
            sa.select(repos.c.full_name)
            .join(links, links.c.repo_id == repos.c.id)
            .where(links.c.sha256.in_(wanted))
            .distinct()
        )
        with self.database.read() as connection:
            found = [f"{path} in {name}" for query in (tips, in_buckets) for name, path in connection.execute(query)]
            return found or [
                f"a file of an earlier revision of {name}" for name in connection.execute(linked).scalars()
            ]


def find_repos(database: Database, names: Iterable[str]) -> frozenset[int]:
    """The row ids of repos by the names that addresses have (`ann/m`, `datasets/ann/d`). Raises RepoNotFound."""
    return frozenset(_find(database, name) for name in names)


def _find(database: Database, name: str) -> int:
    plural, _, rest = name.partition("/")
    repo_type = next((kind for kind in RepoType if kind.plural == plural), None)
    wanted = RepoId.parse(repo_type or RepoType.MODEL, rest if repo_type else name)
    repos = schema.repos
    query = sa.select(repos.c.id).where(repos.c.type == wanted.type.value, repos.c.full_key == wanted.key)
    with database.read() as connection:
        found = connection.execute(query).scalar()
    if found is None:
        raise RepoNotFound
    return int(found)


def repo_name(repo: Repo) -> str:
    """As addresses have it: `ann/m`, `datasets/ann/d`."""
    return f"{repo.repo_id.type.prefix}{repo.repo_id}"


def batches(items: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def after(prefix: str) -> str:
    """The text behind all hashes that begin so (two digits or none), in the order of every collation."""
    return f"{int(prefix, 16) + 1:02x}" if prefix not in ("", "ff") else "g"


def _sentence(paths: list[str]) -> str:
    if not paths:
        return "no repo has it"
    shown = ", ".join(paths[:_SHOWN_MAX])
    return shown if len(paths) <= _SHOWN_MAX else f"{shown} and {len(paths) - _SHOWN_MAX} more"


def _opened(row: "sa.Row[Any]", stores: Stores) -> Repo:
    namespace, _, name = row.full_name.partition("/")
    return Repo(
        id=row.id,
        uid=row.uid,
        repo_id=RepoId(RepoType(row.type), namespace, name),
        namespace_id=row.namespace_id,
        creator_id=row.creator_id,
        private=bool(row.private),
        gated=row.gated,
        epoch=row.epoch,
        genesis=Genesis.load(row.genesis),
        stores=stores,
    )
