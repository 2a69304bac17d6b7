"""What of a repo's large files other repos hold too: stored once, counted in each.

A reader is told of those repos only that they may open themselves: that bytes are also in a private repo of somebody
else's is nobody's business (E-LEAK).
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.names import RepoId, RepoType
from pioche.repos import info
from pioche.repos.access import Repo

_links, _contents, _repos, _entries = schema.repo_contents, schema.contents, schema.repos, schema.entries
_OTHERS_MAX = 50
_FILES_MAX = 200


@dataclass(frozen=True, slots=True)
class Other:
    """A repo that holds some of the same: so many contents, with so many bytes."""

    repo_id: RepoId
    contents: int
    size: int


@dataclass(frozen=True, slots=True)
class LargeFile:
    """At the tip. `others`: how many other repos that the reader may open hold its content too."""

    path: str
    size: int
    is_chunked: bool
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Bytes of large files. `total` is all that the repo is linked to, `tip` what its default branch needs now, `shared`
    what others hold too. `chunked` is what files kept as chunks would take whole, `chunks` what their chunks take, each
    once; `chunks_shared` of these is in other repos too."""

    total: int
    contents: int
    tip: int
    shared: int
    chunked: int
    chunks: int
    chunks_shared: int
    others: list[Other]
    files: list[LargeFile]

    @property
    def unique(self) -> int:
        return self.total - self.shared

    @property
    def history(self) -> int:
        """Only older commits, other branches, or nobody any more."""
        return max(0, self.total - self.tip)


def measure(repo: Repo, caller: Caller) -> Sharing:
    """From rows alone."""
    with repo.database.read() as connection:
        total, contents = _sums(connection, _linked(repo))
        shared, _ = _sums(connection, _linked(repo).where(_elsewhere(repo, caller).exists()))
        chunked, _ = _sums(connection, _linked(repo).where(_contents.c.kind == "xet"))
        chunks, chunks_shared = _chunks(connection, repo, caller)
        return Sharing(
            total=total,
            contents=contents,
            tip=_tip(connection, repo),
            shared=shared,
            chunked=chunked,
            chunks=chunks,
            chunks_shared=chunks_shared,
            others=_others(connection, repo, caller),
            files=_files(connection, repo, caller),
        )


def _linked(repo: Repo) -> "sa.Select[Any]":
    joined = _links.join(_contents, _contents.c.sha256 == _links.c.sha256)
    query = sa.select(sa.func.coalesce(sa.func.sum(_contents.c.size), 0), sa.func.count()).select_from(joined)
    return query.where(_links.c.repo_id == repo.id)


def _elsewhere(repo: Repo, caller: Caller) -> "sa.Select[Any]":
    """The links of other repos, which the caller may read, to the row of `contents` around it."""
    other = _links.alias("other")
    query = sa.select(other.c.repo_id).join(_repos, _repos.c.id == other.c.repo_id)
    same = (other.c.sha256 == _contents.c.sha256) & (other.c.repo_id != repo.id)
    return query.where(same, *info.visible(caller)).correlate(_contents)


def _sums(connection: sa.Connection, query: "sa.Select[Any]") -> tuple[int, int]:
    row = connection.execute(query).one()
    return int(row[0]), int(row[1])


def _tip(connection: sa.Connection, repo: Repo) -> int:
    here = (_entries.c.repo_id == repo.id) & _entries.c.sha256.is_not(None)
    once = (
        sa.select(_entries.c.sha256, sa.func.max(_entries.c.size).label("size")).where(here).group_by(_entries.c.sha256)
    )
    return int(connection.execute(sa.select(sa.func.sum(once.subquery().c.size))).scalar() or 0)


def _chunks(connection: sa.Connection, repo: Repo, caller: Caller) -> tuple[int, int]:
    mine, xorbs = schema.repo_xorbs, schema.xorbs
    joined = mine.join(xorbs, xorbs.c.hash == mine.c.hash)
    query = (
        sa.select(sa.func.coalesce(sa.func.sum(xorbs.c.size), 0)).select_from(joined).where(mine.c.repo_id == repo.id)
    )
    other = mine.alias("other")
    same = (other.c.hash == xorbs.c.hash) & (other.c.repo_id != repo.id)
    elsewhere = sa.select(other.c.repo_id).join(_repos, _repos.c.id == other.c.repo_id)
    shared = query.where(elsewhere.where(same, *info.visible(caller)).correlate(xorbs).exists())
    return int(connection.execute(query).scalar() or 0), int(connection.execute(shared).scalar() or 0)


def _others(connection: sa.Connection, repo: Repo, caller: Caller) -> list[Other]:
    other, size = _links.alias("other"), sa.func.sum(_contents.c.size)
    same = (other.c.sha256 == _links.c.sha256) & (other.c.repo_id != _links.c.repo_id)
    joined = (
        _links.join(other, same)
        .join(_contents, _contents.c.sha256 == _links.c.sha256)
        .join(_repos, _repos.c.id == other.c.repo_id)
    )
    query = sa.select(_repos.c.type, _repos.c.full_name, sa.func.count(), size).select_from(joined)
    mine = query.where(_links.c.repo_id == repo.id, *info.visible(caller)).group_by(_repos.c.type, _repos.c.full_name)
    found = list[Other]()
    for kind, full_name, count, total in connection.execute(
        mine.order_by(size.desc(), _repos.c.full_name).limit(_OTHERS_MAX)
    ):
        namespace, _, name = full_name.partition("/")
        found.append(Other(RepoId(RepoType(kind), namespace, name), count, int(total)))
    return found


def _files(connection: sa.Connection, repo: Repo, caller: Caller) -> list[LargeFile]:
    others = _elsewhere(repo, caller).with_only_columns(sa.func.count()).scalar_subquery()
    joined = _entries.join(_contents, _contents.c.sha256 == _entries.c.sha256)
    query = sa.select(_entries.c.path, _entries.c.size, _contents.c.kind, others).select_from(joined)
    largest = (
        query.where(_entries.c.repo_id == repo.id).order_by(_entries.c.size.desc(), _entries.c.path).limit(_FILES_MAX)
    )
    return [LargeFile(path, size, kind == "xet", int(count)) for path, size, kind, count in connection.execute(largest)]
