"""Of whom and of what comments speak: `@name`, `#12`. Only people who may read the repo are spoken to."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from pioche.db import schema
from pioche.render.jobs import Mentions
from pioche.render.rewriting import MENTION
from pioche.repos.access import READERS, Repo

_MOST = 500
"""Names and numbers that are looked up for one thread; those beyond stay text."""


class Known:
    """What the texts of a thread speak of, looked up at once."""

    def __init__(self, repo: Repo, texts: Iterable[str]) -> None:
        names, numbers = _spoken_of(texts)
        self._people = _people(repo, names) if names else {}
        self._numbers = _numbers(repo, numbers) if numbers else frozenset()

    def of(self, text: str) -> Mentions:
        """Of one text: nothing else of the thread decides how it is rendered, so that it is kept as it is."""
        if not self._people and not self._numbers:
            return _NOTHING
        names, numbers = _spoken_of((text,))
        people = {name: path for name in sorted(names) if (path := self._people.get(name.lower())) is not None}
        return Mentions(people, tuple(sorted(numbers & self._numbers))) if names or numbers else _NOTHING

    def names(self, text: str) -> list[str]:
        """Who is spoken to in it, as they are spelled."""
        return list(self.of(text).people)


_NOTHING = Mentions()


def _spoken_of(texts: Iterable[str]) -> tuple[set[str], set[int]]:
    names, numbers = set[str](), set[int]()
    for text in texts:
        if "@" in text or "#" in text:
            for name, number in MENTION.findall(text):
                if name:
                    names.add(name)
                else:
                    numbers.add(int(number))
    return names, numbers


def _people(repo: Repo, names: set[str]) -> dict[str, str]:
    """The path of the page of each, by the name in lower case."""
    accounts = schema.accounts
    wanted = sorted({name.lower() for name in names})[:_MOST]
    query = sa.select(accounts.c.name_key, accounts.c.name).where(
        accounts.c.name_key.in_(wanted), accounts.c.suspended_at.is_(None)
    )
    with repo.database.read() as connection:
        return {key: f"/{name}" for key, name in connection.execute(query.where(*readers(repo)))}


def readers(repo: Repo) -> list[sa.ColumnElement[bool]]:
    """What holds of the accounts that may read the repo."""
    if not repo.private:
        return []
    accounts, members = schema.accounts, schema.memberships
    inside = sa.select(members.c.user_id).where(
        members.c.org_id == repo.namespace_id, members.c.role.in_(sorted(READERS))
    )
    return [(accounts.c.id == repo.namespace_id) | accounts.c.id.in_(inside)]


def _numbers(repo: Repo, numbers: set[int]) -> frozenset[int]:
    table = schema.discussions
    wanted: Sequence[int] = sorted(numbers)[:_MOST]
    query = sa.select(table.c.number).where(table.c.repo_id == repo.id, table.c.number.in_(wanted))
    with repo.database.read() as connection:
        return frozenset(connection.execute(query).scalars())
