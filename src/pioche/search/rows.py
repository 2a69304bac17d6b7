"""The rows that are searched, read from the database: what `plain` evaluates, and what an index is built from."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.accounts import audiences
from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.names import LISTED, RepoType
from pioche.repos import info
from pioche.repos.info import tags_of
from pioche.search.plain import Row, Scope
from pioche.search.providing import HERE, Serves

_repos, _facts, _entries = schema.repos, schema.facts, schema.entries
_COLUMNS = (
    "id", "type", "full_name", "private", "gated", "tags", "sdk", "card", "downloads", "likes", "trending",
    "created_at", "updated_at",
)  # fmt: skip
_READ = ("pipeline_tag", "parameters", "rows", "summary")
_AT_ONCE = 1000
_BETWEEN = "\n"
"""Of paths, which have none."""
HIDDEN = sa.or_(_repos.c.private, _repos.c.disabled_at.is_not(None)).label("private")
"""What is in the lists of its own people alone: a private repo, and one that was disabled."""


def scope(database: Database, caller: Caller) -> Scope:
    """What the caller may see (invariant I7), as of now."""
    if caller.is_admin:
        return Scope(everything=True)
    if caller.is_anonymous:
        return Scope()
    shown = frozenset(audiences.of_caller(database, caller))
    with database.read() as connection:
        return Scope(shown, repos=frozenset(named_repos(connection, caller)))


def named_repos(connection: sa.Connection, caller: Caller) -> list[int]:
    """The private repos that a fine-grained token names one by one, of those that its user may still see."""
    named = [] if caller.scopes is None else caller.scopes.readable_repos()
    if not named:
        return []
    here = sa.select(_repos.c.id).where(_repos.c.id.in_(named), _repos.c.private, *info.visible(caller))
    return list(connection.execute(here.order_by(_repos.c.id)).scalars())


def load(database: Database, serves: Serves | None = None) -> Iterator[Row]:
    """Every repo that is searched, in the order of the rows' ids. `serves` says of which models the hub is a provider."""
    with database.read() as connection:
        options = {"stream_results": True, "yield_per": _AT_ONCE}
        for row in connection.execute(_searched(serves).order_by(_repos.c.id), execution_options=options):
            yield _row(row, serves)


def of(database: Database, repo_ids: Sequence[int], serves: Serves | None = None) -> list[Row]:
    """Those of `repo_ids` that there are, as they are now."""
    found = list[Row]()
    with database.read() as connection:
        for start in range(0, len(repo_ids), _AT_ONCE):
            here = _repos.c.id.in_(repo_ids[start : start + _AT_ONCE])
            found += [_row(row, serves) for row in connection.execute(_searched(serves).where(here))]
    return found


def served(database: Database, serves: Serves) -> list[int]:
    """The models that the hub is a provider of: all of them are looked at."""
    with database.read() as connection:
        found = connection.execute(
            sa.select(_repos.c.id, _facts.c.pipeline_tag, _FILES).select_from(_SOURCE).where(_ASKABLE)
        )
        return [repo_id for repo_id, task, files in found if serves(task, files.split(_BETWEEN))]


# Engines take what lies at the top or in one folder. A folder's own row does no harm.
_FILES = (
    sa.select(sa.func.coalesce(sa.func.aggregate_strings(_entries.c.path, _BETWEEN), ""))
    .where(_entries.c.repo_id == _repos.c.id, _entries.c.path.not_like("%/%/%"))
    .correlate(_repos)
    .scalar_subquery()
)
_ASKABLE = sa.and_(
    _repos.c.type == RepoType.MODEL.value, _repos.c.deleted_at.is_(None), _facts.c.pipeline_tag.is_not(None)
)
_SOURCE = _repos.outerjoin(_facts, _facts.c.repo_id == _repos.c.id)
_SEARCHED = (
    sa.select(
        *(HIDDEN if name == "private" else _repos.c[name] for name in _COLUMNS),
        audiences.AUDIENCE.label("audience"),
        _facts.c.repo_id.label("facts_of"),
        *(_facts.c[name] for name in _READ),
    )
    .select_from(_SOURCE)
    .where(_repos.c.deleted_at.is_(None), _repos.c.type.in_([kind.value for kind in LISTED]))
)
_WITH_FILES = _SEARCHED.add_columns(sa.case((_ASKABLE, _FILES), else_=None))


def _searched(serves: Serves | None) -> "sa.Select[Any]":
    return _SEARCHED if serves is None else _WITH_FILES


def _row(row: Any, serves: Serves | None) -> Row:
    """A tuple of `_searched`: taken apart at once, since there are millions."""
    repo_id, type_, full_name, private, gated, tags, sdk, card, *numbers, audience, facts_of = row[:15]
    pipeline_tag, parameters, rows, summary = row[15:19]
    files = None if serves is None else row[19]
    is_served = serves is not None and files is not None and serves(pipeline_tag, files.split(_BETWEEN))
    repo_type, has_facts = _TYPES[type_], facts_of is not None
    told: dict[str, Any] = {} if has_facts and repo_type is not RepoType.SPACE else msgspec.json.decode(card)
    downloads, likes, trending, created_at, updated_at = numbers
    return Row(
        id=repo_id,
        type=repo_type,
        full_name=full_name,
        audience=audience,
        private=bool(private),
        gated=gated,
        tags=frozenset(tags_of(_tags.decode(tags), sdk)),
        pipeline_tag=pipeline_tag if has_facts else _name(told.get("pipeline_tag")),
        providers=_HERE if is_served else _NO_NAMES,
        models=frozenset(_names(told.get("models"))) if told else _NO_NAMES,
        datasets=frozenset(_names(told.get("datasets"))) if told else _NO_NAMES,
        parameters=parameters,
        rows=rows,
        downloads=downloads,
        likes=likes,
        trending=trending,
        created_at=created_at,
        updated_at=updated_at,
        summary=summary or "",
    )


_TYPES = {repo_type.value: repo_type for repo_type in RepoType}
_NO_NAMES = frozenset[str]()
_HERE = frozenset((HERE,))
_tags = msgspec.json.Decoder(list[str])


def _name(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _names(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
