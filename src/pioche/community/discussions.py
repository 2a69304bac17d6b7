"""What is done to a thread: opening, renaming, closing, locking, pinning, deleting. Each leaves an entry in its log."""

from typing import Literal

import msgspec
import sqlalchemy as sa

from pioche.community.standing import Standing
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, Forbidden, Unprocessable
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import DEFAULT_REF
from pioche.repos import pulls, refs, threads
from pioche.repos.threads import Entry, Kind, Logged, Opening

TITLE_CHARACTERS_MIN, TITLE_CHARACTERS_MAX = 3, 200
TEXT_CHARACTERS_MAX = 65_536
Status = Literal["open", "closed"]

_table, _events = schema.discussions, schema.thread_events


def checked_title(text: str) -> str:
    """On one line, without white space around it. Raises BadRequest."""
    title = " ".join(text.split())
    if not title.isprintable():
        raise BadRequest('"title" must not have control characters in it')
    if not TITLE_CHARACTERS_MIN <= len(title) <= TITLE_CHARACTERS_MAX:
        raise BadRequest(f'"title" must have {TITLE_CHARACTERS_MIN} to {TITLE_CHARACTERS_MAX} characters')
    return title


def checked_text(text: str, name: str = "comment") -> str:
    """Raises BadRequest for a comment that says nothing, or more than a comment should."""
    if not text.strip():
        raise BadRequest(f'"{name}" must not be empty')
    return _bounded(text, name)


def _bounded(text: str, name: str) -> str:
    if len(text) > TEXT_CHARACTERS_MAX:
        raise BadRequest(f'"{name}" may have at most {TEXT_CHARACTERS_MAX} characters')
    if "\0" in text:
        raise BadRequest(f'"{name}" must not have a NUL in it')
    return text


def open_(standing: Standing, title: str, text: str) -> int:
    """A discussion; returns its number. Raises BadRequest, Forbidden when discussions are off."""
    opening = Opening(checked_title(title), checked_text(text, "description"))
    with standing.repo.database.write() as connection:
        return threads.start(connection, standing.repo.id, standing.user_id, opening)


def open_pull(standing: Standing, title: str, text: str, base_ref: str = DEFAULT_REF) -> int:
    """A pull request without changes yet, as a draft whose ref takes commits. The caller may propose. Raises as `open_`, and
    RevisionNotFound."""
    opening = Opening(checked_title(title), _bounded(text, "description"), status="draft", base_ref=base_ref)
    tip = refs.get(standing.repo, base_ref).commit
    return pulls.open_(standing.repo, standing.caller, opening, tip, {})


def rename(standing: Standing, number: int, title: str) -> Logged:
    """Its author and writers may. Raises BadRequest, EntryNotFound, Forbidden."""
    title = checked_title(title)
    with standing.repo.database.write() as connection:
        thread = threads.lock(connection, standing.repo.id, number)
        standing.check_changes(thread)
        _update(connection, standing, number, title=title)
        return _log(connection, standing, number, Entry(Kind.TITLE, {"from": thread.title, "to": title}))


def change_status(standing: Standing, number: int, status: Status, comment: str | None = None) -> Logged:
    """To `open`, which also publishes a draft, or `closed`. What it is already it stays, without an entry.

    Raises BadRequest, EntryNotFound, Forbidden, Conflict once it is merged, Unprocessable when the ref of a pull request that is
    to be opened again was deleted.
    """
    said = checked_text(comment) if comment and comment.strip() else None
    with standing.repo.database.write() as connection:
        thread = threads.lock(connection, standing.repo.id, number)
        standing.check_changes(thread)
        if thread.status == "merged":
            raise Conflict("This pull request is merged: its status stays")
        if said is not None:
            standing.check_speaks(thread)
            _log(connection, standing, number, Entry(Kind.COMMENT, text=said))
        if thread.status == status:
            return _last_status(connection, thread)
        if thread.is_pull_request and status == "open":
            _check_has_ref(connection, standing, number)
        _update(connection, standing, number, status=status)
        return _log(connection, standing, number, Entry(Kind.STATUS, {"status": status}))


def set_pinned(standing: Standing, number: int, *, pinned: bool) -> None:
    """Before the others of a list, or not. Writers may. Raises EntryNotFound, Forbidden."""
    _set(standing, number, "pinned_at", Kind.PINNING, pinned=pinned)


def set_locked(standing: Standing, number: int, *, locked: bool) -> None:
    """From then on only writers comment, or everybody again. Writers may. Raises EntryNotFound, Forbidden."""
    _set(standing, number, "locked_at", Kind.LOCKING, locked=locked)


def _set(standing: Standing, number: int, column: str, kind: Kind, **state: bool) -> None:
    standing.check_moderates()
    wanted = all(state.values())
    with standing.repo.database.write() as connection:
        thread = threads.lock(connection, standing.repo.id, number)
        if (getattr(thread, column) is not None) == wanted:
            return
        _update(connection, standing, number, **{column: now_ms() if wanted else None})
        _log(connection, standing, number, Entry(kind, state))


def delete(standing: Standing, number: int) -> None:
    """For good, with everything that was said, and with the ref of a pull request. Those who manage the repo may.

    Raises EntryNotFound, Forbidden.
    """
    if not standing.manages:
        raise Forbidden("Only those who administer this repo may delete a discussion")
    repo = standing.repo
    ref = refs.find(repo, f"refs/pr/{number}")

    def also(connection: sa.Connection) -> list[refs.RefChange]:
        threads.lock(connection, repo.id, number)
        gone = _table.delete().where(_table.c.repo_id == repo.id, _table.c.number == number)
        row = connection.execute(gone.returning(_table.c.title, _table.c.is_pull_request)).one()
        told = {"number": number, "title": row.title, "isPullRequest": bool(row.is_pull_request)}
        outbox.append(connection, Event("discussion.delete", repo.id, standing.user_id, told))
        return []

    if ref is None:
        with repo.database.write() as connection:
            also(connection)
    else:
        refs.update(repo, standing.caller, refs.Update([refs.RefChange(ref.name, ref.target, None, None)], also=also))


def _update(connection: sa.Connection, standing: Standing, number: int, **values: object) -> None:
    here = (_table.c.repo_id == standing.repo.id) & (_table.c.number == number)
    connection.execute(_table.update().where(here).values(**values))


def _log(connection: sa.Connection, standing: Standing, number: int, entry: Entry) -> Logged:
    return threads.add(connection, standing.repo.id, number, standing.user_id, entry)


def _check_has_ref(connection: sa.Connection, standing: Standing, number: int) -> None:
    table = schema.refs
    here = (table.c.repo_id == standing.repo.id) & (table.c.name == f"refs/pr/{number}")
    if connection.execute(sa.select(table.c.name).where(here)).first() is None:
        raise Unprocessable("The ref of this pull request was deleted: open another one")


def _last_status(connection: sa.Connection, thread: "sa.Row[tuple[object, ...]]") -> Logged:
    """The entry that made it what it is: the last change of its status, or else what opened it."""
    here = (_events.c.repo_id == thread.repo_id) & (_events.c.number == thread.number)
    changes = sa.select(_events).where(here, _events.c.kind == Kind.STATUS.value).order_by(_events.c.id.desc()).limit(1)
    row = connection.execute(changes).first()
    if row is None:
        row = connection.execute(sa.select(_events).where(here).order_by(_events.c.id).limit(1)).one()
        return Logged(row.uid, row.at, Entry(Kind.STATUS, {"status": thread.status}))
    return Logged(row.uid, row.at, Entry(Kind.STATUS, msgspec.json.decode(row.data)))
