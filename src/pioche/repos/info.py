"""What there is to tell about a repo, and which repos a caller may see. (Which answer a question: `pioche.search`.)"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec
import sqlalchemy as sa

from pioche.accounts import audiences
from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database, Lookup, Row
from pioche.errors import RepoNotFound
from pioche.git.objects import MODE_TREE
from pioche.names import Oid, RepoId, RepoType
from pioche.repos import listing
from pioche.repos.access import Repo
from pioche.repos.revisions import Revision


class RepoInfo(msgspec.Struct, frozen=True, gc=False):
    """A row of `repos`. Times are Unix milliseconds; `card` and `tags` are JSON as stored; `sha` is the tip."""

    id: int
    uid: str
    repo_id: RepoId
    private: bool
    gated: str
    disabled: bool
    downloads: int
    """Of the last 30 days."""
    downloads_all: int
    likes: int
    trending: int
    """In thousandths."""
    used_storage: int
    card: msgspec.Raw
    tags: msgspec.Raw
    sdk: str | None
    created_at: int
    updated_at: int
    sha: Oid


_FIELDS = (
    "id", "uid", "type", "full_name", "private", "gated", "disabled_at",
    "downloads", "downloads_all", "likes", "trending", "used_storage",
    "card", "tags", "sdk", "created_at", "updated_at",
)  # fmt: skip
_INFO = Lookup(
    f"""SELECT {", ".join("r." + name for name in _FIELDS)}, f."commit" FROM repos r
        JOIN refs f ON f.repo_id = r.id AND f.name = 'refs/heads/main'
        WHERE r.id = :repo AND r.deleted_at IS NULL"""
)
_SIBLINGS = Lookup(
    """SELECT e.path, e.size, e.oid, e.sha256, e.pointer_size FROM refs f JOIN entries e ON e.repo_id = f.repo_id
       WHERE f.repo_id = :repo AND f.name = 'refs/heads/main' AND f."commit" = :commit AND e.mode <> 16384
       ORDER BY e.path LIMIT :limit"""
)
_TYPES = {repo_type.value: repo_type for repo_type in RepoType}
REGION = "region:local"
"""The tag that every repo has: here."""

_ALL = 2**31
_BATCH = 500
_AT_ONCE = 1000  # rows that may be fetched on the event loop

Sibling = Row
"""(path, size, oid, sha256 or None, pointer size or None)."""


def _info(row: Row) -> RepoInfo:
    # Taken apart at once, by name: a page of a list has dozens.
    (id_, uid, type_, full_name, private, gated, disabled_at, downloads, downloads_all, likes, trending, used_storage,
     card, tags, sdk, created_at, updated_at, sha) = row  # fmt: skip
    namespace, _, name = full_name.partition("/")
    return RepoInfo(
        id_,
        uid,
        RepoId(_TYPES[type_], namespace, name),
        bool(private),
        gated,
        disabled_at is not None,
        downloads,
        downloads_all,
        likes,
        trending,
        used_storage,
        msgspec.Raw(card),
        msgspec.Raw(tags),
        sdk,
        created_at,
        updated_at,
        sha,
    )


def tags_of(tags: Sequence[str], sdk: str | None) -> list[str]:
    """All tags of a repo, of which `tags` are stored: a Space also has that of its SDK."""
    found = [sdk, *tags, REGION] if sdk else [*tags, REGION]
    return found if len(set(found)) == len(found) else [*dict.fromkeys(found)]


async def get(repo: Repo) -> RepoInfo:
    """The row of an opened repo."""
    row = await repo.database.fetch_one(_INFO, {"repo": repo.id})
    if row is None:  # deleted since it was opened
        raise RepoNotFound
    return _info(row)


async def siblings_of_tip(repo: Repo, commit: Oid) -> list[Sibling] | None:
    """All files of the default branch at `commit`. None: ask `siblings`, there are many, or the branch moved on."""
    key = {"repo": repo.id, "commit": commit, "limit": _AT_ONCE + 1}
    rows = await repo.database.fetch_all(_SIBLINGS, key)
    return rows if 0 < len(rows) <= _AT_ONCE else None


def siblings(repo: Repo, revision: Revision) -> list[Sibling]:
    """All files of any revision."""
    if revision.is_tip:
        key = {"repo": repo.id, "commit": revision.commit, "limit": _ALL}
        rows = repo.database.fetch_all_sync(_SIBLINGS, key)
        if rows:
            return rows
    entries = listing.everything(repo, revision).entries
    return [(e.path, e.size, e.oid, e.sha256, e.pointer_size) for e in entries if not e.is_folder]


def siblings_of(database: Database, repo_ids: Sequence[int]) -> dict[int, list[str]]:
    """The paths of all files of the default branches, by repo."""
    entries = schema.entries
    found: dict[int, list[str]] = {repo_id: [] for repo_id in repo_ids}
    with database.read() as connection:
        here = entries.c.repo_id.in_(repo_ids) & (entries.c.mode != MODE_TREE)
        query = sa.select(entries.c.repo_id, entries.c.path).where(here).order_by(entries.c.repo_id, entries.c.path)
        for repo_id, path in connection.execute(query):
            found[repo_id].append(path)
    return found


# `visible` as a text: lists are asked for often, and making a statement takes longer than running it. With a mark for each
# row, so that SQLite finds the statement that it made for the page before.
_OF_IDS = f"""SELECT {", ".join("r." + name for name in _FIELDS)}, f."commit" FROM repos r
    JOIN refs f ON f.repo_id = r.id AND f.name = 'refs/heads/main' WHERE r.deleted_at IS NULL"""
_READABLE = f"""AND ({audiences.PUBLIC} OR
    CASE WHEN r.group_id IS NULL THEN r.namespace_id ELSE -r.group_id END IN ({audiences.OF_USER}))"""


def of_ids(database: Database, caller: Caller, repo_ids: Sequence[int]) -> list[RepoInfo]:
    """Those of `repo_ids` (rows) that the caller may see, in the same order: whoever found them may be out of date."""
    readable, key = _readable(caller)
    found = dict[int, RepoInfo]()
    for start in range(0, len(repo_ids), _BATCH):
        batch = repo_ids[start : start + _BATCH]
        lookup = _of_ids(readable, len(batch))
        for row in database.fetch_all_sync(lookup, {**key, **dict(zip(lookup.names, batch, strict=False))}):
            found[row[0]] = _info(row)
    return [found[repo_id] for repo_id in repo_ids if repo_id in found]


def _readable(caller: Caller) -> tuple[str, dict[str, int]]:
    if caller.is_admin:
        return "", {}
    if caller.is_anonymous:
        return f"AND {audiences.PUBLIC}", {}
    return f"{_READABLE}{_within_token(caller)}", {"user": caller.user_id}


def _within_token(caller: Caller) -> str:
    """Which repos that are not public the token shows, of those that its user may see; empty: all."""
    text, public = "", audiences.PUBLIC
    if caller.barred:
        text += f" AND ({public} OR r.namespace_id NOT IN ({_listed(one.org_id for one in caller.barred)}))"
    if caller.scopes is not None:
        accounts, repos = _listed(caller.scopes.readable_accounts()), _listed(caller.scopes.readable_repos())
        text += f" AND ({public} OR r.namespace_id IN ({accounts}) OR r.id IN ({repos}))"
    return text


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(int(number)) for number in numbers) or "NULL"


@lru_cache(maxsize=256)
def _of_ids(readable: str, count: int) -> Lookup:
    return Lookup(f"{_OF_IDS} AND r.id IN ({marks(count)}) {readable}")


def marks(count: int) -> str:
    """`:a0, :a1 ...`: names of parameters, so many."""
    return ", ".join(f":a{number}" for number in range(count))


def file_counts(database: Database, repo_ids: Sequence[int]) -> dict[int, int]:
    """How many files the default branches have, by repo; one without files is left out."""
    entries = schema.entries
    select = sa.select(entries.c.repo_id, sa.func.count()).where(entries.c.mode != MODE_TREE)
    found = dict[int, int]()
    with database.read() as connection:
        for start in range(0, len(repo_ids), _BATCH):
            here = entries.c.repo_id.in_(repo_ids[start : start + _BATCH])
            found.update({row[0]: row[1] for row in connection.execute(select.where(here).group_by(entries.c.repo_id))})
    return found


def visible(caller: Caller) -> list[sa.ColumnElement[bool]]:
    """Invariant I7: what the caller may not open is not counted, sorted or listed."""
    return [schema.repos.c.deleted_at.is_(None), *audiences.visible(caller)]
