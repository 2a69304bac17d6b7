"""Numbers that stand beside what they count, so that lists need not count: the likes of repos, the votes for collections."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.upkeep.fsck import kinds
from pioche.upkeep.fsck.findings import Problem
from pioche.upkeep.fsck.scene import Scene


class _Counter(NamedTuple):
    """`number` of a row of its table is how many rows of `counted` name that row in `key`. `name` is what people call it."""

    number: "sa.Column[int]"
    key: "sa.Column[int]"
    name: "sa.Column[str]"

    @property
    def table(self) -> sa.Table:
        return self.number.table

    @property
    def real(self) -> "sa.ScalarSelect[int]":
        counted = sa.select(sa.func.count()).select_from(self.key.table).where(self.key == self.table.c.id)
        return counted.correlate(self.table).scalar_subquery()


_COUNTERS = (
    _Counter(schema.repos.c.likes, schema.likes.c.repo_id, schema.repos.c.full_name),
    _Counter(schema.collections.c.upvotes, schema.collection_votes.c.collection_id, schema.collections.c.uid),
)


def all_counters(scene: Scene) -> Iterator[Problem]:
    """One problem for each repo and collection whose number is not what there is."""
    for counter in _COUNTERS:
        number, real, table = counter.number, counter.real, counter.table
        query = sa.select(table.c.id, counter.name.label("name"), number.label("stated"), real.label("counted"))
        with scene.database.read() as connection:
            rows = connection.execute(query.where(number != real).order_by(table.c.id)).all()
        for row in rows:
            detail = f"{row.stated} instead of {row.counted} {number.name}"
            mend = partial(_count, scene.database, counter, row.id)
            yield Problem(kinds.COUNTER, f"{table.name} {row.name}", detail, mend)


def _count(database: Database, counter: _Counter, row_id: int) -> str:
    with database.write() as connection:
        change = counter.table.update().where(counter.table.c.id == row_id).values({counter.number: counter.real})
        real = connection.execute(change.returning(counter.number)).scalar()
    return f"There are {real}"
