"""Reviewing who asked for the files of a gated repo (ui.md S1): the gate itself, lists, decisions, adding somebody."""

from functools import partial
from typing import Final

from pioche.accounts.mail_choices import Frequency
from pioche.errors import AccountNotFound, BadRequest
from pioche.http.messages import Query, Request, Response, redirect
from pioche.http.routes import Route
from pioche.i18n import territories
from pioche.i18n.texts import gettext as _
from pioche.repos import overviews
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import Settings
from pioche.repos.gating import letters, requests
from pioche.repos.gating.forms import Field, Kind
from pioche.repos.gating.requests import Asked, Page, Status, Who
from pioche.web import layout
from pioche.web.forms import Form
from pioche.web.repo import heads

_FORM_BYTES_MAX = 64 * 1024
_PAGE: Final = 50
_SEARCH_CHARACTERS_MAX = 250
_MODES: Final = ("", "auto", "manual")


async def review(request: Request) -> Response:
    """GET /{repo}/settings/gate[?status=pending&q=ada&after=12]."""
    return await _show(request)


async def change(request: Request) -> Response:
    """POST /{repo}/settings/gate: whether there is a gate, who opens it, and whether it is for members too."""
    sent = await request.form()
    mode = sent.get("gated") or ""
    if mode not in _MODES:
        raise BadRequest('"gated" must be one of [auto, manual], or empty')
    settings = Settings(gated=mode, gates_members=sent.get("gates_members") == "yes")
    await request.run(request.hub.catalog.change, request.caller, request.repo, settings)
    return _saved(request, "gate")


async def decide(request: Request) -> Response:
    """POST /{repo}/settings/gate/requests: `request` (several times, perhaps) becomes `status`."""
    sent = await request.form()
    status, reason = Status.parse(sent.get("status") or ""), sent.get("reason") or ""
    chosen = [Who(request=uid) for uid in dict.fromkeys(sent.all("request"))]
    if not chosen:
        return await _show(request, Form(error=_("Nothing was chosen.")), status=422)
    try:
        await request.run(requests.batch, request.repo, request.caller, chosen, status, reason)
    except BadRequest as error:
        return await _show(request, Form(error=error.message), status=422)
    return _saved(request, status.value, sent)


async def add(request: Request) -> Response:
    """POST /{repo}/settings/gate/people: lets a `user` in who did not ask."""
    form = Form.of(await request.form(), "user")
    form.values["user"] = form["user"].strip().removeprefix("@")
    try:
        await request.run(requests.grant, request.repo, request.caller, Who(form["user"]))
    except AccountNotFound:
        form.errors["user"] = _("There is no user of this name.")
    except BadRequest as error:
        form.errors["user"] = _("This user has access already.") if request.repo.gated else error.message
    return await _show(request, form, status=422) if form.is_wrong else _saved(request, "added")


async def choose_mail(request: Request) -> Response:
    """POST /{repo}/settings/gate/mail: how often those who decide are written, `frequency`."""
    often = Frequency.parse((await request.form()).get("frequency") or "")
    await request.run(letters.choose, request.repo, often)
    return _saved(request, "mail")


def _saved(request: Request, what: str, sent: Query | None = None) -> Response:
    """Back to the list that was looked at."""
    seen = sent.get("seen") if sent else None
    tab = f"&status={seen}" if seen in set(Status) else ""
    where = f"{request.repo.repo_id.web_path}/settings/gate?done={what}{tab}"
    return redirect(where, status=303, headers=[("Cache-Control", "no-store")])


async def _show(request: Request, form: Form | None = None, *, status: int = 200) -> Response:
    query = request.query
    tab = query.get("status") or ""
    tab = tab if tab in set(Status) else Status.PENDING.value
    search = (query.get("q") or "")[:_SEARCH_CHARACTERS_MAX].strip()
    find = partial(requests.listing, search=search, after=query.get("after") or "", limit=_PAGE)
    page: Page = await request.run(find, request.repo, Status(tab))
    overview = await request.run(overviews.read, request.repo)
    head = await heads.of(request, overview)
    return await request.run(
        layout.page,
        request,
        "repo/review.html",
        status=status,
        repo_id=overview.repo_id,
        tab="gate",
        head=head,
        status_shown=tab,
        search=search,
        page=page,
        counts=await request.run(requests.counts, request.repo),
        answers=partial(_answers, await request.run(_fields, request.repo)),
        is_org=await request.run(_is_of_organisation, request),
        gates_members=await request.run(requests.gates_members, request.repo),
        sends_mail=request.hub.config.sends_mail,
        frequency=(await request.run(letters.frequency, request.repo)).value,
        form=form or Form(),
        done=(query.get("done") or "") if request.method == "GET" else "",
    )


def _is_of_organisation(request: Request) -> bool:
    return not request.hub.directory.by_id(request.repo.namespace_id).is_user


def _fields(repo: Repo) -> dict[str, Field]:
    """What the card asks now, by label; answers may be older."""
    return {field.label: field for field in requests.form(repo).fields}


def _answers(fields: dict[str, Field], one: Asked) -> list[tuple[str, str]]:
    """As they are read: countries by their names, choices by their labels, boxes that were ticked."""
    return [(label, _read(fields.get(label), text)) for label, text in (one.answers or {}).items()]


def _read(field: Field | None, text: str) -> str:
    if field is None:
        return text
    if field.kind is Kind.CHECKBOX:
        return _("yes")
    return territories.name(text) if field.kind is Kind.COUNTRY else dict(field.options).get(text, text)


_GATE = "/{repo:web}/settings/gate"
ROUTES = (
    Route("GET", _GATE, Action.MANAGE, review),
    Route("POST", _GATE, Action.MANAGE, change, _FORM_BYTES_MAX),
    Route("POST", _GATE + "/requests", Action.MANAGE, decide, _FORM_BYTES_MAX),
    Route("POST", _GATE + "/mail", Action.MANAGE, choose_mail, _FORM_BYTES_MAX),
    Route("POST", _GATE + "/people", Action.MANAGE, add, _FORM_BYTES_MAX),
)
