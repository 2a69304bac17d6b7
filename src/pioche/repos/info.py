"""What there is to tell about a repo, and the list of repos that a caller may see."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database, Lookup, Row
from pioche.errors import BadRequest, RepoNotFound
from pioche.git.objects import MODE_TREE
from pioche.names import Oid, RepoId, RepoType
from pioche.repos import listing
from pioche.repos.access import READERS, Repo
from pioche.repos.revisions import Revision


@dataclass(frozen=True, slots=True)
class RepoInfo:
    """A row of `repos`. Times are Unix milliseconds; `card` and `tags` are JSON as stored; `sha` is the tip."""

    id: int
    uid: str
    repo_id: RepoId
    private: bool
    gated: str
    disabled: bool
    downloads: int
    likes: int
    used_storage: int
    card: msgspec.Raw
    tags: msgspec.Raw
    sdk: str | None
    created_at: int
    updated_at: int
    sha: Oid


_FIELDS = (
    "id", "uid", "type", "full_name", "private", "gated", "disabled_at", "downloads", "likes", "used_storage",
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
_ALL = 2**31
_AT_ONCE = 1000  # rows that may be fetched on the event loop

Sibling = Row
"""(path, size, oid, sha256 or None, pointer size or None)."""


def _info(row: Row) -> RepoInfo:
    id_, uid, type_, full_name, private, gated, disabled_at, *counts, card, tags, sdk, created_at, updated_at, sha = row
    namespace, _, name = full_name.partition("/")
    downloads, likes, used_storage = counts
    return RepoInfo(
        id_,
        uid,
        RepoId(RepoType(type_), namespace, name),
        bool(private),
        gated,
        disabled_at is not None,
        downloads,
        likes,
        used_storage,
        msgspec.Raw(card),
        msgspec.Raw(tags),
        sdk,
        created_at,
        updated_at,
        sha,
    )


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


# --- listing --------------------------------------------------------------------------------------------------------

_SORTS = {
    "lastModified": schema.repos.c.updated_at,
    "last_modified": schema.repos.c.updated_at,
    "createdAt": schema.repos.c.created_at,
    "created_at": schema.repos.c.created_at,
    "downloads": schema.repos.c.downloads,
    "likes": schema.repos.c.likes,
    "trendingScore": schema.repos.c.likes,  # until the Search issue has its formula
    "trending_score": schema.repos.c.likes,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """`cursor` is `next_cursor` of the page before. `searches` are substrings of the id, all of which must occur."""

    type: RepoType
    author: str | None = None
    searches: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    gated: bool | None = None
    sort: str | None = None
    ascending: bool = False
    cursor: str | None = None
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing."""

    repos: list[RepoInfo]
    next_cursor: str | None


def list_repos(database: Database, caller: Caller, query: Query) -> Page:
    """Public repos and those the caller may read. Raises BadRequest for an unknown sort or a bad cursor."""
    repos, refs = schema.repos, schema.refs
    key = _SORTS.get(query.sort or "trendingScore")
    if key is None:
        raise BadRequest(f'"sort" must be one of {", ".join(name for name in _SORTS if "_" not in name)}')
    main = sa.and_(refs.c.repo_id == repos.c.id, refs.c.name == "refs/heads/main")
    statement = sa.select(*(repos.c[name] for name in _FIELDS), refs.c.commit, key.label("sort_key")).join(refs, main)
    statement = statement.where(repos.c.type == query.type.value, *_conditions(caller, query))
    order = sa.tuple_(key, repos.c.id)
    if query.cursor:
        position = sa.tuple_(*(sa.literal(part) for part in _decode_cursor(query.cursor)))
        statement = statement.where(order > position if query.ascending else order < position)
    ends = (key, repos.c.id) if query.ascending else (key.desc(), repos.c.id.desc())
    with database.read() as connection:
        rows = connection.execute(statement.order_by(*ends).limit(query.limit + 1)).all()
    page = rows[: query.limit]
    cursor = _encode_cursor(page[-1].sort_key, page[-1].id) if len(rows) > query.limit else None
    return Page([_info(tuple(row)[:-1]) for row in page], cursor)


def _conditions(caller: Caller, query: Query) -> list[sa.ColumnElement[bool]]:
    repos = schema.repos
    found = [*visible(caller)]
    if query.author is not None:
        accounts = schema.accounts
        owner = sa.select(accounts.c.id).where(accounts.c.name_key == query.author.lower()).scalar_subquery()
        found.append(repos.c.namespace_id == owner)
    for text in query.searches:
        found.append(repos.c.full_key.contains(text.lower(), autoescape=True))
    for tag in query.tags:
        found.append(repos.c.tags.contains(msgspec.json.encode(tag).decode(), autoescape=True))
    if query.gated is not None:
        found.append(repos.c.gated != "" if query.gated else repos.c.gated == "")
    return found


def visible(caller: Caller) -> list[sa.ColumnElement[bool]]:
    """Invariant I7: what the caller may not open is not counted, sorted or listed."""
    repos, members = schema.repos, schema.memberships
    alive = repos.c.deleted_at.is_(None)
    if caller.is_admin:
        return [alive]
    if caller.is_anonymous:
        return [alive, repos.c.private.is_(False)]
    readable = sa.select(members.c.org_id).where(members.c.user_id == caller.user_id, members.c.role.in_(READERS))
    return [
        alive,
        sa.or_(repos.c.private.is_(False), repos.c.namespace_id == caller.user_id, repos.c.namespace_id.in_(readable)),
    ]


_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


def _encode_cursor(key: int, row_id: int) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([key, row_id])).decode().rstrip("=")


def _decode_cursor(text: str) -> tuple[int, int]:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        position = msgspec.json.decode(raw, type=tuple[_Number, _Number])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise BadRequest("The cursor is not valid: follow the Link header as it is") from None
    return position
