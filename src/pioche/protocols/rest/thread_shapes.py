"""Discussions as JSON (hub-api.md section 6): keys in the public Hub's order, and what this hub adds after them."""

import heapq
from collections.abc import Iterator, Sequence

from pioche.community import rendering
from pioche.community.listing import Page, Row
from pioche.community.places import lines_now
from pioche.community.reading import Event, Person, Text, Thread
from pioche.git.objects import Commit
from pioche.http.messages import Request
from pioche.names import Oid
from pioche.protocols.rest.shapes import Json, date
from pioche.repos import pulls
from pioche.repos.access import Repo
from pioche.repos.pulls import Sides
from pioche.repos.threads import Kind

_HIDDEN = "This comment has been hidden"
_REACTIONS_LISTED = 3


def author(person: Person | None) -> Json:
    """Nothing of an account that is gone: the clients then say "deleted"."""
    if person is None:
        return {}
    avatar = f"/avatars/{person.name}.svg"
    return {"author": {"name": person.name, "fullname": person.fullname, "type": "user", "avatarUrl": avatar}}


def listed(repo: Repo, page: Page, start: int) -> Json:
    rows = [_row(repo, row) for row in page.rows]
    closed = page.count(statuses=("closed", "merged"))
    return {"discussions": rows, "count": page.total, "start": start, "numClosedDiscussions": closed}


def _row(repo: Repo, row: Row) -> Json:
    thread = row.thread
    return {
        **summary(repo, thread),
        "numComments": thread.comments,
        "topReactions": [{"reaction": name, "count": count} for name, count in row.reactions[:_REACTIONS_LISTED]],
        "numReactionUsers": row.people,
    }


def summary(repo: Repo, thread: Thread) -> Json:
    return {
        "num": thread.number,
        **author(thread.author),
        "repo": {"name": str(repo.repo_id), "type": repo.repo_id.type.value},
        "title": thread.title,
        "status": thread.status,
        "createdAt": date(thread.created_at),
        "isPullRequest": thread.is_pull_request,
        "pinned": thread.pinned_at is not None,
        "locked": thread.locked_at is not None,
    }


def details(request: Request, thread: Thread, log: Sequence[Event], *, with_diff: bool) -> Json:
    """The thread with everything that happened in it; of a pull request its commits too, and its diff if wanted."""
    repo = request.repo
    found = summary(repo, thread)
    compared = pulls.sides(repo, thread.pull) if thread.is_pull_request else None
    if thread.is_pull_request:
        merged = {"mergeCommitId": thread.merged_as} if thread.merged_as else {}
        found["changes"] = {"base": thread.base_ref} | merged
        unsettled = compared if thread.merged_as is None else None
        found["filesWithConflicts"] = (pulls.conflicting(repo, unsettled) if unsettled is not None else []) or False
    commits = pulls.commits_of(repo, compared) if compared is not None else []
    found["events"] = list(_interleaved(thread, events(request, log, compared), commits))
    if with_diff and thread.is_pull_request:
        found["diff"] = pulls.diff(repo, thread.pull)
    return found


def _interleaved(thread: Thread, logged: list[Json], commits: Sequence[Commit]) -> Iterator[Json]:
    """By time, in their own order each. What opened the thread stays first: commits are as old as their authors say."""
    yield from logged[:1]
    opened = date(thread.created_at)
    made = [_commit(commit) for commit in commits]
    yield from heapq.merge(logged[1:], made, key=lambda one: max(opened, one["createdAt"]))


def _commit(commit: Commit) -> Json:
    return {
        "id": Oid(commit.oid)[:24],
        "author": {"name": commit.author.name, "type": "user"},
        "createdAt": date(commit.committer.at * 1000),
        "type": "commit",
        "data": {"subject": commit.title, "oid": commit.oid},
    }


def events(request: Request, log: Sequence[Event], compared: Sides | None) -> list[Json]:
    """Each entry of a log. `compared`: the pull request as it is, to tell which comments on lines are outdated."""
    said = [(text, one) for one in log if _is_said(one) for text in (*(old.text for old in one.history), one.text)]
    texts, authors = [text for text, _ in said], [one.author.name if one.author else "" for _, one in said]
    rendered = iter(rendering.html(request.hub.renderer, request.repo, request.base_url, texts, authors))
    placed = [one.data for one in log if "line" in one.data]
    lines = iter(lines_now(request.repo, compared, placed))
    return [_event(one, rendered, lines) for one in log]


def _is_said(event: Event) -> bool:
    return event.kind is Kind.COMMENT and not event.is_hidden


def _event(event: Event, rendered: Iterator[str], lines: Iterator[int | None]) -> Json:
    found = {"id": event.uid, **author(event.author), "createdAt": date(event.at), "type": event.kind.value}
    if event.kind is not Kind.COMMENT:
        return found | {"data": event.data}
    data = _hidden(event) if event.is_hidden else _comment(event, rendered)
    if "line" in event.data:
        now = next(lines)
        data["place"] = {**event.data, "currentLine": now, "outdated": now is None}
    return found | {"data": data}


def _comment(event: Event, rendered: Iterator[str]) -> Json:
    history = [_text(old, next(rendered)) for old in event.history]
    latest = Text(event.text, event.edited_at or event.at, event.author)
    return {
        "edited": event.edited_at is not None,
        "hidden": False,
        "latest": _text(latest, next(rendered)),
        "numEdits": len(history),
        "history": history,
        "reactions": [
            {"reaction": one.emoji, "users": one.people, "count": len(one.people)} for one in event.reactions
        ],
    }


def _hidden(event: Event) -> Json:
    """What it said is told to nobody any more."""
    latest = {"raw": _HIDDEN, "html": _HIDDEN, "updatedAt": date(event.at), **author(event.author)}
    by = {"hiddenBy": event.hidden_by.name} if event.hidden_by is not None else {}
    return {"edited": False, "hidden": True, **by, "latest": latest, "numEdits": 0, "history": [], "reactions": []}


def _text(text: Text, html: str) -> Json:
    return {"raw": text.text, "html": html, "updatedAt": date(text.at), **author(text.author)}
