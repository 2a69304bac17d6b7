"""Collections and their items as pages show them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.community.collections import finding, gallery, items
from pioche.community.collections.collection import Collection, Kind
from pioche.community.collections.finding import Sort, Wanted
from pioche.community.collections.gallery import Picture
from pioche.community.collections.items import Shown
from pioche.http.hub import Hub
from pioche.names import RepoId
from pioche.repos import info
from pioche.web import rows
from pioche.web.rows import Row

_ADDRESS = re.compile(r"https?://[^\s<>\"'`]+[^\s<>\"'`.,;:!?)\]}]")
_FIRST: Final = 4
_CORE: Final = 24

Piece = tuple[str, str]
"""A part of a note, and the address that it leads to; empty where it is no link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An item. `row` is of a repo, `collection` of a collection; `name` is a paper's number."""

    uid: str
    kind: str
    name: str
    href: str
    note: str
    pieces: list[Piece]
    row: Row | None
    collection: Collection | None
    pictures: list[Picture]


@dataclass(frozen=True, slots=True)
class Card:
    """A collection in a list: how many items the reader sees, the first of them, and the kinds of a few more."""

    collection: Collection
    count: int
    first: list[tuple[str, str]]
    core: list[str]


def cards(hub: Hub, caller: Caller, collections: Sequence[Collection]) -> list[Card]:
    """For a worker thread."""
    inside = items.of(hub.database, caller, collections)
    ids = {one.item.repo_id for found in inside.values() for one in found[:_FIRST] if one.item.repo_id is not None}
    names = {repo.id: repo.repo_id for repo in info.of_ids(hub.database, caller, sorted(ids))}
    return [_card(one, inside[one.id], names) for one in collections]


def _card(collection: Collection, found: Sequence[Shown], names: dict[int, RepoId]) -> Card:
    first = list[tuple[str, str]]()
    for one in found[:_FIRST]:
        if one.item.repo_id is not None and one.item.repo_id in names:
            first.append((one.item.kind.value, str(names[one.item.repo_id])))
        else:
            first.append((one.item.kind.value, one.collection.title if one.collection else one.item.target))
    return Card(collection, len(found), first, [one.item.kind.value for one in found[:_CORE]])


def of_account(hub: Hub, caller: Caller, account: Account, *, limit: int) -> list[Card]:
    """In the order that the owner gave them."""
    found = finding.find(hub.database, caller, Wanted(owners=[account.name], sort=Sort.POSITION, limit=limit))
    return cards(hub, caller, [one.collection for one in found])


def count_of_account(hub: Hub, caller: Caller, account: Account) -> int:
    """How many of them the caller may see."""
    return finding.count(hub.database, caller, Wanted(owners=[account.name]))


def lines(hub: Hub, caller: Caller, collection: Collection) -> list[Line]:
    """All items that the caller may see."""
    found = items.of(hub.database, caller, [collection])[collection.id]
    ids = [one.item.repo_id for one in found if one.item.repo_id is not None]
    by_id = {row.id: row for row in rows.of_ids(hub, caller, ids)}
    pictures = gallery.of(hub.database, [one.item for one in found])
    return [_line(one, by_id, pictures.get(one.item.id, [])) for one in found]


def _line(shown: Shown, by_id: dict[int, Row], pictures: list[Picture]) -> Line:
    item, other = shown.item, shown.collection
    row = by_id.get(item.repo_id) if item.repo_id is not None else None
    return Line(
        uid=item.uid,
        kind=item.kind.value,
        name=other.title if other else item.target,
        href=_href(item.kind, item.target, other, row),
        note=item.note or "",
        pieces=pieces(item.note or ""),
        row=row,
        collection=other,
        pictures=pictures,
    )


def _href(kind: Kind, target: str, other: Collection | None, row: Row | None) -> str:
    if other is not None:
        return other.web_path
    if kind is Kind.PAPER:
        return f"/models?other=arxiv:{target}"
    if row is not None:
        return row.path
    return f"/buckets/{target}" if kind is Kind.BUCKET else ""


def pieces(note: str) -> list[Piece]:
    """Plain text, in which addresses of the web are links."""
    found, last = list[Piece](), 0
    for match in _ADDRESS.finditer(note):
        if match.start() > last:
            found.append((note[last : match.start()], ""))
        found.append((match[0], match[0]))
        last = match.end()
    if last < len(note):
        found.append((note[last:], ""))
    return found
