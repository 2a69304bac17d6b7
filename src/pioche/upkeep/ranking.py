"""Numbers of repos that change as time goes by: downloads of the last 30 days, and what trends.

    trending = 10 * log2(1 + D) + 5 * 0.5 ^ (age / 7)

D is the sum of the downloads of the last 14 days, each weighing half as much as one three days later: 0.5 ^ (days ago / 3).
A like that is still there counts as ten downloads of the day on which it was given.
`age` is in whole days since the repo was made, and counts during its first 28. (docs/reference/ranking.md)
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from pioche.db import instance, schema
from pioche.db.engine import Database
from pioche.repos import downloads
from pioche.repos.downloads import DAY_MS, WINDOW_DAYS
from pioche.serving import usage
from pioche.serving.endpoints import history as endpoint_history

TREND_DAYS = 14
NEW_DAYS = 28
LIKE_DOWNLOADS = 10
KEPT_DAYS = 400
_HALVED_DAYS = 3
_BATCH = 400
_ROLLED = "downloads rolled"
"""Noted in the database: the first day of the window of 30 days as it was last written."""

_repos, _days, _readers, _likes = schema.repos, schema.downloads, schema.dataset_readers, schema.likes


def trending(recent: Mapping[int, int], age_days: int) -> int:
    """The score in thousandths. `recent` are downloads by how many days ago they were, likes counted in."""
    weighed = sum(count * 0.5 ** (ago / _HALVED_DAYS) for ago, count in recent.items() if 0 <= ago < TREND_DAYS)
    newness = 0.5 ** (max(age_days, 0) / 7) if age_days <= NEW_DAYS else 0.0
    return round(1000 * (10 * math.log2(1 + weighed) + 5 * newness))


class Rank:
    """Writes these numbers, every hour."""

    kind = "ranking"
    attempts_max = 3
    every_seconds: int | None = 3600

    def __init__(self, database: Database) -> None:
        self._database = database

    def run(self, key: str, payload: dict[str, Any]) -> None:
        today = instance.now_ms() // DAY_MS
        self._roll(today)
        self._forget(today)
        for batch in _batches(self._candidates(today)):
            self._score(batch, today)

    def _roll(self, today: int) -> None:
        """Takes what is older than 30 days out of the repos' counts."""
        first = today - WINDOW_DAYS + 1
        before = int(instance.noted(self._database, _ROLLED) or 0)
        left = sa.select(_days.c.repo_id).where(_days.c.day >= before, _days.c.day < first).distinct()
        with self._database.read() as connection:
            repo_ids = list(connection.execute(left.order_by(_days.c.repo_id)).scalars())
        within = sa.select(sa.func.coalesce(sa.func.sum(_days.c.count), 0))
        within = within.where(_days.c.repo_id == _repos.c.id, _days.c.day >= first)
        for batch in _batches(repo_ids):
            update = _repos.update().where(_repos.c.id.in_(batch)).values(downloads=within.scalar_subquery())
            with self._database.write() as connection:
                connection.execute(update)
                downloads.tell(connection, batch)
        if first > before:
            instance.note(self._database, _ROLLED, str(first))

    def _forget(self, today: int) -> None:
        """Who took files of datasets, as soon as it does not matter any more; and days that are long past."""
        with self._database.write() as connection:
            connection.execute(_readers.delete().where(_readers.c.until <= instance.now_ms()))
            connection.execute(_days.delete().where(_days.c.day < today - KEPT_DAYS))
            usage.forget(connection)
            endpoint_history.forget(connection)

    def _candidates(self, today: int) -> list[int]:
        """The repos whose score is not nought, or may not be."""
        recent = sa.select(_days.c.repo_id).where(_days.c.day > today - TREND_DAYS)
        liked = sa.select(_likes.c.repo_id).where(_likes.c.at >= (today - TREND_DAYS + 1) * DAY_MS)
        young = _repos.c.created_at >= (today - NEW_DAYS) * DAY_MS
        asked_for = sa.or_(_repos.c.id.in_(recent), _repos.c.id.in_(liked))
        select = sa.select(_repos.c.id).where(sa.or_(_repos.c.trending != 0, young, asked_for))
        with self._database.read() as connection:
            return list(connection.execute(select.order_by(_repos.c.id)).scalars())

    def _score(self, repo_ids: list[int], today: int) -> None:
        first = today - TREND_DAYS + 1
        counts: dict[int, dict[int, int]] = {repo_id: {} for repo_id in repo_ids}
        days = sa.select(_days.c.repo_id, _days.c.day, _days.c.count)
        rows = sa.select(_repos.c.id, _repos.c.created_at, _repos.c.trending).where(_repos.c.id.in_(repo_ids))
        with self._database.read() as connection:
            for repo_id, day, count in connection.execute(
                days.where(_days.c.repo_id.in_(repo_ids), _days.c.day >= first)
            ):
                counts[repo_id][today - day] = count
            for repo_id, day, count in connection.execute(_likes_by_day(repo_ids, first)):
                recent = counts[repo_id]
                recent[today - day] = recent.get(today - day, 0) + LIKE_DOWNLOADS * count
            scores = {
                row.id: score
                for row in connection.execute(rows)
                if (score := trending(counts[row.id], today - row.created_at // DAY_MS)) != row.trending
            }
        if scores:
            update = _repos.update().where(_repos.c.id == sa.bindparam("repo"))
            with self._database.write() as connection:
                values = [{"repo": repo_id, "score": score} for repo_id, score in scores.items()]
                connection.execute(update.values(trending=sa.bindparam("score")), values)
                downloads.tell(connection, list(scores))


def _likes_by_day(repo_ids: list[int], first: int) -> "sa.Select[Any]":
    """Of each repo and day since `first`, how many there are."""
    day = (_likes.c.at // DAY_MS).label("day")
    query = sa.select(_likes.c.repo_id, day, sa.func.count()).group_by(_likes.c.repo_id, day)
    return query.where(_likes.c.repo_id.in_(repo_ids), _likes.c.at >= first * DAY_MS)


def _batches(repo_ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(repo_ids), _BATCH):
        yield repo_ids[start : start + _BATCH]
