"""/endpoints: those that one has; /endpoints/{owner}/{endpoint}: one of them, and everything that is done with it."""

from collections.abc import Callable
from typing import Final

from pioche.errors import BadRequest, Conflict, Failure, Forbidden, HubError, InvalidName, NotFound
from pioche.http.messages import Query, Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.names import parse_account_name
from pioche.serving.endpoints import export, finding, history
from pioche.serving.endpoints.changing import Change, Model, New, Plan
from pioche.serving.endpoints.endpoint import (
    Audience,
    Endpoint,
    Guards,
    Scaling,
    Wanted,
    parse_guards,
    parse_steps,
)
from pioche.serving.endpoints.export import Format
from pioche.serving.external import address
from pioche.serving.external.address import Dialect
from pioche.web import layout
from pioche.web.endpoints import plots, wording
from pioche.web.forms import DONE, Form

_FORM_BYTES_MAX: Final = 16 * 1024
_EVENTS: Final = 50
_LOG_LINES: Final = 500
_OUTSIDE_FIELDS: Final = ("external_url", "external_dialect", "external_task", "external_token")
_NEW_FIELDS: Final = (
    "model",
    "revision",
    "owner",
    "name",
    "audience",
    "min_replicas",
    "max_replicas",
    *_OUTSIDE_FIELDS,
)
_DEPLOY_FIELDS: Final = (
    "repository", "revision", "deployment", "steps", "min_requests", "hold_seconds", "max_error_rate", "max_slowdown",
    *_OUTSIDE_FIELDS,
)  # fmt: skip
_SCALING_FIELDS: Final = ("audience", "min_replicas", "max_replicas", "idle_minutes", "load")
_USUAL: Final = Guards()
_STEPS: Final = "1, 10, 50, 100"


async def listing(request: Request) -> Response:
    """GET /endpoints."""
    found = await request.run(finding.visible, request.hub.database, request.caller)
    return layout.page(
        request, "endpoints/list.html", endpoints=found, states=wording.STATES, is_on=request.hub.models.is_on
    )


async def new_form(request: Request) -> Response:
    """GET /endpoints/new?model=org/name."""
    model = (request.query.get("model") or "")[:200]
    owner = request.query.get("owner") or request.caller.name
    name = model.rpartition("/")[2].lower().replace("_", "-").replace(".", "-")[:32].strip("-")
    filled = {"model": model, "revision": "main", "owner": owner, "name": name, "audience": "authenticated"}
    return await _new_page(request, Form(filled | {"min_replicas": "1", "max_replicas": "1"}))


async def create(request: Request) -> Response:
    """POST /endpoints/new."""
    form = _stripped(Form.of(await request.form(), *_NEW_FIELDS))
    try:
        scaling = Scaling(
            min_replicas=_whole(form["min_replicas"] or "1"), max_replicas=_whole(form["max_replicas"] or "1")
        )
        model = _model(form, form["model"])
        audience = Audience.parse(form["audience"])
        new = New(name=form["name"], model=model, audience=audience, scaling=scaling)
        made = await request.run(_create, request, form["owner"], new)
    except InvalidName as error:
        form.errors["model" if "/" in error.message or not form["model"] else "name"] = error.message
    except NotFound:
        form.errors["model"] = _("There is no such model or revision, or it is private.")
    except (BadRequest, Conflict, Forbidden, Failure) as error:
        form.error = error.message
    else:
        return redirect(_address(made), status=303)
    return await _new_page(request, form, status=422)


def _create(request: Request, owner: str, new: New) -> Endpoint:
    account = request.hub.directory.get(parse_account_name(owner))
    return request.hub.endpoints.create(request.caller, account, new)


async def show(request: Request) -> Response:
    """GET /endpoints/{owner}/{endpoint}."""
    return await request.run(_page, request, None, 200)


async def logs(request: Request) -> Response:
    """GET /endpoints/{owner}/{endpoint}/logs?deployment=&replica=: what its process wrote, on the machine that answers."""
    found = await request.run(_found, request)
    one = found.by_name(request.query.get("deployment") or "") or found.stable
    replica = request.query.number("replica", default=0, most=10_000)
    try:
        text = await request.hub.models.output(one.id, replica)
    except HubError:
        text = ""  # nobody runs models here, or not now: there is nothing to read
    lines = text.splitlines()[-_LOG_LINES:]
    return layout.page(request, "endpoints/logs.html", endpoint=found, deployment=one, replica=replica, lines=lines)


