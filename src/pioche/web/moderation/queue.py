"""/admin/reports: what people reported and what owners ask back, for administrators (ui.md Z2). To others it is not there."""

from dataclasses import dataclass

from pioche.errors import BadRequest, Conflict, NotFound
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.moderation import deciding, disabling, reports
from pioche.moderation.deciding import Decision
from pioche.moderation.reports import PAGE, Kind, Report, Status
from pioche.repos.access import Action
from pioche.web.forms import Form
from pioche.web.moderation import frame
from pioche.web.moderation.wording import REASONS


@dataclass(frozen=True, slots=True)
class Queue:
    """A page of it. `after` is the id that the next page begins after, 0 at the end."""

    status: Status
    kind: str
    reports: list[Report]
    counts: dict[Status, int]
    after: int


async def first(_request: Request) -> Response:
    """GET /admin."""
    return redirect("/admin/reports", status=303)


async def listing(request: Request) -> Response:
    """GET /admin/reports: `status`, `kind`, `after`."""
    found = await request.run(_queue, request)
    return frame.page(request, "queue.html", "reports", queue=found, reasons=REASONS)


async def show(request: Request) -> Response:
    """GET /admin/reports/{id}."""
    return await _page(request, Form())


async def decide(request: Request) -> Response:
    """POST /admin/reports/{id}: `decision` is uphold or dismiss, `reason` the public one, `legal`
    whether a law asks for it, `answer` for who reported it."""
    form = Form.of(await request.form(), "decision", "reason", "legal", "answer")
    if form["decision"] not in ("uphold", "dismiss"):
        raise BadRequest('"decision" must be uphold or dismiss')
    found = await request.run(reports.get, request.hub.database, _id(request))
    is_upheld = form["decision"] == "uphold"
    if is_upheld and found.kind is Kind.REPO:
        form.check("reason", disabling.checked_reason, _("A public reason has 1 to 500 characters."))
    form.check("answer", reports.checked, _("Say it in at most 2,000 characters."))
    if form.is_wrong:
        return await _page(request, form, 422)
    decision = Decision(
        is_upheld=is_upheld, reason=form["reason"], is_legal=form["legal"] == "yes", answer=form["answer"]
    )
    try:
        await request.run(deciding.decide, request.hub.database, request.caller, found.id, decision)
    except (Conflict, BadRequest) as error:
        form.error = error.message
        return await _page(request, form, error.status)
    return frame.saved("/admin/reports", "decided")


async def reopen(request: Request) -> Response:
    """POST /admin/reports/{id}/enable: gives a repo back that was disabled, without an appeal."""
    found = await request.run(reports.get, request.hub.database, _id(request))
    if found.repo is None:
        raise NotFound("This report is not about a repo")
    repo = await request.hub.access.open(request.caller, found.repo, Action.ADMINISTER)
    await request.run(disabling.enable, repo, request.caller)
    return frame.saved(f"/admin/reports/{found.id}", "enabled")


def _queue(request: Request) -> Queue:
    query, database = request.query, request.hub.database
    status, kind = query.get("status") or Status.OPEN, query.get("kind") or ""
    if status not in set(Status) or (kind and kind not in set(Kind)):
        raise BadRequest("There is no such status or kind of reports")
    after = query.number("after", default=0, most=2**62)
    found = reports.queue(database, Status(status), Kind(kind) if kind else None, after=after)
    more = found[PAGE - 1].id if len(found) > PAGE else 0
    return Queue(Status(status), kind, found[:PAGE], reports.counts(database), more)


async def _page(request: Request, form: Form, status: int = 200) -> Response:
    found = await request.run(reports.get, request.hub.database, _id(request))
    return frame.page(request, "decide.html", "reports", status=status, report=found, form=form, reasons=REASONS)


def _id(request: Request) -> int:
    text = request.params["id"]
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFound("There is no such report")
    return int(text)


ROUTES = (
    Route("GET", "/admin", Needs.ADMIN_PAGE, first),
    Route("GET", "/admin/reports", Needs.ADMIN_PAGE, listing),
    Route("GET", "/admin/reports/{id}", Needs.ADMIN_PAGE, show),
    Route("POST", "/admin/reports/{id}", Needs.ADMIN_PAGE, decide, frame.FORM_BYTES_MAX),
    Route("POST", "/admin/reports/{id}/enable", Needs.ADMIN_PAGE, reopen, frame.FORM_BYTES_MAX),
)
