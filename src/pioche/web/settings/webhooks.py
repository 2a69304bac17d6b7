"""/settings/webhooks, and the same of an organisation for its administrators (ui.md T5, U3): who is told what happens."""

import json
from dataclasses import dataclass
from typing import Final

from pioche.accounts.account import Account
from pioche.errors import BadRequest, Conflict, ForbiddenAddress, TooManyRequests
from pioche.http.messages import Query, Request, Response, redirect
from pioche.http.routes import Handler, Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.outbound.targets import Target
from pioche.web.forms import Form
from pioche.web.organisations import frame as organisation
from pioche.web.settings import frame
from pioche.webhooks.deliveries import TRIGGERS_MAX, Delivery
from pioche.webhooks.registry import TARGETS_MAX, Domain, Wanted, Watched, Webhook

_FORM_BYTES_MAX = 64 * 1024
_PAGE = 30
_EMPTY_ROWS = 3
_NAME_CHARACTERS_MAX = 200
_KINDS: Final = ("user", "org", "model", "dataset", "space")
_NEW = Form({"domain-repo": "yes", "domain-discussion": "yes"})


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose webhooks a page is about; `base` is where it stands. `org` is None for one's own."""

    id: int
    base: str
    org: Account | None = None


@dataclass(frozen=True, slots=True)
class _Sent:
    """A form as it was sent, and what it asks for where nothing is wrong with it."""

    form: Form
    watched: list[tuple[str, str]]
    wanted: Wanted | None


async def listing(request: Request) -> Response:
    """GET /settings/webhooks."""
    owner = await request.run(_owner, request)
    found = await request.run(request.hub.webhooks.of, owner.id)
    return _page(request, owner, "list", webhooks=found)


async def new(request: Request) -> Response:
    """GET /settings/webhooks/new[?kind=model&name=ada/emotions]: what it will watch, where a page leads here from it."""
    owner = await request.run(_owner, request)
    kind, name = request.query.get("kind"), (request.query.get("name") or "")[:_NAME_CHARACTERS_MAX]
    first = ("org", owner.org.name) if owner.org else ("user", request.caller.name)
    if kind in _KINDS and name:
        first = kind, name
    return _form_page(request, owner, _Sent(_NEW, [first], None), None)


async def create(request: Request) -> Response:
    """POST /settings/webhooks."""
    owner, sent = await request.run(_owner, request), _sent(await request.form(), None)
    if sent.wanted is not None:
        try:
            made = await request.run(request.hub.webhooks.create, owner.id, sent.wanted, request.caller.user_id)
            return _to(owner, made.uid, "created")
        except (ForbiddenAddress, Conflict) as error:
            _refuse(sent.form, error)
    return _form_page(request, owner, sent, None, status=422)


async def show(request: Request) -> Response:
    """GET /settings/webhooks/{uid}: its form, and what it was told."""
    owner = await request.run(_owner, request)
    found = await request.run(request.hub.webhooks.get, owner.id, request.params["uid"])
    wanted = found.wanted
    values = {"url": wanted.url, **{f"domain-{domain}": "yes" for domain in wanted.domains}}
    sent = _Sent(Form(values), [(one.kind, one.name) for one in wanted.watched], None)
    before = request.query.number("before", default=0, most=2**62) or None
    history = request.hub.deliveries
    told = await request.run(history.of, found.id, owner.id, before=before, limit=_PAGE)
    today = await request.run(history.today, found.id)
    return _form_page(request, owner, sent, found, told=told, today=today)


async def change(request: Request) -> Response:
    """POST /settings/webhooks/{uid}."""
    owner = await request.run(_owner, request)
    found = await request.run(request.hub.webhooks.get, owner.id, request.params["uid"])
    sent = _sent(await request.form(), found.wanted.secret)
    if sent.wanted is not None:
        try:
            await request.run(request.hub.webhooks.change, owner.id, found.uid, sent.wanted, request.caller.user_id)
            return _to(owner, found.uid, "saved")
        except ForbiddenAddress as error:
            _refuse(sent.form, error)
    return _form_page(request, owner, sent, found, status=422)


async def enable(request: Request) -> Response:
    """POST /settings/webhooks/{uid}/enable."""
    owner = await request.run(_owner, request)
    await request.run(request.hub.webhooks.enable, owner.id, request.params["uid"], request.caller.user_id)
    return _to(owner, request.params["uid"], "enabled")


async def disable(request: Request) -> Response:
    """POST /settings/webhooks/{uid}/disable."""
    owner = await request.run(_owner, request)
    await request.run(request.hub.webhooks.disable, owner.id, request.params["uid"], request.caller.user_id)
    return _to(owner, request.params["uid"], "disabled")


async def delete(request: Request) -> Response:
    """POST /settings/webhooks/{uid}/delete."""
    owner = await request.run(_owner, request)
    await request.run(request.hub.webhooks.delete, owner.id, request.params["uid"], request.caller.user_id)
    return _to(owner, "", "deleted")


async def activity(request: Request) -> Response:
    """GET /settings/webhooks/{uid}/activity/{delivery}: what was sent, and what came back."""
    owner = await request.run(_owner, request)
    webhook, found = await request.run(_delivery, request, owner)
    payload = json.dumps(json.loads(found.payload), indent=2, ensure_ascii=False)
    return _page(request, owner, "delivery", webhook=webhook, delivery=found, payload=payload)