async def exported(request: Request) -> Response:
    """GET /endpoints/{owner}/{endpoint}/export?format=: a file for another system to serve it by."""
    form = Format.parse(request.query.get("format") or Format.KSERVE)
    found = await request.run(_found, request)
    text = export.rendered(found, form, request.base_url)
    kept = [("Content-Disposition", f"attachment; filename={found.name}-{form}.yaml"), ("Cache-Control", "no-store")]
    return Response(200, [("Content-Type", "application/yaml; charset=utf-8"), *kept], text.encode())


async def change(request: Request) -> Response:
    """POST /endpoints/{owner}/{endpoint}/change: the field `do` says what, as `DOING`, with `:NAME` of a deployment."""
    sent = await request.form()
    what, _colon, name = (sent.get("do") or "").partition(":")
    doing = DOING.get(what)
    if doing is None:
        raise BadRequest("There is no such button")
    form = _stripped(Form.of(sent, *_DEPLOY_FIELDS, *_SCALING_FIELDS))
    try:
        await request.run(doing, request, sent, form, name)
    except (BadRequest, Conflict, Forbidden, NotFound, Failure) as error:
        form.error = error.message
        return await request.run(_page, request, form, 422)
    if what == "delete":
        return redirect("/endpoints", status=303)
    return redirect(f"/endpoints/{request.params['owner']}/{request.params['endpoint']}?{DONE}={what}", status=303)


# --- what buttons do --------------------------------------------------------------------------------------------------

_Doing = Callable[[Request, Query, Form, str], object]


def _settings(request: Request, _sent: Query, form: Form, _name: str) -> None:
    scaling = Scaling(
        min_replicas=_whole(form["min_replicas"]),
        max_replicas=_whole(form["max_replicas"]),
        idle_minutes=_whole(form["idle_minutes"]) if form["idle_minutes"] else None,
        load=_number(form["load"]) if form["load"] else None,
    )
    wanted = Change(audience=Audience.parse(form["audience"]), scaling=scaling)
    request.hub.endpoints.change(request.caller, *_of(request), wanted)


def _traffic(request: Request, sent: Query, _form: Form, _name: str) -> None:
    found = _found(request)
    weights = {one.name: _number(sent.get(f"weight-{one.name}") or "0") for one in found.deployments}
    mirrors = {one.name: _number(sent.get(f"mirror-{one.name}") or "0") for one in found.deployments}
    request.hub.endpoints.set_traffic(request.caller, *_of(request), weights, mirrors)


def _deploy(request: Request, _sent: Query, form: Form, _name: str) -> None:
    model = _model(form, form["repository"] or _found(request).stable.repo)
    plan = _plan(form) if form["steps"] else None
    request.hub.endpoints.deploy(request.caller, *_of(request), model, plan, deployment=form["deployment"])


def _roll_out(request: Request, _sent: Query, form: Form, name: str) -> None:
    request.hub.endpoints.roll_out(request.caller, *_of(request), name, _plan(form))


def _promote(request: Request, _sent: Query, _form: Form, _name: str) -> None:
    request.hub.endpoints.promote(request.caller, *_of(request))


def _roll_back(request: Request, _sent: Query, _form: Form, _name: str) -> None:
    request.hub.endpoints.roll_back(request.caller, *_of(request))


def _remove(request: Request, _sent: Query, _form: Form, name: str) -> None:
    request.hub.endpoints.remove(request.caller, *_of(request), name)


def _delete(request: Request, sent: Query, _form: Form, _name: str) -> None:
    if (sent.get("confirm") or "").strip() != request.params["endpoint"]:
        raise BadRequest(_("Type the name of the endpoint to delete it."))
    request.hub.endpoints.delete(request.caller, *_of(request))


def _want(wanted: Wanted) -> _Doing:
    def do(request: Request, _sent: Query, _form: Form, _name: str) -> None:
        request.hub.endpoints.set_wanted(request.caller, *_of(request), wanted)

    return do


DOING: Final[dict[str, _Doing]] = {
    "settings": _settings,
    "traffic": _traffic,
    "deploy": _deploy,
    "rollout": _roll_out,
    "promote": _promote,
    "rollback": _roll_back,
    "remove": _remove,
    "delete": _delete,
    "pause": _want(Wanted.PAUSED),
    "resume": _want(Wanted.RUNNING),
    "sleep": _want(Wanted.SLEEPING),
}


# --- pages ------------------------------------------------------------------------------------------------------------


async def _new_page(request: Request, form: Form, *, status: int = 200) -> Response:
    return layout.page(
        request,
        "endpoints/new.html",
        status=status,
        form=form,
        owners=await request.run(finding.owners, request.hub.database, request.caller),
        audiences=wording.AUDIENCES,
        is_on=request.hub.models.is_on,
        outside=_outside(request),
    )


