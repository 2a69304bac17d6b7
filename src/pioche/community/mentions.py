"""Of whom and of what comments speak: `@name`, `#12`. Only people who may read the repo are spoken to."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from pioche.accounts import audiences
from pioche.db import schema
from pioche.render.jobs import Mentions
from pioche.render.rewriting import MENTION
from pioche.repos.access import Repo

_MOST = 500
"""Names and numbers that are looked up for one thread; those beyond stay text."""


class Known:
    """What the texts of a thread speak of, looked up at once."""

    def __init__(self, repo: Repo, texts: Iterable[str], authors: Iterable[str] = ()) -> None:
        """`authors` by name: who blocked one of them is not spoken to by them."""
        names, numbers = _spoken_of(texts)
        self._people = _people(repo, names) if names else {}
        self._numbers = _numbers(repo, numbers) if numbers else frozenset()
        self._deaf = _deaf(repo, self._people, authors) if self._people else frozenset()

    def of(self, text: str, author: str = "") -> Mentions:
        """Of one text: nothing else of the thread decides how it is rendered, so that it is kept as it is."""
        if not self._people and not self._numbers:
            return _NOTHING
        names, numbers = _spoken_of((text,))
        heard = (name for name in sorted(names) if (name.lower(), author.lower()) not in self._deaf)
        people = {name: path for name in heard if (path := self._people.get(name.lower())) is not None}
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


def _deaf(repo: Repo, people: Iterable[str], authors: Iterable[str]) -> frozenset[tuple[str, str]]:
    """(whom, by whom), in lower case: who blocked an author does not hear them, anywhere."""
    wanted, writers = sorted(people), sorted({name.lower() for name in authors if name})
    if not writers:
        return frozenset()
    blocks, blocker, blocked = schema.blocks, schema.accounts.alias("blocker"), schema.accounts.alias("blocked")
    both = blocks.join(blocker, blocker.c.id == blocks.c.blocker_id).join(blocked, blocked.c.id == blocks.c.blocked_id)
    query = sa.select(blocker.c.name_key, blocked.c.name_key).select_from(both)
    query = query.where(blocker.c.name_key.in_(wanted), blocked.c.name_key.in_(writers))
    with repo.database.read() as connection:
        return frozenset((whom, by) for whom, by in connection.execute(query))


def readers(repo: Repo) -> list[sa.ColumnElement[bool]]:
    """What holds of the accounts that may read the repo."""
    return [audiences.readers(repo.namespace_id, repo.group_id)] if repo.private else []


def _numbers(repo: Repo, numbers: set[int]) -> frozenset[int]:
    table = schema.discussions
    wanted: Sequence[int] = sorted(numbers)[:_MOST]
    query = sa.select(table.c.number).where(table.c.repo_id == repo.id, table.c.number.in_(wanted))
    with repo.database.read() as connection:
        return frozenset(connection.execute(query).scalars())
