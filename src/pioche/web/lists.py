"""The lists of models, datasets and Spaces (ui.md L): the same parameters and the same answers as the JSON API."""

from dataclasses import dataclass, replace
from typing import Final

from pioche.accounts.callers import Caller
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import lazy as _
from pioche.names import RepoType
from pioche.search import parameters
from pioche.search.query import Facets, Query
from pioche.web import layout, rows, sizes
from pioche.web.filters import Filters
from pioche.web.rows import Row

PAGE_SIZE: Final = 30
_FACET_TAGS_MAX = 100

TITLES: Final = {RepoType.MODEL: _("Models"), RepoType.DATASET: _("Datasets"), RepoType.SPACE: _("Spaces")}


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list, with what its panel counts."""

    rows: list[Row]
    total: int
    corrected: bool
    facets: Facets


async def models(request: Request) -> Response:
    """GET /models."""
    return await _list(request, RepoType.MODEL)


async def datasets(request: Request) -> Response:
    """GET /datasets."""
    return await _list(request, RepoType.DATASET)


async def spaces(request: Request) -> Response:
    """GET /spaces."""
    return await _list(request, RepoType.SPACE)


async def _list(request: Request, repo_type: RepoType) -> Response:
    asked = request.query.lists
    scale = sizes.OF.get(repo_type)
    chosen = sizes.asked(scale, asked) if scale is not None else None
    if scale is not None and chosen is not None:
        return _of_sizes(Filters(repo_type, request.raw_path, asked), scale, chosen)
    query = replace(parameters.parse(repo_type, asked, limit=PAGE_SIZE), tolerant=True)
    listing = await request.run(find, request.hub, request.caller, query)
    filters = Filters(repo_type, request.raw_path, asked)
    page_number = query.offset // query.limit
    return layout.page(
        request,
        "lists/list.html",
        kind=repo_type.value,
        title=TITLES[repo_type],
        filters=filters,
        groups=filters.groups(listing.facets),
        tabs=filters.tabs(listing.facets),
        answering=filters.availability() if request.hub.models.is_on else [],
        listing=listing,
        page_number=page_number,
        page_count=-(-listing.total // query.limit),
        view=layout.view_of(request),
    )


def _of_sizes(filters: Filters, scale: sizes.Scale, chosen: str) -> Response:
    """The slider's form was sent: on to the address that says the same in the Hub's words."""
    kept = filters.pairs(scale.least, scale.most, scale.parameter)
    pairs = [*kept, (scale.parameter, chosen)] if chosen else kept
    return redirect(filters.address(pairs), status=303)


def find(hub: Hub, caller: Caller, query: Query) -> Listing:
    """For a worker thread. Raises BadRequest."""
    found = hub.search.find(caller, query)
    facets = hub.search.facets(caller, query, each=_FACET_TAGS_MAX)
    return Listing(rows.of_ids(hub, caller, found.ids), found.total, found.corrected, facets)


ROUTES = (
    Route("GET", "/models", Needs.ANYONE, models),
    Route("GET", "/datasets", Needs.ANYONE, datasets),
    Route("GET", "/spaces", Needs.ANYONE, spaces),
)
