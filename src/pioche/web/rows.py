"""A repo as it stands in a list: what its row and its card tell, ready for the template `repo/rows.html`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from pioche.accounts.callers import Caller
from pioche.http.hub import Hub
from pioche.repos import info
from pioche.repos.facts import telling
from pioche.repos.facts.telling import Told
from pioche.repos.info import RepoInfo
from pioche.search.facets import OTHER, facet_of
from pioche.web import vocabulary

_TAGS_SHOWN = 6
SENSITIVE: Final = "not-for-all-audiences"
"""A tag of the public Hub's."""
COLORS: Final = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
"""Those of a Space's card, as the public Hub has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`id` is the row's. `tags` are (facet, id without prefix, name): the telling ones. Times are Unix milliseconds."""

    id: int
    owner: str
    name: str
    path: str
    kind: str
    title: str
    task: str
    parameters: int | None
    summary: str
    tags: list[tuple[str, str, str]]
    downloads: int
    likes: int
    updated_at: int
    is_private: bool
    is_gated: bool
    is_sensitive: bool
    """Its card says that it is not for all audiences."""
    emoji: str = ""
    color_from: str = "blue"
    color_to: str = "indigo"


def of_ids(hub: Hub, caller: Caller, ids: Sequence[int]) -> list[Row]:
    """In the order of `ids`. What has gone, or was never the caller's to see, is left out."""
    repos = info.of_ids(hub.database, caller, ids)
    told = telling.of_ids(hub.database, [repo.id for repo in repos])
    return [_row(repo, told[repo.id]) for repo in repos]


def _row(repo: RepoInfo, told: Told) -> Row:
    card = _card(repo)
    kind = repo.repo_id.type
    tags: list[str] = msgspec.json.decode(repo.tags, type=list[str])
    faceted = [(facet_of(kind, tag), tag) for tag in tags]
    task = told.pipeline_tag or ""
    shown = [(f, tag.rpartition(":")[2]) for f, tag in faceted if f not in (OTHER, "region") and tag != task]
    return Row(
        id=repo.id,
        owner=repo.repo_id.namespace,
        name=repo.repo_id.name,
        path=repo.repo_id.web_path,
        kind=kind.value,
        title=_text(card, "title") or _text(card, "pretty_name"),
        task=task,
        parameters=told.parameters,
        summary=told.summary or _text(card, "short_description"),
        tags=[(f, id_, vocabulary.name_of(f, id_)) for f, id_ in shown[:_TAGS_SHOWN]],
        downloads=repo.downloads,
        likes=repo.likes,
        updated_at=repo.updated_at,
        is_private=repo.private,
        is_gated=bool(repo.gated),
        is_sensitive=SENSITIVE in tags,
        emoji=_text(card, "emoji")[:16],
        color_from=_color(card, "colorFrom", "blue"),
        color_to=_color(card, "colorTo", "indigo"),
    )


def _card(repo: RepoInfo) -> dict[str, Any]:
    found = msgspec.json.decode(repo.card)
    return found if isinstance(found, dict) else {}


def _text(card: dict[str, Any], name: str) -> str:
    """A field of the card; cards are written by strangers, so that it may be anything."""
    value = card.get(name)
    return value[:200] if isinstance(value, str) else ""


def _color(card: dict[str, Any], name: str, default: str) -> str:
    value = _text(card, name)
    return value if value in COLORS else default
