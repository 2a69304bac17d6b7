"""The threads of a repo: GET /{repo}/discussions, with the parameters of the public Hub's page."""

from dataclasses import dataclass
from typing import Final

from pioche.community import listing
from pioche.community.listing import Page, Sort, Wanted
from pioche.errors import BadRequest
from pioche.http.messages import Request, Response
from pioche.i18n.texts import lazy as _
from pioche.web.community import frame

_TYPES: Final[dict[str, tuple[str, bool | None]]] = {
    "all": (_("All"), None),
    "discussion": (_("Discussions"), False),
    "pull_request": (_("Pull requests"), True),
}
_STATUSES: Final[dict[str, tuple[str, tuple[str, ...] | None]]] = {
    "open": (_("Open"), ("open", "draft")),
    "closed": (_("Closed"), ("closed", "merged")),
    "merged": (_("Merged"), ("merged",)),
    "draft": (_("Drafts"), ("draft",)),
    "all": (_("All"), None),
}
_SORTS: Final = {
    Sort.NEWEST: _("Newest"),
    Sort.OLDEST: _("Oldest"),
    Sort.UPDATED: _("Recently updated"),
    Sort.TRENDING: _("Most commented"),
    Sort.REACTIONS: _("Most reactions"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters, as the page shows them again."""

    type: str
    status: str
    sort: str
    author: str
    search: str
    number: int

    @classmethod
    def of(cls, request: Request) -> "Asked":
        """Raises BadRequest for a word that is none of ours."""
        query = request.query
        found = cls(
            query.get("type") or "all",
            query.get("status") or "open",
            query.get("sort") or Sort.NEWEST.value,
            (query.get("author") or "").strip()[:100],
            (query.get("search") or "").strip()[: listing.SEARCH_CHARACTERS_MAX],
            query.number("p", default=0, most=10**6),
        )
        sorts = [sort.value for sort in Sort]
        for name, value, known in (
            ("type", found.type, _TYPES),
            ("status", found.status, _STATUSES),
            ("sort", found.sort, sorts),
        ):
            if value not in known:
                raise BadRequest(f'"{name}" must be one of [{", ".join(known)}]')
        return found

    @property
    def wanted(self) -> Wanted:
        return Wanted(
            is_pull_request=_TYPES[self.type][1],
            statuses=_STATUSES[self.status][1],
            author=self.author or None,
            search=self.search or None,
            sort=Sort(self.sort),
            skip=self.number * listing.PAGE,
        )

    @property
    def is_narrowed(self) -> bool:
        """More than the two rows of tabs."""
        return bool(self.author or self.search)


async def threads(request: Request) -> Response:
    """GET /{repo}/discussions[?p=&type=&status=&author=&search=&sort=]: pinned ones first."""
    asked = Asked.of(request)
    page = await frame.frame(request)
    return await request.run(_page, request, page, asked)


def _page(request: Request, page: frame.Frame, asked: Asked) -> Response:
    found = listing.page(request.repo, asked.wanted)
    return frame.drawn(
        request,
        "list.html",
        page,
        asked=asked,
        found=found,
        types=_type_tabs(found, asked),
        statuses=_status_tabs(found, asked),
        sorts=_SORTS,
        page_count=-(-found.total // listing.PAGE),
    )


def _type_tabs(found: Page, asked: Asked) -> list[tuple[str, str, int]]:
    statuses = _STATUSES[asked.status][1]
    return [
        (name, label, found.count(is_pull_request=kind, statuses=statuses)) for name, (label, kind) in _TYPES.items()
    ]


def _status_tabs(found: Page, asked: Asked) -> list[tuple[str, str, int]]:
    """Merging and drafts are of pull requests alone."""
    kind = _TYPES[asked.type][1]
    return [
        (name, label, found.count(is_pull_request=kind, statuses=statuses))
        for name, (label, statuses) in _STATUSES.items()
        if kind is not False or name not in ("merged", "draft")
    ]
