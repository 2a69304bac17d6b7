"""What is said in a thread. Who wrote it may edit it, with every earlier text kept; hiding is for good."""

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from pioche.accounts import blocks
from pioche.community.discussions import checked_text
from pioche.community.standing import Standing
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, EntryNotFound, Forbidden
from pioche.names import Oid
from pioche.repos import images, pulls, threads
from pioche.repos.access import Repo
from pioche.repos.threads import Entry, Kind, Logged

REACTIONS = ("👍", "❤️", "🔥", "🚀", "👀", "➕", "🤗", "😎", "🧠", "🤝", "😔", "🤯")
"""What one may react with."""
Side = Literal["old", "new"]
_LINE_MAX = 10**7

_events, _texts, _reactions = schema.thread_events, schema.comment_texts, schema.reactions


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a pull request's diff. `line` counts from 1 in the file before (`old`) or after (`new`); `commit` is the head
    that was looked at, None for the one that is there now."""

    path: str
    line: int
    side: Side = "new"
    commit: str | None = None


def add(standing: Standing, number: int, text: str, place: Place | None = None) -> Logged:
    """Raises BadRequest, EntryNotFound, Forbidden in a locked thread."""
    text = checked_text(text)
    data = _located(standing.repo, number, place) if place is not None else {}
    with standing.repo.database.write() as connection:
        standing.check_speaks(threads.lock(connection, standing.repo.id, number))
        entry = Entry(Kind.COMMENT, data, text)
        return threads.add(connection, standing.repo.id, number, standing.user_id, entry)


def edit(standing: Standing, number: int, uid: str, text: str) -> None:
    """Only who wrote it may. Raises BadRequest, EntryNotFound, Forbidden, Conflict once it is hidden."""
    text = checked_text(text, "content")
    with standing.repo.database.write() as connection:
        thread = threads.lock(connection, standing.repo.id, number)
        comment = _find(connection, standing.repo, number, uid)
        if not standing.owns(comment.author_id):
            raise Forbidden("Only who wrote a comment may edit it")
        standing.check_speaks(thread)
        blocks.check(connection, standing.repo.id, standing.user_id)
        _check_shown(comment)
        if comment.text == text:
            return
        kept = {"event_id": comment.id, "author_id": comment.author_id, "at": comment.edited_at or comment.at}
        connection.execute(_texts.insert().values(**kept, text=comment.text))
        _update(connection, comment, text=text, edited_at=now_ms())
        images.note_used(connection, standing.repo.id, number, standing.user_id, text)
        threads.changed(connection, standing.repo.id, number, standing.user_id, uid)


def hide(standing: Standing, number: int, uid: str) -> None:
    """For good; who wrote it and writers may. Hidden already it stays so. Raises EntryNotFound, Forbidden."""
    with standing.repo.database.write() as connection:
        threads.lock(connection, standing.repo.id, number)
        comment = _find(connection, standing.repo, number, uid)
        if not standing.writes and not standing.owns(comment.author_id):
            raise Forbidden("Only who wrote a comment and those who may write to this repo may hide it")
        if comment.hidden_at is None:
            _update(connection, comment, hidden_at=now_ms(), hidden_by_id=standing.user_id)
            threads.changed(connection, standing.repo.id, number, standing.user_id, uid)


def react(standing: Standing, number: int, uid: str, emoji: str, *, is_on: bool) -> None:
    """Once a person and emoji, however often it is asked. Raises BadRequest, EntryNotFound, Forbidden, Conflict."""
    if emoji not in REACTIONS:
        raise BadRequest(f'"reaction" must be one of [{", ".join(REACTIONS)}]')
    with standing.repo.database.write() as connection:
        standing.check_speaks(threads.lock(connection, standing.repo.id, number))
        blocks.check(connection, standing.repo.id, standing.user_id)
        comment = _find(connection, standing.repo, number, uid)
        _check_shown(comment)
        mine = {"event_id": comment.id, "user_id": standing.caller.user_id, "emoji": emoji}
        if is_on:
            row = insert_if_absent(connection, _reactions).values(**mine, at=now_ms())
            done = connection.execute(row.returning(_reactions.c.at))
        else:
            same = sa.and_(*(_reactions.c[name] == value for name, value in mine.items()))
            done = connection.execute(_reactions.delete().where(same).returning(_reactions.c.at))
        if done.first() is not None:
            threads.touch(connection, standing.repo.id, number)


def _find(connection: sa.Connection, repo: Repo, number: int, uid: str) -> "sa.Row[Any]":
    """Of this very thread: an id of another one finds nothing."""
    here = (_events.c.repo_id == repo.id) & (_events.c.number == number)
    query = sa.select(_events).where(_events.c.uid == uid, here, _events.c.kind == Kind.COMMENT.value)
    found = connection.execute(query).first()
    if found is None:
        raise EntryNotFound("There is no such comment in this discussion")
    return found


def _check_shown(comment: "sa.Row[Any]") -> None:
    if comment.hidden_at is not None:
        raise Conflict("This comment is hidden, for good")


def _update(connection: sa.Connection, comment: "sa.Row[Any]", **values: object) -> None:
    connection.execute(_events.update().where(_events.c.id == comment.id).values(**values))


# --- on a line of a diff --------------------------------------------------------------------------------------------


def _located(repo: Repo, number: int, place: Place) -> dict[str, object]:
    """Raises EntryNotFound, BadRequest where the pull request has no such line."""
    pull = pulls.get(repo, number)
    compared = pulls.sides(repo, pull)
    if compared is None:
        raise BadRequest("This pull request has nothing to compare any more")
    if place.commit is not None and place.commit not in (compared.head, *_heads(repo, compared)):
        raise BadRequest('"commit" must be a commit of this pull request')
    head = Oid(place.commit or compared.head)
    seen = pulls.Sides(compared.base, head, compared.parted)
    change = next((one for one in pulls.changes(repo, seen) if one.path == place.path), None)
    if change is None:
        raise BadRequest('"path" must be a file that this pull request changes')
    side = change.old if place.side == "old" else change.new
    if side is None or not 1 <= place.line <= min(len(repo.objects.blob(side.oid).splitlines()), _LINE_MAX):
        raise BadRequest('"line" must be a line of the file, counted from 1')
    return {"path": place.path, "line": place.line, "side": place.side, "commit": head}


def _heads(repo: Repo, compared: pulls.Sides) -> list[Oid]:
    return [commit.oid for commit in pulls.commits_of(repo, compared)]
