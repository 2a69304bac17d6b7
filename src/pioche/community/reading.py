"""A thread as it is read: its row, and everything that was said and done in it."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Lookup
from pioche.errors import EntryNotFound
from pioche.names import Oid
from pioche.repos import pulls, threads
from pioche.repos.access import Repo
from pioche.repos.threads import Kind

_table, _events, _accounts = schema.discussions, schema.thread_events, schema.accounts


class Person(msgspec.Struct, frozen=True, gc=False):
    """An account that is still there."""

    name: str
    fullname: str


class Text(msgspec.Struct, frozen=True, gc=False):
    """What a comment said; `at` is when it came to say so, in Unix milliseconds."""

    text: str
    at: int
    author: Person | None


class Reaction(msgspec.Struct, frozen=True):
    emoji: str
    people: list[str]


class Event(msgspec.Struct, frozen=True):
    """An entry of the log. `uid` is its id on the wire; of a hidden comment there is no text, no history, no reaction.

    `data` of a comment is the line that it is about (`comments.Place`), or nothing; otherwise what the clients read. `author`
    is None when the account is gone; `at` and `edited_at` are Unix milliseconds.
    """

    uid: str
    kind: Kind
    author: Person | None
    at: int
    data: dict[str, Any]
    text: str = ""
    edited_at: int | None = None
    is_hidden: bool = False
    hidden_by: Person | None = None
    history: Sequence[Text] = ()
    reactions: Sequence[Reaction] = ()


class Thread(msgspec.Struct, frozen=True):
    """`status` is draft, open, closed or merged; `comments` counts without the first, which opens the thread. Times are Unix
    milliseconds; `version` goes up with whatever a reader would see."""

    number: int
    is_pull_request: bool
    title: str
    status: str
    author: Person | None
    base_ref: str | None
    merged_as: Oid | None
    created_at: int
    updated_at: int
    comments: int
    version: int
    pinned_at: int | None
    locked_at: int | None

    @property
    def pull(self) -> pulls.Pull:
        """For what git knows of it. Only of a pull request."""
        return pulls.Pull(self.number, self.title, self.status, self.base_ref or "", self.merged_as)


COLUMNS = (
    *(_table.c[name] for name in ("number", "is_pull_request", "title", "status")),
    _accounts.c.name.label("author_name"),
    _accounts.c.fullname.label("author_fullname"),
    *(_table.c[name] for name in ("base_ref", "merged_as", "created_at", "updated_at", "comments", "version")),
    _table.c.pinned_at,
    _table.c.locked_at,
)
JOINED = _table.outerjoin(_accounts, _accounts.c.id == _table.c.author_id)


def thread_of(row: "sa.Row[Any]") -> Thread:
    """Of a row of COLUMNS."""
    number, is_pull, title, status, name, fullname, *rest = tuple(row)
    return Thread(number, is_pull, title, status, _person(name, fullname), *rest)


def get(repo: Repo, number: int) -> Thread:
    """Raises EntryNotFound, Forbidden when discussions are off."""
    with repo.database.read() as connection:
        return _get(connection, repo, number)


def whole(repo: Repo, number: int) -> tuple[Thread, list[Event]]:
    """The thread and its log, the oldest first. Raises as `get`."""
    with repo.database.read() as connection:
        return _get(connection, repo, number), _log(connection, repo, number, None)


def event(repo: Repo, number: int, uid: str) -> Event:
    """One entry. Raises EntryNotFound."""
    with repo.database.read() as connection:
        found = _log(connection, repo, number, uid)
    if not found:
        raise EntryNotFound("There is no such comment in this discussion")
    return found[0]


def participants(events: Sequence[Event]) -> list[Person]:
    """Who said or did something, in the order in which they came."""
    return list({one.author.name: one.author for one in events if one.author is not None}.values())


_VERSION = Lookup("SELECT version FROM discussions WHERE repo_id = :repo AND number = :number")


async def version(repo: Repo, number: int) -> int | None:
    """None when there is no such thread."""
    row = await repo.database.fetch_one(_VERSION, {"repo": repo.id, "number": number})
    return None if row is None else int(row[0])


# --- the rows -------------------------------------------------------------------------------------------------------


def _get(connection: sa.Connection, repo: Repo, number: int) -> Thread:
    threads.check_on(connection, repo.id)
    here = (_table.c.repo_id == repo.id) & (_table.c.number == number)
    row = connection.execute(sa.select(*COLUMNS).select_from(JOINED).where(here)).first()
    if row is None:
        raise EntryNotFound(f"There is no discussion {number} here")
    return thread_of(row)


_hiders = _accounts.alias()
_LOG = (
    sa.select(
        *(_events.c[name] for name in ("id", "uid", "kind", "at", "data", "text", "edited_at", "hidden_at")),
        _accounts.c.name,
        _accounts.c.fullname,
        _hiders.c.name.label("hider"),
        _hiders.c.fullname.label("hider_fullname"),
    )
    .select_from(
        _events.outerjoin(_accounts, _accounts.c.id == _events.c.author_id).outerjoin(
            _hiders, _hiders.c.id == _events.c.hidden_by_id
        )
    )
    .where(_events.c.repo_id == sa.bindparam("repo"), _events.c.number == sa.bindparam("number"))
    .order_by(_events.c.id)
)
_IDS = sa.select(_events.c.id).where(
    _events.c.repo_id == sa.bindparam("repo"), _events.c.number == sa.bindparam("number")
)
_texts, _reactions = schema.comment_texts, schema.reactions
_HISTORY = (
    sa.select(_texts.c.event_id, _texts.c.text, _texts.c.at, _accounts.c.name, _accounts.c.fullname)
    .select_from(_texts.outerjoin(_accounts, _accounts.c.id == _texts.c.author_id))
    .where(_texts.c.event_id.in_(_IDS))
    .order_by(_texts.c.id)
)
_REACTIONS = (
    sa.select(_reactions.c.event_id, _reactions.c.emoji, _accounts.c.name)
    .select_from(_reactions.join(_accounts, _accounts.c.id == _reactions.c.user_id))
    .where(_reactions.c.event_id.in_(_IDS))
    .order_by(_reactions.c.at, _reactions.c.user_id)
)


def _log(connection: sa.Connection, repo: Repo, number: int, uid: str | None) -> list[Event]:
    here = {"repo": repo.id, "number": number}
    history, reactions = _histories(connection, here), _reacted(connection, here)
    query = _LOG if uid is None else _LOG.where(_events.c.uid == uid)
    found = list[Event]()
    for id_, uid_, kind, at, data, text, edited_at, hidden_at, name, fullname, *hider in connection.execute(
        query, here
    ):
        base = (uid_, Kind(kind), _person(name, fullname), at, msgspec.json.decode(data))
        if hidden_at is not None:
            found.append(Event(*base, is_hidden=True, hidden_by=_person(*hider)))
        else:
            said, liked = history.get(id_, ()), reactions.get(id_, ())
            found.append(Event(*base, text or "", edited_at, history=said, reactions=liked))
    return found


def _histories(connection: sa.Connection, here: dict[str, int]) -> dict[int, list[Text]]:
    found: dict[int, list[Text]] = {}
    for event_id, text, at, name, fullname in connection.execute(_HISTORY, here):
        found.setdefault(event_id, []).append(Text(text, at, _person(name, fullname)))
    return found


def _reacted(connection: sa.Connection, here: dict[str, int]) -> dict[int, list[Reaction]]:
    found: dict[int, dict[str, Reaction]] = {}
    for event_id, emoji, name in connection.execute(_REACTIONS, here):
        found.setdefault(event_id, {}).setdefault(emoji, Reaction(emoji, [])).people.append(name)
    return {event_id: list(by_emoji.values()) for event_id, by_emoji in found.items()}


def _person(name: str | None, fullname: str | None) -> Person | None:
    return None if name is None else Person(name, fullname or "")
