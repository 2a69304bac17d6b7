"""The log of changes (ui.md S2, U3, Z6): of an organisation, of oneself, of the whole hub; and the same as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from pioche.errors import BadRequest
from pioche.http.messages import Query, Request, Response
from pioche.http.routes import Needs, Route
from pioche.http.sources import IteratorSource
from pioche.moderation import audit, trail
from pioche.moderation.trail import Record, Wanted
from pioche.web import layout
from pioche.web.moderation import frame, wording
from pioche.web.organisations import frame as organisation

_FILTERS = ("kind", "actor", "since", "until")
_TEXT_MAX = 100


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of the log. `older` is the address of the next one, empty at the end; `wrong` what cannot be filtered by."""

    records: Sequence[Record]
    kinds: Sequence[str]
    wanted: Wanted
    words: dict[str, str]
    older: str
    export: str
    wrong: str


async def of_organisation(request: Request) -> Response:
    """GET /organizations/{name}/settings/audit-log."""
    org = await request.run(organisation.administered, request)
    shown = await request.run(_shown, request, org.id)
    return layout.page(
        request,
        "moderation/of_organisation.html",
        status=_status(shown),
        current="audit-log",
        org=org,
        done="",
        log=shown,
    )


async def export_of_organisation(request: Request) -> Response:
    """GET /organizations/{name}/settings/audit-log/export."""
    org = await request.run(organisation.administered, request)
    return await _export(request, org.id, org.name)


async def own(request: Request) -> Response:
    """GET /settings/activity-log: what changed of one's own account, its tokens and its repos."""
    shown = await request.run(_shown, request, request.caller.user_id)
    return layout.page(
        request, "moderation/own.html", status=_status(shown), current="activity-log", done="", log=shown
    )


async def export_own(request: Request) -> Response:
    """GET /settings/activity-log/export."""
    return await _export(request, request.caller.user_id, request.caller.name)


async def of_hub(request: Request) -> Response:
    """GET /admin/audit-log: everything."""
    shown = await request.run(_shown, request, None)
    return frame.page(request, "of_hub.html", "audit-log", status=_status(shown), log=shown)


async def export_of_hub(request: Request) -> Response:
    """GET /admin/audit-log/export."""
    return await _export(request, None, "hub")


def wanted(owner_id: int | None, query: Query) -> Wanted:
    """As the address says: `kind`, `actor`, `since`, `until`, and `before`, the id that the page ends before."""
    given = {name: (query.get(name) or "").strip()[:_TEXT_MAX] for name in _FILTERS}
    before = query.number("before", default=0, most=2**62) or None
    return Wanted(owner_id, given["kind"], given["actor"], given["since"], given["until"], before)


def _shown(request: Request, owner_id: int | None) -> Shown:
    database, asked = request.hub.database, wanted(owner_id, request.query)
    audit.catch_up(database)
    kept = {name: getattr(asked, name) for name in _FILTERS if getattr(asked, name)}
    try:
        found, wrong = trail.find(database, asked), ""
    except BadRequest as error:
        found, wrong = [], error.message
    older = f"?{urlencode({**kept, 'before': found[-1].id})}" if len(found) == asked.limit else ""
    export = f"{request.raw_path}/export" + (f"?{urlencode(kept)}" if kept else "")
    return Shown(found, trail.kinds(database, owner_id), asked, wording.KINDS, older, export, wrong)


def _status(shown: Shown) -> int:
    return 400 if shown.wrong else 200


async def _export(request: Request, owner_id: int | None, name: str) -> Response:
    return await exported(request, wanted(owner_id, request.query), name)


async def exported(request: Request, asked: Wanted, name: str) -> Response:
    """The whole as a file that is read while it is sent. Raises BadRequest."""
    database = request.hub.database
    await request.run(audit.catch_up, database)
    source = IteratorSource(lambda: trail.export(database, asked), None)
    await source.begin()
    headers = [
        ("Content-Type", "application/json; charset=utf-8"),
        ("Content-Disposition", f'attachment; filename="audit-log-{name}.json"'),
        ("Cache-Control", "private, no-store"),
    ]
    return Response(200, headers, source)


_OF_ORGANISATION = "/organizations/{name}/settings/audit-log"

ROUTES = (
    Route("GET", _OF_ORGANISATION, Needs.SESSION, of_organisation),
    Route("GET", f"{_OF_ORGANISATION}/export", Needs.SESSION, export_of_organisation),
    Route("GET", "/settings/activity-log", Needs.SESSION, own),
    Route("GET", "/settings/activity-log/export", Needs.SESSION, export_own),
    Route("GET", "/admin/audit-log", Needs.ADMIN_PAGE, of_hub),
    Route("GET", "/admin/audit-log/export", Needs.ADMIN_PAGE, export_of_hub),
)
