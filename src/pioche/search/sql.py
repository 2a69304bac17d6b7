"""Queries answered by the database itself: always up to date, and slow on large hubs (it reads every row of the type).

For what must be exact at once, and for hubs whose index is not there yet. Three things are simpler than `plain` says: full
text has no stems, typing errors are not looked for, and `models` and `datasets` of a Space are looked for in its whole card.
"""

from collections import Counter
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.names import RepoType
from pioche.repos import info
from pioche.search import rows
from pioche.search.facets import grouped
from pioche.search.plain import UNKNOWN
from pioche.search.providing import HERE, Serves
from pioche.search.query import (
    NUMBER_MAX,
    Facets,
    Found,
    Position,
    Query,
    Sort,
    decode_cursor,
    encode_cursor,
    fold,
)

_repos, _facts, _accounts = schema.repos, schema.facts, schema.accounts
_SOURCE = _repos.outerjoin(_facts, _facts.c.repo_id == _repos.c.id)

_Condition = sa.ColumnElement[bool]

_KEYS = {
    Sort.TRENDING: _repos.c.trending,
    Sort.RELEVANCE: _repos.c.trending,
    Sort.DOWNLOADS: _repos.c.downloads,
    Sort.LIKES: _repos.c.likes,
    Sort.CREATED: _repos.c.created_at,
    Sort.MODIFIED: _repos.c.updated_at,
}


class SqlSearch:
    """A `query.Search` over one database."""

    def __init__(self, database: Database, serves: Serves | None = None) -> None:
        self._database = database
        self._serves = serves

    def find(self, caller: Caller, query: Query) -> Found:
        """See `query.Search`."""
        key = _key(query)
        conditions = [*info.visible(caller), *self._conditions(query)]
        page = sa.select(_repos.c.id, key.label("key")).select_from(_SOURCE).where(*conditions, *_after(query, key))
        ends = (key, _repos.c.id) if query.ascending else (key.desc(), _repos.c.id.desc())
        page = page.order_by(*ends).offset(query.offset).limit(query.limit + 1)
        with self._database.read() as connection:
            answers = connection.execute(page).all()
            total = connection.execute(sa.select(sa.func.count()).select_from(_SOURCE).where(*conditions)).scalar_one()
        shown = answers[: query.limit]
        has_more = len(answers) > query.limit
        cursor = encode_cursor(query, Position(shown[-1].key, shown[-1].id)) if has_more else None
        return Found([row.id for row in shown], total, cursor)

    def facets(self, caller: Caller, query: Query, *, each: int = 100) -> Facets:
        """See `query.Search`."""
        select = sa.select(_repos.c.tags, _repos.c.sdk).select_from(_SOURCE)
        counts = Counter[str]()
        with self._database.read() as connection:
            for tags, sdk in connection.execute(select.where(*info.visible(caller), *self._conditions(query))):
                counts.update(set(info.tags_of(msgspec.json.decode(tags), sdk)))
        return grouped(query.type, counts, each)

    def _conditions(self, query: Query) -> list[_Condition]:
        found = _conditions(query)
        if query.inference is None and not query.providers:
            return found
        served = [] if self._serves is None else rows.served(self._database, self._serves)
        is_served = _repos.c.id.in_(served)
        if query.inference is not None:
            found.append(is_served if query.inference == "warm" else sa.not_(is_served))
        if query.providers:
            found.append(is_served if {"all", HERE} & set(query.providers) else sa.false())
        return found


def _key(query: Query) -> sa.ColumnElement[int]:
    unknown = NUMBER_MAX if query.ascending else UNKNOWN
    if query.sort is Sort.PARAMETERS:
        return sa.func.coalesce(_facts.c.parameters, unknown)
    if query.sort is Sort.ROWS:
        return sa.func.coalesce(_facts.c.rows, unknown)
    return _KEYS[query.sort]


def _after(query: Query, key: sa.ColumnElement[int]) -> list[_Condition]:
    position = decode_cursor(query)
    if position is None:
        return []
    here = sa.tuple_(key, _repos.c.id)
    there = sa.tuple_(sa.literal(position.key, sa.BigInteger), sa.literal(position.row_id, sa.BigInteger))
    return [here > there if query.ascending else here < there]


def _conditions(query: Query) -> list[_Condition]:
    found: list[_Condition] = [_repos.c.type == query.type.value]
    if query.author is not None:
        owner = sa.select(_accounts.c.id).where(_accounts.c.name_key == query.author).scalar_subquery()
        found.append(_repos.c.namespace_id == owner)
    found += [_repos.c.full_key.contains(word, autoescape=True) for word in query.words]
    found += [_text(fold(word)) for word in query.text.split()]
    found += [sa.or_(*(_has_tag(query.type, tag) for tag in group)) for group in query.tags]
    return [*found, *_model_conditions(query), *_space_conditions(query)]


def _model_conditions(query: Query) -> list[_Condition]:
    found: list[_Condition] = []
    if query.pipeline_tag is not None:
        written = f'"pipeline_tag":{msgspec.json.encode(query.pipeline_tag).decode()}'
        unread = sa.and_(_facts.c.repo_id.is_(None), _lower(_repos.c.card).contains(written, autoescape=True))
        found.append(sa.or_(_lower(_facts.c.pipeline_tag) == query.pipeline_tag, unread))
    for column, wanted in ((_facts.c.parameters, query.parameters), (_facts.c.rows, query.rows)):
        if wanted is not None:
            found.append(column.between(wanted.least or 0, NUMBER_MAX if wanted.most is None else wanted.most))
    if query.gated is not None:
        found.append(_repos.c.gated != "" if query.gated else _repos.c.gated == "")
    return found


def _space_conditions(query: Query) -> list[_Condition]:
    found: list[_Condition] = [_in_json(_repos.c.card, name) for name in (*query.models, *query.datasets)]
    if query.linked:
        starts = ('"models":["', '"datasets":["')
        found.append(sa.or_(*(_repos.c.card.contains(start, autoescape=True) for start in starts)))
    return found


def _has_tag(repo_type: RepoType, tag: str) -> _Condition:
    if tag == info.REGION:
        return sa.true()
    among = _in_json(_repos.c.tags, tag)
    return sa.or_(among, _repos.c.sdk == tag) if repo_type is RepoType.SPACE else among


def _in_json(column: sa.ColumnElement[str], text: str) -> _Condition:
    """Whether the folded text stands in the JSON, whole."""
    return _lower(column).contains(msgspec.json.encode(text).decode(), autoescape=True)


def _text(word: str) -> _Condition:
    places = (_repos.c.full_key, _lower(_repos.c.tags), _lower(sa.func.coalesce(_facts.c.summary, "")))
    return sa.or_(*(place.contains(word, autoescape=True) for place in places))


class _lower(FunctionElement[str]):
    """`lower` for ASCII letters alone, which is what SQLite's does; PostgreSQL's goes by the collation."""

    type = sa.Text()
    inherit_cache = True


@compiles(_lower)
def _lower_of_sqlite(element: _lower, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(_lower, "postgresql")
def _lower_of_postgresql(element: _lower, compiler: SQLCompiler, **options: Any) -> str:
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "C")'
