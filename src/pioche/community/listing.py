"""The threads of a repo, a page at a time: those that are pinned before the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pioche.community import reading
from pioche.community.reading import Thread
from pioche.db import schema
from pioche.db.engine import Lookup
from pioche.repos import threads
from pioche.repos.access import Repo

PAGE = 50
SEARCH_CHARACTERS_MAX = 200


class Sort(StrEnum):
    """In the words of the public Hub, and two more."""

    NEWEST = "recently-created"
    TRENDING = "trending"
    REACTIONS = "reactions"
    UPDATED = "recently-updated"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which ones to list; None is any. `statuses` as stored; `search` is looked for in titles and in what was said."""

    is_pull_request: bool | None = None
    statuses: tuple[str, ...] | None = None
    author: str | None = None
    search: str | None = None
    sort: Sort = Sort.NEWEST
    skip: int = 0
    limit: int = PAGE


@dataclass(frozen=True, slots=True)
class Row:
    """`reactions` to all that was said, the most frequent first; `people` is how many reacted."""

    thread: Thread
    reactions: Sequence[tuple[str, int]] = ()
    people: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """`total` counts what was wanted on all pages; `counts` what there is by (is a pull request, status), whatever status and
    kind were wanted, for the tabs of a list."""

    rows: list[Row]
    total: int
    counts: dict[tuple[bool, str], int]

    def count(self, *, is_pull_request: bool | None = None, statuses: Sequence[str] | None = None) -> int:
        return sum(
            count
            for (is_pull, status), count in self.counts.items()
            if is_pull_request in (None, is_pull) and (statuses is None or status in statuses)
        )


_table, _events, _reactions = schema.discussions, schema.thread_events, schema.reactions
_OPEN = Lookup(
    """SELECT r.discussions_off, (SELECT count(*) FROM discussions d WHERE d.repo_id = r.id AND d.status IN ('open', 'draft'))
       FROM repos r WHERE r.id = :repo"""
)


async def open_count(repo: Repo) -> int | None:
    """How many are open or drafts, for the head of the repo's pages. None where discussions are off."""
    row = await repo.database.fetch_one(_OPEN, {"repo": repo.id})
    return None if row is None or row[0] else int(row[1])


def page(repo: Repo, wanted: Wanted) -> Page:
    """Raises Forbidden when discussions are off."""
    with repo.database.read() as connection:
        threads.check_on(connection, repo.id)
        counts = _counts(connection, repo, wanted)
        found = Page([], 0, counts)
        total = found.count(is_pull_request=wanted.is_pull_request, statuses=wanted.statuses)
        query = sa.select(*reading.COLUMNS).select_from(reading.JOINED).where(*_conditions(repo, wanted, of_tab=True))
        ordered = query.order_by(_table.c.pinned_at.is_(None), *_order(wanted.sort))
        rows = connection.execute(ordered.offset(wanted.skip).limit(wanted.limit))
        shown = [reading.thread_of(row) for row in rows]
        reacted = _reacted(connection, repo, [thread.number for thread in shown])
    return Page([Row(thread, *reacted.get(thread.number, ((), 0))) for thread in shown], total, counts)


def _counts(connection: sa.Connection, repo: Repo, wanted: Wanted) -> dict[tuple[bool, str], int]:
    kinds = (_table.c.is_pull_request, _table.c.status)
    query = sa.select(*kinds, sa.func.count()).select_from(reading.JOINED).group_by(*kinds)
    rows = connection.execute(query.where(*_conditions(repo, wanted, of_tab=False)))
    return {(bool(is_pull), status): int(count) for is_pull, status, count in rows}


def _conditions(repo: Repo, wanted: Wanted, *, of_tab: bool) -> list[sa.ColumnElement[bool]]:
    found = [_table.c.repo_id == repo.id]
    if of_tab and wanted.is_pull_request is not None:
        found.append(_table.c.is_pull_request.is_(wanted.is_pull_request))
    if of_tab and wanted.statuses is not None:
        found.append(_table.c.status.in_(wanted.statuses))
    if wanted.author is not None:
        found.append(schema.accounts.c.name_key == wanted.author.lower())
    if wanted.search:
        found.append(_said(repo, wanted.search[:SEARCH_CHARACTERS_MAX]))
    return found


def _said(repo: Repo, text: str) -> sa.ColumnElement[bool]:
    """In a title or in a comment that is not hidden."""
    comments = sa.select(_events.c.number).where(_events.c.repo_id == repo.id, _events.c.hidden_at.is_(None))
    return _has(_table.c.title, text) | _table.c.number.in_(comments.where(_has(_events.c.text, text)))


def _has(column: sa.Column[str], text: str) -> sa.ColumnElement[bool]:
    """Whatever the case: SQLite lowers only the letters of ASCII, so that others are looked for as they may be written."""
    spelled = dict.fromkeys((text.lower(), text, text.capitalize(), text.upper()))
    return sa.or_(*(sa.func.lower(column).contains(one, autoescape=True) for one in spelled))


def _order(sort: Sort) -> list[sa.ColumnElement[Any]]:
    newest = _table.c.number.desc()
    match sort:
        case Sort.NEWEST:
            return [newest]
        case Sort.OLDEST:
            return [_table.c.number.asc()]
        case Sort.UPDATED:
            return [_table.c.updated_at.desc(), newest]
        case Sort.TRENDING:
            return [_table.c.comments.desc(), _table.c.updated_at.desc(), newest]
        case Sort.REACTIONS:
            joined = _reactions.join(_events, _events.c.id == _reactions.c.event_id)
            same = (_events.c.repo_id == _table.c.repo_id) & (_events.c.number == _table.c.number)
            count = sa.select(sa.func.count()).select_from(joined).where(same).correlate(_table).scalar_subquery()
            return [count.desc(), newest]


def _reacted(
    connection: sa.Connection, repo: Repo, numbers: Sequence[int]
) -> dict[int, tuple[list[tuple[str, int]], int]]:
    joined = _events.join(_reactions, _events.c.id == _reactions.c.event_id)
    here = (_events.c.repo_id == repo.id) & _events.c.number.in_(numbers) & _events.c.hidden_at.is_(None)
    query = sa.select(_events.c.number, _reactions.c.emoji, _reactions.c.user_id).select_from(joined).where(here)
    counts: dict[int, dict[str, int]] = {}
    people: dict[int, set[int]] = {}
    for number, emoji, user_id in connection.execute(query):
        by_emoji = counts.setdefault(number, {})
        by_emoji[emoji] = by_emoji.get(emoji, 0) + 1
        people.setdefault(number, set()).add(user_id)
    return {
        number: (sorted(by_emoji.items(), key=lambda item: (-item[1], item[0])), len(people[number]))
        for number, by_emoji in counts.items()
    }