async def replay(request: Request) -> Response:
    """POST /settings/webhooks/{uid}/activity/{delivery}/replay."""
    owner = await request.run(_owner, request)
    webhook, found = await request.run(_delivery, request, owner)
    try:
        await request.run(request.hub.deliveries.replay, webhook.id, owner.id, found.uid)
    except TooManyRequests:
        return _to(owner, webhook.uid, "enough")
    return _to(owner, webhook.uid, "replayed")


def _owner(request: Request) -> _Owner:
    """One's own, or an organisation that one administers. Raises AccountNotFound, Forbidden."""
    if "name" not in request.params:
        return _Owner(request.caller.user_id, "/settings/webhooks")
    org = organisation.administered(request)
    return _Owner(org.id, f"{organisation.base(org)}/webhooks", org)


def _delivery(request: Request, owner: _Owner) -> tuple[Webhook, Delivery]:
    webhook = request.hub.webhooks.get(owner.id, request.params["uid"])
    return webhook, request.hub.deliveries.get(webhook.id, owner.id, request.params["delivery"])


def _sent(query: Query, old_secret: str | None) -> _Sent:
    form = Form.of(query, "url", "secret", "no_secret", *(f"domain-{domain}" for domain in Domain))
    form.values["url"] = form["url"].strip()
    watched = [(kind, name.strip()) for kind, name in zip(query.all("kind"), query.all("name"), strict=False)]
    watched = [(kind, name) for kind, name in watched if name][: TARGETS_MAX + 1]
    domains = [domain for domain in Domain if form[f"domain-{domain}"]]
    secret = None if form["no_secret"] else form["secret"] or old_secret
    form.check("url", Target.parse, _address_message())
    targets = _targets(form, watched)
    if not domains:
        form.errors["domain-repo"] = _("Choose what it is told about.")
    wanted = None
    if not form.is_wrong:
        try:
            wanted = Wanted.parse(form["url"], targets, domains, secret)
        except BadRequest:  # all else was looked at
            form.errors["secret"] = _("A secret has at most 256 letters, digits and signs, without accents.")
    return _Sent(form, watched, wanted)


def _targets(form: Form, watched: list[tuple[str, str]]) -> list[Watched]:
    targets = list[Watched]()
    for kind, name in watched:
        try:
            targets.append(Watched.parse(kind, name))
        except BadRequest:
            form.errors["watched"] = _("“%(name)s” cannot be a name of what you chose beside it.") % {
                "name": name[:100]
            }
    if not 0 < len(watched) <= TARGETS_MAX:
        form.errors["watched"] = _("Name 1 to %(most)s people, organizations or repositories.") % {"most": TARGETS_MAX}
    return targets


def _address_message() -> str:
    return _(
        "The hub cannot call this address. It begins with https:// or http://, has no password in it, and does not lie inside"
        " the hub’s own network, unless the administrator of the hub allowed that."
    )


def _refuse(form: Form, error: ForbiddenAddress | Conflict) -> None:
    if isinstance(error, Conflict):
        form.error = _("You have as many webhooks as one may have: delete one first.")
    else:
        form.errors["url"] = _address_message()


def _form_page(
    request: Request,
    owner: _Owner,
    sent: _Sent,
    webhook: Webhook | None,
    *,
    told: list[Delivery] | None = None,
    today: int = 0,
    status: int = 200,
) -> Response:
    rows = [*sent.watched, *[("model", "")] * _EMPTY_ROWS][:TARGETS_MAX]
    more = told[-1].id if told is not None and len(told) == _PAGE else None
    return _page(
        request, owner, "webhook" if webhook else "new", status=status, form=sent.form, rows=rows, webhook=webhook,
        told=told, today=today, today_max=TRIGGERS_MAX, more=more, kinds=_KINDS,
    )  # fmt: skip


def _page(request: Request, owner: _Owner, name: str, *, status: int = 200, **values: object) -> Response:
    where = "organisations/frame.html" if owner.org else "settings/frame.html"
    return frame.page(
        request, f"webhooks/{name}.html", "webhooks", status=status, frame=where, base=owner.base, org=owner.org, **values
    )  # fmt: skip


def _to(owner: _Owner, uid: str, what: str) -> Response:
    """To a page that says what was done, so that reloading does not send the form again."""
    where = f"{owner.base}/{uid}" if uid else owner.base
    return redirect(f"{where}?{frame.DONE}={what}", status=303, headers=[("Cache-Control", "no-store")])


_PATHS: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "", listing),
    ("POST", "", create),
    ("GET", "/new", new),
    ("GET", "/{uid}", show),
    ("POST", "/{uid}", change),
    ("POST", "/{uid}/enable", enable),
    ("POST", "/{uid}/disable", disable),
    ("POST", "/{uid}/delete", delete),
    ("GET", "/{uid}/activity/{delivery}", activity),
    ("POST", "/{uid}/activity/{delivery}/replay", replay),
)
ROUTES = tuple(
    Route(method, base + path, Needs.SESSION, handler, _FORM_BYTES_MAX if method == "POST" else None)
    for base in ("/settings/webhooks", "/organizations/{name}/settings/webhooks")
    for method, path, handler in _PATHS
)