def _page(request: Request, form: Form | None, status: int) -> Response:
    found, database = _found(request), request.hub.database
    return layout.page(
        request,
        "endpoints/endpoint.html",
        status=status,
        endpoint=found,
        address=_address(found),
        form=form or _filled(found),
        done=request.query.get(DONE) if form is None else None,
        may_change=finding.manages(database, request.caller, found),
        plots=plots.of(found, history.minutes(database, found, plots.SHOWN_MINUTES)),
        events=history.happened(database, found, limit=_EVENTS),
        states=wording.STATES,
        kinds=wording.KINDS,
        audiences=wording.AUDIENCES,
        is_on=request.hub.models.is_on,
        outside=_outside(request),
        width=plots.WIDTH,
        height=plots.HEIGHT,
    )


def _outside(request: Request) -> dict[str, str]:
    """What servers outside may speak; nothing where none may answer."""
    return wording.DIALECTS if request.hub.config.inference_external == "on" else {}


def _filled(found: Endpoint) -> Form:
    scaling = found.scaling
    return Form({
        "repository": found.stable.repo,
        "revision": "main",
        "steps": _STEPS,
        "min_requests": str(_USUAL.min_requests),
        "hold_seconds": f"{_USUAL.hold_seconds:g}",
        "max_error_rate": f"{100 * _USUAL.max_error_rate:g}",
        "max_slowdown": f"{_USUAL.max_slowdown:g}",
        "audience": found.audience.value,
        "min_replicas": str(scaling.min_replicas),
        "max_replicas": str(scaling.max_replicas),
        "idle_minutes": "" if scaling.idle_minutes is None else str(scaling.idle_minutes),
        "load": "" if scaling.load is None else f"{scaling.load:g}",
    })  # fmt: skip


def _model(form: Form, name: str) -> Model:
    """A model of this hub; or, with an address, one of a server outside, by the name that it has there. Raises BadRequest."""
    if not form["external_url"]:
        return Model(repo=name, revision=form["revision"] or "main")
    dialect = Dialect.parse(form["external_dialect"])
    outside = address.Wanted(url=form["external_url"], dialect=dialect, model=name, token=form["external_token"])
    return Model(repo="", task=form["external_task"], external=outside)


def _plan(form: Form) -> Plan:
    """Without what is not said: as a rollout usually is. Raises BadRequest."""
    steps = parse_steps([_number(part) for part in (form["steps"] or _STEPS).replace(";", ",").split(",")])
    guards = parse_guards(
        _whole(form["min_requests"] or str(_USUAL.min_requests)),
        _number(form["hold_seconds"] or str(_USUAL.hold_seconds)),
        _number(form["max_error_rate"] or str(100 * _USUAL.max_error_rate)) / 100,
        _number(form["max_slowdown"] or str(_USUAL.max_slowdown)),
    )
    return Plan(steps=steps, guards=guards)


def _of(request: Request) -> tuple[str, str]:
    return request.params["owner"], request.params["endpoint"]


def _found(request: Request) -> Endpoint:
    return finding.get(request.hub.database, request.caller, *_of(request))


def _address(found: Endpoint) -> str:
    return f"/endpoints/{found.owner}/{found.name}"


def _stripped(form: Form) -> Form:
    form.values = {name: value.strip() for name, value in form.values.items()}
    return form


def _whole(text: str) -> int:
    """Raises BadRequest."""
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise BadRequest(_("“%(given)s” is no whole number.") % {"given": text[:40]})
    return int(text)


def _number(text: str) -> float:
    """With a point or, as in French, a comma. Raises BadRequest."""
    try:
        found = float(text.strip().replace(",", ".").rstrip("% "))
    except ValueError:
        raise BadRequest(_("“%(given)s” is no number.") % {"given": text[:40]}) from None
    return found


_ONE = "/endpoints/{owner}/{endpoint}"

ROUTES = (
    Route("GET", "/endpoints", Needs.USER, listing),
    Route("GET", "/endpoints/new", Needs.USER, new_form),
    Route("POST", "/endpoints/new", Needs.USER_WRITE, create, _FORM_BYTES_MAX),
    Route("GET", _ONE, Needs.USER, show),
    Route("GET", f"{_ONE}/logs", Needs.USER, logs),
    Route("GET", f"{_ONE}/export", Needs.USER, exported),
    Route("POST", f"{_ONE}/change", Needs.USER_WRITE, change, _FORM_BYTES_MAX),
)
