"""What happened in a thread, entry by entry, ready to be drawn."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pioche.community import rendering
from pioche.community.places import lines_now
from pioche.community.reading import Event, Thread
from pioche.git.objects import Commit
from pioche.http.messages import Request
from pioche.repos.pulls import Sides
from pioche.repos.threads import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`event` or `commit`; `html` of a comment that is shown. `line` is where the line of a diff that it is about is now, None
    when it is gone. `at` is Unix milliseconds."""

    at: int
    event: Event | None = None
    commit: Commit | None = None
    html: str = ""
    line: int | None = None

    @property
    def is_said(self) -> bool:
        """A comment that anybody may still read."""
        return self.event is not None and self.event.kind is Kind.COMMENT and not self.event.is_hidden

    @property
    def is_on_line(self) -> bool:
        return self.event is not None and "line" in self.event.data

    @property
    def text(self) -> str:
        return self.event.text if self.event is not None else ""

    @property
    def by(self) -> str:
        """The account's name; empty when it is gone."""
        return self.event.author.name if self.event is not None and self.event.author is not None else ""

    @property
    def stamp(self) -> str:
        """Another one when a comment is to be drawn anew."""
        event = self.event
        if event is None:
            return ""
        reacted = sum(len(one.people) for one in event.reactions)
        return f"{event.edited_at or 0}-{int(event.is_hidden)}-{reacted}"


def in_order(thread: Thread, log: Sequence[Event], commits: Iterable[Commit]) -> Iterator[Entry]:
    """By time. What opened the thread stays first: commits are as old as their authors say."""
    logged = [Entry(at=one.at, event=one) for one in log]
    made = [Entry(at=max(thread.created_at, one.committer.at * 1000), commit=one) for one in commits]
    yield from logged[:1]
    yield from heapq.merge(logged[1:], made, key=lambda one: one.at)


def rendered(request: Request, entries: Sequence[Entry], compared: Sides | None = None) -> list[Entry]:
    """With the HTML of what was said, and where the lines are now that it is about. Takes its time for what is new."""
    said = [one for one in entries if one.is_said]
    texts, authors = [one.text for one in said], [one.by for one in said]
    made = iter(rendering.html(request.hub.renderer, request.repo, request.base_url, texts, authors))
    placed = [one.event.data for one in entries if one.event is not None and one.is_on_line]
    lines = iter(lines_now(request.repo, compared, placed))
    return [
        replace(one, html=next(made) if one.is_said else "", line=next(lines) if one.is_on_line else None)
        if one.is_said or one.is_on_line
        else one
        for one in entries
    ]


def quotation(entry: Entry) -> str:
    """Each line behind `>`, and to whom one answers."""
    by = f"@{entry.by} " if entry.by else ""
    return "\n".join(f"> {line}".rstrip() for line in entry.text.splitlines()) + f"\n\n{by}"
